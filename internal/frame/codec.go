package frame

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

const (
	// storedMax is the longest stored block (RFC 1951 section 3.2.4).
	storedMax = 65_535

	// A frame that compression makes less than 1/64 smaller is not worth the
	// receiver's inflating: it goes stored.
	worthShift = 6
)

// Encoder makes frames. It compresses where that pays and stores where it does
// not (MISSION A8). Not safe for concurrent use; one for each goroutine.
type Encoder struct {
	flate *flate.Writer
	out   bytes.Buffer
}

// NewEncoder makes an Encoder. It holds about 0.7 MB for its tables once it
// has compressed something.
func NewEncoder() *Encoder { return &Encoder{} }

// Append appends to dst the frame of src, which stands at offset in its
// stream, compressed if that pays. src has 1 to SourceSize bytes; the frame has
// at most MaxMember.
func (e *Encoder) Append(dst []byte, offset int64, src []byte) (frame []byte, paid bool) {
	data := e.deflate(src)
	if data == nil {
		return AppendStored(dst, offset, src), false
	}
	return appendFrame(dst, offset, src, func(dst []byte) []byte { return append(dst, data...) }), true
}

// AppendStored is Append without trying to compress: it costs a copy and a
// CRC-32.
func AppendStored(dst []byte, offset int64, src []byte) []byte {
	return appendFrame(dst, offset, src, func(dst []byte) []byte { return appendStored(dst, src) })
}

func appendFrame(dst []byte, offset int64, src []byte, appendData func([]byte) []byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, offset, len(src), nil)
	headerSize := len(dst) - start
	dst = appendData(dst)
	return append(dst[:start], seal(dst[start:], headerSize, crc32.ChecksumIEEE(src), len(src))...)
}

// deflate compresses src, or returns nil where that does not pay.
func (e *Encoder) deflate(src []byte) []byte {
	e.out.Reset()
	if e.flate == nil {
		// Level 1 is the fastest; an error is possible for a bad level alone.
		e.flate, _ = flate.NewWriter(&e.out, flate.BestSpeed)
	} else {
		e.flate.Reset(&e.out)
	}
	// Writes to a bytes.Buffer do not fail.
	e.flate.Write(src)
	e.flate.Close()
	if e.out.Len() > len(src)-len(src)>>worthShift {
		return nil
	}
	return e.out.Bytes()
}

// appendStored appends src as stored blocks, the last one marked as last.
func appendStored(dst, src []byte) []byte {
	for {
		n := min(len(src), storedMax)
		last := byte(0)
		if n == len(src) {
			last = 1
		}
		dst = append(dst, last)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		dst = binary.LittleEndian.AppendUint16(dst, ^uint16(n))
		dst = append(dst, src[:n]...)
		src = src[n:]
		if last == 1 {
			return dst
		}
	}
}

// Decoder gives back the source bytes of frames. Not safe for concurrent use.
type Decoder struct {
	in    bytes.Reader
	flate io.ReadCloser
}

// NewDecoder makes a Decoder.
func NewDecoder() *Decoder { return &Decoder{} }

// Decode checks the whole of member, one frame, and puts its source bytes
// into buf, which holds at least SourceSize bytes. For a final frame there are
// none, and the Trailer is returned. It trusts nothing in member.
func (d *Decoder) Decode(member, buf []byte) (Header, []byte, *Trailer, error) {
	h, err := ParsePrefix(member)
	if err != nil {
		return h, nil, nil, err
	}
	if h.Member != len(member) {
		return h, nil, nil, invalid("%d bytes long, but %d came", h.Member, len(member))
	}
	if err := h.checkCRC16(member); err != nil {
		return h, nil, nil, err
	}
	data := member[h.headerSize() : len(member)-footerSize]
	footer := member[len(member)-footerSize:]
	src, ok := unstore(data, buf[:h.Source])
	if !ok {
		if src, err = d.inflate(data, buf[:h.Source]); err != nil {
			return h, nil, nil, err
		}
	}
	if isize := binary.LittleEndian.Uint32(footer[4:]); int(isize) != h.Source {
		return h, nil, nil, invalid("ISIZE is %d, the header says %d", isize, h.Source)
	}
	if crc32.ChecksumIEEE(src) != binary.LittleEndian.Uint32(footer) {
		return h, nil, nil, invalid("the CRC32 of its bytes is wrong")
	}
	if !h.Final {
		return h, src, nil, nil
	}
	t, err := parseTrailer(member[PrefixSize : h.headerSize()-2])
	return h, nil, t, err
}

// unstore copies the bytes of stored blocks into dst. It reports false if data
// is anything else, or not exactly len(dst) bytes: inflate then says what is wrong.
func unstore(data, dst []byte) ([]byte, bool) {
	n := 0
	for {
		if len(data) < 5 || data[0]&^1 != 0 {
			return nil, false
		}
		last := data[0] == 1
		size := int(binary.LittleEndian.Uint16(data[1:]))
		if binary.LittleEndian.Uint16(data[3:]) != ^uint16(size) || size > len(data)-5 || size > len(dst)-n {
			return nil, false
		}
		n += copy(dst[n:], data[5:5+size])
		data = data[5+size:]
		if last {
			return dst, n == len(dst) && len(data) == 0
		}
	}
}

// inflate fills dst with the bytes of data, which must give exactly that many.
func (d *Decoder) inflate(data, dst []byte) ([]byte, error) {
	d.in.Reset(data)
	if d.flate == nil {
		d.flate = flate.NewReader(&d.in)
	} else if err := d.flate.(flate.Resetter).Reset(&d.in, nil); err != nil {
		return nil, invalid("inflate: %v", err)
	}
	if _, err := io.ReadFull(d.flate, dst); err != nil {
		return nil, invalid("inflate: %v", err)
	}
	var more [1]byte
	if n, err := d.flate.Read(more[:]); n != 0 || err != io.EOF {
		return nil, invalid("it inflates to more than the %d bytes it says, or ends badly", len(dst))
	}
	if d.in.Len() != 0 {
		return nil, invalid("%d bytes stand behind its data", d.in.Len())
	}
	return dst, nil
}

// parseTrailer reads the second subfield of a final frame.
func parseTrailer(sub []byte) (*Trailer, error) {
	if len(sub) < subHeader || sub[0] != 'V' || sub[1] != 'T' || int(binary.LittleEndian.Uint16(sub[2:])) != len(sub)-subHeader {
		return nil, invalid("its second subfield is not VT of %d bytes", len(sub)-subHeader)
	}
	var t Trailer
	if err := json.Unmarshal(sub[subHeader:], &t); err != nil {
		return nil, invalid("its trailer: %v", err)
	}
	if t.Live != nil {
		if err := t.Live.check(); err != nil {
			return nil, err
		}
	}
	return &t, nil
}
