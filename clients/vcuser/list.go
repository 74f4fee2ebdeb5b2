package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

func (p *program) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error { return p.listTitles(ctx, client) }),
	}
}

// listTitles prints the titles.
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
	return p.titleTable(titles).Print(p.Out, p.Width)
}

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
