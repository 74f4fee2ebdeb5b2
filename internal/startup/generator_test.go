package startup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"videoclub/internal/dropin"
	"videoclub/internal/reason"
)

func TestGenerator(t *testing.T) {
	good := []dropin.Dropin{{Unit: "vcvrs.socket", Text: "[Socket]\n"}}
	for name, c := range map[string]struct {
		dropins []dropin.Dropin
		err     error
		status  int
		want    string
	}{
		"good":    {good, nil, 0, "[Socket]\n"},
		"none":    {nil, &fs.PathError{Op: "open", Path: "vcvrs.toml", Err: fs.ErrNotExist}, 0, ""},
		"invalid": {good, errors.New("vcvrs.toml:1: is not TOML"), 1, ""},
	} {
		dir := t.TempDir()
		args := []string{"vcvrs", "generator", dir, "early", "late"}
		if !IsGenerator(args) {
			t.Error("it is no generator")
		}
		if got := Generator(args, "vcvrs.toml", func(string) ([]dropin.Dropin, error) { return c.dropins, c.err }); got != c.status {
			t.Errorf("%s: status %d", name, got)
		}
		text, _ := os.ReadFile(filepath.Join(dir, "vcvrs.socket.d", dropin.File))
		if string(text) != c.want {
			t.Errorf("%s: %q", name, text)
		}
	}
	if got := Generator([]string{"vcvrs", "generator"}, "vcvrs.toml", nil); got != 2 {
		t.Errorf("without a directory: status %d", got)
	}
	if IsGenerator([]string{"vcvrs", "4102"}) || IsGenerator([]string{"vcvrs"}) {
		t.Error("a server is no generator")
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if at, forbidden := Secret("mail-password", "/etc/vc/secret"); at != "/etc/vc/secret" || forbidden != 0o077 {
		t.Errorf("without credentials: %s %o", at, forbidden)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if at, _ := Secret("mail-password", "/etc/vc/secret"); at != "/etc/vc/secret" {
		t.Errorf("without this one: %s", at)
	}
	own := filepath.Join(dir, "mail-password")
	if err := os.WriteFile(own, nil, 0o440); err != nil {
		t.Fatal(err)
	}
	if at, forbidden := Secret("mail-password", "/etc/vc/secret"); at != own || forbidden != 0o037 {
		t.Errorf("with it: %s %o", at, forbidden)
	}
}

// A path that the unit keeps from the daemon is explained under systemd alone.
func TestConfined(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	denied := reason.Wrap(reason.StoreFailed, syscall.EROFS, "the store")
	if err := Confined(denied, "vcvrs.socket"); err != denied {
		t.Errorf("without systemd: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", "/run/systemd/notify")
	err := Confined(denied, "vcvrs.socket")
	if reason.Of(err) != reason.StoreFailed || !strings.Contains(err.Error(), "run: systemctl daemon-reload && systemctl restart vcvrs.socket") {
		t.Errorf("under systemd: %v", err)
	}
	if other := errors.New("another"); Confined(other, "vcvrs.socket") != other {
		t.Error("another error is changed")
	}
}
