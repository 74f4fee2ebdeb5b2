package main

import (
	"strconv"

	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

// titleTable has a column for descriptions only where there are any.
func (p *program) titleTable(titles []control.Title) *terminal.Table {
	t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
		{Title: p.Words.Number, Right: true}, {Title: p.Words.Name, Least: 16}, {Title: p.Words.Duration, Right: true},
	}}
	described := false
	for _, title := range titles {
		described = described || title.Description != ""
	}
	if described {
		t.Columns = append(t.Columns, terminal.Column{Title: p.Words.Description, Least: 12})
	}
	for _, title := range titles {
		row := []string{strconv.Itoa(title.Number), terminal.Clean(title.Name), terminal.Running(title.Duration), terminal.Clean(title.Description)}
		t.Add(row[:len(t.Columns)]...)
	}
	return t
}
