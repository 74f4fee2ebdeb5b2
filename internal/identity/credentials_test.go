package identity

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/reason"
)

// What systemd hands over goes before what is in the state directory, and what
// it does not is as it would be without.
func TestCredentials(t *testing.T) {
	write := func(dir, name string, seed byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), printed(t, seeded(seed)), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		tls, receipt byte // 0: not handed over
		mode         os.FileMode
		made         bool // keys are made in the state directory
		refused      string
	}{
		"both":               {1, 2, 0o400, false, ""},
		"by an access list":  {1, 2, 0o440, false, ""},
		"the identity alone": {1, 0, 0o400, true, ""},
		"receipts alone":     {0, 2, 0o400, true, ""},
		"none":               {0, 0, 0, true, ""},
		"one key twice":      {1, 1, 0o400, false, "the same key"},
		"readable by all":    {1, 2, 0o444, false, "has mode 0444"},
	} {
		state, given := filepath.Join(t.TempDir(), "keys"), t.TempDir()
		if c.tls != 0 {
			write(given, tlsFile, c.tls, c.mode)
		}
		if c.receipt != 0 {
			write(given, receiptFile, c.receipt, c.mode)
		}
		k, err := Load(state, given)
		if c.refused != "" {
			if reason.Of(err) != reason.KeysInvalid || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want %q", name, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.tls != 0 && !k.TLS.Equal(seeded(c.tls)) || c.receipt != 0 && !k.Receipt.Equal(seeded(c.receipt)) {
			t.Errorf("%s: other keys are used", name)
		}
		if _, err := os.Stat(state); (err == nil) != c.made {
			t.Errorf("%s: keys in the state directory: %v", name, err)
		}
		if again, err := Load(state, given); err != nil || !equal(k, again) {
			t.Errorf("%s: other keys the second time (%v)", name, err)
		}
		if id, err := Known(state, given); err != nil || id != ID(k.TLS.Public().(ed25519.PublicKey)) {
			t.Errorf("%s: known by %q, %v", name, id, err)
		}
	}
	// A key that was moved to where systemd reads it from is missed by nobody, and no
	// other is made in its place: while it is not handed over that would be who the
	// server is.
	for moved, stays := range map[string]string{tlsFile: receiptFile, receiptFile: tlsFile} {
		state, given := t.TempDir(), t.TempDir()
		if err := os.Chmod(state, 0o700); err != nil {
			t.Fatal(err)
		}
		write(state, stays, 1, 0o600)
		write(given, moved, 2, 0o400)
		if _, err := Load(state, given); err != nil {
			t.Errorf("%s is handed over: %v", moved, err)
		}
		if _, err := os.Stat(filepath.Join(state, moved)); err == nil {
			t.Errorf("%s is made, and was handed over", moved)
		}
	}
	// One that lies here too was copied and not moved, so that there was another beside
	// it: who knows the server by that would refuse it with a new one.
	copied, copies := t.TempDir(), t.TempDir()
	if err := os.Chmod(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	write(copied, receiptFile, 1, 0o600)
	write(copies, receiptFile, 1, 0o400)
	if _, err := Load(copied, copies); reason.Of(err) != reason.KeysInvalid {
		t.Errorf("the TLS key is lost beside one that is handed over as well: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if id, err := Known(dir, t.TempDir()); id != "" || err != nil {
		t.Errorf("before there are keys: %q, %v", id, err)
	}
	k, err := Load(dir, "")
	if own, again := LoadOrCreate(dir); err != nil || again != nil || !equal(k, own) {
		t.Errorf("without credentials: %v, %v", err, again)
	}
}
