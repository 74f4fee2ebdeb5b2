package worker

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

// The kinds of worker that the tests start: this very program again.
const (
	tell   Kind = "tell"   // says what it sees around it
	echo   Kind = "echo"   // copies its connection back
	linger Kind = "linger" // lives until it is killed
	fail   Kind = "fail"
	crash  Kind = "crash"
	odd    Kind = "odd"
	parent Kind = "parent" // starts a worker of its own
	crowd  Kind = "crowd"  // makes more threads than it may have
	raise  Kind = "raise"  // starts one that becomes another program
	loose  Kind = "loose"  // the same, without a sandbox
	became Kind = "became" // is that program, and ends with its standard input
)

func TestMain(m *testing.M) {
	if Is(os.Args) {
		os.Exit(Run(os.Args, map[Kind]func(*Inside) error{
			tell: tellAll, echo: echoBack, linger: lingerOn, parent: startChild, crowd: makeThreads,
			raise: startEncoder(false), loose: startEncoder(true), Encode: becomeAnother, became: readOn,
			fail:  func(*Inside) error { return errors.New("said by control") },
			crash: func(*Inside) error { panic("a fault") },
			odd:   func(*Inside) error { os.Exit(77); return nil },
		}))
	}
	os.Exit(m.Run())
}

// seen is what a worker sees around it.
type seen struct {
	Args, Env []string
	Dir, Comm string
	Group     int
	PID       int
	Files     map[string]string // what each descriptor is
}

func tellAll(in *Inside) error {
	out, err := in.File("out")
	if err != nil {
		return err
	}
	s := seen{Args: os.Args, Env: os.Environ(), Group: unix.Getpgrp(), PID: os.Getpid(), Files: make(map[string]string)}
	s.Dir, _ = os.Getwd()
	comm, _ := os.ReadFile("/proc/self/comm")
	s.Comm = strings.TrimSpace(string(comm))
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			s.Files[e.Name()] = target
		}
	}
	return json.NewEncoder(out).Encode(s)
}

func echoBack(in *Inside) error {
	f, err := in.File("conn")
	if err != nil {
		return err
	}
	if _, err := in.File("conn"); err == nil {
		return errors.New("a descriptor was given twice")
	}
	c, err := net.FileConn(f)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(c, c)
	return err
}

// lingerOn says that it is there and then does nothing.
func lingerOn(in *Inside) error {
	out, err := in.File("out")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "here")
	return forever()
}

// forever does nothing until the process is killed. Any signal ends a pause, and the
// Go runtime sends some to its own threads.
func forever() error {
	for {
		unix.Pause()
	}
}

// makeThreads makes a thread more than a worker may have, and then does nothing.
func makeThreads(*Inside) error {
	for range mostThreads + threadsPerCore*runtime.NumCPU() {
		go func() {
			runtime.LockOSThread()
			select {}
		}()
	}
	return forever()
}

func startChild(in *Inside) error {
	out, err := in.File("out")
	if err != nil {
		return err
	}
	s, err := NewSpawner("test")
	if err != nil {
		return err
	}
	s.Unconfined = true
	if _, err := s.Start(Spec{Kind: linger, Label: "child", Files: []File{{"out", out}}}); err != nil {
		return err
	}
	return forever()
}

// startEncoder starts a worker that becomes another program, and has what it was
// given itself.
func startEncoder(free bool) func(*Inside) error {
	return func(in *Inside) error {
		input, errIn := in.File("in")
		out, errOut := in.File("out")
		s, err := NewSpawner("test")
		if err := errors.Join(errIn, errOut, err); err != nil {
			return err
		}
		s.Unconfined = free
		if _, err := s.Start(Spec{Kind: Encode, Label: "child", Files: []File{{"in", input}, {"out", out}}}); err != nil {
			return err
		}
		select {} // until it is killed
	}
}

// becomeAnother becomes this program again, as another one, by any thread but the
// first.
func becomeAnother(in *Inside) error {
	for standard, name := range []string{"in", "out"} {
		f, err := in.File(name)
		if err == nil {
			err = unix.Dup3(int(f.Fd()), standard, 0)
		}
		if err != nil {
			return err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	failed := make(chan error)
	var become func()
	become = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			go become()
			select {}
		}
		failed <- in.Become(program, []string{"another", marker, string(became), "child", unconfined})
	}
	go become()
	return <-failed
}

// readOn says that it is there, and when there is nothing more to read.
func readOn(*Inside) error {
	fmt.Println("here")
	_, err := io.Copy(io.Discard, os.Stdin)
	fmt.Println("ended")
	return err
}

func spawner(t *testing.T) *Spawner {
	t.Helper()
	s, err := NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	s.Unconfined = true // the kinds of these tests have no policy
	t.Cleanup(s.Close)
	return s
}

