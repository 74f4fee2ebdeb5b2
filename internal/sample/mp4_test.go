package sample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/mewkiz/flac"
)

var onceMP4 = sync.OnceValues(func() ([]byte, error) {
	m := &memory{room: math.MaxInt}
	err := WriteMP4(m, 5)
	if err == nil && m.at != len(m.data) {
		err = errors.New("it is left before its end")
	}
	return m.data, err
})

// fiveSeconds is a film that several tests look at, and none changes.
func fiveSeconds(t *testing.T) []byte {
	t.Helper()
	data, err := onceMP4()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// boxes are the boxes in b, by name, each without its head; tracks are told apart
// by which comes first.
func boxes(t *testing.T, b []byte) map[string][][]byte {
	t.Helper()
	found := make(map[string][][]byte)
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint32(b))
		if n < boxHead || n > len(b) {
			t.Fatalf("a box %q of %d bytes, of %d", b[4:8], n, len(b))
		}
		found[string(b[4:8])] = append(found[string(b[4:8])], b[boxHead:n])
		b = b[n:]
	}
	return found
}

// tableOf is stbl of a track.
func tableOf(t *testing.T, film []byte, track int) map[string][][]byte {
	t.Helper()
	b := boxes(t, film)["moov"][0]
	b = boxes(t, b)["trak"][track]
	for _, name := range []string{"mdia", "minf", "stbl"} {
		b = boxes(t, b)[name][0]
	}
	return boxes(t, b)
}

// samplesOf are the samples of a track, as its tables say where they are.
func samplesOf(t *testing.T, film []byte, track int) (all [][]byte) {
	t.Helper()
	table := tableOf(t, film, track)
	word := binary.BigEndian.Uint32
	sizes, chunks := table["stsz"][0][12:], table["stco"][0][8:]
	for len(sizes) > 0 && len(chunks) > 0 {
		at := int(word(chunks))
		chunks = chunks[4:]
		for range FrameRate {
			n := int(word(sizes))
			all = append(all, film[at:at+n])
			sizes, at = sizes[4:], at+n
		}
	}
	if len(sizes)+len(chunks) > 0 {
		t.Errorf("of track %d, %d samples and %d chunks are left over", track, len(sizes)/4, len(chunks)/4)
	}
	return all
}

// reader reads the bits of a NAL unit.
type reader struct {
	b  []byte
	at int // bits
}

