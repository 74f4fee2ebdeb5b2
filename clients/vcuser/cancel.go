package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
)

func (p *program) cancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel D", Args: p.exactly(1, "D"),
		RunE: p.action(func(ctx context.Context, client *api.Client, args []string) error {
			id, err := p.number(args[0], p.words.badDelivery)
			if err != nil {
				return err
			}
			story, err := client.Cancel(ctx, id)
			if err != nil {
				return p.about(err, args[0])
			}
			if p.json {
				return p.printJSON(story)
			}
			_, err = fmt.Fprintf(p.out, p.words.cancelled+"\n", id, clean(story.Title), clean(story.Reception), percent(story.Delivery), roughly(story.Offset))
			return err
		}),
	}
}
