package dispatch

import (
	"slices"
	"strings"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/schedule"
)

// Chart is how full the uplink and the links are, in equal steps of time.
type Chart struct {
	From, To time.Time
	Uplink   Lane
	Links    []LinkChart // by name
}

// Lane is what something carries, and what of it is reserved in each step on
// average, in bytes a second.
type Lane struct {
	Rate     int64
	Reserved []int64
}

// LinkChart is the link to one reception.
type LinkChart struct {
	Reception string
	Lane
	Closed []moment.Interval // by its windows
	Slots  []Slot            // by their start
}

// Slot is the reservation of one delivery.
type Slot struct {
	ledger.Delivery
	Start, End time.Time
	AtRisk     bool
}

// leastChart is the shortest time that a chart is drawn of, and mostChart the
// longest.
const (
	leastChart = time.Hour
	mostChart  = 31 * 24 * time.Hour
)

// Chart gives the plan from one instant to another, in that many steps. A zero
// from is now, a zero to is when all that is promised will be there.
func (d *Dispatcher) Chart(from, to time.Time, steps int) Chart {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Clock()
	if from.IsZero() {
		from = now
	}
	if to.IsZero() {
		to = from.Add(leastChart)
		for _, j := range d.jobs {
			to = latest(to, j.Deadline)
			if r, ok := d.plan.Reservation(j.ID); ok {
				to = latest(to, r.End)
			}
		}
	}
	if to.Before(from.Add(leastChart)) {
		to = from.Add(leastChart)
	}
	if to.After(from.Add(mostChart)) {
		to = from.Add(mostChart)
	}
	c := Chart{From: from, To: to}
	net := d.network()
	c.Uplink = Lane{int64(net.Uplink), make([]int64, steps)}
	for name, link := range net.Links {
		c.Links = append(c.Links, LinkChart{Reception: name, Lane: Lane{int64(link.Rate), make([]int64, steps)}, Closed: closed(link, from, to)})
	}
	slices.SortFunc(c.Links, func(a, b LinkChart) int { return strings.Compare(a.Reception, b.Reception) })
	for _, j := range d.sorted() {
		r, ok := d.plan.Reservation(j.ID)
		if !ok {
			continue
		}
		i, _ := slices.BinarySearchFunc(c.Links, j.Reception, func(l LinkChart, name string) int { return strings.Compare(l.Reception, name) })
		c.Links[i].Slots = append(c.Links[i].Slots, Slot{j.Delivery, r.Start, r.End, j.atRisk})
		for _, s := range r.Segments {
			c.fill(c.Uplink.Reserved, s)
			c.fill(c.Links[i].Reserved, s)
		}
	}
	for _, l := range c.Links {
		slices.SortStableFunc(l.Slots, func(a, b Slot) int { return a.Start.Compare(b.Start) })
	}
	return c
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// fill adds a segment to the averages of the steps that it touches.
func (c Chart) fill(reserved []int64, s schedule.Segment) {
	step := c.To.Sub(c.From) / time.Duration(len(reserved))
	for i := range reserved {
		from := c.From.Add(time.Duration(i) * step)
		to := from.Add(step)
		if shared := earliest(to, s.To).Sub(latest(from, s.From)); shared > 0 {
			reserved[i] += int64(float64(s.Rate) * shared.Seconds() / step.Seconds())
		}
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// closed gives when a link may not be used.
func closed(l schedule.Link, from, to time.Time) (shut []moment.Interval) {
	if l.Open == nil {
		return nil
	}
	open := l.Open(from, to)
	slices.SortFunc(open, func(a, b moment.Interval) int { return a.From.Compare(b.From) })
	at := from
	for _, o := range open {
		if o.From.After(at) {
			shut = append(shut, moment.Interval{From: at, To: o.From})
		}
		at = latest(at, o.To)
	}
	if to.After(at) {
		shut = append(shut, moment.Interval{From: at, To: to})
	}
	return shut
}
