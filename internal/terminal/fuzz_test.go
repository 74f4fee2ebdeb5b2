package terminal

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Whatever a name of another machine has in it, what is shown steers no screen,
// and what shows as itself is left alone.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"La Piedra", "\x1b[2Jgone", "a\x00b", "\u202egpj.exe", "\xff\xfe", "👩\u200d🚀", "نام\u200cها", "line\nline", "\u0085", strings.Repeat("é", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := Clean(s)
		if !utf8.ValidString(shown) {
			t.Fatalf("%q shows as %q", s, shown)
		}
		for _, r := range shown {
			if r != '\u200c' && r != '\u200d' && !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) {
				t.Fatalf("%q shows as %q, with %U", s, shown, r)
			}
		}
		if again := Clean(shown); again != shown {
			t.Fatalf("%q shows as %q, and that as %q", s, shown, again)
		}
		if Width(shown) < 0 || strings.ContainsAny(shown, "\n\r\t\x1b") {
			t.Fatalf("%q shows as %q", s, shown)
		}
	})
}
