// Package avc knows H.264 as cameras and encoders give it and as Matroska keeps
// it: the units of a byte stream, the parameters that a decoder begins with, and
// which pictures one can begin at. Nothing in it decodes a picture.
package avc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of NAL units (Rec. ITU-T H.264, table 7-1).
const (
	kindSlice     = 1
	kindPartition = 4 // 2 to 4 are parts of a slice
	kindIDR       = 5
	kindSPS       = 7
	kindPPS       = 8
	kindDelimiter = 9
	kindFiller    = 12
)

// Bounds of what is taken from a stream.
const (
	// mostUnits is the most units of one picture; 4,096 slices are more than a
	// picture has macroblock rows.
	mostUnits = 8192
	// mostSets and largestSet bound the parameter sets that are kept: there are
	// 32 and 256 numbers for them, and cameras use one of each.
	mostSets   = 8
	largestSet = 4096
	// lengthBytes is how many bytes say how long a unit is.
	lengthBytes = 4
)

// ErrDamaged says that what is read is not H.264 as it is understood here.
var ErrDamaged = errors.New("avc: damaged")

// kind is what a unit is; 0 for none that is known.
func kind(unit []byte) int {
	if len(unit) == 0 || unit[0]&0x80 != 0 {
		return 0
	}
	return int(unit[0] & 0x1f)
}

// units gives the units of a byte stream (annex B of Rec. ITU-T H.264) without
// their start codes.
func units(stream []byte) ([][]byte, error) {
	at := startCode(stream, 0)
	if at < 0 || len(bytes.TrimLeft(stream[:at], "\x00")) > 0 {
		return nil, fmt.Errorf("%w: it begins with no start code", ErrDamaged)
	}
	var all [][]byte
	for at < len(stream) {
		from, next := at+3, startCode(stream, at+3)
		if next < 0 {
			next = len(stream)
		}
		// Zeros that follow a unit are not of it.
		if unit := bytes.TrimRight(stream[from:next], "\x00"); len(unit) > 0 {
			all = append(all, unit)
		}
		if len(all) > mostUnits {
			return nil, fmt.Errorf("%w: more than %d units", ErrDamaged, mostUnits)
		}
		at = next
	}
	return all, nil
}

// startCode finds the next start code, 0 0 1; -1 where there is none.
func startCode(b []byte, from int) int {
	for i := from; i+2 < len(b); {
		switch {
		case b[i+2] > 1:
			i += 3
		case b[i+2] == 1 && b[i+1] == 0 && b[i] == 0:
			return i
		default:
			i++
		}
	}
	return -1
}

// prefixed gives the units of which each has its length before it.
func prefixed(b []byte) ([][]byte, error) {
	var all [][]byte
	for len(b) > 0 {
		if len(b) < lengthBytes {
			return nil, fmt.Errorf("%w: %d bytes after the last unit", ErrDamaged, len(b))
		}
		n := binary.BigEndian.Uint32(b)
		if b = b[lengthBytes:]; uint64(n) > uint64(len(b)) || len(all) == mostUnits {
			return nil, fmt.Errorf("%w: unit %d has %d bytes, and there are %d", ErrDamaged, len(all), n, len(b))
		}
		if n > 0 {
			all = append(all, b[:n:n])
		}
		b = b[n:]
	}
	return all, nil
}

// Parameters are the sets that a decoder needs before the first picture.
type Parameters struct{ sps, pps [][]byte }

// Complete says whether a decoder could begin with them.
func (p *Parameters) Complete() bool { return len(p.sps) > 0 && len(p.pps) > 0 }

// take keeps a set, in the place of the one with its number. What is not
// understood is left out.
func (p *Parameters) take(unit []byte) {
	list, number := &p.sps, spsNumber
	if kind(unit) == kindPPS {
		list, number = &p.pps, ppsNumber
	}
	n, err := number(unit)
	if err != nil || len(unit) > largestSet {
		return
	}
	for i, old := range *list {
		if was, err := number(old); err == nil && was == n {
			(*list)[i] = append([]byte(nil), unit...)
			return
		}
	}
	if len(*list) < mostSets {
		*list = append(*list, append([]byte(nil), unit...))
	}
}

// Size is the size of the pictures in pixels, without what is cut off.
func (p *Parameters) Size() (width, height int, err error) {
	if len(p.sps) == 0 {
		return 0, 0, fmt.Errorf("%w: there is no sequence parameter set", ErrDamaged)
	}
	s, err := parseSPS(p.sps[0])
	return s.width, s.height, err
}

