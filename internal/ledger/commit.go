package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"modernc.org/sqlite"
)

// maxBatch is how many writes share one transaction at most: enough that the
// cost of a sync is spread thin, few enough that the first does not wait long
// for the last.
const maxBatch = 64

// write is one change that waits for the committer.
type write struct {
	run   func(context.Context, *sql.Conn) error
	taken atomic.Bool // by the committer, or by the caller who gave up
	err   error       // valid once done is closed
	done  chan struct{}
}

// commit runs f within a transaction, alone or with others that came at the
// same time, and returns when it is on disk. If f fails, what it did is undone
// and its error is returned. An error of ctx means that f did not run: once it
// runs, commit waits for the outcome, because an outcome that nobody knows is
// worse than a short wait.
//
// If the commit itself fails, f did not take effect in this process, but a
// crash before the next commit may bring it to light. Therefore everything
// that is written through commit can be asked for again.
func (l *Ledger) commit(ctx context.Context, doing string, f func(context.Context, *sql.Conn) error) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{run: f, done: make(chan struct{})}
	select {
	case l.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-w.done
	}
	return l.explain(w.err, doing)
}

// commitAll is the committer: one goroutine that owns the writing connection
// until the queue is closed. Writes that arrive during a sync form the next
// batch; nothing waits for a batch to fill.
func (l *Ledger) commitAll() {
	defer close(l.committed)
	batch := make([]*write, 0, maxBatch)
	for first := range l.queue {
		batch = l.gather(append(batch[:0], first))
		l.commitBatch(batch)
		clear(batch) // results are not kept alive by an idle committer
	}
}

// gather adds what is waiting and drops what was given up.
func (l *Ledger) gather(waiting []*write) []*write {
	for more := true; more && len(waiting) < maxBatch; {
		select {
		case w, ok := <-l.queue:
			if more = ok; ok {
				waiting = append(waiting, w)
			}
		default:
			more = false
		}
	}
	batch := waiting[:0]
	for _, w := range waiting {
		if w.taken.CompareAndSwap(false, true) {
			batch = append(batch, w)
		}
	}
	return batch
}

// commitBatch tells every writer the outcome after the commit, not before: a
// refusal, too, may rest on what another write of the same batch has done.
func (l *Ledger) commitBatch(batch []*write) {
	if len(batch) == 0 {
		return
	}
	err := l.apply(context.Background(), batch)
	for _, w := range batch {
		if err != nil {
			w.err = err
		}
		close(w.done)
	}
}

// apply runs the batch in one transaction, each write in a savepoint of its
// own. An error means that nothing of the batch took effect.
func (l *Ledger) apply(ctx context.Context, batch []*write) error {
	if err := l.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := func() error {
		for _, w := range batch {
			if err := l.applyOne(ctx, w); err != nil {
				return err
			}
		}
		return l.exec(ctx, "COMMIT")
	}()
	if err != nil {
		// After some errors SQLite has rolled back by itself
		// (https://sqlite.org/lang_transaction.html, section 3); then this
		// one fails, and err says why.
		_ = l.exec(ctx, "ROLLBACK")
	}
	return err
}

// applyOne keeps the error of a write that failed alone in w.err, and returns
// an error when the whole transaction is lost.
func (l *Ledger) applyOne(ctx context.Context, w *write) error {
	if err := l.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if w.err = w.run(ctx, l.conn); w.err != nil {
		if err := l.exec(ctx, "ROLLBACK TO one"); err != nil {
			// Where SQLite has rolled back everything, the savepoint is
			// gone, and the write's error is the cause.
			var failure *sqlite.Error
			if errors.As(w.err, &failure) {
				return failure
			}
			return err
		}
	}
	return l.exec(ctx, "RELEASE one")
}

func (l *Ledger) exec(ctx context.Context, statement string) error {
	_, err := l.conn.ExecContext(ctx, statement)
	return err
}
