package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// maxLink bounds what is read of a login link, in bytes.
const maxLink = 1 << 10

func (p *program) login() *cobra.Command {
	return &cobra.Command{
		Use: p.words.loginUse, Args: p.Exactly(p.words.linkArgument), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			link, err := readLink(c.InOrStdin(), args[0])
			if err == nil {
				p.Server = link.Server
				err = p.keep(c.Context(), link)
			}
			return p.Plain(err)
		},
	}
}

func readLink(in io.Reader, arg string) (identity.Link, error) {
	if arg != "-" {
		return identity.ParseLink(arg)
	}
	text, err := bufio.NewReader(io.LimitReader(in, maxLink)).ReadString('\n')
	if err != nil && err != io.EOF {
		return identity.Link{}, err
	}
	return identity.ParseLink(text)
}

// keep remembers the server of a link and the login at it, once that server has
// taken it.
func (p *program) keep(ctx context.Context, link identity.Link) error {
	known, err := command.KnownServers(p.Getenv)
	if err != nil {
		return err
	}
	logins, err := command.Logins(p.Getenv)
	if err != nil {
		return err
	}
	client := api.NewClient(link.Server, func(server, id string) error {
		if id != link.Identity {
			return reason.New(reason.IdentityChanged, "%s shows %s, and the link is for %s; ask your administrator for a new one",
				server, identity.Short(id), identity.Short(link.Identity))
		}
		return nil
	})
	defer client.Close()
	client.LogIn(func(string) (string, error) { return link.Token.String(), nil })
	if _, err := client.Receptions(ctx); err != nil {
		return err
	}
	if err := identity.OpenPins(known).Check(link.Server, link.Identity, func() error { return nil }); err != nil {
		return err
	}
	if err := logins.Keep(link); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, p.words.loggedIn+"\n", link.Token.Account, terminal.Clean(link.Server), logins.Path())
	return err
}
