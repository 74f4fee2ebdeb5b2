package main

import (
	"strconv"

	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/terminal"
)

// titleTable has the titles with their sources.
func (p *program) titleTable(titles []control.Title) *terminal.Table {
	t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
		{Title: p.Words.Number, Right: true}, {Title: p.Words.Name, Least: 12}, {Title: p.Words.Duration, Right: true}, {Title: p.Words.Size, Right: true},
		{Title: p.words.digest}, {Title: p.words.location, Least: 12}, {Title: p.Words.Note, Least: 10},
	}}
	for _, title := range titles {
		s := title.TitleSource
		if s == nil { // a server that shows users' titles alone
			s = &control.TitleSource{Size: -1}
		}
		note := title.Description
		if s.Problem != "" {
			note = s.Problem
		}
		t.Add(strconv.Itoa(title.Number), terminal.Clean(title.Name), terminal.Running(title.Duration), p.size(s),
			p.digest(s), terminal.Clean(s.Location), terminal.Clean(note))
	}
	return t
}

// size writes the size of a source, a dash where it cannot be read.
func (p *program) size(s *control.TitleSource) string {
	if s.Size < 0 {
		return "–"
	}
	return terminal.Roughly(s.Size)
}

// digest says how far the digest of a source is.
func (p *program) digest(s *control.TitleSource) string {
	switch s.Digest {
	case control.DigestComputing:
		return strconv.Itoa(journal.Percent(s.Hashed, s.Size)) + " %"
	case control.DigestKnown:
		return p.words.known
	case control.DigestWaiting:
		return p.words.waiting
	}
	return "–"
}
