package deliver

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/digest"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/manifest"
	"videoclub/internal/source"
	"videoclub/internal/wire"
)

// reel is a folder with its manifest, stream and proof.
type reel struct {
	t         *testing.T
	dir, list *os.File
	sum       manifest.Summary
	stream    []byte
	proof     string
	notesPath string
}

func newReel(t *testing.T) *reel {
	t.Helper()
	r := &reel{t: t, notesPath: filepath.Join(t.TempDir(), "notes")}
	top, chance := t.TempDir(), rand.New(rand.NewPCG(1, 1))
	proof := manifest.NewProof()
	for i, size := range []int{3, 0, frame.SourceSize, 1, 2*frame.SourceSize + 5, 0, 100_000, 400_000, 0} {
		content := make([]byte, size)
		for j := range content {
			content[j] = byte(chance.Uint32())
		}
		name := string(rune('a' + i))
		if err := os.WriteFile(filepath.Join(top, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		r.stream = append(r.stream, content...)
		proof.Add(manifest.Entry{Kind: manifest.File, Path: name, Size: int64(size)}, sha256.Sum256(content))
	}
	r.proof = proof.SHA256()
	var err error
	if r.dir, err = os.Open(top); err != nil {
		t.Fatal(err)
	}
	if r.list, err = os.Create(filepath.Join(t.TempDir(), "list")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.dir.Close(); r.list.Close() })
	if r.sum, err = source.Describe(r.dir, r.list); err != nil {
		t.Fatal(err)
	}
	return r
}

// open gives the sum of an attempt, and the notes.
func (r *reel) open() (*folderSum, *digest.Notes) {
	r.t.Helper()
	f, err := os.OpenFile(r.notesPath, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { f.Close() })
	notes, err := digest.Open(f, frame.SourceSize)
	if err != nil {
		r.t.Fatal(err)
	}
	src := source.TakeFolder(r.dir, r.list, nil, r.sum.Size)
	r.t.Cleanup(src.Close)
	return newFolderSum(src, r.list, nil, notes), notes
}

// attempt sums from offset to upTo, in frames, and gives the notes.
func (r *reel) attempt(begin control.Begin, upTo int64) (*folderSum, *digest.Notes) {
	r.t.Helper()
	s, notes := r.open()
	if err := s.catchUp(begin); err != nil {
		r.t.Fatal(err)
	}
	for at := begin.Offset; at < upTo; {
		end := min(at+frame.SourceSize, upTo)
		state, err := s.take(r.stream[at:end], at)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := notes.Put(end, end-at, state); err != nil {
			r.t.Fatal(err)
		}
		at = end
	}
	return s, notes
}

func (r *reel) proven(s *folderSum) {
	r.t.Helper()
	if got, err := s.total(); err != nil || got != r.proof {
		r.t.Errorf("the digest is %s, want %s; %v", got, r.proof, err)
	}
}

// However often it is resumed, and wherever, each byte is hashed once.
func TestFolderSumResumes(t *testing.T) {
	r := newReel(t)
	size := r.sum.Size
	for _, at := range []int64{0, 3, 4, frame.SourceSize, frame.SourceSize + 3, 2 * frame.SourceSize, 3 * frame.SourceSize, size - 1, size} {
		os.Remove(r.notesPath)
		r.attempt(control.Begin{}, at)
		s, notes := r.attempt(control.Begin{Offset: at}, size)
		if r.proven(s); notes.Hashed != size {
			t.Errorf("resumed at %d: %d bytes hashed of %d", at, notes.Hashed, size)
		}
	}
}

// After a power loss at this end the notes, or the last of them, are gone: what
// they were of is hashed again, and no more.
func TestFolderSumCatchesUp(t *testing.T) {
	r := newReel(t)
	size := r.sum.Size
	const at = 3 * frame.SourceSize
	r.attempt(control.Begin{}, at)
	if err := os.Remove(r.notesPath); err != nil {
		t.Fatal(err)
	}
	s, notes := r.attempt(control.Begin{Offset: at}, size)
	if r.proven(s); notes.Hashed != size {
		t.Errorf("%d bytes hashed of %d", notes.Hashed, size)
	}

	// The ring is lost and the digests of the files are not: only the file in
	// which it goes on is hashed, or with the ledger's state nothing.
	for _, test := range []struct {
		ledger bool
		again  int64
	}{{false, at - (3 + frame.SourceSize + 1)}, {true, 0}} {
		os.Remove(r.notesPath)
		_, notes := r.attempt(control.Begin{}, at)
		begin := control.Begin{Offset: at}
		if test.ledger {
			sum, found, err := notes.At(at)
			if err != nil || found != at {
				t.Fatalf("noted at %d, %v", found, err)
			}
			if begin.State, err = digest.Save(sum); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.OpenFile(r.notesPath, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 512*192), 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
		s, notes := r.attempt(begin, size)
		if r.proven(s); notes.Hashed != size-at+test.again {
			t.Errorf("%d bytes hashed after %d, want %d", notes.Hashed, at, size-at+test.again)
		}
	}
}

// The reception does not wait for long while nothing comes, so an attempt may end
// while a large file is hashed again: the next one goes on where that one was.
func TestFolderSumCatchesUpInSteps(t *testing.T) {
	r := newReel(t)
	const small, within = 3 + frame.SourceSize + 1, frame.SourceSize
	s, _ := r.open()
	for _, part := range [][2]int64{{0, 3}, {3, small - 1}, {small - 1, small}, {small, small + within}} {
		if err := s.rehash(part[0], part[1]); err != nil {
			t.Fatal(err)
		}
	}
	s, notes := r.attempt(control.Begin{Offset: r.sum.Size}, r.sum.Size)
	if r.proven(s); notes.Hashed != r.sum.Size {
		t.Errorf("%d bytes hashed of %d", notes.Hashed, r.sum.Size)
	}
}

// The manifest is handed over in pieces of whole lines that fit a message.
func TestDescribe(t *testing.T) {
	list, err := os.Create(filepath.Join(t.TempDir(), "list"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	w := manifest.NewWriter(list)
	for i := range 900 {
		name := string(rune(0x4e00+i)) + string(bytes.Repeat([]byte("x"), i%200))
		if err := w.Add(manifest.Entry{Kind: manifest.Folder, Path: name}); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	producer, consumer, err := handoff.Pair()
	if err != nil {
		t.Fatal(err)
	}
	out, err := handoff.NewProducer(producer)
	if err != nil {
		t.Fatal(err)
	}
	in, err := handoff.NewConsumer(consumer)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- describe(list, out) }()
	var all, piece = []byte{}, make([]byte, handoff.SlotSize)
	for int64(len(all)) < sum.Bytes {
		n, err := in.Receive(piece)
		if err != nil {
			t.Fatal(err)
		}
		if n > wire.MaxText || piece[n-1] != '\n' {
			t.Errorf("a piece of %d bytes ends in %q", n, piece[n-1])
		}
		all = append(all, piece[:n]...)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(list.Name())
	if err != nil || !bytes.Equal(all, want) {
		t.Errorf("%d bytes came of %d, %v", len(all), len(want), err)
	}
	in.Close()
	if err := describe(list, out); err != io.EOF {
		t.Errorf("to a reader that has gone: %v", err)
	}
}
