package dispatch

import (
	"fmt"
	"strings"
	"time"
)

// Overview is what a central server is doing.
type Overview struct {
	Sending  int       // deliveries with a connection
	Promised int       // that wait for their turn
	AtRisk   int       // of both
	Next     time.Time // when the next of those that wait begins; zero if none does
	Rate     int64     // of all together, bytes a second
}

// Overview says what is going on.
func (d *Dispatcher) Overview() Overview {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Clock()
	var o Overview
	for _, j := range d.jobs {
		if j.atRisk {
			o.AtRisk++
		}
		if j.attempt != nil {
			o.Sending++
			o.Rate += j.meter.rate(now)
			continue
		}
		o.Promised++
		if at := d.begins(j); !at.IsZero() && (o.Next.IsZero() || at.Before(o.Next)) {
			o.Next = at
		}
	}
	return o
}

// begins is when j is to go on by the plan, zero if that does not say.
func (d *Dispatcher) begins(j *job) time.Time {
	r, ok := d.plan.Reservation(j.ID)
	if !ok {
		return time.Time{}
	}
	if j.next.After(r.Start) {
		return j.next
	}
	return r.Start
}

// Line is o for systemctl status: "3 sending, 12 promised, next 18:05", with the
// date unless that is now's, by the clocks in now's zone.
func (o Overview) Line(now time.Time) string {
	if o.Sending+o.Promised == 0 {
		return "nothing to deliver"
	}
	parts := []string{fmt.Sprintf("%d sending", o.Sending), fmt.Sprintf("%d promised", o.Promised)}
	if !o.Next.IsZero() {
		next := o.Next.In(now.Location())
		layout := time.DateOnly + " 15:04"
		if next.Format(time.DateOnly) == now.Format(time.DateOnly) {
			layout = "15:04"
		}
		parts = append(parts, "next "+next.Format(layout))
	}
	if o.AtRisk > 0 {
		parts = append(parts, fmt.Sprintf("%d at risk", o.AtRisk))
	}
	return strings.Join(parts, ", ")
}
