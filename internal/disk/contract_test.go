package disk_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
)

// The contract of disk.FS, for each implementation.
func TestContract(t *testing.T) {
	for name, make := range map[string]func(*testing.T) disk.FS{
		"os": func(t *testing.T) disk.FS { return root(t, t.TempDir()) },
		"powerloss": func(t *testing.T) disk.FS {
			return powerloss.New(time.Now, 1<<30)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("open", func(t *testing.T) { testOpen(t, make(t)) })
			t.Run("names", func(t *testing.T) { testNames(t, make(t)) })
			t.Run("bytes", func(t *testing.T) { testBytes(t, make(t)) })
			t.Run("copy", func(t *testing.T) { testCopy(t, make(t)) })
			t.Run("allocate", func(t *testing.T) { testAllocate(t, make(t)) })
			t.Run("rename", func(t *testing.T) { testRename(t, make(t)) })
			t.Run("directories", func(t *testing.T) { testDirectories(t, make(t)) })
			t.Run("facts", func(t *testing.T) { testFacts(t, make(t)) })
			t.Run("lock", func(t *testing.T) { testLock(t, make(t)) })
			t.Run("remove", func(t *testing.T) { testRemoveTree(t, make(t)) })
		})
	}
}

func root(t *testing.T, dir string) *disk.Root {
	t.Helper()
	r, err := disk.OS(dir)
	ok(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func put(t *testing.T, fsys disk.FS, name, data string) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	ok(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	ok(t, err)
	ok(t, f.Sync())
	ok(t, f.Close())
}

func get(t *testing.T, fsys disk.FS, name string) string {
	t.Helper()
	data, err := disk.ReadFile(fsys, name, 1<<20)
	ok(t, err)
	return string(data)
}

func testOpen(t *testing.T, fsys disk.FS) {
	_, err := fsys.OpenFile("a", os.O_RDWR, 0)
	is(t, err, fs.ErrNotExist)
	put(t, fsys, "a", "one")
	_, err = fsys.OpenFile("a", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	is(t, err, fs.ErrExist)
	_, err = fsys.OpenFile("a", os.O_RDWR|os.O_APPEND, 0)
	is(t, err, fs.ErrInvalid)
	_, err = fsys.OpenFile("a/b", os.O_RDONLY, 0)
	is(t, err, syscall.ENOTDIR)
	_, err = fsys.OpenFile("no/b", os.O_RDWR|os.O_CREATE, 0o600)
	is(t, err, fs.ErrNotExist)
	ok(t, fsys.Mkdir("d", 0o700))
	_, err = fsys.OpenFile("d", os.O_RDONLY, 0)
	is(t, err, fs.ErrInvalid)
	_, err = fsys.OpenFile("d", os.O_RDWR, 0)
	is(t, err, syscall.EISDIR)
	f, err := fsys.OpenFile("a", os.O_RDONLY, 0)
	ok(t, err)
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("a file opened for reading was written")
	}
	ok(t, f.Close())
	is(t, f.Close(), fs.ErrClosed)
	is(t, f.Sync(), fs.ErrClosed)
	is(t, f.Datasync(), fs.ErrClosed)
	if got := get(t, fsys, "a"); got != "one" {
		t.Errorf("read %q", got)
	}
	if _, err := disk.ReadFile(fsys, "a", 2); err == nil {
		t.Error("a file longer than its limit was read")
	}
}

func testNames(t *testing.T, fsys disk.FS) {
	for _, name := range []string{"", "/a", "../a", "a/../b", "./a", "a/", "a//b", "..", "a\x00b"} {
		_, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		is(t, err, fs.ErrInvalid)
		is(t, fsys.Mkdir(name, 0o700), fs.ErrInvalid)
		is(t, fsys.Remove(name), fs.ErrInvalid)
		is(t, fsys.Rename("a", name), fs.ErrInvalid)
		is(t, fsys.Rename(name, "a"), fs.ErrInvalid)
		_, err = fsys.Stat(name)
		is(t, err, fs.ErrInvalid)
		put(t, fsys, "a", "")
	}
}

// What is copied is the same, and stays so whatever becomes of where it was.
func testCopy(t *testing.T, fsys disk.FS) {
	content := make([]byte, 3<<20+17)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	from, err := fsys.OpenFile("from", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	defer from.Close()
	_, err = from.WriteAt(content, 0)
	ok(t, err)
	to, err := fsys.OpenFile("to", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	defer to.Close()
	const step = 1 << 20
	for at := int64(0); at < int64(len(content)); at += step {
		ok(t, disk.Copy(to, from, at, min(step, int64(len(content))-at)))
	}
	_, err = from.WriteAt([]byte("other"), 0)
	ok(t, err)
	got := make([]byte, len(content))
	if n, err := to.ReadAt(got, 0); n != len(got) || !slices.Equal(got, content) {
		t.Errorf("%d bytes are there, or others, %v", n, err)
	}
	is(t, disk.Copy(to, from, int64(len(content))-1, 2), io.ErrUnexpectedEOF)
}

func testBytes(t *testing.T, fsys disk.FS) {
	f, err := fsys.OpenFile("a", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	defer f.Close()
	for _, off := range []int64{0, 511, 512, 4096} {
		n, err := f.WriteAt([]byte("xyz"), off)
		if n != 3 || err != nil {
			t.Fatalf("write at %d: %d, %v", off, n, err)
		}
	}
	ok(t, f.Datasync())
	b := make([]byte, 6)
	n, err := f.ReadAt(b, 4094)
	if string(b[:n]) != "\x00\x00xyz" || err != io.EOF {
		t.Errorf("read %q, %v", b[:n], err)
	}
	n, err = f.ReadAt(b[:3], 512)
	if string(b[:n]) != "xyz" || err != nil {
		t.Errorf("read %q, %v", b[:n], err)
	}
	ok(t, f.Truncate(2))
	ok(t, f.Truncate(4))
	if got := get(t, fsys, "a"); got != "xy\x00\x00" {
		t.Errorf("truncated to %q", got)
	}
	_, err = f.ReadAt(b, 4)
	is(t, err, io.EOF)
	if _, err := f.WriteAt([]byte("x"), -1); err == nil {
		t.Error("written before the beginning")
	}
}

func testAllocate(t *testing.T, fsys disk.FS) {
	f, err := fsys.OpenFile("a", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	defer f.Close()
	ok(t, f.Allocate(0))
	const size = 100_000
	if err := f.Allocate(size); errors.Is(err, errors.ErrUnsupported) {
		return // a file system that cannot: the others have the same contract
	} else if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	ok(t, err)
	if info.Size != 0 || info.Allocated < size {
		t.Errorf("%+v after the allocation of %d bytes", info, size)
	}
	_, err = f.WriteAt([]byte("x"), 0)
	ok(t, err)
	ok(t, f.Truncate(1))
	if info, err = f.Stat(); err != nil || info.Size != 1 || info.Allocated >= size {
		t.Errorf("%+v, %v: truncate does not free", info, err)
	}
	space, err := fsys.Space()
	ok(t, err)
	if space.Available <= 0 || space.Total < space.Available {
		t.Errorf("%+v", space)
	}
}

func testRename(t *testing.T, fsys disk.FS) {
	ok(t, fsys.Mkdir("d", 0o700))
	put(t, fsys, "a", "one")
	put(t, fsys, "d/b", "two")
	before, err := fsys.Stat("a")
	ok(t, err)
	is(t, fsys.RenameNoReplace("a", "d/b"), fs.ErrExist)
	is(t, fsys.RenameNoReplace("none", "d/c"), fs.ErrNotExist)
	is(t, fsys.Rename("a", "none/c"), fs.ErrNotExist)
	ok(t, fsys.RenameNoReplace("a", "d/c"))
	if after, err := fsys.Stat("d/c"); err != nil || after.Inode != before.Inode {
		t.Errorf("%+v, %v: was %+v", after, err, before)
	}
	_, err = fsys.Stat("a")
	is(t, err, fs.ErrNotExist)
	ok(t, fsys.Rename("d/c", "d/b"))
	if got := get(t, fsys, "d/b"); got != "one" {
		t.Errorf("replaced by %q", got)
	}
	ok(t, fsys.Mkdir("x", 0o700))
	is(t, fsys.Rename("d/b", "x"), syscall.EISDIR)
	ok(t, fsys.Rename("d", "e"))
	if got := get(t, fsys, "e/b"); got != "one" {
		t.Errorf("moved %q", got)
	}
}

func testDirectories(t *testing.T, fsys disk.FS) {
	ok(t, fsys.Mkdir("d", 0o700))
	is(t, fsys.Mkdir("d", 0o700), fs.ErrExist)
	put(t, fsys, "d/b", "")
	put(t, fsys, "d/a", "")
	names, err := fsys.ReadDir("d")
	ok(t, err)
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names %q", names)
	}
	if names, err = fsys.ReadDir("."); err != nil || !slices.Equal(names, []string{"d"}) {
		t.Errorf("names %q, %v", names, err)
	}
	ok(t, fsys.SyncDir("d"))
	ok(t, fsys.SyncDir("."))
	is(t, fsys.SyncDir("none"), fs.ErrNotExist)
	_, err = fsys.ReadDir("none")
	is(t, err, fs.ErrNotExist)
	_, err = fsys.ReadDir("d/a")
	is(t, err, syscall.ENOTDIR)
	is(t, fsys.Remove("d"), syscall.ENOTEMPTY)
	ok(t, fsys.Remove("d/a"))
	ok(t, fsys.Remove("d/b"))
	ok(t, fsys.Remove("d"))
	is(t, fsys.Remove("d"), fs.ErrNotExist)
	if fsys.Remove(".") == nil {
		t.Error("the root was removed")
	}
}

func testFacts(t *testing.T, fsys disk.FS) {
	put(t, fsys, "a", "four")
	put(t, fsys, "b", "")
	at := time.Unix(1_700_000_000, 123_456_000)
	ok(t, fsys.SetModTime("a", at))
	is(t, fsys.SetModTime("none", at), fs.ErrNotExist)
	f, err := fsys.OpenFile("a", os.O_RDWR, 0)
	ok(t, err)
	defer f.Close()
	ok(t, f.SetMode(0o640))
	opened, err := f.Stat()
	ok(t, err)
	named, err := fsys.Stat("a")
	ok(t, err)
	other, err := fsys.Stat("b")
	ok(t, err)
	if opened != named {
		t.Errorf("by the file %+v, by the name %+v", opened, named)
	}
	if named.Size != 4 || named.Mode != 0o640 || !named.ModTime.Equal(at) || named.ChangeTime.Equal(at) || named.Inode == other.Inode {
		t.Errorf("%+v, the other %+v", named, other)
	}
	if info, err := fsys.Stat("."); err != nil || !info.Mode.IsDir() {
		t.Errorf("the root: %+v, %v", info, err)
	}
}

func testLock(t *testing.T, fsys disk.FS) {
	held, err := fsys.Lock("lock")
	ok(t, err)
	_, err = fsys.Lock("lock")
	is(t, err, disk.ErrLocked)
	ok(t, held.Close())
	again, err := fsys.Lock("lock")
	ok(t, err)
	ok(t, again.Close())
}

// What only a real directory has: links and other files that are not files.
func TestLinksAreNotFollowed(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	ok(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	ok(t, os.Symlink(outside, filepath.Join(dir, "d")))
	ok(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "f")))
	ok(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	fsys := root(t, dir)
	for _, name := range []string{"f", "d/secret", "fifo", "d"} {
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE} {
			if f, err := fsys.OpenFile(name, flag, 0o600); err == nil {
				f.Close()
				t.Errorf("%s was opened", name)
			}
		}
	}
	if info, err := fsys.Stat("f"); err != nil || info.Mode&fs.ModeSymlink == 0 {
		t.Errorf("a link is %+v, %v", info, err)
	}
	if _, err := fsys.ReadDir("d"); err == nil {
		t.Error("a directory was read through a link")
	}
	if err := fsys.Rename("f", "d/g"); err == nil {
		t.Error("moved through a link")
	}
	ok(t, fsys.Remove("d"))
	if _, err := os.Stat(filepath.Join(outside, "secret")); err != nil {
		t.Error(err)
	}
}

func TestOSFile(t *testing.T) {
	fsys := root(t, t.TempDir())
	put(t, fsys, "a", "one")
	f, err := fsys.OpenFile("a", os.O_RDWR, 0)
	ok(t, err)
	defer f.Close()
	if file, is := disk.OSFile(f); !is || file.Fd() != f.Fd() {
		t.Error("no os.File beneath a file of this machine")
	}
	mem := powerloss.New(time.Now, 1<<20)
	put(t, mem, "a", "one")
	g, err := mem.OpenFile("a", os.O_RDONLY, 0)
	ok(t, err)
	if _, is := disk.OSFile(g); is || g.Fd() != ^uintptr(0) {
		t.Error("a descriptor of a file in memory")
	}
	if !disk.IsNoSpace(&fs.PathError{Err: syscall.EDQUOT}) || disk.IsNoSpace(syscall.EIO) {
		t.Error("want of space is not told from other failures")
	}
}
