// Package digest notes a delivery's running SHA-256 after each frame, and of a
// folder those of its files, in a small file that outlives the read worker and
// its supervisor, so that a resume from any offset within the window hashes
// nothing twice.
package digest

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"time"
)

// The file is a ring of slots, one for each frame in turn. A torn slot has a
// wrong CRC and counts as absent. Nothing is synced: kill -9 loses nothing of
// it, and for a power loss the ledger has the state at the last offset that
// was acknowledged.
const (
	slots     = 512 // 131 MB of frames: twice what may be unacknowledged
	slotSize  = 192
	stateSize = 108 // of SHA-256 by MarshalBinary
	used      = 8 + 8 + 8 + stateSize
)

// crc is CRC-32C: it detects a torn slot, no more.
var crc = crc32.MakeTable(crc32.Castagnoli)

// Notes is such a file.
type Notes struct {
	file  *os.File
	frame int64
	next  int64 // the place of the next note, where steps have any length

	// What all read workers of the delivery have done together, in bytes of
	// the source.
	Read, Hashed int64

	synced  time.Time // when the digests of files last were
	ahead   []byte    // entries that Sum has read
	aheadAt int64
}

// slot is one note.
type slot struct {
	place                int64
	offset, read, hashed int64
	state                []byte
}

// Open takes over the file, which may be empty; frame is the length of the
// steps in which Put goes on, in bytes, or 0 where that is any.
func Open(file *os.File, frame int64) (*Notes, error) {
	n := &Notes{file: file, frame: frame}
	err := n.each(func(s slot) {
		if s.read > n.Read {
			n.Read, n.Hashed, n.next = s.read, s.hashed, s.place+1
		}
	})
	return n, err
}

// Close closes the file.
func (n *Notes) Close() error { return n.file.Close() }

// each calls f with every sound slot.
func (n *Notes) each(f func(slot)) error {
	var ring [slots * slotSize]byte
	have, err := n.file.ReadAt(ring[:], 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("digest: reading the notes: %w", err)
	}
	for i := 0; i+slotSize <= have; i += slotSize {
		p := ring[i : i+slotSize]
		if crc32.Checksum(p[:used], crc) != binary.LittleEndian.Uint32(p[used:]) {
			continue
		}
		f(slot{
			place: int64(i / slotSize), offset: int64(binary.LittleEndian.Uint64(p)), read: int64(binary.LittleEndian.Uint64(p[8:])),
			hashed: int64(binary.LittleEndian.Uint64(p[16:])), state: p[24 : 24+stateSize],
		})
	}
	return nil
}

// Put notes the state at offset after count more bytes were read and, unless
// the state is nil, hashed.
func (n *Notes) Put(offset, count int64, state []byte) error {
	n.Read += count
	if state != nil {
		n.Hashed += count
	}
	var p [slotSize]byte
	binary.LittleEndian.PutUint64(p[0:], uint64(offset))
	binary.LittleEndian.PutUint64(p[8:], uint64(n.Read))
	binary.LittleEndian.PutUint64(p[16:], uint64(n.Hashed))
	copy(p[24:], state)
	binary.LittleEndian.PutUint32(p[used:], crc32.Checksum(p[:used], crc))
	place := n.next % slots
	if n.frame > 0 {
		place = n.slotOf(offset)
	}
	n.next = place + 1
	if _, err := n.file.WriteAt(p[:], place*slotSize); err != nil {
		return fmt.Errorf("digest: noting the state at %d: %w", offset, err)
	}
	return nil
}

// slotOf gives the place of the note at offset. It rounds up: the end of a last,
// shorter frame must not take the place of the one before, which may still be
// where a resume begins.
func (n *Notes) slotOf(offset int64) int64 { return (offset + n.frame - 1) / n.frame % slots }

// At gives the running digest at the greatest noted offset that is at most
// limit, and that offset. Without any it is the empty digest at 0.
func (n *Notes) At(limit int64) (hash.Hash, int64, error) {
	best, bestAt := sha256.New(), int64(0)
	err := n.each(func(s slot) {
		if s.offset <= bestAt || s.offset > limit {
			return
		}
		if h, err := Restore(s.state); err == nil {
			best, bestAt = h, s.offset
		}
	})
	return best, bestAt, err
}

// Restore makes a running SHA-256 of a state given by Save.
func Restore(state []byte) (hash.Hash, error) {
	h := sha256.New()
	err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
	return h, err
}

// Save gives the state of a running SHA-256.
func Save(h hash.Hash) ([]byte, error) {
	return h.(encoding.BinaryMarshaler).MarshalBinary()
}
