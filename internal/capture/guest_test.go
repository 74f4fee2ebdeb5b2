//go:build root

package capture

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The devices are those of a guest: Debian's kernel under qemu, with drivers
// that are made for tests. Its first and only program is this test again.
const (
	guestEnds   = "the guest's tests:"
	guestMark   = "VC_GUEST=1"
	guestMemory = "512" // MiB
	bootWithin  = 4 * time.Minute
)

// guestModules are the drivers, with their parameters: one camera of one kind,
// and a sound card with one line, so that it can be held.
var guestModules = [][2]string{{"vivid", "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0"}, {"snd-aloop", "pcm_substreams=1"}}

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
	image, modules := kernel(t)
	program := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "test", "-c", "-tags", "root", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	disk := filepath.Join(t.TempDir(), "initrd")
	if err := os.WriteFile(disk, archive(t, program, modules), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bootWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", guestMemory,
		"-kernel", image, "-initrd", disk, "-append", "console=ttyS0 panic=-1 mitigations=off quiet",
		"-display", "none", "-serial", "stdio", "-no-reboot", "-nic", "none").CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !bytes.Contains(out, []byte(guestEnds+" <nil>")) {
		t.Errorf("the guest's tests did not pass: %v", err)
	}
}

// shell runs a command and gives what it prints.
func shell(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s %v: %v\n%s", name, args, err, exit.Stderr)
		}
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}

// kernel gives Debian's newest kernel and where its modules are, which are
// fetched once, and sees to it that qemu is there.
func kernel(t *testing.T) (image, modules string) {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		shell(t, "/", "apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86")
	}
	name := ""
	for _, word := range strings.Fields(shell(t, "/", "apt-cache", "depends", "linux-image-amd64")) {
		if strings.HasPrefix(word, "linux-image-") && word != "linux-image-amd64" {
			name = word
		}
	}
	if name == "" {
		t.Fatal("linux-image-amd64 depends on no kernel; apt-get update may help")
	}
	dir := filepath.Join("/var/cache/vc-lab", name)
	image = filepath.Join(dir, "boot", "vmlinuz-"+strings.TrimPrefix(name, "linux-image-"))
	if _, err := os.Stat(image); err != nil {
		half := dir + ".half"
		if err := errors.Join(os.RemoveAll(half), os.MkdirAll(half, 0o755)); err != nil {
			t.Fatal(err)
		}
		shell(t, half, "apt-get", "download", "-qq", name)
		packages, err := filepath.Glob(filepath.Join(half, "*.deb"))
		if err != nil || len(packages) != 1 {
			t.Fatalf("%v was fetched, %v", packages, err)
		}
		shell(t, half, "dpkg-deb", "-x", packages[0], half)
		if err := errors.Join(os.Remove(packages[0]), os.RemoveAll(dir), os.Rename(half, dir)); err != nil {
			t.Fatal(err)
		}
	}
	return image, filepath.Join(dir, "lib", "modules")
}

// archive makes the guest's file system: its program, and the modules in the
// order in which they are to be loaded.
func archive(t *testing.T, program, dir string) []byte {
	t.Helper()
	paths := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			paths[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	var need func(name string)
	need = func(name string) {
		path := paths[strings.ReplaceAll(name, "-", "_")]
		if path == "" {
			t.Fatalf("there is no module %s in %s", name, dir)
		}
		if slices.Contains(order, path) {
			return
		}
		for _, d := range depends(t, path) {
			need(d)
		}
		if !slices.Contains(order, path) {
			order = append(order, path)
		}
	}
	for _, m := range guestModules {
		need(m[0])
	}
	var out bytes.Buffer
	entry(t, &out, "init", 0o100755, program)
	for i, path := range order {
		entry(t, &out, fmt.Sprintf("%02d-%s", i, filepath.Base(path)), 0o100644, path)
	}
	for _, d := range []string{"dev", "proc", "sys", "tmp"} {
		entry(t, &out, d, 0o040755, "")
	}
	entry(t, &out, "TRAILER!!!", 0, "")
	return out.Bytes()
}

// depends gives the modules that one needs, by its section .modinfo.
func depends(t *testing.T, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		t.Fatalf("%s says nothing of itself", path)
	}
	info, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ",")
		}
	}
	return nil
}

// entry appends a file to an archive (initramfs buffer format of Linux:
// Documentation/driver-api/early-userspace/buffer-format.rst, "newc").
func entry(t *testing.T, out *bytes.Buffer, name string, mode int, path string) {
	t.Helper()
	var data []byte
	if path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	pad := func() { out.Write(make([]byte, -out.Len()&3)) }
	out.WriteString(name + "\x00")
	pad()
	out.Write(data)
	pad()
}

// guest is what the guest does: it loads the drivers, runs the tests, and
// switches itself off.
func guest() {
	for dir, kind := range map[string]string{"/dev": "devtmpfs", "/proc": "proc", "/sys": "sysfs", "/tmp": "tmpfs"} {
		if err := unix.Mount(kind, dir, kind, 0, ""); err != nil {
			fmt.Println("mount", dir, err)
		}
	}
	modules, err := filepath.Glob("/[0-9]*.ko")
	slices.Sort(modules)
	for _, path := range modules {
		args := ""
		for _, m := range guestModules {
			if strings.HasSuffix(path, "-"+m[0]+".ko") {
				args = m[1]
			}
		}
		f, err := os.Open(path)
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), args, 0)
		}
		if err != nil {
			fmt.Println("module", path, err)
		}
	}
	c := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestDevices$")
	c.Env = []string{guestMark, "TMPDIR=/tmp"}
	c.Stdout, c.Stderr = os.Stdout, os.Stdout
	fmt.Println(guestEnds, errors.Join(err, c.Run()))
	unix.Sync()
	fmt.Println(unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}
