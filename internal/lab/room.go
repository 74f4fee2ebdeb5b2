package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// room is a thread in namespaces of its own. What is started from it is in them
// too. They are gone with the processes in them when it is closed or this program
// ends, however it does: nothing is left in /run/netns or in the table of mounts.
type room struct {
	tid  int
	work chan func()
	left chan error // the thread is back home, or why not
}

// kinds are the namespaces that a room may have, by their flag of unshare(2).
var kinds = map[int]string{unix.CLONE_NEWNET: "net", unix.CLONE_NEWUTS: "uts", unix.CLONE_NEWIPC: "ipc", unix.CLONE_NEWNS: "mnt"}

// newRoom makes a room with new namespaces of the kinds fresh, and those of
// another room of the kinds shared.
func newRoom(fresh, shared int, with *room) (*room, error) {
	r := &room{work: make(chan func()), left: make(chan error, 1)}
	entered := make(chan error)
	go func() {
		// It is never unlocked, and does not end: programs that were started
		// from this thread before, by anybody, may have asked to die with it
		// (PR_SET_PDEATHSIG), and it is not known which. It waits for the end
		// of this program instead.
		runtime.LockOSThread()
		defer func() { select {} }()
		r.tid = unix.Gettid()
		home, err := namespaces(fresh | shared)
		if err == nil {
			err = enter(fresh, shared, with)
		}
		entered <- err
		if err == nil {
			for f := range r.work {
				f()
			}
		}
		r.left <- goHome(home)
	}()
	if err := <-entered; err != nil {
		return nil, fmt.Errorf("namespaces: %w", errors.Join(err, <-r.left))
	}
	return r, nil
}

// namespaces opens those that this thread is in.
func namespaces(flags int) (map[int]*os.File, error) {
	all := make(map[int]*os.File)
	for flag, name := range kinds {
		if flags&flag == 0 {
			continue
		}
		f, err := os.Open("/proc/thread-self/ns/" + name)
		if err != nil {
			return all, err
		}
		all[flag] = f
	}
	return all, nil
}

// enter moves this thread into its namespaces.
func enter(fresh, shared int, with *room) error {
	if err := unix.Unshare(fresh); err != nil {
		return err
	}
	if fresh&unix.CLONE_NEWNS != 0 {
		// What is mounted here is nobody else's matter.
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
	}
	for flag, name := range kinds {
		if shared&flag == 0 {
			continue
		}
		f, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/%s", with.tid, name))
		if err != nil {
			return err
		}
		err = unix.Setns(int(f.Fd()), flag)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// goHome moves this thread back.
func goHome(home map[int]*os.File) error {
	var all []error
	for flag, f := range home {
		all = append(all, unix.Setns(int(f.Fd()), flag), f.Close())
	}
	return errors.Join(all...)
}

// do runs f on the thread. Whatever f starts must be started by this goroutine.
// It must not be called after close.
func (r *room) do(f func() error) error {
	done := make(chan error, 1)
	r.work <- func() { done <- f() }
	return <-done
}

// close leaves the room. It must be called once.
func (r *room) close() error {
	close(r.work)
	return <-r.left
}
