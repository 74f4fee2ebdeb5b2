package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"

	"pgregory.net/rapid"
)

func parse(t *testing.T, text string) (*Catalogue, []Problem) {
	t.Helper()
	c, problems, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Bytes()); got != text {
		t.Fatalf("the text came back as %q, was %q", got, text)
	}
	return c, problems
}

func numbers(c *Catalogue) []int {
	var ns []int
	for _, t := range c.Titles() {
		ns = append(ns, t.Number)
	}
	return ns
}

const mixed = "\ufeff# the club\r\n" +
	"\r\n" +
	"  20 ^ Twenty ^ 90 /srv/20.mkv ^ long\r\n" +
	"3 ^ Three ^ 0.5 three.avi\n" +
	"no title at all\n" +
	"3 ^ Third ^ 1 other.avi\n" +
	"\t# note\n" +
	"8 ^ Eight ^ soon x\n" +
	"5 ^ Five ^ 5 five"

func TestParse(t *testing.T) {
	c, problems := parse(t, mixed)
	if got := numbers(c); !slices.Equal(got, []int{3, 5, 20}) {
		t.Errorf("titles %v", got)
	}
	title, found := c.Lookup(3)
	if want := (Title{3, "Three", 30 * time.Second, "three.avi", ""}); !found || title != want {
		t.Errorf("title 3 is %+v, %v", title, found)
	}
	if _, found := c.Lookup(8); found {
		t.Error("the malformed title 8 is there")
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		"line 5: it does not begin with a number; a line is NUMBER ^ NAME ^ MINUTES LOCATION: \"no title at all\"",
		"line 6: an earlier line has the number 3: \"3 ^ Third ^ 1 other.avi\"",
		"line 8: the duration is not a number of minutes, such as 90 or 0.5: \"8 ^ Eight ^ soon x\"",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems:\n%s", strings.Join(got, "\n"))
	}
}

func TestParseBounds(t *testing.T) {
	line := func(n int) string {
		head := "1 ^ A ^ 1 "
		return head + strings.Repeat("x", n-len(head))
	}
	for n, want := range map[int]int{MaxLine - 1: 1, MaxLine: 1, MaxLine + 1: 0} {
		for _, end := range []string{"", "\n", "\r\n"} {
			c, problems := parse(t, line(n)+end)
			if len(c.Titles()) != want || len(problems) != 1-want {
				t.Errorf("a line of %d bytes and %q: %d titles, %d problems", n, end, len(c.Titles()), len(problems))
			}
		}
	}
	long := strings.Repeat("ñ", shownText)
	_, problems := parse(t, "x"+long)
	if text := problems[0].Text; text != "x"+long[:shownText-2]+"…" {
		t.Errorf("the bad line is shown as %q", text)
	}

	_, problems = parse(t, strings.Repeat("bad\n", MaxProblems+2))
	if n := len(problems); n != MaxProblems+1 || problems[n-1].String() != "2 more lines are not valid" {
		t.Errorf("%d problems, the last %q", n, problems[n-1])
	}

	text := bytes.Repeat([]byte("# a comment line\n"), MaxText/17+1)
	if _, _, err := Parse(text[:MaxText]); err != nil {
		t.Errorf("a text of the largest size: %v", err)
	}
	if _, _, err := Parse(text[:MaxText+1]); reason.Of(err) != reason.TitlesInvalid {
		t.Errorf("a text that is too large: %v", err)
	}
}

func TestAddRemove(t *testing.T) {
	title := Title{6, "Six", 100 * time.Second, "six.avi", "sexta"}
	for _, c := range []struct{ before, after string }{
		{"", "6 ^ Six ^ 1.66667 six.avi ^ sexta\n"},
		{"\ufeff", "\ufeff6 ^ Six ^ 1.66667 six.avi ^ sexta\n"},
		{"# c\n\n", "# c\n\n6 ^ Six ^ 1.66667 six.avi ^ sexta\n"},
		{"# c\r\n", "# c\r\n6 ^ Six ^ 1.66667 six.avi ^ sexta\r\n"},
		{"# c\r\nodd", "# c\r\nodd\r\n6 ^ Six ^ 1.66667 six.avi ^ sexta\r\n"},
		{mixed, mixed + "\n6 ^ Six ^ 1.66667 six.avi ^ sexta\n"},
	} {
		list, _ := parse(t, c.before)
		if err := list.Add(title); err != nil {
			t.Fatal(err)
		}
		if got := string(list.Bytes()); got != c.after {
			t.Errorf("%q becomes %q, want %q", c.before, got, c.after)
		}
		if got, found := list.Lookup(6); !found || got != title {
			t.Errorf("title 6 is %+v, %v", got, found)
		}
		if err := list.Remove(6); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimRight(string(list.Bytes()), "\r\n"); got != strings.TrimRight(c.before, "\r\n") {
			t.Errorf("%q is %q after adding and removing", c.before, got)
		}
	}

	list, _ := parse(t, mixed)
	if err := list.Remove(20); err != nil {
		t.Fatal(err)
	}
	if got, want := string(list.Bytes()), strings.Replace(mixed, "  20 ^ Twenty ^ 90 /srv/20.mkv ^ long\r\n", "", 1); got != want {
		t.Errorf("without 20 the text is %q", got)
	}
}

