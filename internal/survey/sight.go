package survey

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	_ "image/gif" // the first picture of one
	"image/jpeg"
	_ "image/png"
	"io"
	"math"
	"os"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reel"
)

// Bounds of what is read and made to show a source.
const (
	// mostImage is how much is read of a picture, in bytes, and mostPixels how
	// many it may have: memory is bounded (package sandbox), and a progressive
	// JPEG takes 15 bytes for each.
	mostImage  = 32 << 20
	mostPixels = 32 << 20
	// sightWidth and sightHeight are the most that is made.
	sightWidth, sightHeight = 640, 480
	// bars is how many there are of a wave, and barBytes how much is read of the
	// sound for each.
	bars     = 96
	barBytes = 8 << 10
	// furthestIn is how far in a film its picture is taken: what is before has to
	// be passed. It is a tenth of a shorter one, as many begin black.
	furthestIn = 30 * time.Second
	tenth      = 10
)

// growing is a recording that grows.
type growing struct{ *os.File }

// Size implements reel.Source.
func (g growing) Size() int64 {
	info, err := g.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// see makes what is to be seen of a file of size bytes: of what this program can
// read, which is pictures, films and recordings whose pictures are JPEG, and
// sound that is not compressed.
func see(f *os.File, size int64) (s control.Sight) {
	film, err := reel.Look(io.NewSectionReader(f, 0, size))
	if err != nil {
		return s
	}
	switch strip := film.Strip(); {
	case film.Kind == reel.Image:
		s.JPEG = small(io.NewSectionReader(f, 0, min(size, mostImage)))
	case strip != nil:
		if strip.Seek(min(film.Duration/tenth, furthestIn)) != nil && strip.Seek(0) != nil {
			break
		}
		s.JPEG = shown(strip)
	case film.Sound != nil:
		wave := film.Sound.Wave()
		s.Wave = loudest(waveOf(sound{whole: film.Sound.Bytes, channels: film.Sound.Channels, bits: film.Sound.Bits, tag: wholeNumbers}, func(p []byte, at int64) (int, error) {
			if _, err := wave.Seek(reel.WaveHeader+at, io.SeekStart); err != nil {
				return 0, err
			}
			return io.ReadFull(wave, p)
		}))
	case film.Type == "audio/wav":
		p, err := readWAV(&look{r: f, whole: span{0, size}, left: maxLooks})
		if err != nil {
			break
		}
		le := binary.LittleEndian
		s.Wave = loudest(waveOf(sound{whole: p.sound.length(), channels: int(le.Uint16(p.format[2:])), bits: int(le.Uint16(p.format[14:])), tag: p.tag}, func(b []byte, at int64) (int, error) {
			return f.ReadAt(b, p.sound.from+at)
		}))
	}
	return s
}

// latest makes what is to be seen of a recording that grows: its last picture, and
// how loud its last sound is.
func latest(src reel.Source) (s control.Sight) {
	film, err := reel.Look(src)
	if err != nil {
		return s
	}
	if strip := film.Strip(); strip != nil && strip.Latest() == nil {
		s.JPEG = shown(strip)
	}
	if film.Recording == nil || film.Sound == nil {
		return s
	}
	heard := film.Recording.Heard()
	s.Wave = waveOf(sound{whole: int64(len(heard)), channels: film.Sound.Channels, bits: film.Sound.Bits, tag: wholeNumbers}, bytes.NewReader(heard).ReadAt)
	return s
}

// shown is the next picture of a strip, made small.
func shown(s reel.Strip) []byte {
	p, err := s.Next()
	if err != nil {
		return nil
	}
	return small(bytes.NewReader(p.JPEG))
}

// small makes a small JPEG of a picture, nil of what is none or too large.
func small(r io.ReadSeeker) []byte {
	config, _, err := image.DecodeConfig(r)
	if err != nil || config.Width < 1 || config.Height < 1 || config.Width > mostPixels/config.Height {
		return nil
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil
	}
	from, _, err := image.Decode(r)
	if err != nil {
		return nil
	}
	for _, try := range []struct{ part, quality int }{{1, 78}, {1, 50}, {1, 25}, {2, 25}, {4, 25}} {
		var out bytes.Buffer
		m := shrunk(from, sightWidth/try.part, sightHeight/try.part)
		if jpeg.Encode(&out, m, &jpeg.Options{Quality: try.quality}) == nil && out.Len() <= control.MaxSightJPEG {
			return out.Bytes()
		}
	}
	return nil
}

// samples is from how many places, in each direction, a pixel is made at most.
const samples = 3

// shrunk is a picture in its shape, at most so wide and high.
func shrunk(from image.Image, width, height int) image.Image {
	b := from.Bounds()
	if scale := max(float64(b.Dx())/float64(width), float64(b.Dy())/float64(height)); scale > 1 {
		width, height = max(1, int(float64(b.Dx())/scale)), max(1, int(float64(b.Dy())/scale))
	} else {
		width, height = b.Dx(), b.Dy()
	}
	at := func(x, y int) color.RGBA64 { return color.RGBA64Model.Convert(from.At(x, y)).(color.RGBA64) }
	if fast, ok := from.(image.RGBA64Image); ok {
		at = fast.RGBA64At
	}
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		top, high := b.Min.Y+y*b.Dy()/height, max(1, b.Dy()/height)
		for x := range width {
			left, wide := b.Min.X+x*b.Dx()/width, max(1, b.Dx()/width)
			var red, green, blue, n uint32
			for j := range min(high, samples) {
				for i := range min(wide, samples) {
					c := at(left+i*wide/min(wide, samples), top+j*high/min(high, samples))
					red, green, blue, n = red+uint32(c.R), green+uint32(c.G), blue+uint32(c.B), n+1
				}
			}
			out.SetRGBA(x, y, color.RGBA{R: uint8(red / n >> 8), G: uint8(green / n >> 8), B: uint8(blue / n >> 8), A: 255})
		}
	}
	return out
}

