package manifest

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Summary is what a manifest comes to.
type Summary struct {
	Entries int    `json:"entries"` // files and folders
	Files   int    `json:"files"`
	Size    int64  `json:"size"`   // bytes of all files, which are the stream
	Bytes   int64  `json:"bytes"`  // of the text
	SHA256  string `json:"sha256"` // of the text, hex
}

// Version is a number that stands for the manifest with this digest: as long as
// it is the same, so are all paths, sizes and times. It is never negative.
func (s Summary) Version() int64 {
	b, err := hex.DecodeString(s.SHA256)
	if err != nil || len(b) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b) >> 1)
}

// Writer writes a manifest and refuses what may not stand in one.
type Writer struct {
	out   *bufio.Writer
	sum   hash.Hash
	check *checker
	line  []byte
}

// NewWriter makes a Writer to w.
func NewWriter(w io.Writer) *Writer {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	out.WriteString(header) // what fails is told by Close
	return &Writer{out: out, sum: sum, check: newChecker()}
}

// Add writes the next entry. Its error may be a *PathError.
func (w *Writer) Add(e Entry) error {
	w.line = e.Append(w.line[:0])
	if err := w.check.add(e, len(w.line)); err != nil {
		return err
	}
	_, err := w.out.Write(w.line)
	return err
}

// Close writes what is left and says what the manifest comes to.
func (w *Writer) Close() (Summary, error) {
	err := w.out.Flush()
	s := w.check.total
	s.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
	return s, err
}

// Reader reads a manifest, entry by entry, and trusts nothing in it. It keeps
// the hashes of the names in the folders that are open, and no more.
type Reader struct {
	in    *bufio.Reader
	sum   hash.Hash
	check *checker
	begun bool
}

// NewReader makes a Reader of the text in r.
func NewReader(r io.Reader) *Reader {
	sum := sha256.New()
	return &Reader{in: bufio.NewReaderSize(io.TeeReader(r, sum), 64<<10), sum: sum, check: newChecker()}
}

// Next gives the next entry, io.EOF at the end. Any other error is what is
// wrong with the text, or that of its reader.
func (r *Reader) Next() (Entry, error) {
	if !r.begun {
		r.begun = true
		if line, err := r.line(); err != nil || line != header {
			return Entry{}, notOne(err, "it does not begin as one")
		}
	}
	line, err := r.line()
	if err != nil {
		return Entry{}, err
	}
	e, err := parseEntry(line[:len(line)-1])
	if err != nil {
		return Entry{}, fmt.Errorf("manifest: %w", err)
	}
	return e, r.check.add(e, len(line))
}

func notOne(err error, why string) error {
	if err == nil || err == io.EOF {
		err = errors.New(why)
	}
	return fmt.Errorf("manifest: %w", err)
}

// line reads one with its line feed.
func (r *Reader) line() (string, error) {
	line, err := r.in.ReadSlice('\n')
	switch {
	case err == io.EOF && len(line) == 0:
		return "", io.EOF
	case err == io.EOF:
		return "", notOne(nil, "its last line has no end")
	case err == bufio.ErrBufferFull || err == nil && len(line) > MaxLine:
		return "", notOne(nil, "a line is too long")
	case err != nil:
		return "", err
	}
	return string(line), nil
}

// Summary is what was read so far; after io.EOF, what the manifest comes to.
func (r *Reader) Summary() Summary {
	s := r.check.total
	s.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
	return s
}

// Proof computes the digest of a folder: entry by entry, each file with its
// digest.
type Proof struct {
	sum  hash.Hash
	out  io.Writer // the text goes there too, unless it is nil
	err  error
	line []byte
}

// NewProof makes a Proof of nothing yet.
func NewProof() *Proof { return NewProofTo(nil) }

// Add takes the next entry; sum is that of a file.
func (p *Proof) Add(e Entry, sum Sum) {
	p.line = e.AppendProven(p.line[:0], sum)
	p.write(p.line)
}

// SHA256 is the digest of the folder, in hex.
func (p *Proof) SHA256() string { return hex.EncodeToString(p.sum.Sum(nil)) }

// Cursor goes through a manifest along its stream.
type Cursor struct {
	reader *Reader
	reuse  *Reuse
	Entry  Entry
	Index  int   // of Entry, from 0
	Start  int64 // where its bytes begin in the stream
}

// NewCursor makes a Cursor that stands before the first entry. What is reused
// has no bytes in the stream.
func NewCursor(r io.Reader, reuse *Reuse) *Cursor {
	return &Cursor{reader: NewReader(r), reuse: reuse, Index: -1}
}

// Next goes on to the next entry. The error is io.EOF at the end.
func (c *Cursor) Next() error {
	e, err := c.reader.Next()
	if err != nil {
		return err
	}
	c.Start += c.Bytes()
	c.Entry = e
	c.Index++
	return nil
}

// Bytes is how many bytes the entry has in the stream.
func (c *Cursor) Bytes() int64 {
	if _, reused := c.reuse.Of(c.Index); reused {
		return 0
	}
	return c.Entry.Size
}

// End is where the entry's bytes end in the stream.
func (c *Cursor) End() int64 { return c.Start + c.Bytes() }

// Find goes on to the file that has the byte at offset of the stream. The error
// is io.EOF when the stream ends there.
func (c *Cursor) Find(offset int64) error {
	for c.End() <= offset || c.Index < 0 {
		if err := c.Next(); err != nil {
			return err
		}
	}
	return nil
}
