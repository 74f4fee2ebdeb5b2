package depot

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"math"

	"videoclub/internal/disk"
)

// The slots file has two slots, one block apart, so that the write of one
// cannot damage the other. Each is one disk sector:
//
//	 0  "VCSLOT\x00\x01"
//	 8  sequence u64 · offset u64 · frames u64 · resumes u64 · written u64 · hashed u64
//	56  length of the state u16 · state of SHA-256, and of SHA-1 for a package · zeros
//	500 bytes allocated ahead u64
//	508 CRC-32C of the 508 bytes before
//
// big-endian. The slot with the higher sequence is the newer.
const (
	slotSize   = 512
	slotStride = 4096
	slotMagic  = "VCSLOT\x00\x01"
	stateAt    = 58
	stateSize  = 108 // of SHA-256 by MarshalBinary; that of SHA-1 may follow
	crcAt      = slotSize - 4
	aheadAt    = crcAt - 8
)

// SlotsSize is how long the slots file is at most, in bytes.
const SlotsSize = 2 * slotStride

// slot is the state of a part at a durable offset.
type slot struct {
	sequence int64
	offset   int64  // bytes of the part that are durable
	frames   int64  // frames that they came in
	resumes  int64  // how often the part went on from a durable offset
	written  int64  // bytes written in all attempts
	hashed   int64  // bytes hashed in all attempts
	ahead    int64  // of a folder, bytes allocated beyond the offset; earlier versions had 0
	state    []byte // of SHA-256 over the first offset bytes; of a folder, over what is there of the file that is written
}

func (s slot) encode() []byte {
	b := make([]byte, 0, slotSize)
	b = append(b, slotMagic...)
	for _, n := range []int64{s.sequence, s.offset, s.frames, s.resumes, s.written, s.hashed} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.state)))
	b = append(b, s.state...)
	b = append(b, make([]byte, aheadAt-len(b))...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.ahead))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

var errSlot = errors.New("not a valid slot")

func parseSlot(b []byte) (slot, error) {
	if len(b) != slotSize || string(b[:8]) != slotMagic ||
		binary.BigEndian.Uint32(b[crcAt:]) != crc32.Checksum(b[:crcAt], crc32.MakeTable(crc32.Castagnoli)) {
		return slot{}, errSlot
	}
	var s slot
	for i, n := range []*int64{&s.sequence, &s.offset, &s.frames, &s.resumes, &s.written, &s.hashed, &s.ahead} {
		at := 8 + 8*i
		if n == &s.ahead {
			at = aheadAt
		}
		u := binary.BigEndian.Uint64(b[at:])
		if u > math.MaxInt64 {
			return slot{}, errSlot
		}
		*n = int64(u)
	}
	length := int(binary.BigEndian.Uint16(b[56:]))
	if length > aheadAt-stateAt || len(bytes.Trim(b[stateAt+length:aheadAt], "\x00")) > 0 {
		return slot{}, errSlot
	}
	s.state = bytes.Clone(b[stateAt : stateAt+length])
	return s, nil
}

// progress is what the slots say of a part.
type progress struct {
	slot            // the newest that fits the part, or the zero slot
	sum   hash.Hash // the running digest at its offset
	place int       // where the slot stands; without one, not where the next goes
	stale []int     // the places of slots that do not fit the part
}

// newest reads the slots of a part that has have bytes of which want are
// expected (-1: not known).
func newest(slots disk.File, have, want int64) (progress, error) {
	p := progress{sum: sha256.New(), place: 1}
	for i := range 2 {
		b := make([]byte, slotSize)
		n, err := slots.ReadAt(b, int64(i)*slotStride)
		if err != nil && err != io.EOF {
			return progress{}, err
		}
		s, err := parseSlot(b[:n])
		if err != nil {
			continue
		}
		// A state that this version of SHA-256 does not take is as good as none.
		sum := sha256.New()
		if s.offset > have || want >= 0 && s.offset > want ||
			sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.state[:min(len(s.state), stateSize)]) != nil {
			p.stale = append(p.stale, i)
			continue
		}
		if s.sequence > p.sequence {
			p.slot, p.sum, p.place = s, sum, i
		}
	}
	return p, nil
}

// clearSlots takes slots away that do not fit, because they would fit again once
// the part is longer, though what they vouch for would not be durable.
func clearSlots(slots disk.File, places []int) error {
	for _, i := range places {
		if _, err := slots.WriteAt(make([]byte, slotSize), int64(i)*slotStride); err != nil {
			return err
		}
	}
	if len(places) == 0 {
		return nil
	}
	return slots.Datasync()
}

// slotWriter writes the slots of a part in turn.
type slotWriter struct {
	file     disk.File
	sequence int64
	place    int
	durable  slot // the latest
}

// write makes at durable in the slot that is not the newest. What at vouches
// for is durable before.
func (w *slotWriter) write(at slot) error {
	at.sequence = w.sequence + 1
	place := 1 - w.place
	if _, err := w.file.WriteAt(at.encode(), int64(place)*slotStride); err != nil {
		return err
	}
	if err := w.file.Datasync(); err != nil {
		return err
	}
	w.sequence, w.place, w.durable = at.sequence, place, at
	return nil
}