// sound is samples that are not compressed.
type sound struct {
	whole          int64 // bytes
	channels, bits int
	tag            uint16 // wholeNumbers or floatingNumbers
}

// waveOf is how loud a sound is from its beginning to its end, of which read gives
// bytes from an offset on; nil of what is none.
func waveOf(s sound, read func(p []byte, at int64) (int, error)) []byte {
	one := s.bits / 8
	loud := s.level()
	if s.channels < 1 || loud == nil || s.whole < int64(one*s.channels) {
		return nil
	}
	frame := int64(one * s.channels)
	n := min(bars, s.whole/frame)
	wave := make([]byte, n)
	buf := make([]byte, max(frame, min(barBytes, s.whole/n)/frame*frame))
	for i := range n {
		got, err := read(buf[:min(int64(len(buf)), s.whole)], min(s.whole*i/n/frame*frame, s.whole-frame))
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return nil
		}
		peak := 0.0
		for at := 0; at+one <= got; at += one {
			peak = max(peak, loud(buf[at:]))
		}
		wave[i] = byte(min(peak, 1) * math.MaxUint8)
	}
	return wave
}

// level gives what says how loud a sample is, 1 at most; nil for samples of a form
// that is not known.
func (s sound) level() func([]byte) float64 {
	le := binary.LittleEndian
	switch {
	case s.tag == floatingNumbers && s.bits == 32:
		return func(p []byte) float64 {
			if v := math.Abs(float64(math.Float32frombits(le.Uint32(p)))); v <= 1 {
				return v
			}
			return 1
		}
	case s.tag != wholeNumbers:
	case s.bits == 8: // these have no sign
		return func(p []byte) float64 { return math.Abs(float64(p[0])-128) / 128 }
	case s.bits == 16:
		return func(p []byte) float64 { return math.Abs(float64(int16(le.Uint16(p)))) / (1 << 15) }
	case s.bits == 24:
		return func(p []byte) float64 { return math.Abs(float64(int16(le.Uint16(p[1:])))) / (1 << 15) }
	case s.bits == 32:
		return func(p []byte) float64 { return math.Abs(float64(int32(le.Uint32(p)))) / (1 << 31) }
	}
	return nil
}

// loudest makes the loudest of a wave as high as can be, so that of what is
// recorded softly something is to be seen too.
func loudest(wave []byte) []byte {
	var most byte
	for _, v := range wave {
		most = max(most, v)
	}
	if most > 0 {
		for i, v := range wave {
			wave[i] = byte(int(v) * math.MaxUint8 / int(most))
		}
	}
	return wave
}
