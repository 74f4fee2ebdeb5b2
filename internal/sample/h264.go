package sample

import (
	"bytes"
	"image"
)

// The pictures of an MP4 film are H.264 (Rec. ITU-T H.264) in the constrained
// baseline profile, as simply as that can be: a macroblock is either taken over
// from the picture before or has its samples as they are (I_PCM). So there is
// nothing to transform and nothing is lost, and what stands still costs nothing.
const (
	mbSide    = 16
	mbColumns = (Width + mbSide - 1) / mbSide
	mbRows    = (Height + mbSide - 1) / mbSide
	mbBytes   = mbSide * mbSide * 3 / 2 // with both colours, at half the width and height

	// keyEvery is how many pictures there are from one with which a player can
	// begin to the next.
	keyEvery = 4 * FrameRate
)

// Kinds of NAL units, with nal_ref_idc (section 7.4.1).
const (
	slicePart  = 2<<5 | 1
	keyPart    = 3<<5 | 5
	sequenceOf = 3<<5 | 7
	pictureOf  = 3<<5 | 8
)

const (
	profile     = 66         // baseline
	constraints = 0b11000000 // which is the constrained one
	level       = 31         // 14 Mbit/s
)

// bitWriter writes the syntax elements of section 7.2.
type bitWriter struct {
	out  []byte
	held uint64
	n    int // bits in held
}

// bits is u(n).
func (b *bitWriter) bits(v uint64, n int) {
	b.held, b.n = b.held<<n|v, b.n+n
	for b.n >= 8 {
		b.n -= 8
		b.out = append(b.out, byte(b.held>>b.n))
	}
	b.held &= 1<<b.n - 1
}

// golomb is ue(v).
func (b *bitWriter) golomb(v int) {
	n := 0
	for (v+1)>>(n+1) > 0 {
		n++
	}
	b.bits(uint64(v+1), 2*n+1)
}

// align fills the byte with zeros.
func (b *bitWriter) align() {
	if b.n > 0 {
		b.bits(0, 8-b.n)
	}
}

