package capture

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"videoclub/internal/feed"
)

// camera is a V4L2 driver: what the kernel and a camera would answer.
type camera struct {
	formats       []string // as it offers them
	width, height uint32   // what it gives, whatever is asked
	interval      [2]uint32
	busy          unix.Errno // of REQBUFS

	queued  []uint32
	memory  [][]byte
	filled  []shot // what it will give, in order
	streams bool
	closed  int
	mapped  int
	clock   time.Duration
}

// shot is one answer of the driver: a picture, or an error.
type shot struct {
	sequence uint32
	at       time.Duration
	flags    uint32
	bytes    uint32
	err      error
}

func (c *camera) system() system {
	return system{
		ioctl: c.ioctl,
		mmap: func(_ int64, n int) ([]byte, error) {
			c.mapped++
			c.memory = append(c.memory, make([]byte, n))
			return c.memory[len(c.memory)-1], nil
		},
		unmap: func([]byte) error { c.mapped--; return nil },
		wait: func(time.Duration) error {
			if len(c.filled) == 0 || len(c.queued) == 0 {
				return errSilent
			}
			return nil
		},
		close: func() error { c.closed++; return nil },
		now:   func() time.Duration { return c.clock },
	}
}

func (c *camera) size() uint32 { return c.width * c.height * 2 }

func (c *camera) ioctl(request uint, arg unsafe.Pointer) error {
	switch request {
	case vidiocQueryCap:
		is := (*v4l2Capability)(arg)
		copy(is.card[:], "A camera")
		is.capabilities, is.deviceCaps = v4l2CapDeviceCaps, v4l2CapVideoCapture|v4l2CapStreaming
	case vidiocEnumFmt:
		d := (*v4l2FmtDesc)(arg)
		if int(d.index) >= len(c.formats) {
			return unix.EINVAL
		}
		d.pixelFormat = fourCC(c.formats[d.index])
		copy(d.description[:], c.formats[d.index])
	case vidiocEnumSizes: // its own, and half of it
		d := (*v4l2FrameSize)(arg)
		if d.index > 1 {
			return unix.EINVAL
		}
		d.kind, d.union[0], d.union[1] = v4l2Discrete, c.width>>d.index, c.height>>d.index
	case vidiocEnumIntervals:
		d := (*v4l2FrameInterval)(arg)
		if d.index > 1 {
			return unix.EINVAL
		}
		d.kind, d.union[0], d.union[1] = v4l2Discrete, 1, 30>>d.index
	case vidiocGetFmt, vidiocSetFmt:
		f := (*v4l2Format)(arg)
		f.width, f.height, f.bytesPerLine, f.sizeImage = c.width, c.height, 2*c.width, c.size()
		if f.pixelFormat == fourCC("NV12") {
			f.bytesPerLine = c.width
		}
	case vidiocGetParm, vidiocSetParm:
		p := (*v4l2StreamParm)(arg)
		p.capability = v4l2CapTimePerFrame
		if c.interval != [2]uint32{} {
			p.numerator, p.denominator = c.interval[0], c.interval[1]
		}
	case vidiocReqBufs:
		if c.busy != 0 {
			return c.busy
		}
	case vidiocQueryBuf:
		(*v4l2Buffer)(arg).length = c.size()
	case vidiocQBuf:
		c.queued = append(c.queued, (*v4l2Buffer)(arg).index)
	case vidiocStreamOn:
		c.streams = true
	case vidiocStreamOff:
		c.streams = false
	case vidiocDQBuf:
		return c.give((*v4l2Buffer)(arg))
	default:
		return unix.ENOTTY
	}
	return nil
}

func (c *camera) give(b *v4l2Buffer) error {
	if len(c.filled) == 0 || len(c.queued) == 0 {
		return unix.EAGAIN // it fills none that it was not given
	}
	s := c.filled[0]
	c.filled = c.filled[1:]
	if s.err != nil {
		return s.err
	}
	b.index, c.queued = c.queued[0], c.queued[1:]
	b.sequence, b.flags, b.bytesUsed = s.sequence, s.flags|v4l2BufTimeMonotonic, s.bytes
	if s.bytes == 0 {
		b.bytesUsed = c.size()
	}
	b.seconds, b.micros = int64(s.at/time.Second), int64(s.at%time.Second/time.Microsecond)
	c.memory[b.index][0] = byte(s.sequence)
	return nil
}

// card is an ALSA driver with a sound card whose clock is not quite right.
type card struct {
	forms    []int
	rates    [2]uint32 // the least and the most
	channels [2]uint32
	periods  [2]uint32

	set     *alsaHWParams
	starts  int
	drops   int
	closed  int
	waits   int
	answers []reading
	avail   uint64
	stamp   time.Duration
}

// reading is one answer to a read: how many sound frames, when the memory was
// looked at, and how much there was more.
type reading struct {
	frames int64
	stamp  time.Duration
	avail  uint64
	err    error
}

func (c *card) system() system {
	return system{
		ioctl: c.ioctl,
		wait: func(time.Duration) error {
			if c.waits++; len(c.answers) == 0 {
				return errSilent
			}
			return nil
		},
		close: func() error { c.closed++; return nil },
		now:   func() time.Duration { return c.stamp },
	}
}

func (c *card) ioctl(request uint, arg unsafe.Pointer) error {
	switch request {
	case pcmInfo:
		copy((*alsaInfo)(arg).name[:], "A card")
	case pcmHWRefine, pcmHWParams:
		p := (*alsaHWParams)(arg)
		if !c.refine(p) {
			return unix.EINVAL
		}
		if request == pcmHWParams {
			for i := range p.intervals {
				p.intervals[i].max = p.intervals[i].min
			}
			c.set = new(alsaHWParams)
			*c.set = *p
		}
	case pcmSWParams, pcmPrepare:
	case pcmStart:
		c.starts++
	case pcmDrop:
		c.drops++
	case pcmStatus:
		s := (*alsaStatus)(arg)
		s.sec, s.nano, s.avail = int64(c.stamp/time.Second), int64(c.stamp%time.Second), c.avail
	case pcmRead:
		return c.read((*alsaTransfer)(arg))
	default:
		return unix.ENOTTY
	}
	return nil
}

func (c *card) read(t *alsaTransfer) error {
	if len(c.answers) == 0 {
		return unix.EAGAIN
	}
	a := c.answers[0]
	c.answers = c.answers[1:]
	if a.err != nil {
		return a.err
	}
	t.result, c.stamp, c.avail = a.frames, a.stamp, a.avail
	return nil
}

// refine narrows the parameters to what the card can do.
func (c *card) refine(p *alsaHWParams) bool {
	var forms alsaMask
	for _, f := range c.forms {
		forms[f/32] |= 1 << (f % 32)
	}
	left := false
	for i := range forms {
		p.masks[alsaMaskFormat][i] &= forms[i]
		left = left || p.masks[alsaMaskFormat][i] != 0
	}
	for index, r := range map[int][2]uint32{alsaRate: c.rates, alsaChannels: c.channels, alsaPeriodSize: c.periods, alsaBufferSize: {c.periods[0] * 4, c.periods[1] * 64}} {
		v := &p.intervals[index]
		v.min, v.max = max(v.min, r[0]), min(v.max, r[1])
		left = left && v.min <= v.max
	}
	return left
}

func ask(location string) *feed.Ask {
	f, err := feed.Parse(location)
	if err != nil {
		panic(err)
	}
	return f.Asks()[0]
}
