package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"videoclub/internal/avc"
)

// errForeign says that what an encoder gives is not what it was asked for.
var errForeign = errors.New("record: the encoder gave something else than H.264 in FLV")

// What FLV has (Video File Format Specification, version 10).
const (
	flvHead   = 9 + 4 // and the size of a tag before the first
	flvTag    = 11
	flvVideo  = 9
	flvAVC    = 7
	flvKey    = 1
	flvConfig = 0
	flvUnits  = 1
)

// flvReader reads the pictures of an encoder. Its container says how long each
// is, and so each is there as soon as it is written; a bare stream of H.264
// would show the end of a picture by the beginning of the next.
type flvReader struct {
	r   *bufio.Reader
	avc avc.Reader
	tag []byte
	buf []byte
}

// newFLVReader reads the head.
func newFLVReader(r io.Reader) (*flvReader, error) {
	f := &flvReader{r: bufio.NewReaderSize(r, 64<<10)}
	head := make([]byte, flvHead)
	if _, err := io.ReadFull(f.r, head); err != nil {
		return nil, err
	}
	if string(head[:4]) != "FLV\x01" || binary.BigEndian.Uint32(head[5:]) != 9 {
		return nil, fmt.Errorf("%w: it begins with %x", errForeign, head)
	}
	return f, nil
}

// next gives the next picture as Matroska keeps it, and its time in ms. The data
// is valid until the next call.
func (f *flvReader) next() (ms uint32, data []byte, key bool, err error) {
	for {
		head := make([]byte, flvTag)
		if _, err := io.ReadFull(f.r, head); err != nil {
			return 0, nil, false, err
		}
		size := int(head[1])<<16 | int(head[2])<<8 | int(head[3])
		ms := uint32(head[7])<<24 | uint32(head[4])<<16 | uint32(head[5])<<8 | uint32(head[6])
		if cap(f.tag) < size+4 {
			f.tag = make([]byte, size+4)
		}
		f.tag = f.tag[:size+4] // with the tag's size again
		if _, err := io.ReadFull(f.r, f.tag); err != nil {
			return 0, nil, false, err
		}
		body := f.tag[:size]
		if head[0] != flvVideo {
			continue // what it says of the whole
		}
		if len(body) < 5 || body[0]&0x0f != flvAVC {
			return 0, nil, false, fmt.Errorf("%w: a picture of %d bytes", errForeign, len(body))
		}
		switch body[1] {
		case flvConfig:
			p, err := avc.ParseRecord(body[5:])
			if err != nil {
				return 0, nil, false, err
			}
			f.avc.Begin(p)
		case flvUnits:
			if body[2]|body[3]|body[4] != 0 {
				return 0, nil, false, fmt.Errorf("%w: pictures that are shown in another order", errForeign)
			}
			data, key, err := f.avc.Prefixed(f.buf[:0], body[5:])
			f.buf = data
			if err == nil && key != (body[0]>>4 == flvKey) {
				err = fmt.Errorf("%w: a picture is not of the kind that it is called", errForeign)
			}
			return ms, data, key, err
		}
	}
}