// unit ends the NAL unit that has the kind as its first byte, and gives it with
// the bytes that keep start codes out of it (section 7.4.1.1).
func (b *bitWriter) unit(kind byte) []byte {
	b.bits(1, 1)
	b.align()
	u, zeros := []byte{kind}, 0
	for _, c := range b.out {
		if zeros == 2 && c <= 3 {
			u, zeros = append(u, 3), 0
		}
		if u = append(u, c); c == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return u
}

// sequence is the sequence parameter set (section 7.3.2.1.1): pictures that are
// shown in the order in which they come, each referring to the one before.
func sequence() []byte {
	var b bitWriter
	b.bits(profile, 8)
	b.bits(constraints, 8)
	b.bits(level, 8)
	b.golomb(0)  // seq_parameter_set_id
	b.golomb(0)  // log2_max_frame_num_minus4
	b.golomb(2)  // pic_order_cnt_type
	b.golomb(1)  // max_num_ref_frames
	b.bits(0, 1) // gaps_in_frame_num_value_allowed_flag
	b.golomb(mbColumns - 1)
	b.golomb(mbRows - 1)
	b.bits(1, 1) // frame_mbs_only_flag
	b.bits(1, 1) // direct_8x8_inference_flag
	b.bits(1, 1) // frame_cropping_flag
	b.golomb(0)
	b.golomb((mbColumns*mbSide - Width) / 2)
	b.golomb(0)
	b.golomb((mbRows*mbSide - Height) / 2)
	b.bits(1, 1) // vui_parameters_present_flag (section E.1.1)
	b.bits(0, 2) // aspect_ratio_info_present_flag, overscan_info_present_flag
	b.bits(1, 1) // video_signal_type_present_flag
	b.bits(5, 3) // video_format: none in particular
	b.bits(1, 1) // video_full_range_flag
	b.bits(1, 1) // colour_description_present_flag
	for _, v := range colours {
		b.bits(uint64(v), 8)
	}
	b.bits(0, 5)                                   // neither chroma_loc_info, timing, nal_hrd, vcl_hrd nor pic_struct
	b.bits(1, 1)                                   // bitstream_restriction_flag
	b.bits(1, 1)                                   // motion_vectors_over_pic_boundaries_flag
	for _, v := range [...]int{0, 0, 0, 0, 0, 1} { // no picture waits for another
		b.golomb(v)
	}
	return b.unit(sequenceOf)
}

// colours are those of JPEG: the primaries and the transfer of sRGB, and the
// matrix of BT.601 (tables E-3 to E-5).
var colours = [...]uint8{1, 13, 6}

// parameters is the picture parameter set (section 7.3.2.2).
func parameters() []byte {
	var b bitWriter
	for range 2 {
		b.golomb(0) // pic_parameter_set_id, seq_parameter_set_id
	}
	b.bits(0, 2) // CAVLC, no bottom field
	for range 3 {
		b.golomb(0) // one slice group, one reference each way
	}
	b.bits(0, 3) // no weights
	for range 3 {
		b.golomb(0) // qp and qs of 26, no offset: se(0) is written as ue(0)
	}
	b.bits(0b100, 3) // deblocking_filter_control_present_flag
	return b.unit(pictureOf)
}

// coder codes the pictures of one film, in order.
type coder struct {
	before *image.YCbCr
	frame  int // of the film
}

// code gives the picture m as one NAL unit. It keeps a copy.
func (c *coder) code(m *image.YCbCr) []byte {
	since := c.frame % keyEvery
	key := since == 0
	var b bitWriter
	b.golomb(0) // first_mb_in_slice
	if key {
		b.golomb(7) // slice_type: I, and so is the whole picture
	} else {
		b.golomb(5)
	}
	b.golomb(0)                 // pic_parameter_set_id
	b.bits(uint64(since)%16, 4) // frame_num
	if key {
		b.golomb(c.frame / keyEvery % 2) // idr_pic_id: not that of the last one
		b.bits(0, 2)                     // it is shown, and replaced by the next
	} else {
		b.bits(0, 3) // one reference, the last picture, which then goes
	}
	b.golomb(0) // slice_qp_delta
	b.golomb(1) // disable_deblocking_filter_idc
	c.blocks(&b, m, key)
	if c.before == nil {
		c.before = image.NewYCbCr(m.Rect, m.SubsampleRatio)
	}
	copy(c.before.Y, m.Y)
	copy(c.before.Cb, m.Cb)
	copy(c.before.Cr, m.Cr)
	c.frame++
	if key {
		return b.unit(keyPart)
	}
	return b.unit(slicePart)
}

// blocks codes the macroblocks of m.
func (c *coder) blocks(b *bitWriter, m *image.YCbCr, key bool) {
	skipped := 0
	for row := range mbRows {
		for column := range mbColumns {
			if !key && same(m, c.before, row, column) {
				skipped++
				continue
			}
			if key {
				b.golomb(25) // I_PCM (table 7-11)
			} else {
				b.golomb(skipped)
				b.golomb(5 + 25)
			}
			skipped = 0
			b.align()
			b.out = appendBlock(b.out, m, row, column)
		}
	}
	if skipped > 0 {
		b.golomb(skipped)
	}
}

// planes are those of a picture, with how many samples a macroblock has in each
// direction.
func planes(m *image.YCbCr) [3]plane {
	return [3]plane{{m.Y, m.YStride, mbSide}, {m.Cb, m.CStride, mbSide / 2}, {m.Cr, m.CStride, mbSide / 2}}
}

type plane struct {
	samples      []uint8
	stride, side int
}

// row is row y of a macroblock, of which the last may be below the picture: there
// it is as the last one that there is.
func (p plane) row(row, column, y int) []uint8 {
	at := min(row*p.side+y, len(p.samples)/p.stride-1)*p.stride + column*p.side
	return p.samples[at : at+p.side]
}

// same says whether a macroblock is as it was.
func same(m, before *image.YCbCr, row, column int) bool {
	old := planes(before)
	for i, p := range planes(m) {
		for y := range p.side {
			if !bytes.Equal(p.row(row, column, y), old[i].row(row, column, y)) {
				return false
			}
		}
	}
	return true
}

// appendBlock appends the samples of a macroblock.
func appendBlock(b []byte, m *image.YCbCr, row, column int) []byte {
	for _, p := range planes(m) {
		for y := range p.side {
			b = append(b, p.row(row, column, y)...)
		}
	}
	return b
}
