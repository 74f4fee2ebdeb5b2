package survey

import (
	"encoding/binary"
	"errors"
	"time"
)

// lengthElsewhere is the length of a chunk that a writer could not know, or
// that stands in the chunk "ds64" (EBU Tech 3306).
const lengthElsewhere = 1<<32 - 1

// wavParts are the parts of a WAV file that say what its sound is, and the sound.
type wavParts struct {
	format []byte // 16 bytes
	fact   []byte // nil where there is none
	tag    uint16 // of the format, of an extensible one that of what it stands for
	sound  span
}

// readWAV finds them.
func readWAV(l *look) (p wavParts, err error) {
	var sizes []byte
	err = chunks(l, span{12, l.whole.to}, func(c chunk) (_ bool, err error) {
		switch c.name {
		case "fmt ":
			if p.format, err = l.at(c.content, 16); err != nil {
				break
			}
			if p.tag = binary.LittleEndian.Uint16(p.format); p.tag == extensible && c.content.length() >= 40 {
				var sub []byte
				if sub, err = l.at(span{c.content.from + 24, c.content.to}, 2); err == nil {
					p.tag = binary.LittleEndian.Uint16(sub)
				}
			}
		case "ds64":
			sizes, err = l.at(c.content, 24)
		case "fact":
			p.fact, err = l.at(c.content, 4)
		case "data":
			p.sound = c.content
			if c.claimed == lengthElsewhere {
				p.sound.to = l.whole.to
				if sizes != nil {
					p.sound.to = min(p.sound.to, p.sound.from+int64(min(binary.LittleEndian.Uint64(sizes[8:]), 1<<62)))
				}
			}
			return true, nil
		}
		return false, err
	})
	if err == nil && (p.format == nil || p.sound == (span{})) {
		err = errors.New("its chunks \"fmt \" and \"data\" are not there in this order")
	}
	return p, err
}

// wavDuration divides the length of the sound by its bytes a second. Sound that
// is compressed says in the chunk "fact" how many samples it has.
func wavDuration(l *look) (time.Duration, error) {
	p, err := readWAV(l)
	if err != nil {
		return 0, err
	}
	rate, bytes := binary.LittleEndian.Uint32(p.format[4:]), binary.LittleEndian.Uint32(p.format[8:])
	n, perSecond := uint64(p.sound.length()), uint64(bytes)
	if !plainSound(p.tag) && p.fact != nil {
		n, perSecond = uint64(binary.LittleEndian.Uint32(p.fact)), uint64(rate)
	}
	d, ok := scaled(n, perSecond)
	if !ok {
		return 0, errCut
	}
	return d, nil
}

// Format tags: of samples that are whole numbers, that are floating-point numbers,
// and of a format that is said further on (WAVEFORMATEXTENSIBLE).
const (
	wholeNumbers    = 1
	floatingNumbers = 3
	extensible      = 0xfffe
)

// plainSound says whether a format tag is that of samples as they are:
// WAVE_FORMAT_PCM, IEEE_FLOAT, EXTENSIBLE.
func plainSound(tag uint16) bool {
	return tag == wholeNumbers || tag == floatingNumbers || tag == extensible
}
