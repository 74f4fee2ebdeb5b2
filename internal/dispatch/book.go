package dispatch

import (
	"context"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/schedule"
)

// book is what was promised and what can be carried at one moment, and the
// requests that were admitted to it on trial.
type book struct {
	*schedule.Admission
	now      time.Time
	net      schedule.Network
	promised []schedule.Job
	next     int64 // id of the next on trial
	maxPace  int64
	short    map[string]int64                    // by reception: the fewest bytes that wait there for space
	left     map[string]int64                    // by reception that said so: the bytes that there are for another
	has      func(ledger.Delivery) (bool, error) // at its reception already, where it takes no space
}

// bookOf gives the book as it stands, with links to the named receptions.
func (d *Dispatcher) bookOf(ctx context.Context, receptions []string) (*book, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return nil, reason.New(reason.ShuttingDown, "the central server is stopping")
	}
	b := &book{now: d.Clock(), net: d.network(), promised: jobsOf(d.sorted()), next: 1, maxPace: int64(d.settings.MaxPace), short: make(map[string]int64)}
	if n := len(b.promised); n > 0 {
		b.next = b.promised[n-1].ID + 1
	}
	for _, name := range receptions {
		if _, ok := b.net.Links[name]; !ok {
			b.net.Links[name] = d.link(Reception{})
		}
	}
	b.left = d.spacesLeft(b.now)
	b.has = func(l ledger.Delivery) (bool, error) { return d.Ledger.Has(ctx, l) }
	for _, j := range d.jobs {
		if j.Reason != reason.NoSpace {
			continue
		}
		if least, ok := b.short[j.Reception]; !ok || j.Size-j.acked < least {
			b.short[j.Reception] = j.Size - j.acked
		}
	}
	b.Admission = schedule.Consider(b.now, b.net, b.promised, receptions...)
	return b, nil
}

// trial is the book as it was at first, to be asked about one reception without
// a trace in b.
func (b *book) trial(reception string) *book {
	c := *b
	c.Admission = schedule.Consider(b.now, b.net, b.promised, reception)
	return &c
}

// asked is l as the schedule is asked for it.
func (b *book) asked(l *ledger.Delivery) schedule.Job {
	l.ID, l.MaxPace = b.next, b.maxPace
	if l.MaxPace > 0 {
		l.Pace = min(l.Pace, l.MaxPace)
	}
	return jobsOf([]*job{{Delivery: *l}})[0]
}

// admit admits l, if it can be there by its deadline, on top of what is in the
// book, and gives it its id there.
func (b *book) admit(l *ledger.Delivery) (admitted bool, err error) {
	if err := b.full(*l); err != nil {
		return false, err
	}
	admitted, err = b.Try(b.asked(l))
	if admitted {
		b.next++
	}
	return admitted, err
}

// admitEarliest admits l for the earliest deadline that it can have, which it
// then has, unless there is none.
func (b *book) admitEarliest(l *ledger.Delivery) (admitted bool, err error) {
	if err := b.full(*l); err != nil {
		return false, err
	}
	at, err := b.Earliest(b.asked(l))
	if err != nil || at.IsZero() {
		return false, err
	}
	l.Deadline = at.Add(settle)
	return b.admit(l)
}

// refusal is why l was not admitted.
func (b *book) refusal(l ledger.Delivery) *Refusal { return refusalOf(l, b.Explain(b.asked(&l))) }
