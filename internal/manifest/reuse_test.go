package manifest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// proven is a folder with the digests of its files.
type proven struct {
	entries []Entry
	sums    []Sum
}

func (p proven) text() string {
	var b bytes.Buffer
	proof := NewProofTo(&b)
	for i, e := range p.entries {
		proof.Add(e, p.sums[i])
	}
	return b.String()
}

func (p proven) list(t testing.TB) string {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, e := range p.entries {
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Two versions of a folder share what has the same path, size and digest: no
// more, no less, and the stream has the rest.
func TestCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var versions [2]proven
		want, rest := int64(0), int64(0)
		for n := range rapid.IntRange(0, 60).Draw(t, "entries") {
			e := Entry{Kind: File, Path: fmt.Sprintf("%03d", n), Size: int64(rapid.IntRange(0, 3).Draw(t, "size"))}
			if rapid.IntRange(0, 9).Draw(t, "folder") == 0 {
				e.Kind, e.Size = Folder, 0
			}
			change := rapid.SampledFrom([]string{"", "", "", "digest", "size", "new", "gone"}).Draw(t, "change")
			for i := range versions {
				e, sum := e, Sum{1}
				if i == 1 && e.Kind == File && change == "digest" {
					sum = Sum{2}
				}
				if i == 1 && e.Kind == File && change == "size" {
					e.Size++
				}
				if i == 0 && change == "new" || i == 1 && change == "gone" {
					continue
				}
				if e.Kind == Folder {
					sum = Sum{}
				}
				versions[i].entries, versions[i].sums = append(versions[i].entries, e), append(versions[i].sums, sum)
				if i == 0 {
					continue
				}
				if change == "" || e.Kind == Folder && change != "new" {
					want += e.Size
				} else {
					rest += e.Size
				}
			}
		}
		base, folder := versions[0], versions[1]
		reuse, size, err := Compare(strings.NewReader(folder.text()), strings.NewReader(base.text()))
		if err != nil || size != want {
			t.Fatalf("shares %d bytes, want %d, %v", size, want, err)
		}
		again, err := ParseReuse(reuse.Append(nil))
		if err != nil || !slices.Equal(again.runs, reuse.runs) {
			t.Fatalf("parsed again it is %v, not %v: %v", again, reuse, err)
		}
		shared := int64(0)
		list := folder.list(&testing.T{})
		err = again.Shared(strings.NewReader(list), strings.NewReader(base.text()), func(index int, start int64, e, of Entry, sum Sum) error {
			if e.Path != of.Path || sum != folder.sums[index] || start != shared {
				t.Fatalf("%q is said to be %q", e.Path, of.Path)
			}
			shared += e.Size
			return nil
		})
		c, left := NewCursor(strings.NewReader(list), again), int64(0)
		for c.Next() == nil {
			left += c.Bytes()
		}
		if err != nil || shared != want || left != rest || c.End() != rest {
			t.Fatalf("%d bytes are shared and %d are left, want %d and %d: %v", shared, left, want, rest, err)
		}
	})
}

// What is no list is refused, and so is what goes back or nowhere.
func TestParseReuseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "vc reuse v1", "vc reuse v2\n", "0 1 1", "0 1\n", "0 1 1 1\n", "0 0 1\n", "-1 1 1\n", "01 1 1\n", "0 1 x\n", "0 1 1\n0 1 2\n", "0 2 1\n1 1 5\n",
		"0 2 5\n7 1 6\n", "999999 2 0\n", "0 2 999999\n", "0 2147483647 0\n", "0 4294967297 0\n",
	} {
		if !strings.HasPrefix(text, "vc") && text != "" {
			text = reuseHeader + text
		}
		if _, err := ParseReuse([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if _, ok := (*Reuse)(nil).Of(0); ok {
		t.Error("nothing shares something")
	}
}

// A base that has another size there, or no entry at all, is an error.
func TestSharedRefuses(t *testing.T) {
	folder := proven{[]Entry{{Kind: File, Path: "a", Size: 5}}, []Sum{{1}}}
	for _, base := range []proven{
		{[]Entry{{Kind: File, Path: "a", Size: 4}}, []Sum{{1}}}, {[]Entry{{Kind: Folder, Path: "a"}}, []Sum{{}}}, {},
	} {
		reuse, err := ParseReuse([]byte(reuseHeader + "0 1 0\n"))
		if err != nil {
			t.Fatal(err)
		}
		err = reuse.Shared(strings.NewReader(folder.list(t)), strings.NewReader(base.text()), func(int, int64, Entry, Entry, Sum) error { return nil })
		if err == nil {
			t.Errorf("shares with %+v", base)
		}
	}
}

// Whatever is read as a proven manifest is one: written anew it is the same.
func FuzzProvenReader(f *testing.F) {
	f.Add(proven{[]Entry{{Kind: Folder, Path: "d"}, {Kind: File, Path: "d/a b", Size: 5}}, []Sum{{}, {1, 2, 3}}}.text())
	f.Add(provenHeader)
	f.Add(provenHeader + "f 0 " + Sum{}.String() + " x\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := NewProvenReader(strings.NewReader(text))
		var again bytes.Buffer
		proof := NewProofTo(&again)
		for {
			e, sum, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			proof.Add(e, sum)
		}
		if again.String() != text || proof.Err() != nil {
			t.Errorf("%q is written as %q", text, again.String())
		}
	})
}

func FuzzParseReuse(f *testing.F) {
	f.Add(reuseHeader + "0 3 1\n5 1 9\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseReuse([]byte(text)); err == nil && string(r.Append(nil)) != text {
			t.Errorf("%q is written as %q", text, r.Append(nil))
		}
	})
}
