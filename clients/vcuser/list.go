package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
)

func (p *program) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: p.exactly(0, ""),
		RunE: p.action(func(ctx context.Context, client *api.Client, _ []string) error {
			titles, err := client.Titles(ctx)
			switch {
			case err != nil:
				return err
			case p.json:
				return p.printJSON(titles)
			case len(titles) == 0:
				fmt.Fprintln(p.err, p.words.noTitles)
				return nil
			}
			return p.titleTable(titles).print(p.out, p.width)
		}),
	}
}

// titleTable has a column for descriptions only where there are any.
func (p *program) titleTable(titles []control.Title) *table {
	t := &table{columns: []column{
		{title: p.words.number, right: true}, {title: p.words.name, least: 16}, {title: p.words.duration, right: true},
	}}
	described := false
	for _, title := range titles {
		described = described || title.Description != ""
	}
	if described {
		t.columns = append(t.columns, column{title: p.words.description, least: 12})
	}
	for _, title := range titles {
		row := []string{strconv.Itoa(title.Number), clean(title.Name), running(title.Duration), clean(title.Description)}
		t.add(row[:len(t.columns)]...)
	}
	return t
}
