package sandbox

import "golang.org/x/sys/unix"

// statAt is what unix.Fstatat calls.
const statAt = unix.SYS_NEWFSTATAT

// How calls of this program reach the kernel (linux/audit.h).
const (
	architecture = 0xc000003e // AUDIT_ARCH_X86_64
	foreignFrom  = 0x40000000 // __X32_SYSCALL_BIT: the calls of x32
)

// older are calls for what has newer ones, and of this architecture alone.
var older = plain(unix.SYS_ARCH_PRCTL, unix.SYS_ACCESS, unix.SYS_OPEN, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_READLINK, unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_GETRLIMIT, unix.SYS_TIME, unix.SYS_PIPE)
