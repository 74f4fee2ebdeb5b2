package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"videoclub/internal/atomicfile"
	"videoclub/internal/reason"
)

// maxPins bounds the file of pins, in bytes.
const maxPins = 1 << 20

// Pins remembers which identity a name was first seen with, as ssh does for
// hosts: a file with a line `NAME IDENTITY` for each. Several processes may
// use it at once.
type Pins struct{ path string }

// OpenPins gives the pins in the file path, which is made when the first is set.
func OpenPins(path string) Pins { return Pins{path} }

// Path is where the pins are kept.
func (p Pins) Path() string { return p.path }

// Lookup gives the identity that name is pinned to, "" if it is to none.
func (p Pins) Lookup(name string) (string, error) {
	text, err := p.read()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name && ValidID(f[1]) {
			return f[1], nil
		}
	}
	return "", nil
}

// Check permits id for name if it is pinned to it, or to none yet; then first
// is called, and pins it by returning nil. Another identity is
// reason.IdentityChanged.
func (p Pins) Check(name, id string, first func() error) error {
	known, err := p.Lookup(name)
	switch {
	case err != nil:
		return err
	case known == id:
		return nil
	case known != "":
		return reason.New(reason.IdentityChanged, "%s was %s and now shows %s; if that is right, remove its line from %s", name, Short(known), Short(id), p.path)
	}
	if err := first(); err != nil {
		return err
	}
	return p.set(name, id)
}

// set pins name to id, unless it was pinned meanwhile.
func (p Pins) set(name, id string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) || !ValidID(id) {
		return reason.New(reason.Usage, "%q cannot be pinned to %.80q", name, id)
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	dir, err := os.Open(filepath.Dir(p.path))
	if err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	defer dir.Close() // and with it the lock
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("pins: locking %s: %w", dir.Name(), err)
	}
	known, err := p.Lookup(name)
	switch {
	case err != nil:
		return err
	case known == id:
		return nil
	case known != "":
		return reason.New(reason.IdentityChanged, "%s was pinned to %s at the same time", name, Short(known))
	}
	text, err := p.read()
	if err != nil {
		return err
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	return atomicfile.WriteFile(p.path, append(text, name+" "+id+"\n"...), 0o600)
}

func (p Pins) read() ([]byte, error) {
	text, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && len(text) > maxPins {
		err = fmt.Errorf("%s is larger than %d bytes", p.path, maxPins)
	}
	if err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	return text, nil
}
