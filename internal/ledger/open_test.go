package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/reason"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd ?#%41&vfs=x", "ledger ñ?.db")
	l := openAt(t, path)
	promised(t, l, 1)
	if _, err := l.Active(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(entries) != 4 { // the file, its lock, log and index
		t.Errorf("the directory holds %v", entries)
	}
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if !strings.HasPrefix(e.Name(), "ledger ñ?.db") || info.Mode() != 0o600 {
			t.Errorf("%s has mode %s", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
}

// What the driver was asked for in its data source name is what it does; it
// takes a misspelt pragma without a word.
func TestConnectionSettings(t *testing.T) {
	l := openAt(t, place(t))
	reader, err := l.readers.Conn(t.Context())
	must(t, err)
	defer reader.Close()
	for _, c := range []struct {
		pragma         string
		writer, reader string
	}{
		{"journal_mode", "wal", "wal"}, {"synchronous", "2", "2"}, {"foreign_keys", "1", "1"}, {"busy_timeout", "5000", "5000"},
		{"cache_size", "-1024", "-256"}, {"mmap_size", "0", "0"}, {"journal_size_limit", "4194304", "4194304"},
		{"cell_size_check", "1", "1"}, {"trusted_schema", "0", "0"}, {"query_only", "0", "1"},
		{"user_version", fmt.Sprint(len(migrations())), fmt.Sprint(len(migrations()))}, {"application_id", fmt.Sprint(applicationID), fmt.Sprint(applicationID)},
	} {
		for conn, want := range map[*sql.Conn]string{l.conn: c.writer, reader: c.reader} {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", c.pragma, got, err, want)
			}
		}
	}
}

func TestOpenOnce(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	_, err := Open(t.Context(), path)
	wantReason(t, err, reason.Busy)
	must(t, l.Close())
	openAt(t, path)
}

// made makes a database with other means and gives its path.
func made(t *testing.T, statements string) string {
	t.Helper()
	path := place(t)
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.ExecContext(t.Context(), statements)
	must(t, errors.Join(err, db.Close()))
	return path
}

// What Open refuses, it says so that a person knows what to do, and it leaves
// the file as it was.
func TestOpenRefuses(t *testing.T) {
	marked := fmt.Sprintf("PRAGMA application_id = %d; ", applicationID)
	for _, c := range []struct {
		name, path, want string
	}{
		{"a newer schema", made(t, marked+fmt.Sprintf("PRAGMA user_version = %d; CREATE TABLE t (x)", len(migrations())+1)), "newer version"},
		{"another program's", made(t, "PRAGMA user_version = 1; CREATE TABLE t (x)"), "another program"},
		{"another program's without a version", made(t, "CREATE TABLE t (x)"), "another program"},
		{"no database", written(t, strings.Repeat("no database ", 400)), "damaged"},
		{"a cut file", written(t, "SQLite format 3\x00 and nothing after it"), "damaged"},
	} {
		before, err := os.ReadFile(c.path)
		must(t, err)
		l, err := Open(t.Context(), c.path)
		if err == nil {
			t.Errorf("%s was opened", c.name)
			must(t, l.Close())
			continue
		}
		if reason.Of(err) != reason.LedgerFailed || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", c.name, err)
		}
		if after, err := os.ReadFile(c.path); err != nil || string(after) != string(before) {
			t.Errorf("%s was changed: %v", c.name, err)
		}
	}
	path := place(t)
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	must(t, os.Chmod(filepath.Dir(path), 0o750))
	_, err := Open(t.Context(), path)
	wantReason(t, err, reason.LedgerFailed)
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made in a directory that others may enter")
	}
	_, err = Open(t.Context(), filepath.Join(path, "deeper", "still", "ledger.db"))
	wantReason(t, err, reason.LedgerFailed)
}

func written(t *testing.T, data string) string {
	t.Helper()
	return lay(t, map[string][]byte{"ledger.db": []byte(data)})
}

