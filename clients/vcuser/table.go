package main

import (
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// column is one column of a table.
type column struct {
	title string
	right bool // numbers are aligned at their ends
	least int  // columns down to which it may be cut to fit; 0: never cut
}

// table is a list for people.
type table struct {
	columns []column
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is what stands between two columns.
const gap = "  "

// print writes the table. With a width, lines are cut to fit it where the
// columns allow; 0 is no bound.
func (t *table) print(w io.Writer, width int) error {
	widths := t.widths(width)
	var b strings.Builder
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	for _, row := range append([][]string{titles}, t.rows...) {
		t.line(&b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// widths gives the width of each column: as wide as its widest cell, and then
// cut from the last column on, which matters least, until all of them fit.
func (t *table) widths(width int) []int {
	widths := make([]int, len(t.columns))
	total := len(gap) * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = display().StringWidth(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], display().StringWidth(row[i]))
		}
		total += widths[i]
	}
	for i := len(widths) - 1; i >= 0 && width > 0 && total > width; i-- {
		if least := t.columns[i].least; least > 0 {
			cut := min(total-width, max(0, widths[i]-least))
			widths[i] -= cut
			total -= cut
		}
	}
	return widths
}

func (t *table) line(b *strings.Builder, row []string, widths []int) {
	var line strings.Builder
	for i, cell := range row {
		if i > 0 {
			line.WriteString(gap)
		}
		cell = display().Truncate(cell, widths[i], "…")
		if t.columns[i].right {
			cell = display().FillLeft(cell, widths[i])
		} else {
			cell = display().FillRight(cell, widths[i])
		}
		line.WriteString(cell)
	}
	b.WriteString(strings.TrimRight(line.String(), " "))
	b.WriteByte('\n')
}

// display is how wide terminals show text. The library's own default would
// depend on the environment.
func display() *runewidth.Condition {
	return &runewidth.Condition{StrictEmojiNeutral: true}
}
