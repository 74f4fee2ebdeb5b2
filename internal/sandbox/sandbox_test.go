package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// confined is the first argument of this program as a process to be confined;
// the second says what it does.
const confined = "confined"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == confined {
		if err := children[os.Args[2]](); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// children are what confined processes do.
var children = map[string]func() error{
	"wait":        func() error { return then(Policy{FileSize: 4096}, func() error { return nil }) },
	"lowered":     lowered,
	"go first":    func() error { return then(Policy{GoesFirst: true}, func() error { return nil }) },
	"give way":    func() error { return then(Policy{GivesWay: true}, func() error { return nil }) },
	"every way":   func() error { return then(Policy{}, everyThread(openDenied(unix.EPERM))) },
	"Landlock":    landlockAlone,
	"work":        func() error { return then(Policy{}, work) },
	"capture":     func() error { return then(Policy{Calls: []Group{Capturing}}, capture) },
	"bomb":        func() error { return then(Policy{}, bomb) },
	"uncounted":   func() error { return then(Policy{}, uncounted) },
	"descriptors": descriptors,
	"log": func() error {
		return then(Policy{Calls: []Group{Storing, Making, Copying}, FileSize: 4096}, spoilLog)
	},
	"nothing":     func() error { return nil },
	"become":      become,
	"became":      became,
	"read below":  below(Read),
	"write below": below(Write),
	"read beside": beside,
	"time": func() error {
		start := time.Now()
		err := Confine(Policy{Calls: []Group{Connection, Taking}}, nil)
		fmt.Println(time.Since(start).Nanoseconds())
		return err
	},
}

// then confines the process, does its work, says so and waits for the end of its
// standard input.
func then(p Policy, do func() error) error {
	if err := Confine(p, nil); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	fmt.Println("done")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// child starts a confined process, which ends with the test, and gives the
// lines that it says.
func child(t *testing.T, does string, files ...*os.File) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", confined, does)
	cmd.ExtraFiles = files
	cmd.Stderr = os.Stderr
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// done waits until a child has done its work.
func done(t *testing.T, said *bufio.Scanner) {
	t.Helper()
	if said.Scan(); said.Text() != "done" {
		t.Fatalf("it says %q", said.Text())
	}
}

// tasks gives what proc(5) says of each thread of a process.
func tasks(t *testing.T, pid int) (all []string) {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil { // else it has ended
			all = append(all, string(text))
		}
	}
	return all
}

func TestEveryThreadIsConfined(t *testing.T) {
	if k := Look(); !k.Seccomp {
		t.Fatalf("there is no %s: this cannot be tested here", k.Lacks())
	}
	cmd, said := child(t, "every way")
	done(t, said)
	all := tasks(t, cmd.Process.Pid)
	if len(all) < 2 {
		t.Errorf("it has %d threads: nothing is shown by them", len(all))
	}
	for _, status := range all {
		for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Seccomp_filters:\t1\n"} {
			if !strings.Contains(status, want) {
				t.Errorf("a thread without %q:\n%s", want, status)
			}
		}
		if k := Look(); k.Landlock > 0 { // else cgo keeps it from all threads
			for _, set := range []string{"CapInh", "CapPrm", "CapEff"} {
				if !strings.Contains(status, set+":\t0000000000000000\n") {
					t.Errorf("a thread with capabilities:\n%s", status)
				}
			}
		}
	}
}

// threads is how many threads try at once.
const threads = 8

// everyThread does try in several threads, which last until all have tried.
func everyThread(try func() error) func() error {
	return func() error {
		var here, tried sync.WaitGroup
		errs := make([]error, threads)
		here.Add(threads)
		for i := range threads {
			tried.Go(func() {
				runtime.LockOSThread()
				here.Done()
				here.Wait()
				errs[i] = try()
			})
		}
		tried.Wait()
		return errors.Join(errs...)
	}
}

