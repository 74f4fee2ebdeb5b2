package record

import (
	"bytes"
	"image"
	"image/jpeg"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
)

// coder turns one picture of a device into what is kept. Each goroutine has one
// of its own.
type coder struct {
	format  capture.Format
	coding  feed.Coding
	quality int
	planes  *image.YCbCr
}

func newCoder(f capture.Format, a *feed.Ask) *coder {
	c := &coder{format: f, coding: a.Coding, quality: a.Quality}
	r := image.Rect(0, 0, f.Width, f.Height)
	if a.Coding == feed.CodeMJPEG {
		switch f.Pixels {
		case feed.YUYV:
			c.planes = image.NewYCbCr(r, image.YCbCrSubsampleRatio422)
		case feed.NV12:
			c.planes = image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
		}
	}
	return c
}

// code appends the picture raw, as it is kept, to out; false if it is none.
func (c *coder) code(out *bytes.Buffer, raw []byte) bool {
	f := c.format
	switch {
	case f.Pixels == feed.MJPEG:
		// What a camera compressed is kept as it is; one that broke off is lost.
		if !isJPEG(raw) {
			return false
		}
		out.Write(raw)
		return true
	case c.coding == feed.CodeRaw && f.Pixels == feed.YUYV:
		c.lines(out, raw, 2*f.Width, f.Height)
		return true
	case c.coding == feed.CodeRaw:
		c.lines(out, raw, f.Width, f.Height+f.Height/2)
		return true
	case f.Pixels == feed.YUYV:
		c.fromYUYV(raw)
	default:
		c.fromNV12(raw)
	}
	return jpeg.Encode(out, c.planes, &jpeg.Options{Quality: c.quality}) == nil
}

// isJPEG says whether a picture begins as one.
func isJPEG(raw []byte) bool { return bytes.HasPrefix(raw, []byte{0xff, 0xd8}) }

// lines keeps of each line what is the picture.
func (c *coder) lines(out *bytes.Buffer, raw []byte, line, lines int) {
	for y := range lines {
		out.Write(raw[y*c.format.Stride:][:line])
	}
}

// fromYUYV takes apart what has two pixels in four bytes: luma, blue, luma, red.
func (c *coder) fromYUYV(raw []byte) {
	half := c.format.Width / 2
	for y := range c.format.Height {
		from := raw[y*c.format.Stride:][:4*half]
		luma := c.planes.Y[y*c.planes.YStride:][:2*half]
		blue := c.planes.Cb[y*c.planes.CStride:][:half]
		red := c.planes.Cr[y*c.planes.CStride:][:half]
		for x := range half {
			p := from[4*x : 4*x+4 : 4*x+4]
			luma[2*x], blue[x], luma[2*x+1], red[x] = p[0], p[1], p[2], p[3]
		}
	}
}

// fromNV12 takes apart what has luma first, and then blue and red in turn for
// four pixels each.
func (c *coder) fromNV12(raw []byte) {
	half := c.format.Width / 2
	for y := range c.format.Height {
		copy(c.planes.Y[y*c.planes.YStride:][:c.format.Width], raw[y*c.format.Stride:])
	}
	colours := raw[c.format.Height*c.format.Stride:]
	for y := range c.format.Height / 2 {
		from := colours[y*c.format.Stride:][:2*half]
		blue := c.planes.Cb[y*c.planes.CStride:][:half]
		red := c.planes.Cr[y*c.planes.CStride:][:half]
		for x := range half {
			blue[x], red[x] = from[2*x], from[2*x+1]
		}
	}
}
