package source

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

// tree is a directory with films, one with what is nobody's business, and ways
// between them.
type tree struct {
	films, other, state string
}

func newTree(t *testing.T) tree {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := tree{filepath.Join(base, "films"), filepath.Join(base, "other"), filepath.Join(base, "films", "state")}
	for _, dir := range []string{d.films, d.other, d.state, filepath.Join(d.films, "sub")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{d.films + "/a.avi", d.films + "/sub/b.avi", d.other + "/secret", d.state + "/tls.key"} {
		if err := os.WriteFile(name, []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"within": "sub/b.avi", "out": d.other + "/secret", "out-relative": "../other/secret", "dir-out": d.other, "to-state": "state/tls.key", "dangling": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(d.films, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(d.films, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOpen(t *testing.T) {
	d := newTree(t)
	inRoots := Opener{Roots: []string{d.other + "/none", d.films}, Never: []string{d.state}}
	anywhere := Opener{Never: []string{d.state}}
	for _, c := range []struct {
		name     string
		opener   Opener
		location string
		good     bool
	}{
		{"a file", inRoots, d.films + "/a.avi", true},
		{"a file below", inRoots, d.films + "/sub/b.avi", true},
		{"a link within", inRoots, d.films + "/within", true},
		{"a link out", inRoots, d.films + "/out", false},
		{"a relative link out", inRoots, d.films + "/out-relative", false},
		{"a directory's link out", inRoots, d.films + "/dir-out/secret", false},
		{"outside", inRoots, d.other + "/secret", false},
		{"a neighbour by name", inRoots, d.films + "2/a.avi", false},
		{"dots", inRoots, d.films + "/../other/secret", false},
		{"relative", inRoots, "a.avi", false},
		{"empty", inRoots, "", false},
		{"the state", inRoots, d.state + "/tls.key", false},
		{"a link to the state", inRoots, d.films + "/to-state", false},
		{"missing", inRoots, d.films + "/nothing", false},
		{"a dangling link", inRoots, d.films + "/dangling", false},
		{"the root itself", inRoots, d.films, false},
		{"a FIFO", inRoots, d.films + "/fifo", false},
		{"anywhere", anywhere, d.other + "/secret", true},
		{"a link out, anywhere", anywhere, d.films + "/out", true},
		{"the state, anywhere", anywhere, d.state + "/tls.key", false},
		{"a link to the state, anywhere", anywhere, d.films + "/to-state", false},
		{"a device, anywhere", anywhere, "/dev/null", false},
		{"a FIFO, anywhere", anywhere, d.films + "/fifo", false},
	} {
		f, facts, err := c.opener.Open(c.location)
		if !c.good {
			if reason.Of(err) != reason.TitleUnreadable {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || facts.Size != int64(len("content")) || facts.MTime == 0 {
			t.Errorf("%s: %+v, %v", c.name, facts, err)
			continue
		}
		f.Close()
	}
}

// What must never be read is known by whatever way it is named: a state
// directory may be a link.
func TestNeverByALink(t *testing.T) {
	d := newTree(t)
	link := filepath.Join(d.other, "state-link")
	if err := os.Symlink(d.state, link); err != nil {
		t.Fatal(err)
	}
	o := Opener{Never: []string{link}}
	for _, location := range []string{link + "/tls.key", d.state + "/tls.key"} {
		if f, _, err := o.Open(location); reason.Of(err) != reason.TitleUnreadable {
			t.Errorf("%s: %v, %v", location, f, err)
		}
	}
}

// opened gives an open source of that content, its path, and its facts.
func opened(t *testing.T, content []byte) (*File, string, Facts) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	f, facts, err := Opener{}.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s, err := Take(f, facts)
	if err != nil {
		t.Fatal(err)
	}
	return s, path, facts
}

func TestRead(t *testing.T) {
	content := []byte("all that is sent arrives whole")
	s, _, _ := opened(t, content)
	if s.Size() != int64(len(content)) {
		t.Errorf("size %d", s.Size())
	}
	for _, c := range []struct{ offset, n int }{{0, 0}, {0, 1}, {0, len(content)}, {5, 7}, {len(content) - 1, 1}, {len(content), 0}} {
		p := make([]byte, c.n)
		if err := s.ReadAt(p, int64(c.offset)); err != nil || !bytes.Equal(p, content[c.offset:c.offset+c.n]) {
			t.Errorf("%d bytes at %d: %q, %v", c.n, c.offset, p, err)
		}
	}
	// There is no such part of the stream, and the file has not changed.
	if err := s.ReadAt(make([]byte, 2), s.Size()-1); reason.Of(err) != reason.SourceUnreadable {
		t.Errorf("beyond the end: %v", err)
	}
}

func TestChange(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":  func(path string) error { return os.Truncate(path, 100) },
		"shorter": func(path string) error { return os.Truncate(path, 1) },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(5, 0)) },
		"written": func(path string) error { return os.WriteFile(path, []byte("other bytes"), 0o644) },
	} {
		s, path, facts := opened(t, []byte("these bytes"))
		// Times of two writes may be equal on a coarse clock; this one is not.
		if err := os.Chtimes(path, time.Time{}, time.Unix(1, 1)); err != nil {
			t.Fatal(err)
		}
		facts.MTime = time.Unix(1, 1).UnixNano()
		s.want = facts
		if err := s.Unchanged(); err != nil {
			t.Fatal(err)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if err := s.Unchanged(); reason.Of(err) != reason.SourceChanged {
			t.Errorf("%s: %v", name, err)
		}
		if name == "shorter" || name == "empty" {
			if err := s.ReadAt(make([]byte, 5), 5); reason.Of(err) != reason.SourceChanged {
				t.Errorf("%s, read: %v", name, err)
			}
		}
		if _, err := Take(s.file, facts); reason.Of(err) != reason.SourceChanged {
			t.Errorf("%s, taken: %v", name, err)
		}
	}
}

// A file that is replaced by another of its name is still the one that was
// opened: what is sent is one version.
func TestReplaced(t *testing.T) {
	s, path, _ := opened(t, []byte("the first"))
	if err := os.WriteFile(path+".new", []byte("the second"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, s.Size())
	if err := s.ReadAt(p, 0); err != nil || string(p) != "the first" || s.Unchanged() != nil {
		t.Errorf("%q, %v, %v", p, err, s.Unchanged())
	}
}

func TestUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	// A descriptor that cannot be read, like one on a disk that fails.
	if f, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Take(f, Facts{Size: info.Size(), MTime: info.ModTime().UnixNano()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadAt(make([]byte, 1), 0); reason.Of(err) != reason.SourceUnreadable {
		t.Errorf("reading fails as %v", err)
	}
	f.Close()
	if err := s.Unchanged(); reason.Of(err) != reason.SourceUnreadable {
		t.Errorf("a closed descriptor: %v", err)
	}
}

func TestFactsRead(t *testing.T) {
	f := Facts{Size: 5, MTime: time.Date(2026, 11, 22, 18, 0, 0, 5, time.UTC).UnixNano()}
	if got, want := f.String(), "5 bytes of 2026-11-22 18:00:00.000000005 UTC"; got != want {
		t.Errorf("%q instead of %q", got, want)
	}
}
