package dispatch

import (
	"context"
	"fmt"
	"slices"
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
	next     int64                               // id of the next on trial
	maxPace  int64                               // of any delivery; 0 is no bound
	short    map[string]int64                    // by reception: the fewest bytes that wait there for space
	left     map[string]int64                    // by reception that said so: the bytes that there are for another
	has      func(ledger.Delivery) (bool, error) // at its reception already, where it takes no space
}

// bookOf gives the book as it stands, with links to the named receptions, and
// without the deliveries that would give way.
func (d *Dispatcher) bookOf(ctx context.Context, receptions []string, without ...int64) (*book, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return nil, reason.New(reason.ShuttingDown, "the central server is stopping")
	}
	b := &book{now: d.Clock(), net: d.network(), promised: jobsOf(d.sorted(), d.Clock()), next: 1, maxPace: int64(d.settings.MaxPace), short: make(map[string]int64)}
	if n := len(b.promised); n > 0 {
		b.next = b.promised[n-1].ID + 1
	}
	b.promised = slices.DeleteFunc(b.promised, func(j schedule.Job) bool { return slices.Contains(without, j.ID) })
	for _, name := range receptions {
		if _, ok := b.net.Links[name]; !ok {
			b.net.Links[name] = d.link(Reception{})
		}
	}
	b.left = d.spacesLeft(b.now)
	b.has = func(l ledger.Delivery) (bool, error) { return d.Ledger.Has(ctx, l) }
	for _, j := range d.jobs {
		if slices.Contains(without, j.ID) {
			// Reserved there or only counted, its space is for what comes instead.
			if _, known := b.left[j.Reception]; known {
				b.left[j.Reception] += j.bytes(b.now)
			}
			continue
		}
		if j.Reason != reason.NoSpace {
			continue
		}
		if least, ok := b.short[j.Reception]; !ok || j.bytes(b.now)-j.acked < least {
			b.short[j.Reception] = j.bytes(b.now) - j.acked
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
	l.ID = b.next
	if b.maxPace > 0 && (l.MaxPace == 0 || l.MaxPace > b.maxPace) {
		l.MaxPace = b.maxPace
	}
	if l.MaxPace > 0 && !l.Live.Asked { // of a live source it says how much there will be
		l.Pace = min(l.Pace, l.MaxPace)
	}
	return (&job{Delivery: *l, acked: l.Shared}).inSchedule(b.now)
}

// relaxed is the job of a live source that was not admitted to be sent while it
// is recorded, as it may be sent by its deadline, out of its spool.
func relaxed(asked schedule.Job, l ledger.Delivery) (schedule.Job, bool) {
	deadline := l.Deadline.Add(-settle)
	if !l.Live.Asked || !deadline.After(asked.Deadline) {
		return asked, false
	}
	asked.Deadline = deadline
	return asked, true
}

// admit admits l, if it can be there by its deadline, on top of what is in the
// book, and gives it its id there.
func (b *book) admit(l *ledger.Delivery) (admitted bool, err error) {
	if err := b.full(*l); err != nil {
		return false, err
	}
	asked := b.asked(l)
	if least := tooSoon(*l); !least.IsZero() {
		return false, b.tooSoon(*l, asked, least)
	}
	if admitted, err = b.Try(asked); err == nil && !admitted {
		if later, ok := relaxed(asked, *l); ok {
			admitted, err = b.Try(later)
		}
	}
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
	if least := tooSoon(*l); !least.IsZero() {
		l.Deadline = least
	}
	return b.admit(l)
}

// tooSoon refuses l, a live source that is not over by its deadline: at least is
// the earliest that it could be there, unless something else binds it.
func (b *book) tooSoon(l ledger.Delivery, asked schedule.Job, least time.Time) error {
	r := &Refusal{Code: reason.DeadlineTooSoon, Constraint: liveBinds, Earliest: least}
	r.Detail = fmt.Sprintf("%s cannot be at %s by %s: it is live, and a recording of %v is not over before its time", l.Name, l.Reception,
		l.Deadline.UTC().Format(time.RFC3339), l.Duration)
	at, err := b.Earliest(asked)
	if err != nil {
		return err
	}
	if at = at.Add(settle); at.After(least) {
		r.Earliest = at
	}
	return r
}

// refusal is why l was not admitted.
func (b *book) refusal(l ledger.Delivery) *Refusal {
	asked, _ := relaxed(b.asked(&l), l)
	refused := b.Explain(asked)
	if refused.Binding == schedule.MaxPaceBinds && l.MaxPace != b.maxPace {
		refused.Binding = paceBinds
	}
	return refusalOf(l, refused)
}