func TestAddRemoveRefused(t *testing.T) {
	list, _ := parse(t, mixed)
	add := func(n int) error { return list.Add(Title{n, "N", time.Minute, "n.avi", ""}) }
	for _, c := range []struct {
		what string
		err  error
		code reason.Code
	}{
		{"a number that is taken", add(5), reason.Usage},
		{"a number of a malformed line", add(8), reason.Usage},
		{"a title that is not valid", list.Add(Title{Number: 30}), reason.Usage},
		{"removing what is not there", list.Remove(4), reason.UnknownTitle},
		{"removing a malformed line", list.Remove(8), reason.UnknownTitle},
		{"removing what a later line would replace", list.Remove(3), reason.TitlesInvalid},
	} {
		if reason.Of(c.err) != c.code {
			t.Errorf("%s: %v", c.what, c.err)
		}
	}
	if got := string(list.Bytes()); got != mixed {
		t.Errorf("refusals left %q", got)
	}

	// The largest text holds exactly one more line when that fits.
	own := "6 ^ Six ^ 1 six\n"
	six := Title{6, "Six", time.Minute, "six", ""}
	for spare, code := range map[int]reason.Code{len(own): "", len(own) - 1: reason.Usage} {
		filler := strings.Repeat("# "+strings.Repeat("c", 1021)+"\n", MaxText/1024)
		list, _ := parse(t, filler[spare:])
		if err := list.Add(six); reason.Of(err) != code {
			t.Errorf("with %d bytes left: %v", spare, err)
		}
	}
}

func TestDoubts(t *testing.T) {
	c, _, err := Parse([]byte("# titles\n1 ^ A ^ 1 good\nno title\n2 ^ B ^ 1 bad\r\n3 ^ C ^ 1 bad\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Doubts(func(one Title) error {
		if one.Location == "bad" {
			return errors.New("it is bad")
		}
		return nil
	})
	want := []Problem{{4, "2 ^ B ^ 1 bad", "it is bad"}, {5, "3 ^ C ^ 1 bad", "it is bad"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if many := c.Doubts(func(Title) error { return nil }); many != nil {
		t.Errorf("%v", many)
	}
}

func TestNext(t *testing.T) {
	for text, want := range map[string]int{
		"":                                1,
		"4 ^ A ^ 1 x\n":                   5,
		"4 ^ A ^ 1 x\n9 ^ mend me":        10,
		fmt.Sprintf("%d ^ A", MaxNumber):  1,
		"1 ^ A\n2 ^ B\n999999999 ^ C ^ 1": 3,
	} {
		c, _ := parse(t, text)
		if got := c.Next(); got != want {
			t.Errorf("after %q comes %d, want %d", text, got, want)
		}
	}
}

// Whatever is added and removed, reading the text again gives the same titles.
func TestChangesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{
			"1 ^ One ^ 1 one\n", "2 ^ Two ^ 2 two ^ d\r\n", "1 ^ Uno ^ 1 uno\n", "# c\n", "\n", "2 ^ bad\n", "3 ^ Three ^ 3 3",
		}), 0, 8).Draw(t, "lines")
		c, _, err := Parse([]byte(strings.Join(lines, "")))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			n := rapid.IntRange(1, 6).Draw(t, "number")
			_, before := c.Lookup(n)
			if rapid.Bool().Draw(t, "add") {
				err = c.Add(Title{n, rapid.StringMatching(`[a-zñ]{1,9}`).Draw(t, "name"), time.Second, "l", ""})
			} else {
				err = c.Remove(n)
			}
			if _, after := c.Lookup(n); (err == nil) == (before == after) {
				t.Fatalf("title %d: there before %v, after %v, error %v", n, before, after, err)
			}
		}
		text := c.Bytes()
		if len(text) != c.size {
			t.Fatalf("size %d of %d bytes", c.size, len(text))
		}
		again, _, err := Parse(text)
		if err != nil || !slices.Equal(again.Titles(), c.Titles()) {
			t.Fatalf("%q reads as %v (%v), was %v", text, again.Titles(), err, c.Titles())
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(mixed))
	f.Add([]byte(""))
	f.Add([]byte("\ufeff"))
	f.Add([]byte("1 ^ A ^ 1 x\r"))
	f.Add([]byte("\r\n\r\n\n1 ^ A ^ 1 x ^ d\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Bytes(); !bytes.Equal(got, text) {
			t.Fatalf("%q came back as %q", text, got)
		}
		if len(c.Titles())+len(problems) > len(c.lines) {
			t.Fatalf("%d titles and %d problems in %d lines", len(c.Titles()), len(problems), len(c.lines))
		}
		titles := c.Titles()
		n := c.Next()
		if err := c.Add(Title{n, "new", time.Second, "new.avi", ""}); err != nil {
			t.Fatal(err)
		}
		again, _, err := Parse(c.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if _, found := again.Lookup(n); !found || len(again.Titles()) != len(titles)+1 {
			t.Fatalf("after adding %d to %q: %v", n, text, again.Titles())
		}
	})
}
