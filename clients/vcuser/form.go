package main

import (
	"io"
	"strings"
)

// form is what is known of one thing: a label and a value a line.
type form struct{ lines [][2]string }

// add adds a line, unless there is no value for it.
func (f *form) add(label, value string) {
	if value != "" {
		f.lines = append(f.lines, [2]string{label, value})
	}
}

func (f *form) print(w io.Writer) error {
	widest := 0
	for _, line := range f.lines {
		widest = max(widest, display().StringWidth(line[0]))
	}
	var b strings.Builder
	for _, line := range f.lines {
		b.WriteString("  " + display().FillRight(line[0], widest) + "  " + line[1] + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
