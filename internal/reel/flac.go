package reel

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// flacForm is how the sound of a recording is kept as FLAC (RFC 9639), one frame
// in each block. What this program records has subframes that are constant, or
// verbatim, or what a fixed predictor leaves; with anything else, a frame is
// silence.
type flacForm struct{ channels, bits int }

// The layouts of two channels of which one is the difference of both (section
// 9.1.3); below are so many channels, less one, that stand for themselves.
const (
	flacLeftSide  = 8
	flacSideRight = 9
	flacMidSide   = 10
)

// flacFixed are the fixed predictors by their order: factors of the samples
// before, the latest first (section 9.2.5).
var flacFixed = [...][]int64{{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}

// header reads the header of a frame (section 9.1): how many samples it has of
// each channel, 0 where it is none, which layout they have, and where they begin.
func (f flacForm) header(p []byte) (n, layout, at int) {
	const least = 6 // the shortest header
	if len(p) < least || p[0] != 0xff || p[1]&0xfe != 0xf8 {
		return 0, 0, 0
	}
	size, rate := p[2]>>4, p[2]&15
	// The number of the frame is written as in UTF-8, in up to seven bytes.
	at = 4 + max(1, bits.LeadingZeros8(^p[4]))
	more := 0
	if size == 6 || size == 7 {
		more = int(size) - 5
	}
	after := more
	if rate >= 12 && rate <= 14 {
		after += min(int(rate)-11, 2)
	}
	if len(p) <= at+after {
		return 0, 0, 0
	}
	switch {
	case size == 1:
		n = 192
	case size >= 2 && size <= 5:
		n = 144 << size
	case size == 6:
		n = int(p[at]) + 1
	case size == 7:
		n = int(binary.BigEndian.Uint16(p[at:])) + 1
	case size >= 8:
		n = 1 << size
	}
	layout = int(p[3] >> 4)
	if layout > flacMidSide || layout >= flacLeftSide && f.channels != 2 || layout < flacLeftSide && layout+1 != f.channels {
		return 0, 0, 0
	}
	return n, layout, at + after + 1 // behind the sum of the header
}

// samples gives the samples of a frame as PCM has them. Of one that is damaged
// they are silence, as far as its header says how many there are.
func (f flacForm) samples(p []byte) []byte {
	n, layout, at := f.header(p)
	width := f.bits / 8
	out := make([]byte, n*f.channels*width)
	r := &bitReader{p: append(slices.Clone(p), make([]byte, ahead)...), at: at * 8, end: len(p) * 8}
	channels := make([][]int64, 0, f.channels)
	for c := range f.channels {
		depth := f.bits
		if c == 1 && (layout == flacLeftSide || layout == flacMidSide) || c == 0 && layout == flacSideRight {
			depth++ // a difference
		}
		samples := r.subframe(n, depth)
		if samples == nil {
			return out
		}
		channels = append(channels, samples)
	}
	if layout >= flacLeftSide {
		together(layout, channels[0], channels[1])
	}
	for c, samples := range channels {
		for i, v := range samples {
			to := out[(i*f.channels+c)*width:]
			for b := range width {
				to[b] = byte(v >> (8 * b))
			}
		}
	}
	return out
}

// together makes left and right of what is in their places.
func together(layout int, left, right []int64) {
	for i := range left {
		switch layout {
		case flacLeftSide:
			right[i] = left[i] - right[i]
		case flacSideRight:
			left[i] += right[i]
		case flacMidSide:
			sum := left[i]<<1 | right[i]&1
			left[i], right[i] = (sum+right[i])>>1, (sum-right[i])>>1
		}
	}
}

// ahead is how many bytes are looked at at once.
const ahead = 8

// bitReader reads a frame. Behind its end there is nothing but failure.
type bitReader struct {
	p       []byte // with so many bytes more as are looked at at once
	at, end int    // bits
	failed  bool
}

// next is what comes next, at the top of 64 bits of which at least 57 count.
func (r *bitReader) next() uint64 { return binary.BigEndian.Uint64(r.p[r.at/8:]) << (r.at % 8) }

// bits reads a number of up to 32 bits.
func (r *bitReader) bits(n int) int64 {
	if r.at+n > r.end {
		r.failed = true
		return 0
	}
	v := r.next() >> (64 - n)
	r.at += n
	return int64(v)
}

// signed reads a number in two's complement.
func (r *bitReader) signed(n int) int64 { return r.bits(n) << (64 - n) >> (64 - n) }

// zeros counts them up to the next one.
func (r *bitReader) zeros() int64 {
	from := r.at
	for r.at < r.end {
		if n := bits.LeadingZeros64(r.next()); n < 64-r.at%8 {
			r.at += n
			break
		}
		r.at += 64 - r.at%8
	}
	n := r.at - from
	r.failed = r.failed || r.at >= r.end
	r.at++
	return int64(n)
}

// subframe reads the samples of a channel (section 9.2), nil where it cannot.
func (r *bitReader) subframe(n, depth int) []int64 {
	padding, kind, wasted := r.bits(1), r.bits(6), 0
	if r.bits(1) == 1 {
		wasted = int(r.zeros()) + 1
	}
	if depth -= wasted; depth < 1 || padding != 0 || r.failed {
		return nil
	}
	var samples []int64
	switch order := int(kind) - 8; {
	case kind == 0:
		samples = slices.Repeat([]int64{r.signed(depth)}, n)
	case kind == 1:
		samples = r.verbatim(n, depth)
	case order >= 0 && order < len(flacFixed) && order <= n:
		samples = r.predicted(r.verbatim(order, depth), flacFixed[order], n)
	}
	if r.failed {
		return nil
	}
	for i := range samples {
		samples[i] <<= wasted
	}
	return samples
}

// verbatim reads samples as they are.
func (r *bitReader) verbatim(n, depth int) []int64 {
	samples := make([]int64, n)
	for i := 0; i < n && !r.failed; i++ {
		samples[i] = r.signed(depth)
	}
	return samples
}

// predicted reads what is left of a prediction (section 9.2.7), and adds it up,
// to n samples with those that there are.
func (r *bitReader) predicted(samples, factors []int64, n int) []int64 {
	wide := 4 + int(r.bits(2)) // bits of a parameter
	parts := 1 << r.bits(4)
	if wide > 5 || n%parts != 0 || n/parts < len(factors) {
		return nil
	}
	for part := range parts {
		left := n / parts
		if part == 0 {
			left -= len(factors)
		}
		samples = slices.Grow(samples, max(0, left))
		k, plain := int(r.bits(wide)), 0
		escaped := k == 1<<wide-1
		if escaped {
			plain = int(r.bits(5))
		}
		for range left {
			if r.failed {
				return nil
			}
			v := int64(0)
			switch {
			case !escaped:
				v = r.zeros()<<k | r.bits(k)
				v = v>>1 ^ -(v & 1)
			case plain > 0:
				v = r.signed(plain)
			}
			for i, factor := range factors {
				v += factor * samples[len(samples)-1-i]
			}
			samples = append(samples, v)
		}
	}
	return samples
}
