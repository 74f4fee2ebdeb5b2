package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/schedule"
)

// Refusal is a request that cannot be promised, with the earliest deadline that
// would be accepted (zero if there is none) and the constraint that binds. For
// several receptions, that deadline would be accepted for all of them, though
// others by themselves may have an earlier one, and Report says so for each.
type Refusal struct {
	Code       reason.Code
	Earliest   time.Time
	Constraint string
	Detail     string
	Report     []Prospect
}

func (r *Refusal) Error() string { return r.Detail }

// Unwrap gives the reason, for reason.Of.
func (r *Refusal) Unwrap() error { return reason.New(r.Code, "%s", r.Detail) }

// Prospect says whether a title could be at a reception by a deadline: when it
// would be sent, or in Err, which may be a *Refusal, why not.
type Prospect struct {
	Reception  string
	Start, End time.Time
	Err        error
}

// Constraints that the schedule does not tell.
const (
	// diskBinds is that of a reception that has no space left.
	diskBinds = "disk"
	// paceBinds is that of a request that is not to go any faster.
	paceBinds schedule.Constraint = "pace"
)

var constraintWords = map[schedule.Constraint]string{
	schedule.LinkBinds:    "the link to the reception carries no more",
	schedule.UplinkBinds:  "the uplink of the central server carries no more",
	schedule.WindowBinds:  "the reception's link is closed until then",
	schedule.MaxPaceBinds: "the configured max_pace is too slow",
	paceBinds:             "the pace asked for is too slow",
}

func refusalOf(l ledger.Delivery, refused *schedule.Refusal) *Refusal {
	r := &Refusal{Code: reason.DeadlineTooSoon, Constraint: string(refused.Binding)}
	r.Detail = fmt.Sprintf("%s cannot be at %s by %s: %s", l.Name, l.Reception, l.Deadline.UTC().Format(time.RFC3339), constraintWords[refused.Binding])
	if !refused.Earliest.IsZero() {
		r.Earliest = refused.Earliest.Add(settle)
	}
	return r
}

// admit asks the schedule, and writes the promises down before they are spoken:
// all of them or none. One request is admitted at a time: what one is promised,
// the next cannot have. errs are why receptions cannot be promised anything.
// Those with the ids instead give way to them, if they are promised.
func (d *Dispatcher) admit(ctx context.Context, drafts []ledger.Delivery, errs []error, earliest bool, instead ...int64) ([]ledger.Delivery, error) {
	if err := turn(ctx, d.admitting); err != nil {
		return nil, err
	}
	release := sync.OnceFunc(func() { <-d.admitting })
	defer release()
	if err := d.withinOpen(drafts, instead); err != nil {
		return nil, err
	}
	for i, l := range drafts {
		if errs[i] == nil {
			_, _, errs[i] = d.Known(l.Reception) // by now
		}
	}
	b, err := d.bookOf(ctx, receptionsOf(drafts), instead...)
	if err != nil {
		return nil, err
	}
	granted := newGrants(b, drafts, errs, earliest)
	if !granted.all() {
		// Nobody else has to wait for the reasons.
		release()
		return nil, d.refuse(ctx, granted)
	}
	plan := b.Plan()
	for i := range drafts {
		if r, ok := plan.Reservation(drafts[i].ID); ok {
			drafts[i].Start, drafts[i].End = r.Start, r.End
		}
	}
	promised, replayed, err := d.Ledger.PromiseInstead(ctx, drafts, instead, b.now)
	if err != nil || replayed {
		return promised, err
	}
	d.supersede(instead)
	d.mu.Lock()
	for _, l := range promised {
		d.jobs[l.ID] = d.newJob(l)
	}
	d.planned = time.Time{}
	d.mu.Unlock()
	d.nudge()
	for _, l := range promised {
		d.Log.Info("promised", journal.Promised.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception, "size", sized(l), "deadline", l.Deadline, "start", l.Start, "end", l.End)
	}
	return promised, nil
}

// Apart does something while nothing is promised: what is promised before is in the
// ledger by then, and what is promised next finds what was done.
func (d *Dispatcher) Apart(ctx context.Context, do func() error) error {
	if err := turn(ctx, d.admitting); err != nil {
		return err
	}
	defer func() { <-d.admitting }()
	return do()
}

// withinOpen says whether the accounts may have so many more promises open, once
// those that give way are not any more.
func (d *Dispatcher) withinOpen(drafts []ledger.Delivery, instead []int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settings.Promises == 0 {
		return nil
	}
	more, open := make(map[string]int), make(map[string]int)
	for _, l := range drafts {
		more[l.Account]++
	}
	for _, j := range d.jobs {
		open[j.Account]++
		if slices.Contains(instead, j.ID) {
			more[j.Account]--
		}
	}
	for account, n := range more {
		if n > 0 && open[account]+n > d.settings.Promises {
			return reason.New(reason.Busy, "%d promises are open, and no more than %d may be; some have to be kept or cancelled first", open[account], d.settings.Promises)
		}
	}
	return nil
}

func receptionsOf(drafts []ledger.Delivery) []string {
	var names []string
	for _, l := range drafts {
		names = append(names, l.Reception)
	}
	return names
}
