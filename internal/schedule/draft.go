package schedule

import (
	"cmp"
	"slices"
	"sort"

	"videoclub/internal/rate"
)

// stretch is a constant rate over the ticks from..to-1.
type stretch struct {
	from, to tick
	rate     int64
}

// drawn is the plan of one task.
type drawn struct {
	task      task
	stretches []stretch
}

// draft looks for a plan the quick way. First at pace: in order of deadline
// each task gets its pace wherever that fits, as early as it fits. If a
// deadline is missed so, then at full speed: each takes all that is left, as
// early as there is any. Neither finds every plan that exists, but a plan that
// is found keeps every deadline. ts is in order of deadline.
func (b *book) draft(ts []task) ([]drawn, bool) {
	if ds, ok := b.place(ts, b.paceOf); ok {
		return ds, true
	}
	return b.place(ts, func(task) int64 { return 0 })
}

// paceOf is the constant rate that t reserves: its pace, or more if the
// deadline asks for more, as far as it can go at all.
func (b *book) paceOf(t task) int64 {
	r := t.pace
	if open := b.openFor(t.lane, t.earliest, t.deadline); open > 0 {
		r = max(r, ceilDiv(t.need, open))
	}
	return min(max(r, 1), b.alone(t))
}

// place gives each task in turn what the ones before it left: the constant
// rate that rateOf says, or whatever is free where it says zero.
func (b *book) place(ts []task, rateOf func(task) int64) ([]drawn, bool) {
	if len(ts) == 0 {
		return nil, true
	}
	uplink := profile{{b.start, b.uplink}}
	links := make([]profile, len(b.lanes))
	for i := range links {
		links[i] = b.profile(i, ts[len(ts)-1].deadline)
	}
	ds := make([]drawn, 0, len(ts))
	for _, t := range ts {
		var got []stretch
		if t.need > 0 {
			if t.deadline <= t.earliest || b.alone(t) == 0 {
				return nil, false
			}
			var ok bool
			if got, ok = fit(t, rateOf(t), uplink, links[t.lane]); !ok {
				return nil, false
			}
		}
		for _, s := range got {
			uplink.take(s)
			links[t.lane].take(s)
		}
		ds = append(ds, drawn{t, got})
	}
	return ds, true
}

// fit finds where t goes at the given rate, or at any rate if that is zero,
// and says whether all of it does by its deadline. The last tick may carry
// less than it reserves.
func fit(t task, fixed int64, uplink, link profile) (got []stretch, ok bool) {
	left := t.need
	i, j := uplink.find(t.earliest), link.find(t.earliest)
	for at := t.earliest; left > 0 && at < t.deadline; {
		to := min(t.deadline, uplink.end(i), link.end(j))
		free := min(uplink[i].free, link[j].free)
		r := fixed
		switch {
		case fixed == 0:
			r = min(free, t.most)
		case fixed > free:
			r = 0
		}
		if r > 0 {
			n := min(to-at, ceilDiv(left, r))
			got = appended(got, stretch{at, at + n, r})
			left -= r * n
		}
		if to == uplink.end(i) {
			i++
		}
		if to == link.end(j) {
			j++
		}
		at = to
	}
	return got, left <= 0
}

// appended adds s to a plan, joining it to the last stretch where it goes on.
func appended(plan []stretch, s stretch) []stretch {
	if s.from >= s.to || s.rate == 0 {
		return plan
	}
	if n := len(plan); n > 0 && plan[n-1].to == s.from && plan[n-1].rate == s.rate {
		plan[n-1].to = s.to
		return plan
	}
	return append(plan, s)
}

// profile is what is free of a resource over time: from each step's tick to
// the next one's, from the last for ever. It is never empty.
type profile []step

type step struct {
	at   tick
	free int64
}

// profile is lane i's, before anything is taken, up to the tick to.
func (b *book) profile(i int, to tick) profile {
	p := profile{{b.start, 0}}
	for _, s := range b.opened(i, to) {
		if s.from == b.start {
			p[0].free = b.lanes[i].rate
		} else {
			p = append(p, step{s.from, b.lanes[i].rate})
		}
		p = append(p, step{s.to, 0})
	}
	return p
}

// find is the index of the step in force at t, which is not before the first.
func (p profile) find(t tick) int {
	return sort.Search(len(p), func(i int) bool { return p[i].at > t }) - 1
}

func (p profile) end(i int) tick {
	if i+1 == len(p) {
		return plenty
	}
	return p[i+1].at
}

// take lessens what is free over s, which is known to be there.
func (p *profile) take(s stretch) {
	i := p.cut(s.from)
	j := p.cut(s.to)
	for k := i; k < j; k++ {
		(*p)[k].free -= s.rate
	}
	p.join(j)
	p.join(i)
}

// cut makes a step begin at t and gives its index.
func (p *profile) cut(t tick) int {
	i := p.find(t)
	if (*p)[i].at == t {
		return i
	}
	*p = slices.Insert(*p, i+1, step{t, (*p)[i].free})
	return i + 1
}

// join drops step i if it goes on like the one before it.
func (p *profile) join(i int) {
	if i > 0 && (*p)[i].free == (*p)[i-1].free {
		*p = slices.Delete(*p, i, i+1)
	}
}

// planOf makes what was drawn a Plan.
func planOf(ds []drawn) Plan {
	p := Plan{Reservations: make([]Reservation, 0, len(ds))}
	for _, d := range ds {
		r := Reservation{ID: d.task.id, Start: instant(d.task.earliest), End: instant(d.task.earliest)}
		if n := len(d.stretches); n > 0 {
			r.Start, r.End = instant(d.stretches[0].from), instant(d.stretches[n-1].to)
			r.Segments = make([]Segment, n)
			for i, s := range d.stretches {
				r.Segments[i] = Segment{instant(s.from), instant(s.to), rate.Rate(s.rate)}
			}
		}
		p.Reservations = append(p.Reservations, r)
	}
	slices.SortFunc(p.Reservations, func(x, y Reservation) int { return cmp.Compare(x.ID, y.ID) })
	return p
}
