package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"videoclub/internal/config"
	"videoclub/internal/reason"
)

// The accounts are not looked at by --check, and where there have to be some it says so.
func TestCheckNamesAccounts(t *testing.T) {
	s := settings{Central: config.DefaultCentral(), videos: filepath.Join(t.TempDir(), "videos.txt")}
	if err := os.WriteFile(s.videos, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{"127.0.0.1:4100": false, ":4100": true} {
		var out bytes.Buffer
		s.Users = address
		if err := check(&out, s); err != nil || strings.Contains(out.String(), "account") != want {
			t.Errorf("%s: %v, says %q", address, err, out.String())
		}
	}
}

// A password that cannot be read is a mistake, and one that is not for who checks to
// read is none: its file is root's alone.
func TestCheckPassword(t *testing.T) {
	dir := t.TempDir()
	s := settings{Central: config.DefaultCentral(), videos: filepath.Join(dir, "videos.txt")}
	if err := os.WriteFile(s.videos, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Mail.PasswordFile = filepath.Join(dir, "none")
	if err := check(io.Discard, s); reason.Of(err) != reason.ConfigInvalid {
		t.Errorf("one that is not there: %v", err)
	}
	hidden := filepath.Join(dir, "hidden")
	if err := os.WriteFile(hidden, []byte("secret"), 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		asNobody(t, dir)
	}
	var out bytes.Buffer
	s.Mail.PasswordFile = hidden
	if err := check(&out, s); err != nil || !strings.Contains(out.String(), "not looked at: password_file") {
		t.Errorf("one that is not to be read: %v, says %q", err, out.String())
	}
}

// asNobody has the rest of a test of root's, in dir, open files as somebody else
// (setfsuid(2)), who has none of root's ways around their modes.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	for _, way := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(way, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "videos.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	// It is of this thread alone, as what a test does at its end is, too.
	runtime.LockOSThread()
	t.Cleanup(func() {
		if err := unix.Setfsuid(0); err == nil { // else the thread ends with the test
			runtime.UnlockOSThread()
		}
	})
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
}

// The installed server is meant where nothing says that a person starts one.
func TestService(t *testing.T) {
	for _, c := range []struct {
		options
		want bool
	}{
		{options{}, true},
		{options{config: standard}, true},
		{options{state: "/var/lib/vccs"}, true},
		{options{config: "mine.toml"}, false},
		{options{ports: []int{4100, 4101, 4102}}, false},
	} {
		if got := c.service(); got != c.want {
			t.Errorf("%+v: %v", c.options, got)
		}
	}
}
