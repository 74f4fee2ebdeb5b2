// Package survey finds out what a title's source says of itself: how long it
// lasts, and the SHA-256 of the whole. A worker reads the source, which may be
// anything that somebody put there; the Surveyor starts such workers, one at a
// time, and keeps what they find.
package survey

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// Bounds on what is read of a source for its duration.
const (
	// maxLooks is how many places are looked at. A film has some dozens of
	// boxes, elements or chunks before the one that tells.
	maxLooks = 4096
	// maxPiece is the most that is read at one place, in bytes.
	maxPiece = 64
)

// Duration reads how long a film or a recording lasts from the headers of an
// MP4, QuickTime, Matroska, WebM, WAV or AVI file of size bytes. It gives at
// least a millisecond, in whole milliseconds. The error says why there is none;
// it reads a bounded part of the file, whatever that claims.
func Duration(r io.ReaderAt, size int64) (time.Duration, error) {
	l := &look{r: r, whole: span{0, size}, left: maxLooks}
	head := make([]byte, 12)
	n, err := r.ReadAt(head[:min(size, int64(len(head)))], 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	read := format(head[:n])
	if read == nil {
		return 0, errors.New("it is no MP4, QuickTime, Matroska, WebM, WAV or AVI file")
	}
	d, err := read(l)
	if err != nil {
		return 0, err
	}
	if d = d.Round(time.Millisecond); d < time.Millisecond {
		return 0, errors.New("its headers say that it lasts no time")
	}
	return d, nil
}

// format gives what reads a file that begins with head.
func format(head []byte) func(*look) (time.Duration, error) {
	at := func(offset int, text string) bool {
		return len(head) >= offset+len(text) && string(head[offset:offset+len(text)]) == text
	}
	switch {
	case bytes.HasPrefix(head, []byte(ebmlHeader)):
		return matroskaDuration
	case (at(0, "RIFF") || at(0, "RF64") || at(0, "BW64")) && at(8, "WAVE"):
		return wavDuration
	case at(0, "RIFF") && at(8, "AVI "):
		return aviDuration
	}
	for _, first := range []string{"ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"} {
		if at(4, first) {
			return mp4Duration
		}
	}
	return nil
}

// span is a part of the file: from the first byte to the one after the last.
type span struct{ from, to int64 }

func (s span) length() int64 { return s.to - s.from }

// look reads a bounded number of small pieces.
type look struct {
	r     io.ReaderAt
	whole span
	left  int
}

// errCut says that a header reaches beyond what it stands in.
var errCut = errors.New("its headers are cut off or damaged")

// at reads the first n bytes of s, at most maxPiece.
func (l *look) at(s span, n int64) ([]byte, error) {
	if n > maxPiece || n > s.length() || s.from < 0 || s.to > l.whole.to {
		return nil, errCut
	}
	if l.left--; l.left < 0 {
		return nil, fmt.Errorf("its duration is not among the first %d parts of it", maxLooks)
	}
	p := make([]byte, n)
	if got, err := l.r.ReadAt(p, s.from); got < len(p) {
		if err == io.EOF {
			err = errCut
		}
		return nil, err
	}
	return p, nil
}

// scaled is n units of which there are perSecond in a second, false when that
// is no time or longer than a Duration can say.
func scaled(n, perSecond uint64) (time.Duration, bool) {
	if perSecond == 0 {
		return 0, false
	}
	high, low := bits.Mul64(n, uint64(time.Second))
	if high >= perSecond {
		return 0, false
	}
	d, _ := bits.Div64(high, low, perSecond)
	return time.Duration(d), d > 0 && d <= 1<<63-1
}