// A page that went bad is seen when the server did not end well, and when it is
// asked to look.
func TestDamageIsSeen(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	for n := range 20 {
		promised(t, l, n)
	}
	// Not a page of the schema, without which nothing can be opened.
	var page int
	must(t, l.conn.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'").Scan(&page))
	must(t, l.Close())
	data, err := os.ReadFile(path)
	must(t, err)
	copy(data[(page-1)*4096:], strings.Repeat("\xee", 64))
	must(t, os.WriteFile(path, data, 0o600))

	l, err = Open(t.Context(), path)
	must(t, err) // closed well: not searched
	err = l.Check(t.Context())
	must(t, l.Close())
	wantReason(t, err, reason.LedgerFailed)

	must(t, os.WriteFile(path+"-wal", []byte("left over"), 0o600))
	_, err = Open(t.Context(), path)
	wantReason(t, err, reason.LedgerFailed)
	if !strings.Contains(err.Error(), ".recover") {
		t.Errorf("it does not say what to do: %v", err)
	}
}

func TestMigrations(t *testing.T) {
	version := func(l *Ledger) (n int) {
		must(t, l.conn.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&n))
		return n
	}
	path := written(t, "") // version 0: an empty file, as a crash just after its making leaves it
	l := openAt(t, path)
	d := promised(t, l, 1)
	if version(l) != len(migrations()) {
		t.Errorf("a new ledger has version %d", version(l))
	}
	must(t, l.Close())

	further := append(migrations(), "ALTER TABLE receptions ADD COLUMN shade TEXT NOT NULL DEFAULT 'blue'")
	broken := append(further[:len(further):len(further)], "CREATE TABLE half (x); CREATE TABLE half (x)")
	_, err := open(t.Context(), path, settings{migrations: broken})
	wantReason(t, err, reason.LedgerFailed)
	if !strings.Contains(err.Error(), fmt.Sprintf("from version %d to %d", len(further), len(broken))) {
		t.Errorf("it does not say which step failed: %v", err)
	}

	l = openAt(t, path) // nothing of the broken steps was kept
	if version(l) != len(migrations()) || get(t, l, d.ID).Name != d.Name {
		t.Errorf("after a step that failed the version is %d", version(l))
	}
	must(t, l.Close())

	l, err = open(t.Context(), path, settings{migrations: further})
	must(t, err)
	if version(l) != len(further) || get(t, l, d.ID).Name != d.Name {
		t.Errorf("the step was not taken: version %d", version(l))
	}
	must(t, l.Close())
	_, err = Open(t.Context(), path)
	wantReason(t, err, reason.LedgerFailed)
}

// A ledger of the first version is taken up with what it holds.
func TestMigrationFromTheFirst(t *testing.T) {
	path := place(t)
	l, err := open(t.Context(), path, settings{migrations: migrations()[:1]})
	must(t, err)
	_, err = l.conn.ExecContext(t.Context(), `INSERT INTO deliveries (account, request_key, fingerprint, title, name, location, reception, address,
		mail, language, size, mtime_ns, inode, duration_ns, pace, max_pace, requested, earliest, deadline, plan_start, plan_end, state, sha256)
		VALUES ('', 'k', 'f', 1, 'n', '/l', 'sala', 'a', 'ana@example.org', 'es', 5, 6, 7, 8, 9, 0, 1, 0, 2, 0, 0, 'sending', '')`)
	must(t, err)
	must(t, l.Close())

	l = openAt(t, path)
	d := get(t, l, 1)
	if d.Mail != "ana@example.org" || d.State != Sending || d.Warnings != 0 || !d.Expected.IsZero() {
		t.Errorf("taken up as %+v", d)
	}
	l.SetMailing(allMail)
	must(t, l.Deposited(t.Context(), 1, []byte("{}"), "aa", moment))
	if mail, err := l.Outbox(t.Context(), 1); err != nil || len(mail) != 1 {
		t.Errorf("its mail is %+v, %v", mail, err)
	}
}

func TestOpenGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := place(t)
	if _, err := Open(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("opened with a context that had ended: %v", err)
	}
	openAt(t, path) // nothing of the first try is in the way
}
