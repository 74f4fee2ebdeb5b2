package avc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"
)

// film is a small film of x264, 50 by 38 pixels, as its pictures: one can begin
// at each fourth, and each has two slices.
func film(t testing.TB) [][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/film.h264")
	if err != nil {
		t.Fatal(err)
	}
	var pictures [][]byte
	for _, p := range bytes.Split(b, []byte{0, 0, 0, 1, kindDelimiter})[1:] {
		pictures = append(pictures, append([]byte{0, 0, 0, 1, kindDelimiter}, p...))
	}
	if len(pictures) != 12 {
		t.Fatalf("%d pictures", len(pictures))
	}
	return pictures
}

func kinds(t *testing.T, picture []byte) []int {
	t.Helper()
	all, err := prefixed(picture)
	if err != nil {
		t.Fatal(err)
	}
	var k []int
	for _, u := range all {
		k = append(k, kind(u))
	}
	return k
}

// Pictures keep their units, and what one can begin at has its parameter sets,
// also where the camera does not repeat them.
func TestReader(t *testing.T) {
	pictures := film(t)
	var r Reader
	var codes [][]byte
	for n, p := range pictures {
		if n == 8 { // this one says its parameters no more
			at := bytes.Index(p, []byte{0, 0, 1, 0x65})
			p = p[at:]
		}
		out, key, err := r.ByteStream(nil, p)
		if err != nil || key != (n%4 == 0) {
			t.Fatalf("picture %d: key %v, %v", n, key, err)
		}
		want := []int{kindSlice, kindSlice}
		if key {
			want = []int{kindSPS, kindPPS, kindIDR, kindIDR}
		}
		if got := kinds(t, out); !slices.Equal(got, want) {
			t.Errorf("picture %d has %v, not %v", n, got, want)
		}
		codes = append(codes, out)
	}
	p := r.Parameters()
	if w, h, err := p.Size(); w != 50 || h != 38 || err != nil {
		t.Errorf("%d by %d, %v", w, h, err)
	}
	again, err := ParametersOf(codes[4])
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Record()
	if err != nil {
		t.Fatal(err)
	}
	b, err := again.Record()
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x and %x, %v", a, b, err)
	}
	read, err := ParseRecord(a)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := read.Record(); err != nil || !bytes.Equal(a, c) {
		t.Errorf("%x is read as %x, %v", a, c, err)
	}
	if _, err := ParametersOf(codes[1]); !errors.Is(err, ErrDamaged) {
		t.Errorf("a picture without parameters: %v", err)
	}
	// What has its lengths comes out as it is.
	var other Reader
	other.Begin(read)
	for n, c := range codes {
		if out, key, err := other.Prefixed(nil, c); err != nil || key != (n%4 == 0) || !bytes.Equal(out, c) {
			t.Errorf("picture %d again: key %v, %v", n, key, err)
		}
	}
}

// Parameters that change are those of the pictures from then on.
func TestParametersChange(t *testing.T) {
	p := film(t)[0]
	var r Reader
	if _, _, err := r.ByteStream(nil, p); err != nil {
		t.Fatal(err)
	}
	before := r.Parameters()
	first, _ := before.Record()
	changed := bytes.Clone(p)
	at := bytes.Index(changed, []byte{0, 0, 0, 1, 0x67})
	changed[at+7] = 31 // another level
	if _, _, err := r.ByteStream(nil, changed); err != nil {
		t.Fatal(err)
	}
	after := r.Parameters()
	second, err := after.Record()
	if err != nil || bytes.Equal(first, second) || len(first) != len(second) || second[3] != 31 {
		t.Errorf("%x, then %x, %v", first, second, err)
	}
}

