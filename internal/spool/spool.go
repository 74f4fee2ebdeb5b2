// Package spool is a recording while it is made: a file to which whole clusters
// are appended, an index that says of each what it has, and a mark that says up
// to where both are there. Who follows the recording reads up to the mark; a
// restart goes on there. What nobody needs any more can be let go at the front,
// and stays in the index.
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

// File is what is asked of the spool's files.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Datasync makes the bytes and the size durable.
	Datasync() error
	Truncate(size int64) error
	// Punch gives the blocks of a range back; it then reads as zeros.
	Punch(offset, length int64) error
	Size() (int64, error)
}

// OS makes a File of an open one.
func OS(f *os.File) File { return file{f} }

type file struct{ *os.File }

func (f file) Datasync() error { return unix.Fdatasync(int(f.Fd())) }

func (f file) Punch(offset, length int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, length)
}

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Mark is how far a recording is.
type Mark struct {
	// Offset is up to where the recording is durable, in bytes.
	Offset int64
	// Head is how many bytes at the front always stay, and Released up to where
	// those behind them have gone; at least Head.
	Head, Released int64
	// Origin is time 0 of the recording, as its maker counts.
	Origin time.Duration
	// Ended says that nothing follows, Paused that its maker stopped in order and
	// is to go on.
	Ended, Paused bool

	number uint64
}

// The mark's file has two slots that are written in turn, each of them
//
//	"vcsp" · number u64 · offset u64 · head u64 · released u64 · origin i64 · state u8 · CRC-32C of these
//
// little-endian, so that a slot that is only half written does no harm.
const (
	slotSize  = 64
	slotUsed  = 4 + 5*8 + 1
	slotMagic = "vcsp"

	stateEnded, statePaused = 1, 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (m Mark) slot() []byte {
	b := append(make([]byte, 0, slotSize), slotMagic...)
	for _, n := range []uint64{m.number, uint64(m.Offset), uint64(m.Head), uint64(m.Released), uint64(m.Origin)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	state := byte(0)
	if m.Ended {
		state |= stateEnded
	}
	if m.Paused {
		state |= statePaused
	}
	b = append(b, state)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, make([]byte, slotSize-len(b))...)
}

// readMark gives the newest slot that is whole; false if there is none.
func readMark(r io.ReaderAt) (Mark, bool, error) {
	b := make([]byte, 2*slotSize)
	n, err := r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return Mark{}, false, err
	}
	var newest Mark
	found := false
	for ; n >= slotSize; b, n = b[slotSize:], n-slotSize {
		if string(b[:4]) != slotMagic || crc32.Checksum(b[:slotUsed], castagnoli) != binary.LittleEndian.Uint32(b[slotUsed:]) {
			continue
		}
		at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[4+8*i:]) }
		m := Mark{number: at(0), Offset: int64(at(1)), Head: int64(at(2)), Released: int64(at(3)), Origin: time.Duration(at(4)),
			Ended: b[slotUsed-1]&stateEnded != 0, Paused: b[slotUsed-1]&statePaused != 0}
		if m.Head < 0 || m.Released < m.Head || m.Offset < m.Head {
			continue
		}
		if !found || m.number > newest.number {
			newest, found = m, true
		}
	}
	return newest, found, nil
}

// Whole says what the cluster at offset in a file of size bytes is, its tallies
// being of what it has itself, or gives an error if it is not whole.
type Whole func(r io.ReaderAt, offset, size int64) (Cluster, error)

// Files are those of one recording.
type Files struct{ Data, Marks, Index File }

// Writer appends to a recording. It is for one goroutine.
type Writer struct {
	Files
	limit   int64
	mark    Mark
	last    Cluster // that was appended last; the zero Cluster before the first
	records int64   // in the index
	broken  error   // what was written last may not be durable
}

// Create begins a recording in three empty files with what stands before the
// first cluster. limit bounds the bytes that it may hold at a time.
func Create(f Files, head []byte, limit int64) (*Writer, error) {
	w := &Writer{Files: f, limit: limit}
	if err := w.write(head); err != nil {
		return nil, err
	}
	w.mark = Mark{Offset: int64(len(head)), Head: int64(len(head)), Released: int64(len(head))}
	if err := w.note(); err != nil {
		return nil, err
	}
	// The mark must be there after a power loss, though not always the newest.
	if err := f.Marks.Datasync(); err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "spool")
	}
	return w, nil
}

// Resume goes on with a recording after its last whole cluster. What stands
// behind that is cut off. After a power loss the mark and the index can be
// behind the data, never before it: so the clusters beyond them are looked at.
func Resume(f Files, whole Whole, limit int64) (*Writer, error) {
	m, found, err := readMark(f.Marks)
	if err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "spool: reading the mark")
	}
	size, err := f.Data.Size()
	if err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "spool")
	}
	if !found || size < m.Offset {
		return nil, reason.New(reason.StoreFailed, "spool: %d bytes without a mark that fits", size)
	}
	w := &Writer{Files: f, limit: limit, mark: m}
	if err := w.restore(whole, size); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Data.Truncate(w.mark.Offset), f.Data.Datasync()); err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "spool: cutting it at %d", w.mark.Offset)
	}
	w.mark.Paused = false
	return w, w.note()
}

