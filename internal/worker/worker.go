// Package worker starts a supervisor's worker processes, which are its own
// executable again, with descriptors passed by name, and sees to their end:
// every worker is reaped, none outlives its supervisor, and a restart has a budget.
package worker

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
	"videoclub/internal/sandbox"
)

// Kind says what a worker is for; DESIGN's table of processes says what each
// may touch.
type Kind string

// The kinds of worker.
const (
	Read    Kind = "read"    // the source: read, digest, compress
	Send    Kind = "send"    // the sender's end of the connection
	Receive Kind = "receive" // the receiver's end of the connection
	Store   Kind = "store"   // the partial file: inflate, check, digest, write
	Session Kind = "session" // a user's or administrator's connection
	Mail    Kind = "mail"    // the connection to the mail server
	Survey  Kind = "survey"  // a source: how long it lasts, its digest
	Capture Kind = "capture" // a camera or microphone: take, encode
	Record  Kind = "record"  // a recording: join, append to its spool
	Encode  Kind = "encode"  // pictures: becomes the program that encodes them
)

// marker is the first argument of every worker.
const marker = "worker"

// unconfined is the argument of a worker that is to have no sandbox.
const unconfined = "--unconfined"

// firstFile is the number of the first descriptor passed: after stdin, stdout
// and stderr.
const firstFile = 3

// Exit statuses of a worker (STYLE 17). Go itself exits with 2 after a panic.
const (
	exitDone   = 0
	exitFailed = 1  // it has said why by its control connection
	exitPanic  = 2  // the trace is in the supervisor's log
	exitUsage  = 64 // its arguments or descriptors were wrong
	exitFree   = 65 // it could not be confined, and did nothing
)

// File is a descriptor to pass, with its name.
type File struct {
	Name string
	File *os.File
}

// Spec says what to start.
type Spec struct {
	Kind  Kind
	Label string // what it works for, to be seen in ps: "delivery=42"
	Files []File // Start closes them, whether or not it succeeds
}

// Spawner starts workers. The kernel kills a worker when the thread that
// started it ends (prctl(2), PR_SET_PDEATHSIG; golang/go#27505), so all are
// started by one thread which lives as long as the Spawner.
type Spawner struct {
	// Unconfined leaves the workers to come without their sandbox.
	Unconfined bool

	program string
	start   chan func()
	done    chan struct{}

	mu        sync.Mutex
	running   map[Kind]int
	processes map[*Process]struct{} // those not reaped yet
}

// NewSpawner makes a Spawner for the running executable, which ps shows under
// the name program. From here on no descriptor of the supervisor reaches a
// worker unless it is passed, those that it was started with included.
func NewSpawner(program string) (*Spawner, error) {
	if err := unix.CloseRange(firstFile, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("worker: close_range: %w", err)
	}
	s := &Spawner{program: program, start: make(chan func()), done: make(chan struct{}), running: make(map[Kind]int), processes: make(map[*Process]struct{})}
	go s.watch()
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for {
			select {
			case f := <-s.start:
				f()
			case <-s.done:
				return
			}
		}
	}()
	return s, nil
}

// Close ends the Spawner, and with it every worker that still runs.
func (s *Spawner) Close() { close(s.done) }

// Start starts a worker.
func (s *Spawner) Start(spec Spec) (*Process, error) {
	defer func() {
		for _, f := range spec.Files {
			f.File.Close()
		}
	}()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	defer null.Close()
	argv := []string{s.program, marker, string(spec.Kind), spec.Label}
	if s.Unconfined {
		argv = append(argv, unconfined)
	}
	files := []*os.File{null, null, os.Stderr}
	for i, f := range spec.Files {
		argv = append(argv, fmt.Sprintf("--%s=%d", f.Name, firstFile+i))
		files = append(files, f.File)
	}
	attr := &os.ProcAttr{
		Dir:   "/",
		Env:   []string{}, // nothing of the supervisor's environment is a worker's business
		Files: files,
		// A group of its own: an interrupt typed at the terminal is for the
		// supervisor, which ends its workers in order.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	}
	var process *os.Process
	started := make(chan struct{})
	select {
	case s.start <- func() {
		defer close(started)
		process, err = os.StartProcess("/proc/self/exe", argv, attr)
	}:
	case <-s.done:
		return nil, reason.New(reason.ShuttingDown, "no worker is started any more")
	}
	<-started
	if err != nil {
		return nil, reason.Wrap(reason.WorkerFailed, err, "starting a %s worker", spec.Kind)
	}
	p := &Process{Kind: spec.Kind, PID: process.Pid, process: process, done: make(chan struct{})}
	s.mu.Lock()
	s.running[spec.Kind]++
	s.processes[p] = struct{}{}
	s.mu.Unlock()
	go func() {
		p.reap()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running[spec.Kind]--
		delete(s.processes, p)
	}()
	return p, nil
}

// Running is how many workers of each kind that was ever started there are.
func (s *Spawner) Running() map[Kind]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.running)
}

// Process is a worker that was started.
type Process struct {
	Kind Kind
	PID  int

	process *os.Process
	crowd   atomic.Int64 // how many threads it had when it was killed for them
	kill    sync.Once
	done    chan struct{}
	exit    Exit
}

// reap waits for the process's end; it runs for every worker started.
func (p *Process) reap() {
	defer close(p.done)
	p.ended()
	state, err := p.process.Wait()
	if err != nil {
		p.exit = Exit{Status: -1, lost: err}
		return
	}
	status := state.Sys().(syscall.WaitStatus)
	p.exit = Exit{Status: status.ExitStatus()}
	if status.Signaled() {
		p.exit.Signal, p.exit.threads = status.Signal(), p.crowd.Load()
	}
}

