package client

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/terminal"
)

// completeWithin is how long somebody who pressed a key may wait.
const completeWithin = time.Second

// Completion makes a completer of a question to the server. Where it does not
// answer soon, or would have to be asked about, nothing is offered.
func (p *Program) Completion(ask func(ctx context.Context, client *api.Client, args []string, begun string) ([]cobra.Completion, error)) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const no = cobra.ShellCompDirectiveNoFileComp
		ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
		defer cancel()
		client, err := p.Dial(ctx, command.Asker{})
		if err != nil {
			return nil, no
		}
		defer client.Close()
		offered, err := ask(ctx, client, args, begun)
		if err != nil {
			return nil, no
		}
		return offered, no | cobra.ShellCompDirectiveKeepOrder
	}
}

// CompleteTitles completes the number of a title.
func (p *Program) CompleteTitles(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.Completion(func(ctx context.Context, client *api.Client, _ []string, begun string) (offered []cobra.Completion, err error) {
		titles, err := client.Titles(ctx)
		for _, title := range titles {
			if number := strconv.Itoa(title.Number); strings.HasPrefix(number, begun) {
				offered = append(offered, cobra.CompletionWithDesc(number, terminal.Clean(title.Name)))
			}
		}
		return offered, err
	})(c, args, begun)
}
