package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"videoclub/internal/reason"
)

// writeOf makes a write that promises n.
func writeOf(n int) *write {
	return &write{done: make(chan struct{}), run: func(ctx context.Context, c *sql.Conn) error {
		d := request(n)
		d.State = Promised
		_, _, err := promise(ctx, c, d)
		return err
	}}
}

// hold keeps the committer busy with a write of its own until let is called.
func hold(t *testing.T, l *Ledger) (let func()) {
	t.Helper()
	held, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- l.commit(context.Background(), "holding", func(context.Context, *sql.Conn) error {
			close(held)
			<-end
			return nil
		})
	}()
	<-held
	return func() { close(end); must(t, <-done) }
}

// A full batch is one sync, and a write that fails takes nothing with it.
func TestBatchIsOneSync(t *testing.T) {
	r := newRecorder(t)
	l, err := openRecorded(t.Context(), r, place(t))
	must(t, err)
	defer func() { must(t, l.Close()) }()
	promised(t, l, 0) // the log is there

	refusal := errors.New("refused")
	batch := []*write{}
	for n := range maxBatch {
		batch = append(batch, writeOf(n))
	}
	batch[5].run = func(ctx context.Context, c *sql.Conn) error {
		return errors.Join(writeOf(1005).run(ctx, c), refusal)
	}
	let := hold(t, l)
	for _, w := range batch {
		l.queue <- w
	}
	r.mu.Lock()
	r.keep = true
	r.mu.Unlock()
	let()
	for n, w := range batch {
		if <-w.done; n != 5 && w.err != nil {
			t.Errorf("write %d: %v", n, w.err)
		}
	}
	syncs := 0
	for _, a := range r.actions {
		if a.kind == "sync" {
			syncs++
		}
	}
	if syncs != 1 || !errors.Is(batch[5].err, refusal) {
		t.Errorf("%d syncs; the refused write: %v", syncs, batch[5].err)
	}
	all, err := l.Active(t.Context())
	must(t, err)
	if len(all) != maxBatch-1 { // 0 was there already, 5 was refused
		t.Errorf("%d deliveries", len(all))
	}
	if _, found, err := l.FindKey(t.Context(), "ana", "key-1005"); found || err != nil {
		t.Errorf("what the refused write did is there: %v", err)
	}
}

// A caller who gives up while waiting has done nothing, for certain.
func TestGivenUpWhileWaiting(t *testing.T) {
	l := openAt(t, place(t))
	let := hold(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error)
	go func() {
		_, _, err := l.Promise(ctx, request(1))
		given <- err
	}()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	let()
	if _, found, err := l.FindKey(t.Context(), "ana", "key-1"); found || err != nil {
		t.Errorf("it was promised all the same: %v", err)
	}
	if _, err := l.Get(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a read that was given up: %v", err)
	}
	promised(t, l, 1)
}

// Close waits for what has been asked, and everything after it is refused.
func TestClose(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	var wait sync.WaitGroup
	kept := make([]bool, 100)
	for n := range kept {
		wait.Go(func() {
			_, _, err := l.Promise(context.Background(), request(n))
			if kept[n] = err == nil; !kept[n] && reason.Of(err) != reason.ShuttingDown {
				t.Error(err)
			}
		})
	}
	for range 2 {
		wait.Go(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	_, err := l.Get(t.Context(), 1)
	wantReason(t, err, reason.ShuttingDown)
	wantReason(t, l.Cancel(t.Context(), 1, moment), reason.ShuttingDown)
	wantReason(t, l.Check(t.Context()), reason.ShuttingDown)

	l = openAt(t, path)
	for n, want := range kept {
		if _, found, err := l.FindKey(t.Context(), "ana", request(n).Key); err != nil || found != want {
			t.Errorf("promise %d: found %t, want %t, %v", n, found, want, err)
		}
	}
}
