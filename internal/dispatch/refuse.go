package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// grants are what a request for one reception or several is granted so far.
type grants struct {
	*book
	drafts   []ledger.Delivery
	errs     []error // why one cannot be granted, where that is known
	admitted []bool
	earliest bool // each by the earliest instead of by its deadline
	next     int  // the first draft that was not tried yet
}

func newGrants(b *book, drafts []ledger.Delivery, errs []error, earliest bool) *grants {
	return &grants{book: b, drafts: drafts, errs: errs, admitted: make([]bool, len(drafts)), earliest: earliest}
}

// all tries the drafts up to the first that is not granted, and says whether all
// are.
func (g *grants) all() bool {
	for ; g.next < len(g.drafts); g.next++ {
		if !g.try(g.next) {
			return false
		}
	}
	return true
}

// try tries one draft.
func (g *grants) try(i int) bool {
	if g.errs[i] != nil {
		return false
	}
	admit := g.book.admit
	if g.earliest {
		g.drafts[i].Deadline = g.now
		admit = g.book.admitEarliest
	}
	g.admitted[i], g.errs[i] = admit(&g.drafts[i])
	return g.admitted[i]
}

// rest tries the drafts that all did not come to.
func (g *grants) rest() {
	for g.next++; g.next < len(g.drafts); g.next++ {
		g.try(g.next)
	}
}

// why is the error of draft i, now that all that could be granted are; nil if
// it is. It is admitted for the earliest deadline that is left to it, so that
// the answers to all of a request are true together.
func (g *grants) why(i int) error {
	if g.admitted[i] || g.errs[i] != nil {
		return g.errs[i]
	}
	l := g.drafts[i]
	late := g.refusal(l)
	if !late.Earliest.IsZero() {
		l.Deadline = late.Earliest
		if _, err := g.admit(&l); err != nil {
			return err
		}
	}
	return late
}

// refuse says why a request is refused: of one reception, or of each of several.
func (d *Dispatcher) refuse(ctx context.Context, g *grants) error {
	if err := d.question(ctx); err != nil {
		return err
	}
	defer d.answered()
	if len(g.drafts) == 1 {
		err := g.why(0)
		d.logRefusal(g.drafts[0], err)
		return err
	}
	g.rest()
	whole, earliest := &Refusal{Code: reason.DeadlineTooSoon}, time.Time{}
	ever := true
	var other error // that no later deadline mends
	for i, l := range g.drafts {
		err := g.why(i)
		if ctx.Err() != nil { // which may be why not
			return reason.Wrap(reason.ConnectionLost, ctx.Err(), "looking into the plan")
		}
		whole.Report = append(whole.Report, Prospect{Reception: l.Reception, Err: err})
		if err == nil {
			continue
		}
		d.logRefusal(l, err)
		var late *Refusal
		switch {
		case !errors.As(err, &late) || late.Code != reason.DeadlineTooSoon:
			if other == nil {
				other = err
			}
			ever = false
		case late.Earliest.IsZero():
			ever = false
		case late.Earliest.After(earliest):
			earliest, whole.Constraint = late.Earliest, late.Constraint
		}
		if whole.Detail == "" {
			whole.Detail = err.Error()
		}
	}
	if other != nil {
		whole.Code, whole.Detail = reason.Of(other), other.Error()
	}
	if whole.Earliest = earliest; !ever {
		whole.Earliest, whole.Constraint = time.Time{}, ""
	}
	plan := g.Plan()
	for i := range whole.Report {
		if r, ok := plan.Reservation(g.drafts[i].ID); ok && g.admitted[i] {
			whole.Report[i].Start, whole.Report[i].End = r.Start, r.End
		}
	}
	// Of several who await it at one reception, one who cannot have it stands for all.
	merged, refused := whole.Report[:0], 0
	for _, p := range whole.Report {
		if n := len(merged); n > 0 && merged[n-1].Reception == p.Reception {
			if p.Err != nil {
				merged[n-1] = p
			}
			continue
		}
		merged = append(merged, p)
	}
	for _, p := range merged {
		if p.Err != nil {
			refused++
		}
	}
	whole.Report = merged
	whole.Detail = fmt.Sprintf("%d of %d receptions cannot be promised it, so none is: %s", refused, len(merged), whole.Detail)
	return whole
}

func (d *Dispatcher) logRefusal(l ledger.Delivery, err error) {
	args := []any{"title", l.Name, "reception", l.Reception, "deadline", l.Deadline, "reason", string(reason.Of(err))}
	var late *Refusal
	if errors.As(err, &late) {
		args = append(args, "constraint", late.Constraint, "earliest", late.Earliest)
	}
	d.Log.Info("refused", args...)
}
