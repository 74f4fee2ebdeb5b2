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

// account is the command of commands about accounts.
func (p *program) account(h helpTexts) *cobra.Command {
	return p.Group("account", h.commands, p.addAccount(h), p.listAccounts(), p.removeAccount())
}

func (p *program) addAccount(h helpTexts) *cobra.Command {
	var q control.AddAccount
	c := &cobra.Command{
		Use: h.addAccountUse, Args: p.Exactly(p.words.nameArgument), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			if q.Name = args[0]; q.Mail == "" {
				return reason.New(reason.Usage, "%s", p.words.belong.mailMissing)
			}
			made, err := client.AddAccount(ctx, q)
			switch {
			case err != nil:
				return p.About(err, q.Name)
			case p.JSON:
				return p.PrintJSON(made)
			}
			return p.printAccount(made, q.Renew)
		}),
	}
	c.Flags().StringVar(&q.Mail, "mail", "", h.accountMail)
	c.Flags().BoolVar(&q.Admin, "admin", false, h.admin)
	c.Flags().BoolVar(&q.Renew, "renew", false, h.renew)
	c.Flags().SortFlags = false
	return c
}

// printAccount says what an account is and how its owner logs in.
func (p *program) printAccount(made control.MadeAccount, renewed bool) error {
	w := p.words.belong
	name := terminal.Clean(made.Name)
	f := terminal.Form{}
	f.Add(w.mail, terminal.Clean(made.Mail))
	f.Add(w.role, p.roleOf(made.KnownAccount))
	fmt.Fprintf(p.Out, w.account+"\n", name)
	if err := f.Print(p.Out, p.Width); err != nil {
		return err
	}
	if renewed {
		fmt.Fprintln(p.Err, "vcadmin: "+w.renewed)
	}
	if made.Socket != "" {
		fmt.Fprintf(p.Err, "vcadmin: "+w.firstAccount+"\n", "unix:"+terminal.Quote(made.Socket))
	}
	_, err := fmt.Fprintf(p.Out, "%s: "+w.giveLink+"\n  vcuser login %s\n", w.loginLink, name, terminal.Clean(made.Link))
	return err
}

func (p *program) roleOf(a control.KnownAccount) string {
	if a.Admin {
		return p.words.belong.admin
	}
	return p.words.belong.user
}

func (p *program) listAccounts() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error {
			all, err := client.Accounts(ctx)
			w := p.words.belong
			switch {
			case err != nil:
				return err
			case p.JSON:
				return p.PrintJSON(all)
			case len(all) == 0:
				fmt.Fprintln(p.Err, w.noAccounts)
				return nil
			}
			t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
				{Title: p.Words.Name, Least: 8}, {Title: w.mail, Least: 12}, {Title: w.role}, {Title: w.created}, {Title: w.seen},
			}}
			for _, a := range all {
				seen := w.never
				if !a.Seen.IsZero() {
					seen = p.Minute(a.Seen)
				}
				t.Add(terminal.Clean(a.Name), terminal.Clean(a.Mail), p.roleOf(a), p.Minute(a.Created), seen)
			}
			return t.Print(p.Out, p.Width)
		}),
	}
}

func (p *program) removeAccount() *cobra.Command {
	return &cobra.Command{
		Use: "remove " + p.words.nameArgument, Args: p.Exactly(p.words.nameArgument), ValidArgsFunction: p.CompleteName(accountNames),
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			gone, err := client.RemoveAccount(ctx, args[0])
			switch {
			case err != nil:
				return p.About(err, args[0])
			case p.JSON:
				return p.PrintJSON(gone)
			}
			_, err = fmt.Fprintf(p.Out, p.words.belong.accountRemoved+"\n", terminal.Clean(gone.Name))
			return err
		}),
	}
}

// accountNames are the names of the accounts.
func accountNames(ctx context.Context, client *api.Client) (names []string, err error) {
	all, err := client.Accounts(ctx)
	for _, a := range all {
		names = append(names, a.Name)
	}
	return names, err
}
