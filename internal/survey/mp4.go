package survey

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// mp4Duration reads the movie header of ISO/IEC 14496-12, section 8.2.2, or of
// a QuickTime file, which has the same form. Where that says nothing, as in a
// fragmented file, the movie extends header does (section 8.8.2).
func mp4Duration(l *look) (time.Duration, error) {
	moov, err := box(l, l.whole, "moov")
	if err != nil {
		return 0, err
	}
	header, err := box(l, moov, "mvhd")
	if err != nil {
		return 0, err
	}
	scale, length, known, err := movieHeader(l, header)
	if err != nil {
		return 0, err
	}
	if !known {
		if length, err = extendsHeader(l, moov); err != nil {
			return 0, errors.New("its headers do not say how long it lasts, as in a file made of fragments")
		}
	}
	d, ok := scaled(length, uint64(scale))
	if !ok {
		return 0, errCut
	}
	return d, nil
}

// movieHeader reads mvhd: the units in a second, and how many of them the film
// lasts, if that is known.
func movieHeader(l *look, s span) (scale uint32, length uint64, known bool, err error) {
	p, err := l.at(s, min(s.length(), 32))
	if err != nil {
		return 0, 0, false, err
	}
	switch {
	case len(p) >= 20 && p[0] == 0:
		n := binary.BigEndian.Uint32(p[16:])
		return binary.BigEndian.Uint32(p[12:]), uint64(n), n != 0 && n != 1<<32-1, nil
	case len(p) >= 32 && p[0] == 1:
		n := binary.BigEndian.Uint64(p[24:])
		return binary.BigEndian.Uint32(p[20:]), n, n != 0 && n != 1<<64-1, nil
	}
	return 0, 0, false, errCut
}

// extendsHeader reads mvex/mehd.
func extendsHeader(l *look, moov span) (uint64, error) {
	mvex, err := box(l, moov, "mvex")
	if err != nil {
		return 0, err
	}
	mehd, err := box(l, mvex, "mehd")
	if err != nil {
		return 0, err
	}
	p, err := l.at(mehd, min(mehd.length(), 12))
	switch {
	case err != nil:
		return 0, err
	case len(p) >= 8 && p[0] == 0:
		return uint64(binary.BigEndian.Uint32(p[4:])), nil
	case len(p) >= 12 && p[0] == 1:
		return binary.BigEndian.Uint64(p[4:]), nil
	}
	return 0, errCut
}

// box finds the first box of a name among those in s and gives its content
// (section 4.2).
func box(l *look, s span, name string) (span, error) {
	for s.length() >= 8 {
		p, err := l.at(s, 8)
		if err != nil {
			return span{}, err
		}
		head, size := int64(8), int64(binary.BigEndian.Uint32(p))
		switch size {
		case 0: // to the end of what it stands in
			size = s.length()
		case 1:
			large, err := l.at(span{s.from + 8, s.to}, 8)
			if err != nil {
				return span{}, err
			}
			head, size = 16, int64(binary.BigEndian.Uint64(large))
		}
		if size < head || size > s.length() {
			return span{}, errCut
		}
		if string(p[4:8]) == name {
			return span{s.from + head, s.from + size}, nil
		}
		s.from += size
	}
	return span{}, fmt.Errorf("its header %q is not there; the file may not be complete", name)
}
