package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/terminal"
)

func (p *program) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error { return p.listTitles(ctx, client) }),
	}
}

// listTitles prints the titles with their sources.
func (p *program) listTitles(ctx context.Context, client *api.Client) error {
	titles, err := client.Titles(ctx)
	switch {
	case err != nil:
		return err
	case p.JSON:
		return p.PrintJSON(titles)
	case len(titles) == 0:
		fmt.Fprintln(p.Err, p.Words.NoTitles)
		return nil
	}
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
	return t.Print(p.Out, p.Width)
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
