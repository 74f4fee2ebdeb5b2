package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// receptionPort is where a reception is that is given without one.
const receptionPort = "4102"

// reception is the command of commands about receptions.
func (p *program) reception(h helpTexts) *cobra.Command {
	return p.Group("reception", h.commands, p.addReception(h), p.listReceptions(), p.removeReception(), p.checkReception())
}

func (p *program) addReception(h helpTexts) *cobra.Command {
	var address, link string
	c := &cobra.Command{
		Use: h.addReceptionUse, Args: p.Exactly(p.words.nameArgument), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			q := control.AddReception{Name: args[0]}
			if address != "" {
				at, ok := command.Server(address, receptionPort)
				if !ok {
					return reason.New(reason.Usage, p.words.belong.badAddress, address)
				}
				q.Address = at
			}
			if link != "" {
				carries, err := rate.ParseRate(link)
				if err != nil {
					return reason.New(reason.Usage, p.words.belong.badLink, link)
				}
				q.Link = int64(carries)
			}
			made, err := client.AddReception(ctx, q)
			switch {
			case err != nil:
				return err
			case p.JSON:
				return p.PrintJSON(made)
			}
			return p.printCode(made)
		}),
	}
	c.Flags().StringVar(&address, "address", "", h.address)
	c.Flags().StringVar(&link, "link", "", h.link)
	c.Flags().SortFlags = false
	return c
}

// printCode says what is to be run at a reception.
func (p *program) printCode(made control.PairingCode) error {
	w := p.words.belong
	name := terminal.Clean(made.Reception)
	f := terminal.Form{}
	f.Add(w.address, terminal.Clean(made.Address))
	f.Add(w.link, rate.Rate(made.Link).String())
	f.Add(w.runUntil, p.Minute(made.Expires))
	fmt.Fprintf(p.Out, w.addedAs+"\n", name)
	if err := f.Print(p.Out, p.Width); err != nil {
		return err
	}
	if made.Again {
		fmt.Fprintf(p.Err, "vcadmin: "+w.knownAgain+"\n", name)
	}
	_, err := fmt.Fprintf(p.Out, w.runThere+"\n  vcvrs pair %s\n", name, terminal.Clean(made.Code))
	return err
}

func (p *program) listReceptions() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error {
			all, err := client.Roster(ctx)
			switch {
			case err != nil:
				return err
			case p.JSON:
				return p.PrintJSON(all)
			case len(all) == 0:
				fmt.Fprintln(p.Err, p.words.belong.noReceptions)
				return nil
			}
			w := p.words.belong
			t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
				{Title: p.Words.Name, Least: 12}, {Title: w.address, Least: 12}, {Title: w.link, Right: true}, {Title: w.source},
				{Title: w.identity}, {Title: w.pairing, Least: 10},
			}}
			for _, r := range all {
				source := w.addedBy
				if r.Configured {
					source = w.configured
				}
				t.Add(terminal.Clean(r.Name), terminal.Clean(r.Address), rate.Rate(r.Link).String(), source, identity.Short(r.Identity), p.pairingOf(r))
			}
			return t.Print(p.Out, p.Width)
		}),
	}
}

// pairingOf says how far the pairing of a reception is.
func (p *program) pairingOf(r control.KnownReception) string {
	w := p.words.belong
	text := w.unpaired
	if !r.Paired.IsZero() {
		text = w.paired + " " + p.Minute(r.Paired)
	}
	if r.Expires.IsZero() {
		return text
	}
	if !p.Now().Before(r.Expires) {
		return text + w.and + w.expired
	}
	text += w.and + fmt.Sprintf(w.waiting, p.Minute(r.Expires))
	if r.Reason != "" {
		meaning, _ := r.Reason.Words(p.Language)
		text += w.and + fmt.Sprintf(w.soFar, terminal.Clean(meaning))
	}
	return text
}

