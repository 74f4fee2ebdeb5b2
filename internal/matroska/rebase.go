package matroska

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// Begins is the time of a whole cluster, by which those of its blocks are kept.
func Begins(cluster []byte) (time.Duration, error) {
	at := time.Duration(-1)
	err := elements(cluster, func(e span, content []byte) error {
		if e.id == idTimestamp {
			at = time.Duration(min(value(content), 1<<40)) * Scale
		}
		return nil
	})
	if err == nil && at < 0 {
		err = ErrDamaged
	}
	return at, err
}

// Rebase changes a whole cluster, as AppendCluster writes one, so that what was
// at base in the file is at its beginning; what was before base is so too. Its
// length stays as it was, and it must be within a second of the clusters around.
func Rebase(cluster []byte, base time.Duration) error {
	at, err := Begins(cluster)
	if err != nil {
		return err
	}
	from := units(at) - units(base)
	err = elements(cluster, func(e span, content []byte) error {
		switch e.id {
		case idTimestamp:
			fill(content, uint64(max(0, from)))
		case idSimpleBlock:
			if len(content) < 4 {
				return ErrDamaged
			}
			if from < 0 {
				relative := from + int64(int16(binary.BigEndian.Uint16(content[1:])))
				binary.BigEndian.PutUint16(content[1:], uint16(max(0, relative)))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s, err := parse(cluster, 0)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(cluster[s.from+2:], crc32.ChecksumIEEE(cluster[s.from+6:]))
	return nil
}

// fill writes a number over all of b.
func fill(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i, n = i-1, n>>8 {
		b[i] = byte(n)
	}
}

// elements calls each for what stands in a whole cluster behind its checksum,
// which is not looked at.
func elements(cluster []byte, each func(e span, content []byte) error) error {
	s, err := parse(cluster, 0)
	if err != nil || s.id != idCluster || s.unknown || s.to != len(cluster) || s.to < s.from+6 || cluster[s.from] != idCRC || cluster[s.from+1] != 0x84 {
		return fmt.Errorf("%w: no whole cluster of %d bytes", ErrDamaged, len(cluster))
	}
	return children(cluster, s.from+6, s.to, func(e span) error { return each(e, cluster[e.from:e.to]) })
}

// Frames is how many pictures or sound frames a block of the track has.
func (t Track) Frames(data []byte) int64 {
	if t.Codec == "A_FLAC" {
		return flacFrames(data)
	}
	if size := t.Channels * t.Bits / 8; !t.Picture() && size > 0 {
		return int64(len(data) / size)
	}
	return 1
}
