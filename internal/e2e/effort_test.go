package e2e

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/wire"
)

// effort is what deliveries took.
type effort struct {
	size      int64
	read      int64 // by the read workers
	rewritten int64 // by the store workers, beyond size; 0 where it is not known
	resumes   int64
}

func (e *effort) add(other effort) {
	e.size += other.size
	e.read += other.read
	e.rewritten += other.rewritten
	e.resumes += other.resumes
}

// note is what a read worker notes after each frame in the file of
// internal/digest: a ring of 512 records of 192 bytes.
type note struct{ offset, read, hashed int64 }

const (
	noteSize  = 192
	noteCount = 512
)

// notesOf reads the notes in the order of their offsets.
func notesOf(t *testing.T, j *stormJob) []note {
	t.Helper()
	ring := make([]byte, noteCount*noteSize)
	n, err := j.notes.ReadAt(ring, 0)
	if n == 0 {
		t.Fatalf("delivery %d has no notes: %v", j.id, err)
	}
	var all []note
	for ; n >= noteSize; n -= noteSize {
		p := ring[n-noteSize : n]
		if at := int64(binary.LittleEndian.Uint64(p)); at > 0 {
			all = append(all, note{at, int64(binary.LittleEndian.Uint64(p[8:])), int64(binary.LittleEndian.Uint64(p[16:]))})
		}
	}
	slices.SortFunc(all, func(a, b note) int { return int(a.offset - b.offset) })
	return all
}

// account compares what a delivery took with what it may have taken.
//
// Let R be the offsets at which the reception had the delivery go on: what it
// had made durable. Nothing below one of them may be read, hashed, sent or
// written again after it, and of what lies above only what was on its way:
//
//   - The sender never has more than Window bytes sent beyond the last
//     acknowledgement, and what is acknowledged is durable. So of each break at
//     most Window is sent again, and at most that the receiver writes again:
//     size <= sent, written <= size + breaks*Window.
//   - The read worker is ahead of the sender by the slots of the handoff, and
//     notes a frame before it hands it over: of each break it reads at most
//     Window + Slots*SourceSize again.
//   - It notes after each frame how much it has read in all. The difference of
//     that and the frame's offset is constant in one attempt, and grows at the
//     next by what is read again. So it may grow at one of R alone: a growth
//     at any other offset would be bytes below R that were read twice.
//   - What was read was hashed once, and so was what was written.
func (s *storm) account(j *stormJob, d control.DeliveryStory) effort {
	s.t.Helper()
	resumes, deposits := s.resumesOf(j)
	breaks := int64(len(resumes))
	if d.Sent > j.source.size+breaks*wire.Window {
		s.t.Errorf("delivery %d: %d bytes sent of %d in %d attempts", j.id, d.Sent, j.source.size, breaks)
	}
	e := effort{size: j.source.size, resumes: int64(d.Resumes)}

	notes := notesOf(s.t, j)
	if want := int(frame.Frames(j.source.size)); len(notes) != want {
		s.t.Fatalf("delivery %d: %d frames are noted, want %d", j.id, len(notes), want)
	}
	again, last := int64(0), int64(0)
	for _, n := range notes {
		if n.hashed != n.read {
			s.t.Errorf("delivery %d: at %d there were %d bytes read and %d hashed", j.id, n.offset, n.read, n.hashed)
		}
		growth := n.read - n.offset - again
		if growth != 0 && (growth < 0 || growth > breaks*(wire.Window+handoff.Slots*frame.SourceSize) || !slices.Contains(resumes, last)) {
			s.t.Errorf("delivery %d: %d bytes were read again from %d on, the reception named %v", j.id, growth, last, resumes)
		}
		again, last = again+growth, n.offset
	}
	e.read = notes[len(notes)-1].read

	for _, line := range deposits {
		written, hashed := number(s.t, line, "written"), number(s.t, line, "hashed")
		if written != hashed || written < j.source.size || written > j.source.size+breaks*wire.Window {
			s.t.Errorf("delivery %d: %d bytes written and %d hashed of %d, after %d breaks", j.id, written, hashed, j.source.size, breaks)
		}
		e.rewritten = written - j.source.size
	}
	return e
}

// resumesOf gives the offsets from which the reception took a delivery, in
// order, and the lines that say that it was deposited: one, or none when the
// reception was killed before it could say so. It checks that the sender went
// on from those offsets and nowhere else, and that they never go back behind
// what was acknowledged.
func (s *storm) resumesOf(j *stormJob) (offsets []int64, deposits []string) {
	s.t.Helper()
	for _, line := range j.r.log.all(0) {
		switch {
		case field(line, "delivery") != fmt.Sprint(j.id):
		case strings.Contains(line, " receiving ") || strings.Contains(line, " resuming, "):
			offsets = append(offsets, number(s.t, line, "offset"))
		case strings.Contains(line, " deposited ") && field(line, "written") != "":
			deposits = append(deposits, line)
		}
	}
	if len(deposits) > 1 || !slices.IsSorted(offsets) {
		s.t.Errorf("delivery %d was taken from %v and deposited %d times", j.id, offsets, len(deposits))
	}
	acked := int64(0)
	for _, line := range s.log.all(0) {
		if field(line, "delivery") != fmt.Sprint(j.id) {
			continue
		}
		switch {
		case strings.Contains(line, " progress "):
			acked = max(acked, number(s.t, line, "offset"))
		case strings.Contains(line, " resuming "):
			if at := number(s.t, line, "offset"); at < acked || !slices.Contains(offsets, at) {
				s.t.Errorf("delivery %d goes on from %d, acknowledged were %d, the reception named %v", j.id, at, acked, offsets)
			}
		}
	}
	return offsets, deposits
}
