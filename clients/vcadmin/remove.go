package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

func (p *program) remove(h helpTexts) *cobra.Command {
	var q control.RemoveTitle
	c := &cobra.Command{
		Use: "remove N [--force]", Args: p.Exactly("N"), ValidArgsFunction: p.CompleteTitles,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) (err error) {
			if q.Number, err = p.titleNumber(args[0]); err != nil {
				return err
			}
			change, err := client.RemoveTitle(ctx, q)
			switch {
			case err != nil:
				return p.About(err, args[0])
			case p.JSON:
				return p.PrintJSON(change)
			}
			return p.printRemoved(change)
		}),
	}
	c.Flags().BoolVar(&q.Force, "force", false, h.force)
	return c
}

// titleNumber reads the number of a title.
func (p *program) titleNumber(text string) (int, error) {
	n, err := p.Number(text, p.words.badTitle)
	if err == nil && n > 1<<31-1 {
		err = reason.New(reason.Usage, p.words.badTitle, text)
	}
	return int(n), err
}

func (p *program) printRemoved(c control.TitleChange) error {
	if _, err := fmt.Fprintf(p.Out, p.words.removed+"\n", c.Title.Number, terminal.Clean(c.Title.Name)); err != nil {
		return err
	}
	if len(c.Cancelled) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(p.Out, p.words.withdrawn+"\n", numbers(c.Cancelled))
	return err
}