func (p *program) removeReception() *cobra.Command {
	return &cobra.Command{
		Use: "remove " + p.words.nameArgument, Args: p.Exactly(p.words.nameArgument), ValidArgsFunction: p.CompleteName(receptionNames),
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			gone, err := client.RemoveReception(ctx, args[0])
			switch {
			case err != nil:
				return p.About(err, args[0])
			case p.JSON:
				return p.PrintJSON(gone)
			}
			w := p.words.belong
			fmt.Fprintf(p.Out, w.removed+"\n", terminal.Clean(gone.Name))
			if gone.Stays {
				fmt.Fprintln(p.Err, "vcadmin: "+w.stays)
			}
			_, err = fmt.Fprintln(p.Err, "vcadmin: "+w.unpair)
			return err
		}),
	}
}

// receptionNames are the names of the receptions.
func receptionNames(ctx context.Context, client *api.Client) (names []string, err error) {
	all, err := client.Roster(ctx)
	for _, r := range all {
		names = append(names, r.Name)
	}
	return names, err
}

func (p *program) checkReception() *cobra.Command {
	return &cobra.Command{
		Use: "check " + p.words.nameArgument, Args: p.Exactly(p.words.nameArgument), ValidArgsFunction: p.CompleteName(receptionNames),
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			found, err := client.CheckReception(ctx, args[0])
			if err != nil {
				return p.About(err, args[0])
			}
			return p.printFindings(args[0], found)
		}),
	}
}

// printFindings says of each thing whether it is well, and what to do if not. It
// fails where something is not.
func (p *program) printFindings(name string, all control.Findings) error {
	w := p.words.belong
	status, name := reason.ExitDone, terminal.Clean(name)
	var list terminal.Form
	var todo []string
	for _, f := range all.Findings {
		verdict, colour := w.well, terminal.Good
		if !f.OK {
			verdict, colour, status = w.notWell, terminal.Bad, reason.ExitFailed
			if f.Code != "" {
				status = f.Code.Exit()
			}
			what, ok := w.todo[string(f.What)]
			if _, hint := f.Code.Words(p.Language); f.Code == reason.NotPaired || f.Code == reason.PairingInvalid || f.Code == reason.PairingExpired {
				todo = append(todo, hint)
			} else if ok {
				todo = append(todo, fmt.Sprintf(what, name))
			}
		}
		what, ok := w.found[string(f.What)]
		if !ok {
			what = terminal.Clean(string(f.What)) // that of a newer server
		}
		list.AddIn(p.Palette, colour, what, verdict+"  "+p.finding(f))
	}
	switch {
	case p.JSON:
		if err := p.PrintJSON(all); err != nil {
			return err
		}
	default:
		if err := list.Print(p.Out, p.Width); err != nil {
			return err
		}
		if len(todo) == 0 {
			fmt.Fprintf(p.Out, w.allWell+"\n", name)
		}
	}
	for _, line := range todo {
		fmt.Fprintln(p.Err, "vcadmin: "+line)
	}
	if status == reason.ExitDone {
		return nil
	}
	return &command.Ended{Status: status}
}

// finding writes the values of one finding.
func (p *program) finding(f control.Finding) string {
	w := p.words.belong
	if f.Code != "" && f.What != control.FoundSpace {
		meaning, _ := f.Code.Words(p.Language)
		return meaning + ": " + terminal.Clean(f.Detail)
	}
	switch f.What {
	case control.FoundName:
		return fmt.Sprintf(w.foundName, terminal.Clean(f.Name), terminal.Clean(strings.Join(f.Addresses, ", ")))
	case control.FoundConnection:
		return fmt.Sprintf(w.foundConnection, terminal.Clean(f.Name))
	case control.FoundIdentity:
		return fmt.Sprintf(w.foundIdentity, terminal.Clean(f.Name))
	case control.FoundClock:
		ahead := time.Duration(f.Ahead) * time.Millisecond
		if ahead < 0 {
			return fmt.Sprintf(w.foundBehind, (-ahead).String())
		}
		return fmt.Sprintf(w.foundAhead, ahead.String())
	case control.FoundSpace:
		if f.Needed > 0 {
			return fmt.Sprintf(w.needs, terminal.Roughly(f.Free), terminal.Roughly(f.Needed))
		}
		return fmt.Sprintf(w.foundSpace, terminal.Roughly(f.Free))
	case control.FoundRate:
		return fmt.Sprintf(w.foundRate, terminal.Speed(f.Rate), rate.Rate(f.Link).String())
	}
	return terminal.Clean(f.Detail)
}
