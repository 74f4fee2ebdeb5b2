//go:build root

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"videoclub/internal/lab"
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
	said("the drivers", lab.Begin(nil))
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
