package folders

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"videoclub/internal/manifest"
)

func open(t *testing.T, dir string) *Shelf {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keep keeps the manifest of a folder with one file.
func keep(t *testing.T, s *Shelf, name string) (version int64, release func()) {
	t.Helper()
	f, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	w := manifest.NewWriter(f)
	if err := w.Add(manifest.Entry{Kind: manifest.File, Path: name, Size: 5}); err != nil {
		t.Fatal(err)
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	version, release, err = s.Keep(f, sum)
	if err != nil {
		t.Fatal(err)
	}
	return version, release
}

func none(int64) bool { return false }

func TestShelf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folders")
	s := open(t, dir)
	a, releaseA := keep(t, s, "a")
	b, releaseB := keep(t, s, "b")
	again, releaseAgain := keep(t, s, "a")
	if a == b || again != a {
		t.Fatalf("versions %x %x %x", a, b, again)
	}
	for _, version := range []int64{a, b} {
		f, sum, err := s.Get(version)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		f.Close()
		if err != nil || int64(len(text)) != sum.Bytes || sum.Version() != version || sum.Files != 1 || sum.Size != 5 {
			t.Errorf("%d bytes of %+v, %v", len(text), sum, err)
		}
	}
	sweep := func(used func(int64) bool) {
		t.Helper()
		if err := s.Sweep(used); err != nil {
			t.Fatal(err)
		}
	}
	has := func(version int64) bool {
		f, _, err := s.Get(version)
		if err == nil {
			f.Close()
		}
		return err == nil
	}
	releaseB()
	releaseA()
	releaseA() // it is not there for others to release
	if sweep(none); !has(a) || has(b) {
		t.Errorf("held is %v, let go %v", has(a), has(b))
	}
	releaseAgain()
	if sweep(func(version int64) bool { return version == a }); !has(a) {
		t.Error("what is in use has gone")
	}
	// What is on disk is there after a start, and what was half written is not.
	half, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	half.Close()
	if s = open(t, dir); !has(a) {
		t.Error("it did not stay")
	}
	if _, err := os.Stat(half.Name()); !os.IsNotExist(err) {
		t.Errorf("what was half written: %v", err)
	}
	if sweep(none); has(a) {
		t.Error("what nobody needs stays")
	}
}

func TestDrop(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	f, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	s.Drop(f)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d are left, %v", len(left), err)
	}
}
