package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"videoclub/internal/disk"
)

// near is a tree in which nothing is reached by a long way, and in which what is
// open is counted.
type near struct {
	disk.FS
	t    *testing.T
	open *int
	deny string // what cannot be removed
}

func (n near) look(names ...string) {
	for _, name := range names {
		if strings.Count(name, "/") > 1 {
			n.t.Errorf("%d elements of a way are walked", 1+strings.Count(name, "/"))
		}
	}
}

func (n near) Remove(name string) error {
	if n.look(name); n.deny != "" && path.Base(name) == n.deny {
		return syscall.EACCES
	}
	return n.FS.Remove(name)
}

func (n near) ReadDir(name string) ([]string, error) { n.look(name); return n.FS.ReadDir(name) }
func (n near) Rename(from, to string) error          { n.look(from, to); return n.FS.Rename(from, to) }

func (n near) Sub(name string) (disk.FS, error) {
	n.look(name)
	sub, err := n.FS.Sub(name)
	if *n.open++; *n.open > 4 {
		n.t.Errorf("%d directories are open", *n.open)
	}
	return near{sub, n.t, n.open, n.deny}, err
}

func (n near) Close() error {
	*n.open--
	return n.FS.Close()
}

// grow makes a tree: two branches, one of them deep, with files on the way.
func grow(t *testing.T, fsys disk.FS, depth int) {
	t.Helper()
	ok(t, fsys.Mkdir("tree", 0o700))
	put(t, fsys, "tree/a", "")
	ok(t, fsys.Mkdir("tree/empty", 0o700))
	ok(t, fsys.Mkdir("tree/wide", 0o700))
	for i := range 50 {
		put(t, fsys, fmt.Sprintf("tree/wide/%d", i), "")
	}
	at, err := fsys.Sub("tree")
	ok(t, err)
	for range depth {
		ok(t, at.Mkdir("d", 0o700))
		put(t, at, "file", "x")
		below, err := at.Sub("d")
		ok(t, err)
		ok(t, at.Close())
		at = below
	}
	ok(t, at.Close())
}

// A tree is removed however deep it is, by short ways, with little open.
func testRemoveTree(t *testing.T, fsys disk.FS) {
	ok(t, disk.RemoveTree(t.Context(), fsys, "tree"))
	grow(t, fsys, 300)
	open := 0
	ok(t, disk.RemoveTree(t.Context(), near{FS: fsys, t: t, open: &open}, "tree"))
	if names, err := fsys.ReadDir("."); err != nil || len(names) > 0 || open != 0 {
		t.Errorf("there are %q, %v, %d directories open", names, err, open)
	}
	put(t, fsys, "file", "")
	ok(t, disk.RemoveTree(t.Context(), fsys, "file"))
	is(t, disk.RemoveTree(t.Context(), fsys, ".."), fs.ErrInvalid)

	// What cannot be removed keeps nothing else, and is told.
	grow(t, fsys, 5)
	err := disk.RemoveTree(t.Context(), near{FS: fsys, t: t, open: &open, deny: "17"}, "tree")
	is(t, err, syscall.EACCES)
	left := 0
	count(t, fsys, "tree", &left)
	if left != 2 { // with the directory that it is in
		t.Errorf("%d names are left", left)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, disk.RemoveTree(ended, fsys, "tree"), context.Canceled)
	ok(t, disk.RemoveTree(t.Context(), fsys, "tree"))
}

func count(t *testing.T, fsys disk.FS, name string, found *int) {
	t.Helper()
	names, err := fsys.ReadDir(name)
	if errors.Is(err, syscall.ENOTDIR) {
		return
	}
	ok(t, err)
	for _, below := range names {
		*found++
		count(t, fsys, path.Join(name, below), found)
	}
}
