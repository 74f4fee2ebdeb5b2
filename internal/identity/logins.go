package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"videoclub/internal/atomicfile"
	"videoclub/internal/reason"
)

// Logins remembers a person's logins: a file, mode 0600, with a line
// `IDENTITY SERVER TOKEN` for each server, the latest last. A token is shown to a
// server by its identity, whatever its address. Several processes may use it at
// once.
type Logins struct{ path string }

// OpenLogins gives the logins in the file path, which is made when the first is
// kept.
func OpenLogins(path string) Logins { return Logins{path} }

// Path is where the logins are kept.
func (l Logins) Path() string { return l.path }

// Keep remembers a login in the place of another at the same server.
func (l Logins) Keep(link Link) error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return fmt.Errorf("logins: %w", err)
	}
	dir, err := os.Open(filepath.Dir(l.path))
	if err != nil {
		return fmt.Errorf("logins: %w", err)
	}
	defer dir.Close() // and with it the lock
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("logins: locking %s: %w", dir.Name(), err)
	}
	all, err := l.read()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, other := range append(all, link) {
		if other != link && other.Identity == link.Identity {
			continue
		}
		fmt.Fprintf(&text, "%s %s %s\n", other.Identity, other.Server, other.Token)
	}
	return atomicfile.WriteFile(l.path, text.Bytes(), 0o600)
}

// Token gives the token for the server of an identity, "" without one.
func (l Logins) Token(id string) (string, error) {
	all, err := l.read()
	for _, link := range all {
		if link.Identity == id {
			return link.Token.String(), nil
		}
	}
	return "", err
}

// Latest gives the server that was logged in to last, "" for none.
func (l Logins) Latest() string {
	all, err := l.read()
	if err != nil || len(all) == 0 {
		return "" // what is wrong with the file is told when a token is needed
	}
	return all[len(all)-1].Server
}

// read reads the file; a line that is no login is passed over.
func (l Logins) read() (all []Link, err error) {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("logins: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("logins: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return nil, reason.New(reason.LoginInvalid, "others may read %s: chmod 600 it, and ask for new links if they may have", l.path)
	case info.Size() > maxPins:
		return nil, reason.New(reason.LoginInvalid, "%s is larger than %d bytes", l.path, maxPins)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPins))
	if err != nil {
		return nil, fmt.Errorf("logins: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		if link, err := ParseLink(linkBegin + fields[1] + "/" + fields[0] + "/" + fields[2]); err == nil {
			all = append(all, link)
		}
	}
	return all, nil
}
