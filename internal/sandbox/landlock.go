package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlockSteps is what Landlock can refuse since which version of its ABI
// (linux/landlock.h; landlock(7)).
var landlockSteps = []struct {
	abi                int
	what               string // for people
	files, net, scoped uint64
}{
	{abi: 1, what: "files", files: 1<<13 - 1}, // from EXECUTE to MAKE_SYM
	{abi: 2, what: "renaming between directories", files: unix.LANDLOCK_ACCESS_FS_REFER},
	{abi: 3, what: "truncating", files: unix.LANDLOCK_ACCESS_FS_TRUNCATE},
	{abi: 4, what: "TCP", net: unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
	{abi: 5, what: "devices", files: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
	{abi: 6, what: "signals and abstract sockets", scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL},
}

// landlockABI gives the version of the kernel's ABI, or 0 and why there is none.
func landlockABI() (abi int, why error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return int(v), nil
	case unix.ENOSYS:
		return 0, errors.New("this kernel has none")
	case unix.EOPNOTSUPP:
		return 0, errors.New("it is switched off; see lsm= of the kernel's parameters")
	}
	// A filter of systemd or of a container.
	return 0, fmt.Errorf("%w: where a filter refuses the calls, name landlock_create_ruleset and landlock_restrict_self in it", errno)
}

// landlockThere is landlockABI, but where this program could not use it.
func landlockThere() (abi int, why error) {
	abi, why = landlockABI()
	if why == nil && onAllThreads(unix.SYS_GETPID, 0, 0, 0) != nil {
		return 0, errors.New("this program was built with cgo, and cannot reach all of its threads; build it with CGO_ENABLED=0")
	}
	return abi, why
}

// belowRead and belowWrite are the rights to what lies below a directory
// (landlock(7)); those that a version does not know it does not take away.
const (
	belowRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	belowWrite = belowRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
)

// restrict enters a domain that has no rules but one for what lies below a
// directory, and one for reading below another, unless that is 0: of all else
// that this version of the ABI knows, nothing is allowed. What is open already
// stays usable.
//
// Restricting one thread and executing this program again would do without
// onAllThreads, and cost a second start of 10 ms and leave the program's own
// file readable and executable.
func restrict(abi int, below Access, dir, also int) error {
	fd, handled, err := ruleset(abi)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	rules := []unix.LandlockPathBeneathAttr{{Allowed_access: map[Access]uint64{Read: belowRead, Write: belowWrite}[below], Parent_fd: int32(dir)}}
	if also != 0 {
		rules = append(rules, unix.LandlockPathBeneathAttr{Allowed_access: belowRead, Parent_fd: int32(also)})
	}
	for _, rule := range rules {
		if rule.Allowed_access &= handled; rule.Allowed_access == 0 {
			continue
		}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(fd), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("landlock_add_rule: %w", errno)
		}
	}
	if err := onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0); err != nil {
		return fmt.Errorf("landlock_restrict_self: %w", err)
	}
	return nil
}

// ruleset makes a set of rules that leaves nothing of what this version of the
// ABI knows; handled are the rights to files among it.
func ruleset(abi int) (fd int, handled uint64, err error) {
	var all unix.LandlockRulesetAttr
	for _, s := range landlockSteps {
		if abi >= s.abi {
			all.Handled_access_fs |= s.files
			all.Handled_access_net |= s.net
			all.Scoped |= s.scoped
		}
	}
	// Older kernels take a longer structure whose rest is zero.
	made, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&all)), unsafe.Sizeof(all), 0)
	if errno != 0 {
		return 0, 0, fmt.Errorf("landlock_create_ruleset: %w", errno)
	}
	return int(made), all.Handled_access_fs, nil
}
