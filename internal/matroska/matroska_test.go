package matroska

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"
)

const ms = time.Millisecond

var both = Head{
	Title: "La cámara", Date: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	Tracks: []Track{
		{Codec: "V_MJPEG", Width: 640, Height: 480},
		{Codec: "A_PCM/INT/LIT", SampleRate: 48000, Channels: 2, Bits: 16, Private: []byte{1, 2}},
	},
}

func blocks(from time.Duration) []Block {
	return []Block{
		{1, from, true, bytes.Repeat([]byte{1}, 300)}, {2, from + 5*ms, true, []byte{2, 2}}, {1, from + 33*ms, false, nil}, {2, from + 99*ms, true, bytes.Repeat([]byte{3}, 20_000)},
	}
}

// film writes three clusters and gives the file, and where each ends.
func film(t testing.TB, ended bool) (Front, []byte, []int64) {
	t.Helper()
	f, err := NewFront(both)
	if err != nil {
		t.Fatal(err)
	}
	file := bytes.Clone(f.Bytes)
	ends := []int64{int64(len(file))}
	var cues []Cue
	for i := range 3 {
		cues = append(cues, Cue{time.Duration(i) * 100 * ms, 1, int64(len(file))})
		if file, err = AppendCluster(file, blocks(time.Duration(i)*100*ms)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int64(len(file)))
	}
	if ended {
		tail, patches := f.End(int64(len(file)), 300*ms, cues)
		before := len(file)
		file = append(file, tail...)
		for _, p := range patches {
			if p.Offset+int64(len(p.Bytes)) > int64(len(f.Bytes)) {
				t.Fatalf("the patch at %d reaches beyond the head", p.Offset)
			}
			copy(file[p.Offset:], p.Bytes)
		}
		if len(tail) == 0 || before == len(file) {
			t.Fatal("there are no cues")
		}
	}
	return f, file, ends
}

func TestRoundTrip(t *testing.T) {
	for _, ended := range []bool{false, true} {
		_, file, ends := film(t, ended)
		r, size := bytes.NewReader(file), int64(len(file))
		c, err := ReadHead(r, size)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(c.Head, both) || c.Clusters != ends[0] {
			t.Errorf("ended %v: the head is %+v", ended, c)
		}
		if want := map[bool]time.Duration{true: 300 * ms, false: -1}[ended]; c.Duration != want || (c.Cues == ends[3]) != ended {
			t.Errorf("ended %v: it lasts %v, cues at %d", ended, c.Duration, c.Cues)
		}
		at := c.Clusters
		for i := range 3 {
			got, err := ReadCluster(r, at, size)
			if err != nil {
				t.Fatal(err)
			}
			want := blocks(time.Duration(i) * 100 * ms)
			want[2].Data = []byte{}
			if !reflect.DeepEqual(got.Blocks, want) || got.Offset != at || got.End != ends[i+1] {
				t.Errorf("ended %v: cluster %d is another", ended, i)
			}
			at = got.End
		}
		if _, err := ReadCluster(r, at, size); err != io.EOF {
			t.Errorf("ended %v: after the last cluster: %v", ended, err)
		}
	}
}

// Whatever byte a file ends at, what is whole can be read, and what is not is
// known as such.
func TestCut(t *testing.T) {
	_, file, ends := film(t, false)
	for n := range int64(len(file)) {
		if n > ends[0]+400 && n%97 != 0 && n != ends[1] && n != ends[2] {
			continue
		}
		r := bytes.NewReader(file[:n])
		c, err := ReadHead(r, n)
		if n < ends[0] {
			if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
				t.Fatalf("a head of %d bytes: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		at := c.Clusters
		for {
			got, err := ReadCluster(r, at, n)
			if err == nil {
				at = got.End
				continue
			}
			if want := map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF}[n == at]; !errors.Is(err, want) {
				t.Fatalf("cut at %d, after %d: %v", n, at, err)
			}
			break
		}
		whole := ends[0]
		for _, e := range ends {
			if e <= n {
				whole = e
			}
		}
		if at != whole {
			t.Fatalf("cut at %d: whole up to %d, not %d", n, at, whole)
		}
	}
}

// A flipped bit in a cluster is seen.
func TestFlipped(t *testing.T) {
	_, file, ends := film(t, false)
	for at := ends[1]; at < ends[2]; at += 13 {
		file[at] ^= 0x10
		if _, err := ReadCluster(bytes.NewReader(file), ends[1], int64(len(file))); err == nil {
			t.Errorf("byte %d", at)
		}
		file[at] ^= 0x10
	}
}

func TestRefused(t *testing.T) {
	for name, b := range map[string][]Block{
		"nothing":         nil,
		"a track of none": {{Track: 0}},
		"before it began": {{Track: 1, At: -1}},
		"too long":        {{Track: 1}, {Track: 1, At: MaxSpan + 1}},
		"too large":       {{Track: 1, Data: make([]byte, MaxCluster)}},
	} {
		if _, err := AppendCluster(nil, b); err == nil {
			t.Errorf("a cluster of %s was written", name)
		}
	}
	if _, err := NewFront(Head{}); err == nil {
		t.Error("a head without tracks was written")
	}
}

// Sizes take as few bytes as they can, and never look unknown.
func TestLength(t *testing.T) {
	for n, want := range map[int]string{0: "\x80", 126: "\xfe", 127: "\x40\x7f", 128: "\x40\x80", 16382: "\x7f\xfe", 16383: "\x20\x3f\xff"} {
		if got := length(nil, n); string(got) != want {
			t.Errorf("%d is %x", n, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, ended := range []bool{false, true} {
		_, file, _ := film(f, ended)
		f.Add(file[:2000])
		f.Add(file[len(file)-2000:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		at := int64(0)
		if c, err := ReadHead(r, size); err == nil {
			at = c.Clusters
		}
		for {
			c, err := ReadCluster(r, at, size)
			if err != nil {
				return
			}
			if c.End <= at || c.End > size {
				t.Fatalf("a cluster from %d to %d of %d", at, c.End, size)
			}
			at = c.End
		}
	})
}
