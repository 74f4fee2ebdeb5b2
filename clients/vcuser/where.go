package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

func (p *program) where() *cobra.Command {
	var o order
	h := helpIn(p.Language)
	c := &cobra.Command{
		Use:  h.whereUse,
		Args: p.Exactly("N"), ValidArgsFunction: p.CompleteTitles,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) (err error) {
			if o.number, err = p.Number(args[0], p.words.badTitle); err != nil {
				return err
			}
			return p.lookWhere(ctx, client, o)
		}),
	}
	c.Flags().StringVar(&o.by, "by", "", h.whereBy)
	c.Flags().StringArrayVar(&o.receptions, "at", nil, h.whereAt)
	c.Flags().StringVar(&o.from, "from", "", h.from)
	c.Flags().StringVar(&o.pace, "pace", "", h.pace)
	c.Flags().SortFlags = false
	p.completeFlags(c)
	return c
}

// lookWhere asks the server, and shows what it says.
func (p *program) lookWhere(ctx context.Context, client *api.Client, o order) error {
	q, err := p.readWhere(o)
	if err != nil {
		return err
	}
	prospects, err := client.Where(ctx, q)
	if err != nil {
		return p.aboutWhere(err, q)
	}
	return p.printProspects(prospects)
}

// readWhere makes a question of what a person wrote.
func (p *program) readWhere(o order) (q control.WhereQuery, err error) {
	q.Number = int(o.number)
	if o.by == "" {
		return q, reason.New(reason.Usage, "%s", p.words.noDeadline)
	}
	if q.Receptions, err = p.receptions(o.receptions); err != nil {
		return q, err
	}
	if q.By, q.From, err = p.between(o); err != nil {
		return q, err
	}
	q.MaxPace, err = p.pace(o.pace)
	return q, err
}

func (p *program) aboutWhere(err error, q control.WhereQuery) error {
	if reason.Of(err) == reason.DeadlinePast {
		return p.About(err, p.Instant(q.By))
	}
	return p.About(err, strconv.Itoa(q.Number))
}

// printProspects prints which receptions could have the title. The end is that
// of a refusal if none could.
func (p *program) printProspects(prospects []control.Prospect) error {
	if len(prospects) == 0 && !p.JSON {
		fmt.Fprintln(p.Err, p.words.noReceptions)
		return nil
	}
	none := len(prospects) > 0
	for _, one := range prospects {
		none = none && !one.Possible
	}
	var err error
	if p.JSON {
		err = p.PrintJSON(prospects)
	} else {
		err = p.prospectTable(prospects).Print(p.Out, p.Width)
	}
	if err == nil && none {
		return &command.Ended{Status: reason.ExitRefused}
	}
	return err
}

func (p *program) prospectTable(prospects []control.Prospect) *terminal.Table {
	colour := func(row int) terminal.Colour {
		if prospects[row].Possible {
			return terminal.Good
		}
		return terminal.Bad
	}
	t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
		{Title: p.Words.Reception, Least: 12}, {Title: p.words.possible, Colour: colour}, {Title: p.words.arrives}, {Title: p.words.earliestTime}, {Title: p.words.reason, Least: 16},
	}}
	for _, one := range prospects {
		if one.Possible {
			t.Add(terminal.Clean(one.Reception), p.words.yes, p.Minute(minuteUp(one.End)), "", "")
			continue
		}
		earliest := ""
		if !one.Earliest.IsZero() {
			earliest = p.Minute(minuteUp(one.Earliest))
		}
		meaning, _ := one.Code.Words(p.Language)
		why := terminal.Clean(meaning)
		if one.Constraint != "" {
			why = p.constraint(one.Constraint)
		}
		t.Add(terminal.Clean(one.Reception), p.words.no, "", earliest, why)
	}
	return t
}

// minuteUp rounds up to the minute, so that by what is shown it is there.
func minuteUp(t time.Time) time.Time {
	return t.Add(time.Minute - time.Nanosecond).Truncate(time.Minute)
}

// printPromises prints what several receptions were promised.
func (p *program) printPromises(made []control.Delivery) error {
	t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
		{Title: p.Words.ID, Right: true}, {Title: p.Words.Title, Least: 8}, {Title: p.Words.Reception, Least: 8},
		{Title: p.Words.State}, {Title: p.words.thereBy}, {Title: p.words.arrives},
	}}
	follow := []string{"watch"}
	for _, d := range made {
		id := strconv.FormatInt(d.ID, 10)
		t.Add(id, terminal.Clean(d.Title), terminal.Clean(d.Reception), p.State(d.State), p.Instant(terminal.SecondsUp(d.Deadline)), p.Minute(minuteUp(d.End)))
		follow = append(follow, id)
	}
	if err := t.Print(p.Out, p.Width); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.Out, "%s  %s\n", p.words.followThem, p.Command(follow...))
	return err
}

// report tells of each reception why a request for several was promised to
// none, and by when it could be to all.
func (p *program) report(r control.Refusal, q control.Request) error {
	if err := p.PrintRefusal(r); err != nil {
		return err
	}
	status := command.Explain(p.Err, "vcuser", p.Language, reason.New(r.Code, "%s", p.words.allOrNone))
	t := p.prospectTable(r.Report)
	t.Palette = false // standard error may be a file
	if err := t.Print(p.Err, p.Width); err != nil {
		return err
	}
	if !r.Earliest.IsZero() {
		p.offer(r.Earliest, q)
	}
	return &command.Ended{Status: status}
}
