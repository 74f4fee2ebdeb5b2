//go:build root

package e2e

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A guest is a machine of qemu's whose power can be taken away: Debian's kernel,
// and as its first program this test, which starts a reception.

func init() {
	if os.Getpid() == 1 {
		liveInGuest()
	}
}

// guestDrivers are what a guest needs besides its kernel: the disk, its file
// system and the network.
var guestDrivers = []string{"virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "virtio_net"}

const (
	guestPort  = "4102"
	guestStore = "/store"
)

// liveInGuest is the first process of a guest. It never returns: a kernel whose
// first process ends panics.
func liveInGuest() {
	said := func(what string, err error) {
		if err != nil {
			fmt.Println("guest:", what, err)
		}
	}
	for dir, kind := range map[string]string{"/dev": "devtmpfs", "/proc": "proc", "/sys": "sysfs"} {
		said(dir, unix.Mount(kind, dir, kind, 0, ""))
	}
	modules, err := filepath.Glob("/[0-9]*.ko")
	said("modules", err)
	slices.Sort(modules)
	for _, path := range modules {
		f, err := os.Open(path)
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), "", 0)
		}
		said(path, err)
	}
	said("the disk", unix.Mount("/dev/vda", guestStore, "ext4", 0, ""))
	said("the network", guestAddress("eth0", [4]byte{10, 0, 2, 15}))
	c := exec.Command("/vcvrs", "--open", "--state", guestStore+"/.state", "--store", guestStore, guestPort)
	c.Stdout, c.Stderr = os.Stdout, os.Stdout
	said("vcvrs", c.Run())
	select {} // until the power goes
}

// guestAddress gives an interface its address, as qemu's own network has it.
func guestAddress(name string, address [4]byte) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := r.SetInet4Addr(address[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCSIFADDR, r); err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r)
}

// shell runs a command and gives what it prints.
func shell(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, said.String())
	}
	return string(out)
}

// guestKernel gives Debian's kernel and its modules, which are got once and
// kept, and has qemu installed.
func guestKernel(t *testing.T) (image, modules string) {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		shell(t, "/", "apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86")
	}
	var name string
	for word := range strings.FieldsSeq(shell(t, "/", "apt-cache", "depends", "linux-image-amd64")) {
		if strings.HasPrefix(word, "linux-image-") && word != "linux-image-amd64" {
			name = word
		}
	}
	if name == "" {
		t.Fatal("no kernel is known to apt-get; apt-get update may help")
	}
	dir := filepath.Join("/var/cache/vc-lab", name)
	image = filepath.Join(dir, "boot", "vmlinuz-"+strings.TrimPrefix(name, "linux-image-"))
	if _, err := os.Stat(image); err != nil {
		fetch := t.TempDir()
		shell(t, fetch, "apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name)
		packages, err := filepath.Glob(filepath.Join(fetch, "*.deb"))
		if err != nil || len(packages) != 1 {
			t.Fatalf("fetched are %q, %v", packages, err)
		}
		shell(t, fetch, "dpkg-deb", "-x", packages[0], dir)
	}
	return image, filepath.Join(dir, "lib", "modules")
}

// guestFiles makes the guest's first file system (an initramfs in the format
// "newc" of Documentation/driver-api/early-userspace/buffer-format.rst).
func guestFiles(t *testing.T, modules string, programs map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	add := func(name string, mode int, data []byte) {
		pad := func() { out.Write(make([]byte, -out.Len()&3)) }
		fmt.Fprintf(&out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", 0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
		pad()
		out.Write(data)
		pad()
	}
	file := func(name, path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		add(name, 0o100755, data)
	}
	for _, dir := range []string{"dev", "proc", "sys", strings.TrimPrefix(guestStore, "/")} {
		add(dir, 0o040755, nil)
	}
	for name, path := range programs {
		file(name, path)
	}
	for i, path := range driversInOrder(t, modules) {
		file(fmt.Sprintf("%02d-%s", i, filepath.Base(path)), path)
	}
	add("TRAILER!!!", 0, nil)
	return out.Bytes()
}

// driversInOrder gives the modules that guestDrivers need, each after those that
// it depends on.
func driversInOrder(t *testing.T, dir string) (order []string) {
	t.Helper()
	paths := make(map[string]string)
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			paths[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var load func(name string)
	load = func(name string) {
		path := paths[strings.ReplaceAll(name, "-", "_")]
		if path == "" {
			t.Fatalf("there is no driver %s in %s", name, dir)
		}
		if slices.Contains(order, path) {
			return
		}
		f, err := elf.Open(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer f.Close()
		info, err := f.Section(".modinfo").Data()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for field := range strings.SplitSeq(string(info), "\x00") {
			if needs, ok := strings.CutPrefix(field, "depends="); ok && needs != "" {
				for need := range strings.SplitSeq(needs, ",") {
					load(need)
				}
			}
		}
		order = append(order, path)
	}
	for _, name := range guestDrivers {
		load(name)
	}
	return order
}

// guest is a running one.
type guest struct {
	cmd  *exec.Cmd
	said *log
}

// boot starts a guest with a disk at socket, whose reception is reached at port.
func boot(t *testing.T, image, files, socket, port string) *guest {
	t.Helper()
	g := &guest{said: newLog()}
	g.cmd = exec.Command("qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "384",
		"-kernel", image, "-initrd", files, "-append", "console=ttyS0 panic=-1 mitigations=off quiet",
		"-drive", "file=nbd:unix:"+socket+",format=raw,if=virtio,cache=writeback",
		"-netdev", "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:"+port+"-:"+guestPort, "-device", "virtio-net-pci,netdev=n,romfile=",
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot")
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.cmd.Stderr = os.Stderr
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			g.said.add(strings.TrimSuffix(lines.Text(), "\r"))
		}
	}()
	return g
}

// kill ends the guest as the loss of its power does.
func (g *guest) kill() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
}