func openDenied(want syscall.Errno) func() error {
	return func() error {
		if _, err := os.Open("/proc/self/status"); !errors.Is(err, want) {
			return fmt.Errorf("opening a file: %v instead of %v", err, want)
		}
		return nil
	}
}

func TestLandlockAlone(t *testing.T) {
	_, said := child(t, "Landlock")
	done(t, said)
}

// landlockAlone enters the domain and has no filter, which would hide it. A
// kernel without Landlock has to say so.
func landlockAlone() error {
	k := Look()
	if k.Landlock == 0 {
		if !strings.Contains(k.Lacks(), "Landlock") || k.Enough() {
			return fmt.Errorf("without Landlock it lacks %q", k.Lacks())
		}
		fmt.Println("done")
		return nil
	}
	open, err := os.CreateTemp("", "open")
	if err != nil {
		return err
	}
	defer open.Close()
	if err := os.Remove(open.Name()); err != nil {
		return err
	}
	var sockets [2]int
	for i := range sockets {
		// Of TCP alone: Landlock does not know MPTCP, which net uses.
		if sockets[i], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP); err != nil {
			return err
		}
	}
	here := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
	if reached, err := dropPrivileges(); err != nil || !reached {
		return fmt.Errorf("dropping privileges: %v, %v", reached, err)
	}
	if err := restrict(k.Landlock, None, 0, 0); err != nil {
		return err
	}
	err = everyThread(func() error {
		for what, c := range map[string]struct {
			err error
			abi int
		}{
			"creating a file":      {os.WriteFile(filepath.Join(os.TempDir(), "planted"), nil, 0o600), 1},
			"executing":            {syscall.Exec("/proc/self/exe", []string{"it", confined, "nothing"}, nil), 1},
			"binding":              {unix.Bind(sockets[0], here), 4},
			"connecting":           {unix.Connect(sockets[1], here), 4},
			"a signal to a parent": {unix.Kill(os.Getppid(), 0), 6},
		} {
			want := syscall.Errno(unix.EACCES)
			if c.abi == 6 {
				want = unix.EPERM
			}
			if k.Landlock >= c.abi && !errors.Is(c.err, want) {
				return fmt.Errorf("%s: %v", what, c.err)
			}
		}
		return openDenied(unix.EACCES)()
	})()
	if err == nil {
		// What is open is still of use, to be written, cut and read.
		_, errWrite := open.WriteAt([]byte("bytes"), 0)
		_, errRead := open.ReadAt(make([]byte, 3), 0)
		err = errors.Join(errWrite, open.Truncate(3), errRead)
	}
	if err == nil {
		fmt.Println("done")
	}
	return err
}

// The Go runtime is at home in the sandbox: garbage, stacks that grow, threads
// that come and go, timers, preemption.
func TestRuntimeWorks(t *testing.T) {
	_, said := child(t, "work")
	done(t, said)
}

// Who captures may wait for a device, by whatever call unix.Poll is made of.
func TestCapturingWaits(t *testing.T) {
	_, said := child(t, "capture")
	done(t, said)
}

func capture() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 1); err != nil || n != 0 {
		return fmt.Errorf("of nothing, poll says %d, %v", n, err)
	}
	if _, err := unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	if n, err := unix.Poll(fds, -1); err != nil || n != 1 || fds[0].Revents != unix.POLLIN {
		return fmt.Errorf("of one that is ready, poll says %d, %+v, %v", n, fds, err)
	}
	return nil
}

func work() error {
	var busy sync.WaitGroup
	for i := range threads {
		busy.Go(func() {
			if i%4 == 0 {
				runtime.LockOSThread() // a thread that ends with it
			}
			var grow func(int) int
			grow = func(n int) int {
				var frame [256]byte
				if n == 0 {
					return int(frame[0])
				}
				return grow(n-1) + len(frame)
			}
			grow(1000)
			for range 40 {
				garbage := make([]byte, 1<<20)
				garbage[len(garbage)-1] = 1
				<-time.After(time.Microsecond)
			}
		})
	}
	for end := time.Now().Add(30 * time.Millisecond); time.Now().Before(end); { // until it is preempted
	}
	busy.Wait()
	runtime.GC()
	return nil
}

