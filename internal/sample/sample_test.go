package sample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
)

// memory is a file in memory that fails once room bytes were written.
type memory struct {
	data []byte
	at   int
	room int
}

var errFull = errors.New("full")

func (m *memory) Write(p []byte) (int, error) {
	if len(p) > m.room {
		return 0, errFull
	}
	m.room -= len(p)
	if grown := m.at + len(p) - len(m.data); grown > 0 {
		m.data = append(m.data, make([]byte, grown)...)
	}
	m.at += copy(m.data[m.at:], p)
	return len(p), nil
}

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += int64(m.at)
	case io.SeekEnd:
		offset += int64(len(m.data))
	}
	m.at = int(offset)
	return offset, nil
}

func film(t *testing.T, seconds int) []byte {
	t.Helper()
	m := &memory{room: math.MaxInt}
	if err := Write(m, seconds); err != nil {
		t.Fatal(err)
	}
	if m.at != len(m.data) {
		t.Errorf("left at %d of %d bytes", m.at, len(m.data))
	}
	return m.data
}

var onceASecond = sync.OnceValues(func() ([]byte, error) {
	m := &memory{room: math.MaxInt}
	err := Write(m, 1)
	return m.data, err
})

// oneSecond is a film that several tests look at, and none changes.
func oneSecond(t *testing.T) []byte {
	t.Helper()
	data, err := onceASecond()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// chunk is one chunk found in a file; at is where its name stands.
type chunk struct {
	name string
	at   int
	data []byte
}

// chunks takes b, which stands at offset at of the file, apart.
func chunks(t *testing.T, b []byte, at int) []chunk {
	t.Helper()
	var found []chunk
	for len(b) > 0 {
		if len(b) < 8 {
			t.Fatalf("%d bytes left at %d", len(b), at)
		}
		n := int(binary.LittleEndian.Uint32(b[4:]))
		padded := 8 + n + n%2
		if padded > len(b) {
			t.Fatalf("chunk %q at %d has %d bytes of %d", b[:4], at, n, len(b)-8)
		}
		found = append(found, chunk{string(b[:4]), at, b[8 : 8+n]})
		b, at = b[padded:], at+padded
	}
	return found
}

// sub takes a list chunk of that kind apart.
func sub(t *testing.T, c chunk, name, kind string) []chunk {
	t.Helper()
	if c.name != name || string(c.data[:4]) != kind {
		t.Fatalf("%q of kind %q at %d, want %q of kind %q", c.name, c.data[:4], c.at, name, kind)
	}
	return chunks(t, c.data[4:], c.at+12)
}

func decode(t *testing.T, c chunk) *image.YCbCr {
	t.Helper()
	picture, err := jpeg.Decode(bytes.NewReader(c.data))
	if err != nil {
		t.Fatalf("picture at %d: %v", c.at, err)
	}
	m, ok := picture.(*image.YCbCr)
	if !ok || m.SubsampleRatio != image.YCbCrSubsampleRatio420 || m.Bounds() != image.Rect(0, 0, Width, Height) {
		t.Fatalf("picture at %d is a %T of %v", c.at, picture, picture.Bounds())
	}
	return m
}

func TestStructure(t *testing.T) {
	const seconds = 2
	file := film(t, seconds)
	whole := chunks(t, file, 0)
	if len(whole) != 1 {
		t.Fatalf("%d chunks in the file", len(whole))
	}
	parts := sub(t, whole[0], "RIFF", "AVI ")
	if len(parts) != 3 {
		t.Fatalf("%d parts in the file", len(parts))
	}
	checkHeaders(t, sub(t, parts[0], "LIST", "hdrl"), len(file))

	played := sub(t, parts[1], "LIST", "movi")
	if len(played) != 2*seconds*FrameRate {
		t.Fatalf("%d chunks to play", len(played))
	}
	index := parts[2]
	if index.name != "idx1" || len(index.data) != 16*len(played) {
		t.Fatalf("the index is %q with %d bytes", index.name, len(index.data))
	}
	word := binary.LittleEndian.Uint32
	for i, c := range played {
		entry := index.data[16*i:]
		if string(entry[:4]) != c.name || word(entry[4:]) != keyFrame ||
			int(word(entry[8:]))+parts[1].at+8 != c.at || int(word(entry[12:])) != len(c.data) {
			t.Fatalf("entry %d is % x, chunk %q stands at %d with %d bytes", i, entry[:16], c.name, c.at, len(c.data))
		}
		want := [2]string{videoChunk, audioChunk}[i%2]
		if c.name != want {
			t.Fatalf("chunk %d is %q, want %q", i, c.name, want)
		}
		if i%2 == 1 && len(c.data) != SampleRate/FrameRate*sampleBytes {
			t.Fatalf("sound %d has %d bytes", i/2, len(c.data))
		}
	}
}

func checkHeaders(t *testing.T, headers []chunk, size int) {
	t.Helper()
	const frames = 2 * FrameRate
	read := func(c chunk, name string, into any) {
		t.Helper()
		if c.name != name || binary.Size(into) != len(c.data) {
			t.Fatalf("header %q of %d bytes, want %q of %d", c.name, len(c.data), name, binary.Size(into))
		}
		if err := binary.Read(bytes.NewReader(c.data), binary.LittleEndian, into); err != nil {
			t.Fatal(err)
		}
	}
	var h mainHeader
	read(headers[0], "avih", &h)
	rate := int(h.MaxBytesPerSecond)
	h.MaxBytesPerSecond, h.Buffer = 0, 0
	if h != (mainHeader{MicrosPerFrame: 40_000, Flags: 0x110, Frames: frames, Streams: 2, Width: 640, Height: 360}) {
		t.Errorf("main header %+v", h)
	}
	if rate < size/2-10_000 || rate > size/2+10_000 {
		t.Errorf("%d bytes a second at most in two seconds of %d", rate, size)
	}
	if mb := float64(size) / 2e6; mb < 0.7 || mb > 1.3 {
		t.Errorf("%.2f MB a second", mb)
	}
	var s streamHeader
	video := sub(t, headers[1], "LIST", "strl")
	read(video[0], "strh", &s)
	if string(s.Type[:]) != "vids" || string(s.Handler[:]) != "MJPG" || s.Rate/s.Scale != 25 || s.Length != frames || s.Buffer == 0 {
		t.Errorf("picture header %+v", s)
	}
	var b bitmapHeader
	read(video[1], "strf", &b)
	if b.Size != 40 || b.Width != 640 || b.Height != 360 || string(b.Compression[:]) != "MJPG" {
		t.Errorf("picture format %+v", b)
	}
	sound := sub(t, headers[2], "LIST", "strl")
	read(sound[0], "strh", &s)
	if string(s.Type[:]) != "auds" || s.Rate/s.Scale != SampleRate || s.Length != 2*SampleRate || s.SampleBytes != 4 {
		t.Errorf("sound header %+v", s)
	}
	var w waveFormat
	read(sound[1], "strf", &w)
	if w != (waveFormat{1, 2, 48_000, 192_000, 4, 16}) {
		t.Errorf("sound format %+v", w)
	}
}

func TestPictures(t *testing.T) {
	played := sub(t, sub(t, chunks(t, oneSecond(t), 0)[0], "RIFF", "AVI ")[1], "LIST", "movi")
	near := func(what string, got, want uint8) {
		t.Helper()
		if d := int(got) - int(want); d < -10 || d > 10 {
			t.Errorf("%s is %d, want about %d", what, got, want)
		}
	}
	drawn := newCard(FrameRate)
	for _, frame := range []int{0, 1, flashFrames - 1, flashFrames, FrameRate - 1} {
		m := decode(t, played[2*frame])
		// The picture is the one that was drawn, not a neighbour of it.
		want := drawn.canvas()
		drawn.draw(want, frame)
		var off int
		for i, y := range want.Y {
			off += max(int(y)-int(m.Y[i]), int(m.Y[i])-int(y))
		}
		if off > 4*len(want.Y) {
			t.Errorf("picture %d differs by %d levels a pixel", frame, off/len(want.Y))
		}
		hub := uint8(black)
		if frame < flashFrames {
			hub = white
		}
		near("the hub", m.YCbCrAt(discX, discY).Y, hub)
		near("the second bar", m.YCbCrAt(120, 20).Cb, 33) // yellow has no blue
		near("the third bar", m.YCbCrAt(170, 20).Cr, 33)  // cyan has no red
		near("the last bar", m.YCbCrAt(600, 20).Y, 0)
		near("the panel", m.YCbCrAt(20, 300).Y, panel)
	}
	// The hand turns clockwise from noon: after five pictures of 25 it stands
	// at 72 degrees, and no longer at noon.
	x, y := discX+57, discY-19
	near("the hand after five pictures", decode(t, played[10]).YCbCrAt(x, y).Y, white)
	near("the hand at noon", decode(t, played[0]).YCbCrAt(discX, discY-60).Y, white)
}

func TestSound(t *testing.T) {
	sound := beep()
	if len(sound) != SampleRate*sampleBytes {
		t.Fatalf("%d bytes of sound", len(sound))
	}
	loudest, crossings, before := 0, 0, 0
	for i := range SampleRate {
		left := int(int16(binary.LittleEndian.Uint16(sound[4*i:])))
		right := int(int16(binary.LittleEndian.Uint16(sound[4*i+2:])))
		if left != right || i >= beepLength && left != 0 {
			t.Fatalf("sample %d is %d and %d", i, left, right)
		}
		if jump := left - before; jump > 1100 || jump < -1100 {
			t.Fatalf("sample %d jumps by %d, which clicks", i, jump)
		}
		if before < 0 && left >= 0 {
			crossings++
		}
		loudest, before = max(loudest, left), left
	}
	if loudest < 7900 || loudest > 8000 || crossings != beepPitch*beepLength/SampleRate {
		t.Errorf("the beep swings %d times up to %d", crossings, loudest)
	}
}

func TestSine(t *testing.T) {
	for a := int64(-fullTurn); a <= 2*fullTurn; a += 97 {
		want := math.Sin(float64(a) * 2 * math.Pi / fullTurn)
		if got := float64(sine(a)) / sineUnit; math.Abs(got-want) > 0.002 {
			t.Fatalf("sine(%d) = %f, want %f", a, got, want)
		}
	}
}

func TestGlyphs(t *testing.T) {
	for r, rows := range glyphs {
		for i, row := range rows {
			if len(row) != glyphWidth || strings.Trim(row, " #") != "" {
				t.Errorf("row %d of %c is %q", i, r, row)
			}
		}
	}
	m := image.NewYCbCr(image.Rect(0, 0, 64, 16), image.YCbCrSubsampleRatio420)
	write(m, 0, 0, 2, "1 1")
	for x, want := range map[int]uint8{4: white, 16: 0, 28: white} {
		if got := m.YCbCrAt(x, 0).Y; got != want {
			t.Errorf("level %d at %d", got, x)
		}
	}
	if w := textWidth("1 1", 2); w != 34 {
		t.Errorf("text of width %d", w)
	}
}

func TestSameBytesFromAnywhere(t *testing.T) {
	want := oneSecond(t)
	lead := []byte("what was there before")
	m := &memory{data: bytes.Clone(lead), at: len(lead), room: math.MaxInt}
	if err := Write(m, 1); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.data, append(lead, want...)) {
		t.Error("the film is another when it does not begin the file")
	}
}

