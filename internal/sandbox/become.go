package sandbox

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// libraries are where what a program is linked with lies, and how it is found.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/etc/ld.so.cache"}

// Become makes this process another program with the arguments args, the first
// of which is its name, and no environment. It can read libraries, and run
// itself; all other files, the network, other programs and processes are not
// there for it. It has this process's descriptors 0, 1 and 2, and none that close
// at an execution. Confine must have been called, with a policy that Becomes.
// What Become returns is why it could not.
func Become(program string, args []string) error {
	// Landlock, capabilities and no_new_privs are of the thread that executes; where
	// the C library is linked in, Confine has left it the latter two.
	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = dropCapabilities(false)
	}
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	loader, err := loaderOf(program)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if abi, _ := landlockABI(); abi > 0 {
		if err := restrictTo(abi, append([]string{program}, loader...)); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	if seccompThere() == nil {
		if err := filter([]Group{ofPrograms}); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	return fmt.Errorf("sandbox: %s: %w", program, syscall.Exec(program, args, []string{}))
}

// loaderOf is the dynamic loader that a program asks for; none where it is
// static.
func loaderOf(program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("%s is no program of this machine: %w", program, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > unix.PathMax {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		return []string{string(bytes.TrimRight(name, "\x00"))}, nil
	}
	return nil, nil
}

// restrictTo enters a domain, with this thread, in which these programs can be
// run and libraries read, and nothing else.
func restrictTo(abi int, programs []string) error {
	fd, handled, err := ruleset(abi)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	for _, path := range libraries {
		if err := permit(fd, path, handled&belowRead); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, path := range programs {
		if err := permit(fd, path, handled&(unix.LANDLOCK_ACCESS_FS_EXECUTE|unix.LANDLOCK_ACCESS_FS_READ_FILE)); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0); errno != 0 {
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return nil
}

// permit gives rights to a file, or to what lies below a directory.
func permit(ruleset int, path string, rights uint64) error {
	f, err := os.OpenFile(path, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return err
	} else if !info.IsDir() {
		rights &^= unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(f.Fd())}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("landlock_add_rule for %s: %w", path, errno)
	}
	return nil
}
