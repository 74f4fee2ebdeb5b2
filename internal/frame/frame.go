// Package frame turns up to 256,000 bytes of a stream into one gzip member and
// back. What crosses the wire after the handshake is therefore a valid .gz
// file: zcat of it is the stream from the resume offset on.
//
// A frame is one member of RFC 1952 with this header (docs/PROTOCOL.md,
// section 2), all integers little-endian:
//
//	1f 8b 08, FLG = FEXTRA|FHCRC, MTIME 0, XFL 0, OS 255
//	XLEN, subfield 'V','C' of 20 bytes: version u8, flags u8, reserved u16,
//	    offset u64, source length u32, member length u32
//	CRC16 of the header
//	deflate data, CRC32 and ISIZE of the source bytes
//
// The last frame of a stream is empty, flagged final, and carries a second
// subfield 'V','T' with what is known only at the end.
package frame

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"videoclub/internal/reason"
)

const (
	// SourceSize is how many bytes of the stream a frame carries; the last
	// may carry fewer (MISSION A3).
	SourceSize = 256_000

	// MaxMember bounds a whole frame as it crosses the wire, header and
	// trailer included. It leaves room for SourceSize bytes that do not
	// compress, and for the largest trailer of a final frame.
	MaxMember = 256 << 10

	// MaxTrailer bounds the JSON of a final frame: XLEN is 16 bits.
	MaxTrailer = 60 << 10

	// PrefixSize is how much of a frame ReadHeader looks at: what comes
	// before the trailer or the header's CRC16.
	PrefixSize = fixedSize + 2 + subHeader + bodySize

	version   = 1
	flagFinal = 1

	fixedSize  = 10 // RFC 1952 section 2.3
	subHeader  = 4  // RFC 1952 section 2.3.1.1: SI1 SI2 LEN
	bodySize   = 20
	footerSize = 8 // CRC32, ISIZE
)

var fixed = [fixedSize]byte{0x1f, 0x8b, 8, 0x04 | 0x02, 0, 0, 0, 0, 0, 255}

// Header is what a frame says of itself ahead of its data.
type Header struct {
	Offset int64 // of the first source byte in the stream
	Source int   // bytes of the stream, 0 to SourceSize
	Member int   // bytes of the whole frame, at most MaxMember
	Final  bool  // the stream ends at Offset; Source is 0

	extra int // XLEN
}

// Next is the offset at which the next frame must begin.
func (h Header) Next() int64 { return h.Offset + int64(h.Source) }

// Trailer is what is known only at the end of a stream.
type Trailer struct {
	SHA256 string `json:"sha256"` // of the whole stream, lower-case hex
	Frames int64  `json:"frames"` // that a stream sent in one go has, without the final one
	Live   *Live  `json:"live,omitempty"`
}

// Frames is how many frames a stream of size bytes has, without the final one.
func Frames(size int64) int64 { return (size + SourceSize - 1) / SourceSize }

func invalid(format string, args ...any) error {
	return reason.New(reason.FrameInvalid, "frame: "+format, args...)
}

// ParsePrefix reads a frame's first PrefixSize bytes and checks every field of
// them against its limits, so that a length is known to be good before it is used.
func ParsePrefix(p []byte) (Header, error) {
	var h Header
	if len(p) < PrefixSize {
		return h, invalid("%d bytes of a header instead of %d", len(p), PrefixSize)
	}
	if [fixedSize]byte(p) != fixed {
		return h, invalid("it does not begin as one: % x", p[:fixedSize])
	}
	h.extra = int(binary.LittleEndian.Uint16(p[10:]))
	sub := p[fixedSize+2:]
	if sub[0] != 'V' || sub[1] != 'C' || binary.LittleEndian.Uint16(sub[2:]) != bodySize {
		return h, invalid("its first subfield is not VC of %d bytes", bodySize)
	}
	body := sub[subHeader:]
	flags := body[1]
	offset := binary.LittleEndian.Uint64(body[4:])
	source, member := binary.LittleEndian.Uint32(body[12:]), binary.LittleEndian.Uint32(body[16:])
	switch {
	case body[0] != version:
		return h, reason.New(reason.Version, "frame: version %d, this side knows %d", body[0], version)
	case flags&^flagFinal != 0 || body[2] != 0 || body[3] != 0:
		return h, invalid("flags %#x or reserved bits that this version does not know", flags)
	case offset > math.MaxInt64-SourceSize:
		return h, invalid("offset %d is out of range", offset)
	case source > SourceSize:
		return h, invalid("%d source bytes, at most %d are allowed", source, SourceSize)
	case member > MaxMember:
		return h, invalid("%d bytes long, at most %d are allowed", member, MaxMember)
	}
	h.Offset, h.Source, h.Member, h.Final = int64(offset), int(source), int(member), flags&flagFinal != 0
	plain := h.extra == subHeader+bodySize
	switch {
	case h.Final && source != 0:
		return h, invalid("final, but with %d source bytes", source)
	case !h.Final && (source == 0 || !plain):
		return h, invalid("empty or with a trailer, but not final")
	case h.Final && (plain || h.extra < 2*subHeader+bodySize || h.extra > 2*subHeader+bodySize+MaxTrailer):
		return h, invalid("final, with %d bytes of extra field", h.extra)
	case h.Member < h.headerSize()+1+footerSize:
		return h, invalid("%d bytes cannot hold its header and its end", h.Member)
	}
	return h, nil
}

