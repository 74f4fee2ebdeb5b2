package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

func (p *program) schedule() *cobra.Command {
	return &cobra.Command{
		Use: "schedule", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error { return p.showSchedule(ctx, client) }),
	}
}

// showSchedule prints how full the uplink and the links are, and what is reserved.
func (p *program) showSchedule(ctx context.Context, client *api.Client) error {
	c, err := client.Schedule(ctx, control.ChartQuery{})
	switch {
	case err != nil:
		return err
	case p.JSON:
		return p.PrintJSON(c)
	}
	w := p.words.schedule
	if _, err := fmt.Fprintf(p.Out, w.span+"\n", p.Minute(c.From), p.Minute(c.To), terminal.Span(c.To.Sub(c.From)/marks)); err != nil {
		return err
	}
	if err := p.lanes(c).Print(p.Out, p.Width); err != nil {
		return err
	}
	t, more := p.slots(c)
	if t == nil {
		_, err := fmt.Fprintln(p.Out, w.nothing)
		return err
	}
	if _, err := fmt.Fprintln(p.Out); err != nil {
		return err
	}
	if err := t.Print(p.Out, p.Width); err != nil || !more {
		return err
	}
	_, err = fmt.Fprintln(p.Out, w.more)
	return err
}

// marks is how many marks stand for the time that is shown, and levels what they
// are, from a little to full; free and shut are where nothing is reserved, and
// where the link is closed.
const (
	marks  = 24
	levels = "▁▂▃▄▅▆▇█"
	free   = "·"
	shut   = "x"
)

// lanes is the uplink and the links, each with how full it is over time.
func (p *program) lanes(c control.Chart) *terminal.Table {
	w := p.words.schedule
	t := &terminal.Table{Columns: []terminal.Column{{Title: w.link, Least: 8}, {Title: w.carries, Right: true}, {Title: w.reserved}}}
	t.Add(w.uplink, terminal.Speed(c.Uplink.Rate), drawn(c, c.Uplink, nil))
	for _, l := range c.Links {
		t.Add(terminal.Clean(l.Reception), terminal.Speed(l.Rate), drawn(c, l.Lane, l.Closed))
	}
	return t
}

// drawn is how full something is, mark by mark: as full as its fullest moment.
func drawn(c control.Chart, l control.Lane, closed []control.Shut) string {
	var b strings.Builder
	full := []rune(levels)
	step := c.To.Sub(c.From) / marks
	for i := range marks {
		most := int64(0)
		if n := len(l.Reserved); n > 0 {
			most = slices.Max(l.Reserved[i*n/marks : max((i+1)*n/marks, i*n/marks+1)])
		}
		middle := c.From.Add(time.Duration(2*i+1) * step / 2)
		switch {
		case most > 0:
			b.WriteRune(full[min(int(most*int64(len(full))/max(l.Rate, 1)), len(full)-1)])
		case slices.ContainsFunc(closed, func(s control.Shut) bool { return !middle.Before(s.From) && middle.Before(s.To) }):
			b.WriteString(shut)
		default:
			b.WriteString(free)
		}
	}
	return b.String()
}

// slots is the reservations by their beginning, nil where there are none; more says
// that the server has others.
func (p *program) slots(c control.Chart) (t *terminal.Table, more bool) {
	type slot struct {
		control.Slot
		reception string
	}
	var all []slot
	for _, l := range c.Links {
		more = more || l.MoreSlots
		for _, s := range l.Slots {
			all = append(all, slot{s, l.Reception})
		}
	}
	if len(all) == 0 {
		return nil, more
	}
	slices.SortStableFunc(all, func(a, b slot) int { return a.Start.Compare(b.Start) })
	w := p.words.schedule
	t = &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
		{Title: p.Words.ID, Right: true}, {Title: p.Words.Title, Least: 8}, {Title: p.Words.Reception, Least: 8}, {Title: p.Words.State},
		{Title: w.begins}, {Title: w.arrives}, {Title: p.Words.Deadline}, {Title: p.Words.Note},
	}}
	for _, s := range all {
		note := ""
		if s.AtRisk {
			note = p.Words.AtRisk
		}
		t.Add(strconv.FormatInt(s.ID, 10), terminal.Clean(s.Title), terminal.Clean(s.reception), p.State(s.State),
			p.Minute(s.Start), p.Minute(s.End), p.Minute(s.Deadline), note)
	}
	return t, more
}
