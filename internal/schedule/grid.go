package schedule

import "slices"

// grid is a flow network, laid out over the intervals between the instants at
// which anything changes (now, earliest starts, deadlines, edges of windows):
//
//	task ──own maximum──► cell (lane, interval) ──link──► uplink (interval) ──uplink──► done
//
// each edge bearing its rate times the interval's length. A set of promises can
// be kept exactly if all their bytes flow to the end, because within one
// interval any amounts that these capacities bear can be sent evenly.
//
// The edges from tasks to cells are not stored, being as many as tasks times
// intervals: an entry says between which intervals it may flow, and its row
// how much does.
type grid struct {
	book    *book
	at      []tick // the edges of the intervals; one more than there are intervals
	upUsed  []amount
	cells   []cellRow // by lane
	entries []*entry
	byLane  [][]int // indexes into entries
	done    []shift // what changed since mark, for undo
	search  search
}

// cellRow is the cells of one lane.
type cellRow struct {
	open  []bool
	used  []amount
	seats []seats // who flows there
}

// seats is a set of entries of one lane, by their seat: the how manieth of the
// lane an entry is.
type seats []uint64

func (s *seats) put(seat int, in bool) {
	for seat/64 >= len(*s) {
		*s = append(*s, 0)
	}
	if in {
		(*s)[seat/64] |= 1 << (seat % 64)
	} else {
		(*s)[seat/64] &^= 1 << (seat % 64)
	}
}

func (s seats) has(seat int) bool { return seat/64 < len(s) && s[seat/64]&(1<<(seat%64)) != 0 }

// entry is a task in the grid. It may flow in the intervals first..last-1;
// row[i] is what flows in first+i.
type entry struct {
	task
	seat        int
	first, last int
	row         []amount
	got         amount // the sum of row
}

// shift is a change of what entry e sends in interval k.
type shift struct {
	e, k int
	by   amount
}

// newGrid makes a grid with the breakpoints of ts and without any entry.
func newGrid(b *book, ts []task) *grid {
	g := &grid{book: b, at: []tick{b.start}, cells: make([]cellRow, len(b.lanes)), byLane: make([][]int, len(b.lanes))}
	var at []tick
	for _, t := range ts {
		at = append(at, t.earliest, t.deadline)
	}
	g.extend(at...)
	return g
}

// intervals is how many there are.
func (g *grid) intervals() int { return len(g.at) - 1 }

func (g *grid) length(k int) tick { return g.at[k+1] - g.at[k] }

func (g *grid) end() tick { return g.at[g.intervals()] }

func (g *grid) upCap(k int) amount { return carried(g.book.uplink, g.length(k)) }

func (g *grid) cellCap(lane, k int) amount {
	if !g.cells[lane].open[k] {
		return 0
	}
	return carried(g.book.lanes[lane].rate, g.length(k))
}

// extend adds the intervals that lead to the given ticks beyond the end, cut
// at the edges of windows on the way.
func (g *grid) extend(at ...tick) {
	from, to := g.end(), g.end()
	for _, t := range at {
		to = max(to, t)
	}
	for i := range g.book.lanes {
		for _, s := range g.book.opened(i, to) {
			at = append(at, s.from, s.to)
		}
	}
	slices.Sort(at)
	for _, t := range slices.Compact(at) {
		if t > from && t <= to {
			g.at = append(g.at, t)
		}
	}
	n := g.intervals()
	g.upUsed = append(g.upUsed, make([]amount, n-len(g.upUsed))...)
	for i := range g.cells {
		c := &g.cells[i]
		k := len(c.open)
		c.open = append(c.open, make([]bool, n-k)...)
		c.used = append(c.used, make([]amount, n-k)...)
		c.seats = append(c.seats, make([]seats, n-k)...)
		for _, s := range g.book.opened(i, to) {
			for ; k < n && g.at[k] < s.to; k++ {
				c.open[k] = g.at[k] >= s.from
			}
		}
	}
	g.search = search{}
}

// edge makes an interval begin at t, in the middle of what was one, or beyond
// the end. Before the start there is nothing to be cut.
func (g *grid) edge(t tick) {
	if t > g.end() {
		g.extend(t)
		return
	}
	if k, exact := slices.BinarySearch(g.at, t); !exact && k > 0 {
		g.split(k-1, t)
	}
}

// index is the interval that begins at t, an instant that was given to newGrid
// or edge.
func (g *grid) index(t tick) int {
	i, _ := slices.BinarySearch(g.at, t)
	return i
}

// add enters t, with nothing flowing yet, between its earliest start and
// deadline.
func (g *grid) add(t task) *entry {
	e := &entry{task: t, seat: len(g.byLane[t.lane]), first: g.index(t.earliest)}
	g.byLane[t.lane] = append(g.byLane[t.lane], len(g.entries))
	g.entries = append(g.entries, e)
	g.widen(e, max(e.first, g.index(t.deadline)))
	return e
}

