package depot

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"videoclub/internal/catalogue"
)

func TestSafeName(t *testing.T) {
	long := strings.Repeat("ñ", 150)
	for _, c := range []struct{ name, extension, want string }{
		{"La Piedra", ".mp4", "La Piedra.mp4"},
		{"La Piedra.mp4", ".mp4", "La Piedra.mp4"},
		{"La Piedra.MP4", ".mp4", "La Piedra.MP4"},
		{"La Piedra.mp4", "", "La Piedra.mp4"},
		{"La Piedra", "", "La Piedra"},
		{"../../etc/passwd", "", "_._etc_passwd"},
		{"..", ".mp4", "title-7.mp4"},
		{"", "", "title-7"},
		{"", ".mkv", "title-7.mkv"},
		{" .-. ", "", "title-7"},
		{".vc", "", "vc"},
		{"-rf", "", "rf"},
		{"a. . ", "", "a"},
		{"a..mp4", "", "a.mp4"},
		{"a\x00b\nc\u0085d\u202ee\u200bf", "", "abcdef"},
		{"a\xffb", "", "a_b"},
		{"a\u00a0b", "", "a b"},
		{`what? <"it">|*:\`, "", "what_ __it______"},
		{"x", "/../../y", "x"},
		{"x", ".mp4/..", "x"},
		{"x", ".", "x"},
		{"x", ".waytoolongextension", "x"},
		{"con", ".mp4", "_con.mp4"},
		{"CON .a", "", "_CON.a"},
		{"Lpt9.x.y", "", "_Lpt9.x.y"},
		{"COM¹", "", "_COM¹"},
		{"common", "", "common"},
		{long, ".mp4", strings.Repeat("ñ", 98) + ".mp4"},
		{"a" + long, ".mp4", "a" + strings.Repeat("ñ", 97) + ".mp4"},
		{strings.Repeat("x", 200), "", strings.Repeat("x", 200)},
		{strings.Repeat("x", 201), "", strings.Repeat("x", 200)},
		{"CON" + strings.Repeat(" ", 250) + "x", ".mp4", "_CON.mp4"},
		{"NUL." + strings.Repeat("x", 300), "", "_NUL." + strings.Repeat("x", 195)},
	} {
		got := SafeName(c.name, c.extension, 7)
		if got != c.want {
			t.Errorf("SafeName(%q, %q) = %q, want %q", c.name, c.extension, got, c.want)
		}
		safe(t, got)
	}
}

func TestNumbered(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"a.mp4", 1, "a.mp4"}, {"a.mp4", 2, "a (2).mp4"}, {"a", 3, "a (3)"},
		{"St. Mary", 2, "St. Mary (2)"}, {"a.b.mkv", 12, "a.b (12).mkv"},
	} {
		if got := numbered(c.name, c.n); got != c.want {
			t.Errorf("numbered(%q, %d) = %q, want %q", c.name, c.n, got, c.want)
		}
	}
}

// safe states the rules a second time, without the code that follows them.
func safe(t *testing.T, name string) {
	t.Helper()
	bad := func(why string) { t.Helper(); t.Errorf("%q %s", name, why) }
	if name == "" || len(name) > 200 || !utf8.ValidString(name) {
		bad("is empty, longer than 200 bytes or not UTF-8")
		return
	}
	for _, r := range name {
		switch {
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xad, r >= 0x200b && r <= 0x200f,
			r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xd800 && r < 0xf900,
			r == 0xfffd, r == 0xfffe, r == 0xffff, strings.ContainsRune(`/\<>:"|?*`, r):
			bad("has a character that it may not have")
		}
	}
	if strings.ContainsAny(name[:1], ". -") || strings.ContainsAny(name[len(name)-1:], ". ") {
		bad("begins or ends as it may not")
	}
	device := strings.ToLower(strings.TrimSpace(strings.Split(name, ".")[0]))
	for _, d := range []string{"con", "prn", "aux", "nul", "conin$", "conout$"} {
		if device == d {
			bad("is a device")
		}
	}
	for _, d := range strings.Split("0 1 2 3 4 5 6 7 8 9 ¹ ² ³", " ") {
		if device == "com"+d || device == "lpt"+d {
			bad("is a device")
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"La Piedra", "../x", "CON", "a\xff\u202e", strings.Repeat("é.", 120), " con .x ", "ſ.K", "a.mp4 "} {
		f.Add(s, ".mp4", 1)
		f.Add(s, "", 1)
		f.Add("x", s, 1)
	}
	f.Fuzz(func(t *testing.T, name, extension string, title int) {
		got := SafeName(name, extension, title)
		safe(t, got)
		if again := SafeName(got, "", title); again != got {
			t.Errorf("%q became %q", got, again)
		}
		if again := SafeName(got, extension, title); again != got {
			t.Errorf("with %q %q became %q", extension, got, again)
		}
		if next := numbered(got, 2); len(next) > 255 || next == got {
			t.Errorf("%q is numbered %q", got, next)
		}
	})
}

// A title that the catalogue takes can be offered, whatever it is called.
func TestOfferTakesTheNamesOfTheCatalogue(t *testing.T) {
	offered := func(name string) {
		o := offerOf([]byte("abc"))
		o.Name = name
		if err := checkOffer(key(1), o, clock()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	name := "a"
	for r := range rune(0xE0200) {
		if r >= 0x20000 && r < 0xE0000 {
			continue // ideographs, and what is not assigned: one like the other
		}
		title := catalogue.Title{Number: 7, Name: "a" + string(r) + "b", Duration: time.Minute, Location: "/srv/a.mp4"}
		if title.Check() != nil {
			continue
		}
		if name += string(r); len(name) > catalogue.MaxName-utf8.UTFMax {
			offered(name)
			name = "a"
		}
	}
	offered(name)
}
