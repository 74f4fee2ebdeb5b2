package manifest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// MaxProven bounds the text of a proven manifest, in bytes: a file has 64 digits
// there in the place of a time.
const MaxProven = MaxBytes + 64*MaxEntries

// ProvenReader reads a proven manifest, entry by entry, and trusts nothing in
// it.
type ProvenReader struct{ lines *Reader }

// NewProvenReader makes a ProvenReader of the text in r.
func NewProvenReader(r io.Reader) *ProvenReader {
	return &ProvenReader{lines: NewReader(r)}
}

// Next gives the next entry, without its time, and the digest of a file; io.EOF
// at the end.
func (r *ProvenReader) Next() (e Entry, sum Sum, err error) {
	if !r.lines.begun {
		r.lines.begun = true
		if line, err := r.lines.line(); err != nil || line != provenHeader {
			return e, sum, notOne(err, "it does not begin as a proven one")
		}
	}
	line, err := r.lines.line()
	if err != nil {
		return e, sum, err
	}
	rest, digest := line[:len(line)-1], ""
	length := len(line)
	if kind, file := strings.CutPrefix(rest, "f "); file {
		// As it stands in a manifest, with a time of 0.
		size, after, _ := strings.Cut(kind, " ")
		var path string
		digest, path, _ = strings.Cut(after, " ")
		if sum, err = ParseSum(digest); err != nil {
			return e, sum, fmt.Errorf("manifest: %w", err)
		}
		rest = "f " + size + " 0 " + path
		length -= len(digest)
	}
	if e, err = parseEntry(rest); err != nil {
		return e, sum, fmt.Errorf("manifest: %w", err)
	}
	return e, sum, r.lines.check.add(e, length)
}

// NewProofTo makes a Proof whose text is written to w too. What fails is told
// by Err.
func NewProofTo(w io.Writer) *Proof {
	p := &Proof{sum: sha256.New(), out: w}
	p.write([]byte(provenHeader))
	return p
}

func (p *Proof) write(text []byte) {
	p.sum.Write(text)
	if p.out != nil && p.err == nil {
		_, p.err = p.out.Write(text)
	}
}

// Err is what failed when the text was written.
func (p *Proof) Err() error { return p.err }
