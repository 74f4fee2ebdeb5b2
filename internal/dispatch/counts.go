package dispatch

import (
	"slices"
	"strings"
)

// Passed is what has passed since the server was started, in source bytes.
type Passed struct {
	Sent  int64 // what was sent again included
	Acked int64 // called durable by receptions
}

// add counts what is new. What a worker says of an attempt is checked to go on,
// except for what a reception says at its end.
func (p *Passed) add(sent, acked int64) {
	p.Sent += max(0, sent)
	p.Acked += max(0, acked)
}

// Counts are what a central server counts of its deliveries.
type Counts struct {
	Overview
	Passed
	Queue      int64 // bytes that are promised and not durable yet
	Receptions []ReceptionCounts
}

// ReceptionCounts are those of one reception.
type ReceptionCounts struct {
	Name  string
	Open  int   // deliveries that have not ended
	Queue int64 // bytes of them that are not durable there yet
	Rate  int64 // bytes a second
	Free  int64 // that it has for another delivery, -1 where it has not said so lately
}

// Counts gives what there is to count, the receptions after one by name: at most
// limit of them.
func (d *Dispatcher) Counts(after string, limit int) (c Counts, more bool) {
	c.Overview = d.Overview()
	d.mu.Lock()
	defer d.mu.Unlock()
	c.Passed = d.passed
	now := d.Clock()
	all := make(map[string]*ReceptionCounts)
	for name := range d.settings.Receptions {
		all[name] = &ReceptionCounts{Name: name}
	}
	for _, j := range d.jobs {
		left := max(0, j.Size-j.acked)
		c.Queue += left
		r := all[j.Reception]
		if r == nil {
			r = &ReceptionCounts{Name: j.Reception}
			all[j.Reception] = r
		}
		r.Open++
		r.Queue += left
		if j.attempt != nil {
			r.Rate += j.meter.rate(now)
		}
	}
	for name, r := range all {
		r.Free = -1
		if s, known := d.spaces[name]; known && now.Sub(s.at).Abs() < spaceFor {
			r.Free = s.free
		}
		if name > after {
			c.Receptions = append(c.Receptions, *r)
		}
	}
	slices.SortFunc(c.Receptions, func(a, b ReceptionCounts) int { return strings.Compare(a.Name, b.Name) })
	if more = len(c.Receptions) > limit; more {
		c.Receptions = c.Receptions[:limit]
	}
	return c, more
}
