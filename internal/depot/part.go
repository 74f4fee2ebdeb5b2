package depot

import (
	"encoding"
	"encoding/hex"
	"hash"
	"runtime"
	"sync"

	"videoclub/internal/disk"
	"videoclub/internal/reason"
)

// parallelFrom is how many bytes are worth waking the other goroutine for.
const parallelFrom = 32 << 10

// manyCores is from how many on a frame is digested while it is written.
const manyCores = 4

// Part is the file of one delivery as it grows, with its running digest and
// its durable offset. It needs two open files and nothing else, so that the
// process that has it may be denied all the rest. Append and Sync may be
// called by two goroutines; each has one caller at a time.
type Part struct {
	data disk.File
	size int64

	// mu is held for one Append, or while Sync notes where the part is: so
	// what Sync makes durable always ends where an Append ended.
	mu     sync.Mutex
	sum    hash.Hash
	at     slot    // sequence and state are not kept here
	count  *census // of a live source
	noted  []byte  // its state at the offset where the part was opened
	failed error
	closed bool

	// The digest of a frame is taken while the frame is written, where there
	// are cores to spare: on few, waking one costs more than it gains.
	parallel bool
	work     chan []byte
	done     chan struct{}

	// syncing is held for a whole Sync.
	syncing sync.Mutex
	slots   slotWriter
}

// OpenPart takes up a part at its durable offset: what was written after it is
// discarded, the digest goes on from its saved state, and nothing is read
// again. size is how many bytes the whole has, or -1 where nobody knows yet.
// The caller keeps data and slots and closes them after Close.
// Its errors have the code reason.StoreFailed.
func OpenPart(data, slots disk.File, size int64) (*Part, error) { return openPart(data, slots, size) }

func openPart(data, slots disk.File, size int64) (*Part, error) {
	info, err := data.Stat()
	if err != nil {
		return nil, storeFailed(err, "the part cannot be looked at")
	}
	from, err := newest(slots, info.Size, size)
	if err != nil {
		return nil, storeFailed(err, "the slots cannot be read")
	}
	if err := clearSlots(slots, from.stale); err != nil {
		return nil, storeFailed(err, "slots that do not fit the part cannot be cleared")
	}
	at := from.slot
	if at.offset > 0 {
		at.resumes++
	}
	if beyond := info.Size - at.offset; beyond > 0 {
		at.written += beyond
		at.hashed += beyond
		if err := data.Truncate(at.offset); err != nil {
			return nil, storeFailed(err, "what is beyond the durable offset cannot be discarded")
		}
		if size > 0 {
			// Truncate freed what was reserved. Where it cannot be had again,
			// a write will say so.
			_ = data.Allocate(size)
		}
	}
	p := &Part{
		data: data, size: size, sum: from.sum, at: at, noted: at.state[min(len(at.state), stateSize):],
		parallel: runtime.NumCPU() >= manyCores, work: make(chan []byte), done: make(chan struct{}),
		slots: slotWriter{file: slots, sequence: at.sequence, place: from.place, durable: at},
	}
	go p.digest()
	return p, nil
}

func (p *Part) digest() {
	for b := range p.work {
		p.sum.Write(b)
		p.done <- struct{}{}
	}
}

// Close ends the part's goroutine. What was not synced may be lost.
func (p *Part) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.work)
	}
}

// Offset is how many bytes the part has, durable or not.
func (p *Part) Offset() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at.offset
}

// Frames is how many frames they came in, over all attempts.
func (p *Part) Frames() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at.frames
}

// Resumes is how often the part went on from a durable offset above 0, over
// all attempts that made something more durable.
func (p *Part) Resumes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.at.resumes)
}

// Effort is how many bytes were written and hashed over all attempts, as far
// as it is known: without a break each is the offset.
func (p *Part) Effort() (written, hashed int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at.written, p.at.hashed
}

// Append writes the source bytes of one frame at the end and takes them into
// the digest. It does not keep frame. An error is final: this Part takes and
// makes durable nothing more. Its code is reason.NoSpace, reason.StoreFailed,
// or reason.Protocol where the frame goes beyond the size.
func (p *Part) Append(frame []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(); err != nil {
		return err
	}
	if len(frame) == 0 {
		return nil
	}
	n := int64(len(frame))
	if p.size >= 0 && n > p.size-p.at.offset {
		p.failed = reason.New(reason.Protocol, "a frame of %d bytes at offset %d goes beyond the %d that were offered",
			n, p.at.offset, p.size)
		return p.failed
	}
	aside := p.parallel && len(frame) >= parallelFrom
	if aside {
		p.work <- frame
	} else {
		p.sum.Write(frame)
	}
	_, err := p.data.WriteAt(frame, p.at.offset)
	if aside {
		<-p.done
	}
	if err != nil {
		p.failed = storeFailed(err, "the part cannot be written at offset %d", p.at.offset)
		return p.failed
	}
	p.at.offset += n
	p.at.frames++
	p.at.written += n
	p.at.hashed += n
	if p.count != nil {
		p.failed = p.count.advance(p.data, p.at.offset)
	}
	return p.failed
}

// Sync makes durable what was appended before the call, first the bytes, then
// the slot that says so, and returns the durable offset, which may be
// acknowledged. Append may go on meanwhile. An error is final, because after
// a failed sync the kernel may have dropped what it could not write: the part
// is to be opened again. Its code is reason.NoSpace or reason.StoreFailed.
func (p *Part) Sync() (offset int64, err error) {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	at, err := p.snapshot()
	if err != nil {
		return 0, err
	}
	if at.offset == p.slots.durable.offset {
		return at.offset, nil
	}
	if err := p.settle(at); err != nil {
		p.mu.Lock()
		p.failed = err
		p.mu.Unlock()
		return 0, err
	}
	return at.offset, nil
}

func (p *Part) snapshot() (slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(); err != nil {
		return slot{}, err
	}
	state, err := p.sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		p.failed = reason.Wrap(reason.Internal, err, "the state of the digest cannot be saved")
		return slot{}, p.failed
	}
	if p.count != nil {
		state = p.count.state(state)
	}
	at := p.at
	at.state = state
	return at, nil
}

// settle makes at durable in the slot that is not the newest.
func (p *Part) settle(at slot) error {
	if err := p.data.Datasync(); err != nil {
		return storeFailed(err, "the part cannot be made durable up to offset %d", at.offset)
	}
	if err := p.slots.write(at); err != nil {
		return storeFailed(err, "the durable offset %d cannot be noted", at.offset)
	}
	return nil
}

// Finish makes the rest durable and gives the SHA-256 of the whole in hex. It
// fails with reason.Protocol when the part is shorter than its size.
func (p *Part) Finish() (sha256 string, err error) {
	offset, err := p.Sync()
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.offset != offset || p.size >= 0 && offset != p.size {
		return "", reason.New(reason.Protocol, "the end came at offset %d of %d", offset, p.size)
	}
	return hex.EncodeToString(p.sum.Sum(nil)), nil
}

func (p *Part) usable() error {
	if p.failed == nil && p.closed {
		return reason.New(reason.Internal, "the part is closed")
	}
	return p.failed
}

// storeFailed gives err its reason: want of space or any other failure.
func storeFailed(err error, format string, args ...any) error {
	if disk.IsNoSpace(err) {
		return reason.Wrap(reason.NoSpace, err, format, args...)
	}
	return reason.Wrap(reason.StoreFailed, err, format, args...)
}
