package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The way of file systems that do not know RENAME_NOREPLACE.
func TestRenameByLink(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.renameByLink("a", "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := r.renameByLink("a", "c"); err != nil {
		t.Fatal(err)
	}
	if names, err := r.ReadDir("."); err != nil || len(names) != 2 || names[1] != "c" {
		t.Errorf("%q, %v", names, err)
	}
	if data, err := ReadFile(r, "c", 1); err != nil || string(data) != "a" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestRootClosed(t *testing.T) {
	r, err := OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stat("a"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := OS(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
