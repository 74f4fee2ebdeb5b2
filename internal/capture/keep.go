package capture

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/reason"
)

// How long to wait before a device is opened again; it doubles.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// Keeper keeps a device at work: what fails is closed wholly and opened again,
// and the time without it is a gap. Sequences go on over a gap.
type Keeper struct {
	open   func() (Device, error)
	format Format
	made   *made // its clock and its wake, which outlive each device

	trouble atomic.Pointer[Gap] // the gap that is not yet over, for others

	mu     sync.Mutex // of device, which Wake asks for
	device Device     // nil while there is none

	gap      *Gap          // that is not yet over
	base     int64         // what the device's own sequence begins at
	next     int64         // the sequence that follows the last buffer
	last     time.Duration // the time of the last buffer, -1 before the first
	end      time.Duration // when that is over
	interval time.Duration // between the last two pictures
}

// Keep opens a device for the first time; what hinders that is the error. open
// is called again whenever the device has failed, and must give each time what
// gives the same format.
func Keep(open func() (Device, error)) (*Keeper, error) {
	d, err := open()
	if err != nil {
		return nil, err
	}
	return &Keeper{open: open, format: d.Format(), made: newMade(), device: d, last: -1, end: -1}, nil
}

// Format is that of all buffers.
func (k *Keeper) Format() Format { return k.format }

// Woken is closed by Wake.
func (k *Keeper) Woken() <-chan struct{} { return k.made.woken }

// Wake lets go who waits in Next, now and ever after. Opening is not broken off
// by it.
func (k *Keeper) Wake() {
	k.made.Wake()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.device != nil {
		k.device.Wake()
	}
}

// hold makes d the device; nil is none.
func (k *Keeper) hold(d Device) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.device = d
}

// Next gives the next buffer, and the gap before it if there was one: a device
// that failed, or losses. The error is ErrWoken, or that of closing.
func (k *Keeper) Next() (Buffer, *Gap, error) {
	retry := firstRetry
	for {
		select {
		case <-k.made.woken: // it may have missed a device that was just opened
			return Buffer{}, nil, ErrWoken
		default:
		}
		if k.device == nil {
			if err := k.reopen(&retry); err != nil {
				return Buffer{}, nil, err
			}
			continue
		}
		b, err := k.device.Next()
		switch {
		case err == nil:
			return b, k.account(&b), nil
		case errors.Is(err, ErrWoken):
			return Buffer{}, nil, err
		}
		k.fail(err)
	}
}

// fail lets the device go. What closing it says is no matter beside that.
func (k *Keeper) fail(err error) {
	d := k.device
	k.hold(nil)
	d.Close()
	if k.gap == nil {
		k.gap = &Gap{From: k.end, To: -1}
	}
	k.blame(err)
}

// blame says why there is a gap.
func (k *Keeper) blame(err error) {
	k.gap.Code, k.gap.Detail = codeOf(err), err.Error()
	gap := *k.gap
	k.trouble.Store(&gap)
}

// Trouble is the gap that is not yet over, nil while there is none; for any
// goroutine.
func (k *Keeper) Trouble() *Gap { return k.trouble.Load() }

// reopen waits and tries once.
func (k *Keeper) reopen(retry *time.Duration) error {
	timer := time.NewTimer(*retry)
	defer timer.Stop()
	select {
	case <-k.made.woken:
		return ErrWoken
	case <-timer.C:
	}
	*retry = min(2**retry, lastRetry)
	d, err := k.open()
	if err == nil && !same(d.Format(), k.format) {
		err = errors.Join(reason.New(reason.DeviceUnfit, "opened again, the device gives %v instead of %v", d.Format(), k.format), d.Close())
	}
	if err != nil {
		k.blame(err)
		return nil // it is tried again
	}
	k.hold(d)
	k.base = k.next
	return nil
}

// same says whether what follows can be kept with what was before, and is taken
// apart in the same way.
func same(a, b Format) bool {
	a.Device, a.Largest, a.Rate = b.Device, b.Largest, b.Rate
	return a == b
}

// account gives a buffer its place in the whole and says what is missing
// before it.
func (k *Keeper) account(b *Buffer) *Gap {
	gap := k.gap
	switch {
	case gap != nil:
		gap.To = b.At
		gap.Lost = b.Lost
		if gap.From >= 0 {
			gap.Lost = max(b.Lost, k.expected(b.At-gap.From))
		}
		k.base += gap.Lost - b.Lost
	case b.Lost > 0:
		gap = &Gap{From: k.end, To: b.At, Lost: b.Lost, Code: reason.DeviceOverrun, Detail: "the device's own count says so"}
	}
	if k.gap != nil {
		k.trouble.Store(nil)
	}
	k.gap = nil
	b.Sequence += k.base
	b.Lost = 0
	if gap != nil {
		b.Lost = gap.Lost
	}
	frames := int64(1)
	if !k.format.Picture() {
		frames = int64(len(b.Data) / k.format.FrameBytes())
	} else if gap == nil && k.last >= 0 {
		k.interval = b.At - k.last
	}
	k.next = b.Sequence + frames
	k.last, k.end = b.At, b.At+k.length(frames)
	return gap
}

// length is how long so many pictures or sound frames last.
func (k *Keeper) length(n int64) time.Duration {
	switch {
	case !k.format.Picture():
		return time.Duration(n) * time.Second / time.Duration(k.format.SampleRate)
	case k.format.Rate.Num != 0:
		return time.Duration(n) * time.Second * time.Duration(k.format.Rate.Den) / time.Duration(k.format.Rate.Num)
	}
	return time.Duration(n) * k.interval
}

// expected is how many pictures or sound frames there should have been in d.
func (k *Keeper) expected(d time.Duration) int64 {
	switch {
	case d <= 0:
		return 0
	case !k.format.Picture():
		return int64(d.Seconds() * float64(k.format.SampleRate))
	case k.format.Rate.Num != 0:
		return int64(d.Seconds()*float64(k.format.Rate.Num)/float64(k.format.Rate.Den) + 0.5)
	case k.interval > 0:
		return int64(d / k.interval)
	}
	return 0
}

// Close lets the device go.
func (k *Keeper) Close() error {
	k.made.Wake()
	if k.device == nil {
		return nil
	}
	d := k.device
	k.hold(nil)
	return d.Close()
}