func start(t *testing.T, s *Spawner, kind Kind, files ...File) *Process {
	t.Helper()
	p, err := s.Start(Spec{Kind: kind, Label: "delivery=42", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); p.Exit() })
	return p
}

// pipe gives a pipe's end to read, and the other to pass as "out".
func pipe(t *testing.T) (*os.File, File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, File{"out", w}
}

// here waits until a worker that lingers is there.
func here(t *testing.T, r io.Reader) {
	t.Helper()
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "here\n" {
		t.Fatalf("the worker says %q: %v", line, err)
	}
}

// A worker has the descriptors that it was passed and no other, nothing of the
// environment, and a name by which ps tells it apart.
func TestWhatAWorkerSees(t *testing.T) {
	t.Setenv("A_SECRET", "of the supervisor")
	secret := filepath.Join(t.TempDir(), "secret")
	// Without O_CLOEXEC, like what a supervisor may have been started with.
	fd, err := unix.Open(secret, unix.O_CREAT|unix.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r, out := pipe(t)
	other, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, spawner(t), tell, out, File{"other", other})
	var s seen
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		t.Fatal(err)
	}
	if exit := p.Exit(); !exit.Said() || exit.String() != "is done" {
		t.Errorf("it %v", exit)
	}
	if want := []string{"test", "worker", "tell", "delivery=42", unconfined, "--out=3", "--other=4"}; !slices.Equal(s.Args, want) {
		t.Errorf("arguments %q instead of %q", s.Args, want)
	}
	if len(s.Env) != 0 || s.Dir != "/" || s.Comm != "test-tell" || s.Group != s.PID || s.PID != p.PID {
		t.Errorf("it sees %+v", s)
	}
	for number, target := range maps.All(s.Files) {
		// What the runtime and the look at /proc opened themselves.
		own := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/")
		if !own && !slices.Contains([]string{"0", "1", "2", "3", "4"}, number) {
			t.Errorf("descriptor %s is open: %s", number, target)
		}
	}
	if s.Files["0"] != os.DevNull || s.Files["1"] != os.DevNull || !strings.HasPrefix(s.Files["3"], "pipe:") || s.Files["4"] != os.DevNull {
		t.Errorf("its descriptors are %v", s.Files)
	}
}

// A socket works in the worker, closed in the supervisor, until the end of both.
func TestSocket(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	own, theirs := os.NewFile(uintptr(fds[0]), "own"), os.NewFile(uintptr(fds[1]), "theirs")
	defer own.Close()
	p := start(t, spawner(t), echo, File{"conn", theirs})
	if _, err := own.WriteString("hola"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(own, got); err != nil || string(got) != "hola" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := theirs.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the supervisor still has the worker's end: %v", err)
	}
	own.Close()
	if exit := p.Exit(); exit.Status != exitDone {
		t.Errorf("it %v", exit)
	}
}

func TestExits(t *testing.T) {
	s := spawner(t)
	for _, c := range []struct {
		kind Kind
		want string
		said bool
	}{
		{fail, "failed and said why", true}, {odd, "exited with status 77", false}, {"unheard_of", "was started wrongly", false},
	} {
		if exit := start(t, s, c.kind).Exit(); exit.String() != c.want || exit.Said() != c.said {
			t.Errorf("a worker of kind %s %v (%+v)", c.kind, exit, exit)
		}
	}
}

// Waiting for workers takes no thread for each of them.
func TestThreadsOfTheSupervisor(t *testing.T) {
	if fd, err := unix.PidfdOpen(os.Getpid(), 0); err != nil {
		t.Skipf("this kernel has no descriptors of processes: %v", err)
	} else {
		unix.Close(fd)
	}
	threads := func() int {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(tasks)
	}
	s, before := spawner(t), threads()
	const workers = 40
	for range workers {
		r, out := pipe(t)
		start(t, s, linger, out)
		here(t, r)
	}
	if now := threads(); now-before >= workers/2 {
		t.Errorf("with %d workers there are %d threads, %d before", workers, now, before)
	}
}

// A worker that makes threads without end is ended, and no other is.
func TestThreadsOfAWorker(t *testing.T) {
	s := spawner(t)
	r, out := pipe(t)
	other := start(t, s, linger, out)
	here(t, r)
	exit := start(t, s, crowd).ExitWithin(time.Minute)
	if said := exit.String(); exit.Said() || !strings.HasPrefix(said, "was killed, as it had ") {
		t.Errorf("it %s", said)
	}
	select {
	case <-other.Done():
		t.Errorf("another %v", other.Exit())
	default:
	}
	if tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", other.PID)); err != nil || threadsOf(other.PID) == 0 || threadsOf(other.PID) > mostThreads {
		t.Errorf("%d threads are counted of %d: %v", threadsOf(other.PID), len(tasks), err)
	}
}

