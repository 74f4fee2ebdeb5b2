package manifest

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PathError is what is wrong with one path. Both sides look: the one so as to
// promise nothing that cannot be delivered, the other because it trusts nobody.
type PathError struct {
	Path string
	Why  string
}

func (e *PathError) Error() string { return fmt.Sprintf("%q: %s", e.Path, e.Why) }

// checker follows the entries of a manifest in order.
type checker struct {
	seed  maphash.Seed
	last  string // path
	open  []level
	total Summary
}

// level is a folder whose entries are being read.
type level struct {
	path   string
	folded map[uint64]struct{} // hashes of the names so far, without case
}

func newChecker() *checker {
	c := &checker{seed: maphash.MakeSeed(), open: []level{{folded: map[uint64]struct{}{}}}}
	c.total.Bytes = int64(len(header))
	return c
}

// CheckName says what is wrong with one element of a path, "" if nothing is.
func CheckName(name string) string {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/'):
		return "it leaves the folder, or names nothing"
	case len(name) > MaxName:
		return fmt.Sprintf("a name has at most %d bytes", MaxName)
	case !utf8.ValidString(name):
		return "its name is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "its name has a control character"
	}
	return ""
}

// add takes the next entry, whose line has length bytes.
func (c *checker) add(e Entry, length int) error {
	fail := func(format string, args ...any) error { return &PathError{e.Path, fmt.Sprintf(format, args...)} }
	if len(e.Path) > MaxPath {
		return fail("a path has at most %d bytes", MaxPath)
	}
	elements := strings.Split(e.Path, "/")
	if len(elements) > MaxDepth {
		return fail("a folder is at most %d deep", MaxDepth)
	}
	for _, name := range elements {
		if why := CheckName(name); why != "" {
			return fail("%s", why)
		}
	}
	if c.last != "" && !Before(c.last, e.Path) {
		return fail("it stands after %q, out of order or twice", c.last)
	}
	c.last = e.Path
	parent, name := "", e.Path
	if cut := strings.LastIndexByte(e.Path, '/'); cut >= 0 {
		parent, name = e.Path[:cut], e.Path[cut+1:]
	}
	for len(c.open) > 1 && c.open[len(c.open)-1].path != parent {
		c.open = c.open[:len(c.open)-1]
	}
	in := c.open[len(c.open)-1]
	if in.path != parent {
		return fail("its folder is not in the manifest")
	}
	key := maphash.String(c.seed, Fold(name))
	if _, taken := in.folded[key]; taken {
		return fail("another name in the same folder differs in nothing but case")
	}
	in.folded[key] = struct{}{}
	if e.Kind == Folder {
		c.open = append(c.open, level{path: e.Path, folded: map[uint64]struct{}{}})
	}
	return c.count(e, length)
}

func (c *checker) count(e Entry, length int) error {
	t := &c.total
	t.Entries++
	t.Bytes += int64(length)
	switch {
	case e.Size < 0 || e.Size > MaxSize-t.Size:
		return &PathError{e.Path, "its size is out of range"}
	case t.Entries > MaxEntries:
		return &PathError{e.Path, fmt.Sprintf("a folder title has at most %d files and folders", MaxEntries)}
	case t.Bytes > MaxBytes:
		return &PathError{e.Path, fmt.Sprintf("the names of a folder title have at most %d bytes", MaxBytes)}
	}
	if e.Kind != Folder {
		t.Files++
		t.Size += e.Size
	}
	return nil
}

// Before says whether path a stands before b: element by element, by the bytes.
func Before(a, b string) bool {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		// What ends an element comes before whatever goes on with it.
		return b[i] != '/' && (a[i] == '/' || a[i] < b[i])
	}
	return len(a) < len(b)
}

// Fold gives what names have in common that differ in nothing but case, by the
// simple folding of Unicode.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A' // as below, without looking
		case r < utf8.RuneSelf:
			return r
		}
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}
