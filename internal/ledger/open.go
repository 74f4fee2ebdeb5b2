package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"videoclub/internal/reason"
)

const (
	// busyTimeout, in ms, only matters when a person has the file open in
	// another program, for example to make a backup.
	busyTimeout = 5000
	// Page caches, in KiB. The working set is the active deliveries and the
	// upper levels of the indexes; the kernel caches the rest of the file.
	writerCache = 1024
	readerCache = 256
	// maxReaders bounds the connections that read, each with its own cache.
	maxReaders = 2
	// maxLog, in bytes, is to what the write-ahead log shrinks after it has
	// been folded into the file.
	maxLog = 4 << 20
)

// settings are what a test may choose otherwise.
type settings struct {
	vfs        string // the SQLite file layer; empty for the system's
	migrations []string
}

// Open opens the ledger at path. A missing file is made, mode 0600; so is its
// directory, mode 0700, but not the directory above. A directory that others
// may enter is refused, since SQLite puts files of its own beside the ledger.
// An older schema is brought up to date; a newer one, another program's file
// and a damaged file are errors, and are left as they are. A ledger is open
// once at a time: a second Open, of any process, fails with reason.Busy.
//
// A file that was not closed well is checked before it is used, which takes
// time in proportion to its size; a loss of power leaves nothing to mend, but
// the disk may not have kept its word. ctx bounds the opening alone.
func Open(ctx context.Context, path string) (*Ledger, error) {
	return open(ctx, path, settings{migrations: migrations()})
}

func open(ctx context.Context, path string, s settings) (_ *Ledger, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l := &Ledger{path: path, queue: make(chan *write, maxBatch), committed: make(chan struct{}), queued: make(chan struct{}, 1)}
	l.mailing.Store(&Mailing{})
	defer func() {
		if err != nil {
			_ = l.release() // err says more than what follows from it
		}
	}()
	if err := l.prepareFiles(); err != nil {
		return nil, l.explain(err, "opening")
	}
	clean := atRest(path)
	if err := l.connect(ctx, s); err != nil {
		return nil, l.explain(err, "opening")
	}
	if err := l.makeReady(ctx, s.migrations, clean); err != nil {
		return nil, l.explain(err, "opening")
	}
	go l.commitAll()
	return l, nil
}

// prepareFiles makes the directory and the file where they are missing, and
// takes the lock before the file is touched.
func (l *Ledger) prepareFiles() error {
	dir := filepath.Dir(l.path)
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return reason.New(reason.LedgerFailed, "ledger: the directory %s is open to other users (mode %#o): chmod 700 it", dir, mode)
	}
	if err := l.takeLock(); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	// SQLite syncs the directory for the files it makes itself, not for this.
	return syncDir(dir)
}

// takeLock takes a lock that ends with the process, on a file of its own:
// closing a descriptor of the ledger's file anywhere in the process would drop
// the POSIX locks that SQLite holds on it (fcntl(2), "Record locks").
func (l *Ledger) takeLock() error {
	lock, err := os.OpenFile(l.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	l.lock = lock
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return reason.New(reason.Busy, "ledger: another server uses %s; stop it, or give this one another state directory", l.path)
	}
	if err != nil {
		return &fs.PathError{Op: "flock", Path: lock.Name(), Err: err}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// atRest says whether the ledger was closed well: then SQLite has removed the
// log (https://sqlite.org/walformat.html, section 1.1).
func atRest(path string) bool {
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > 0 {
			return false
		}
	}
	return true
}

func (l *Ledger) connect(ctx context.Context, s settings) (err error) {
	if l.writer, err = sql.Open("sqlite", source(l.path, s.vfs, writerCache)); err != nil {
		return err
	}
	l.writer.SetMaxOpenConns(1)
	if l.conn, err = l.writer.Conn(ctx); err != nil {
		return err
	}
	if l.readers, err = sql.Open("sqlite", source(l.path, s.vfs, readerCache)+"&_query_only=1"); err != nil {
		return err
	}
	l.readers.SetMaxOpenConns(maxReaders)
	l.readers.SetMaxIdleConns(maxReaders)
	return nil
}

// source is the data source name of one connection. A write transaction takes
// the lock when it begins, not at its first write, where waiting is not
// possible any more.
func source(path, vfs string, cache int) string {
	query := url.Values{
		"_busy_timeout": {fmt.Sprint(busyTimeout)},
		"_txlock":       {"immediate"},
		"_synchronous":  {"FULL"}, // with WAL: every commit is synced before it returns
		"_foreign_keys": {"1"},
		"_defensive":    {"1"},
		"_dqs":          {"0"}, // a misspelt column is an error, not a text
		"_pragma": {
			fmt.Sprintf("cache_size(-%d)", cache),
			"mmap_size(0)", // a read error stays an error, it does not become SIGBUS
			fmt.Sprintf("journal_size_limit(%d)", maxLog),
			"cell_size_check(1)",
			"trusted_schema(0)",
		},
	}
	if vfs != "" {
		query.Set("vfs", vfs)
	}
	location := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return location.String()
}

// makeReady looks whose file it is before it changes anything in it.
func (l *Ledger) makeReady(ctx context.Context, migrations []string, clean bool) error {
	version, err := l.inspect(ctx, len(migrations))
	if err != nil {
		return err
	}
	if !clean {
		if err := l.verify(ctx, l.conn, "PRAGMA quick_check(1)"); err != nil {
			return err
		}
	}
	var mode string
	if err := l.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return reason.New(reason.LedgerFailed, "ledger %s: its file system cannot hold a write-ahead log (mode %s); put the state on a local disk", l.path, mode)
	}
	return l.migrate(ctx, migrations, version)
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// verify runs one of the integrity pragmas, which answer "ok" or the first
// fault that they find.
func (l *Ledger) verify(ctx context.Context, q querier, pragma string) error {
	var verdict string
	if err := q.QueryRowContext(ctx, pragma).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return l.damaged(errors.New(verdict))
	}
	return nil
}
