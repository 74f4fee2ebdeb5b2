package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func sample() []Entry {
	return []Entry{
		{Kind: File, Path: "ASSETMAP", Size: 100, MTime: 1},
		{Kind: Folder, Path: "a"},
		{Kind: File, Path: "a/b", Size: 0, MTime: -5},
		{Kind: Folder, Path: "a/d"},
		{Kind: File, Path: "a/d/x y", Size: 7, MTime: 2},
		{Kind: File, Path: "a!", Size: 1, MTime: 3},
		{Kind: File, Path: "ñandú", Size: 1 << 40, MTime: 4},
	}
}

func write(t testing.TB, entries []Entry) (string, Summary) {
	t.Helper()
	var text bytes.Buffer
	w := NewWriter(&text)
	for _, e := range entries {
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return text.String(), sum
}

func read(r io.Reader) ([]Entry, Summary, error) {
	in := NewReader(r)
	var all []Entry
	for {
		e, err := in.Next()
		if err == io.EOF {
			return all, in.Summary(), nil
		}
		if err != nil {
			return all, in.Summary(), err
		}
		all = append(all, e)
	}
}

func TestRoundTrip(t *testing.T) {
	text, sum := write(t, sample())
	want := "vc folder v1\nf 100 1 ASSETMAP\nd a\nf 0 -5 a/b\nd a/d\nf 7 2 a/d/x y\nf 1 3 a!\nf 1099511627776 4 ñandú\n"
	if text != want {
		t.Errorf("written as\n%s", text)
	}
	if sum.Entries != 7 || sum.Files != 5 || sum.Size != 108+1<<40 || sum.Bytes != int64(len(text)) || sum.Version() < 0 {
		t.Errorf("%+v", sum)
	}
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text))} {
		got, again, err := read(r)
		if err != nil || !slices.Equal(got, sample()) || again != sum {
			t.Errorf("%s: %+v %+v, %v", name, got, again, err)
		}
	}
	if _, err := NewReader(iotest.TimeoutReader(strings.NewReader(text[:40]))).Next(); err != nil && errors.Is(err, io.EOF) {
		t.Errorf("an error of the reader became %v", err)
	}
	_, empty := write(t, nil)
	if _, again, err := read(strings.NewReader(header)); err != nil || again != empty {
		t.Errorf("an empty folder: %+v, %v", again, err)
	}
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("n", MaxName+1)
	deep := strings.Repeat("d/", MaxDepth)
	for name, text := range map[string]string{
		"nothing":        "",
		"other header":   "vc folder v2\n",
		"no end":         header + "d a",
		"no kind":        header + "x a\n",
		"no path":        header + "d \n",
		"spaced number":  header + "f  1 a\n",
		"zeros":          header + "f 01 1 a\n",
		"plus":           header + "f +1 1 a\n",
		"negative":       header + "f -1 1 a\n",
		"huge":           header + "f 9223372036854775807 1 a\n",
		"absolute":       header + "d /a\n",
		"above":          header + "d ..\n",
		"above below":    header + "d a\nd a/..\n",
		"here":           header + "d .\n",
		"slash behind":   header + "d a/\n",
		"two slashes":    header + "d a\nd a//b\n",
		"control":        header + "d a\tb\n",
		"not UTF-8":      header + "d a\xff\n",
		"long name":      header + "d " + long + "\n",
		"long path":      header + "d " + strings.Repeat(long[:200]+"/", 16) + "a\n",
		"deep":           header + "d " + deep + "a\n",
		"twice":          header + "d a\nd a\n",
		"out of order":   header + "d b\nd a\n",
		"slash after":    header + "d a\nf 1 1 a!\nf 1 1 a/b\n",
		"no folder":      header + "f 1 1 a/b\n",
		"a file's":       header + "f 1 1 a\nf 1 1 a/b\n",
		"case":           header + "f 1 1 A\nf 1 1 a\n",
		"case of others": header + "d Σ\nd ς\n",
		"Kelvin":         header + "d k\nd \u212a\n",
	} {
		if _, _, err := read(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, _, err := read(strings.NewReader(header + "d A\nf 1 1 A/x\nd B\nf 1 1 B/X\n")); err != nil {
		t.Errorf("the same name in two folders: %v", err)
	}
}

// Order is that of the elements, however the bytes of a path compare.
func TestBefore(t *testing.T) {
	ordered := []string{"-", "a", "a/a", "a/a/z", "a/b", "a ", "a!", "a!/b", "a.", "ab", "b", "é"}
	for i, a := range ordered {
		for j, b := range ordered {
			if Before(a, b) != (i < j) {
				t.Errorf("%q before %q: %v", a, b, !(i < j))
			}
		}
	}
}

func TestCursor(t *testing.T) {
	text, _ := write(t, sample())
	for _, test := range []struct {
		offset int64
		path   string
		start  int64
	}{{0, "ASSETMAP", 0}, {99, "ASSETMAP", 0}, {100, "a/d/x y", 100}, {107, "a!", 107}, {108, "ñandú", 108}, {107 + 1<<40, "ñandú", 108}} {
		c := NewCursor(strings.NewReader(text), nil)
		if err := c.Find(test.offset); err != nil || c.Entry.Path != test.path || c.Start != test.start || sample()[c.Index] != c.Entry {
			t.Errorf("at %d: %+v from %d, %v", test.offset, c.Entry, c.Start, err)
		}
	}
	if err := NewCursor(strings.NewReader(text), nil).Find(108 + 1<<40); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestProofAndCheck(t *testing.T) {
	moved := sample()
	for i := range moved {
		moved[i].MTime++
	}
	proof := func(entries []Entry) string {
		p := NewProof()
		for _, e := range entries {
			p.Add(e, Sum{byte(len(e.Path))})
		}
		return p.SHA256()
	}
	if proof(moved) != proof(sample()) {
		t.Error("what a folder holds depends on when it was written, or on how it came")
	}
	moved[0].Size++
	if proof(moved) == proof(sample()) {
		t.Error("a size is not proven")
	}
	if line := string(sample()[4].AppendCheck(nil, Sum{}, `a\b`)); line != `\`+strings.Repeat("0", 64)+`  a\\b/a/d/x y`+"\n" {
		t.Errorf("checked as %q", line)
	}
}

func TestLimits(t *testing.T) {
	w := NewWriter(io.Discard)
	w.check.total.Entries = MaxEntries - 1
	if err := w.Add(Entry{Kind: Folder, Path: "a"}); err != nil {
		t.Fatal(err)
	}
	var wrong *PathError
	if err := w.Add(Entry{Kind: Folder, Path: "b"}); !errors.As(err, &wrong) || wrong.Path != "b" {
		t.Errorf("one too many: %v", err)
	}
	w = NewWriter(io.Discard)
	w.check.total.Bytes = MaxBytes - 5
	if err := w.Add(Entry{Kind: Folder, Path: "ab"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(Entry{Kind: Folder, Path: "b"}); err == nil {
		t.Error("a byte too many is taken")
	}
}

// What is read is written again as it was.
func FuzzRead(f *testing.F) {
	text, _ := write(f, sample())
	f.Add([]byte(text))
	f.Add([]byte(header + "f 1 1 A\nf 1 1 a\n"))
	f.Add([]byte(header))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, sum, err := read(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, sumAgain := write(t, entries)
		if again != string(text) || sum != sumAgain {
			t.Errorf("%q became %q", text, again)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var text bytes.Buffer
	w := NewWriter(&text)
	for i := range 100_000 {
		if err := w.Add(Entry{Kind: File, Path: fmt.Sprintf("%06d.dpx", i), Size: 100_000, MTime: 1_700_000_000_000_000_000}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := read(bytes.NewReader(text.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
