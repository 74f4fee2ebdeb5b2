package source

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// folder is one on this machine, with its manifest.
type folder struct {
	t    *testing.T
	dir  string
	list *os.File
	sum  manifest.Summary
}

func newFolder(t *testing.T, content map[string]string) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir()}
	for path, text := range content {
		f.write(path, text)
	}
	return f
}

func (f *folder) write(path, text string) {
	f.t.Helper()
	at := filepath.Join(f.dir, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
	// Beyond the grain of the clock, so that the next write is seen.
	old := time.Unix(1_600_000_000, 5)
	if err := os.Chtimes(at, old, old); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) open() *os.File {
	f.t.Helper()
	dir, err := os.Open(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { dir.Close() })
	return dir
}

func (f *folder) describe() error {
	f.t.Helper()
	list, err := os.CreateTemp(f.t.TempDir(), "")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { list.Close() })
	f.list = list
	f.sum, err = Describe(f.open(), list)
	return err
}

func (f *folder) take() *Folder {
	f.t.Helper()
	src := TakeFolder(f.open(), f.list, nil, f.sum.Size)
	f.t.Cleanup(src.Close)
	return src
}

func TestFolderIsOneStream(t *testing.T) {
	f := newFolder(t, map[string]string{
		"a/b/one": "first", "a.txt": "", "a/two": "the second", "z/y/x/w/three": "3", "none/at/all/empty": "", "ñ": "the last",
	})
	if err := f.describe(); err != nil {
		t.Fatal(err)
	}
	const want = "first" + "the second" + "3" + "the last"
	if f.sum.Size != int64(len(want)) || f.sum.Files != 6 {
		t.Fatalf("%+v", f.sum)
	}
	text, err := os.ReadFile(f.list.Name())
	if err != nil || !strings.HasPrefix(string(text), "vc folder v1\nd a\nd a/b\nf 5 1600000000000000005 a/b/one\nf 10 1600000000000000005 a/two\nf 0 ") {
		t.Errorf("%s, %v", text, err)
	}
	src := f.take()
	for from := range len(want) + 1 {
		for to := from; to <= len(want); to++ {
			p := make([]byte, to-from)
			if err := src.ReadAt(p, int64(from)); err != nil || string(p) != want[from:to] {
				t.Fatalf("[%d:%d] is %q, %v", from, to, p, err)
			}
		}
	}
	if err := src.ReadAt(make([]byte, 2), int64(len(want))-1); reason.Of(err) != reason.SourceUnreadable {
		t.Errorf("beyond the end: %v", err)
	}
	if err := errors.Join(src.Unchanged(), src.OneVersion()); err != nil {
		t.Error(err)
	}
}

// A file that changed after it was read, while others were, is noticed too.
func TestFolderIsOneVersion(t *testing.T) {
	changes := map[string]func(path string) error{
		"written":  func(path string) error { return os.WriteFile(path, []byte("another"), 0o600) },
		"touched":  func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) },
		"removed":  os.Remove,
		"linked":   func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path)) },
		"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	}
	for what, change := range changes {
		f := newFolder(t, map[string]string{"a/b": "first", "a/empty": "", "c": "second"})
		if err := f.describe(); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"a/b", "a/empty"} {
			src := f.take()
			if err := src.ReadAt(make([]byte, 11), 0); err != nil {
				t.Fatal(err)
			}
			if err := src.OneVersion(); err != nil {
				t.Fatal(err)
			}
			aside := filepath.Join(t.TempDir(), "aside")
			if err := errors.Join(os.Rename(filepath.Join(f.dir, path), aside), copyOf(aside, filepath.Join(f.dir, path)), change(filepath.Join(f.dir, path))); err != nil {
				t.Fatal(err)
			}
			if err := src.OneVersion(); reason.Of(err) != reason.SourceChanged || !strings.Contains(err.Error(), strconv.Quote(path)) {
				t.Errorf("%s %s: %v", path, what, err)
			}
			if err := errors.Join(os.RemoveAll(filepath.Join(f.dir, path)), os.Rename(aside, filepath.Join(f.dir, path))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// copyOf makes a file like another, also in its time.
func copyOf(from, to string) error {
	content, err := os.ReadFile(from)
	info, err1 := os.Stat(from)
	if err := errors.Join(err, err1); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, content, 0o600), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

func TestWhatIsNoTitle(t *testing.T) {
	for why, spoil := range map[string]func(dir string) error{
		`"s/x": it is a symbolic link`: func(dir string) error { return os.Symlink("here", filepath.Join(dir, "x")) },
		`"s/x": it is a pipe`:          func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "x"), 0o600) },
		`"s/x": it is a socket`: func(dir string) error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			t.Chdir(dir) // a socket's path is short
			return unix.Bind(fd, &unix.SockaddrUnix{Name: "x"})
		},
		`"s/file": another name in the same folder differs in nothing but case`: func(dir string) error { return os.WriteFile(filepath.Join(dir, "FILE"), nil, 0o600) },
		`its name has a control character`:                                      func(dir string) error { return os.WriteFile(filepath.Join(dir, "a\nb"), nil, 0o600) },
		`its name is not UTF-8`:                                                 func(dir string) error { return os.WriteFile(filepath.Join(dir, "a\xe9"), nil, 0o600) },
	} {
		f := newFolder(t, map[string]string{"s/file": "x"})
		if err := spoil(filepath.Join(f.dir, "s")); err != nil {
			t.Fatal(err)
		}
		if err := f.describe(); reason.Of(err) != reason.TitleUnreadable || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %s", err, why)
		}
	}
}

