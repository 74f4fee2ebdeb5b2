package reel

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
)

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerStart  = 0xd8 // SOI
	markerTables = 0xc4 // DHT
	markerScan   = 0xda // SOS
	markerEnd    = 0xd9 // EOI
)

// tables is the segment with the tables that a picture of a camera may leave out
// because every such picture has the same ones (ITU-T T.81, annex K.3).
var tables = func() []byte {
	// The encoder of the standard library writes just these.
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio420), nil); err != nil {
		panic("reel: " + err.Error()) // a fault of the standard library
	}
	from, to, _ := segment(out.Bytes(), markerTables)
	return bytes.Clone(out.Bytes()[from:to])
}()

// segment finds the first segment with a marker before the scan, or where the
// scan begins: from there is to be inserted what has to stand before it.
func segment(p []byte, marker byte) (from, to int, found bool) {
	for at := 2; at+4 <= len(p) && p[at] == 0xff; {
		end := at + 2 + int(binary.BigEndian.Uint16(p[at+2:]))
		switch {
		case p[at+1] == 0xff: // a fill byte
			at++
			continue
		case p[at+1] == marker:
			return at, min(end, len(p)), true
		case p[at+1] == markerScan, p[at+1] == markerEnd:
			return at, at, false
		}
		at = end
	}
	return 0, 0, false
}

// whole gives a picture of a film as a JPEG file that stands alone, nil when it
// is none.
func whole(p []byte) []byte {
	if len(p) < 4 || p[0] != 0xff || p[1] != markerStart {
		return nil
	}
	at, _, found := segment(p, markerTables)
	if found || at == 0 {
		return p
	}
	return bytes.Join([][]byte{p[:at], tables, p[at:]}, nil)
}

// quality is that of pictures that are kept uncompressed and compressed here to
// be looked at.
const quality = 85

// press makes JPEG of pictures that are uncompressed.
type press struct {
	fourCC        string
	width, height int
	planes        *image.YCbCr
	out           bytes.Buffer
}

// newPress makes one for a form of pictures, nil for one that it does not know.
func newPress(fourCC string, width, height int) *press {
	ratio, ok := map[string]image.YCbCrSubsampleRatio{"YUY2": image.YCbCrSubsampleRatio422, "NV12": image.YCbCrSubsampleRatio420}[fourCC]
	if !ok || width < 2 || height < 2 || width%2 != 0 || height%2 != 0 || width > maxSide || height > maxSide || 2*width*height > maxPicture {
		return nil
	}
	return &press{fourCC: fourCC, width: width, height: height, planes: image.NewYCbCr(image.Rect(0, 0, width, height), ratio)}
}

// encode gives a picture as JPEG, valid until the next; nil when it is none.
func (p *press) encode(raw []byte) []byte {
	luma, half := p.width*p.height, p.width/2
	switch {
	case p.fourCC == "YUY2" && len(raw) == 2*luma:
		for i := range luma / 2 {
			p.planes.Y[2*i], p.planes.Cb[i], p.planes.Y[2*i+1], p.planes.Cr[i] = raw[4*i], raw[4*i+1], raw[4*i+2], raw[4*i+3]
		}
	case p.fourCC == "NV12" && len(raw) == luma+luma/2:
		copy(p.planes.Y, raw[:luma])
		for i := range half * p.height / 2 {
			p.planes.Cb[i], p.planes.Cr[i] = raw[luma+2*i], raw[luma+2*i+1]
		}
	default:
		return nil
	}
	p.out.Reset()
	if jpeg.Encode(&p.out, p.planes, &jpeg.Options{Quality: quality}) != nil {
		return nil
	}
	return p.out.Bytes()
}