// A worker that grows without end ends alone.
func TestMemoryIsBounded(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", confined, "bomb")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || strings.Contains(string(out), "failed:") {
		t.Errorf("%v: %.300s", err, out)
	}
}

func bomb() error {
	var kept [][]byte
	for len(kept) < 2*(mostData+dataPerCore*runtime.NumCPU())>>20 {
		kept = append(kept, make([]byte, 1<<20))
	}
	return fmt.Errorf("it has %d MiB", len(kept))
}

// Nor does one get memory of a kind that the bound does not count.
func TestMemoryIsCounted(t *testing.T) {
	_, said := child(t, "uncounted")
	done(t, said)
}

// uncounted asks for memory that RLIMIT_DATA does not count.
func uncounted() error {
	for what, flags := range map[string]int{"shared memory": unix.MAP_SHARED, "a stack": unix.MAP_PRIVATE | unix.MAP_GROWSDOWN} {
		if _, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_ANONYMOUS); err != unix.EPERM {
			return fmt.Errorf("%s: %v", what, err)
		}
	}
	return nil
}

func TestLimits(t *testing.T) {
	cmd, said := child(t, "wait")
	done(t, said)
	limits := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(text)), " ")
	}
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &own); err != nil {
		t.Fatal(err)
	}
	threads := fmt.Sprintf("Max processes %[1]d %[1]d", min(own.Cur-own.Cur/8, 1<<16))
	for _, want := range []string{"Max core file size 0 0", "Max open files 32 32", threads, fmt.Sprintf("Max data size %[1]d %[1]d", mostData+dataPerCore*runtime.NumCPU()), fmt.Sprintf("Max stack size %[1]d %[1]d", mostStack)} {
		if got := limits(); !strings.Contains(got, want) {
			t.Errorf("%s: %s", want, got)
		}
	}
	// A standard error that is a file, as that of a test may be, has its room.
	for _, size := range []uint64{4096, 1000, 2000} {
		if err := LimitFiles(cmd.Process.Pid, size); err != nil {
			t.Fatal(err)
		}
		most := strconv.FormatUint(withLastWords(min(size, 4096)), 10)
		if size == 2000 {
			most = strconv.FormatUint(withLastWords(1000), 10)
		}
		if got := limits(); !strings.Contains(got, "Max file size "+most+" "+most) {
			t.Errorf("files of %d bytes: %s", size, got)
		}
	}
	if err := LimitFiles(1<<22+1, 5); err != nil { // no such process can be
		t.Errorf("one that has ended: %v", err)
	}
}

// An eighth of the threads that there may be is left to the supervisor.
func TestThreadsAreLeft(t *testing.T) {
	for most, want := range map[uint64]uint64{6144: 5376, 7: 7, 1: 1, 0: 0, 1 << 17: 1 << 16, unix.RLIM_INFINITY: 1 << 16} {
		if got := leaveThreads(most); got != want {
			t.Errorf("of %d threads workers have %d, want %d", most, got, want)
		}
	}
}

// Where standard error is a file, a worker that stores adds to it and does
// nothing else with it.
func TestLogIsAddedTo(t *testing.T) {
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	fmt.Fprintln(log, "before")
	cmd := exec.Command("/proc/self/exe", confined, "log")
	cmd.Stderr = log
	if out, err := cmd.Output(); string(out) != "done\n" || err != nil {
		t.Errorf("it says %q, %v", out, err)
	}
	if text, err := os.ReadFile(log.Name()); string(text) != "before\nafter\n" || err != nil {
		t.Errorf("the log is %q, %v", text, err)
	}
}

