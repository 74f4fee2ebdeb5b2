package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/config"
	"videoclub/internal/dropin"
	"videoclub/internal/reason"
	"videoclub/internal/startup"
)

// The token that systemd hands over is as good as that of the configuration, and
// without either no other machine gets in.
func TestLobbyToken(t *testing.T) {
	const token = "0123456789abcdef"
	s := settings{Reception: config.DefaultReception()}
	s.Console.Address = ":8443"
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, err := s.lobby(startup.Shown{}); reason.Of(err) != reason.ConfigInvalid {
		t.Errorf("without a token: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, dropin.ConsoleToken), []byte(token+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if l, err := s.lobby(startup.Shown{}); err != nil || !l.Token.Set() {
		t.Errorf("with one that was handed over: %v", err)
	}
}

// What keeps the server from starting by its token is found by --check, but for one
// that systemd may hand over, of which it says that it was not looked at.
func TestCheckToken(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	for name, text := range map[string]string{"good": "0123456789abcdef\n", "short": "0123\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		address, token string
		check          reason.Code
		unseen         bool
	}{
		{"127.0.0.1:8401", "", "", false}, {"", "", "", false}, {":8443", "good", "", false}, {":8443", "", "", true},
		{":8443", "none", reason.ConfigInvalid, false}, {":8443", "short", reason.ConfigInvalid, false}, {"127.0.0.1:8401", "none", reason.ConfigInvalid, false},
	} {
		s := settings{Reception: config.DefaultReception()}
		if s.Console.Address = c.address; c.token != "" {
			s.ConsoleToken = filepath.Join(dir, c.token)
		}
		var out bytes.Buffer
		err := s.check(&out)
		if reason.Of(err) != c.check || strings.Contains(out.String(), "console_token") != c.unseen || strings.Contains(out.String(), "is good") != (c.check == "") {
			t.Errorf("%q at %q: %v, says %q", c.token, c.address, err, out.String())
		}
	}
}

// A store that is not there, or is none, keeps the server from starting. One that is
// not named in full is the service's to find.
func TestCheckStore(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for store, want := range map[string]reason.Code{dir: "", ".": "", "films": "", filepath.Join(dir, "none"): reason.StoreFailed, file: reason.StoreFailed} {
		s := settings{Reception: config.DefaultReception()}
		s.Store = store
		var out bytes.Buffer
		if err := s.check(&out); reason.Of(err) != want {
			t.Errorf("%s: %v, says %q", store, err, out.String())
		}
	}
}
