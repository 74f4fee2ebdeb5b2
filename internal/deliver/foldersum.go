package deliver

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"math"
	"os"

	"videoclub/internal/control"
	"videoclub/internal/digest"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/wire"
)

var errNotes = reason.New(reason.Internal, "the notes of the delivery's digests are not what was written to them")

// describe hands over a manifest in pieces of whole lines, each as much as a
// message may have.
func describe(list *os.File, out *handoff.Producer) error {
	in := bufio.NewReaderSize(io.NewSectionReader(list, 0, math.MaxInt64), wire.MaxText)
	for {
		piece, err := in.Peek(wire.MaxText)
		if len(piece) == 0 {
			if err == io.EOF {
				return nil
			}
			return err
		}
		// A line is much shorter than a piece.
		piece = piece[:bytes.LastIndexByte(piece, '\n')+1]
		slot, err := out.Slot()
		if err != nil {
			return err
		}
		if err := out.Send(slot, copy(slot.Buf, piece)); err != nil {
			return err
		}
		if _, err := in.Discard(len(piece)); err != nil {
			return err
		}
	}
}

// folderSum is the digests of a folder's files as they pass, and of the whole.
// Those of the files that have passed are noted, so that a resume hashes no file
// twice.
type folderSum struct {
	src   *source.Folder
	list  *os.File
	proof *os.File // the proven manifest is written there; nil for none
	notes *digest.Notes
	at    *manifest.Cursor
	sum   hash.Hash // over what has passed of the file of at
}

func newFolderSum(src *source.Folder, list, proof *os.File, notes *digest.Notes) *folderSum {
	return &folderSum{src: src, list: list, proof: proof, notes: notes, at: cursorOf(list), sum: sha256.New()}
}

func cursorOf(list *os.File) *manifest.Cursor {
	return manifest.NewCursor(io.NewSectionReader(list, 0, math.MaxInt64), nil)
}

// catchUp sees that the digest of each file before the offset is noted, and
// brings that of the file there to it. After a power loss at this end the last
// notes may be missing: what they were of is hashed again.
func (f *folderSum) catchUp(begin control.Begin) error {
	for cursor := cursorOf(f.list); ; {
		if err := cursor.Next(); err == io.EOF || err == nil && cursor.Start >= begin.Offset {
			return nil
		} else if err != nil {
			return err
		}
		switch {
		case cursor.Entry.Size == 0:
			continue
		case cursor.End() > begin.Offset:
			return f.catchUpWithin(cursor.Start, begin)
		}
		if _, known, err := f.notes.Sum(cursor.Index); err != nil {
			return err
		} else if known {
			continue
		}
		if err := f.catchUpWhole(cursor.Start, cursor.End()); err != nil {
			return err
		}
	}
}

// catchUpWhole hashes again the file that has the stretch of the stream. Nothing is
// sent meanwhile, and the reception may give up waiting before a large one is
// through: what an earlier attempt has hashed of it is not hashed again, or none
// would ever come to its end.
func (f *folderSum) catchUpWhole(start, end int64) error {
	if end-start <= frame.SourceSize { // looking for it would cost more
		return f.rehash(start, end)
	}
	sum, at, err := f.notes.At(end - 1)
	if err != nil {
		return err
	}
	return f.goOn(start, end, sum, at)
}

// catchUpWithin restores the digest of the file that begins at start, up to
// where the stream goes on.
func (f *folderSum) catchUpWithin(start int64, begin control.Begin) error {
	sum, at, err := f.notes.At(begin.Offset)
	if err != nil {
		return err
	}
	if at != begin.Offset && begin.State != nil {
		if h, err := digest.Restore(begin.State); err == nil {
			sum, at = h, begin.Offset
		}
	}
	return f.goOn(start, begin.Offset, sum, at)
}

// goOn brings the digest of the file that begins at start up to an offset, from
// the one where it was noted.
func (f *folderSum) goOn(start, to int64, sum hash.Hash, at int64) error {
	if at <= start { // what was noted there is of another file
		return f.rehash(start, to)
	}
	if err := f.at.Find(start); err != nil {
		return err
	}
	f.sum = sum
	return f.rehash(at, to)
}

// rehash reads a stretch of the stream again, which the digest has come to.
func (f *folderSum) rehash(from, to int64) error {
	buf := make([]byte, frame.SourceSize)
	for from < to {
		part := buf[:min(int64(len(buf)), to-from)]
		if err := f.src.ReadAt(part, from); err != nil {
			return err
		}
		state, err := f.take(part, from)
		if err != nil {
			return err
		}
		from += int64(len(part))
		if err := f.notes.Put(from, int64(len(part)), state); err != nil {
			return err
		}
	}
	return nil
}

func (f *folderSum) take(b []byte, offset int64) ([]byte, error) {
	for len(b) > 0 {
		if err := f.at.Find(offset); err != nil {
			return nil, err
		}
		if offset == f.at.Start {
			f.sum.Reset()
		}
		part := b[:min(int64(len(b)), f.at.End()-offset)]
		f.sum.Write(part)
		b, offset = b[len(part):], offset+int64(len(part))
		if offset < f.at.End() {
			continue
		}
		var sum manifest.Sum
		f.sum.Sum(sum[:0])
		if err := f.notes.PutSum(f.at.Index, sum); err != nil {
			return nil, err
		}
	}
	return digest.Save(f.sum)
}

// total is the digest of the manifest with those of all files.
func (f *folderSum) total() (string, error) {
	var text *bufio.Writer
	proof := manifest.NewProof()
	if f.proof != nil {
		text = bufio.NewWriterSize(io.NewOffsetWriter(f.proof, 0), 64<<10)
		proof = manifest.NewProofTo(text)
	}
	for cursor := cursorOf(f.list); ; {
		if err := cursor.Next(); err == io.EOF {
			if text != nil { // what failed before is told by it
				err = text.Flush()
				return proof.SHA256(), err
			}
			return proof.SHA256(), nil
		} else if err != nil {
			return "", err
		}
		e, sum := cursor.Entry, manifest.Sum{}
		switch {
		case e.Kind == manifest.File && e.Size == 0:
			sum = sha256.Sum256(nil)
		case e.Kind == manifest.File:
			known := false
			var err error
			if sum, known, err = f.notes.Sum(cursor.Index); err == nil && !known {
				// The file of notes was written by somebody else.
				err = errNotes
			}
			if err != nil {
				return "", err
			}
		}
		proof.Add(e, sum)
	}
}