// A change is noticed at the file that it was made to, and a link that was put
// in a file's way leads nowhere.
func TestFolderNoticesChanges(t *testing.T) {
	outside := newFolder(t, map[string]string{"b": "second"})
	for name, change := range map[string]func(dir string) error{
		"written": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/b"), []byte("SECOND"), 0o600) },
		"longer": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a/b"), []byte("second and more"), 0o600)
		},
		"removed": func(dir string) error { return os.Remove(filepath.Join(dir, "a/b")) },
		"a link": func(dir string) error {
			if err := os.Remove(filepath.Join(dir, "a/b")); err != nil {
				return err
			}
			return os.Symlink(filepath.Join(outside.dir, "b"), filepath.Join(dir, "a/b"))
		},
		"the folder a link": func(dir string) error {
			if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "was")); err != nil {
				return err
			}
			return os.Symlink(outside.dir, filepath.Join(dir, "a"))
		},
	} {
		f := newFolder(t, map[string]string{"1": "first", "a/b": "second"})
		if err := f.describe(); err != nil {
			t.Fatal(err)
		}
		src := f.take()
		if err := change(f.dir); err != nil {
			t.Fatal(err)
		}
		if err := src.ReadAt(make([]byte, 5), 0); err != nil {
			t.Errorf("%s: the other file: %v", name, err)
		}
		if err := src.ReadAt(make([]byte, 6), 5); reason.Of(err) != reason.SourceChanged || !strings.Contains(err.Error(), `"a/b"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// While it is being read.
func TestFolderNoticesChangesUnderWay(t *testing.T) {
	f := newFolder(t, map[string]string{"a": "0123456789"})
	if err := f.describe(); err != nil {
		t.Fatal(err)
	}
	src := f.take()
	if err := src.ReadAt(make([]byte, 5), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "a"), bytes.Repeat([]byte("x"), 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := src.Unchanged(); reason.Of(err) != reason.SourceChanged {
		t.Errorf("in its middle: %v", err)
	}
	if err := src.ReadAt(make([]byte, 5), 5); reason.Of(err) != reason.SourceChanged {
		t.Errorf("at its end: %v", err)
	}
}

func TestOpenFolder(t *testing.T) {
	f := newFolder(t, map[string]string{"state/keys": "secret", "x/y": ""})
	o := Opener{Never: []string{filepath.Join(f.dir, "state")}}
	if _, _, err := o.Open(f.dir); reason.Of(err) != reason.TitleUnreadable {
		t.Errorf("the folder with the state in it: %v", err)
	}
	dir, facts, err := o.Open(filepath.Join(f.dir, "x"))
	if err != nil || facts != (Facts{Folder: true}) {
		t.Fatalf("%v, %v", facts, err)
	}
	defer dir.Close()
	if _, err := Describe(dir, io.Discard); err != nil {
		t.Error(err)
	}
	// It can be looked through again from the same descriptor.
	if sum, err := Describe(dir, io.Discard); err != nil || sum.Files != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// A file of 100 GB that takes no space, and one behind it: offsets are as they
// are beyond what 32 bits hold, and what is left out of the stream shifts it.
func TestFolderOfAHugeFile(t *testing.T) {
	const huge = 100_000_000_000
	f := newFolder(t, map[string]string{"a": "first", "b": "", "c": "last"})
	at := filepath.Join(f.dir, "b")
	if err := os.Truncate(at, huge); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(at, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte("end"), huge-3); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := f.describe(); err != nil || f.sum.Size != huge+9 {
		t.Fatalf("described %+v, %v", f.sum, err)
	}
	for _, c := range []struct {
		offset int64
		want   string
	}{{0, "first\x00"}, {5 + huge - 4, "\x00endlast"}, {5 + huge, "last"}} {
		got := make([]byte, len(c.want))
		if err := f.take().ReadAt(got, c.offset); err != nil || string(got) != c.want {
			t.Errorf("at %d: %q, %v", c.offset, got, err)
		}
	}
	reuse, err := manifest.ParseReuse([]byte("vc reuse v1\n1 1 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	src := TakeFolder(f.open(), f.list, reuse, 9)
	defer src.Close()
	got := make([]byte, 9)
	if err := src.ReadAt(got, 0); err != nil || string(got) != "firstlast" || src.OneVersion() != nil {
		t.Errorf("what is not shared is %q, %v", got, err)
	}
}
