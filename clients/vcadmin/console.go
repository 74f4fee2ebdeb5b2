package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// console is the command that lets a browser in.
func (p *program) console() *cobra.Command {
	return &cobra.Command{
		Use: "console", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error {
			made, err := client.LinkOnce(ctx)
			switch {
			case reason.Of(err) == reason.ConfigInvalid:
				return p.About(err, p.words.belong.noConsole)
			case err != nil:
				return err
			case p.JSON:
				return p.PrintJSON(made)
			}
			// The link alone goes where it may be read by a program.
			fmt.Fprintln(p.Out, terminal.Clean(made.Link))
			fmt.Fprintf(p.Err, "vcadmin: "+p.words.belong.linkOnce+"\n", p.Instant(made.Expires))
			return nil
		}),
	}
}
