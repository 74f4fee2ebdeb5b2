package main

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/reason"
)

// usualDeliveries is how many deliveries are listed unless a number is given.
const usualDeliveries = 20

func (p *program) deliveries() *cobra.Command {
	most, all := usualDeliveries, false
	c := &cobra.Command{
		Use: "deliveries [-n N | --all]", Args: p.exactly(0, ""),
		RunE: p.action(func(ctx context.Context, client *api.Client, _ []string) error {
			if all {
				most = math.MaxInt
			}
			if most < 1 {
				return reason.New(reason.Usage, p.words.badCount, most)
			}
			list, err := client.Deliveries(ctx, most)
			switch {
			case err != nil:
				return err
			case p.json:
				return p.printJSON(list)
			case len(list) == 0:
				fmt.Fprintln(p.err, p.words.noDeliveries)
				return nil
			}
			return p.deliveryTable(list).print(p.out, p.width)
		}),
	}
	h := helpIn(p.language)
	c.Flags().IntVarP(&most, "number", "n", most, h.most)
	c.Flags().BoolVar(&all, "all", false, h.all)
	return c
}

func (p *program) deliveryTable(list []control.Delivery) *table {
	t := &table{columns: []column{
		{title: p.words.id, right: true}, {title: p.words.title, least: 12}, {title: p.words.reception, least: 12}, {title: p.words.state},
		{title: p.words.progress, right: true}, {title: p.words.deadline}, {title: p.words.note, least: 10},
	}}
	for _, d := range list {
		t.add(strconv.FormatInt(d.ID, 10), clean(d.Title), clean(d.Reception), p.state(d.State),
			percent(d), p.minute(d.Deadline), p.noteOf(d))
	}
	return t
}

func percent(d control.Delivery) string {
	return strconv.Itoa(journal.Percent(d.Offset, d.Size)) + " %"
}

// state is the word for a state; one that a newer server may have is shown as
// it is.
func (p *program) state(name string) string {
	if word, ok := p.words.states[name]; ok {
		return word
	}
	return clean(name)
}

// noteOf is what there is to know about a delivery beside its state.
func (p *program) noteOf(d control.Delivery) string {
	var note string
	switch {
	case d.Late:
		note = p.words.late
	case d.AtRisk:
		note = p.words.atRisk
	}
	// A cancelled delivery has been cancelled for being cancelled.
	if d.Reason == "" || d.Reason == reason.Cancelled {
		return note
	}
	meaning, _ := d.Reason.Words(p.language)
	if note != "" {
		note += ": "
	}
	return note + clean(meaning)
}

// ended says whether nothing more happens to a delivery in this state.
func ended(state string) bool { return state == deposited || state == "failed" || state == "cancelled" }

// deposited is the state of a delivery that has arrived whole.
const deposited = "deposited"
