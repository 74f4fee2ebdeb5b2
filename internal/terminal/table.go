// Package terminal is how text is laid out for people: tables and forms that fit
// the terminal, sizes and times no finer than matters, and nothing in what comes
// from elsewhere that could steer the screen.
package terminal

import (
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // numbers are aligned at their ends
	Least int  // columns down to which it may be cut to fit; 0: never cut
	// Colour is that of the cell of a row, counted from 0; nil is none.
	Colour func(row int) Colour
}

// Table is a list for people.
type Table struct {
	Columns []Column
	Palette Palette
	rows    [][]string
}

// Add adds a row of as many cells as there are columns.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is what stands between two columns.
const gap = "  "

// Print writes the table. With a width, lines are cut to fit it where the
// columns allow, and where they do not, each row is a form; 0 is no bound.
func (t *Table) Print(w io.Writer, width int) error {
	widths, fit := t.widths(width)
	if !fit {
		return t.printForms(w, width)
	}
	var b strings.Builder
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	for n, row := range append([][]string{titles}, t.rows...) {
		t.line(&b, n-1, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printForms writes the rows one below the other, with the titles as labels.
func (t *Table) printForms(w io.Writer, width int) error {
	for n, row := range t.rows {
		if n > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		var f Form
		for i, cell := range row {
			f.AddIn(t.Palette, t.colour(i, n), t.Columns[i].Title, cell)
		}
		if err := f.Print(w, width); err != nil {
			return err
		}
	}
	return nil
}

// widths gives the width of each column: as wide as its widest cell, and then
// cut from the last column on, which matters least, until all of them fit, if
// they do.
func (t *Table) widths(width int) (widths []int, fit bool) {
	widths = make([]int, len(t.Columns))
	total := len(gap) * (len(t.Columns) - 1)
	for i, c := range t.Columns {
		widths[i] = Width(c.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], Width(row[i]))
		}
		total += widths[i]
	}
	for i := len(widths) - 1; i >= 0 && width > 0 && total > width; i-- {
		if least := t.Columns[i].Least; least > 0 {
			cut := min(total-width, max(0, widths[i]-least))
			widths[i] -= cut
			total -= cut
		}
	}
	return widths, width <= 0 || total <= width
}

// colour is that of a cell; row -1 has the titles.
func (t *Table) colour(column, row int) Colour {
	of := t.Columns[column].Colour
	switch {
	case row < 0:
		return Heading
	case of == nil:
		return Plain
	}
	return of(row)
}

func (t *Table) line(b *strings.Builder, n int, row []string, widths []int) {
	room := "" // before the next cell; none after the last
	for i, cell := range row {
		if i > 0 {
			room += gap
		}
		cell = display().Truncate(cell, widths[i], "…")
		rest := strings.Repeat(" ", max(0, widths[i]-Width(cell)))
		if t.Columns[i].Right {
			room, rest = room+rest, ""
		}
		if cell != "" {
			b.WriteString(room + t.Palette.Paint(t.colour(i, n), cell))
			room = ""
		}
		room += rest
	}
	b.WriteByte('\n')
}

// Width is how many columns a terminal shows s in.
func Width(s string) int { return display().StringWidth(s) }

// display is how wide terminals show text. The library's own default would
// depend on the environment.
func display() *runewidth.Condition {
	return &runewidth.Condition{StrictEmojiNeutral: true}
}
