package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// What has no Event may come as often as somebody outside likes, such as
// connections that are refused. Of each message so many records are written at
// once, and one a second after that.
const (
	burst       = 20
	refillEvery = time.Second
)

// Bounded is an slog.Handler that leaves records out where one message comes
// too often, and says how many with the next that it passes on. A record with an
// Event always passes: those are as many as there are deliveries, each of which
// bounds its own. Safe for concurrent use.
type Bounded struct {
	slog.Handler
	buckets *buckets
}

// buckets are how many records of each message may still be written.
type buckets struct {
	mu        sync.Mutex
	byMessage map[string]*bucket
}

type bucket struct {
	left    int
	filled  time.Time // until when what may be written is counted
	without int       // records left out since the last that passed
}

// NewBounded bounds what h is given. Records say by their time when they came.
func NewBounded(h slog.Handler) *Bounded {
	return &Bounded{h, &buckets{byMessage: make(map[string]*bucket)}}
}

// Handle passes r on, or leaves it out.
func (b *Bounded) Handle(ctx context.Context, r slog.Record) error {
	event := false
	r.Attrs(func(a slog.Attr) bool {
		_, event = eventOf(a.Key, a.Value)
		return !event
	})
	if !event {
		without, pass := b.buckets.take(r.Message, r.Time)
		if !pass {
			return nil
		}
		if without > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("left_out", without))
		}
	}
	return b.Handler.Handle(ctx, r)
}

// take says whether a record of message passes, and how many did not before it.
func (b *buckets) take(message string, now time.Time) (without int, pass bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.byMessage[message]
	if k == nil {
		k = &bucket{left: burst, filled: now}
		b.byMessage[message] = k
	}
	// A clock that was set back must not keep everything out until it is there again.
	if passed := now.Sub(k.filled); passed < 0 {
		k.filled = now
	} else if more := int(min(passed/refillEvery, burst)); more > 0 {
		k.left, k.filled = min(k.left+more, burst), now
	}
	if k.left == 0 {
		k.without++
		return 0, false
	}
	k.left--
	without, k.without = k.without, 0
	return without, true
}

// WithAttrs gives a handler whose records begin with attrs, within the same bounds.
func (b *Bounded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Bounded{b.Handler.WithAttrs(attrs), b.buckets}
}

// WithGroup gives a handler that puts name before the names to come, within the
// same bounds.
func (b *Bounded) WithGroup(name string) slog.Handler {
	return &Bounded{b.Handler.WithGroup(name), b.buckets}
}