// ended waits for the process's end by a descriptor of it (pidfd_open(2)), as for
// what comes by a connection: Wait alone takes a thread of the supervisor for as
// long as the worker lives. Where the kernel has none, before Linux 5.3, it returns at once.
func (p *Process) ended() {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	// What fails here leaves it to Wait to wait.
	conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}

// Kill ends the worker at once. It is safe at any time, also after its end.
func (p *Process) Kill() { p.kill.Do(func() { p.process.Kill() }) }

// Done is closed once the worker has ended and is reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit waits for the worker's end and says what it was.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// ExitWithin waits for the worker's end for at most grace, then kills it.
func (p *Process) ExitWithin(grace time.Duration) Exit {
	timer := time.AfterFunc(grace, p.Kill)
	defer timer.Stop()
	return p.Exit()
}

// Exit is how a worker ended.
type Exit struct {
	Status int            // -1 if it was ended by a signal
	Signal syscall.Signal // 0 if it exited by itself
	lost   error

	threads int64 // for which it was killed, or 0
}

// Said says whether the worker ended by itself and either did its work or
// said by its control connection why it could not.
func (e Exit) Said() bool { return e.Signal == 0 && (e.Status == exitDone || e.Status == exitFailed) }

func (e Exit) String() string {
	switch {
	case e.lost != nil:
		return fmt.Sprintf("could not be waited for: %v", e.lost)
	case e.threads != 0:
		return fmt.Sprintf("was killed, as it had %d threads", e.threads)
	case e.Signal != 0:
		return "was killed by " + unix.SignalName(e.Signal)
	case e.Status == exitDone:
		return "is done"
	case e.Status == exitFailed:
		return "failed and said why"
	case e.Status == exitPanic:
		return "crashed"
	case e.Status == exitUsage:
		return "was started wrongly"
	case e.Status == exitFree:
		return "could not be confined"
	}
	return "exited with status " + strconv.Itoa(e.Status)
}

// Inside is what a worker process was given.
type Inside struct {
	Kind  Kind
	files map[string]int
	free  bool // of any sandbox
}

// Is says whether the arguments of a process, os.Args, are those of a worker.
func Is(args []string) bool { return len(args) > 1 && args[1] == marker }

// Run is the main function of a worker process with arguments args, given
// what each kind does, which it does confined. It returns the exit status.
func Run(args []string, does map[Kind]func(*Inside) error) int {
	in, err := parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: worker: %v\n", args[0], err)
		return exitUsage
	}
	work, ok := does[in.Kind]
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: worker: no such kind %q\n", args[0], in.Kind)
		return exitUsage
	}
	// So that ps -o comm and top tell the workers apart. It is for people
	// alone: a failure changes nothing.
	os.WriteFile("/proc/self/comm", []byte(args[0]+"-"+string(in.Kind)), 0)
	if err := in.confine(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: worker: %v\n", args[0], err)
		return exitFree
	}
	probe(in)
	if err := work(in); err != nil {
		return exitFailed
	}
	return exitDone
}

func parse(args []string) (*Inside, error) {
	if len(args) < 4 {
		return nil, errors.New("workers are started by their supervisor alone")
	}
	in := &Inside{Kind: Kind(args[2]), files: make(map[string]int)}
	for _, arg := range args[4:] {
		if arg == unconfined {
			in.free = true
			continue
		}
		name, number, ok := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		fd, err := strconv.Atoi(number)
		if !ok || err != nil || fd < firstFile || in.files[name] != 0 {
			return nil, fmt.Errorf("%q is not a named descriptor", arg)
		}
		// Not for a process that this one might start.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("descriptor %q: %w", arg, err)
		}
		in.files[name] = fd
	}
	return in, nil
}

// confine takes from the process what its kind does not need.
func (in *Inside) confine() error {
	if in.free {
		return nil
	}
	policy, ok := policies[in.Kind]
	if !ok {
		return fmt.Errorf("there is no policy for the kind %q", in.Kind)
	}
	for _, kind := range variants[in.Kind] {
		if in.Has(kind.known) {
			policy = kind.policy
			policy.Dir, policy.Also = in.files[kind.dir], in.files[kind.also]
			break
		}
	}
	return sandbox.Confine(policy, slices.Collect(maps.Values(in.files)))
}

// Has says whether a descriptor with that name was passed and not yet taken.
func (in *Inside) Has(name string) bool { return in.files[name] != 0 }

// Become makes the process another program, confined as its kind still is to be
// (sandbox.Become). It ends with its supervisor as before. It returns only why it
// could not.
func (in *Inside) Become(program string, args []string) error {
	// The signal of a parent's end is of a thread too: the first has it from its
	// start, and the one that executes is the only one afterwards.
	runtime.LockOSThread()
	if err := dieWithParent(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	if in.free {
		return fmt.Errorf("worker: %s: %w", program, syscall.Exec(program, args, []string{}))
	}
	return sandbox.Become(program, args)
}

// dieWithParent has the kernel kill this process when its parent ends, as long as
// this thread is there (prctl(2), PR_SET_PDEATHSIG).
func dieWithParent() error {
	parent := os.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("the signal of a parent's end: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("the supervisor has ended")
	}
	return nil
}

// File takes the descriptor with that name. Sockets are made non-blocking, so
// that closing one lets go whoever waits for it.
func (in *Inside) File(name string) (*os.File, error) {
	fd, ok := in.files[name]
	if !ok {
		return nil, fmt.Errorf("the descriptor %q was not passed", name)
	}
	delete(in.files, name)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, fmt.Errorf("descriptor %s: %w", name, err)
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFSOCK {
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, fmt.Errorf("descriptor %s: %w", name, err)
		}
	}
	return os.NewFile(uintptr(fd), name), nil
}
