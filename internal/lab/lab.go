// Package lab starts the real programs, for the demonstration, the benchmarks
// and the tests of the whole.
package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Daemon is a server that was started.
type Daemon struct {
	PID int

	cmd   *exec.Cmd
	ready string
	ended chan struct{} // closed once err is set
	err   error
}

// Start starts a server in the directory dir, gives each line that it logs to
// line, and returns when it is ready. When ctx ends, so does the server.
func Start(ctx context.Context, dir string, line func(string), program string, args ...string) (*Daemon, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	// A group of its own: an interrupt typed at the terminal is for the
	// program that started it, which ends it in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &Daemon{PID: cmd.Process.Pid, cmd: cmd, ended: make(chan struct{})}
	ready := make(chan string, 1)
	go func() {
		defer close(d.ended)
		follow(log, line, ready)
		d.err = cmd.Wait()
	}()
	select {
	case d.ready = <-ready:
		return d, nil
	case <-d.ended:
		return nil, fmt.Errorf("%s did not start: %v", filepath.Base(program), d.err)
	}
}

// follow passes a server's log on line by line, and its ready line to ready too.
func follow(log io.Reader, line func(string), ready chan<- string) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		line(lines.Text())
		if strings.Contains(" "+lines.Text(), " ready ") {
			select {
			case ready <- lines.Text():
			default:
			}
		}
	}
}

// Port is the port that the server listens on for what name says, by its ready
// line; "" if that does not say.
func (d *Daemon) Port(name string) string {
	m := regexp.MustCompile(`\b` + name + `=127\.0\.0\.1:(\d+)`).FindStringSubmatch(d.ready)
	if m == nil {
		return ""
	}
	return m[1]
}

// Console is where the server's console is, a URL; "" where it has none.
func (d *Daemon) Console() string {
	m := regexp.MustCompile(`\bconsole=(https?://[^ ]*)`).FindStringSubmatch(d.ready)
	if m == nil {
		return ""
	}
	return m[1]
}

// Ended is closed when the server has ended.
func (d *Daemon) Ended() <-chan struct{} { return d.ended }

// Err is how it ended, once it has.
func (d *Daemon) Err() error { return d.err }

// Stop ends the server in order and waits for its end.
func (d *Daemon) Stop() {
	d.cmd.Process.Signal(syscall.SIGTERM)
	<-d.ended
}
