package capture

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

// ErrWoken says that Next was let go by Wake.
var ErrWoken = errors.New("capture: woken")

// system is what is asked of the kernel about one open device. The tests have
// a driver of their own behind it.
type system struct {
	ioctl func(request uint, arg unsafe.Pointer) error
	mmap  func(offset int64, length int) ([]byte, error)
	unmap func([]byte) error
	// wait waits until the device has something to say, an error included.
	wait  func(most time.Duration) error
	close func() error
	now   func() time.Duration // CLOCK_MONOTONIC
}

// wrong is by how much a driver's time is off that cannot be of its buffer.
const wrong = 10 * time.Minute

// trusted is the time that a driver says, or, where that cannot be, now.
func (s *system) trusted(at time.Duration) time.Duration {
	if now := s.now(); at > now+wrong || at < now-wrong {
		return now
	}
	return at
}

// errSilent is wait's that nothing came.
var errSilent = errors.New("nothing came")

// node is the real thing: an open device and what wakes its reader.
type node struct {
	file *os.File
	fd   int
	wake *os.File // an eventfd
}

// openNode takes a device's descriptor over.
func openNode(f *os.File) (*node, system, error) {
	fd := int(f.Fd())
	// Fd makes it blocking; all waiting here is by poll.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, system{}, errors.Join(fault(err, "the device"), f.Close())
	}
	w, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, system{}, errors.Join(fmt.Errorf("capture: %w", err), f.Close())
	}
	n := &node{file: f, fd: fd, wake: os.NewFile(uintptr(w), "wake")}
	return n, system{
		ioctl: n.ioctl,
		mmap: func(offset int64, length int) ([]byte, error) {
			return unix.Mmap(n.fd, offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		},
		unmap: unix.Munmap,
		wait:  n.wait,
		close: func() error { return errors.Join(n.file.Close(), n.wake.Close()) },
		now:   Now,
	}, nil
}

func (n *node) ioctl(request uint, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(n.fd), uintptr(request), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR: // a signal of the Go runtime
		default:
			return errno
		}
	}
}

func (n *node) wait(most time.Duration) error {
	end := Now() + most
	for {
		// The eventfd is asked anew each time, so that a wake stays one.
		fds := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}, {Fd: int32(n.wake.Fd()), Events: unix.POLLIN}}
		left := max(0, end-Now())
		ready, err := unix.Poll(fds, int((left+time.Millisecond-1)/time.Millisecond))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case fds[1].Revents != 0:
			return ErrWoken
		case ready == 0:
			return errSilent
		case fds[0].Revents&unix.POLLIN == 0:
			return fmt.Errorf("%w: poll says %#x", unix.EIO, fds[0].Revents)
		default:
			return nil
		}
	}
}

// Wake may come after the device was closed.
func (n *node) Wake() { n.wake.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// Clock is what devices have the times of their buffers by: Now, but for those
// that are made where time is.
type Clock func() time.Duration

// Now is CLOCK_MONOTONIC, by which drivers stamp their buffers.
func Now() time.Duration {
	var t unix.Timespec
	// It cannot fail: the clock is always there.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return time.Duration(t.Nano())
}

// codeOf says what the error of a device means.
func codeOf(err error) reason.Code {
	var e *reason.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, errSilent):
		return reason.DeviceHung
	case !errors.As(err, &errno):
		return reason.DeviceFailed
	}
	switch errno {
	case unix.ENODEV, unix.ENXIO, unix.ENOENT:
		return reason.DeviceAbsent
	case unix.EBUSY, unix.EAGAIN: // ALSA opens without waiting: EAGAIN
		return reason.DeviceBusy
	case unix.ESTRPIPE:
		return reason.DeviceSuspended
	case unix.EINVAL, unix.ENOTTY:
		return reason.DeviceUnfit
	}
	return reason.DeviceFailed
}

// OpenNode opens a device for a capture worker, without waiting for it. What
// is not there, or held by another program, has its reason.
func OpenNode(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fault(err, "opening %s", path)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFCHR {
		unix.Close(fd)
		return nil, reason.New(reason.DeviceUnfit, "%s is not a device", path)
	}
	// Of a descriptor that does not block, Go's runtime asks at once whether it
	// is ready; and a camera that is asked so while it does not stream begins to
	// by itself (vb2_poll of Linux), and is busy for everything else.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, fault(err, "opening %s", path)
	}
	return os.NewFile(uintptr(fd), path), nil
}
