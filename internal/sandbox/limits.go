package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// mostFiles is how many descriptors a worker may have: it has some twelve.
	mostFiles = 32

	// mostData and dataPerCore bound the writable memory of a worker, in bytes:
	// on two cores workers have 75 to 85 MiB by the kernel's count, of which
	// they use 10 to 25, and what compresses takes some for each core. One that
	// a peer makes grow ends, and nothing else does. Address space (RLIMIT_AS)
	// would say nothing: Go reserves it and does not use it.
	mostData    = 512<<20 + detector
	dataPerCore = 8 << 20

	// mostStack bounds the stack of the first thread, which is not among that;
	// Go leaves it small, and programs have this as a rule.
	mostStack = 8 << 20

	// lastWords is how much a worker may still add to a standard error that is
	// a file, which the bound on files would keep it from otherwise.
	lastWords = 16 << 20

	// mostThreads is how many threads a user may have where nobody has bounded them:
	// more than all that one runs, and fewer than a machine can have.
	mostThreads = 1 << 16
)

// limit bounds what the process may use (getrlimit(2)). Of threads the kernel
// counts those of the user, of all workers together, and root's not; how many
// there are of one process its supervisor sees. That there are no new processes
// is the filter's.
func limit(fileSize, files uint64) error {
	var threads unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NPROC, nil, &threads); err != nil {
		return fmt.Errorf("RLIMIT_NPROC: %w", err)
	}
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{
		// A core file would have the bytes of peers and passwords.
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, files},
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, withLastWords(fileSize)},
		{"RLIMIT_DATA", unix.RLIMIT_DATA, mostData + dataPerCore*uint64(runtime.NumCPU())},
		{"RLIMIT_NPROC", unix.RLIMIT_NPROC, leaveThreads(threads.Cur)},
		{"RLIMIT_STACK", unix.RLIMIT_STACK, mostStack},
	} {
		if err := bound(0, l.resource, l.most); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// leaveThreads gives how many threads there may be of a user that may have most for
// a worker to make another one. The last eighth is for the supervisor and for workers
// that start: one that takes threads without end takes none of these.
func leaveThreads(most uint64) uint64 { return min(most-most/8, mostThreads) }

// bound sets a bound of the process pid, 0 for this one, or leaves one that is
// smaller, as an administrator may have set it. Its supervisor may lower it at the
// same time, and then no privilege may raise it again: what was read is read anew.
func bound(pid, resource int, most uint64) error {
	for before := uint64(0); ; {
		var had unix.Rlimit
		if err := unix.Prlimit(pid, resource, nil, &had); err != nil {
			return err
		}
		least := min(most, had.Max)
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: least, Max: least}, nil)
		if err != unix.EPERM || had.Max == before { // else it is another by now
			return err
		}
		before = had.Max
	}
}

// withLastWords gives how long a file may become where it is to be size at most.
func withLastWords(size uint64) uint64 {
	var stderr unix.Stat_t
	if err := unix.Fstat(int(os.Stderr.Fd()), &stderr); err == nil && stderr.Mode&unix.S_IFMT == unix.S_IFREG {
		size = max(size, uint64(stderr.Size)+lastWords)
	}
	return size
}

// LimitFiles keeps the process pid, a worker of this one, from making any file
// longer than size bytes. It cannot make a bound larger.
func LimitFiles(pid int, size uint64) error {
	err := bound(pid, unix.RLIMIT_FSIZE, withLastWords(size))
	if err != nil && err != unix.ESRCH { // one that has ended makes none longer
		return fmt.Errorf("sandbox: RLIMIT_FSIZE of process %d: %w", pid, err)
	}
	return nil
}

// dropCapabilities lets go of every capability, in all threads or in this one, for
// a supervisor that is root (capset(2)). Where there are none nothing is asked for: systemd may refuse the
// call to a service that needs none.
func dropCapabilities(all bool) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have, none [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	if have == none {
		return nil
	}
	if !all {
		if err := unix.Capset(&header, &none[0]); err != nil {
			return fmt.Errorf("capset: %w", err)
		}
		return nil
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	if errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}

// ownFiles and ownTasks list the descriptors and the threads of this process.
const (
	ownFiles = "/proc/self/fd"
	ownTasks = "/proc/self/task"
)

// closeOthers closes the descriptors that came through the execution of this
// program and were not meant to. They are those from 3 on that do not close at
// another one: what the Go runtime has opened since does.
func closeOthers(passed []int) error {
	entries, err := os.ReadDir(ownFiles)
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 || slices.Contains(passed, fd) {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if errors.Is(err, unix.EBADF) { // that of the directory itself
			continue
		}
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			err = unix.Close(fd)
		}
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return nil
}
