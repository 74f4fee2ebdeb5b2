package desk

import (
	"videoclub/internal/control"
	"videoclub/internal/moment"
)

const (
	// A page of a chart has at most mostLinks links, of each mostShut times at
	// which it is closed and mostSlots reservations, and mostSlotsAll of all: with
	// the rest of its message it stays within control.MaxMessage.
	mostLinks    = 10
	mostShut     = 32
	mostSlots    = 60
	mostSlotsAll = 80
)

// chart draws the plan: how full the uplink and links are for everybody, and of
// the reservations those of the deliveries that the caller sees.
func (s asker) chart(q control.ChartQuery) (*control.Chart, error) {
	if err := moment.Check("from", q.From); err != nil {
		return nil, err
	}
	if err := moment.Check("to", q.To); err != nil {
		return nil, err
	}
	drawn := s.desk.Dispatcher.Chart(q.From, q.To, control.ChartSteps)
	c := &control.Chart{
		Now: s.desk.Clock().UTC(), From: drawn.From.UTC(), To: drawn.To.UTC(), Links: []control.LinkChart{},
		Uplink: control.Lane{Rate: drawn.Uplink.Rate, Reserved: drawn.Uplink.Reserved},
	}
	all := mostSlotsAll
	for _, l := range drawn.Links {
		if l.Reception <= q.After {
			continue
		}
		if c.More = len(c.Links) == mostLinks; c.More {
			break
		}
		link := control.LinkChart{Reception: l.Reception, Lane: control.Lane{Rate: l.Rate, Reserved: l.Reserved}}
		for _, shut := range l.Closed[:min(len(l.Closed), mostShut)] {
			link.Closed = append(link.Closed, control.Shut{From: shut.From.UTC(), To: shut.To.UTC()})
		}
		for _, slot := range l.Slots {
			if s.owns(slot.Delivery) != nil || slot.Start.After(drawn.To) {
				continue
			}
			if len(link.Slots) == mostSlots || all == 0 {
				link.MoreSlots = true
				break
			}
			all--
			link.Slots = append(link.Slots, control.Slot{
				ID: slot.ID, Title: cut(slot.Name, 80), State: string(slot.State), Start: slot.Start.UTC(), End: slot.End.UTC(),
				Deadline: slot.Deadline.UTC(), AtRisk: slot.AtRisk,
			})
		}
		c.Links = append(c.Links, link)
	}
	return c, nil
}
