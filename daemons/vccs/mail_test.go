package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"videoclub/internal/config"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

func TestReadPassword(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "" is refused
		why  string
	}{
		"good":       {"se cret\n", 0o600, "se cret", ""},
		"read only":  {"secret", 0o400, "secret", ""},
		"from DOS":   {"secret\r\n", 0o600, "secret", ""},
		"group":      {"secret\n", 0o640, "", "chmod 600"},
		"world":      {"secret\n", 0o604, "", "chmod 600"},
		"empty":      {"", 0o600, "", "one line"},
		"empty line": {"\n", 0o600, "", "one line"},
		"two lines":  {"secret\nmore\n", 0o600, "", "one line"},
		"a NUL":      {"sec\x00ret", 0o600, "", "one line"},
		"too long":   {strings.Repeat("s", maxPassword+1), 0o600, "", "one line"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := readPassword(path, 0o077)
		if got != c.want || (c.want == "") != (reason.Of(err) == reason.ConfigInvalid) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "none"), dir} {
		if _, err := readPassword(path, 0o077); reason.Of(err) != reason.ConfigInvalid {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What is not set about mail is as it can be on this machine.
func TestCompleteMail(t *testing.T) {
	s := settings{Central: config.DefaultCentral(), positional: true}
	if err := s.completeMail(); err != nil {
		t.Fatal(err)
	}
	if s.Mail.Server != "127.0.0.1:25" || s.Mail.From != "videoclub@"+s.host || s.host == "" {
		t.Errorf("with ports alone: %+v at %q", s.Mail, s.host)
	}
	s = settings{Central: config.DefaultCentral()}
	s.Mail.From, s.Mail.Events = "club@example.org", []string{"failed"}
	if err := s.completeMail(); err != nil || s.Mail.Server != "" {
		t.Errorf("configured: %+v, %v", s.Mail, err)
	}
	want := ledger.Mailing{Kinds: []ledger.MailKind{ledger.MailFailed}, Language: "es", Central: "34750f98", Domain: "example.org"}
	if got := s.mailing(strings.Repeat("34750f98", 8)); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for _, event := range config.DefaultCentral().Mail.Events {
		switch ledger.MailKind(event) {
		case ledger.MailDeposited, ledger.MailFailed, ledger.MailBroken:
		default:
			t.Errorf("the ledger writes no mail of %q", event)
		}
	}
}
