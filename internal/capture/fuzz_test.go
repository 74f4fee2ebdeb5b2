package capture

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// liar answers as a driver does, but for what its script says otherwise: three
// bytes for each request, of which the first says whether it fails, and the others
// what is changed where in the answer. USB devices give drivers what they like.
type liar struct {
	script []byte
	asked  int
}

// mostAsked is how many requests are answered: a device that never comes to an end
// with its formats, or its pictures, is unplugged then.
const mostAsked = 20_000

func (l *liar) twist(honest func(uint, unsafe.Pointer) error) func(uint, unsafe.Pointer) error {
	return func(request uint, arg unsafe.Pointer) error {
		if l.asked++; l.asked > mostAsked {
			return unix.ENODEV
		}
		err := honest(request, arg)
		if len(l.script) < 3 {
			return err
		}
		how, where, what := l.script[0], l.script[1], l.script[2]
		l.script = l.script[3:]
		// The request has the size of its argument (asm-generic/ioctl.h).
		if size := int(request >> 16 & 0x3fff); size > 0 && how < 200 && arg != nil {
			b := unsafe.Slice((*byte)(arg), size)
			b[int(where)*size/256] ^= what
			if how < 100 {
				err = nil
			}
		}
		if how >= 240 {
			err = [...]error{unix.EIO, unix.ENODEV, unix.EAGAIN, unix.EBUSY, unix.EPIPE, unix.ESTRPIPE, unix.EINVAL, unix.ENOTTY}[how%8]
		}
		return err
	}
}

func (l *liar) system(honest system) system {
	honest.ioctl = l.twist(honest.ioctl)
	if mmap := honest.mmap; mmap != nil {
		honest.mmap = func(offset int64, n int) ([]byte, error) {
			if n <= 0 || n > 1<<20 {
				return nil, unix.ENOMEM
			}
			return mmap(offset, n)
		}
	}
	return honest
}

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{250, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 128, 255, 150, 3, 4, 0, 200, 255, 0, 9, 1, 0, 255, 255})
	f.Add([]byte("a camera that says a little of everything, and none of it is true"))
}

// Whatever a camera says, it is refused with a code, or gives buffers that are in
// its memory; and all is given back.
func FuzzCamera(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, script []byte) {
		driver := &camera{formats: []string{"YUYV", "MJPG"}, width: 64, height: 36, interval: [2]uint32{1, 25}}
		for n := range uint32(20) {
			driver.filled = append(driver.filled, shot{sequence: n, at: time.Duration(n) * 40 * ms})
		}
		l := &liar{script: script}
		if offer, err := lookPicture(l.system(driver.system())); err != nil && codeOf(err) == "" {
			t.Errorf("%v of %v has no code", err, offer)
		}
		driver.closed, driver.mapped, driver.queued, driver.memory = 0, 0, nil, nil
		c, err := openCamera(l.system(driver.system()), nil, ask("/dev/video0"), time.Second)
		if err != nil {
			if codeOf(err) == "" || driver.closed != 1 || driver.mapped != 0 {
				t.Errorf("%v: closed %d times, %d mapped", err, driver.closed, driver.mapped)
			}
			return
		}
		for range 40 {
			b, err := c.Next()
			if err != nil {
				break
			}
			if len(b.Data) > c.Format().Largest || b.Lost < 0 {
				t.Errorf("%d bytes of %+v, %d lost", len(b.Data), c.Format(), b.Lost)
			}
		}
		if c.Close(); driver.closed != 1 || driver.mapped != 0 {
			t.Errorf("closed %d times, %d mapped", driver.closed, driver.mapped)
		}
	})
}

// The same of a sound card.
func FuzzMicrophone(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, script []byte) {
		driver := newCard()
		for n := range 20 {
			driver.answers = append(driver.answers, reading{frames: 480, stamp: time.Duration(n) * 10 * ms})
		}
		l := &liar{script: script}
		if offer, err := lookSound(l.system(driver.system())); err != nil && codeOf(err) == "" {
			t.Errorf("%v of %v has no code", err, offer)
		}
		driver.closed = 0
		m, err := openMicrophone(l.system(driver.system()), nil, ask("alsa:hw:0"), time.Second)
		if err != nil {
			if codeOf(err) == "" || driver.closed != 1 {
				t.Errorf("%v: closed %d times", err, driver.closed)
			}
			return
		}
		for range 40 {
			b, err := m.Next()
			if err != nil {
				break
			}
			if n := m.Format().FrameBytes(); n <= 0 || len(b.Data)%n != 0 || b.Lost < 0 {
				t.Errorf("%d bytes of %+v, %d lost", len(b.Data), m.Format(), b.Lost)
			}
		}
		if m.Close(); driver.closed != 1 {
			t.Errorf("closed %d times", driver.closed)
		}
	})
}
