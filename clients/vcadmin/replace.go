package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

const (
	// askEvery is how often it is asked whether two versions were compared.
	askEvery = time.Second

	// spare is what a counter-offer adds to the earliest deadline: while a
	// person reads and pastes, the earliest moves on.
	spare = time.Minute
)

// replacement is a new version as it is asked for.
type replacement struct {
	control.ReplaceTitle
	by         time.Time
	redeliver  bool
	byEarliest bool
}

// replaced is what became of it, for programs.
type replaced struct {
	control.TitleChange
	Older      []control.Older    `json:"older"`
	Deliveries []control.Delivery `json:"deliveries,omitempty"`
}

func (p *program) replace(h helpTexts) *cobra.Command {
	var r replacement
	var duration, by string
	c := &cobra.Command{
		Use: h.replaceUse, Args: p.Exactly("N", p.words.locationArgument), ValidArgsFunction: p.CompleteTitles,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) (err error) {
			r.Location = args[1]
			if r.Number, err = p.titleNumber(args[0]); err != nil {
				return err
			}
			if r.Duration, err = p.milliseconds("--duration", duration); err != nil {
				return err
			}
			if (by != "" || r.byEarliest) != r.redeliver || by != "" && r.byEarliest {
				return reason.New(reason.Usage, "%s", p.words.replace.byWithRedeliver)
			}
			if r.by, err = p.deadline(by); err != nil {
				return err
			}
			return p.replaceTitle(ctx, client, r)
		}),
	}
	c.Flags().StringVar(&duration, "duration", "", h.duration)
	c.Flags().BoolVar(&r.redeliver, "redeliver", false, h.redeliver)
	c.Flags().StringVar(&by, "by", "", h.by)
	c.Flags().BoolVar(&r.byEarliest, "by-earliest", false, h.byEarliest)
	c.Flags().SortFlags = false
	return c
}

// deadline reads a time as people write it; nothing is the zero time.
func (p *program) deadline(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := moment.ParseDeadline(text, p.Now().In(p.Zone))
	if err != nil {
		return at, reason.New(reason.Usage, p.words.replace.badTime, text)
	}
	return at, nil
}

// replaceTitle gives a title its new source, tells who has an earlier one, and
// promises the new one to them if that is asked for.
func (p *program) replaceTitle(ctx context.Context, client *api.Client, r replacement) error {
	change, err := client.ReplaceTitle(ctx, r.ReplaceTitle)
	if err != nil {
		about := r.Location
		if reason.Of(err) == reason.UnknownTitle {
			about = strconv.Itoa(r.Number)
		}
		return p.About(err, about)
	}
	out := replaced{TitleChange: change}
	if out.Older, err = client.Older(ctx, r.Number); err != nil {
		return err
	}
	if !p.JSON {
		if err := p.printAdded(change); err != nil {
			return err
		}
		if err := p.printOlder(out.Older); err != nil {
			return err
		}
	}
	if r.redeliver && len(out.Older) > 0 {
		if out.Deliveries, err = p.redeliver(ctx, client, r, receptionsOf(out.Older)); err != nil {
			return err
		}
	}
	switch {
	case p.JSON:
		return p.PrintJSON(out)
	case len(out.Deliveries) > 0:
		return p.printRedeliveries(out.Deliveries)
	case len(out.Older) > 0:
		_, err = fmt.Fprintf(p.Out, "%s\n  %s\n", p.words.replace.howToRedeliver,
			p.Command("replace", strconv.Itoa(r.Number), r.Location, "--redeliver", "--by-earliest"))
	}
	return err
}

