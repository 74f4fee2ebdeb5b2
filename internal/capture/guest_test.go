//go:build root

package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/lab"
)

// The devices are those of a guest: Debian's kernel under qemu, with drivers
// that are made for tests. Its first and only program is this test again.
const (
	guestEnds   = "the guest's tests:"
	guestMark   = "VC_GUEST=1"
	guestMemory = 512 // MiB
	bootWithin  = 10 * time.Minute
)

// guestModules are the drivers, with their parameters: one camera of one kind,
// and a sound card with one line, so that it can be held.
var guestModules = map[string]string{"vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0", "snd-aloop": "pcm_substreams=1"}

func TestMain(m *testing.M) {
	if os.Getpid() == 1 {
		guest()
	}
	os.Exit(m.Run())
}

// TestDevices boots the guest, and in the guest tries the real drivers.
func TestDevices(t *testing.T) {
	if os.Getenv("VC_GUEST") != "" {
		for _, r := range real {
			t.Run(r.name, r.test)
		}
		return
	}
	kernel, err := lab.NewKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "test", "-c", "-tags", "root", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	modules, err := kernel.Drivers(slices.Sorted(maps.Keys(guestModules))...)
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "initrd")
	files, err := os.Create(disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lab.Files(files, map[string]string{"init": program}, nil, modules), files.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bootWithin)
	defer cancel()
	out, err := kernel.Alone(ctx, disk, guestMemory).CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !bytes.Contains(out, []byte(guestEnds+" <nil>")) {
		t.Errorf("the guest's tests did not pass: %v", err)
	}
}

// guest is what the guest does: it loads the drivers, runs the tests, and
// switches itself off.
func guest() {
	err := lab.Begin(guestModules)
	c := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestDevices$")
	c.Env = []string{guestMark, "TMPDIR=/tmp"}
	c.Stdout, c.Stderr = os.Stdout, os.Stdout
	fmt.Println(guestEnds, errors.Join(err, c.Run()))
	unix.Sync()
	fmt.Println(unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}
