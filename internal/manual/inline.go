package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// marks are what stands within a line of Markdown: code, strong and emphasized
// text, and links.
var marks = regexp.MustCompile("`([^`]+)`" + `|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]*)\]\(([^)]*)\)`)

// inline turns a line of Markdown into text of roff: code and strong text in
// bold, emphasis in italics, links as their text with the address after it.
func inline(line string) (string, error) {
	var b strings.Builder
	plain := func(text string) error {
		if strings.ContainsAny(text, "`*<") {
			return fmt.Errorf("a mark without its other half: %q", text)
		}
		b.WriteString(escaped(text))
		return nil
	}
	from := 0
	for _, m := range marks.FindAllStringSubmatchIndex(line, -1) {
		if err := plain(line[from:m[0]]); err != nil {
			return "", err
		}
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return escaped(line[m[2*n]:m[2*n+1]])
		}
		switch {
		case m[2] >= 0:
			b.WriteString(`\fB` + group(1) + `\fP`)
		case m[4] >= 0:
			b.WriteString(`\fB` + group(2) + `\fP`)
		case m[6] >= 0:
			b.WriteString(`\fI` + group(3) + `\fP`)
		default:
			b.WriteString(group(4) + " (" + group(5) + ")")
		}
		from = m[1]
	}
	err := plain(line[from:])
	return b.String(), err
}

// escaped is text that roff prints as it is, in ASCII alone: its own escapes,
// a hyphen that is one, the marks that it would turn round, and what is not
// ASCII (groff_char(7)).
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
