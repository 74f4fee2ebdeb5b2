package avc

import (
	"fmt"
	"math/bits"
)

// sps is what is needed of a sequence parameter set (Rec. ITU-T H.264, section
// 7.3.2.1.1).
type sps struct {
	number, profile              int
	chroma, lumaBits, chromaBits int
	width, height                int
}

// largestSide bounds what a set may say of a picture.
const largestSide = 16384

// reader reads the bits of a unit, without the bytes that keep start codes out
// of it (section 7.4.1). What is beyond the end is zero, and noted.
type reader struct {
	b     []byte
	at    int // in bits
	ended bool
}

func newReader(unit []byte) *reader {
	clean := make([]byte, 0, len(unit))
	zeros := 0
	for _, c := range unit {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		clean = append(clean, c)
	}
	return &reader{b: clean}
}

func (r *reader) bit() uint {
	if r.at/8 >= len(r.b) {
		r.ended = true
		return 0
	}
	v := r.b[r.at/8] >> (7 - r.at%8) & 1
	r.at++
	return uint(v)
}

func (r *reader) bits(n int) (v uint) {
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// golomb is ue(v) (section 9.1).
func (r *reader) golomb() uint {
	zeros := 0
	for r.bit() == 0 {
		if zeros++; zeros > 32 || r.ended {
			r.ended = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// signed is se(v) (section 9.1.1).
func (r *reader) signed() int {
	n := r.golomb()
	if n%2 == 1 {
		return int(n/2) + 1
	}
	return -int(n / 2)
}

// spsNumber is seq_parameter_set_id.
func spsNumber(unit []byte) (int, error) {
	s, err := parseSPS(unit)
	return s.number, err
}

// ppsNumber is pic_parameter_set_id (section 7.3.2.2).
func ppsNumber(unit []byte) (int, error) {
	r := newReader(unit[min(1, len(unit)):])
	n, of := r.golomb(), r.golomb()
	if r.ended || n > 255 || of > 31 {
		return 0, fmt.Errorf("%w: a picture parameter set", ErrDamaged)
	}
	return int(n), nil
}

// withChroma are the profiles whose sets say more of colours.
var withChroma = map[int]bool{100: true, 110: true, 122: true, 244: true, 44: true, 83: true, 86: true, 118: true, 128: true, 138: true, 139: true, 134: true, 135: true}

func parseSPS(unit []byte) (sps, error) {
	damaged := fmt.Errorf("%w: a sequence parameter set of %d bytes", ErrDamaged, len(unit))
	if len(unit) < 5 || kind(unit) != kindSPS || len(unit) > largestSet {
		return sps{}, damaged
	}
	r := newReader(unit[1:])
	s := sps{profile: int(r.bits(8)), chroma: 1, lumaBits: 8, chromaBits: 8}
	r.bits(16) // constraints, level
	s.number = int(r.golomb())
	planes := false
	if withChroma[s.profile] {
		if planes = r.colours(&s); s.chroma > 3 || s.lumaBits > 14 || s.chromaBits > 14 {
			return sps{}, damaged
		}
	}
	r.golomb() // log2_max_frame_num_minus4
	r.order()
	r.golomb() // max_num_ref_frames
	r.bit()
	across, down := r.golomb()+1, r.golomb()+1
	fields := 1 - r.bit() // 1 where a frame may be two fields
	if fields == 1 {
		r.bit()
	}
	r.bit()
	if r.ended || s.number > 31 || across > largestSide/16 || down > largestSide/16 {
		return sps{}, damaged
	}
	s.width, s.height = int(across)*16, int(down*(1+fields))*16
	if r.bit() == 1 {
		s.crop(r, int(fields), planes)
	}
	if r.ended || s.width < 2 || s.height < 2 {
		return sps{}, damaged
	}
	return s, nil
}

// colours reads what the higher profiles say, and whether the colours are
// planes of their own.
func (r *reader) colours(s *sps) (planes bool) {
	s.chroma = int(r.golomb())
	if s.chroma == 3 {
		planes = r.bit() == 1
	}
	s.lumaBits, s.chromaBits = 8+int(r.golomb()), 8+int(r.golomb())
	r.bit()
	if r.bit() == 0 {
		return planes
	}
	lists := 8
	if s.chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if r.bit() == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := 8, 8
		for range size {
			if next != 0 {
				next = (last + r.signed() + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
	return planes
}

// order passes over what says in which order pictures are shown.
func (r *reader) order() {
	switch r.golomb() {
	case 0:
		r.golomb()
	case 1:
		r.bit()
		r.signed()
		r.signed()
		for range min(r.golomb(), 255) {
			r.signed()
		}
	}
}

// crop takes off what is not shown (section 7.4.2.1.1, frame_crop_*_offset).
func (s *sps) crop(r *reader, fields int, planes bool) {
	x, y := 1, 1+fields
	if !planes {
		switch s.chroma {
		case 1:
			x, y = 2, 2*(1+fields)
		case 2:
			x = 2
		}
	}
	left, right, top, bottom := r.golomb(), r.golomb(), r.golomb(), r.golomb()
	if bits.Len(left|right|top|bottom) > 16 {
		r.ended = true
		return
	}
	s.width -= x * int(left+right)
	s.height -= y * int(top+bottom)
}
