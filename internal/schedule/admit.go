package schedule

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Admit says whether asked can be promised besides the accepted promises, none
// of which then misses its deadline for it, and gives the plan of them all.
//
// Otherwise the error is a *Refusal with the counter-offer: asked again with
// that deadline it is granted, with one a second sooner it is not. The error is
// a *reason.Error if asked makes no sense: a link that is not in net
// (reason.UnknownReception), a size below zero or above MaxRemaining
// (reason.Usage), an ID that is already accepted (reason.Internal).
//
// Promises that cannot be kept any more, as Replan would say, are held to the
// time at which they still can be; asked does not delay them beyond that.
func Admit(now time.Time, net Network, accepted []Job, asked Job) (Plan, error) {
	a := Consider(now, net, accepted, asked.Link)
	ok, err := a.Try(asked)
	switch {
	case err != nil:
		return Plan{}, err
	case !ok:
		return Plan{}, a.Explain(asked)
	}
	return a.Plan(), nil
}

// Replan makes the plan anew after the world changed: progress other than
// planned, a link that is slower, a new window. Promises that cannot be kept
// any more, overdue ones among them, are named in order of ID, with the time by
// which they now can be, and are planned for that time; all others keep theirs.
// Where not all can be kept, those with a lower ID are.
//
// A job that cannot be there within Horizon has no reservation. The millisecond
// that now falls into counts as whole, its progress being in Remaining already,
// so that as long as the plan is kept to the byte nothing is called late.
//
// Once a person was told the new time of a late promise, that is its Deadline
// for later calls: so it is kept like any other, and only what is worse than
// told is late again.
func Replan(now time.Time, net Network, jobs []Job) (Plan, []Late) {
	b := newBook(floorTick(now), net, jobs)
	all := b.tasks(jobs)
	var late []Late
	for _, t := range all {
		if b.stuck(t) {
			late = append(late, Late{ID: t.id})
		}
	}
	ts := slices.DeleteFunc(all, b.stuck)
	if !slices.ContainsFunc(ts, b.overdue) {
		if ds, ok := b.draft(ts); ok {
			return planOf(ds), ordered(late)
		}
	}
	g, missed := b.settle(ts)
	late = ordered(append(late, missed...))
	return planOf(b.best(g)), late
}

func ordered(late []Late) []Late {
	slices.SortFunc(late, func(x, y Late) int { return cmp.Compare(x.ID, y.ID) })
	return late
}

// stuck says whether t can never go: its link, or the uplink, carries nothing.
func (b *book) stuck(t task) bool { return t.need > 0 && b.alone(t) == 0 }

// overdue says whether t has no time left.
func (b *book) overdue(t task) bool { return t.need > 0 && t.deadline <= b.start }

// settle puts ts, which it sorts, into a new grid that also has the breakpoints
// of more. Those that do not all fit get the earliest deadline that does, in
// order of promise; those that never do are left out.
func (b *book) settle(ts []task, more ...task) (*grid, []Late) {
	g := newGrid(b, append(slices.Clone(ts), more...))
	slices.SortFunc(ts, func(x, y task) int { return cmp.Compare(x.id, y.id) })
	var missed, inTime []task
	for _, t := range ts {
		if b.overdue(t) {
			missed = append(missed, t)
		} else {
			inTime = append(inTime, t)
		}
	}
	// Whether all fit does not depend on the order of entry; which do, if not
	// all, does, and the order of promise is the fair one. Least laxity first
	// takes far less searching.
	if !g.enterAll(b.byLaxity(inTime)) {
		g.clear()
		for _, t := range inTime {
			if !g.enter(t) {
				missed = append(missed, t)
			}
		}
	}
	slices.SortFunc(missed, func(x, y task) int { return cmp.Compare(x.id, y.id) })
	var late []Late
	for _, t := range missed {
		l := Late{ID: t.id}
		if at, ok := g.enterLate(t); ok {
			l.By = ceilSecond(at)
		}
		late = append(late, l)
	}
	return g, late
}

