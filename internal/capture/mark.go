package capture

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"time"
)

// Mark is what a picture of a pattern carries: 128 squares, black or white,
// which survive being compressed.
type Mark struct {
	Number int64         // below 1<<48
	At     time.Duration // CLOCK_MONOTONIC, in microseconds
}

const (
	markBits    = 128
	markColumns = 16
	markRows    = markBits / markColumns
)

// bits are 48 of the number, 48 of the time in microseconds, and a CRC-32 of
// these.
func (m Mark) bits() [markBits / 8]byte {
	var b [markBits / 8]byte
	var long [8]byte
	binary.BigEndian.PutUint64(long[:], uint64(m.Number))
	copy(b[0:6], long[2:])
	binary.BigEndian.PutUint64(long[:], uint64(m.At/time.Microsecond))
	copy(b[6:12], long[2:])
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[:12]))
	return b
}

// grid is where the squares stand: side by side pixels each, from x and y on.
type grid struct{ x, y, side int }

func gridOf(width, height int) grid {
	side := min(width/(markColumns+4), height/(markRows+4)) &^ 1
	return grid{x: (width - side*markColumns) / 2 &^ 1, y: (height - side*markRows) / 2 &^ 1, side: side}
}

// ReadMark reads the mark of a pattern's picture after decoding.
func ReadMark(m *image.YCbCr) (Mark, error) {
	g := gridOf(m.Rect.Dx(), m.Rect.Dy())
	if g.side < 2 {
		return Mark{}, errors.New("the picture is too small for a mark")
	}
	var b [markBits / 8]byte
	for i := range markBits {
		// The middle of a square, which its neighbours touch least.
		sum, n := 0, 0
		for y := g.side / 4; y < g.side-g.side/4; y++ {
			for x := g.side / 4; x < g.side-g.side/4; x++ {
				sum += int(m.Y[m.YOffset(m.Rect.Min.X+g.x+i%markColumns*g.side+x, m.Rect.Min.Y+g.y+i/markColumns*g.side+y)])
				n++
			}
		}
		if sum > 128*n {
			b[i/8] |= 1 << (7 - i%8)
		}
	}
	if crc32.ChecksumIEEE(b[:12]) != binary.BigEndian.Uint32(b[12:]) {
		return Mark{}, errors.New("the picture has no mark, or a damaged one")
	}
	long := func(p []byte) int64 { return int64(binary.BigEndian.Uint64(append([]byte{0, 0}, p...))) }
	return Mark{Number: long(b[0:6]), At: time.Duration(long(b[6:12])) * time.Microsecond}, nil
}

// positionBits is how many sound frames carry one word, a bit each in the
// lowest bit of their samples.
const positionBits = 64

// spread is odd, so that multiplying by it modulo 1<<48 can be undone: numbers
// that follow each other then differ all over, and parts of two blocks do not
// read as one. gather undoes it.
const (
	spread    = 0x9e3779b97f4b
	positions = 1<<48 - 1
)

// positionWord is what the frames of a block carry: 48 bits of its number and
// 16 of their CRC-32.
func positionWord(block int64) uint64 {
	spread48 := uint64(block) * spread & positions
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], spread48<<16)
	return spread48<<16 | uint64(crc32.ChecksumIEEE(b[:6])&0xffff)
}

// gather is the inverse of spread modulo 1<<48, by Newton's iteration, which
// doubles the bits that are right: 3, 6, 12, 24, 48.
var gather = func() uint64 {
	x := uint64(spread)
	for range 4 {
		x *= 2 - spread*x
	}
	return x & positions
}()

// Run is sound that follows each other without a break.
type Run struct {
	Position int64 // of its first sound frame in the tone
	Frames   int64
	At       int64 // of its first sound frame in what was read
}

// ReadPositions reads which sound frames of a tone are in samples, given the
// lowest bits of one channel. A run begins and ends where a whole block of 64
// frames does: less than that is not seen at the edges of a gap.
func ReadPositions(low []byte) []Run {
	var runs []Run
	for i := 0; i+positionBits <= len(low); {
		word := uint64(0)
		for _, b := range low[i : i+positionBits] {
			word = word<<1 | uint64(b&1)
		}
		block := int64((word >> 16) * gather & positions)
		if positionWord(block) != word {
			i++
			continue
		}
		position := block * positionBits
		last := len(runs) - 1
		if last >= 0 && runs[last].Position+runs[last].Frames == position && runs[last].At+runs[last].Frames == int64(i) {
			runs[last].Frames += positionBits
		} else {
			runs = append(runs, Run{Position: position, Frames: positionBits, At: int64(i)})
		}
		i += positionBits
	}
	return runs
}

// LowBits gives the lowest bits of the first channel of interleaved samples.
func LowBits(samples []byte, f Format) []byte {
	low := make([]byte, 0, len(samples)/f.FrameBytes())
	for ; len(samples) >= f.FrameBytes(); samples = samples[f.FrameBytes():] {
		low = append(low, samples[0]&1)
	}
	return low
}
