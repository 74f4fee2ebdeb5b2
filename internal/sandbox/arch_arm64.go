package sandbox

import "golang.org/x/sys/unix"

// statAt is what unix.Fstatat calls.
const statAt = unix.SYS_FSTATAT

// How calls of this program reach the kernel (linux/audit.h).
const (
	architecture = 0xc00000b7 // AUDIT_ARCH_AARCH64
	foreignFrom  = 0x80000000 // no call has such a number
)

// older are calls for what has newer ones: there are none here.
var older Group
