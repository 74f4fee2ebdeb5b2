package capture

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// cameraBuffers is how many buffers the driver fills in turn: at 30 pictures a
// second, 200 ms in which nobody may take one.
const cameraBuffers = 6

// maxPicture bounds the bytes of one picture: 8192x4320 at two bytes a pixel.
const maxPicture = 72 << 20

// pixelFormats are the formats that are understood, by their letters.
var pixelFormats = map[uint32]feed.Format{
	fourCC("MJPG"): feed.MJPEG, fourCC("JPEG"): feed.MJPEG,
	fourCC("YUYV"): feed.YUYV, fourCC("NV12"): feed.NV12, fourCC("H264"): feed.H264,
}

// wanted gives the formats that suit what is asked, the best first.
func wanted(a *feed.Ask) []feed.Format {
	switch {
	case a.Format != feed.Auto:
		return []feed.Format{a.Format}
	case a.Coding == feed.CodeH264:
		return []feed.Format{feed.H264, feed.YUYV, feed.NV12, feed.MJPEG}
	case a.Coding == feed.CodeRaw:
		return []feed.Format{feed.YUYV, feed.NV12}
	}
	// What the camera compresses costs this machine nothing.
	return []feed.Format{feed.MJPEG, feed.YUYV, feed.NV12}
}

// Camera is an open V4L2 device that streams.
type Camera struct {
	sys    system
	wake   func()
	format Format
	hung   time.Duration

	memory  [][]byte
	held    int // the buffer whose data the caller has; -1 for none
	last    uint32
	started bool
	number  int64 // of the next picture
}

// OpenCamera takes over an open device, agrees with its driver on what a asks
// for, and starts it. hung is how long it may be silent.
func OpenCamera(f *os.File, a *feed.Ask, hung time.Duration) (*Camera, error) {
	n, sys, err := openNode(f)
	if err != nil {
		return nil, err
	}
	return openCamera(sys, n.Wake, a, hung)
}

