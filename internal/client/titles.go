package client

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

// Titles is the command that lists titles, as a table shows them.
func (p *Program) Titles(table func([]control.Title) *terminal.Table) *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error {
			return p.ListTitles(ctx, client, table)
		}),
	}
}

// ListTitles lists the titles, as a table shows them.
func (p *Program) ListTitles(ctx context.Context, client *api.Client, table func([]control.Title) *terminal.Table) error {
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
	return table(titles).Print(p.Out, p.Width)
}
