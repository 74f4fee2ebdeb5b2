package startup

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"videoclub/internal/config"
	"videoclub/internal/reason"
	"videoclub/internal/sandbox"
	"videoclub/internal/worker"
)

func TestConfine(t *testing.T) {
	whole, old, none := sandbox.Kernel{Seccomp: true, Landlock: 7}, sandbox.Kernel{Seccomp: true, Landlock: 2}, sandbox.Kernel{}
	for _, c := range []struct {
		setting    string
		kernel     sandbox.Kernel
		refused    reason.Code
		unconfined bool
		says       string
	}{
		{config.SandboxAuto, whole, "", false, ""},
		{config.SandboxAuto, old, "", false, "TCP"},
		{config.SandboxAuto, none, "", false, "Landlock"},
		{config.SandboxRequire, whole, "", false, ""},
		{config.SandboxRequire, old, "", false, "TCP"},
		{config.SandboxRequire, none, reason.NoSandbox, false, ""},
		{config.SandboxOff, whole, "", true, "not confined"},
		{config.SandboxOff, none, "", true, "not confined"},
	} {
		var said bytes.Buffer
		var s worker.Spawner
		err := Confine(&s, c.setting, c.kernel, slog.New(slog.NewTextHandler(&said, nil)))
		if reason.Of(err) != c.refused || s.Unconfined != c.unconfined || (said.Len() > 0) != (c.says != "") || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s with %+v: %v, unconfined %v, says %q", c.setting, c.kernel, err, s.Unconfined, said.String())
		}
	}
}
