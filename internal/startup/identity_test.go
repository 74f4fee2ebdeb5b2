package startup

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// The server that is meant is the installed one, unless another is named.
func TestServiceState(t *testing.T) {
	services := t.TempDir()
	installed := filepath.Join(services, "vccs")
	if err := os.Mkdir(installed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flag, configured, systemd, program, want string }{
		{program: "vccs", want: installed},
		{program: "vcvrs", want: "/own"}, // there is none
		{program: "vccs", flag: "x", want: "/own"},
		{program: "vccs", configured: "x", want: "/own"},
		{program: "vccs", systemd: "x", want: "/own"},
	} {
		t.Setenv("STATE_DIRECTORY", c.systemd)
		if got := serviceState(services, c.flag, c.configured, c.program, "/own"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// What is printed is the identity that the server has, and for a service that was
// not started yet none is made.
func TestPrintIdentity(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	state, handed := filepath.Join(t.TempDir(), "state"), t.TempDir()
	var out bytes.Buffer
	if err := printServiceIdentity(&out, "vccs", state, handed); reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), "start it once") {
		t.Errorf("before its first start: %v, %q", err, out.String())
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("its state was made: %v", err)
	}
	if err := PrintIdentity(&out, state); err != nil {
		t.Fatal(err)
	}
	own := out.String()
	if out.Reset(); printServiceIdentity(&out, "vccs", state, handed) != nil || out.String() != own {
		t.Errorf("the service is %q, and was %q", out.String(), own)
	}
	if _, err := identity.LoadOrCreate(handed); err != nil {
		t.Fatal(err)
	}
	if out.Reset(); printServiceIdentity(&out, "vccs", state, handed) != nil || out.String() == own || out.Len() != len(own) {
		t.Errorf("with a key that is handed over: %q", out.String())
	}
}
