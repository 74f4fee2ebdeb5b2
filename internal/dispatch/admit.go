package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/rate"
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

// diskBinds is the constraint of a reception that has no space left.
const diskBinds = "disk"

var constraintWords = map[schedule.Constraint]string{
	schedule.LinkBinds:    "the link to the reception carries no more",
	schedule.UplinkBinds:  "the uplink of the central server carries no more",
	schedule.WindowBinds:  "the reception's link is closed until then",
	schedule.MaxPaceBinds: "the configured max_pace is too slow",
}

func refusalOf(l ledger.Delivery, refused *schedule.Refusal) *Refusal {
	r := &Refusal{Code: reason.DeadlineTooSoon, Constraint: string(refused.Binding)}
	r.Detail = fmt.Sprintf("%s cannot be at %s by %s: %s", l.Name, l.Reception, l.Deadline.UTC().Format(time.RFC3339), constraintWords[refused.Binding])
	if !refused.Earliest.IsZero() {
		r.Earliest = refused.Earliest.Add(settle)
	}
	return r
}

// book is what was promised and what can be carried at one moment, and the
// requests that were admitted to it on trial.
type book struct {
	now      time.Time
	net      schedule.Network
	promised []schedule.Job
	plan     schedule.Plan // with the latest that was admitted
	next     int64         // id of the next on trial
	maxPace  int64
	short    map[string]int64 // by reception: the fewest bytes that wait there for space
}

// bookOf gives the book as it stands, with links to the named receptions.
func (d *Dispatcher) bookOf(receptions []string) (*book, error) {
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
	for _, j := range d.jobs {
		if j.Reason != reason.NoSpace {
			continue
		}
		if least, ok := b.short[j.Reception]; !ok || j.Size-j.acked < least {
			b.short[j.Reception] = j.Size - j.acked
		}
	}
	return b, nil
}

// trial is a copy that can be admitted to without a trace in b.
func (b *book) trial() *book {
	c := *b
	c.promised = slices.Clip(c.promised)
	return &c
}

// admit admits l on top of what is in the book and gives it its id there. If it
// cannot be there by its deadline, the error is a *Refusal; with later it is
// then admitted for the earliest deadline that it can have.
func (b *book) admit(l *ledger.Delivery, later bool) (admitted bool, err error) {
	l.MaxPace = b.maxPace
	if l.MaxPace > 0 {
		l.Pace = min(l.Pace, l.MaxPace)
	}
	asked := jobsOf([]*job{{Delivery: *l}})[0]
	asked.ID, l.ID = b.next, b.next
	plan, err := schedule.Admit(b.now, b.net, b.promised, asked)
	var refused *schedule.Refusal
	if errors.As(err, &refused) {
		err = refusalOf(*l, refused)
		if !later || refused.Earliest.IsZero() {
			return false, err
		}
		l.Deadline, asked.Deadline = refused.Earliest.Add(settle), refused.Earliest
		var again error
		if plan, again = schedule.Admit(b.now, b.net, b.promised, asked); again != nil {
			return false, again
		}
	} else if err != nil {
		return false, err
	}
	b.promised, b.plan, b.next = append(b.promised, asked), plan, b.next+1
	return true, err
}

// slot is when what was admitted under id is planned, with all the others.
func (b *book) slot(id int64) (start, end time.Time) {
	r, ok := b.plan.Reservation(id)
	if !ok {
		return time.Time{}, time.Time{}
	}
	return r.Start, r.End
}

