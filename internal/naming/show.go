package naming

import (
	"strings"
	"unicode"
)

// Shows says whether r shows as itself. What does not, may not stand in a
// title's name: a control character, a mark that turns the direction of the text,
// a character without a width or one that only some machines know would let a
// receipt show other than it is. The two joiners stay: some scripts cannot be
// written without them.
func Shows(r rune) bool {
	return r == '\u200c' || r == '\u200d' || !unicode.Is(unicode.C, r) && !unicode.In(r, unicode.Zl, unicode.Zp)
}

// Shown gives s without the characters that do not show.
func Shown(s string) string {
	return strings.Map(func(r rune) rune {
		if Shows(r) {
			return r
		}
		return -1
	}, s)
}
