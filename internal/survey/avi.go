package survey

import (
	"encoding/binary"
	"errors"
	"time"
)

// aviDuration gives the longest of the streams, by their headers, or what the
// main header says ("AVI RIFF File Reference", AVISTREAMHEADER and
// AVIMAINHEADER). In a file of more than one RIFF part the main header knows
// the first alone.
func aviDuration(l *look) (time.Duration, error) {
	headers, err := list(l, span{12, l.whole.to}, "hdrl")
	if err != nil {
		return 0, err
	}
	var whole, longest time.Duration
	err = chunks(l, headers, func(c chunk) (bool, error) {
		if c.name == "avih" {
			p, err := l.at(c.content, 20)
			if err == nil {
				whole, _ = scaled(uint64(binary.LittleEndian.Uint32(p))*uint64(binary.LittleEndian.Uint32(p[16:])), 1_000_000)
			}
			return false, err
		}
		kind, err := listKind(l, c)
		if kind != "strl" || err != nil {
			return false, err
		}
		d, err := streamDuration(l, span{c.content.from + 4, c.content.to})
		longest = max(longest, d)
		return false, err
	})
	switch {
	case err != nil:
		return 0, err
	case longest > 0:
		return longest, nil
	case whole > 0:
		return whole, nil
	}
	return 0, errors.New("its headers do not say how long it lasts, as in a recording that was broken off")
}

// streamDuration reads one stream header; 0 is not known.
func streamDuration(l *look, s span) (d time.Duration, err error) {
	err = chunks(l, s, func(c chunk) (bool, error) {
		if c.name != "strh" {
			return false, nil
		}
		p, err := l.at(c.content, 36)
		if err == nil {
			scale, rate, length := binary.LittleEndian.Uint32(p[20:]), binary.LittleEndian.Uint32(p[24:]), binary.LittleEndian.Uint32(p[32:])
			d, _ = scaled(uint64(length)*uint64(scale), uint64(rate))
		}
		return true, err
	})
	return d, err
}
