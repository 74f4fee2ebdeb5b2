package sandbox

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// call is a system call as a filter sees it.
type call struct {
	arch, number uint32
	arguments    [6]uint64
}

// verdict runs the filter that leaves groups, in the process 42, on c.
func verdict(t *testing.T, c call, groups ...Group) uint32 {
	t.Helper()
	vm, err := bpf.NewVM(program(append([]Group{ofRuntime(42)}, groups...)))
	if err != nil {
		t.Fatal(err)
	}
	// The machine reads words as a network has them, each at its place.
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[numberAt:], c.number)
	binary.BigEndian.PutUint32(data[archAt:], c.arch)
	for i, a := range c.arguments {
		binary.BigEndian.PutUint32(data[argumentAt+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[argumentAt+8*i+4:], uint32(a>>32))
	}
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func TestFilter(t *testing.T) {
	own := func(number uintptr, arguments ...uint64) call {
		c := call{arch: architecture, number: uint32(number)}
		copy(c.arguments[:], arguments)
		return c
	}
	mapped := func(prot, flags uint64) call { return own(unix.SYS_MMAP, 0, 4096, prot, flags, 1<<32-1) }
	const goThread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD | unix.CLONE_SETTLS
	for name, c := range map[string]struct {
		call
		groups []Group
		want   uint32
	}{
		"read":                        {own(unix.SYS_READ), nil, allow},
		"the last of the plain calls": {own(unix.SYS_RSEQ), nil, allow},
		"open":                        {own(unix.SYS_OPENAT), nil, fail},
		"execve":                      {own(unix.SYS_EXECVE), nil, fail},
		"socket":                      {own(unix.SYS_SOCKET), []Group{Connection}, fail},
		"connect":                     {own(unix.SYS_CONNECT), []Group{Connection}, fail},
		"a number beyond all":         {own(9999), nil, fail},
		"clone3":                      {own(unix.SYS_CLONE3), nil, notThere},
		"another architecture":        {call{arch: 0x40000003, number: uint32(unix.SYS_READ)}, nil, kill}, // AUDIT_ARCH_I386
		"x32, or no number":           {own(foreignFrom), nil, kill},
		"x32 read":                    {own(foreignFrom + unix.SYS_READ), nil, kill},

		"memory":                       {mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED), nil, allow},
		"memory that may be dropped":   {mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_DROPPABLE|unix.MAP_ANONYMOUS), nil, allow},
		"memory of a file":             {own(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, 3), nil, allow},
		"memory of the log":            {own(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, 2), nil, fail},
		"memory that is code":          {mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS), nil, fail},
		"memory that is shared":        {mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS), nil, fail},
		"the same, with flags checked": {mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED_VALIDATE|unix.MAP_ANONYMOUS), nil, fail},
		"memory that grows downwards":  {mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN), nil, fail},
		"memory that is made larger":   {own(unix.SYS_MREMAP), nil, fail},
		"code of a program":            {mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE), []Group{ofPrograms}, allow},
		"a program's shared memory":    {mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS), []Group{ofPrograms}, fail},
		"a program's larger memory":    {own(unix.SYS_MREMAP), []Group{ofPrograms}, fail},
		"memory that becomes code":     {own(unix.SYS_MPROTECT, 0, 4096, unix.PROT_EXEC), nil, fail},
		"a thread":                     {own(unix.SYS_CLONE, goThread), nil, allow},
		"a process":                    {own(unix.SYS_CLONE, uint64(unix.SIGCHLD)), nil, fail},
		"a process like vfork":         {own(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK), nil, fail},
		"a thread of a user namespace": {own(unix.SYS_CLONE, goThread|unix.CLONE_NEWUSER), nil, fail},
		"a signal to itself":           {own(unix.SYS_TGKILL, 42, 43, uint64(unix.SIGURG)), nil, allow},
		"a signal to its supervisor":   {own(unix.SYS_TGKILL, 41, 41, uint64(unix.SIGKILL)), nil, fail},
		"the first of fcntl":           {own(unix.SYS_FCNTL, 3, unix.F_GETFL), nil, allow},
		"the last of fcntl":            {own(unix.SYS_FCNTL, 3, unix.F_GET_SEALS), nil, allow},
		"another of fcntl":             {own(unix.SYS_FCNTL, 3, unix.F_SETOWN), nil, fail},

		"an option of its group":         {own(unix.SYS_SETSOCKOPT, 3, unix.IPPROTO_TCP, unix.TCP_NODELAY), []Group{Connection}, allow},
		"one of the other level":         {own(unix.SYS_SETSOCKOPT, 3, unix.SOL_SOCKET, unix.SO_KEEPALIVE), []Group{Connection}, allow},
		"an option that is not in it":    {own(unix.SYS_SETSOCKOPT, 3, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER), []Group{Connection}, fail},
		"a level that is not in it":      {own(unix.SYS_SETSOCKOPT, 3, unix.SOL_IP, unix.TCP_NODELAY), []Group{Connection}, fail},
		"an option without the group":    {own(unix.SYS_SETSOCKOPT, 3, unix.IPPROTO_TCP, unix.TCP_NODELAY), nil, fail},
		"a write at a place":             {own(unix.SYS_PWRITE64, 3), []Group{Noting}, allow},
		"a write at a place without it":  {own(unix.SYS_PWRITE64, 3), []Group{Reading}, fail},
		"a write at a place in the log":  {own(unix.SYS_PWRITE64, 2), []Group{Noting, Storing}, fail},
		"cutting a file":                 {own(unix.SYS_FTRUNCATE, 3), []Group{Storing}, allow},
		"cutting the log":                {own(unix.SYS_FTRUNCATE, 1<<32|2), []Group{Storing}, fail},
		"a copy into a file":             {own(unix.SYS_COPY_FILE_RANGE, 4, 0, 3), []Group{Copying}, allow},
		"a copy into the log":            {own(unix.SYS_COPY_FILE_RANGE, 4, 0, 2), []Group{Copying}, fail},
		"the log doubled":                {own(unix.SYS_FCNTL, 2, unix.F_DUPFD_CLOEXEC), nil, fail},
		"a program's log doubled":        {own(unix.SYS_FCNTL, 2, unix.F_DUPFD_CLOEXEC), []Group{ofPrograms}, allow},
		"times of what is open":          {own(unix.SYS_UTIMENSAT, 3, 0), []Group{Making}, allow},
		"times of a path":                {own(unix.SYS_UTIMENSAT, 3, 0x7f00_1234), []Group{Making}, fail},
		"times of a path high up":        {own(unix.SYS_UTIMENSAT, 3, 1<<32), []Group{Making}, fail},
		"a folder":                       {own(unix.SYS_MKDIRAT, 3, 0x7f00_1234, 0o750), []Group{Making}, allow},
		"a folder that nobody lists":     {own(unix.SYS_MKDIRAT, 3, 0x7f00_1234, 0o300), []Group{Making}, fail},
		"a folder that nobody empties":   {own(unix.SYS_MKDIRAT, 3, 0x7f00_1234, 0o500), []Group{Making}, fail},
		"modes as they are given":        {own(unix.SYS_UMASK, 0), []Group{Making}, allow},
		"modes without their owner's":    {own(unix.SYS_UMASK, 0o400), []Group{Making}, fail},
		"bounds that are asked for":      {own(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_DATA, 0), []Group{ofPrograms}, allow},
		"bounds that are changed":        {own(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_DATA, 1<<32), []Group{ofPrograms}, fail},
		"a request of V4L2":              {own(unix.SYS_IOCTL, 3, 0xc0585611), []Group{Capturing}, allow},
		"a request of ALSA":              {own(unix.SYS_IOCTL, 3, 0x80184151), []Group{Capturing}, allow},
		"a request of a terminal":        {own(unix.SYS_IOCTL, 3, unix.TIOCSTI), []Group{Capturing}, fail},
		"behind conditions of its group": {own(unix.SYS_SHUTDOWN), []Group{Connection, Taking}, allow},
	} {
		if got := verdict(t, c.call, c.groups...); got != c.want {
			t.Errorf("%s: %#x instead of %#x", name, got, c.want)
		}
	}
}

// A filter that the kernel would not take, or whose jumps do not reach, would
// be known only by workers that do not start.
func TestFilterIsOne(t *testing.T) {
	p := program([]Group{ofRuntime(1), Connection, Taking, Reading, Noting, Storing, Looking, Making, Copying, Syncing, Capturing, ofPrograms})
	raw, err := bpf.Assemble(p)
	if err != nil || len(raw) > 4096 { // BPF_MAXINSNS
		t.Errorf("%d instructions, %v", len(raw), err)
	}
}