// A panic is told from an error, and its trace reaches the supervisor's log.
func TestPanic(t *testing.T) {
	s := spawner(t)
	r, out := pipe(t)
	stderr := os.Stderr
	os.Stderr = out.File
	p, err := s.Start(Spec{Kind: crash, Label: "x"})
	os.Stderr = stderr
	out.File.Close()
	if err != nil {
		t.Fatal(err)
	}
	trace, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(trace), "panic: a fault") {
		t.Errorf("the trace is %q: %v", trace, err)
	}
	if exit := p.Exit(); exit.Status != exitPanic || exit.Said() || exit.String() != "crashed" {
		t.Errorf("it %v", exit)
	}
}

func TestKill(t *testing.T) {
	r, out := pipe(t)
	p := start(t, spawner(t), linger, out)
	here(t, r)
	select {
	case <-p.Done():
		t.Fatal("it has ended")
	default:
	}
	p.Kill()
	if exit := p.Exit(); exit.Signal != syscall.SIGKILL || exit.Said() || exit.String() != "was killed by SIGKILL" {
		t.Errorf("it %v (%+v)", exit, exit)
	}
	p.Kill() // it is safe afterwards
	if err := unix.Kill(p.PID, 0); err != unix.ESRCH {
		t.Errorf("it was not reaped: %v", err)
	}
}

func TestExitWithin(t *testing.T) {
	s := spawner(t)
	r, out := pipe(t)
	p := start(t, s, linger, out)
	here(t, r)
	if exit := p.ExitWithin(time.Millisecond); exit.Signal != syscall.SIGKILL {
		t.Errorf("a worker that stays %v", exit)
	}
	if exit := start(t, s, fail).ExitWithin(time.Minute); exit.Status != exitFailed {
		t.Errorf("a worker that goes %v", exit)
	}
}

// A worker of a kind that nobody has said what it may touch touches nothing.
func TestNoPolicyNoWork(t *testing.T) {
	s := spawner(t)
	s.Unconfined = false
	r, out := pipe(t)
	if exit := start(t, s, linger, out).Exit(); exit.Status != exitFree || exit.Said() || exit.String() != "could not be confined" {
		t.Errorf("it %v", exit)
	}
	if said, err := io.ReadAll(r); len(said) > 0 || err != nil {
		t.Errorf("it has worked: %q, %v", said, err)
	}
}

// No worker outlives its Spawner, nor a supervisor that is killed.
func TestNoneOutlives(t *testing.T) {
	s, err := NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	s.Unconfined = true // the kinds of these tests have no policy
	r, out := pipe(t)
	p := start(t, s, linger, out)
	here(t, r)
	s.Close()
	if exit := p.Exit(); exit.Signal != syscall.SIGKILL {
		t.Errorf("after Close it %v", exit)
	}
	kept, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(Spec{Kind: linger, Files: []File{{"out", kept}}}); reason.Of(err) != reason.ShuttingDown {
		t.Errorf("a Spawner that is closed: %v", err)
	}
	if err := kept.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a file stays open after a Start that failed: %v", err)
	}

	r, out = pipe(t)
	p = start(t, spawner(t), parent, out)
	here(t, r) // the child of the child
	p.Kill()
	// Both had the pipe open: it ends with the later of them.
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// Nor does what a worker has become outlive a supervisor that is killed, by whatever
// thread it did.
func TestNoneOutlivesAsAnother(t *testing.T) {
	for _, kind := range []Kind{raise, loose} {
		input, hold, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer hold.Close()
		r, out := pipe(t)
		p := start(t, spawner(t), kind, File{"in", input}, out)
		here(t, r)
		p.Kill()
		p.Exit()
		// It was sent its signal before that: it does not come to say that it ends.
		hold.Close()
		if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
			t.Errorf("%s: without its supervisor it says %q, %v", kind, rest, err)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"vccs"}, {"vccs", "4100", "worker"}, {"vccs", "workers"}} {
		if Is(args) {
			t.Errorf("%q is taken for a worker", args)
		}
	}
	for name, args := range map[string][]string{
		"too few": {"vccs", "worker", "read"}, "standard error": {"vccs", "worker", "read", "x", "--conn=2"}, "no number": {"vccs", "worker", "read", "x", "--conn=a"},
		"no value": {"vccs", "worker", "read", "x", "--conn"}, "not open": {"vccs", "worker", "read", "x", "--conn=9999"},
	} {
		if in, err := parse(args); err == nil {
			t.Errorf("%s: %+v", name, in)
		}
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	number := fmt.Sprintf("--a=%d", f.Fd())
	if _, err := parse([]string{"vccs", "worker", "read", "x", number, number}); err == nil {
		t.Error("a name was given twice")
	}
	in, err := parse([]string{"vccs", "worker", "read", "x", number})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.File("b"); err == nil {
		t.Error("a descriptor that was not passed was given")
	}
}
