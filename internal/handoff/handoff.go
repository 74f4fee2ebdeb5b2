// Package handoff passes frames from one worker to the next on the same
// machine: a ring of slots in shared memory, with a socketpair that says which
// slot is full and which is free again. It is bounded by its slots; a producer
// waits while all are full.
//
// The two ends do not trust each other. The memory cannot change its size
// (memfd seals, memfd_create(2)), so that neither can make the other fault;
// slot numbers and lengths come by the socket and are checked before use; and
// Receive gives the consumer a copy of its own, so that what was checked cannot
// change afterwards. Compared with the frames themselves passing through the
// socketpair this saves one copy and the buffers of the kernel on each side.
package handoff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// SlotSize is the most that one message holds, in bytes: a whole frame.
	SlotSize = 256 << 10

	// Slots is how many messages may be under way. 8 MiB in flight hide the
	// jitter of two processes on a busy machine.
	Slots = 16

	// The two messages of the socketpair, little-endian.
	fullSize = 8 // slot u32, length u32
	freeSize = 4 // slot u32

	seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
)

// Shape is how many messages a ring has room for, and how large each may be, in
// bytes: a multiple of 4096.
type Shape struct{ Slots, Size int }

// Frames is the shape of a ring for frames.
var Frames = Shape{Slots, SlotSize}

// Bounds of a ring: the socketpair has room for the word of every slot, so that
// Send does not wait.
const (
	mostSlots = 128
	mostSize  = 256 << 20
	page      = 4096
)

// check refuses a shape that cannot be.
func (s Shape) check() error {
	if s.Slots < 1 || s.Slots > mostSlots || s.Size < page || s.Size > mostSize || s.Size%page != 0 {
		return fmt.Errorf("handoff: a ring of %d slots of %d bytes", s.Slots, s.Size)
	}
	return nil
}

func (s Shape) bytes() int64 { return int64(s.Slots) * int64(s.Size) }

// End is one side of a handoff, as two descriptors to give to a worker.
type End struct {
	Ring *os.File // the shared memory
	Wake *os.File // the socketpair's end
}

// Close closes the descriptors.
func (e End) Close() { e.Ring.Close(); e.Wake.Close() }

// Pair makes the two ends of a handoff of frames: for its producer and for its
// consumer.
func Pair() (producer, consumer End, err error) { return Frames.Pair() }

// Pair makes the two ends of a handoff. A ring takes as much memory as its
// messages had at most.
func (s Shape) Pair() (producer, consumer End, err error) {
	if err := s.check(); err != nil {
		return End{}, End{}, err
	}
	fd, err := unix.MemfdCreate("handoff", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return End{}, End{}, fmt.Errorf("handoff: memfd_create: %w", err)
	}
	ring := os.NewFile(uintptr(fd), "handoff-ring")
	if err := errors.Join(unix.Ftruncate(fd, s.bytes()), addSeals(fd)); err != nil {
		ring.Close()
		return End{}, End{}, fmt.Errorf("handoff: %w", err)
	}
	second, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		ring.Close()
		return End{}, End{}, fmt.Errorf("handoff: dup: %w", err)
	}
	// Messages keep their boundaries (SOCK_SEQPACKET), so that none is half there.
	wake, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		ring.Close()
		unix.Close(second)
		return End{}, End{}, fmt.Errorf("handoff: socketpair: %w", err)
	}
	producer = End{ring, os.NewFile(uintptr(wake[0]), "handoff-wake")}
	consumer = End{os.NewFile(uintptr(second), "handoff-ring"), os.NewFile(uintptr(wake[1]), "handoff-wake")}
	return producer, consumer, nil
}

func addSeals(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	return err
}

