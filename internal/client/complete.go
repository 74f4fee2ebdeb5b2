package client

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/reason"
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

// completion is the command that prints what makes a shell complete.
func (p *Program) completion() *cobra.Command {
	scripts := map[string]func(*cobra.Command) error{
		"bash": func(root *cobra.Command) error { return root.GenBashCompletionV2(p.Out, true) },
		"zsh":  func(root *cobra.Command) error { return root.GenZshCompletion(p.Out) },
		"fish": func(root *cobra.Command) error { return root.GenFishCompletion(p.Out, true) },
	}
	return &cobra.Command{
		Use: "completion {bash | zsh | fish}", ValidArgs: []string{"bash", "zsh", "fish"}, Args: p.Exactly("SHELL"),
		RunE: func(c *cobra.Command, args []string) error {
			script, ok := scripts[args[0]]
			if !ok {
				return reason.New(reason.Usage, p.Words.NoShell, args[0])
			}
			return script(c.Root())
		},
	}
}

// ownHelp is the help of the commands that every program has.
func (p *Program) ownHelp() map[string]Help {
	return map[string]Help{
		"help": {Short: p.Words.HelpAbout},
		"completion": {Short: p.Words.CompletionShort, Long: p.Words.CompletionLong, Example: fmt.Sprintf(`  source <(%[1]s completion bash)
  %[1]s completion bash > ~/.local/share/bash-completion/completions/%[1]s
  %[1]s completion zsh > ~/.zfunc/_%[1]s
  %[1]s completion fish > ~/.config/fish/completions/%[1]s.fish`, p.Name)},
	}
}

// CompleteName completes the one name that a command takes, of those that the server
// has.
func (p *Program) CompleteName(names func(context.Context, *api.Client) ([]string, error)) cobra.CompletionFunc {
	ask := p.Completion(func(ctx context.Context, client *api.Client, _ []string, begun string) (offered []cobra.Completion, err error) {
		all, err := names(ctx, client)
		for _, name := range all {
			if name = terminal.Clean(name); strings.HasPrefix(name, begun) {
				offered = append(offered, name)
			}
		}
		return offered, err
	})
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return ask(c, args, begun)
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
