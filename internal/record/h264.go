package record

import (
	"videoclub/internal/avc"
	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// Complete adds to a track of H.264 what a decoder begins with, and the size
// that the pictures say they have, from a packet that one can begin at. It says
// whether the track is complete then; every other kind always is.
func Complete(t *matroska.Track, p Packet) bool {
	if t.Codec != codecAVC || len(t.Private) > 0 {
		return true
	}
	if !p.Key {
		return false
	}
	sets, err := avc.ParametersOf(p.Data)
	if err != nil {
		return false
	}
	private, err := sets.Record()
	if err != nil {
		return false
	}
	w, h, err := sets.Size()
	if err != nil {
		return false
	}
	t.Private, t.Width, t.Height = private, w, h
	return true
}

// camera keeps the H.264 that a camera gives, a picture in each buffer, with
// start codes. A picture needs those before it, back to the last that one can
// begin at: after a loss, what follows is lost too until the next of these. It
// is quick enough for whoever takes the buffers.
type camera struct {
	take   func(Packet)
	reader avc.Reader
	buf    []byte

	width, height int // of the first picture, which are those of the track
	whole         bool
	gap           *capture.Gap // before the next that is passed on
}

// lose notes pictures that are missing.
func (c *camera) lose(gap *capture.Gap) { c.gap, c.whole = merge(c.gap, gap), false }

// drop notes that one is.
func (c *camera) drop(b capture.Buffer, code reason.Code, detail string) {
	c.lose(&capture.Gap{From: b.At, To: b.At, Lost: 1, Code: code, Detail: detail})
}

func (c *camera) Put(b capture.Buffer, gap *capture.Gap) {
	if gap != nil {
		c.lose(gap)
	}
	data, key, err := c.reader.ByteStream(c.buf[:0], b.Data)
	c.buf = data
	sets := c.reader.Parameters()
	switch {
	case err != nil && sets.Complete():
		c.drop(b, reason.DeviceFailed, "the device gave a damaged picture")
	case key && !c.fits(sets):
		c.drop(b, reason.DeviceUnfit, "the pictures have another size than those before")
	case !key && !c.whole:
		c.drop(b, reason.DeviceFailed, "there was no picture to begin with before it")
	default:
		c.whole = true
		if c.gap != nil {
			c.gap.To = b.At
		}
		p := Packet{Data: data, At: b.At, Sequence: b.Sequence, Frames: 1, Key: key, Gap: c.gap}
		c.gap = nil
		c.take(p)
	}
}

// fits says whether pictures have the size of the track.
func (c *camera) fits(sets avc.Parameters) bool {
	w, h, err := sets.Size()
	if c.width == 0 && err == nil {
		c.width, c.height = w, h
	}
	return err == nil && w == c.width && h == c.height
}

func (c *camera) Close() {}
