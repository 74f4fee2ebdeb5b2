package terminal

import (
	"io"
	"strings"
)

// Form is what is known of one thing: a label and a value a line.
type Form struct{ lines [][2]string }

// Add adds a line, unless there is no value for it.
func (f *Form) Add(label, value string) {
	if value != "" {
		f.lines = append(f.lines, [2]string{label, value})
	}
}

// Empty says whether nothing was added.
func (f *Form) Empty() bool { return len(f.lines) == 0 }

// Print writes the form, with the values aligned.
func (f *Form) Print(w io.Writer) error {
	widest := 0
	for _, line := range f.lines {
		widest = max(widest, Width(line[0]))
	}
	var b strings.Builder
	for _, line := range f.lines {
		b.WriteString("  " + display().FillRight(line[0], widest) + "  " + line[1] + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