// Mark is how far the recording is.
func (w *Writer) Mark() Mark { return w.mark }

// SetOrigin notes time 0 of the recording, with what is appended next.
func (w *Writer) SetOrigin(at time.Duration) { w.mark.Origin = at }

// Last is what the index says of the cluster that was appended last.
func (w *Writer) Last() Cluster { return w.last }

// Append adds what is whole: a cluster, of which c says what it has, and the
// gaps that end in it; its place is filled in here. When it returns, that is
// durable, and followers see it. When there is no room, in the disk or in the
// limit, the error is reason.SpoolFull, and the recording is as it was.
func (w *Writer) Append(cluster []byte, c Cluster, gaps []Gap) error {
	if w.broken != nil {
		return w.broken
	}
	if w.mark.Ended {
		return reason.New(reason.Internal, "spool: the recording has ended")
	}
	if held := w.mark.Offset - w.mark.Released + w.mark.Head; held+int64(len(cluster)) > w.limit {
		return reason.New(reason.SpoolFull, "the recording holds %d bytes that are not delivered yet, of at most %d", held, w.limit)
	}
	// The gaps first: a restart reads a cluster again, and cannot tell them from it.
	before := w.records
	c.Offset, c.End = w.mark.Offset, w.mark.Offset+int64(len(cluster))
	err := w.list(gaps, nil)
	if err == nil {
		err = w.write(cluster)
	}
	if err == nil {
		err = w.list(nil, &c)
	}
	if err != nil {
		w.undo(before)
		return err
	}
	w.mark.Offset = c.End
	return w.note()
}

// write puts bytes at the end and makes them durable.
func (w *Writer) write(b []byte) error {
	_, err := w.Data.WriteAt(b, w.mark.Offset)
	if noRoom(err) {
		return reason.Wrap(reason.SpoolFull, err, "writing the recording at %d", w.mark.Offset)
	}
	if err == nil {
		err = w.Data.Datasync()
	}
	if err != nil {
		// A page that was lost is told once: nothing after it can be trusted.
		w.broken = reason.Wrap(reason.StoreFailed, err, "writing the recording at %d", w.mark.Offset)
	}
	return w.broken
}

// noRoom says that there is none in the disk.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// undo takes away what was written for nothing, for want of room: all behind the
// mark, and behind so many records of the index.
func (w *Writer) undo(records int64) {
	if w.broken != nil {
		return
	}
	w.records = records
	if err := errors.Join(w.Data.Truncate(w.mark.Offset), w.Index.Truncate(records*recordSize)); err != nil {
		w.broken = reason.Wrap(reason.StoreFailed, err, "spool")
	}
}

// note writes the mark for followers, and for a restart of the program.
func (w *Writer) note() error {
	w.mark.number++
	if _, err := w.Marks.WriteAt(w.mark.slot(), int64(w.mark.number%2)*slotSize); err != nil {
		return reason.Wrap(reason.StoreFailed, err, "spool: writing the mark")
	}
	return nil
}

// block is what is given back to the file system at once.
const block = 4096

// Release lets go of what every delivery has, up to an offset.
func (w *Writer) Release(upTo int64) error {
	upTo = min(upTo, w.mark.Offset)
	if upTo <= w.mark.Released {
		return nil
	}
	// From the block on of which a part was let go before, but for that of the head.
	from := max((w.mark.Head+block-1)/block, w.mark.Released/block) * block
	w.mark.Released = upTo
	// What the index has not said durably could not be told from what is let go.
	if err := w.Index.Datasync(); err != nil {
		return reason.Wrap(reason.StoreFailed, err, "spool: the index")
	}
	// The mark first: who follows must not take zeros for the recording, nor who goes
	// on with it after a power loss, who would have no room either.
	if err := w.note(); err != nil {
		return err
	}
	if err := w.Marks.Datasync(); err != nil {
		return reason.Wrap(reason.StoreFailed, err, "spool: the mark")
	}
	if to := upTo / block * block; to > from {
		if err := w.Data.Punch(from, to-from); err != nil {
			return reason.Wrap(reason.StoreFailed, err, "spool: giving back %d bytes", to-from)
		}
	}
	return nil
}

// End says that nothing follows, and what is missing since the last cluster.
func (w *Writer) End(gaps []Gap) error {
	if w.broken != nil || w.mark.Ended {
		return w.broken
	}
	if err := w.list(gaps, nil); err != nil {
		w.undo(w.records)
		return err
	}
	w.mark.Ended = true
	return w.settle()
}

// Pause says that the recording is to go on later.
func (w *Writer) Pause() error {
	if w.broken != nil || w.mark.Ended {
		return w.broken
	}
	w.mark.Paused = true
	return w.settle()
}

// settle writes the mark so that it is there after a power loss.
func (w *Writer) settle() error {
	if err := w.note(); err != nil {
		return err
	}
	if err := errors.Join(w.Index.Datasync(), w.Marks.Datasync()); err != nil {
		return reason.Wrap(reason.StoreFailed, err, "spool")
	}
	return nil
}

func (m Mark) String() string {
	return fmt.Sprintf("%d bytes, from %d on, ended %v", m.Offset, m.Released, m.Ended)
}