// widen lets e flow up to the interval last-1.
func (g *grid) widen(e *entry, last int) {
	e.last = last
	e.row = append(e.row, make([]amount, e.last-e.first-len(e.row))...)
}

// clear takes out all entries.
func (g *grid) clear() {
	g.entries = nil
	g.byLane = make([][]int, len(g.cells))
	clear(g.upUsed)
	for i := range g.cells {
		clear(g.cells[i].used)
		clear(g.cells[i].seats)
	}
}

// apply makes the change s.
func (g *grid) apply(s shift) {
	e := g.entries[s.e]
	e.row[s.k-e.first] += s.by
	e.got += s.by
	c := &g.cells[e.lane]
	c.used[s.k] += s.by
	c.seats[s.k].put(e.seat, e.row[s.k-e.first] > 0)
	g.upUsed[s.k] += s.by
	g.done = append(g.done, s)
}

// mark makes this the state that undo goes back to.
func (g *grid) mark() { g.done = g.done[:0] }

func (g *grid) undo() {
	done := g.done
	for i := len(done) - 1; i >= 0; i-- {
		g.apply(shift{done[i].e, done[i].k, -done[i].by})
	}
	g.mark()
}

// share is how the amount x of one entry is sent within one interval: at rate
// in every tick of it, and at one more in the extra ticks from turn on, going
// round at the interval's end.
type share struct {
	rate        int64
	turn, extra tick
}

// shares lays out interval k, calling each with every entry that flows in it.
//
// Amounts are seldom multiples of the length. The ticks that take the
// remainders are dealt out in one round after another, lane by lane: so of each
// lane's extra ticks, and of all, no tick of the interval gets two more than
// another, and the rates of each tick add up to no more than the capacity
// divided by the length, rounded up, which is the rate of the link or uplink.
func (g *grid) shares(k int, each func(i int, s share)) {
	length := g.length(k)
	turn := tick(0)
	for _, lane := range g.byLane {
		for _, i := range lane {
			e := g.entries[i]
			if k < e.first || k >= e.last || e.row[k-e.first] == 0 {
				continue
			}
			x := e.row[k-e.first]
			s := share{x / length, turn, x % length}
			turn = (turn + s.extra) % length
			each(i, s)
		}
	}
}

// head is how much of a share falls into the first n ticks of an interval.
func (s share) head(n, length tick) amount {
	before := max(0, min(n, s.turn+s.extra)-s.turn)
	round := max(0, min(n, s.turn+s.extra-length))
	return s.rate*n + before + round
}

// split cuts interval k at the tick t inside it, with what flows in it.
func (g *grid) split(k int, t tick) {
	heads := make(map[int]amount)
	length := g.length(k)
	g.shares(k, func(i int, s share) { heads[i] = s.head(t-g.at[k], length) })
	g.at = slices.Insert(g.at, k+1, t)
	cut := func(row []amount, i int, head amount) []amount {
		row = slices.Insert(row, i, head)
		row[i+1] -= head
		return row
	}
	var all amount
	for i := range g.cells {
		c := &g.cells[i]
		c.open = slices.Insert(c.open, k, c.open[k])
		var sum amount
		for _, i := range g.byLane[i] {
			sum += heads[i]
		}
		c.used = cut(c.used, k, sum)
		c.seats = slices.Insert(c.seats, k, slices.Clone(c.seats[k]))
		all += sum
	}
	g.upUsed = cut(g.upUsed, k, all)
	for i, e := range g.entries {
		switch {
		case k < e.first:
			e.first, e.last = e.first+1, e.last+1
		case k < e.last:
			e.row = cut(e.row, k-e.first, heads[i])
			e.last++
			seats := g.cells[e.lane].seats
			seats[k].put(e.seat, e.row[k-e.first] > 0)
			seats[k+1].put(e.seat, e.row[k+1-e.first] > 0)
		}
	}
	g.mark() // what was done before speaks of other intervals
	g.search = search{}
}

// drawn is the flow as a plan. Within an interval amounts are sent evenly.
func (g *grid) drawn() []drawn {
	ds := make([]drawn, len(g.entries))
	for i, e := range g.entries {
		ds[i].task = e.task
	}
	for k := range g.intervals() {
		from, to := g.at[k], g.at[k+1]
		g.shares(k, func(i int, s share) {
			plan := ds[i].stretches
			a, z := from+s.turn, from+s.turn+s.extra
			if z <= to {
				plan = appended(plan, stretch{from, a, s.rate})
				plan = appended(plan, stretch{a, z, s.rate + 1})
				plan = appended(plan, stretch{z, to, s.rate})
			} else {
				z -= to - from
				plan = appended(plan, stretch{from, z, s.rate + 1})
				plan = appended(plan, stretch{z, a, s.rate})
				plan = appended(plan, stretch{a, to, s.rate + 1})
			}
			ds[i].stretches = plan
		})
	}
	return ds
}
