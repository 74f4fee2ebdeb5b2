package capture

import "unsafe"

// The structures of ALSA's PCM interface as the kernel has them on 64-bit
// machines (sound/asound.h of Linux 6.1; the same on amd64 and arm64). Sizes,
// offsets and request numbers are checked by the tests.
type (
	alsaInfo struct {
		device, subdevice uint32
		stream, card      int32
		id                [64]byte
		name              [80]byte
		subname           [32]byte
		class, subclass   int32
		count, available  uint32
		_                 [16 + 64]byte
	}

	alsaMask [8]uint32

	alsaInterval struct{ min, max, flags uint32 }

	alsaHWParams struct {
		flags                          uint32
		masks                          [3]alsaMask
		_                              [5]alsaMask
		intervals                      [12]alsaInterval
		_                              [9]alsaInterval
		rmask, cmask, info, msbits     uint32
		rateNumerator, rateDenominator uint32
		fifo                           uint64
		_                              [64]byte
	}

	alsaSWParams struct {
		tstampMode           int32
		periodStep, sleepMin uint32
		_                    uint32
		availMin, xferAlign  uint64
		start, stop          uint64
		silence, silenceSize uint64
		boundary             uint64
		proto, tstampType    uint32
		_                    [56]byte
	}

	alsaStatus struct {
		state                      int32
		_                          int32
		triggerSec, triggerNano    int64
		sec, nano                  int64
		applied, hardware          uint64
		delay                      int64
		avail, availMax, overrange uint64
		suspended                  int32
		audioData                  uint32
		audioSec, audioNano        int64
		driverSec, driverNano      int64
		accuracy                   uint32
		_                          [20]byte
	}

	alsaTransfer struct {
		result int64
		buf    unsafe.Pointer
		frames uint64
	}
)

// Indices into masks and intervals: SNDRV_PCM_HW_PARAM_… less the first of
// their kind.
const (
	alsaMaskAccess, alsaMaskFormat, alsaMaskSubformat = 0, 1, 2

	alsaSampleBits, alsaFrameBits, alsaChannels, alsaRate     = 0, 1, 2, 3
	alsaPeriodTime, alsaPeriodSize, alsaPeriodBytes           = 4, 5, 6
	alsaPeriods, alsaBufferTime, alsaBufferSize, alsaBufBytes = 7, 8, 9, 10

	alsaIntervalInteger = 4 // the bit-field of struct snd_interval: openmin, openmax, integer, empty
	alsaIntervalEmpty   = 8

	alsaAccessInterleaved = 3 // SNDRV_PCM_ACCESS_RW_INTERLEAVED

	alsaS16, alsaS24, alsaS32, alsaS24Packed = 2, 6, 10, 32 // SNDRV_PCM_FORMAT_…

	alsaTstampEnable    = 1
	alsaTstampMonotonic = 1

	alsaStateXRun, alsaStateSuspended, alsaStateDisconnected = 4, 7, 8
)

var (
	pcmInfo     = ioc(iocRead, 'A', 0x01, unsafe.Sizeof(alsaInfo{}))
	pcmTTstamp  = ioc(iocWrite, 'A', 0x03, 4)
	pcmHWRefine = ioc(iocRead|iocWrite, 'A', 0x10, unsafe.Sizeof(alsaHWParams{}))
	pcmHWParams = ioc(iocRead|iocWrite, 'A', 0x11, unsafe.Sizeof(alsaHWParams{}))
	pcmSWParams = ioc(iocRead|iocWrite, 'A', 0x13, unsafe.Sizeof(alsaSWParams{}))
	pcmStatus   = ioc(iocRead, 'A', 0x20, unsafe.Sizeof(alsaStatus{}))
	pcmPrepare  = ioc(0, 'A', 0x40, 0)
	pcmStart    = ioc(0, 'A', 0x42, 0)
	pcmDrop     = ioc(0, 'A', 0x43, 0)
	pcmResume   = ioc(0, 'A', 0x47, 0)
	pcmRead     = ioc(iocRead, 'A', 0x51, unsafe.Sizeof(alsaTransfer{}))
)
