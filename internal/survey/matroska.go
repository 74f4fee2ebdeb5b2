package survey

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// Element identifiers of Matroska and WebM, as they stand in the file (RFC 9559
// section 27.1; the header is of RFC 8794).
const (
	ebmlHeader       = "\x1a\x45\xdf\xa3"
	segmentElement   = "\x18\x53\x80\x67"
	infoElement      = "\x15\x49\xa9\x66"
	scaleElement     = "\x2a\xd7\xb1"
	durationElement  = "\x44\x89"
	defaultTimescale = 1_000_000 // nanoseconds
)

// matroskaDuration reads Segment/Info (RFC 9559 section 5.1.2).
func matroskaDuration(l *look) (time.Duration, error) {
	segment, err := element(l, l.whole, segmentElement)
	if err != nil {
		return 0, err
	}
	info, err := element(l, segment, infoElement)
	if err != nil {
		return 0, err
	}
	length, err := element(l, info, durationElement)
	if err != nil {
		return 0, errors.New("its headers do not say how long it lasts, as in a recording that was broken off")
	}
	p, err := l.at(length, length.length())
	if err != nil {
		return 0, err
	}
	var n float64
	switch len(p) {
	case 4:
		n = float64(math.Float32frombits(binary.BigEndian.Uint32(p)))
	case 8:
		n = math.Float64frombits(binary.BigEndian.Uint64(p))
	default:
		return 0, errCut
	}
	n *= timescale(l, info)
	// Written so that what is no number fails too.
	if !(n > 0 && n < 1<<62) {
		return 0, errCut
	}
	return time.Duration(n), nil
}

// timescale is the nanoseconds in a unit of the duration.
func timescale(l *look, info span) float64 {
	s, err := element(l, info, scaleElement)
	if err != nil || s.length() > 8 {
		return defaultTimescale
	}
	p, err := l.at(s, s.length())
	if err != nil {
		return defaultTimescale
	}
	n := uint64(0)
	for _, b := range p {
		n = n<<8 | uint64(b)
	}
	return float64(n)
}

// element finds the first element with an identifier among those in s and gives
// its content. One of unknown size reaches to the end of s (RFC 8794 section
// 6.2); nothing is looked for behind it.
func element(l *look, s span, id string) (span, error) {
	for s.length() >= 2 {
		p, err := l.at(s, min(s.length(), 12))
		if err != nil {
			return span{}, err
		}
		n := width(p[0])
		if n > 4 || len(p) < n+1 {
			return span{}, errCut
		}
		size, m, err := dataSize(p[n:])
		if err != nil {
			return span{}, err
		}
		from := s.from + int64(n+m)
		to := s.to
		if size >= 0 {
			// A file that was cut short ends within its segment.
			if size > s.to-from && string(p[:n]) != segmentElement {
				return span{}, errCut
			}
			to = from + min(size, s.to-from)
		}
		if string(p[:n]) == id {
			return span{from, to}, nil
		}
		s.from = to
	}
	return span{}, errors.New("its header with the duration is not there; the file may not be complete")
}

// width is how many bytes a number has that begins with b (RFC 8794 section 4);
// 9 when it is none.
func width(b byte) int {
	n := 1
	for mask := byte(0x80); mask != 0 && b&mask == 0; mask >>= 1 {
		n++
	}
	return n
}

// dataSize reads the size of an element and how many bytes that has; -1 is an
// unknown size.
func dataSize(p []byte) (size int64, n int, err error) {
	n = width(p[0])
	if n > 8 || len(p) < n {
		return 0, 0, errCut
	}
	value := uint64(p[0]) &^ (0x80 >> (n - 1))
	for _, b := range p[1:n] {
		value = value<<8 | uint64(b)
	}
	if value == 1<<(7*n)-1 {
		return -1, n, nil
	}
	return int64(value), n, nil
}
