package studio

import (
	"sync"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/handoff"
)

// inbox is what others have a goroutine do. Posting never waits, so that two of
// them can post to each other.
type inbox struct {
	mu     sync.Mutex
	todo   []func()
	closed bool
	wake   chan struct{} // has a value while there is something
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// post has f done, and says whether it will be.
func (b *inbox) post(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.todo = append(b.todo, f)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// work does what was posted.
func (b *inbox) work() {
	b.mu.Lock()
	todo := b.todo
	b.todo = nil
	b.mu.Unlock()
	for _, f := range todo {
		f()
	}
}

// close does what was posted and takes nothing more.
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.work()
}

// give gives a worker one end of a handoff, which is closed here.
func give(m *crew.Member, a control.Attach, e handoff.End) error {
	defer e.Close()
	if err := m.Tell(a); err != nil {
		return err
	}
	if err := m.Control.Hand(e.Ring); err != nil {
		return err
	}
	return m.Control.Hand(e.Wake)
}
