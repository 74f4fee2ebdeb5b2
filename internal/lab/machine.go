package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// bootWithin is how long a machine may take to boot: it takes a second or
	// two, and longer where others use this one.
	bootWithin = time.Minute

	// stopWithin is how long it may take to stop.
	stopWithin = time.Minute
)

// Machine is a host with a systemd of its own and a tree of files of its own,
// which outlives its reboots. Its methods are for one goroutine, but Run and
// Write, which are for any.
type Machine struct {
	*Host
	dir    string // of what is written on it, and of its console
	leader int    // its process 1, as seen from here; 0 while it is off
	ended  chan struct{}
}

// Machine makes the host a machine, of the files of base. It is off.
func (h *Host) Machine(base string) (*Machine, error) {
	m := &Machine{Host: h, dir: filepath.Join(h.network.dir, h.Name)}
	for _, dir := range []string{m.path("upper"), m.path("work"), m.Root()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	options := "lowerdir=" + base + ",upperdir=" + m.path("upper") + ",workdir=" + m.path("work")
	if err := h.room.do(func() error { return unix.Mount("machine", m.Root(), "overlay", 0, options) }); err != nil {
		return nil, fmt.Errorf("the tree of %s: %w", h.Name, err)
	}
	// Empty, it gets an id at its first boot, and nobody is asked questions.
	if err := m.Write("/etc/machine-id", "", 0o444); err != nil {
		return nil, err
	}
	return m, m.Write("/etc/hostname", h.Name+"\n", 0o644)
}

func (m *Machine) path(name string) string { return filepath.Join(m.dir, name) }

// Root is where its files are, for programs of its Host alone.
func (m *Machine) Root() string { return m.path("root") }

// Write writes a file of the machine, with its directories.
func (m *Machine) Write(path, text string, mode os.FileMode) error {
	return m.Host.room.do(func() error {
		at := filepath.Join(m.Root(), path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, []byte(text), mode); err != nil {
			return err
		}
		return os.Chmod(at, mode) // whatever the mask is, and whoever was there
	})
}

// Boot turns the machine on and returns when all that it starts is started.
func (m *Machine) Boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	notify := m.path("notify")
	os.Remove(notify)
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer told.Close()
	defer context.AfterFunc(ctx, func() { told.Close() })()
	console, err := os.OpenFile(m.path("console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--notify-ready=yes", "--resolv-conf=off", "--timezone=off",
		"--bind-ro="+m.network.table()+":/etc/hosts", "--directory="+m.Root(), "--boot", "--console=pipe")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify)
	cmd.Stdout, cmd.Stderr = console, console
	// It ends with the thread of its room, and the machine ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := m.Start(cmd); err != nil {
		return err
	}
	m.ended = make(chan struct{})
	go func(ended chan struct{}) {
		defer close(ended)
		cmd.Wait()
		told.Close()
	}(m.ended)
	if err := m.ready(told); err != nil {
		cmd.Process.Kill()
		<-m.ended
		return fmt.Errorf("%s did not boot: %w; its console:\n%s", m.Name, err, m.Console())
	}
	return nil
}

// ready waits until the machine says that it is (sd_notify(3)), and for its
// process 1.
func (m *Machine) ready(told *net.UnixConn) error {
	m.leader = 0
	message := make([]byte, 4096)
	for {
		n, err := told.Read(message)
		if err != nil {
			return err
		}
		text := string(message[:n])
		if pid := regexp.MustCompile(`(?m)^X_NSPAWN_LEADER_PID=(\d+)$`).FindStringSubmatch(text); pid != nil {
			m.leader, _ = strconv.Atoi(pid[1])
		}
		if strings.Contains("\n"+text+"\n", "\nREADY=1\n") && m.leader > 0 {
			return nil
		}
	}
}

// Console is what it has printed.
func (m *Machine) Console() string {
	text, _ := os.ReadFile(m.path("console"))
	return string(text)
}

// Run runs a program on the machine, as root, and gives what it printed on
// standard output. The error has what it printed on standard error.
func (m *Machine) Run(ctx context.Context, program string, args ...string) (string, error) {
	enter := []string{"-t", strconv.Itoa(m.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", program}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root", "SYSTEMD_PAGER="}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %s %s: %w: %s", m.Name, program, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}

// Stop turns the machine off in order.
func (m *Machine) Stop() error {
	if m.leader == 0 {
		return nil
	}
	// It may be gone before the command has ended.
	m.Run(context.Background(), "systemctl", "poweroff")
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case <-m.ended:
		m.leader = 0
		return nil
	case <-late.C:
	}
	m.Unplug()
	return fmt.Errorf("%s did not stop within %v; its console:\n%s", m.Name, stopWithin, m.Console())
}

// Unplug ends all that runs on the machine at once.
func (m *Machine) Unplug() {
	if m.leader == 0 {
		return
	}
	unix.Kill(m.leader, unix.SIGKILL)
	<-m.ended
	m.leader = 0
}
