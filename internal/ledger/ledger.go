// Package ledger keeps what must outlive a crash: the deliveries that were
// promised, what happened to each, the mail that tells of it, and the receptions
// that are known. All SQL stands here.
//
// The file is an SQLite database in write-ahead mode. What a method that
// changes something has returned without an error is on disk: a loss of power
// a moment later does not undo it. Writers that come together share one
// transaction and one sync.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

// Ledger is an open ledger. Its methods may be called from many goroutines at
// once. Errors of the file itself carry reason.LedgerFailed; after Close every
// method gives reason.ShuttingDown.
type Ledger struct {
	path    string
	lock    *os.File
	writer  *sql.DB
	conn    *sql.Conn // the only connection that writes; the committer's own
	readers *sql.DB

	queue     chan *write
	committed chan struct{} // closed when the committer has ended

	mailing atomic.Pointer[Mailing]
	queued  chan struct{} // see Queued

	mu       sync.Mutex
	closed   bool
	calls    sync.WaitGroup // methods under way
	once     sync.Once
	closeErr error
}

// enter counts a call in, so that Close waits for it; leave counts it out.
func (l *Ledger) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return reason.New(reason.ShuttingDown, "ledger: it is closed")
	}
	l.calls.Add(1)
	return nil
}

func (l *Ledger) leave() { l.calls.Done() }

// Close refuses new calls, waits until those under way have ended, folds the
// write-ahead log into the file and lets go of it. A second Close waits for
// the first and gives the same result.
func (l *Ledger) Close() error {
	l.once.Do(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.calls.Wait()
		close(l.queue)
		<-l.committed
		l.closeErr = l.release()
	})
	return l.closeErr
}

// release closes what open had opened so far. The readers go first, so that
// the writer is the last connection and folds the log. The lock goes last:
// whoever gets it finds the file at rest.
func (l *Ledger) release() error {
	var errs []error
	if l.readers != nil {
		errs = append(errs, l.readers.Close())
	}
	if l.conn != nil {
		errs = append(errs, l.conn.Close())
	}
	if l.writer != nil {
		errs = append(errs, l.writer.Close())
	}
	err := l.explain(errors.Join(errs...), "closing")
	if l.lock != nil {
		// A child that is being started holds a copy of the descriptor until
		// its exec; unlocking lets go of the lock for the copy as well
		// (flock(2)). If it fails, closing still does so a little later.
		_ = unix.Flock(int(l.lock.Fd()), unix.LOCK_UN)
		err = errors.Join(err, l.lock.Close())
	}
	return err
}

// read runs f as a call that Close waits for, on the connections of readers.
func (l *Ledger) read(ctx context.Context, doing string, f func(context.Context, *sql.DB) error) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	return l.explain(f(ctx, l.readers), doing)
}

// Check reads the whole file and verifies its structure and indexes. It takes
// time in proportion to the file, and is meant for a start with --check.
func (l *Ledger) Check(ctx context.Context) error {
	return l.read(ctx, "checking", func(ctx context.Context, db *sql.DB) error {
		return l.verify(ctx, db, "PRAGMA integrity_check(1)")
	})
}
