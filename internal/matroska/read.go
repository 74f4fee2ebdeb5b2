package matroska

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// ErrDamaged says that what is read is not what this package writes.
var ErrDamaged = errors.New("matroska: damaged")

// Cluster is a cluster that was read; its blocks share memory with what it was
// read into.
type Cluster struct {
	Offset, End int64
	Blocks      []Block
}

// Contents is a head that was read.
type Contents struct {
	Head
	Duration time.Duration // -1 while it is not known
	Cues     int64         // the offset of the cues, 0 while there are none
	Clusters int64         // the offset of the first cluster
}

// span is an element: its identifier, and where its content is in a buffer.
type span struct {
	id       uint32
	from, to int
	unknown  bool // its size; it then reaches to the end
}

// parse reads the beginning of an element at b[at:]. What is cut off gives
// io.ErrUnexpectedEOF with as much as is known.
func parse(b []byte, at int) (span, error) {
	if at >= len(b) {
		return span{}, io.ErrUnexpectedEOF
	}
	width := leading(b[at])
	if width > 4 {
		return span{}, ErrDamaged
	}
	if at+width >= len(b) {
		return span{}, io.ErrUnexpectedEOF
	}
	var s span
	for _, c := range b[at : at+width] {
		s.id = s.id<<8 | uint32(c)
	}
	at += width
	width = leading(b[at])
	if width > 8 {
		return span{}, ErrDamaged
	}
	if at+width > len(b) {
		return span{}, io.ErrUnexpectedEOF
	}
	size := uint64(b[at]) &^ (0x80 >> (width - 1))
	for _, c := range b[at+1 : at+width] {
		size = size<<8 | uint64(c)
	}
	s.from = at + width
	if s.unknown = size == 1<<(7*width)-1; s.unknown {
		s.to = len(b)
		return s, nil
	}
	if size > math.MaxInt32 {
		return span{}, ErrDamaged
	}
	s.to = s.from + int(size)
	return s, nil
}

// leading is how many bytes a number has that begins with c; 9 when it is none.
func leading(c byte) int {
	for n := 1; n <= 8; n++ {
		if c&(0x80>>(n-1)) != 0 {
			return n
		}
	}
	return 9
}

// children calls each for what stands in b[from:to].
func children(b []byte, from, to int, each func(span) error) error {
	for at := from; at < to; {
		s, err := parse(b[:to], at)
		if err == nil && s.to > to {
			err = ErrDamaged
		}
		if err != nil {
			return fmt.Errorf("%w: at byte %d", ErrDamaged, at)
		}
		if err := each(s); err != nil {
			return err
		}
		at = s.to
	}
	return nil
}

// value reads an unsigned integer.
func value(b []byte) uint64 {
	n := uint64(0)
	for _, c := range b[:min(8, len(b))] {
		n = n<<8 | uint64(c)
	}
	return n
}

// real reads a floating-point number; what has another length is 0.
func real(b []byte) float64 {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
	return 0
}

// ReadHead reads what stands before the first cluster of a file of size bytes.
// io.ErrUnexpectedEOF says that it is not all there yet. Where the first clusters were
// given back to the file system, it is where they stood.
func ReadHead(r io.ReaderAt, size int64) (Contents, error) {
	b := make([]byte, min(size, maxHead+16))
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return Contents{}, fmt.Errorf("matroska: %w", err)
	}
	s, err := parse(b, 0)
	if err != nil || s.id != idEBML {
		return Contents{}, cut(err, ErrDamaged)
	}
	segment, err := parse(b, s.to)
	if err != nil || segment.id != idSegment {
		return Contents{}, cut(err, ErrDamaged)
	}
	c := Contents{Duration: -1}
	for at := segment.from; ; {
		s, err := parse(b, at)
		if len(c.Tracks) > 0 && int64(len(b)) == size && errors.Is(err, io.ErrUnexpectedEOF) {
			c.Clusters = int64(at) // the first cluster is only beginning
			return c, nil
		}
		if len(c.Tracks) > 0 && err != nil && released(b[at:]) {
			c.Clusters = int64(at)
			return c, nil
		}
		if err != nil {
			return Contents{}, cut(err, ErrDamaged)
		}
		if s.id == idCluster || s.id == idCues {
			c.Clusters = int64(at)
			if len(c.Tracks) == 0 {
				return Contents{}, ErrDamaged
			}
			return c, nil
		}
		if s.to > len(b) {
			return Contents{}, cut(io.ErrUnexpectedEOF, nil)
		}
		if err := c.take(b, s, segment.from); err != nil {
			return Contents{}, err
		}
		at = s.to
	}
}

// released says whether there is nothing at p where a cluster stood: a recording
// that goes on may have been given back to the file system there.
func released(p []byte) bool {
	const enough = 8
	return len(p) >= enough && bytes.Equal(p[:enough], make([]byte, enough))
}

