package record

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// headWithin is how long a device, and what encodes for it, may take to the
// first picture that one can begin at, where the head of a recording has to say
// something of it. Cameras have one each second, or each few.
const headWithin = 12 * time.Second

// Stream is a device at work, and what is made of what it gives.
type Stream struct {
	keeper  *capture.Keeper
	encoder Encoder

	mu      sync.Mutex
	track   matroska.Track
	known   bool     // the track, wholly
	pending []Packet // before Run
	put     func(Packet)
}

// Open begins to encode what a device gives, and returns when it is known how
// that is kept. start is needed where Foreign says so. The device stays the
// caller's, who closes it.
func Open(k *capture.Keeper, a *feed.Ask, start Start) (*Stream, error) {
	t, err := TrackOf(k.Format(), a)
	if err != nil {
		return nil, err
	}
	s := &Stream{keeper: k, track: t}
	s.known = Complete(&s.track, Packet{})
	if s.encoder, err = NewEncoder(k.Format(), a, start, s.pass); err != nil {
		return nil, err
	}
	if s.known {
		return s, nil
	}
	var late atomic.Bool
	timer := time.AfterFunc(headWithin, func() {
		late.Store(true)
		k.Wake()
	})
	defer timer.Stop()
	for !s.complete() {
		b, gap, err := k.Next()
		if err != nil {
			s.encoder.Close()
			if late.Load() {
				err = tooLate(k.Format(), a)
			}
			return nil, err
		}
		s.encoder.Put(b, gap)
	}
	if !timer.Stop() {
		s.encoder.Close()
		return nil, tooLate(k.Format(), a)
	}
	return s, nil
}

func tooLate(f capture.Format, a *feed.Ask) error {
	if Foreign(f, a) {
		return reason.New(reason.EncoderFailed, "no picture came from it within %v", headWithin)
	}
	return reason.New(reason.DeviceUnfit, "%s gave no picture to begin with within %v", f.Device, headWithin)
}

func (s *Stream) complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// Track is how it is kept.
func (s *Stream) Track() matroska.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.track
}

// pass passes a packet on, or keeps it until there is somebody to have it.
func (s *Stream) pass(p Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put != nil {
		s.put(p)
		return
	}
	if s.known = s.known || Complete(&s.track, p); s.known {
		p.Data = append([]byte(nil), p.Data...)
		s.pending = append(s.pending, p)
	}
}

// Run passes packets on until the device is woken. put is called by one
// goroutine at a time, and has their data only until it returns.
func (s *Stream) Run(put func(Packet)) error {
	s.mu.Lock()
	s.put = put
	for _, p := range s.pending {
		put(p)
	}
	s.pending = nil
	s.mu.Unlock()
	defer s.encoder.Close()
	for {
		b, gap, err := s.keeper.Next()
		switch {
		case errors.Is(err, capture.ErrWoken):
			return nil
		case err != nil:
			return err
		}
		s.encoder.Put(b, gap)
	}
}
