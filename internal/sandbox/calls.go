package sandbox

import "golang.org/x/sys/unix"

// ofRuntime is what the Go runtime needs in every process, this one's id
// being pid, and what every worker does with its control connection. Looked up
// in Go 1.26, runtime/sys_linux_*.s, os_linux.go and netpoll_epoll.go, and
// tried with strace(1). What it does at its start alone is not here.
func ofRuntime(pid int) Group {
	g := plain(
		// Goroutines wait for each other, and threads for work.
		unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_SCHED_YIELD,
		// It looks how many cores it may use, by its affinity and by the
		// files of its control group, which it has open.
		unix.SYS_SCHED_GETAFFINITY, unix.SYS_PREAD64,
		// Memory is given back, and asked for below.
		unix.SYS_MUNMAP, unix.SYS_MADVISE,
		// Goroutines are interrupted by signals, which need their stacks.
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
		unix.SYS_RESTART_SYSCALL, unix.SYS_GETPID, unix.SYS_GETTID,
		// It waits for descriptors.
		unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
		// The clock, where the kernel does not lend it without a call.
		unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
		// Keys of TLS, seeds of maps.
		unix.SYS_GETRANDOM,
		// What is open is used and closed.
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_CLOSE, unix.SYS_FSTAT,
		// The end of a thread, and of all.
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
		// A thread of the C library, which the race detector needs.
		unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ,
	)
	return append(g,
		// Memory, but none that is code: all code was there at the start.
		when(unix.SYS_MMAP, among{2, unix.PROT_EXEC, []uint32{0}}, counted, passed(4)),
		when(unix.SYS_MPROTECT, among{2, unix.PROT_EXEC, []uint32{0}}),
		// Threads of this process, and no other process or namespace.
		when(unix.SYS_CLONE, among{0, ofThread | ofOthers, []uint32{ofThread}}),
		// The signals that interrupt are to this process.
		when(unix.SYS_TGKILL, among{0, anyBit, []uint32{uint32(pid)}}),
		// Descriptors are looked at, made non-blocking and doubled; they
		// signal nobody, and are not locked or leased.
		when(unix.SYS_FCNTL, among{1, anyBit, []uint32{unix.F_GETFL, unix.F_GETFD, unix.F_SETFD, unix.F_GET_SEALS}}),
		when(unix.SYS_FCNTL, among{1, anyBit, []uint32{unix.F_SETFL, unix.F_DUPFD_CLOEXEC}}, passed(0)),
	)
}

// passed is on an argument that is a descriptor, or -1 for none: it is not among
// the standard ones. Standard error is the log of its supervisor where that is a
// file, which a worker may add to, but not cut or write over.
func passed(argument int) condition { return above{argument, 2} }

// counted is on the flags of mmap(2): memory is of a kind that RLIMIT_DATA counts,
// or of a file. What is shared and of no file is not counted, nor is what grows
// like a stack. What may be dropped is for the vDSO's random numbers (Linux 6.11).
var counted = among{3, unix.MAP_TYPE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN, []uint32{
	unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, unix.MAP_DROPPABLE | unix.MAP_ANONYMOUS, unix.MAP_PRIVATE, unix.MAP_SHARED,
}}

// Flags of clone(2): what makes a thread, and what would make something else.
const (
	ofThread = unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_THREAD
	ofOthers = unix.CLONE_VFORK | unix.CLONE_PARENT | unix.CLONE_PTRACE | unix.CLONE_UNTRACED | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP |
		unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
)

// Connection is for those that have a TCP connection: net looks at it when it
// takes it over, sets the few options that it has of its own accord, and ends
// one direction of it. No new socket, no address, no other option.
var Connection = append(plain(unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT, unix.SYS_SHUTDOWN),
	when(unix.SYS_SETSOCKOPT,
		among{1, anyBit, []uint32{unix.SOL_SOCKET}},
		among{2, anyBit, []uint32{unix.SO_KEEPALIVE, unix.SO_LINGER}}),
	when(unix.SYS_SETSOCKOPT,
		among{1, anyBit, []uint32{unix.IPPROTO_TCP}},
		among{2, anyBit, []uint32{unix.TCP_NODELAY, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT}}),
)

// Taking is for those that wait ahead for the descriptor of their connection,
// which comes by control.
var Taking = plain(unix.SYS_RECVMSG)

