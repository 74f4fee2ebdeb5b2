package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// Keys are the server's to make: beside those that systemd hands over to it alone,
// others would be taken for its own by --identity while it is stopped.
func TestPairMakesNoKeys(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	state := filepath.Join(t.TempDir(), "state")
	code, err := identity.NewCode(strings.Repeat("0a", 32), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := pair(io.Discard, state, code); err != nil {
		t.Fatal(err)
	}
	if known, err := identity.OpenCentral(state).Identity(); known != code.Central || err != nil {
		t.Errorf("%q is trusted, %v", known, err)
	}
	keys := filepath.Join(state, "keys")
	if id, err := identity.Known(keys, ""); id != "" || err != nil {
		t.Errorf("it is %q by a key of its own, %v", id, err)
	}
	// The key of receipts alone is there where the other was moved away.
	if _, err := identity.LoadOrCreate(keys); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(keys, "tls.key")
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	if err := pair(io.Discard, state, code); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pair(io.Discard, state, code); reason.Of(err) != reason.KeysInvalid {
		t.Errorf("with a key that is damaged: %v", err)
	}
}

// Who may not write the state of the server is no fault of the program, and is told
// what to do.
func TestStateOfAnother(t *testing.T) {
	kept := fmt.Errorf("pairing: %w", &fs.PathError{Op: "open", Path: "/var/lib/vcvrs", Err: syscall.EACCES})
	if err := asOwner(false, "/var/lib/vcvrs", kept); reason.Of(err) != reason.NotPermitted || !strings.Contains(err.Error(), "as root") {
		t.Errorf("%v", err)
	}
	// Root has become its owner, who may not use what is another's there.
	if err := asOwner(true, "/var/lib/vcvrs", kept); reason.Of(err) != reason.NotPermitted || strings.Contains(err.Error(), "as root") {
		t.Errorf("as root: %v", err)
	}
	if err := asOwner(false, "/var/lib/vcvrs", syscall.ENOSPC); err != syscall.ENOSPC {
		t.Errorf("another error: %v", err)
	}
	if err := asOwner(false, "/var/lib/vcvrs", nil); err != nil {
		t.Errorf("none: %v", err)
	}
}