// cut prefers what says that more is to come.
func cut(err, otherwise error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || otherwise == nil {
		return io.ErrUnexpectedEOF
	}
	return otherwise
}

func (c *Contents) take(b []byte, s span, segment int) error {
	switch s.id {
	case idSeekHead:
		return children(b, s.from, s.to, func(e span) error {
			var id uint32
			var place uint64
			err := children(b, e.from, e.to, func(f span) error {
				switch f.id {
				case idSeekID:
					id = uint32(value(b[f.from:f.to]))
				case idSeekPosition:
					place = value(b[f.from:f.to])
				}
				return nil
			})
			if id == idCues && place < math.MaxInt64/2 {
				c.Cues = int64(segment) + int64(place)
			}
			return err
		})
	case idInfo:
		return children(b, s.from, s.to, func(e span) error {
			content := b[e.from:e.to]
			switch e.id {
			case idDuration:
				if ms := real(content); ms >= 0 && ms < 1e12 {
					c.Duration = time.Duration(ms * float64(Scale))
				}
			case idTitle:
				c.Title = string(content)
			case idDate:
				c.Date = epoch.Add(time.Duration(value(content)))
			}
			return nil
		})
	case idTracks:
		return children(b, s.from, s.to, func(e span) error {
			t, err := track(b, e)
			if c.Tracks = append(c.Tracks, t); len(c.Tracks) > MaxTracks {
				return ErrDamaged
			}
			return err
		})
	}
	return nil
}

func track(b []byte, s span) (Track, error) {
	var t Track
	err := children(b, s.from, s.to, func(e span) error {
		content := b[e.from:e.to]
		switch e.id {
		case idCodec:
			t.Codec = string(content)
		case idCodecPrivate:
			t.Private = append([]byte(nil), content...)
		case idVideo, idAudio:
			return children(b, e.from, e.to, func(f span) error {
				content := b[f.from:f.to]
				n := int(min(value(content), math.MaxInt32))
				switch f.id {
				case idWidth:
					t.Width = n
				case idHeight:
					t.Height = n
				case idColourSpace:
					t.FourCC = string(content)
				case idSampling:
					if hz := real(content); hz >= 0 && hz < math.MaxInt32 {
						t.SampleRate = int(hz)
					}
				case idChannels:
					t.Channels = n
				case idBitDepth:
					t.Bits = n
				}
				return nil
			})
		}
		return nil
	})
	return t, err
}

// ReadCluster reads the cluster at offset of a file of size bytes and checks
// it. io.EOF is its end, or where the cues begin; io.ErrUnexpectedEOF says that
// the cluster is not all there.
func ReadCluster(r io.ReaderAt, offset, size int64) (Cluster, error) {
	if offset >= size {
		return Cluster{}, io.EOF
	}
	head := make([]byte, min(12, size-offset))
	if n, err := r.ReadAt(head, offset); n < len(head) {
		return Cluster{}, fmt.Errorf("matroska: %w", err)
	}
	s, err := parse(head, 0)
	switch {
	case err != nil:
		return Cluster{}, err
	case s.id == idCues:
		return Cluster{}, io.EOF
	case s.id != idCluster || s.unknown || s.to > MaxCluster:
		return Cluster{}, fmt.Errorf("%w: no cluster at %d", ErrDamaged, offset)
	case int64(s.to) > size-offset:
		return Cluster{}, io.ErrUnexpectedEOF
	}
	b := make([]byte, s.to-s.from)
	if n, err := r.ReadAt(b, offset+int64(s.from)); n < len(b) {
		return Cluster{}, fmt.Errorf("matroska: %w", err)
	}
	if len(b) < 6 || b[0] != idCRC || b[1] != 0x84 || binary.LittleEndian.Uint32(b[2:]) != crc32.ChecksumIEEE(b[6:]) {
		return Cluster{}, fmt.Errorf("%w: the cluster at %d has another checksum", ErrDamaged, offset)
	}
	c := Cluster{Offset: offset, End: offset + int64(s.to)}
	var begin int64
	err = children(b, 6, len(b), func(e span) error {
		content := b[e.from:e.to]
		switch e.id {
		case idTimestamp:
			begin = int64(min(value(content), 1<<40))
		case idSimpleBlock:
			if len(content) < 4 || content[0]&0x80 == 0 {
				return ErrDamaged
			}
			at := begin + int64(int16(binary.BigEndian.Uint16(content[1:])))
			c.Blocks = append(c.Blocks, Block{
				Track: int(content[0] &^ 0x80), At: time.Duration(at) * Scale, Key: content[3]&0x80 != 0, Data: content[4:],
			})
		}
		return nil
	})
	return c, err
}
