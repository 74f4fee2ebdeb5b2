package capture

import "unsafe"

// The structures of V4L2 as the kernel has them on 64-bit machines
// (linux/videodev2.h of Linux 6.1; the same on amd64 and arm64). Sizes,
// offsets and request numbers are checked by the tests.
type (
	v4l2Capability struct {
		driver       [16]byte
		card         [32]byte
		busInfo      [32]byte
		version      uint32
		capabilities uint32
		deviceCaps   uint32
		_            [3]uint32
	}

	v4l2FmtDesc struct {
		index, kind, flags  uint32
		description         [32]byte
		pixelFormat, mbCode uint32
		_                   [3]uint32
	}

	// v4l2Format is struct v4l2_format with the part of its union that single-
	// planar capture uses, struct v4l2_pix_format. The union is aligned to 8.
	v4l2Format struct {
		kind          uint32
		_             uint32
		width, height uint32
		pixelFormat   uint32
		field         uint32
		bytesPerLine  uint32
		sizeImage     uint32
		colorSpace    uint32
		priv          uint32
		flags         uint32
		encoding      uint32
		quantization  uint32
		transfer      uint32
		_             [200 - 48]byte
	}

	// v4l2StreamParm is struct v4l2_streamparm for capture.
	v4l2StreamParm struct {
		kind                   uint32
		capability, mode       uint32
		numerator, denominator uint32 // of the time of one picture, in seconds
		extended, readBuffers  uint32
		_                      [200 - 24]byte
	}

	v4l2RequestBuffers struct {
		count, kind, memory, capabilities uint32
		_                                 [4]byte
	}

	v4l2Buffer struct {
		index, kind, bytesUsed, flags, field uint32
		_                                    uint32
		seconds, micros                      int64
		timecode                             [16]byte
		sequence, memory                     uint32
		offset                               uint64 // the union m; in memory-mapped buffers its first 4 bytes
		length, _, requestFD                 uint32
		_                                    uint32
	}

	// v4l2FrameSize is struct v4l2_frmsizeenum: one size, or the least and the
	// most of them.
	v4l2FrameSize struct {
		index, pixelFormat, kind uint32
		union                    [6]uint32 // discrete: width, height; else min, max, step of width, then of height
		_                        [2]uint32
	}

	// v4l2FrameInterval is struct v4l2_frmivalenum, likewise.
	v4l2FrameInterval struct {
		index, pixelFormat, width, height, kind uint32
		union                                   [6]uint32 // discrete: numerator, denominator; else min, max, step
		_                                       [2]uint32
	}
)

const (
	v4l2TypeVideoCapture = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	v4l2MemoryMMAP       = 1 // V4L2_MEMORY_MMAP
	v4l2FieldAny         = 0 // V4L2_FIELD_ANY

	v4l2CapVideoCapture = 0x00000001
	v4l2CapMultiPlanar  = 0x00001000 // V4L2_CAP_VIDEO_CAPTURE_MPLANE
	v4l2CapStreaming    = 0x04000000
	v4l2CapDeviceCaps   = 0x80000000

	v4l2CapTimePerFrame = 0x1000 // V4L2_CAP_TIMEPERFRAME

	v4l2BufError         = 0x0040 // the data may be damaged
	v4l2BufTimeMask      = 0xe000
	v4l2BufTimeMonotonic = 0x2000

	v4l2Discrete = 1 // V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE
)

// The directions of a request (asm-generic/ioctl.h).
const (
	iocWrite = 1
	iocRead  = 2
)

// ioc makes the number of a request: who reads it, its group and number, and
// the size of its structure.
func ioc(direction, group, number, size uintptr) uint {
	return uint(direction<<30 | size<<16 | group<<8 | number)
}

var (
	vidiocQueryCap      = ioc(iocRead, 'V', 0, unsafe.Sizeof(v4l2Capability{}))
	vidiocEnumFmt       = ioc(iocRead|iocWrite, 'V', 2, unsafe.Sizeof(v4l2FmtDesc{}))
	vidiocGetFmt        = ioc(iocRead|iocWrite, 'V', 4, unsafe.Sizeof(v4l2Format{}))
	vidiocSetFmt        = ioc(iocRead|iocWrite, 'V', 5, unsafe.Sizeof(v4l2Format{}))
	vidiocReqBufs       = ioc(iocRead|iocWrite, 'V', 8, unsafe.Sizeof(v4l2RequestBuffers{}))
	vidiocQueryBuf      = ioc(iocRead|iocWrite, 'V', 9, unsafe.Sizeof(v4l2Buffer{}))
	vidiocQBuf          = ioc(iocRead|iocWrite, 'V', 15, unsafe.Sizeof(v4l2Buffer{}))
	vidiocDQBuf         = ioc(iocRead|iocWrite, 'V', 17, unsafe.Sizeof(v4l2Buffer{}))
	vidiocStreamOn      = ioc(iocWrite, 'V', 18, 4)
	vidiocStreamOff     = ioc(iocWrite, 'V', 19, 4)
	vidiocGetParm       = ioc(iocRead|iocWrite, 'V', 21, unsafe.Sizeof(v4l2StreamParm{}))
	vidiocEnumSizes     = ioc(iocRead|iocWrite, 'V', 74, unsafe.Sizeof(v4l2FrameSize{}))
	vidiocEnumIntervals = ioc(iocRead|iocWrite, 'V', 75, unsafe.Sizeof(v4l2FrameInterval{}))
	vidiocSetParm       = ioc(iocRead|iocWrite, 'V', 22, unsafe.Sizeof(v4l2StreamParm{}))
)

// fourCC is the number of a pixel format by its letters.
func fourCC(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