func openCamera(sys system, wake func(), a *feed.Ask, hung time.Duration) (*Camera, error) {
	c := &Camera{sys: sys, wake: wake, hung: hung, held: -1}
	for _, step := range []func(*feed.Ask) error{c.identify, c.agree, c.pace, c.buffers, c.start} {
		if err := step(a); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Format is what the driver gave, which need not be what was asked.
func (c *Camera) Format() Format { return c.format }

// Wake lets go who waits in Next.
func (c *Camera) Wake() { c.wake() }

func (c *Camera) identify(*feed.Ask) error {
	var is v4l2Capability
	if err := c.sys.ioctl(vidiocQueryCap, unsafe.Pointer(&is)); err != nil {
		return fault(err, "asking what the device is")
	}
	can := is.capabilities
	if can&v4l2CapDeviceCaps != 0 {
		can = is.deviceCaps
	}
	c.format.Device = text(is.card[:])
	switch {
	case can&v4l2CapVideoCapture == 0 && can&v4l2CapMultiPlanar != 0:
		return reason.New(reason.DeviceUnfit, "%s gives its pictures in several planes only, which is not supported", c.format.Device)
	case can&v4l2CapVideoCapture == 0:
		return reason.New(reason.DeviceUnfit, "%s gives no pictures", c.format.Device)
	case can&v4l2CapStreaming == 0:
		return reason.New(reason.DeviceUnfit, "%s does not stream", c.format.Device)
	}
	return nil
}

// text is a string of the kernel's, which ends at the first zero.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(s, "?")
}

// agree settles format and size.
func (c *Camera) agree(a *feed.Ask) error {
	offered := make(map[feed.Format]uint32)
	var names []string
	for i := uint32(0); i < 256; i++ {
		d := v4l2FmtDesc{index: i, kind: v4l2TypeVideoCapture}
		if err := c.sys.ioctl(vidiocEnumFmt, unsafe.Pointer(&d)); err != nil {
			break // EINVAL: that was the last
		}
		names = append(names, text(d.description[:]))
		if f, ok := pixelFormats[d.pixelFormat]; ok && offered[f] == 0 {
			offered[f] = d.pixelFormat
		}
	}
	var chosen feed.Format
	for _, f := range wanted(a) {
		if offered[f] != 0 {
			chosen = f
			break
		}
	}
	if chosen == "" {
		return reason.New(reason.DeviceUnfit, "%s has none of the formats %v; it has %s", c.format.Device, wanted(a), strings.Join(names, ", "))
	}
	f := v4l2Format{kind: v4l2TypeVideoCapture}
	if err := c.sys.ioctl(vidiocGetFmt, unsafe.Pointer(&f)); err != nil {
		return fault(err, "asking %s for its format", c.format.Device)
	}
	if a.Width != 0 {
		f.width, f.height = uint32(a.Width), uint32(a.Height)
	}
	// The driver works out the rest.
	f.pixelFormat, f.field, f.bytesPerLine, f.sizeImage, f.priv = offered[chosen], v4l2FieldAny, 0, 0, 0
	if err := c.sys.ioctl(vidiocSetFmt, unsafe.Pointer(&f)); err != nil {
		return fault(err, "setting %s to %s %dx%d", c.format.Device, chosen, f.width, f.height)
	}
	c.format.Pixels = pixelFormats[f.pixelFormat]
	c.format.Width, c.format.Height, c.format.Largest = int(f.width), int(f.height), int(f.sizeImage)
	if c.format.Pixels == feed.YUYV || c.format.Pixels == feed.NV12 {
		c.format.Stride = int(f.bytesPerLine)
	}
	return c.checkFormat(chosen)
}

// checkFormat refuses what could not be read rightly.
func (c *Camera) checkFormat(chosen feed.Format) error {
	f := c.format
	line, lines := 0, 0
	switch f.Pixels {
	case feed.YUYV:
		line, lines = 2*f.Width, f.Height
	case feed.NV12:
		line, lines = f.Width, f.Height+f.Height/2
	}
	if f.Pixels != chosen || f.Width < 2 || f.Height < 2 || f.Width > feed.MaxSide || f.Height > feed.MaxSide ||
		f.Width%2 != 0 || f.Height%2 != 0 || f.Stride < line || f.Largest < f.Stride*lines || f.Largest > maxPicture {
		return reason.New(reason.DeviceUnfit, "%s was asked for %s and gives %v, %d bytes a line and %d a picture", f.Device, chosen, f, f.Stride, f.Largest)
	}
	return nil
}

// usualRate is asked for where nothing else is: some drivers begin with very
// few pictures a second.
var usualRate = feed.Fraction{Num: 30, Den: 1}

// pace settles the pictures a second, for a driver that can.
func (c *Camera) pace(a *feed.Ask) error {
	p := v4l2StreamParm{kind: v4l2TypeVideoCapture}
	if err := c.sys.ioctl(vidiocGetParm, unsafe.Pointer(&p)); err != nil {
		return nil // a driver without rates: the timestamps say all
	}
	if p.capability&v4l2CapTimePerFrame != 0 {
		want := a.Rate
		if want.Den == 0 {
			want = usualRate
		}
		p = v4l2StreamParm{kind: v4l2TypeVideoCapture, numerator: want.Den, denominator: want.Num}
		if err := c.sys.ioctl(vidiocSetParm, unsafe.Pointer(&p)); err != nil {
			return fault(err, "setting %s to %v pictures a second", c.format.Device, want)
		}
	}
	if p.numerator != 0 && p.denominator != 0 {
		c.format.Rate = feed.Fraction{Num: p.denominator, Den: p.numerator}
	}
	return nil
}

func (c *Camera) buffers(*feed.Ask) error {
	r := v4l2RequestBuffers{count: cameraBuffers, kind: v4l2TypeVideoCapture, memory: v4l2MemoryMMAP}
	if err := c.sys.ioctl(vidiocReqBufs, unsafe.Pointer(&r)); err != nil {
		return fault(err, "asking %s for buffers", c.format.Device)
	}
	if r.count < 2 || r.count > 32 {
		return reason.New(reason.DeviceFailed, "%s has %d buffers, too few or too many", c.format.Device, r.count)
	}
	for i := range r.count {
		b := v4l2Buffer{index: i, kind: v4l2TypeVideoCapture, memory: v4l2MemoryMMAP}
		if err := c.sys.ioctl(vidiocQueryBuf, unsafe.Pointer(&b)); err != nil {
			return fault(err, "asking %s for buffer %d", c.format.Device, i)
		}
		if b.length == 0 || b.length > maxPicture {
			return reason.New(reason.DeviceFailed, "%s has a buffer of %d bytes", c.format.Device, b.length)
		}
		m, err := c.sys.mmap(int64(uint32(b.offset)), int(b.length))
		if err != nil {
			return fault(err, "mapping a buffer of %s", c.format.Device)
		}
		c.memory = append(c.memory, m)
		if err := c.queue(int(i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Camera) queue(i int) error {
	b := v4l2Buffer{index: uint32(i), kind: v4l2TypeVideoCapture, memory: v4l2MemoryMMAP}
	if err := c.sys.ioctl(vidiocQBuf, unsafe.Pointer(&b)); err != nil {
		return fault(err, "giving %s a buffer", c.format.Device)
	}
	return nil
}

func (c *Camera) start(*feed.Ask) error {
	kind := int32(v4l2TypeVideoCapture)
	if err := c.sys.ioctl(vidiocStreamOn, unsafe.Pointer(&kind)); err != nil {
		return fault(err, "starting %s", c.format.Device)
	}
	return nil
}

// Next gives the next whole picture. What the driver left out by its numbers,
// and what it calls damaged, is counted as lost.
func (c *Camera) Next() (Buffer, error) {
	if c.held >= 0 {
		if err := c.queue(c.held); err != nil {
			return Buffer{}, err
		}
		c.held = -1
	}
	lost := int64(0)
	for {
		b, err := c.take()
		if err != nil {
			return Buffer{}, err
		}
		skipped := c.count(b.sequence)
		lost += skipped
		c.number += skipped + 1
		if b.flags&v4l2BufError != 0 || b.bytesUsed == 0 || int(b.bytesUsed) > c.format.Largest || c.short(int(b.bytesUsed)) {
			lost++
			if err := c.queue(int(b.index)); err != nil {
				return Buffer{}, err
			}
			continue
		}
		c.held = int(b.index)
		return Buffer{Data: c.memory[b.index][:b.bytesUsed], At: c.at(&b), Sequence: c.number - 1, Lost: lost}, nil
	}
}

// short says whether a picture of that many bytes lacks lines.
func (c *Camera) short(n int) bool {
	switch c.format.Pixels {
	case feed.YUYV:
		return n < c.format.Stride*(c.format.Height-1)+2*c.format.Width
	case feed.NV12:
		return n < c.format.Stride*(c.format.Height+c.format.Height/2-1)+c.format.Width
	}
	return false
}

// take waits for a filled buffer.
func (c *Camera) take() (v4l2Buffer, error) {
	for {
		b := v4l2Buffer{kind: v4l2TypeVideoCapture, memory: v4l2MemoryMMAP}
		err := c.sys.ioctl(vidiocDQBuf, unsafe.Pointer(&b))
		switch {
		case err == nil && (int(b.index) >= len(c.memory) || int(b.bytesUsed) > len(c.memory[b.index])):
			return b, reason.New(reason.DeviceFailed, "%s gave buffer %d with %d bytes", c.format.Device, b.index, b.bytesUsed)
		case err == nil:
			return b, nil
		case !errors.Is(err, unix.EAGAIN):
			return b, fault(err, "taking a picture from %s", c.format.Device)
		}
		if err := c.sys.wait(c.hung); errors.Is(err, ErrWoken) {
			return b, err
		} else if err != nil {
			return b, fault(err, "waiting %v for a picture from %s", c.hung, c.format.Device)
		}
	}
}

// count says how many numbers the driver left out before this one.
func (c *Camera) count(sequence uint32) int64 {
	skipped := int64(0)
	// Numbers wrap; one that stands still is of a driver that does not count.
	if step := int32(sequence - c.last); c.started && step > 1 {
		skipped = int64(step) - 1
	}
	c.last, c.started = sequence, true
	return skipped
}

// at is the buffer's time, by the driver where it uses the right clock.
func (c *Camera) at(b *v4l2Buffer) time.Duration {
	if b.flags&v4l2BufTimeMask == v4l2BufTimeMonotonic {
		return c.sys.trusted(time.Duration(b.seconds)*time.Second + time.Duration(b.micros)*time.Microsecond)
	}
	return c.sys.now()
}

// Close stops the device and lets go of all that is its own.
func (c *Camera) Close() error {
	kind := int32(v4l2TypeVideoCapture)
	// One that is gone cannot be stopped; what counts is that it is let go.
	_ = c.sys.ioctl(vidiocStreamOff, unsafe.Pointer(&kind))
	var errs []error
	for _, m := range c.memory {
		errs = append(errs, c.sys.unmap(m))
	}
	c.memory = nil
	r := v4l2RequestBuffers{kind: v4l2TypeVideoCapture, memory: v4l2MemoryMMAP}
	_ = c.sys.ioctl(vidiocReqBufs, unsafe.Pointer(&r))
	if err := errors.Join(append(errs, c.sys.close())...); err != nil {
		return fmt.Errorf("capture: closing %s: %w", c.format.Device, err)
	}
	return nil
}
