package terminal

import (
	"io"
	"strings"
)

// Form is what is known of one thing: a label and a value a line.
type Form struct{ lines []formLine }

type formLine struct {
	label, value string
	palette      Palette
	colour       Colour
	whole        bool
}

// Add adds a line, unless there is no value for it.
func (f *Form) Add(label, value string) { f.AddIn(false, Plain, label, value) }

// AddWhole is Add for what is to be copied, such as a command: no line is broken.
func (f *Form) AddWhole(label, value string) {
	if value != "" {
		f.lines = append(f.lines, formLine{label: label, value: value, whole: true})
	}
}

// AddIn is Add with the value in a colour.
func (f *Form) AddIn(p Palette, c Colour, label, value string) {
	if value != "" {
		f.lines = append(f.lines, formLine{label: label, value: value, palette: p, colour: c})
	}
}

// Empty says whether nothing was added.
func (f *Form) Empty() bool { return len(f.lines) == 0 }

// Print writes the form, with the values aligned. With a width, values go on in
// further lines, below their beginning, where they have blanks, and where labels
// leave too little beside them, stand below these; 0 is no bound.
func (f *Form) Print(w io.Writer, width int) error {
	widest, longest := 0, 0
	for _, line := range f.lines {
		widest = max(widest, Width(line.label))
		if !line.whole {
			longest = max(longest, Width(line.value))
		}
	}
	var b strings.Builder
	indent := len(gap) + widest + len(gap)
	below := width >= 2*len(gap)+leastWrap && width-indent < min(leastWrap, longest)
	if below {
		indent = 2 * len(gap)
	}
	for _, line := range f.lines {
		if below {
			// Blanks that align labels with others are for one column of them.
			b.WriteString(gap + strings.TrimLeft(line.label, " ") + "\n" + gap + gap)
		} else {
			b.WriteString(gap + display().FillRight(line.label, widest) + gap)
		}
		room := width - indent
		if line.whole {
			room = 0
		}
		for n, part := range wrapped(line.value, room) {
			if n > 0 {
				b.WriteString(strings.Repeat(" ", indent))
			}
			b.WriteString(line.palette.Paint(line.colour, part) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Prose lays out paragraphs that were written in lines. One that is wider than width
// is filled anew; 0 is no bound. Lines that begin with a blank are not prose, and stay.
func Prose(text string, width int) string {
	var all, paragraph []string
	end := func() {
		for _, line := range paragraph {
			if width > 0 && Width(line) > width {
				paragraph = wrapped(strings.Join(paragraph, " "), width)
				break
			}
		}
		all, paragraph = append(all, paragraph...), nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !strings.HasPrefix(line, " ") {
			paragraph = append(paragraph, line)
			continue
		}
		end()
		all = append(all, line)
	}
	end()
	return strings.Join(all, "\n")
}

// Hanging writes text after an indent, and what of it is wider than width below, as
// much further in again; 0 is no bound.
func Hanging(indent, text string, width int) string {
	if width <= 0 || Width(indent+text) <= width {
		return indent + text
	}
	return indent + strings.Join(wrapped(text, width-2*len(indent)), "\n"+indent+indent)
}

// leastWrap is how many columns a value has at least, in which words can be read.
const leastWrap = 16

// wrapped breaks text at its blanks into lines of at most width columns. A word that
// is longer stays whole, so that it can be copied: the terminal breaks it.
func wrapped(text string, width int) (lines []string) {
	if width < leastWrap || Width(text) <= width {
		return []string{text}
	}
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