// Reading is for those that read a large file: they tell the kernel that they
// will read it in order. Reading at an offset is the runtime's as well.
var Reading = plain(unix.SYS_FADVISE64)

// Noting is for those that write notes at places of their own in a file.
var Noting = Group{when(unix.SYS_PWRITE64, passed(0))}

// Looking is for those that have a folder: they open what lies below it and
// list names. A filter does not see which; that is for Landlock, which leaves
// everybody what stat(2) tells of any path.
var Looking = plain(unix.SYS_OPENAT, unix.SYS_OPENAT2, statAt, unix.SYS_GETDENTS64)

// Making is for those that make a folder: files and folders in it, with their
// modes and times, and all of it durable at once. Times are of a file that is
// open alone: by a path, Landlock would not see whose they are. A folder is one
// that its owner may list and empty, or what is in it could never be removed.
var Making = append(plain(unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_SYNCFS),
	when(unix.SYS_MKDIRAT, among{2, 0o700, []uint32{0o700}}), when(unix.SYS_UMASK, among{0, 0o700, []uint32{0}}),
	when(unix.SYS_UTIMENSAT, passed(0), null{1}))

// Copying is for those that take files from another folder: within the kernel,
// where the file system lends the blocks.
var Copying = Group{when(unix.SYS_COPY_FILE_RANGE, passed(2))}

// Syncing is for those that make their notes durable.
var Syncing = plain(unix.SYS_FSYNC)

// Capturing is for those that have a camera or a microphone: they ask its driver
// by the requests of V4L2 ('V') and ALSA ('A') alone, and wait for it (unix.Poll
// is ppoll(2) on every architecture). Its memory is mapped as any other.
// Where another program encodes for them, they say that nothing more comes.
var Capturing = append(plain(unix.SYS_PPOLL, unix.SYS_SHUTDOWN), when(unix.SYS_IOCTL, among{1, 0xff00, []uint32{'V' << 8, 'A' << 8}}))

// Storing is for those that make a file durable: it is cut to what is, its
// space is reserved where the file system can, and it is synced.
var Storing = append(plain(unix.SYS_FSTATFS, unix.SYS_FDATASYNC, unix.SYS_FSYNC),
	when(unix.SYS_PWRITE64, passed(0)), when(unix.SYS_FTRUNCATE, passed(0)), when(unix.SYS_FALLOCATE, passed(0)))

// ofPrograms is what a program needs that is loaded by the C library and computes
// on its standard input and output, besides what is the Go runtime's. Tried with
// strace(1) on ffmpeg 5.1 of Debian 12, and allowed for the C libraries of some
// years.
var ofPrograms = append(append(plain(
	// It is executed, and finds and maps its libraries, which are code.
	unix.SYS_EXECVE, unix.SYS_BRK, unix.SYS_MPROTECT, unix.SYS_OPENAT, statAt, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2,
	unix.SYS_READLINKAT, unix.SYS_LSEEK, unix.SYS_GETDENTS64, unix.SYS_STATFS, unix.SYS_FSTATFS,
	// Its threads.
	unix.SYS_SET_TID_ADDRESS, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETRES, unix.SYS_GET_ROBUST_LIST, unix.SYS_GETCPU, unix.SYS_MEMBARRIER, unix.SYS_MLOCK,
	// What it asks about itself and the machine.
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETPPID, unix.SYS_GETRUSAGE, unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GET_MEMPOLICY,
	unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_TIMES,
	// It reads and writes in several pieces, and waits.
	unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2,
),
	// Memory may be code, and is counted as a worker's is. None is made larger in
	// its place (mremap(2)), which a stack could be uncounted: the C library copies.
	when(unix.SYS_MMAP, counted),
	// Bounds are asked for, not changed.
	when(unix.SYS_PRLIMIT64, null{2}),
	// Standard input and output are its own.
	when(unix.SYS_FCNTL, among{1, anyBit, []uint32{unix.F_SETFL, unix.F_DUPFD_CLOEXEC}}),
	// Threads are named, and capabilities asked for.
	when(unix.SYS_PRCTL, among{0, anyBit, []uint32{unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_CAPBSET_READ}}),
	// Whether its output is a terminal.
	when(unix.SYS_IOCTL, among{1, anyBit, []uint32{unix.TCGETS}}),
), older...)
