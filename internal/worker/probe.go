//go:build probe

package worker

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is in builds for tests alone (-tags probe), whose workers try, once
// they are confined and before they work, what a worker must not be able to do,
// and say on their standard error what came of it. Each attempt is harmless, and
// is one that does not fail by EPERM or ENOSYS in a process that is free, not
// even one without privileges.

// targets are the files that are tried: the lines of a file beside the program.
// It is read before anything is taken from the process.
var targets = func() []string {
	program, err := os.Executable()
	if err != nil {
		return nil
	}
	text, err := os.ReadFile(program + ".targets")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}()

// supervisor and user are asked for while the process is free to.
var supervisor, user = uintptr(os.Getppid()), uintptr(os.Getuid())

// nobody is a descriptor that is not open.
const nobody = ^uintptr(0)

func probe(in *Inside) {
	say := func(what string, errno unix.Errno) {
		fmt.Fprintf(os.Stderr, "probe kind=%s confined=%v try=%q result=%q\n", in.Kind, !in.free, what, unix.ErrnoName(errno))
	}
	for _, path := range append(targets, fmt.Sprintf("/proc/%d/environ", supervisor), "/proc/self/maps", "/") {
		name, err := unix.BytePtrFromString(path)
		if err != nil {
			continue
		}
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(name)), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
		if errno == 0 {
			unix.Close(int(fd))
		}
		say("open "+path, errno)
	}
	own := uintptr(os.Getpid())
	none := [8]byte{}
	nothing := uintptr(unsafe.Pointer(&none[0]))
	for what, call := range map[string][7]uintptr{
		// Of a program that is not there, the kernel says so.
		"execve":                       {unix.SYS_EXECVE, nothing},
		"a process":                    {unix.SYS_CLONE, unix.CLONE_SIGHAND}, // never valid
		"clone3":                       {unix.SYS_CLONE3},
		"unshare":                      {unix.SYS_UNSHARE},
		"a TCP socket":                 {unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM},
		"a UDP socket":                 {unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM},
		"a Unix socket":                {unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM},
		"connect":                      {unix.SYS_CONNECT, nobody},
		"bind":                         {unix.SYS_BIND, nobody},
		"listen":                       {unix.SYS_LISTEN, nobody},
		"accept":                       {unix.SYS_ACCEPT4, nobody},
		"sendto":                       {unix.SYS_SENDTO, nobody},
		"sendmsg":                      {unix.SYS_SENDMSG, nobody},
		"ptrace":                       {unix.SYS_PTRACE, unix.PTRACE_DETACH, supervisor}, // of one that is not traced
		"the memory of the supervisor": {unix.SYS_PROCESS_VM_READV, supervisor},
		"a signal to the supervisor":   {unix.SYS_KILL, supervisor},
		"a signal to its thread":       {unix.SYS_TGKILL, supervisor, supervisor},
		"a handle of the supervisor":   {unix.SYS_PIDFD_OPEN, supervisor},
		"a link":                       {unix.SYS_LINKAT, nobody, nothing, nobody, nothing},
		"a directory":                  {unix.SYS_MKDIRAT, nobody, nothing},
		"another directory":            {unix.SYS_FCHDIR, nobody},
		"removing":                     {unix.SYS_UNLINKAT, nobody, nothing},
		"renaming":                     {unix.SYS_RENAMEAT2, nobody, nothing, nobody, nothing},
		"openat2":                      {unix.SYS_OPENAT2, nobody, nothing},
		"a mode":                       {unix.SYS_FCHMOD, nobody},
		"another user":                 {unix.SYS_SETUID, user},
		"more resources":               {unix.SYS_PRLIMIT64, own, unix.RLIMIT_NOFILE},
		"memory of code":               {unix.SYS_MMAP, 0, 4096, unix.PROT_READ | unix.PROT_EXEC, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, nobody},
		"memory that is shared":        {unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANONYMOUS, nobody},
		"memory as a file":             {unix.SYS_MEMFD_CREATE, nothing},
		// Of a key that nobody has.
		"messages of System V": {unix.SYS_MSGGET, 1<<31 - 1},
	} {
		r, _, errno := unix.Syscall6(call[0], call[1], call[2], call[3], call[4], call[5], call[6])
		if errno == 0 && (call[0] == unix.SYS_SOCKET || call[0] == unix.SYS_PIDFD_OPEN || call[0] == unix.SYS_MEMFD_CREATE) {
			unix.Close(int(r))
		}
		say(what, errno)
	}
	fmt.Fprintf(os.Stderr, "probe kind=%s done\n", in.Kind)
}
