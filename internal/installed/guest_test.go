//go:build root

package installed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/lab"
)

// A guest is a machine of qemu's with a camera and a sound card: the drivers of
// Debian's kernel that are made for tests. It has the packages installed and a
// systemd of its own, one of whose services is this test again.
//
// All its files are in its memory, so that it is as fast by its own clock however
// busy this machine is. It has a disk, to which it writes when all is over.
const (
	inGuest     = "VC_GUEST"
	guestMemory = 3072 // MiB, of which files may take half
	guestWithin = 20 * time.Minute

	// outDisk is how large the disk is that results are written to.
	outDisk = 1 << 30

	// program is this test, and results what it leaves, in the guest.
	program = "/usr/local/bin/scenario"
	results = "/out"
)

// guestDrivers are those that systemd loads: one camera of one kind, a sound card
// with one line, the disk, and what systemd itself would like to have.
var guestDrivers = map[string]string{
	"vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0", "snd-aloop": "pcm_substreams=1",
	"virtio_pci": "", "virtio_blk": "", "autofs4": "",
}

// scenarioService runs this test in the guest, which it switches off. What it
// leaves, the stores and the journal are written to its disk.
const scenarioService = `[Unit]
After=vccs.service vcvrs.service
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=exec
Environment=` + inGuest + `=1 LANG=C.UTF-8 HOME=/root
ExecStart=` + program + ` -test.v -test.timeout 10m -test.run ^TestDevices$
ExecStopPost=/bin/sh -c 'journalctl -b -o short-monotonic --no-pager > ` + results + `/journal; tar -cf /dev/vda -C ` + results + ` . -C /srv videoclub second'
TimeoutStopSec=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
`

// asleep are services of Debian's that have nothing to do in a guest.
var asleep = []string{"serial-getty@ttyS0.service", "opensmtpd.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "alsa-restore.service", "alsa-state.service"}

// guest installs the packages on a machine with the files besides, boots it, and
// gives the directory of what its test has left when it has switched itself off.
func guest(t *testing.T, besides map[string]string) string {
	t.Helper()
	kernel, err := lab.NewKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, "guest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	files, out, console := filepath.Join(dir, "files"), filepath.Join(dir, "out"), filepath.Join(dir, "console")
	installGuest(t, kernel, files, besides)
	if err := errors.Join(os.WriteFile(out, nil, 0o600), os.Truncate(out, outDisk)); err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(console)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	ctx, cancel := context.WithTimeout(t.Context(), guestWithin)
	defer cancel()
	c := kernel.Alone(ctx, files, guestMemory, "-drive", "file="+out+",format=raw,if=virtio,cache=unsafe")
	c.Stdout, c.Stderr = said, said
	started := time.Now()
	err = c.Run()
	text, _ := os.ReadFile(console)
	t.Logf("the guest ran for %v, and said:\n%s", time.Since(started).Round(time.Second), text)
	if err != nil {
		t.Fatalf("the guest did not switch itself off: %v", err)
	}
	left := filepath.Join(dir, "left")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, "tar", "-xf", out, "-C", left)
	if !strings.Contains(string(text), "--- PASS: "+t.Name()) {
		journal, _ := os.ReadFile(filepath.Join(left, "journal"))
		t.Fatalf("its journal:\n%s", journal)
	}
	return left
}

// installGuest makes the file at path that has the files of a guest.
func installGuest(t *testing.T, kernel lab.Kernel, path string, besides map[string]string) {
	t.Helper()
	from, err := lab.Base(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root := over(t, from)
	gone := processes(t, root)
	h := &host{t: t, root: root}
	h.carry("dist", packages(t, dist(), "deb", true))
	must(t, "chroot", root, "sh", "-c", "dpkg -i /root/dist/*.deb && rm -r /root/dist")
	gone()

	modules := filepath.Join(root, "usr/lib/modules", kernel.Version)
	if err := os.MkdirAll(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	var names []string
	load, options := "", ""
	for name, parameters := range guestDrivers {
		names = append(names, name)
		load += name + "\n"
		if parameters != "" {
			options += "options " + name + " " + parameters + "\n"
		}
	}
	drivers, err := kernel.Drivers(names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"modules.builtin", "modules.order"} {
		drivers = append(drivers, filepath.Join(kernel.Modules, name))
	}
	must(t, "cp", append(drivers, modules)...)
	must(t, "chroot", root, "depmod", kernel.Version)

	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	must(t, "install", "-m", "0755", own, root+program)
	for name, text := range map[string]string{
		"/etc/machine-id": "", "/etc/hostname": "studio\n", "/etc/hosts": "127.0.0.1 localhost studio second\n",
		"/etc/modules-load.d/devices.conf": load, "/etc/modprobe.d/devices.conf": options,
		"/etc/systemd/system/scenario.service": scenarioService,
	} {
		besides[name] = text
	}
	for name, text := range besides {
		if err := os.WriteFile(root+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "systemctl", append([]string{"--root=" + root, "mask"}, asleep...)...)
	must(t, "systemctl", "--root="+root, "enable", "scenario.service")
	if err := os.Mkdir(root+results, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/lib/systemd/systemd", root+"/init"); err != nil {
		t.Fatal(err)
	}
	files, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lab.WholeTree(files, root), files.Close()); err != nil {
		t.Fatal(err)
	}
}