func TestWriteFails(t *testing.T) {
	for _, seconds := range []int{-1, 0, MaxSeconds + 1} {
		m := &memory{room: math.MaxInt}
		if err := Write(m, seconds); err == nil || len(m.data) != 0 {
			t.Errorf("%d seconds: %v, %d bytes", seconds, err, len(m.data))
		}
	}
	if err := Write(&memory{}, 1); !errors.Is(err, errFull) {
		t.Errorf("without room: %v", err)
	}
}

// Wherever the room ends, it is said.
func TestContainerFails(t *testing.T) {
	write := func(room int) (*memory, error) {
		m := &memory{room: room}
		a, err := newAVI(m, 1)
		if err != nil {
			return m, err
		}
		a.chunk(videoChunk, []byte("odd"))
		a.chunk(audioChunk, []byte("even"))
		if err := a.flush(); err != nil {
			return m, err
		}
		return m, a.finish()
	}
	whole, err := write(math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	needed := math.MaxInt - whole.room
	for room := range needed {
		if _, err := write(room); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d of %d bytes: %v", room, needed, err)
		}
	}
	if _, err := write(needed); err != nil {
		t.Errorf("with just enough room: %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		m := &memory{room: math.MaxInt}
		if err := Write(m, 1); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(m.data)))
	}
}