func TestRefused(t *testing.T) {
	p := film(t)
	for name, b := range map[string][]byte{
		"nothing":            nil,
		"no start code":      []byte("what is this, and where does it begin"),
		"begins with dirt":   append([]byte{1}, p[0]...),
		"no slice":           {0, 0, 1, 0x67, 1, 2, 3},
		"a start code":       {0, 0, 0, 1},
		"too many units":     bytes.Repeat([]byte{0, 0, 1, 9}, mostUnits+1),
		"before any of them": p[1],
	} {
		var r Reader
		if out, _, err := r.ByteStream([]byte{7}, b); !errors.Is(err, ErrDamaged) || !bytes.Equal(out, []byte{7}) {
			t.Errorf("%s: %x, %v", name, out, err)
		}
	}
	for name, b := range map[string][]byte{
		"cut in a length": {0, 0, 0}, "longer than it is": {0, 0, 0, 9, 1}, "endless": {0xff, 0xff, 0xff, 0xff, 1},
		"too many": bytes.Repeat([]byte{0, 0, 0, 1, 0x61}, mostUnits+1), "empty": {0, 0, 0, 0},
	} {
		var r Reader
		if _, _, err := r.Prefixed(nil, b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var r Reader
	if _, _, err := r.ByteStream(nil, p[0]); err != nil {
		t.Fatal(err)
	}
	sets := r.Parameters()
	whole, err := sets.Record()
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := ParseRecord(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("a configuration of %d bytes: %v", n, err)
		}
	}
}

// writer writes the bits of a parameter set.
type writer struct {
	b []byte
	n int
}

func (w *writer) bits(v uint, n int) *writer {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
	return w
}

func (w *writer) golomb(all ...uint) *writer {
	for _, v := range all {
		size := 0
		for (v+1)>>size > 1 {
			size++
		}
		w.bits(0, size).bits(v+1, size+1)
	}
	return w
}

// Sizes as cameras say them: what is cut off, fields, colours of other kinds.
func TestSize(t *testing.T) {
	set := func(profile uint, more func(*writer), across, down, fields uint, crop ...uint) []byte {
		w := (&writer{}).bits(kindSPS|0x60, 8).bits(profile, 8).bits(0, 8).bits(40, 8).golomb(0)
		more(w)
		w.golomb(0, 2, 4).bits(0, 1).golomb(across-1, down-1).bits(1-fields, 1)
		if fields == 1 {
			w.bits(1, 1)
		}
		w.bits(1, 1).bits(uint(min(1, len(crop))), 1).golomb(crop...)
		return w.bits(0, 1).bits(1, 1).b // no more is said of it; the end
	}
	none := func(*writer) {}
	colours := func(chroma uint) func(*writer) {
		return func(w *writer) {
			w.golomb(chroma)
			if chroma == 3 {
				w.bits(0, 1)
			}
			w.golomb(0, 0).bits(0, 1).bits(0, 1)
		}
	}
	lists := func(w *writer) {
		w.golomb(1, 0, 0).bits(0, 1).bits(1, 1)
		for i := range 8 {
			w.bits(uint(i%2), 1)
			if i%2 == 1 {
				w.golomb(16) // -8: the list ends at once
			}
		}
	}
	for name, c := range map[string]struct {
		set           []byte
		width, height int
	}{
		"640x480":                 {set(66, none, 40, 30, 0), 640, 480},
		"1920x1080 of 1088 lines": {set(100, colours(1), 120, 68, 0, 0, 0, 0, 4), 1920, 1080},
		"in fields":               {set(77, none, 120, 34, 1, 0, 0, 0, 2), 1920, 1080},
		"4:2:2":                   {set(122, colours(2), 120, 68, 0, 0, 0, 0, 8), 1920, 1080},
		"4:4:4":                   {set(244, colours(3), 120, 68, 0, 8, 8, 0, 8), 1904, 1080},
		"grey":                    {set(100, colours(0), 2, 2, 0, 1, 0, 0, 1), 31, 31},
		"with lists":              {set(100, lists, 40, 30, 0), 640, 480},
	} {
		s, err := parseSPS(c.set)
		if err != nil || s.width != c.width || s.height != c.height {
			t.Errorf("%s: %d by %d, %v", name, s.width, s.height, err)
		}
		// Kept apart from start codes, it says the same.
		var guarded []byte
		for _, b := range c.set {
			if n := len(guarded); n >= 2 && guarded[n-1] == 0 && guarded[n-2] == 0 && b <= 3 {
				guarded = append(guarded, 3)
			}
			guarded = append(guarded, b)
		}
		if again, err := parseSPS(guarded); err != nil || again != s {
			t.Errorf("%s, guarded: %+v and %+v, %v", name, again, s, err)
		}
		for n := range len(c.set) - 2 {
			if _, err := parseSPS(c.set[:n]); err == nil && n < 8 {
				t.Errorf("%s: %d bytes of it are one", name, n)
			}
		}
	}
	for name, b := range map[string][]byte{
		"cut off beyond its size": set(66, none, 2, 2, 0, 9, 9, 9, 9),
		"too wide":                set(66, none, 5000, 2, 0),
		"without end":             append([]byte{0x67, 66, 0, 40}, make([]byte, 100)...),
		"too long":                append([]byte{0x67}, bytes.Repeat([]byte{0xff}, largestSet)...),
	} {
		if s, err := parseSPS(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// Whatever a camera gives, what is kept of it can be read again, is the same
// when it is read and made again, and is not much more than it was.
func FuzzByteStream(f *testing.F) {
	for _, p := range film(f) {
		f.Add(p)
	}
	f.Add([]byte{0, 0, 1, 0x67, 66, 0, 10, 0xf8, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65, 0})
	known := film(f)[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Reader
		if _, _, err := r.ByteStream(nil, known); err != nil {
			t.Fatal(err)
		}
		out, key, err := r.ByteStream(nil, b)
		if err != nil {
			return
		}
		if len(out) > 2*len(b)+mostSets*2*(largestSet+lengthBytes) {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
		again, sameKey, err := r.Prefixed(nil, out)
		if err != nil || sameKey != key || !bytes.Equal(again, out) {
			t.Fatalf("again it is %x instead of %x, key %v, %v", again, out, sameKey, err)
		}
		if !key {
			return
		}
		p, err := ParametersOf(out)
		if err != nil {
			t.Fatal(err)
		}
		record, err := p.Record()
		if err != nil {
			t.Fatal(err)
		}
		if read, err := ParseRecord(record); err != nil {
			t.Fatal(err)
		} else if same, err := read.Record(); err != nil || !bytes.Equal(same, record) {
			t.Fatalf("%x is read as %x, %v", record, same, err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	var r Reader
	if _, _, err := r.ByteStream(nil, film(f)[0]); err != nil {
		f.Fatal(err)
	}
	sets := r.Parameters()
	whole, err := sets.Record()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(binary.BigEndian.AppendUint64([]byte{1, 66, 0, 10, 0xff, 0xe1}, 0x000967420a))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseRecord(b)
		if err != nil {
			return
		}
		if _, err := p.Record(); err != nil {
			t.Fatal(err)
		}
		if w, h, err := p.Size(); err != nil || w < 1 || h < 1 {
			t.Fatalf("%d by %d, %v", w, h, err)
		}
	})
}
