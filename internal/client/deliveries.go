package client

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// usualDeliveries is how many deliveries are listed unless a number is given.
const usualDeliveries = 20

// Deliveries is the command that lists deliveries.
func (p *Program) Deliveries() *cobra.Command {
	most, all := usualDeliveries, false
	c := &cobra.Command{
		Use: "deliveries [-n N | --all]", Args: p.Exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, _ []string) error {
			if all {
				most = math.MaxInt
			}
			if most < 1 {
				return reason.New(reason.Usage, p.Words.BadCount, most)
			}
			return p.ListDeliveries(ctx, client, most)
		}),
	}
	c.Flags().IntVarP(&most, "number", "n", most, p.Words.MostFlag)
	c.Flags().BoolVar(&all, "all", false, p.Words.AllFlag)
	return c
}

// ListDeliveries lists the latest deliveries.
func (p *Program) ListDeliveries(ctx context.Context, client *api.Client, most int) error {
	list, err := client.Deliveries(ctx, most)
	switch {
	case err != nil:
		return err
	case p.JSON:
		return p.PrintJSON(list)
	case len(list) == 0:
		fmt.Fprintln(p.Err, p.Words.NoDeliveries)
		return nil
	}
	return p.PrintDeliveries(list)
}

// PrintDeliveries prints deliveries as a table.
func (p *Program) PrintDeliveries(list []control.Delivery) error {
	colour := func(row int) terminal.Colour { return ColourOf(list[row]) }
	t := &terminal.Table{Palette: p.Palette, Columns: []terminal.Column{
		{Title: p.Words.ID, Right: true}, {Title: p.Words.Title, Least: 12}, {Title: p.Words.Reception, Least: 12}, {Title: p.Words.State, Colour: colour},
		{Title: p.Words.Progress, Right: true}, {Title: p.Words.Deadline}, {Title: p.Words.Note, Least: 10, Colour: colour},
	}}
	for _, d := range list {
		t.Add(strconv.FormatInt(d.ID, 10), terminal.Clean(d.Title), terminal.Clean(d.Reception), p.State(d.State),
			p.Percent(d), p.Minute(d.Deadline), p.NoteOf(d))
	}
	return t.Print(p.Out, p.Width)
}

// ColourOf is that of a delivery's state.
func ColourOf(d control.Delivery) terminal.Colour {
	switch {
	case d.State == "failed":
		return terminal.Bad
	case d.Late || d.AtRisk:
		return terminal.Warning
	case d.State == "deposited":
		return terminal.Good
	}
	return terminal.Plain
}

// Percent is how much of a delivery is there; of a live one that goes on, how
// much was captured.
func (p *Program) Percent(d control.Delivery) string {
	if d.Live && d.Size < 0 {
		return terminal.Span(time.Duration(d.Captured)*time.Millisecond) + " / " + terminal.Span(time.Duration(d.Lasts)*time.Millisecond)
	}
	return strconv.Itoa(journal.Percent(d.Offset, d.Size)) + " %"
}

// State is the word for a state; one that a newer server may have is shown as
// it is.
func (p *Program) State(name string) string {
	if word, ok := p.Words.States[name]; ok {
		return word
	}
	return terminal.Clean(name)
}

// NoteOf is what there is to know about a delivery beside its state.
func (p *Program) NoteOf(d control.Delivery) string {
	var note string
	switch {
	case d.Late:
		note = p.Words.Late
	case d.AtRisk:
		note = p.Words.AtRisk
	}
	// A cancelled delivery has been cancelled for being cancelled.
	if d.Reason == "" || d.Reason == reason.Cancelled {
		return note
	}
	meaning, _ := d.Reason.Words(p.Language)
	if note != "" {
		note += ": "
	}
	return note + terminal.Clean(meaning)
}
