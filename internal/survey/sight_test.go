package survey

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	mkv "videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/sample"
	"videoclub/internal/source"
)

// red is a picture that is red on its left half and blue on its right.
func red(width, height int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{R: 220, A: 255}
			if x >= width/2 {
				c = color.RGBA{B: 220, A: 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func encoded(t *testing.T, m image.Image, how func(*bytes.Buffer, image.Image) error) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := how(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asJPEG(out *bytes.Buffer, m image.Image) error { return jpeg.Encode(out, m, nil) }
func asPNG(out *bytes.Buffer, m image.Image) error  { return png.Encode(out, m) }

// wav is a sound of one channel that is silent in its first half.
func wav(tag, bits uint16, n int) []byte {
	le := binary.LittleEndian
	var data []byte
	for i := range n {
		v := 0.0
		if i >= n/2 {
			v = 0.5 * math.Sin(float64(i))
		}
		switch {
		case tag == floatingNumbers:
			data = le.AppendUint32(data, math.Float32bits(float32(v)))
		case bits == 8:
			data = append(data, byte(128+v*127))
		case bits == 16:
			data = le.AppendUint16(data, uint16(int16(v*math.MaxInt16)))
		case bits == 24:
			data = append(data, le.AppendUint32(nil, uint32(int32(v*math.MaxInt32)))[1:]...)
		default:
			data = le.AppendUint32(data, uint32(int32(v*math.MaxInt32)))
		}
	}
	b := le.AppendUint32([]byte("RIFF"), uint32(36+len(data)))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, tag), 1)
	b = le.AppendUint32(le.AppendUint32(b, 8000), 8000*uint32(bits)/8)
	b = le.AppendUint16(le.AppendUint16(b, bits/8), bits)
	b = le.AppendUint32(append(b, "data"...), uint32(len(data)))
	return append(b, data...)
}

// recorded is a recording of n pictures, with a sound that becomes louder.
func recorded(t *testing.T, n int) []byte {
	t.Helper()
	front, err := mkv.NewFront(mkv.Head{Tracks: []mkv.Track{
		{Codec: "V_MJPEG", Width: 64, Height: 48}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := front.Bytes
	picture := encoded(t, red(64, 48), asJPEG)
	for i := range n {
		at := time.Duration(i) * 100 * time.Millisecond
		sound := bytes.Repeat(binary.LittleEndian.AppendUint16(nil, uint16(i*1000)), 800)
		if p, err = mkv.AppendCluster(p, []mkv.Block{{Track: 1, At: at, Key: true, Data: picture}, {Track: 2, At: at, Key: true, Data: sound}}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// opened is a file with a content, and its size.
func opened(t *testing.T, content []byte) (*os.File, int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, int64(len(content))
}

// sized is the size of a small picture, which is red on its left and blue on its
// right; nothing where there is no picture.
func sized(t *testing.T, p []byte) image.Point {
	t.Helper()
	if len(p) == 0 {
		return image.Point{}
	}
	m, err := jpeg.Decode(bytes.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	left, _, _, _ := m.At(b.Dx()/4, b.Dy()/2).RGBA()
	_, _, right, _ := m.At(b.Dx()*3/4, b.Dy()/2).RGBA()
	if left < 0xb000 || right < 0xb000 {
		t.Errorf("it is not red on its left and blue on its right: %x, %x", left, right)
	}
	return b.Size()
}

// A picture is made small in its shape; what is no picture, is damaged, or says
// that it has more pixels than there is memory for, is not shown.
func TestSeePictures(t *testing.T) {
	whole := encoded(t, red(1600, 400), asJPEG)
	bomb := bytes.Clone(encoded(t, red(4, 4), asPNG))
	binary.BigEndian.PutUint32(bomb[16:], 60_000) // its width
	binary.BigEndian.PutUint32(bomb[20:], 60_000)
	for name, c := range map[string]struct {
		content []byte
		want    image.Point
	}{
		"wide": {whole, image.Pt(640, 160)}, "high": {encoded(t, red(400, 1600), asPNG), image.Pt(120, 480)}, "small": {encoded(t, red(40, 30), asPNG), image.Pt(40, 30)},
		"recording": {recorded(t, 3), image.Pt(64, 48)},
		"cut":       {whole[:len(whole)/2], image.Point{}}, "bomb": {bomb, image.Point{}}, "text": {[]byte("no film"), image.Point{}}, "nothing": {nil, image.Point{}},
	} {
		f, size := opened(t, c.content)
		seen := see(f, size)
		if got := sized(t, seen.JPEG); got != c.want || len(seen.Wave) > 0 || len(seen.JPEG) > control.MaxSightJPEG {
			t.Errorf("%s: %v with %d bytes, and a wave of %d", name, got, len(seen.JPEG), len(seen.Wave))
		}
	}
}

// Noise is what compresses least, and is shown within the bound all the same; so is
// a film.
func TestSeeBound(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 640, 480))
	seed := uint32(1)
	for i := range noise.Pix {
		seed = seed*1664525 + 1013904223
		noise.Pix[i] = byte(seed >> 24)
	}
	f, size := opened(t, encoded(t, noise, asPNG))
	if n := len(see(f, size).JPEG); n == 0 || n > control.MaxSightJPEG {
		t.Errorf("%d bytes", n)
	}
	film, err := os.Create(filepath.Join(t.TempDir(), "film.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	if err := sample.Write(film, 2); err != nil {
		t.Fatal(err)
	}
	info, err := film.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(see(film, info.Size()).JPEG); n < 1000 || n > control.MaxSightJPEG {
		t.Errorf("a film: %d bytes", n)
	}
}

// A sound is shown as a wave, the loudest as high as can be, whatever form its
// samples have.
func TestSeeSounds(t *testing.T) {
	for _, form := range []struct{ tag, bits uint16 }{{wholeNumbers, 8}, {wholeNumbers, 16}, {wholeNumbers, 24}, {wholeNumbers, 32}, {floatingNumbers, 32}} {
		f, size := opened(t, wav(form.tag, form.bits, 80_000))
		w := see(f, size).Wave
		if len(w) != bars || w[2] > 2 || w[bars-3] < 240 {
			t.Errorf("%+v: %v", form, w)
		}
	}
	for name, content := range map[string][]byte{"compressed": wav(2, 4, 100), "no samples": wav(wholeNumbers, 16, 0), "of no bits": wav(wholeNumbers, 0, 100)} {
		if f, size := opened(t, content); !see(f, size).Empty() {
			t.Errorf("%s: something is seen", name)
		}
	}
	if f, size := opened(t, wav(wholeNumbers, 16, 3)); len(see(f, size).Wave) != 3 {
		t.Error("three samples are not three bars")
	}
}

// Of what grows the latest is seen, also when its beginning was given back.
func TestSeeLatest(t *testing.T) {
	whole := recorded(t, 20)
	released := bytes.Clone(whole)
	clear(released[len(recorded(t, 0)) : len(released)/2])
	for name, content := range map[string][]byte{"whole": whole, "released": released, "cut": whole[:len(whole)-100]} {
		f, _ := opened(t, content)
		seen := latest(growing{f})
		if sized(t, seen.JPEG) != image.Pt(64, 48) || len(seen.Wave) != bars || seen.Wave[bars-1] < seen.Wave[0] || seen.Wave[bars-1] < 130 {
			t.Errorf("%s: %d bytes, %v", name, len(seen.JPEG), seen.Wave)
		}
	}
	if f, _ := opened(t, whole[:100]); !latest(growing{f}).Empty() {
		t.Error("of a front something is seen")
	}
}

// seen asks for what is to be seen of a source.
func (p *place) seen(t *testing.T, s ledger.Source) (control.Seen, error) {
	t.Helper()
	f, err := os.Open(s.Location)
	if err != nil {
		t.Fatal(err)
	}
	return p.See(t.Context(), s.Location, f, source.Facts{Size: s.Size, MTime: s.MTime})
}

// A version is looked at once; another one is looked at anew, what grows after a
// while, and what killed who looked at it after longer.
func TestSights(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.write(t, "picture", encoded(t, red(64, 48), asJPEG))
	first, err := p.seen(t, s)
	if err != nil || sized(t, first.JPEG) != image.Pt(64, 48) {
		t.Fatalf("%v", err)
	}
	// Who looked again would see that it is another file now.
	if err := os.WriteFile(s.Location, []byte("no picture any more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := p.seen(t, s); err != nil || !bytes.Equal(again.JPEG, first.JPEG) || again.Version != first.Version {
		t.Errorf("the second time: %v", err)
	}
	if other, err := p.seen(t, p.source(t, s.Location)); err != nil || !other.Empty() || other.Version == first.Version {
		t.Errorf("another version: %d bytes, %v", len(other.JPEG), err)
	}
	if _, err := p.seen(t, p.write(t, "deadly", []byte(dies))); reason.Of(err) != reason.WorkerFailed {
		t.Errorf("a worker that dies: %v", err)
	}

	grows := p.write(t, "recording", recorded(t, 3))
	look := func() control.Seen {
		t.Helper()
		f, err := os.Open(grows.Location)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := p.SeeLatest(t.Context(), "one", f)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	before := look()
	p.write(t, "recording", recorded(t, 30))
	p.mu.Lock()
	p.clock += freshFor
	p.mu.Unlock()
	if after := look(); bytes.Equal(after.Wave, before.Wave) || after.Version == before.Version {
		t.Errorf("what grows is not looked at anew: %v", after.Wave)
	}
}

// What a worker in the hands of its source shows is bounded.
func TestHostileSights(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, says := range map[string]string{
		"too large":          `{"kind":"sight","body":{"jpeg":"` + strings.Repeat("AAAA", control.MaxSightJPEG/3+1) + `"}}`,
		"a wave of too much": `{"kind":"sight","body":{"wave":"` + strings.Repeat("AAAA", control.MaxSightWave/3+1) + `"}}`,
		"of another kind":    `{"kind":"lasts","body":{"millis":5}}`,
	} {
		if seen, err := p.seen(t, p.write(t, strings.ReplaceAll(name, " ", "-"), []byte(puppets+says+"\n"))); reason.Of(err) != reason.WorkerFailed {
			t.Errorf("%s: %d bytes, %v", name, len(seen.JPEG), err)
		}
	}
	for i := range mostSights + 5 {
		p.sights.find(strings.Repeat("x", i), true, p.Clock())
	}
	if len(p.sights.kept) != mostSights || len(p.sights.used) != mostSights {
		t.Errorf("%d sights are kept, %d used", len(p.sights.kept), len(p.sights.used))
	}
}
