package startup

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"videoclub/internal/reason"
)

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "" is refused
		why  string
	}{
		"good":       {"hunt er\n", 0o600, "hunt er", ""},
		"read only":  {"hunter", 0o400, "hunter", ""},
		"from DOS":   {"hunter\r\n", 0o600, "hunter", ""},
		"group":      {"hunter\n", 0o640, "", "chmod 600"},
		"world":      {"hunter\n", 0o604, "", "chmod 600"},
		"empty":      {"", 0o600, "", "one line"},
		"empty line": {"\n", 0o600, "", "one line"},
		"two lines":  {"hunter\nmore\n", 0o600, "", "one line"},
		"a NUL":      {"hun\x00ter", 0o600, "", "one line"},
		"too long":   {strings.Repeat("s", maxSecret+1), 0o600, "", "one line"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecret("password_file", "none", path)
		if got != c.want || (c.want == "") != (reason.Of(err) == reason.ConfigInvalid) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), "hunter")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), dir, pipe} {
		if _, err := ReadSecret("password_file", "none", path); reason.Of(err) != reason.ConfigInvalid {
			t.Errorf("%s: %v", path, err)
		}
	}
}