// opened is the unit without what keeps start codes out of it.
func opened(unit []byte) *reader {
	r, zeros := &reader{}, 0
	for _, c := range unit[1:] {
		if zeros == 2 && c == 3 {
			zeros = 0
			continue
		}
		if r.b = append(r.b, c); c == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return r
}

func (r *reader) bits(n int) (v int) {
	for range n {
		v = v<<1 | int(r.b[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

func (r *reader) golomb() int {
	n := 0
	for r.bits(1) == 0 {
		n++
	}
	return 1<<n - 1 + r.bits(n)
}

// more says whether there is more than the stop bit.
func (r *reader) more() bool {
	last := len(r.b) - 1
	zeros := 0
	for r.b[last]>>zeros&1 == 0 {
		zeros++
	}
	return r.at < last*8+7-zeros
}

// shown decodes one picture over the one before.
func shown(t *testing.T, sample []byte, m *image.YCbCr) (key bool) {
	t.Helper()
	if n := int(binary.BigEndian.Uint32(sample)); n != len(sample)-4 {
		t.Fatalf("a unit of %d bytes in %d", n, len(sample))
	}
	unit := sample[4:]
	if bytes.Contains(unit, []byte{0, 0, 0}) || bytes.Contains(unit, []byte{0, 0, 1}) {
		t.Fatal("a start code in a unit")
	}
	key = unit[0] == keyPart
	r := opened(unit)
	r.golomb()
	if kind := r.golomb(); kind != map[bool]int{true: 7, false: 5}[key] || !key && unit[0] != slicePart {
		t.Fatalf("a slice of type %d in a unit of kind %d", kind, unit[0])
	}
	r.golomb()
	r.bits(4)
	if key {
		r.golomb()
		r.bits(2)
	} else {
		r.bits(3)
	}
	r.golomb()
	r.golomb()
	for at := 0; at < mbColumns*mbRows; at++ {
		if !key {
			if at += r.golomb(); at == mbColumns*mbRows {
				break
			}
		}
		if kind := r.golomb(); kind != map[bool]int{true: 25, false: 30}[key] {
			t.Fatalf("macroblock %d is of type %d", at, kind)
		}
		r.at = (r.at + 7) / 8 * 8
		for _, p := range planes(m) {
			for y := range p.side {
				for x := range p.side {
					if v := byte(r.bits(8)); at/mbColumns*p.side+y < len(p.samples)/p.stride {
						p.row(at/mbColumns, at%mbColumns, y)[x] = v
					}
				}
			}
		}
	}
	if r.more() {
		t.Fatal("something comes after the last macroblock")
	}
	return key
}

// Every picture is the one that was drawn, to the last bit, and a player can
// begin where the film says so.
func TestMP4Pictures(t *testing.T) {
	film := fiveSeconds(t)
	keys := tableOf(t, film, 0)["stss"][0][4:]
	c := newCard(5 * FrameRate)
	want, got := c.canvas(), c.canvas()
	var begin []uint32
	for i, sample := range samplesOf(t, film, 0) {
		c.draw(want, i)
		if shown(t, sample, got) {
			begin = append(begin, uint32(i+1))
		}
		if !bytes.Equal(got.Y, want.Y) || !bytes.Equal(got.Cb, want.Cb) || !bytes.Equal(got.Cr, want.Cr) {
			t.Fatalf("picture %d is not as it was drawn", i)
		}
	}
	listed, err := binary.Append(binary.BigEndian.AppendUint32(nil, uint32(len(begin))), binary.BigEndian, begin)
	if err != nil || !bytes.Equal(listed, keys) || !slices.Equal(begin, []uint32{1, keyEvery + 1}) {
		t.Errorf("a player can begin with %v; listed is % x", begin, keys)
	}
}

// The sound is the beep, each second.
func TestMP4Sound(t *testing.T) {
	film := fiveSeconds(t)
	entry := tableOf(t, film, 1)["stsd"][0][8:]
	_, front, found := bytes.Cut(entry, []byte("dfLa\x00\x00\x00\x00"))
	if !found {
		t.Fatalf("the sound is % x", entry)
	}
	alone := append([]byte("fLaC"), front...)
	for _, frame := range samplesOf(t, film, 1) {
		alone = append(alone, frame...)
	}
	stream, err := flac.New(bytes.NewReader(alone))
	if err != nil {
		t.Fatal(err)
	}
	var played []byte
	for {
		f, err := stream.ParseNext()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(f.BlockSize) {
			for _, s := range f.Subframes {
				played = binary.LittleEndian.AppendUint16(played, uint16(s.Samples[i]))
			}
		}
	}
	if !bytes.Equal(played, bytes.Repeat(beep(), 5)) {
		t.Errorf("%d bytes of sound are not the beep", len(played))
	}
}

// It is about as large as the other film of its length, and what says where
// everything is comes first.
func TestMP4Shape(t *testing.T) {
	film := fiveSeconds(t)
	if mb := float64(len(film)) / 5e6; mb < 0.7 || mb > 1.3 {
		t.Errorf("%.2f MB a second", mb)
	}
	top := boxes(t, film)
	if len(top) != 3 || string(film[4:8]) != "ftyp" || len(top["moov"]) != 1 || len(top["mdat"]) != 1 || !bytes.HasPrefix(film[boxHead+len(top["ftyp"][0])+4:], []byte("moov")) {
		t.Errorf("it has %d parts and begins with % x", len(top), film[:16])
	}
}

func TestMP4SameBytesFromAnywhere(t *testing.T) {
	want := &memory{room: math.MaxInt}
	if err := WriteMP4(want, 1); err != nil {
		t.Fatal(err)
	}
	lead := []byte("what was there before")
	m := &memory{data: bytes.Clone(lead), at: len(lead), room: math.MaxInt}
	if err := WriteMP4(m, 1); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.data, append(lead, want.data...)) {
		t.Error("the film is another when it does not begin the file")
	}
}

func TestWriteMP4Fails(t *testing.T) {
	for _, seconds := range []int{-1, 0, MaxSeconds + 1} {
		m := &memory{room: math.MaxInt}
		if err := WriteMP4(m, seconds); err == nil || len(m.data) != 0 {
			t.Errorf("%d seconds: %v, %d bytes", seconds, err, len(m.data))
		}
	}
	whole := &memory{room: math.MaxInt}
	if err := WriteMP4(whole, 1); err != nil {
		t.Fatal(err)
	}
	needed := math.MaxInt - whole.room // its header twice
	for _, room := range []int{0, needed - len(whole.data) - 1, needed - len(whole.data), len(whole.data) - 1, len(whole.data), needed - 1} {
		if err := WriteMP4(&memory{room: room}, 1); !errors.Is(err, errFull) {
			t.Errorf("with room for %d of %d bytes: %v", room, needed, err)
		}
	}
	if err := WriteMP4(&memory{room: needed}, 1); err != nil {
		t.Errorf("with just enough room: %v", err)
	}
}

func BenchmarkWriteMP4(b *testing.B) {
	for b.Loop() {
		m := &memory{room: math.MaxInt}
		if err := WriteMP4(m, 1); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(m.data)))
	}
}
