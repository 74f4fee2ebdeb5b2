package sandbox

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Group is calls that are there for one reason.
type Group []Call

// Call is a system call that is left to a worker.
type Call struct {
	number uintptr
	if_    []condition // all of which hold; else it is as if the call were not there
}

// condition is on an argument of a call.
type condition interface {
	// demand makes the part of a filter that goes on where the condition holds,
	// and else skips what follows it.
	demand(following int) []bpf.Instruction
}

// among is on the lower 32 bits of an argument: the kernel takes no more of those
// that such conditions are on.
type among struct {
	argument int
	mask     uint32   // the bits that are looked at
	values   []uint32 // one of which they must be
}

// anyBit looks at the whole of an argument.
const anyBit = ^uint32(0)

// null is on an argument that is a pointer, all of which counts: there is none.
type null struct{ argument int }

// above is on an argument of 32 bits without a sign: it is more than most.
type above struct {
	argument int
	most     uint32
}

// plain is calls whatever their arguments.
func plain(numbers ...uintptr) Group {
	var g Group
	for _, n := range numbers {
		g = append(g, Call{number: n})
	}
	return g
}

// when is a call under conditions.
func when(number uintptr, conditions ...condition) Call { return Call{number, conditions} }

// What becomes of a call (seccomp(2)).
const (
	allow = unix.SECCOMP_RET_ALLOW

	// fail is what becomes of all that is not left. The call fails, as it would
	// by Landlock, and the worker goes on or says why it cannot: a library or a
	// runtime that tries something newer and has another way costs no
	// delivery, and who has taken the worker over has gained nothing.
	fail = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)

	// notThere is for clone3, whose flags lie in memory where no filter sees
	// them. The C library makes threads by clone then.
	notThere = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)

	// kill is for calls by another way into the kernel than this program's
	// own, which nothing but an attack takes: their numbers mean other calls.
	kill = unix.SECCOMP_RET_KILL_PROCESS
)

// Offsets in struct seccomp_data (seccomp(2)). Both architectures are
// little-endian, so that the lower half of an argument comes first.
const (
	numberAt   = 0
	archAt     = 4
	argumentAt = 16
)

// program makes the filter that leaves the calls of groups.
func program(groups []Group) []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: archAt, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: architecture, SkipTrue: 1},
		bpf.RetConstant{Val: kill},
		bpf.LoadAbsolute{Off: numberAt, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: foreignFrom, SkipFalse: 1},
		bpf.RetConstant{Val: kill},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(unix.SYS_CLONE3), SkipFalse: 1},
		bpf.RetConstant{Val: notThere},
	}
	// Those without conditions first: the kernel knows beforehand that it need
	// not run the filter for them.
	var conditional []Call
	for _, g := range groups {
		for _, c := range g {
			if len(c.if_) > 0 {
				conditional = append(conditional, c)
				continue
			}
			p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(c.number), SkipFalse: 1}, bpf.RetConstant{Val: allow})
		}
	}
	for _, c := range conditional {
		p = append(p, check(c)...)
	}
	return append(p, bpf.RetConstant{Val: fail})
}

// check makes the part of a filter that leaves a call under its conditions, and
// otherwise goes on behind it.
func check(c Call) []bpf.Instruction {
	// From its end: what does not hold jumps there.
	rest := []bpf.Instruction{bpf.RetConstant{Val: allow}}
	for i := len(c.if_) - 1; i >= 0; i-- {
		rest = append(c.if_[i].demand(len(rest)), rest...)
	}
	return append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: numberAt, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(c.number), SkipFalse: uint8(len(rest))},
	}, rest...)
}

func (c among) demand(following int) []bpf.Instruction {
	p := []bpf.Instruction{
		lower(c.argument),
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: c.mask},
	}
	for i, v := range c.values {
		left := len(c.values) - 1 - i
		jump := bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(left)}
		if left == 0 {
			jump.SkipFalse = uint8(following)
		}
		p = append(p, jump)
	}
	return p
}

func (c null) demand(following int) []bpf.Instruction {
	return []bpf.Instruction{
		lower(c.argument),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: uint8(following + 2)},
		upper(c.argument),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: uint8(following)},
	}
}

func (c above) demand(following int) []bpf.Instruction {
	return []bpf.Instruction{
		lower(c.argument),
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: c.most, SkipFalse: uint8(following)},
	}
}

// lower and upper load the halves of an argument.
func lower(argument int) bpf.Instruction {
	return bpf.LoadAbsolute{Off: uint32(argumentAt + 8*argument), Size: 4}
}

func upper(argument int) bpf.Instruction {
	return bpf.LoadAbsolute{Off: uint32(argumentAt + 8*argument + 4), Size: 4}
}

// seccompThere says why there are no filters here, or nil.
func seccompThere() error {
	if architecture == 0 {
		return errors.New("this program has no filter for this architecture")
	}
	action := uint32(fail &^ 0xffff)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	if errno != 0 {
		return errno
	}
	return nil
}

// filter leaves to all threads of this process the calls of Runtime and groups.
func filter(groups []Group) error {
	assembled, err := bpf.Assemble(program(append([]Group{ofRuntime(os.Getpid())}, groups...)))
	if err != nil {
		return fmt.Errorf("the filter: %w", err)
	}
	instructions := make([]unix.SockFilter, len(assembled))
	for i, a := range assembled {
		instructions[i] = unix.SockFilter{Code: a.Op, Jt: a.Jt, Jf: a.Jf, K: a.K}
	}
	p := unix.SockFprog{Len: uint16(len(instructions)), Filter: &instructions[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if thread != 0 {
		return fmt.Errorf("seccomp: thread %d has a filter of its own", thread)
	}
	return nil
}
