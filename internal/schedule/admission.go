package schedule

import (
	"slices"
	"time"

	"videoclub/internal/reason"
)

// Admission is one look at what was promised, at one moment, to which requests
// are admitted one after another. What all of them have in common, the flow of
// the earlier promises above all, is worked out once. Nothing but an Admission
// changes by its methods.
type Admission struct {
	net  Network
	book *book
	ids  map[int64]bool
	// tasks are the promises that can go at all, and what was admitted, in
	// order of deadline.
	tasks []task
	quick bool    // no promise is overdue, and the quick way found a plan so far
	drawn []drawn // by the quick way, for the tasks as they stand; nil is none
	grid  *grid   // once the quick way failed
}

// Consider begins an Admission. Requests may be for any link that accepted has,
// or links.
func Consider(now time.Time, net Network, accepted []Job, links ...string) *Admission {
	a := &Admission{net: net, book: newBook(ceilTick(now), net, accepted, links...), ids: make(map[int64]bool, len(accepted))}
	for _, j := range accepted {
		a.ids[j.ID] = true
	}
	a.tasks = slices.DeleteFunc(a.book.tasks(accepted), a.book.stuck)
	a.quick = !slices.ContainsFunc(a.tasks, a.book.overdue)
	return a
}

// Try admits asked if it can be promised besides all that is and was admitted,
// and says whether it is. The error is as that of Admit where asked makes no
// sense.
func (a *Admission) Try(asked Job) (admitted bool, err error) {
	if err := a.check(asked); err != nil {
		return false, err
	}
	t := a.book.task(asked)
	if a.quick {
		i, _ := slices.BinarySearchFunc(a.tasks, t, byDeadline)
		all := slices.Insert(slices.Clone(a.tasks), i, t)
		if ds, ok := a.book.draft(all); ok {
			a.tasks, a.drawn, a.ids[t.id] = all, ds, true
			return true, nil
		}
	}
	g := a.settled(t)
	if !g.enter(t) {
		return false, nil
	}
	a.drawn, a.ids[t.id] = nil, true
	return true, nil
}

// Earliest is the earliest whole second that asked could be granted as its
// deadline, from the one that it has on; zero if there is none within Horizon.
// It is not admitted by that.
func (a *Admission) Earliest(asked Job) (time.Time, error) {
	if err := a.check(asked); err != nil {
		return time.Time{}, err
	}
	_, at := a.refuse(asked, false)
	return at, nil
}

// Explain is the refusal of asked, which was just not admitted.
func (a *Admission) Explain(asked Job) *Refusal {
	binding, earliest := a.refuse(asked, true)
	return &Refusal{Asked: asked.Deadline, Link: asked.Link, Binding: binding, Earliest: earliest}
}

// refuse finds the earliest deadline that asked could have, and what binds it
// at the one that it has, if that is wanted. What it moves in the grid stays
// whole, and asked leaves it again.
func (a *Admission) refuse(asked Job, named bool) (binding Constraint, earliest time.Time) {
	t := a.book.task(asked)
	g := a.settled(t)
	e := g.add(t)
	if g.fill(e) {
		earliest = ceilSecond(max(t.deadline, a.book.start))
	} else {
		if named {
			binding = a.book.binding(a.net, g, e)
		}
		if at, ok := g.grow(e); ok {
			earliest = ceilSecond(at)
		}
	}
	g.withdraw(e)
	g.dropLast()
	g.mark()
	return binding, earliest
}

// Plan is the plan of all that was promised and admitted.
func (a *Admission) Plan() Plan {
	if a.drawn == nil {
		a.drawn = a.book.best(a.settled())
	}
	return planOf(a.drawn)
}

// settled is the grid with all tasks in it, and with the edges of ts.
func (a *Admission) settled(ts ...task) *grid {
	if a.grid == nil {
		a.grid, _ = a.book.settle(a.tasks, ts...)
		a.quick = false
	}
	for _, t := range ts {
		a.grid.edge(t.earliest)
		a.grid.edge(t.deadline)
	}
	return a.grid
}

// check refuses what makes no sense.
func (a *Admission) check(asked Job) error {
	if _, ok := a.net.Links[asked.Link]; !ok {
		return reason.New(reason.UnknownReception, "no link to reception %q is known", asked.Link)
	}
	if asked.Remaining < 0 || asked.Remaining > MaxRemaining {
		return reason.New(reason.Usage, "a delivery of %d bytes cannot be scheduled, only of 0 to %d", asked.Remaining, MaxRemaining)
	}
	if a.ids[asked.ID] {
		return reason.New(reason.Internal, "delivery %d is promised already", asked.ID)
	}
	return nil
}
