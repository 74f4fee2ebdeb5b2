package survey

import (
	"encoding/binary"
	"errors"
	"time"
)

// lengthElsewhere is the length of a chunk that a writer could not know, or
// that stands in the chunk "ds64" (EBU Tech 3306).
const lengthElsewhere = 1<<32 - 1

// wavDuration divides the length of the sound by its bytes a second. Sound that
// is compressed says in the chunk "fact" how many samples it has.
func wavDuration(l *look) (time.Duration, error) {
	var format, sizes, fact []byte
	var sound span
	err := chunks(l, span{12, l.whole.to}, func(c chunk) (_ bool, err error) {
		switch c.name {
		case "fmt ":
			format, err = l.at(c.content, 16)
		case "ds64":
			sizes, err = l.at(c.content, 24)
		case "fact":
			fact, err = l.at(c.content, 4)
		case "data":
			sound = c.content
			if c.claimed == lengthElsewhere {
				sound.to = l.whole.to
				if sizes != nil {
					sound.to = min(sound.to, sound.from+int64(min(binary.LittleEndian.Uint64(sizes[8:]), 1<<62)))
				}
			}
			return true, nil
		}
		return false, err
	})
	switch {
	case err != nil:
		return 0, err
	case format == nil || sound == (span{}):
		return 0, errors.New("its chunks \"fmt \" and \"data\" are not there in this order")
	}
	tag, rate, bytes := binary.LittleEndian.Uint16(format), binary.LittleEndian.Uint32(format[4:]), binary.LittleEndian.Uint32(format[8:])
	n, perSecond := uint64(sound.length()), uint64(bytes)
	if !plainSound(tag) && fact != nil {
		n, perSecond = uint64(binary.LittleEndian.Uint32(fact)), uint64(rate)
	}
	d, ok := scaled(n, perSecond)
	if !ok {
		return 0, errCut
	}
	return d, nil
}

// plainSound says whether a format tag is that of samples as they are:
// WAVE_FORMAT_PCM, IEEE_FLOAT, EXTENSIBLE.
func plainSound(tag uint16) bool { return tag == 1 || tag == 3 || tag == 0xfffe }
