package studio

import (
	"context"
	"os"
	"time"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// A peek is a live source recorded for a moment, so that somebody sees what it
// gives: as part of a recording like any other, that no delivery has. It gives its
// devices up to a delivery that wants them otherwise.
const (
	// usualPeek is how long one lasts.
	usualPeek = 20 * time.Second
	// mostPeeks is how many there are at a time.
	mostPeeks = 4
	// peekKeeps is how much of its recording is kept, in bytes: what is looked at
	// is the end.
	peekKeeps = 32 << 20
)

// peek says whether a part is of no delivery: those have numbers above 0.
func (t *taker) peek() bool { return t.wish.Delivery < 0 }

// Peek has a live source recorded for a moment, unless it is recorded already. It
// returns when there is something to be seen; what hinders that is the error, as
// that of Join.
func (s *Studio) Peek(ctx context.Context, location, title string) error {
	f, err := s.parse(location)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.newest(f, title) != nil {
		s.mu.Unlock()
		return nil
	}
	peeks := 0
	for _, t := range s.takers {
		if t.peek() {
			peeks++
		}
	}
	if peeks >= mostPeeks {
		s.mu.Unlock()
		return reason.New(reason.Busy, "%d live sources are looked at already", peeks)
	}
	s.peeks++
	id := -s.peeks
	s.mu.Unlock()
	if _, err := s.Join(ctx, Wish{Delivery: id, Location: location, Title: title, Duration: s.peekFor}); err != nil {
		return err
	}
	s.running.Go(func() {
		select {
		case <-time.After(s.peekFor + late):
		case <-s.ctx.Done():
		}
		s.Leave(id)
	})
	return nil
}

// Newest opens the recording that is being made of a live source for a title, and
// says what it is called and since when it goes on; nil where there is none.
func (s *Studio) Newest(location, title string) (data *os.File, recording string, since time.Time, err error) {
	f, err := s.parse(location)
	if err != nil {
		return nil, "", time.Time{}, err
	}
	s.mu.Lock()
	r := s.newest(f, title)
	if r == nil {
		s.mu.Unlock()
		return nil, "", time.Time{}, nil
	}
	recording, since = r.name, r.began
	s.mu.Unlock()
	if data, err = os.Open(r.path(fileNames[0])); err != nil {
		err = reason.Wrap(reason.SourceUnreadable, err, "the recording")
	}
	return data, recording, since, err
}

// newest is the recording of a title that is being made, nil where there is none
// that has anything. The mutex is held.
func (s *Studio) newest(f feed.Feed, title string) *reel {
	for _, r := range s.reels {
		if r.title == title && r.location == f.String() && !r.closing && r.last.End > 0 {
			return r
		}
	}
	return nil
}

// spared is up to where a peek needs nothing of a recording that is at offset.
func spared(offset int64) int64 { return max(0, offset-peekKeeps) }

// inTheWay are the recordings that peeks alone have part of, with a device that f
// wants, whose keys are given. The mutex is held.
func (s *Studio) inTheWay(f feed.Feed, keys []string) (all []*reel) {
	for _, r := range s.reels {
		if r.closed || !r.peeked() {
			continue
		}
		for _, c := range r.cameras {
			for i, a := range f.Asks() {
				if c.key == keys[i] && c.suits(a) != nil {
					all = append(all, r)
				}
			}
		}
	}
	return all
}

// peeked says whether peeks alone have part of it. The mutex is held.
func (r *reel) peeked() bool {
	for _, t := range r.takers {
		if !t.peek() {
			return false
		}
	}
	return len(r.takers) > 0
}

// clear has peeks give up the devices that a delivery wants otherwise, and waits
// until they have.
func (s *Studio) clear(ctx context.Context, f feed.Feed, keys []string) error {
	s.mu.Lock()
	all := s.inTheWay(f, keys)
	for _, r := range all {
		for _, t := range r.takers {
			t.done = true
		}
		r.closing = true // a delivery that joined it would keep the device
		r.nudge()
	}
	s.mu.Unlock()
	for _, r := range all {
		if err := r.gone(ctx); err != nil {
			return err
		}
	}
	return nil
}

// gone waits until a recording has ended, however it did.
func (r *reel) gone(ctx context.Context) error {
	for {
		r.studio.mu.Lock()
		closed, changed := r.closed, r.changed
		r.studio.mu.Unlock()
		if closed {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
