package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/terminal"
)

func (p *program) cancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel D", Args: p.Exactly("D"), ValidArgsFunction: p.completeDeliveries(activeOnly, 1),
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			id, err := p.Number(args[0], p.words.badDelivery)
			if err != nil {
				return err
			}
			return p.cancelOne(ctx, client, id)
		}),
	}
}

// cancelOne cancels a delivery and says what had arrived of it.
func (p *program) cancelOne(ctx context.Context, client *api.Client, id int64) error {
	story, err := client.Cancel(ctx, id)
	switch {
	case err != nil:
		return p.About(err, strconv.FormatInt(id, 10))
	case p.JSON:
		return p.PrintJSON(story)
	}
	said := p.words.cancelled
	if story.State != "cancelled" { // a live one ends, and what there is of it arrives
		said = p.words.endsHere
	}
	_, err = fmt.Fprintf(p.Out, said+"\n", id, terminal.Clean(story.Title), terminal.Clean(story.Reception), p.Percent(story.Delivery), terminal.Roughly(story.Offset))
	return err
}
