package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/lab"
)

const hangup = syscall.SIGHUP

// daemon is one of the programs, over all its starts.
type daemon struct {
	t    *testing.T
	name string
	args []string
	on   *lab.Host // nil is this machine
	dir  string    // in which it is started; "" is that of the tests
	env  []string  // besides that of the tests
	log  *log
	cmd  *exec.Cmd     // nil while it does not run
	eof  chan struct{} // closed when nobody has its standard error any more
}

func newDaemon(t *testing.T, name string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, name: name, args: args, log: newLog()}
	t.Cleanup(func() {
		d.kill()
		for _, bad := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if line, found, _ := d.log.find(0, saying(bad)); found {
				t.Errorf("%s or a worker of it: %s", name, line)
			}
		}
		if t.Failed() {
			t.Logf("what %s said:\n%s", name, d.log.text())
		}
	})
	return d
}

// launch starts the daemon, waits until it is ready and gives the line that
// says so.
func (d *daemon) launch() string {
	d.t.Helper()
	from := d.log.mark()
	d.spawn()
	return d.log.await(d.t, from, func(line string) bool { return strings.Contains(line, "ready ") && field(line, "identity") != "" })
}

func (d *daemon) spawn() {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer w.Close()
	d.cmd = exec.Command(d.name, d.args...)
	d.cmd.Stderr = w
	d.cmd.Dir, d.cmd.Env = d.dir, append(os.Environ(), d.env...)
	// If the tests are killed, nothing of them stays.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := d.cmd.Start
	if d.on != nil {
		start = func() error { return d.on.Start(d.cmd) }
	}
	if err := start(); err != nil {
		r.Close()
		d.t.Fatal(err)
	}
	eof := make(chan struct{})
	d.eof = eof
	go func() {
		defer close(eof)
		defer r.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			d.log.add(lines.Text())
		}
	}()
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

func (d *daemon) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatalf("%s: %v", d.name, err)
	}
}

// kill ends the daemon as kill -9 does and waits until all that it had started
// is gone too: each worker has its standard error.
func (d *daemon) kill() {
	if d.cmd == nil {
		return
	}
	d.cmd.Process.Kill()
	d.gone()
}

// stop ends the daemon in order and gives its exit status.
func (d *daemon) stop() int {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	return d.gone()
}

func (d *daemon) gone() int {
	d.cmd.Wait()
	status := d.cmd.ProcessState.ExitCode()
	d.cmd = nil
	select {
	case <-d.eof:
	case <-time.After(patience):
		d.t.Errorf("workers of %s outlive it", d.name)
	}
	return status
}

// log is what a daemon says, line by line.
type log struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced at each line
}

func newLog() *log { return &log{more: make(chan struct{})} }

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// mark is a place in the log: what is said after it is new.
func (l *log) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

func (l *log) text() string { return strings.Join(l.all(0), "\n") }

// all gives the lines from a place on.
func (l *log) all(from int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[from:])
}

// find gives the first line from a place on that matches, and what is closed
// when there may be one.
func (l *log) find(from int, match func(string) bool) (line string, found bool, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.lines[from:], match); i >= 0 {
		return l.lines[from+i], true, nil
	}
	return "", false, l.more
}

// await waits for a line from a place on that matches.
func (l *log) await(t *testing.T, from int, match func(string) bool) string {
	t.Helper()
	line, ok := l.awaitFor(patience, from, match)
	if !ok {
		t.Fatal("what was waited for was not said")
	}
	return line
}

func (l *log) awaitFor(most time.Duration, from int, match func(string) bool) (string, bool) {
	late := time.After(most)
	for {
		line, found, more := l.find(from, match)
		if found {
			return line, true
		}
		select {
		case <-more:
		case <-late:
			return "", false
		}
	}
}

// saying matches lines that have all the words.
func saying(words ...string) func(string) bool {
	return func(line string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
	}
}

// field gives the value of an attribute in a line of the log, "" without it.
func field(line, name string) string {
	_, rest, _ := strings.Cut(line, " "+name+"=")
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		if value, err := strconv.Unquote(quoted); err == nil {
			return value
		}
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// number gives an attribute that is one.
func number(t *testing.T, line, name string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(field(line, name), 10, 64)
	if err != nil {
		t.Fatalf("%s in %q: %v", name, line, err)
	}
	return n
}

// worker is a running worker process.
type worker struct {
	pid   int
	kind  string
	label string
	files map[string]int // named descriptors in its arguments
}

// workers gives the running workers of the daemon, of a kind unless it is "".
func (d *daemon) workers(kind string) []worker {
	d.t.Helper()
	// All processes are looked through: the lists of children in proc(5) are
	// not to be relied on while some of them end.
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		d.t.Fatal(err)
	}
	var all []worker
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may have anything in it.
		after := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(after) < 2 || after[1] != strconv.Itoa(d.pid()) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			d.t.Fatal(err)
		}
		if w, ok := inspect(pid); ok && (kind == "" || w.kind == kind) {
			all = append(all, w)
		}
	}
	return all
}

// inspect reads a worker's arguments; false when it is none, or has ended.
func inspect(pid int) (worker, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	if err != nil || len(args) < 4 || args[1] != "worker" {
		return worker{}, false
	}
	w := worker{pid: pid, kind: args[2], label: args[3], files: make(map[string]int)}
	for _, a := range args[4:] {
		if a == "--unconfined" {
			continue
		}
		name, fd, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		if w.files[name], err = strconv.Atoi(fd); err != nil {
			return worker{}, false
		}
	}
	return w, true
}

func (w worker) kill() error { return syscall.Kill(w.pid, syscall.SIGKILL) }

// awaitWorkers polls until is holds for the workers of the daemon: there is
// nothing to wait on for a process of somebody else.
func (d *daemon) awaitWorkers(what, kind string, is func([]worker) bool) []worker {
	d.t.Helper()
	found, err := d.pollWorkers(patience, kind, is)
	if err != nil {
		d.t.Fatalf("%s: %s: %v; there are %v", d.name, what, err, found)
	}
	return found
}

func (d *daemon) pollWorkers(most time.Duration, kind string, is func([]worker) bool) ([]worker, error) {
	late := time.After(most)
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for {
		found := d.workers(kind)
		if is(found) {
			return found, nil
		}
		select {
		case <-every.C:
		case <-late:
			return found, errors.New("waited too long")
		}
	}
}

func none(all []worker) bool { return len(all) == 0 }