// headerSize is the length of everything before the deflate data.
func (h Header) headerSize() int { return fixedSize + 2 + h.extra + 2 }

// Read reads one frame of r into buf, which holds at least MaxMember bytes, and
// checks its header. The data is not looked at: Decoder does that. It returns
// io.EOF if r ends before the first byte.
func Read(r io.Reader, buf []byte) (Header, error) {
	if _, err := io.ReadFull(r, buf[:PrefixSize]); err != nil {
		return Header{}, err
	}
	h, err := ParsePrefix(buf)
	if err != nil {
		return h, err
	}
	if _, err := io.ReadFull(r, buf[PrefixSize:h.Member]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return h, err
	}
	return h, h.checkCRC16(buf)
}

// checkCRC16 compares the header with its CRC16: the lower half of its CRC-32
// (RFC 1952 section 2.3.1, FHCRC).
func (h Header) checkCRC16(member []byte) error {
	end := h.headerSize() - 2
	if uint16(crc32.ChecksumIEEE(member[:end])) != binary.LittleEndian.Uint16(member[end:]) {
		return invalid("the header's CRC16 is wrong")
	}
	return nil
}

// appendHeader writes everything before the deflate data, with a member length
// still to be filled in by seal.
func appendHeader(dst []byte, offset int64, source int, trailer []byte) []byte {
	dst = append(dst, fixed[:]...)
	extra, flags := subHeader+bodySize, byte(0)
	if trailer != nil {
		extra += subHeader + len(trailer)
		flags = flagFinal
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(extra))
	dst = append(dst, 'V', 'C', bodySize, 0, version, flags, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(offset))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(source))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	if trailer != nil {
		dst = append(dst, 'V', 'T')
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(trailer)))
		dst = append(dst, trailer...)
	}
	return append(dst, 0, 0)
}

// seal ends the member with its CRC32 and ISIZE and fills in the length and the
// header's CRC16.
func seal(member []byte, headerSize int, sum uint32, source int) []byte {
	member = binary.LittleEndian.AppendUint32(member, sum)
	member = binary.LittleEndian.AppendUint32(member, uint32(source))
	binary.LittleEndian.PutUint32(member[PrefixSize-4:], uint32(len(member)))
	end := headerSize - 2
	binary.LittleEndian.PutUint16(member[end:], uint16(crc32.ChecksumIEEE(member[:end])))
	return member
}

// AppendFinal appends the last frame of a stream of offset bytes to dst.
func AppendFinal(dst []byte, offset int64, t Trailer) ([]byte, error) {
	if t.Live != nil {
		if err := t.Live.check(); err != nil {
			return nil, err
		}
	}
	trailer, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("final frame: %w", err)
	}
	if len(trailer) > MaxTrailer {
		return nil, fmt.Errorf("final frame: a trailer of %d bytes, at most %d are allowed", len(trailer), MaxTrailer)
	}
	start := len(dst)
	dst = appendHeader(dst, offset, 0, trailer)
	headerSize := len(dst) - start
	dst = append(dst, 0x03, 0x00) // an empty fixed block (RFC 1951 section 3.2.6)
	sealed := seal(dst[start:], headerSize, 0, 0)
	return append(dst[:start], sealed...), nil
}
