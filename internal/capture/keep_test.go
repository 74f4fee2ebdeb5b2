package capture

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// script is a device that gives what it was told to.
type script struct {
	format  Format
	buffers []Buffer
	err     error // after them
	woken   chan struct{}
	closed  bool
}

func (s *script) Format() Format { return s.format }
func (s *script) Wake()          { close(s.woken) }
func (s *script) Close() error   { s.closed = true; return nil }
func (s *script) Next() (Buffer, error) {
	if len(s.buffers) == 0 && s.err == nil {
		<-s.woken
		return Buffer{}, ErrWoken
	}
	if len(s.buffers) == 0 {
		return Buffer{}, s.err
	}
	b := s.buffers[0]
	s.buffers = s.buffers[1:]
	return b, nil
}

func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		format := Format{Pixels: feed.MJPEG, Width: 64, Height: 64, Rate: feed.Fraction{Num: 10, Den: 1}}
		other := format
		other.Width = 32
		devices := []*script{
			{format: format, buffers: []Buffer{{At: 1000 * ms}, {At: 1100 * ms, Sequence: 1}, {At: 1400 * ms, Sequence: 4, Lost: 2}}, err: fault(unix.ENODEV, "unplugged")},
			nil,             // still away
			{format: other}, // something else is plugged in
			{format: format, buffers: []Buffer{{At: 3000 * ms}, {At: 3100 * ms, Sequence: 1}}, err: fault(errSilent, "silent")},
			{format: format, buffers: []Buffer{{At: 4100 * ms, Sequence: 2, Lost: 2}}, woken: make(chan struct{})},
		}
		opened := 0
		var opens []time.Duration
		start := time.Now()
		k, err := Keep(func() (Device, error) {
			opens = append(opens, time.Since(start))
			d := devices[opened]
			if opened++; d == nil {
				return nil, fault(unix.ENOENT, "opening it")
			}
			return d, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		type got struct {
			sequence, lost int64
			from, to       time.Duration
			code           reason.Code
		}
		var all []got
		for range 6 {
			b, gap, err := k.Next()
			if err != nil {
				t.Fatal(err)
			}
			g := got{sequence: b.Sequence, lost: b.Lost}
			if gap != nil {
				g.from, g.to, g.code = gap.From, gap.To, gap.Code
				if gap.Lost != b.Lost {
					t.Errorf("the gap %v before a buffer that lost %d", gap, b.Lost)
				}
			}
			all = append(all, g)
		}
		want := []got{
			{sequence: 0}, {sequence: 1},
			{4, 2, 1200 * ms, 1400 * ms, reason.DeviceOverrun},
			{20, 15, 1500 * ms, 3000 * ms, reason.DeviceUnfit}, // the last that was wrong with it
			{sequence: 21},
			{31, 9, 3200 * ms, 4100 * ms, reason.DeviceHung},
		}
		if !slices.Equal(all, want) {
			t.Errorf("got  %v\nwant %v", all, want)
		}
		if want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 800 * ms}; !slices.Equal(opens, want) {
			t.Errorf("opened at %v, not %v", opens, want)
		}
		for i, d := range devices[:4] {
			if d != nil && !d.closed {
				t.Errorf("device %d was not closed", i)
			}
		}
		go func() {
			synctest.Wait() // until Next waits
			k.Wake()
		}()
		if _, _, err := k.Next(); !errors.Is(err, ErrWoken) {
			t.Errorf("woken: %v", err)
		}
		if err := k.Close(); err != nil || !devices[4].closed {
			t.Errorf("closing: %v", err)
		}
	})
}

func TestKeeperNeverThere(t *testing.T) {
	_, err := Keep(func() (Device, error) { return nil, fault(unix.EBUSY, "opening it") })
	if reason.Of(err) != reason.DeviceBusy {
		t.Error(err)
	}
}

func TestKeeperWokenWithoutDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		k, err := Keep(func() (Device, error) {
			if first {
				first = false
				return &script{format: Format{SampleRate: 8000, Channels: 1, Bits: 16}, err: fault(unix.EIO, "reading")}, nil
			}
			return nil, fault(unix.ENODEV, "opening it")
		})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Minute, k.Wake)
		if _, _, err := k.Next(); !errors.Is(err, ErrWoken) {
			t.Error(err)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
}
