package survey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/source"
)

// Bounds of what is made to be seen.
const (
	// seenWithin is how long a worker may take.
	seenWithin = 30 * time.Second
	// mostShowing is how many are made at a time.
	mostShowing = 2
	// mostSights is how many are kept: with 50 KiB at most for each, some MiB.
	mostSights = 200
	// againAfter is how long one that could not be made is not tried again.
	againAfter = time.Minute
	// freshFor is how long the latest of what grows is taken for the latest.
	freshFor = 700 * time.Millisecond
)

// sights keeps what is to be seen of sources, those that were asked for last.
type sights struct {
	mu   sync.Mutex
	kept map[string]*sight
	used []string // keys of kept, the latest last
}

// sight is what is to be seen of a source, or is being made.
type sight struct {
	done  chan struct{} // closed when what follows is there
	seen  control.Sight
	err   error
	at    time.Time // when it was made
	stays bool      // it is that of a version of a file
	left  bool      // who had it made has gone, or nobody had the time
}

// current says whether one that is there, or soon will be, counts.
func (s *sight) current(now time.Time) bool {
	select {
	case <-s.done:
	default:
		return true
	}
	switch {
	case s.left:
		return false
	case s.err != nil:
		return now.Sub(s.at) < againAfter
	case !s.stays:
		return now.Sub(s.at) < freshFor
	}
	return true
}

// See gives what is to be seen of the version of a file that is open as f, which it
// closes, and what that version is called. It is made once, by a worker.
func (s *Surveyor) See(ctx context.Context, location string, f *os.File, facts source.Facts) (control.Seen, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", location, facts.Size, facts.MTime))
	version := hex.EncodeToString(sum[:12])
	made, err := s.sight(ctx, version, f, true, control.Survey{Size: facts.Size, MTime: facts.MTime, Show: true})
	if err != nil {
		return control.Seen{}, err
	}
	return control.Seen{Sight: made.seen, Version: version}, nil
}

// SeeLatest gives what is to be seen at the end of a recording that grows, which is
// open as f; it closes that. Who asks for the same at the same time has the same.
func (s *Surveyor) SeeLatest(ctx context.Context, recording string, f *os.File) (control.Seen, error) {
	made, err := s.sight(ctx, "recording "+recording, f, false, control.Survey{Show: true, Grows: true})
	if err != nil {
		return control.Seen{}, err
	}
	return control.Seen{Sight: made.seen, Version: fmt.Sprintf("%x", made.at.UnixMilli())}, nil
}

// sight gives what is kept under a key, or has it made from f, which it closes.
func (s *Surveyor) sight(ctx context.Context, key string, f *os.File, stays bool, q control.Survey) (*sight, error) {
	v := &s.sights
	for {
		made, mine := v.find(key, stays, s.Clock())
		if mine {
			s.make(ctx, made, f, q)
			return made, made.err
		}
		select {
		case <-made.done:
		case <-ctx.Done():
			f.Close()
			return nil, reason.New(reason.Busy, "it is still being made")
		}
		if !made.left {
			f.Close()
			return made, made.err
		}
	}
}

// find gives what is kept under a key, or what is to be made: that is mine then.
func (v *sights) find(key string, stays bool, now time.Time) (_ *sight, mine bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if was := v.kept[key]; was != nil && was.current(now) {
		return was, false
	}
	made := &sight{done: make(chan struct{}), stays: stays}
	if v.kept == nil {
		v.kept = make(map[string]*sight)
	}
	v.kept[key] = made
	v.used = append(slices.DeleteFunc(v.used, func(k string) bool { return k == key }), key)
	if len(v.used) > mostSights {
		delete(v.kept, v.used[0])
		v.used = v.used[1:]
	}
	return made, true
}

// make has a worker make one from f, which it closes.
func (s *Surveyor) make(ctx context.Context, into *sight, f *os.File, q control.Survey) {
	defer close(into.done)
	within, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	select {
	case s.showing <- struct{}{}:
		defer func() { <-s.showing }()
	case <-within.Done():
		f.Close()
		into.err, into.left, into.at = reason.New(reason.Busy, "others are being made"), true, s.Clock()
		return
	}
	m, err := s.ask(within, f, "sight", q, nil)
	seen, ok := m.(control.Sight)
	switch {
	case err != nil:
		into.err = err
	case !ok:
		into.err = reason.New(reason.WorkerFailed, "the survey worker says %T", m)
	}
	into.seen, into.at, into.left = seen, s.Clock(), ctx.Err() != nil
}