// open maps the ring of e after checking that nobody can resize it.
func (s Shape) open(e End, prot int) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	have, err := unix.FcntlInt(e.Ring.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || have&seals != seals {
		return nil, fmt.Errorf("handoff: the ring is not sealed (%#x): %v", have, err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(e.Ring.Fd()), &stat); err != nil || stat.Size != s.bytes() {
		return nil, fmt.Errorf("handoff: the ring has %d bytes instead of %d: %v", stat.Size, s.bytes(), err)
	}
	ring, err := unix.Mmap(int(e.Ring.Fd()), 0, int(s.bytes()), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("handoff: mmap: %w", err)
	}
	return ring, nil
}

// Producer fills slots. Not safe for concurrent use, but the slices that Slot
// gives may be filled by several goroutines at once.
type Producer struct {
	shape Shape
	end   End
	ring  []byte
	free  []int
	held  []bool // given by Slot and not yet sent, or sent and not yet free
}

// NewProducer takes over the producer's end of a handoff of frames.
func NewProducer(e End) (*Producer, error) { return Frames.Producer(e) }

// Producer takes over the producer's end.
func (s Shape) Producer(e End) (*Producer, error) {
	ring, err := s.open(e, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return nil, err
	}
	p := &Producer{shape: s, end: e, ring: ring, held: make([]bool, s.Slots)}
	for i := range s.Slots {
		p.free = append(p.free, s.Slots-1-i)
	}
	return p, nil
}

// Slot is memory for one message.
type Slot struct {
	index int
	Buf   []byte // of the size of the shape
}

// Slot waits for a free slot. The error is io.EOF once the consumer has gone.
func (p *Producer) Slot() (Slot, error) {
	for len(p.free) == 0 {
		if err := p.takeBack(); err != nil {
			return Slot{}, err
		}
	}
	return p.slot(), nil
}

// Room is how many bytes a message may have.
func (p *Producer) Room() int { return p.shape.Size }

// TrySlot gives a free slot, or false if there is none now. The error is io.EOF
// once the consumer has gone.
func (p *Producer) TrySlot() (Slot, bool, error) {
	for len(p.free) == 0 {
		some, err := p.tryTakeBack()
		if err != nil || !some {
			return Slot{}, false, err
		}
	}
	return p.slot(), true, nil
}

// slot takes a free slot: the one that was freed last, whose memory there is.
func (p *Producer) slot() Slot {
	i := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.held[i] = true
	size := p.shape.Size
	return Slot{index: i, Buf: p.ring[i*size : (i+1)*size : (i+1)*size]}
}

// takeBack waits until the consumer frees a slot.
func (p *Producer) takeBack() error {
	var msg [freeSize + 1]byte
	n, err := p.end.Wake.Read(msg[:])
	if err != nil {
		return gone(err)
	}
	return p.freed(msg[:n])
}

// tryTakeBack takes back a slot that the consumer has freed, if it has.
func (p *Producer) tryTakeBack() (bool, error) {
	raw, err := p.end.Wake.SyscallConn()
	if err != nil {
		return false, gone(err)
	}
	var msg [freeSize + 1]byte
	var n int
	var got error
	err = raw.Read(func(fd uintptr) bool {
		n, got = unix.Read(int(fd), msg[:])
		return true // whether or not there was anything
	})
	switch {
	case err != nil:
		return false, gone(err)
	case errors.Is(got, unix.EAGAIN), errors.Is(got, unix.EINTR):
		return false, nil
	case got != nil:
		return false, gone(got)
	case n == 0:
		return false, io.EOF
	}
	return true, p.freed(msg[:n])
}

// freed takes back the slot that a message of the consumer's frees.
func (p *Producer) freed(msg []byte) error {
	if len(msg) != freeSize {
		return fmt.Errorf("handoff: the consumer says %d bytes", len(msg))
	}
	i := binary.LittleEndian.Uint32(msg)
	if i >= uint32(p.shape.Slots) || !p.held[i] {
		return fmt.Errorf("handoff: the consumer frees slot %d, which it does not hold", i)
	}
	p.held[i] = false
	p.free = append(p.free, int(i))
	return nil
}

// Send hands over the first n bytes of s, which must not be touched any more.
func (p *Producer) Send(s Slot, n int) error {
	if n < 1 || n > p.shape.Size {
		return fmt.Errorf("handoff: a message of %d bytes, 1 to %d are allowed", n, p.shape.Size)
	}
	var msg [fullSize]byte
	binary.LittleEndian.PutUint32(msg[:], uint32(s.index))
	binary.LittleEndian.PutUint32(msg[4:], uint32(n))
	if _, err := p.end.Wake.Write(msg[:]); err != nil {
		return gone(err)
	}
	return nil
}

// Finish waits until the consumer has taken everything that was sent. A
// producer that exits before may take it away: a Unix socket that is closed
// with unread messages in it resets its other end.
func (p *Producer) Finish() error {
	for len(p.free) < p.shape.Slots {
		if err := p.takeBack(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the handoff: the consumer's next Receive gives io.EOF. It may be
// called while Slot or Finish waits, which then returns.
func (p *Producer) Close() { p.end.Wake.Close() }

// Unmap gives the memory back, after Close, when nobody has a Slot any more; for
// a process in which handoffs come and go.
func (p *Producer) Unmap() { unmap(p.ring, p.end) }

// Consumer takes messages in the order in which they were sent. Not safe for
// concurrent use.
type Consumer struct {
	shape Shape
	end   End
	ring  []byte
}

// NewConsumer takes over the consumer's end of a handoff of frames.
func NewConsumer(e End) (*Consumer, error) { return Frames.Consumer(e) }

// Consumer takes over the consumer's end.
func (s Shape) Consumer(e End) (*Consumer, error) {
	ring, err := s.open(e, unix.PROT_READ)
	if err != nil {
		return nil, err
	}
	return &Consumer{shape: s, end: e, ring: ring}, nil
}

// Receive copies the next message into buf, which holds at least the size of a
// slot, and returns its length. The error is io.EOF once the producer has gone.
func (c *Consumer) Receive(buf []byte) (int, error) {
	s, n, err := c.next()
	if err != nil {
		return 0, err
	}
	copy(buf[:n], c.ring[s*c.shape.Size:])
	return n, c.release(s)
}

// Borrow calls use with the next message where it lies. The producer can still
// change it: use may pass the bytes on, but must not decide anything by them.
func (c *Consumer) Borrow(use func(p []byte) error) error {
	s, n, err := c.next()
	if err != nil {
		return err
	}
	if err := use(c.ring[s*c.shape.Size : s*c.shape.Size+n]); err != nil {
		return err
	}
	return c.release(s)
}

func (c *Consumer) next() (slot, n int, err error) {
	var msg [fullSize + 1]byte
	got, err := c.end.Wake.Read(msg[:])
	if err != nil {
		return 0, 0, gone(err)
	}
	i, size := binary.LittleEndian.Uint32(msg[:]), binary.LittleEndian.Uint32(msg[4:])
	if got != fullSize || i >= uint32(c.shape.Slots) || size < 1 || size > uint32(c.shape.Size) {
		return 0, 0, fmt.Errorf("handoff: the producer says slot %d with %d bytes, which cannot be", i, size)
	}
	return int(i), int(size), nil
}

func (c *Consumer) release(slot int) error {
	var msg [freeSize]byte
	binary.LittleEndian.PutUint32(msg[:], uint32(slot))
	_, err := c.end.Wake.Write(msg[:])
	// The producer may have sent its last message and gone.
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// Close ends the handoff: the producer's next Slot or Send fails.
func (c *Consumer) Close() { c.end.Wake.Close() }

// Unmap gives the memory back, after Close, when nobody receives any more.
func (c *Consumer) Unmap() { unmap(c.ring, c.end) }

// unmap lets a ring go; that it is mapped is known.
func unmap(ring []byte, e End) {
	_ = unix.Munmap(ring)
	e.Ring.Close()
}

// gone turns the ways in which the other end can be gone into io.EOF.
func gone(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, os.ErrClosed) {
		return io.EOF
	}
	return err
}
