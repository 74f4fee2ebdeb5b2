package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// lowest is the niceness that gives way to every other (setpriority(2)), and
// idleDisk ioprio_set(2)'s class for those who read when nobody else does.
const (
	lowest    = 19
	idleDisk  = 3 << 13 // IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT
	whichTask = 1       // IOPRIO_WHO_PROCESS, which means a thread
)

// urgent is the niceness of those who come before others.
const urgent = -5

// giveWay makes this process the last to be given the processor and the disk.
func giveWay() error {
	if err := eachThread(giveWayOf); err != nil {
		return fmt.Errorf("giving way: %w", err)
	}
	return nil
}

// goFirst has this process given the processor before others, where it may: that
// is for the limit of its niceness to say (RLIMIT_NICE), or for root.
func goFirst() error {
	if err := eachThread(goFirstOf); err != nil && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("going first: %w", err)
	}
	return nil
}

// eachThread does something that is a property of a thread for each that there
// is; those to come inherit it.
func eachThread(do func(id int) error) error {
	done := make(map[int]bool)
	for {
		threads, err := os.ReadDir(ownTasks)
		if err != nil {
			return err
		}
		before := len(done)
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err == nil && !done[id] {
				done[id], err = true, do(id)
			}
			if err != nil {
				return err
			}
		}
		if len(done) == before { // none has begun meanwhile that did not inherit it
			return nil
		}
	}
}

// goFirstOf does so for a thread; one that has ended is no matter.
func goFirstOf(thread int) error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, thread, urgent); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("setpriority: %w", err)
	}
	return nil
}

// giveWayOf does so for a thread; one that has ended is no matter.
func giveWayOf(thread int) error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, thread, lowest); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("setpriority: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whichTask, uintptr(thread), idleDisk); errno != 0 && errno != unix.ESRCH {
		return fmt.Errorf("ioprio_set: %w", errno)
	}
	return nil
}