// byLaxity is ts, in order of ID, with the least laxity first: the time that
// its link is open, less what it needs of it.
func (b *book) byLaxity(ts []task) []task {
	laxity := make(map[int64]tick, len(ts))
	for _, t := range ts {
		laxity[t.id] = b.openFor(t.lane, t.earliest, t.deadline) - ceilDiv(t.need, max(1, b.alone(t)))
	}
	ts = slices.Clone(ts)
	slices.SortStableFunc(ts, func(x, y task) int { return cmp.Compare(laxity[x.id], laxity[y.id]) })
	return ts
}

// enterAll enters ts, up to the first that does not fit.
func (g *grid) enterAll(ts []task) bool {
	for _, t := range ts {
		if !g.enter(t) {
			return false
		}
	}
	return true
}

// enter enters t if it fits.
func (g *grid) enter(t task) bool {
	e := g.add(t)
	g.mark()
	if g.fill(e) {
		return true
	}
	g.undo()
	g.dropLast()
	return false
}

// enterLate enters t, which misses its deadline, with the earliest one that it
// does not miss.
func (g *grid) enterLate(t task) (tick, bool) {
	e := g.add(t)
	g.fill(e) // as before it does not fit, which leaves what grow goes on from
	at, ok := g.grow(e)
	if !ok {
		g.withdraw(e)
		g.dropLast()
		return 0, false
	}
	e.deadline = at
	if e.got < e.need {
		g.extend(at)
		g.widen(e, g.index(at))
		g.fill(e)
	}
	return at, true
}

// dropLast takes out the entry added last, which sends nothing.
func (g *grid) dropLast() {
	n := len(g.entries) - 1
	lane := g.entries[n].lane
	g.entries = g.entries[:n]
	g.byLane[lane] = g.byLane[lane][:len(g.byLane[lane])-1]
}

// best is a plan for the entries of a grid in which all fit: one that was found
// the quick way, which is the better to look at, or the flow itself.
func (b *book) best(g *grid) []drawn {
	ts := make([]task, len(g.entries))
	for i, e := range g.entries {
		ts[i] = e.task
	}
	slices.SortFunc(ts, byDeadline)
	if ds, ok := b.draft(ts); ok {
		return ds
	}
	g.advance()
	return g.drawn()
}

// binding names what binds e, which just failed to fill g. If e's link has
// windows, and e would fit if it had none, that is the window, be it closed to e
// or to others that are in its way; otherwise it is what binds e without them.
func (b *book) binding(net Network, g *grid, e *entry) Constraint {
	if !slices.Contains(g.cells[e.lane].open, false) {
		return g.binding(e)
	}
	net.Links = maps.Clone(net.Links)
	name := b.lanes[e.lane].name
	net.Links[name] = Link{Rate: net.Links[name].Rate}
	var names []string
	for _, l := range b.lanes {
		names = append(names, l.name)
	}
	open := newBook(b.start, net, nil, names...)
	var ts []task
	for _, other := range g.entries {
		ts = append(ts, other.task)
	}
	without := newGrid(open, ts)
	for _, t := range ts {
		// All but the last, the one asked for, fit even with the windows.
		if e = without.add(t); !without.fill(e) {
			return without.binding(e)
		}
	}
	return WindowBinds
}

// binding names what binds e, given that fill just failed. What was seen then
// is one side of the smallest cut. In each interval open to e one thing stands
// between e and the end: e's own maximum, if the cell was not seen; the link,
// if the cell was seen but not the uplink; or the uplink. The one that does so
// for the longest time is named; if there is no time at all, what is slowest.
func (g *grid) binding(e *entry) Constraint {
	var own, link, uplink tick
	for k := e.first; k < e.last; k++ {
		switch {
		case !g.cells[e.lane].open[k]:
		case !g.cellSeen(e.lane, k):
			own += g.length(k)
		case !g.search.upSeen[k]:
			link += g.length(k)
		default:
			uplink += g.length(k)
		}
	}
	if own+link+uplink == 0 {
		own, link, uplink = -e.most, -g.book.lanes[e.lane].rate, -g.book.uplink
	}
	switch max(own, link, uplink) {
	case uplink:
		return UplinkBinds
	case link:
		return LinkBinds
	}
	return MaxPaceBinds
}