// spoilLog tries what would make the log another.
func spoilLog() error {
	for what, err := range map[string]error{
		"cutting":   unix.Ftruncate(2, 0),
		"reserving": unix.Fallocate(2, unix.FALLOC_FL_KEEP_SIZE, 0, 4096),
		"writing":   func() error { _, err := unix.Pwrite(2, []byte("nothing"), 0); return err }(),
		"mapping":   func() error { _, err := unix.Mmap(2, 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED); return err }(),
		"copying":   func() error { _, err := unix.CopyFileRange(2, new(int64), 2, nil, 3, 0); return err }(),
		"doubling":  func() error { _, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3); return err }(),
		"flags":     unix.SetNonblock(2, true),
	} {
		if err != unix.EPERM {
			return fmt.Errorf("%s: %v", what, err)
		}
	}
	fmt.Fprintln(os.Stderr, "after")
	return nil
}

// A bound that is lowered while a worker sets its own counts, and keeps it from
// nothing.
func TestLoweredMeanwhile(t *testing.T) {
	_, said := child(t, "lowered")
	done(t, said)
}

// lowered sets its bounds again and again while that on files is lowered.
func lowered() error {
	reached, err := dropPrivileges()
	if err != nil {
		return err
	}
	var end atomic.Bool
	var last uint64
	lowering := make(chan error)
	go func() {
		for last = 1 << 62; !end.Load(); last-- {
			if err := unix.Prlimit(0, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: last, Max: last}, nil); err != nil {
				lowering <- err
				return
			}
		}
		lowering <- nil
	}()
	for i := 0; i < 5000 && err == nil; i++ {
		err = limit(1<<63-1, mostFiles)
	}
	end.Store(true)
	if err := errors.Join(err, <-lowering); err != nil {
		return err
	}
	var has unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_FSIZE, nil, &has); err != nil || reached && has.Max != last+1 { // else privileges are kept
		return fmt.Errorf("%d bytes have become %d, %v", last+1, has.Max, err)
	}
	fmt.Println("done")
	return nil
}

// What was not passed on purpose is closed; what was passed is not, nor what the
// Go runtime has opened.
func TestOthersAreClosed(t *testing.T) {
	a, b, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	_, said := child(t, "descriptors", a, b)
	done(t, said)
}

func descriptors() error {
	if _, err := os.Stat("/proc/self/fd/4"); err != nil {
		return err
	}
	of, err := os.Open("/proc/self/status") // closes at an execution
	if err != nil {
		return err
	}
	if err := closeOthers([]int{3}); err != nil {
		return err
	}
	kind := func(fd int) uint32 {
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) != nil {
			return 0
		}
		return stat.Mode & unix.S_IFMT
	}
	if passed, other, own := kind(3), kind(4), kind(int(of.Fd())); passed != unix.S_IFIFO || other != 0 || own != unix.S_IFREG {
		return fmt.Errorf("afterwards they are of the kinds %o, %o and %o", passed, other, own)
	}
	return then(Policy{}, func() error { return nil })
}

// Every thread gives way, those of later too.
func TestGiveWay(t *testing.T) {
	cmd, said := child(t, "give way")
	done(t, said)
	for _, id := range threadIDs(t, cmd.Process.Pid) {
		// The call gives 20 less the niceness (setpriority(2), "C library/kernel differences").
		n, err := unix.Getpriority(unix.PRIO_PROCESS, id)
		class, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, whichTask, uintptr(id), 0)
		if err == unix.ESRCH || errno == unix.ESRCH { // it has ended
			continue
		}
		if err != nil || n != 20-lowest || errno != 0 || class&idleDisk != idleDisk {
			t.Errorf("thread %d: niceness %d, %v; class %#x, %v", id, 20-n, err, class, errno)
		}
	}
}

// Every thread goes first where that is allowed, and that it is not is no matter.
func TestGoFirst(t *testing.T) {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NICE, &most); err != nil {
		t.Fatal(err)
	}
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd, said := child(t, "go first")
	done(t, said)
	for _, id := range threadIDs(t, cmd.Process.Pid) {
		n, err := unix.Getpriority(unix.PRIO_PROCESS, id)
		if err == unix.ESRCH { // it has ended
			continue
		}
		// Root may, as a rule, and may not where it has few privileges.
		allowed := most.Cur >= 20-urgent
		if err != nil || n != own && n != 20-urgent || allowed && n != 20-urgent {
			t.Errorf("thread %d: niceness %d, %v; allowed is it down to %d", id, 20-n, err, 20-int(most.Cur))
		}
	}
}

