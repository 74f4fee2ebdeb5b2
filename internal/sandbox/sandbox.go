// Package sandbox takes from a worker process, before it hears the first byte
// of a peer, what its work does not need: other descriptors, files, the
// network, programs, privileges, and resources without end. What it took cannot
// be had again.
package sandbox

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Policy is what a kind of worker keeps besides the descriptors that it was
// passed and what every Go program needs (Runtime).
type Policy struct {
	Calls []Group

	// FileSize is how far it may make a file grow, in bytes; 0 is for those
	// that write no file. Its supervisor may lower it (prlimit(2)).
	FileSize uint64

	// GivesWay makes it the last to be given the processor and the disk.
	GivesWay bool

	// GoesFirst gives it the processor before others, where that is allowed.
	GoesFirst bool

	// Below is what it may do with what lies below the directory that is open
	// as Dir, where the kernel knows Landlock.
	Below Access
	Dir   int

	// Also, unless it is 0, is another open directory below which it may read.
	Also int

	// Files is how many descriptors it may have; 0 is the usual number.
	Files uint64

	// Becomes is of one that is to be another program: what is left then is for
	// Become to take.
	Becomes bool
}

// Access is what may be done with files.
type Access int

// The accesses. None is to no file but those that are open.
const (
	None  Access = iota
	Read         // files and lists of names
	Write        // the same, and to make, change, rename and remove them
)

// Kernel is what the running kernel can take from a worker.
type Kernel struct {
	Seccomp  bool
	Landlock int // version of its ABI (landlock(7)); 0 is none

	seccomp, landlock error // why there is none
}

// Look finds out what the kernel can do. It changes nothing.
func Look() Kernel {
	var k Kernel
	k.seccomp = seccompThere()
	k.Seccomp = k.seccomp == nil
	k.Landlock, k.landlock = landlockThere()
	return k
}

// Enough says whether the kernel has what the setting "require" asks for:
// seccomp, and Landlock of any version.
func (k Kernel) Enough() bool { return k.Seccomp && k.Landlock > 0 }

// Lacks says in words what the kernel cannot do; "" when nothing is missing.
func (k Kernel) Lacks() string {
	var lacks []string
	if !k.Seccomp {
		lacks = append(lacks, fmt.Sprintf("seccomp (%v)", k.seccomp))
	}
	if k.Landlock == 0 {
		lacks = append(lacks, fmt.Sprintf("Landlock (%v)", k.landlock))
	}
	for _, s := range landlockSteps {
		if k.Landlock > 0 && k.Landlock < s.abi {
			lacks = append(lacks, fmt.Sprintf("Landlock for %s (its ABI is %d, it comes with %d)", s.what, k.Landlock, s.abi))
		}
	}
	return strings.Join(lacks, ", ")
}

// Confine takes from this process all that p does not leave it. passed are the
// descriptors from 3 on that it was given. What the kernel cannot do is left
// out; anything else that fails is an error, and then the process is to end.
func Confine(p Policy, passed []int) error {
	if err := closeOthers(passed); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if p.GivesWay {
		if err := giveWay(); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	if p.GoesFirst {
		if err := goFirst(); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	// The filter is given to all threads by the kernel; this one asks for it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	reached, err := dropPrivileges()
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	// Afterwards, so that it can make none larger that its supervisor has lowered.
	if err := limit(p.FileSize, max(p.Files, mostFiles)); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if p.Becomes {
		return nil
	}
	if abi, _ := landlockABI(); reached && abi > 0 {
		if err := restrict(abi, p.Below, p.Dir, p.Also); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	// The last: the calls above are not among those that are left.
	if seccompThere() == nil {
		if err := filter(p.Calls); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	return nil
}

// onAllThreads makes a system call in every thread: privileges, and the domain
// of Landlock, belong to a thread, and Go runs on many. Threads to come have
// what the one has that makes them. Where the C library is linked in, as for the
// race detector, there may be threads that Go does not know; then it is
// ENOTSUP (golang.org/pkg/syscall, AllThreadsSyscall).
func onAllThreads(call, a1, a2, a3 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(call, a1, a2, a3); errno != 0 {
		return errno
	}
	return nil
}

// dropPrivileges lets go of all capabilities and of the ways to new ones, as
// those of a setuid program (PR_SET_NO_NEW_PRIVS(2const)); without the latter
// the kernel lets nobody but root restrict itself. reached says whether it got
// at all threads.
func dropPrivileges() (reached bool, err error) {
	switch err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err {
	case nil:
		return true, dropCapabilities(true)
	case unix.ENOTSUP:
		// Of this thread alone; filter spreads it.
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return false, fmt.Errorf("no_new_privs: %w", err)
		}
		return false, nil
	default:
		return false, fmt.Errorf("no_new_privs: %w", err)
	}
}
