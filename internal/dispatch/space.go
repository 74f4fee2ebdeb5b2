package dispatch

import (
	"fmt"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// spaceFor is how long what a reception said about its space is held against
// requests. After that one is promised, and asks again by its offer: whoever
// made room there is not to wait for longer.
const spaceFor = 10 * time.Minute

// space is what a reception said that another delivery could have, in bytes.
type space struct {
	free int64
	at   time.Time
}

// hold notes that a reception has reserved the space of j, and how much it has
// left, if it said so. The mutex is held.
func (d *Dispatcher) hold(j *job, free *int64, now time.Time) {
	j.held = true
	if free != nil {
		d.spaces[j.Reception] = space{*free, now}
	}
}

// letGo counts the space of j, which is withdrawn, as free again. The mutex is
// held.
func (d *Dispatcher) letGo(j *job) {
	if s, known := d.spaces[j.Reception]; known && j.held {
		d.spaces[j.Reception] = space{s.free + j.bytes(d.Clock()), s.at}
	}
}

// Free is what the receptions that said so lately have for another delivery, in
// bytes, once those that are promised have theirs.
func (d *Dispatcher) Free() map[string]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spacesLeft(d.Clock())
}

// spacesLeft is what the receptions that said so lately have for another
// delivery, once those that are promised have theirs. The mutex is held.
func (d *Dispatcher) spacesLeft(now time.Time) map[string]int64 {
	left := make(map[string]int64)
	for name, s := range d.spaces {
		if age := now.Sub(s.at); age >= 0 && age < spaceFor {
			left[name] = s.free
		}
	}
	for _, j := range d.jobs {
		if _, known := left[j.Reception]; known && !j.held {
			left[j.Reception] -= j.bytes(now)
		}
	}
	return left
}

// full refuses l where there is no space for it at its reception: where something
// no larger waits for some, which is asked for again and again, so that this is
// known to be so now; or by what the reception said.
func (b *book) full(l ledger.Delivery) error {
	size := (&job{Delivery: l}).bytes(b.now)
	least, short := b.short[l.Reception]
	left, known := b.left[l.Reception]
	refused := &Refusal{Code: reason.NoSpace, Constraint: diskBinds}
	switch {
	case short && size >= least:
		refused.Detail = "a delivery that is no larger waits at " + l.Reception + " for space"
	case known && size > left:
		refused.Detail = fmt.Sprintf("%s takes %s, and %s has %s for it besides what is promised", l.Name, rate.Size(size), l.Reception, rate.Size(max(0, left)))
	default:
		return nil
	}
	if has, err := b.has(l); has || err != nil {
		return err
	}
	return refused
}