// threadIDs are the threads of a process.
func threadIDs(t *testing.T, pid int) (ids []int) {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, task := range paths {
		id, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestLacks(t *testing.T) {
	none := errors.New("no")
	for _, c := range []struct {
		kernel Kernel
		want   []string
		enough bool
	}{
		{Kernel{Seccomp: true, Landlock: 7}, nil, true},
		{Kernel{Seccomp: true, Landlock: 1}, []string{"TCP", "signals", "truncating"}, true},
		{Kernel{Seccomp: true, Landlock: 5}, []string{"signals"}, true},
		{Kernel{Seccomp: true, landlock: none}, []string{"Landlock (no)"}, false},
		{Kernel{Landlock: 7, seccomp: none}, []string{"seccomp (no)"}, false},
	} {
		lacks := c.kernel.Lacks()
		if (lacks == "") != (c.want == nil) || c.kernel.Enough() != c.enough {
			t.Errorf("%+v lacks %q", c.kernel, lacks)
		}
		for _, w := range c.want {
			if !strings.Contains(lacks, w) {
				t.Errorf("%+v lacks %q, want %s", c.kernel, lacks, w)
			}
		}
	}
}

// BenchmarkConfine measures what the sandbox adds to the start of a worker.
func BenchmarkConfine(b *testing.B) {
	var all []int
	for b.Loop() {
		out, err := exec.Command("/proc/self/exe", confined, "time").Output()
		if err != nil {
			b.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2]), "median-ns")
	b.ReportMetric(float64(all[len(all)*99/100]), "p99-ns")
}

// beside does what may and may not be done with a second directory, open as 4.
func beside() error {
	if err := Confine(Policy{Calls: []Group{Storing, Looking, Making, Copying}, FileSize: 4096, Below: Write, Dir: 3, Also: 4}, []int{3, 4}); err != nil {
		return err
	}
	from, err := unix.Openat(4, "a", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("reading beside: %w", err)
	}
	to, err := unix.Openat(3, "copy", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	if n, err := unix.CopyFileRange(from, nil, to, nil, 1, 0); err != nil || n != 1 {
		return fmt.Errorf("copied are %d bytes, %v", n, err)
	}
	for what, err := range map[string]error{
		"a folder": unix.Mkdirat(4, "new", 0o700), "removing": unix.Unlinkat(4, "a", 0),
		"writing": func() error { _, err := unix.Openat(4, "a", unix.O_RDWR|unix.O_CLOEXEC, 0); return err }(),
		"above":   func() error { _, err := unix.Openat(4, "../secret", unix.O_RDONLY|unix.O_CLOEXEC, 0); return err }(),
	} {
		if err != unix.EACCES {
			return fmt.Errorf("%s beside: %v", what, err)
		}
	}
	fmt.Println("done")
	return nil
}

// below does what may and may not be done with the directory that is open as 3.
func below(access Access) func() error {
	p := Policy{Calls: []Group{Storing, Looking, Making, Copying}, FileSize: 4096, Below: access, Dir: 3}
	return func() error {
		if err := Confine(p, []int{3}); err != nil {
			return err
		}
		open := func(dir int, path string, flags int) error {
			fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0o600)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}
		for path, want := range map[string]error{"a/b": nil, "a": nil, ".": nil, "../secret": unix.EACCES, "link": unix.EACCES, "..": unix.EACCES, "/": unix.EACCES, "/proc/self/maps": unix.EACCES} {
			if err := open(3, path, unix.O_RDONLY); err != want {
				return fmt.Errorf("opening %s: %v, want %v", path, err, want)
			}
		}
		want := error(nil)
		if access == Read {
			want = unix.EACCES
		}
		for what, err := range map[string]error{
			"a folder": unix.Mkdirat(3, "new", 0o700), "writing": open(3, "a/b", unix.O_RDWR),
		} {
			if err != want {
				return fmt.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		if access == Read {
			fmt.Println("done")
			return nil
		}
		fd, err := unix.Openat(3, "new/c", unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		if _, err := unix.Pwrite(fd, []byte("z"), 0); err != nil {
			return err
		}
		if err := errors.Join(unix.Syncfs(3), unix.Renameat2(3, "a/b", 3, "a/d", 0)); err != nil {
			return err
		}
		if err := unix.Mkdirat(3, "../beside", 0o700); err != unix.EACCES {
			return fmt.Errorf("a folder beside it: %v", err)
		}
		for _, path := range []string{"new/c", "../secret"} {
			if err := unix.UtimesNanoAt(3, path, make([]unix.Timespec, 2), 0); err != unix.EPERM {
				return fmt.Errorf("the times of %s: %v", path, err)
			}
		}
		if _, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, 0, 0, 0, 0); errno != 0 {
			return fmt.Errorf("the times of what is open: %w", errno)
		}
		fmt.Println("done")
		return nil
	}
}

// become makes the process this program again, as another one.
func become() error {
	if err := Confine(Policy{Becomes: true}, nil); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return Become(program, []string{"another", confined, "became"})
}

// became is what that does: what a program needs works, and nothing else does.
func became() error {
	var all []error
	refused := func(what string, err error, codes ...error) {
		if !slices.ContainsFunc(codes, func(code error) bool { return errors.Is(err, code) }) {
			all = append(all, fmt.Errorf("%s: %v", what, err))
		}
	}
	open := func(path string) error {
		f, err := os.Open(path)
		if err == nil {
			f.Close()
		}
		return err
	}
	for _, path := range []string{"/etc/passwd", "/proc/1/environ", "/dev/zero", "/root", "/tmp"} {
		refused(path, open(path), unix.EACCES, unix.EPERM)
	}
	_, err := os.Create("/usr/lib/anything")
	refused("a file", err, unix.EACCES, unix.EPERM)
	refused("/lib", open("/lib"), nil)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK, unix.AF_PACKET} {
		_, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
		refused("a socket", err, unix.EPERM)
	}
	refused("another program", exec.Command("/bin/true").Run(), unix.EPERM, unix.EACCES)
	refused("another program instead", syscall.Exec("/bin/true", []string{"true"}, nil), unix.EACCES)
	refused("a signal to its parent", unix.Kill(os.Getppid(), 0), unix.EPERM)
	refused("a namespace", unix.Unshare(unix.CLONE_NEWUSER), unix.EPERM)
	refused("a memory file", memfd(), unix.EPERM)
	refused("memory that is not counted", uncounted(), nil)
	_, err = unix.PtraceGetEventMsg(os.Getppid())
	refused("ptrace", err, unix.EPERM)
	refused("a larger bound", unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}, nil), unix.EPERM)
	if len(os.Environ()) != 0 {
		all = append(all, fmt.Errorf("it has the environment %v", os.Environ()))
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	fmt.Println("done")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func memfd() error {
	_, err := unix.MemfdCreate("x", 0)
	return err
}

// A process that becomes another program takes its sandbox along, which every
// thread of that has.
func TestBecome(t *testing.T) {
	cmd, said := child(t, "become")
	done(t, said)
	for _, status := range tasks(t, cmd.Process.Pid) {
		for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "Seccomp:\t2"} {
			if !strings.Contains(status, want) {
				t.Errorf("no %q in %s", want, status)
			}
		}
	}
}

func TestBecomeNothing(t *testing.T) {
	for _, path := range []string{"/nowhere", "/etc/passwd", "/"} {
		if _, err := loaderOf(path); err == nil {
			t.Errorf("%s is a program", path)
		}
	}
}
