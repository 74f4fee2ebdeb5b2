//go:build root

package installed

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bootWithin is how long a host may take to be ready on a busy machine, and to
// go down.
const bootWithin = 2 * time.Minute

// tree is a tree of Debian of its own: the base, and what is changed over it. It
// is gone after the test.
func tree(t *testing.T) string {
	t.Helper()
	return over(t, base)
}

// over is a tree of its own over another one.
func over(t *testing.T, base string) string {
	t.Helper()
	dir, err := os.MkdirTemp(cache, "installed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	root := filepath.Join(dir, "root")
	for _, name := range []string{"root", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	layers := "lowerdir=" + base + ",upperdir=" + filepath.Join(dir, "upper") + ",workdir=" + filepath.Join(dir, "work")
	if err := syscall.Mount("overlay", root, "overlay", 0, layers); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	return root
}

// processes mounts /proc in a tree for what is run there, as systemd-tmpfiles(8)
// needs it, and gives what takes it away before the test ends.
func processes(t *testing.T, root string) (gone func()) {
	t.Helper()
	if err := syscall.Mount("proc", root+"/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	gone = sync.OnceFunc(func() {
		if err := syscall.Unmount(root+"/proc", 0); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(gone)
	return gone
}

// host is a machine that was booted: a tree with its own systemd, processes and
// network, in which there is the loopback alone.
type host struct {
	t      *testing.T
	root   string
	leader string // process of its systemd
}

// boot boots a tree, and waits until systemd says that it is ready.
func boot(t *testing.T, root string) *host {
	t.Helper()
	said := filepath.Join(t.TempDir(), "notify")
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: said, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	c := exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--notify-ready=yes",
		"--directory="+root, "--boot", "--console=pipe")
	c.Env = append(os.Environ(), "NOTIFY_SOCKET="+said)
	var console bytes.Buffer
	c.Stdout, c.Stderr = &console, &console
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, root: root}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() { h.halt(c, ended, &console) })

	if err := ready.SetReadDeadline(time.Now().Add(bootWithin)); err != nil {
		t.Fatal(err)
	}
	for message := make([]byte, 4096); ; {
		n, err := ready.Read(message)
		if err != nil {
			t.Fatalf("the host did not boot: %v", err)
		}
		// sd_notify(3): what nspawn knows, and what the host's systemd says.
		for line := range strings.Lines(string(message[:n])) {
			if pid, ok := strings.CutPrefix(strings.TrimSpace(line), "X_NSPAWN_LEADER_PID="); ok {
				h.leader = pid
			}
			if strings.TrimSpace(line) == "READY=1" && h.leader != "" {
				return h
			}
		}
	}
}

// halt turns the host off, and looks whether everything of it ended.
func (h *host) halt(c *exec.Cmd, ended <-chan error, console *bytes.Buffer) {
	if h.leader != "" {
		h.try("systemctl", "poweroff")
	} else {
		_ = c.Process.Kill()
	}
	select {
	case <-ended:
	case <-time.After(bootWithin):
		_ = c.Process.Kill()
		h.t.Errorf("the host did not go down: %v", <-ended)
	}
	if h.t.Failed() {
		h.t.Logf("the console of the host:\n%s", console)
	}
}

// command is a command in the host.
func (h *host) command(name string, args ...string) *exec.Cmd {
	c := exec.Command("nsenter", append([]string{"-t", h.leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", name}, args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	return c
}

// run runs a command in the host, which has to succeed, and gives what it printed.
func (h *host) run(name string, args ...string) string {
	h.t.Helper()
	out, err := h.command(name, args...).CombinedOutput()
	if err != nil {
		journal, _ := h.command("journalctl", "-b", "-n", "60", "--no-pager").CombinedOutput()
		h.t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, journal)
	}
	return strings.TrimSpace(string(out))
}

// try runs a command in the host, and gives what it printed however it ended.
func (h *host) try(name string, args ...string) string {
	out, _ := h.command(name, args...).CombinedOutput()
	return strings.TrimSpace(string(out))
}

// property is a property of a unit.
func (h *host) property(unit, name string) string {
	h.t.Helper()
	return h.run("systemctl", "show", "--property="+name, "--value", unit)
}

// noneFailed looks whether no unit of the host has failed.
func (h *host) noneFailed() {
	h.t.Helper()
	if failed := h.run("systemctl", "list-units", "--failed", "--no-legend", "--plain"); failed != "" {
		h.t.Errorf("failed units:\n%s\n%s", failed, h.try("journalctl", "-b", "-p", "warning", "--no-pager"))
	}
}

// owned says who owns a path in a tree, and its mode: "0:0 644".
func owned(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	return strconv.Itoa(int(s.Uid)) + ":" + strconv.Itoa(int(s.Gid)) + " " + strconv.FormatUint(uint64(info.Mode().Perm()), 8)
}

// exists says whether there is something at a path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
