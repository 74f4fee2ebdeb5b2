package matroska

import (
	"bytes"
	"testing"
	"time"
)

// A cluster that was moved is as long as before, whole, and has its blocks at
// their new times; those of before the new beginning are at it.
func TestRebase(t *testing.T) {
	for name, test := range map[string]struct {
		from, base time.Duration
		want       []time.Duration
	}{
		"itself":          {3 * time.Hour, 3 * time.Hour, []time.Duration{0, 5 * ms, 33 * ms, 99 * ms}},
		"not at all":      {200 * ms, 0, []time.Duration{200 * ms, 205 * ms, 233 * ms, 299 * ms}},
		"later":           {time.Hour + 100*ms, time.Hour, []time.Duration{100 * ms, 105 * ms, 133 * ms, 199 * ms}},
		"reaching before": {time.Hour - 10*ms, time.Hour, []time.Duration{0, 0, 23 * ms, 89 * ms}},
		"before":          {time.Hour - 100*ms, time.Hour, []time.Duration{0, 0, 0, 0}},
	} {
		cluster, err := AppendCluster(nil, blocks(test.from))
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(cluster))
		if at, err := Begins(cluster); err != nil || at != test.from {
			t.Errorf("%s: it begins at %v, %v", name, at, err)
		}
		if err := Rebase(cluster, test.base); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := ReadCluster(bytes.NewReader(cluster), 0, int64(len(cluster)))
		if err != nil || int64(len(cluster)) != size {
			t.Fatalf("%s: %d bytes of %d, %v", name, len(cluster), size, err)
		}
		for i, b := range got.Blocks {
			if b.At != test.want[i] || !bytes.Equal(b.Data, blocks(0)[i].Data) {
				t.Errorf("%s: block %d is at %v, want %v", name, i, b.At, test.want[i])
			}
		}
	}
	cluster, err := AppendCluster(nil, blocks(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 3, 12, 20, len(cluster) - 1} {
		if err := Rebase(cluster[:cut], 0); err == nil {
			t.Errorf("%d bytes of a cluster were moved", cut)
		}
	}
}

func TestFrames(t *testing.T) {
	for i, test := range []struct{ bytes, want int }{{5000, 1}, {4800, 1200}} {
		if n := both.Tracks[i].Frames(make([]byte, test.bytes)); n != int64(test.want) {
			t.Errorf("track %d: %d frames", i, n)
		}
	}
}

func FuzzRebase(f *testing.F) {
	cluster, err := AppendCluster(nil, blocks(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cluster[:400], int64(time.Hour))
	f.Add(cluster, int64(time.Hour))
	f.Fuzz(func(t *testing.T, b []byte, base int64) {
		size := len(b)
		if Rebase(b, time.Duration(base)) != nil {
			return
		}
		if _, err := ReadCluster(bytes.NewReader(b), 0, int64(size)); err != nil {
			t.Fatalf("what was moved is no cluster: %v", err)
		}
	})
}
