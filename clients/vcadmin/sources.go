package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

func (p *program) sources() *cobra.Command {
	return &cobra.Command{
		Use: "sources", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error { return p.listSources(ctx, client) }),
	}
}

// listSources prints what the server can capture.
func (p *program) listSources(ctx context.Context, client *api.Client) error {
	all, err := client.Sources(ctx)
	switch {
	case err != nil:
		return err
	case p.JSON:
		return p.PrintJSON(all)
	}
	w := p.words
	t := &terminal.Table{Columns: []terminal.Column{
		{Title: w.location, Least: 12}, {Title: p.Words.Name, Least: 8}, {Title: w.can, Least: 16}, {Title: w.usedBy, Least: 8}, {Title: p.Words.Note, Least: 10},
	}}
	for _, s := range all {
		name := s.Name
		switch s.Kind {
		case control.SourcePattern:
			name = w.aPattern
		case control.SourceTone:
			name = w.aTone
		}
		note := s.Gives
		if s.Reason != "" {
			meaning, _ := s.Reason.Words(p.Language)
			note = meaning
		}
		t.Add(terminal.Clean(s.Location), terminal.Clean(name), terminal.Clean(p.abilities(s)), terminal.Clean(strings.Join(s.Titles, ", ")), terminal.Clean(note))
	}
	return t.Print(p.Out, p.Width)
}

// abilities says in short what a source can do: of each format of pictures the
// largest; of sound the ranges.
func (p *program) abilities(s control.LiveSource) string {
	var all []string
	for i, f := range s.Shapes {
		larger := func(o control.DeviceShape) bool {
			return o.Pixels == f.Pixels && (o.Width*o.Height > f.Width*f.Height)
		}
		first := slices.IndexFunc(s.Shapes, func(o control.DeviceShape) bool {
			return o.Pixels == f.Pixels && o.Width == f.Width && o.Height == f.Height
		})
		if first != i || slices.ContainsFunc(s.Shapes, larger) {
			continue
		}
		text := fmt.Sprintf(p.words.upTo, f.Pixels, fmt.Sprintf("%dx%d", f.Width, f.Height))
		if len(f.Rates) > 0 {
			text += "@" + f.Rates[0]
		}
		all = append(all, text)
	}
	if r := s.SampleRates; r != nil {
		all = append(all, span(r.Least, r.Most)+" Hz")
	}
	if c := s.Channels; c != nil {
		all = append(all, fmt.Sprintf(p.words.channels, span(c.Least, c.Most)))
	}
	if len(s.Bits) > 0 {
		var bits []string
		for _, b := range s.Bits {
			bits = append(bits, strconv.Itoa(b))
		}
		all = append(all, strings.Join(bits, "/")+" bit")
	}
	return strings.Join(all, ", ")
}

func span(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d–%d", least, most)
}