// Record is the AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section
// 5.3.3.1), which Matroska has as its CodecPrivate.
func (p *Parameters) Record() ([]byte, error) {
	if !p.Complete() {
		return nil, fmt.Errorf("%w: there are no parameter sets", ErrDamaged)
	}
	first, err := parseSPS(p.sps[0])
	if err != nil {
		return nil, err
	}
	b := []byte{1, p.sps[0][1], p.sps[0][2], p.sps[0][3], 0xfc | lengthBytes - 1, 0xe0 | byte(len(p.sps))}
	for _, s := range p.sps {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	b = append(b, byte(len(p.pps)))
	for _, s := range p.pps {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	switch first.profile {
	case 66, 77, 88: // the profiles that the record had at first
	default:
		b = append(b, 0xfc|byte(first.chroma), 0xf8|byte(first.lumaBits-8), 0xf8|byte(first.chromaBits-8), 0)
	}
	return b, nil
}

// ParseRecord reads what Record wrote, or an encoder for it. The lengths of
// units must have four bytes.
func ParseRecord(b []byte) (Parameters, error) {
	var p Parameters
	if len(b) < 7 || b[0] != 1 || b[4]&3 != lengthBytes-1 {
		return p, fmt.Errorf("%w: a decoder configuration of %d bytes that is not understood", ErrDamaged, len(b))
	}
	at := 5
	for _, mask := range []byte{0x1f, 0xff} {
		if at >= len(b) {
			return p, fmt.Errorf("%w: a decoder configuration is cut off", ErrDamaged)
		}
		n := int(b[at] & mask)
		at++
		for range n {
			if at+2 > len(b) || at+2+int(binary.BigEndian.Uint16(b[at:])) > len(b) {
				return p, fmt.Errorf("%w: a decoder configuration is cut off", ErrDamaged)
			}
			size := int(binary.BigEndian.Uint16(b[at:]))
			set := b[at+2 : at+2+size]
			if k := kind(set); k == kindSPS || k == kindPPS {
				p.take(set)
			}
			at += 2 + size
		}
	}
	if !p.Complete() {
		return p, fmt.Errorf("%w: a decoder configuration without parameter sets", ErrDamaged)
	}
	return p, nil
}

// Reader turns the pictures of one stream into what Matroska keeps of them:
// units with their lengths before them, and in front of each picture that one
// can begin at the parameter sets that are then in force, so that a decoder can
// begin there whatever came before. It is for one goroutine.
type Reader struct{ now Parameters }

// Begin takes parameter sets that came apart from the stream.
func (r *Reader) Begin(p Parameters) { r.now = p }

// Parameters are those that are in force.
func (r *Reader) Parameters() Parameters { return r.now }

// ByteStream appends a picture that has start codes, and says whether one can
// begin at it. A picture without a slice, or one that needs parameter sets that
// did not come, is ErrDamaged.
func (r *Reader) ByteStream(dst, picture []byte) (out []byte, key bool, err error) {
	all, err := units(picture)
	if err != nil {
		return dst, false, err
	}
	return r.picture(dst, all)
}

// Prefixed is ByteStream for a picture whose units have their lengths.
func (r *Reader) Prefixed(dst, picture []byte) (out []byte, key bool, err error) {
	all, err := prefixed(picture)
	if err != nil {
		return dst, false, err
	}
	return r.picture(dst, all)
}

func (r *Reader) picture(dst []byte, all [][]byte) (out []byte, key bool, err error) {
	slices := 0
	for _, u := range all {
		switch k := kind(u); {
		case k == kindSPS || k == kindPPS:
			r.now.take(u)
		case k == kindIDR:
			key = true
			slices++
		case k >= kindSlice && k <= kindPartition:
			slices++
		}
	}
	switch {
	case slices == 0:
		return dst, false, fmt.Errorf("%w: no picture is in it", ErrDamaged)
	case !r.now.Complete():
		return dst, false, fmt.Errorf("%w: no parameter sets came before it", ErrDamaged)
	}
	if key {
		for _, sets := range [][][]byte{r.now.sps, r.now.pps} {
			for _, s := range sets {
				dst = appendUnit(dst, s)
			}
		}
	}
	for _, u := range all {
		switch k := kind(u); k {
		case 0, kindSPS, kindPPS, kindDelimiter, kindFiller:
		default:
			dst = appendUnit(dst, u)
		}
	}
	return dst, key, nil
}

func appendUnit(dst, unit []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(unit))), unit...)
}

// ParametersOf gives the parameter sets that stand in front of a picture that
// one can begin at, as a Reader made it.
func ParametersOf(picture []byte) (Parameters, error) {
	var p Parameters
	all, err := prefixed(picture)
	if err != nil {
		return p, err
	}
	for _, u := range all {
		if k := kind(u); k == kindSPS || k == kindPPS {
			p.take(u)
		}
	}
	if !p.Complete() {
		return p, fmt.Errorf("%w: there are no parameter sets", ErrDamaged)
	}
	return p, nil
}