// admit asks the schedule, and writes the promises down before they are spoken:
// all of them or none. One request is admitted at a time: what one is promised,
// the next cannot have. errs are why receptions cannot be promised anything.
func (d *Dispatcher) admit(ctx context.Context, drafts []ledger.Delivery, errs []error, earliest bool) ([]ledger.Delivery, error) {
	d.admitting.Lock()
	defer d.admitting.Unlock()
	b, err := d.bookOf(receptionsOf(drafts))
	if err != nil {
		return nil, err
	}
	refused := false
	for i := range drafts {
		if errs[i] == nil {
			errs[i] = b.ask(&drafts[i], earliest)
		}
		refused = refused || errs[i] != nil
	}
	if refused {
		return nil, d.refuse(b, drafts, errs)
	}
	for i := range drafts {
		drafts[i].Start, drafts[i].End = b.slot(drafts[i].ID)
	}
	promised, replayed, err := d.Ledger.PromiseAll(ctx, drafts)
	if err != nil || replayed {
		return promised, err
	}
	d.mu.Lock()
	for _, l := range promised {
		d.jobs[l.ID] = d.newJob(l)
	}
	d.planned = time.Time{}
	d.mu.Unlock()
	d.nudge()
	for _, l := range promised {
		d.Log.Info("promised", "delivery", l.ID, "title", l.Name, "reception", l.Reception, "size", rate.Size(l.Size), "deadline", l.Deadline, "start", l.Start, "end", l.End)
	}
	return promised, nil
}

// ask admits l for its deadline, or for the earliest instead.
func (b *book) ask(l *ledger.Delivery, earliest bool) error {
	if earliest {
		l.Deadline = b.now
	}
	admitted, err := b.admit(l, earliest)
	if admitted {
		return nil
	}
	return err
}

func receptionsOf(drafts []ledger.Delivery) []string {
	var names []string
	for _, l := range drafts {
		names = append(names, l.Reception)
	}
	return names
}

// refuse makes one refusal of those of the drafts. b has the others admitted.
func (d *Dispatcher) refuse(b *book, drafts []ledger.Delivery, errs []error) error {
	if len(drafts) == 1 {
		d.logRefusal(drafts[0], errs[0])
		return errs[0]
	}
	whole := &Refusal{Code: reason.DeadlineTooSoon}
	var other error // that no later deadline mends
	refused, ever := 0, true
	for i, err := range errs {
		if err != nil {
			err = b.counter(drafts[i], err)
			d.logRefusal(drafts[i], err)
			refused++
		}
		whole.Report = append(whole.Report, Prospect{Reception: drafts[i].Reception, Err: err})
		var late *Refusal
		switch {
		case err == nil:
		case !errors.As(err, &late):
			other, ever = cmp.Or(other, err), false
		case late.Earliest.IsZero():
			ever = false
		case late.Earliest.After(whole.Earliest):
			whole.Earliest, whole.Constraint = late.Earliest, late.Constraint
		}
		if late != nil && whole.Detail == "" {
			whole.Detail = late.Detail
		}
	}
	if other != nil {
		whole.Code, whole.Detail = reason.Of(other), other.Error()
	}
	if !ever {
		whole.Earliest, whole.Constraint = time.Time{}, ""
	}
	for i := range whole.Report {
		if p := &whole.Report[i]; p.Err == nil {
			p.Start, p.End = b.slot(drafts[i].ID)
		}
	}
	whole.Detail = fmt.Sprintf("%d of %d receptions cannot be promised it, so none is: %s", refused, len(drafts), whole.Detail)
	return whole
}

// counter is why l was refused, now that all that could be are admitted. It is
// admitted for the earliest deadline that is left to it, so that the answers to
// all of a request are true together.
func (b *book) counter(l ledger.Delivery, err error) error {
	var late *Refusal
	if !errors.As(err, &late) {
		return err
	}
	if _, again := b.admit(&l, true); again != nil {
		return again
	}
	return err
}

func (d *Dispatcher) logRefusal(l ledger.Delivery, err error) {
	args := []any{"title", l.Name, "reception", l.Reception, "deadline", l.Deadline, "reason", string(reason.Of(err))}
	var late *Refusal
	if errors.As(err, &late) {
		args = append(args, "constraint", late.Constraint, "earliest", late.Earliest)
	}
	d.Log.Info("refused", args...)
}
