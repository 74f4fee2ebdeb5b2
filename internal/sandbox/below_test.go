//go:build !cgo

// A program that was built with cgo, as for the race detector, has no Landlock:
// it cannot reach all of its threads.

package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Of a directory that a worker has, it may use what lies below and nothing
// else: not by a path, not by the way up, not by a link.
func TestBelow(t *testing.T) {
	k := Look()
	if k.Landlock == 0 {
		t.Fatalf("there is no %s", k.Lacks())
	}
	top := t.TempDir()
	inside := filepath.Join(top, "inside")
	for path, text := range map[string]string{"secret": "x", "inside/a/b": "y"} {
		at := filepath.Join(top, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	for _, does := range []string{"read below", "write below"} {
		dir, err := os.Open(inside)
		if err != nil {
			t.Fatal(err)
		}
		_, said := child(t, does, dir)
		dir.Close()
		done(t, said)
	}
	if text, err := os.ReadFile(filepath.Join(inside, "new/c")); string(text) != "z" || err != nil {
		t.Errorf("made was %q, %v", text, err)
	}
}

// Of the second directory a worker may read what lies below, copy from it into
// its own, and nothing else.
func TestBeside(t *testing.T) {
	if k := Look(); k.Landlock == 0 {
		t.Fatalf("there is no %s", k.Lacks())
	}
	top := t.TempDir()
	var dirs []*os.File
	for _, name := range []string{"own", "base"} {
		at := filepath.Join(top, name)
		if err := errors.Join(os.Mkdir(at, 0o700), os.WriteFile(filepath.Join(at, "a"), []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
		dir, err := os.Open(at)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		dirs = append(dirs, dir)
	}
	if err := os.WriteFile(filepath.Join(top, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, said := child(t, "read beside", dirs...)
	done(t, said)
	if text, err := os.ReadFile(filepath.Join(top, "own/copy")); string(text) != "b" || err != nil {
		t.Errorf("copied was %q, %v", text, err)
	}
}