// receptionsOf gives the names of the receptions, each once.
func receptionsOf(older []control.Older) (names []string) {
	for _, o := range older {
		names = append(names, o.Reception)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// redeliver promises the new version to receptions: to as many as one request may
// name at once all of them, or none.
func (p *program) redeliver(ctx context.Context, client *api.Client, r replacement, receptions []string) (made []control.Delivery, err error) {
	for some := range slices.Chunk(receptions, control.MaxReceptions) {
		q := control.Redeliver{Key: strings.ToLower(rand.Text()), Number: r.Number, Receptions: some, By: r.by, ByEarliest: r.byEarliest}
		promised, err := p.redeliverSome(ctx, client, q)
		if err != nil {
			return nil, p.notRedelivered(err, r, some)
		}
		made = append(made, promised...)
	}
	return made, nil
}

// redeliverSome asks until the two versions were compared.
func (p *program) redeliverSome(ctx context.Context, client *api.Client, q control.Redeliver) ([]control.Delivery, error) {
	every := time.NewTicker(askEvery)
	defer every.Stop()
	said := -1
	for {
		promised, comparing, err := client.Redeliver(ctx, q)
		if err != nil || comparing == nil {
			return promised, err
		}
		if at := journal.Percent(comparing.Hashed, comparing.Size); at != said {
			said = at
			fmt.Fprintf(p.Err, "vcadmin: "+p.words.replace.comparing+"\n", at)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// notRedelivered tells of each reception why none was promised anything, and by
// when all could be.
func (p *program) notRedelivered(err error, r replacement, receptions []string) error {
	var refused *api.Refused
	if !errors.As(err, &refused) || refused.Code != reason.DeadlineTooSoon && len(refused.Report) == 0 {
		return err
	}
	if err := p.PrintRefusal(refused.Refusal); err != nil {
		return err
	}
	w := p.words.replace
	status := command.Explain(p.Err, "vcadmin", p.Language, reason.New(refused.Code, "%s", w.noneRedelivered))
	t := &terminal.Table{Columns: []terminal.Column{{Title: p.Words.Reception, Least: 8}, {Title: w.earliest}, {Title: p.Words.Note, Least: 10}}}
	report := refused.Report
	if len(report) == 0 {
		report = []control.Prospect{{Reception: receptions[0], Code: refused.Code, Earliest: refused.Earliest, Constraint: refused.Constraint}}
	}
	for _, one := range report {
		earliest, note := "–", terminal.Clean(one.Constraint)
		switch {
		case one.Possible:
			earliest, note = p.Instant(terminal.SecondsUp(one.End)), ""
		case !one.Earliest.IsZero():
			earliest = p.Instant(terminal.SecondsUp(one.Earliest))
		case note == "":
			note = string(one.Code)
		}
		t.Add(terminal.Clean(one.Reception), earliest, note)
	}
	if err := t.Print(p.Err, p.Width); err != nil {
		return err
	}
	if !refused.Earliest.IsZero() {
		by := refused.Earliest.Add(spare + time.Minute - time.Nanosecond).Truncate(time.Minute).In(p.Zone).Format(time.RFC3339)
		fmt.Fprintf(p.Err, "vcadmin: %s\n  %s\n", w.offered, p.Command("replace", strconv.Itoa(r.Number), r.Location, "--redeliver", "--by", by))
	}
	return &command.Ended{Status: status}
}

// printOlder tells which receptions hold an earlier version, and which await one.
func (p *program) printOlder(older []control.Older) error {
	w := p.words.replace
	if len(older) == 0 {
		_, err := fmt.Fprintln(p.Out, w.nobody)
		return err
	}
	if _, err := fmt.Fprintln(p.Out, w.older); err != nil {
		return err
	}
	t := &terminal.Table{Columns: []terminal.Column{
		{Title: p.Words.Reception, Least: 8}, {Title: p.Words.ID, Right: true}, {Title: p.Words.State}, {Title: w.when}, {Title: p.words.location, Least: 12}, {Title: p.Words.Note, Least: 10},
	}}
	for _, o := range older {
		when, note := o.Finished, ""
		if when.IsZero() {
			if when = o.Deadline; !o.Present {
				note = w.sourceGone
			}
		}
		t.Add(terminal.Clean(o.Reception), strconv.FormatInt(o.ID, 10), p.State(o.State), p.Instant(terminal.SecondsUp(when)), terminal.Clean(o.Location), note)
	}
	return t.Print(p.Out, p.Width)
}

// printRedeliveries prints what was promised, and how much of it is to be sent.
func (p *program) printRedeliveries(made []control.Delivery) error {
	w := p.words.replace
	if _, err := fmt.Fprintln(p.Out, w.redelivered); err != nil {
		return err
	}
	t := &terminal.Table{Columns: []terminal.Column{
		{Title: p.Words.Reception, Least: 8}, {Title: p.Words.ID, Right: true}, {Title: p.Words.State}, {Title: w.thereBy}, {Title: w.toSend, Right: true},
	}}
	for _, d := range made {
		t.Add(terminal.Clean(d.Reception), strconv.FormatInt(d.ID, 10), p.State(d.State), p.Instant(terminal.SecondsUp(d.Deadline)), terminal.Roughly(max(0, d.Size-d.Offset)))
	}
	return t.Print(p.Out, p.Width)
}
