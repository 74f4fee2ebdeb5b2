package digest

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

const frame = 100

func open(t *testing.T, path string) *Notes {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	n, err := Open(f, frame)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Another worker that opens the notes finds the digest at every offset of the
// window, and the totals.
func TestStatesOutliveTheWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	content := bytes.Repeat([]byte("0123456789"), frame*slots/5)
	n, h := open(t, path), sha256.New()
	for at := 0; at < len(content); at += frame {
		h.Write(content[at : at+frame])
		state, err := Save(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Put(int64(at+frame), frame, state); err != nil {
			t.Fatal(err)
		}
	}
	n = open(t, path)
	if n.Read != int64(len(content)) || n.Hashed != n.Read {
		t.Errorf("totals are %d and %d of %d", n.Read, n.Hashed, len(content))
	}
	for back := range slots {
		offset := int64(len(content) - back*frame)
		got, at, err := n.At(offset + frame - 1)
		if back == 0 {
			got, at, err = n.At(offset)
		}
		if err != nil || (back > 0 && at != offset) {
			t.Fatalf("at %d: found %d, %v", offset, at, err)
		}
		got.Write(content[at:])
		if want := sha256.Sum256(content); !bytes.Equal(got.Sum(nil), want[:]) {
			t.Fatalf("the digest that goes on at %d is another", at)
		}
	}
}

// Steps of any length: the latest 512 are there, however short they are, and
// after another worker opened the notes too.
func TestShortSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	h, offset := sha256.New(), int64(0)
	var ends []int64
	for range 3 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Open(f, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			step := int64(i%7 + 1)
			h.Write(make([]byte, step))
			offset += step
			state, err := Save(h)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Put(offset, step, state); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, offset)
		}
		for _, end := range ends[max(0, len(ends)-slots):] {
			if _, at, err := n.At(end); err != nil || at != end {
				t.Fatalf("the note at %d is at %d, %v", end, at, err)
			}
		}
		n.Close()
	}
}

// A torn slot is absent: the one before it serves.
func TestTornSlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	n, h := open(t, path), sha256.New()
	for i := int64(1); i <= 3; i++ {
		h.Write(make([]byte, frame))
		state, err := Save(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Put(i*frame, frame, state); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.file.WriteAt([]byte{0xee}, 3*slotSize+50); err != nil {
		t.Fatal(err)
	}
	if _, at, err := n.At(1 << 40); err != nil || at != 2*frame {
		t.Errorf("found %d, %v", at, err)
	}
	if _, at, err := open(t, filepath.Join(t.TempDir(), "none")).At(5); err != nil || at != 0 {
		t.Errorf("of no notes: found %d, %v", at, err)
	}
}

// The end of a last, shorter frame leaves the note of the one before alone: a
// reception may have that one durable and not the last.
func TestShorterLastFrameHasItsOwnPlace(t *testing.T) {
	n := open(t, filepath.Join(t.TempDir(), "notes"))
	h := sha256.New()
	for _, end := range []int64{frame, 2 * frame, 2*frame + 1} {
		h.Write([]byte{byte(end)})
		state, err := Save(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Put(end, 1, state); err != nil {
			t.Fatal(err)
		}
	}
	if _, at, err := n.At(2 * frame); err != nil || at != 2*frame {
		t.Errorf("the note before %d is at %d, %v", 2*frame, at, err)
	}
}
