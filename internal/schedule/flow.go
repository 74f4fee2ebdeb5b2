package schedule

import (
	"math/bits"
	"slices"
)

// search is what a breadth-first search through what is left of the grid has
// seen, and from where. What a failed search has seen stays seen for later ones
// from the same entry: from there nothing can reach the end, and, as no path
// that can leads through it, nothing that happens elsewhere changes that.
type search struct {
	words    int      // of 64 intervals, for each lane; zero: to be made anew
	closed   []uint64 // by lane, then word
	cellSeen []uint64 // by lane, then word
	cellFrom []int32  // by lane, then interval: the entry it was reached from, or fromUplink
	upSeen   []bool
	upFrom   []int32 // the lane it was reached from
	taskSeen []seats // by lane
	taskFrom []int32 // the interval of the cell it was reached from
	queue    []node
	ends     []int // the intervals of the free uplinks that were found
}

// node is something seen: a task if k < 0, an uplink if lane < 0, or a cell.
type node struct{ task, lane, k int32 }

const fromUplink int32 = -1

// fill lets as much of e flow as can, moving what others send but never
// lessening it, and says whether that is all of e. If not, what the search has
// seen is one side of the smallest cut.
func (g *grid) fill(e *entry) bool {
	if g.direct(e) {
		return true
	}
	g.forget()
	return g.reroute(e)
}

// direct lets e flow where there is room, as late as there is: so the room that
// is left is early, where tasks with sooner deadlines can use it too.
func (g *grid) direct(e *entry) bool {
	i := g.indexOf(e)
	for k := e.last - 1; k >= e.first && e.got < e.need; k-- {
		g.push(i, k)
	}
	return e.got == e.need
}

// push lets entry i flow in interval k as far as there is room.
func (g *grid) push(i, k int) {
	e := g.entries[i]
	free := min(e.need-e.got, g.upCap(k)-g.upUsed[k], g.cellCap(e.lane, k)-g.cells[e.lane].used[k])
	if e.limited() {
		free = min(free, carried(e.most, g.length(k))-e.row[k-e.first])
	}
	if free > 0 {
		g.apply(shift{i, k, free})
	}
}

// advance moves what flows to as early as there is room, the soonest deadline
// first: for a plan early is better, where for fitting tasks in late is.
func (g *grid) advance() {
	order := slices.Clone(g.entries)
	slices.SortFunc(order, func(x, y *entry) int { return byDeadline(x.task, y.task) })
	for _, e := range order {
		g.withdraw(e)
		i := g.indexOf(e)
		for k := e.first; k < e.last && e.got < e.need; k++ {
			g.push(i, k)
		}
	}
}

// withdraw stops all that e sends.
func (g *grid) withdraw(e *entry) {
	i := g.indexOf(e)
	for k := e.first; k < e.last; k++ {
		if x := e.row[k-e.first]; x > 0 {
			g.apply(shift{i, k, -x})
		}
	}
}

// reroute lets e flow by moving others, going on from what the search has seen.
func (g *grid) reroute(e *entry) bool {
	i := g.indexOf(e)
	for e.got < e.need {
		if !g.seek(i) {
			return false
		}
		for _, k := range g.search.ends {
			g.augment(i, k)
		}
	}
	return true
}

func (g *grid) indexOf(e *entry) int {
	for _, i := range g.byLane[e.lane] {
		if g.entries[i] == e {
			return i
		}
	}
	return -1
}

// forget makes nothing seen but the closed cells: there is no way through them.
func (g *grid) forget() {
	s := &g.search
	if n := g.intervals(); s.words == 0 {
		words := (n + 63) / 64
		*s = search{
			words: words, closed: make([]uint64, words*len(g.cells)), cellSeen: make([]uint64, words*len(g.cells)),
			cellFrom: make([]int32, n*len(g.cells)), upSeen: make([]bool, n), upFrom: make([]int32, n), taskSeen: make([]seats, len(g.cells)),
		}
		for i, c := range g.cells {
			for k, open := range c.open {
				if !open {
					s.closed[i*words+k/64] |= 1 << (k % 64)
				}
			}
		}
	}
	if more := len(g.entries) - len(s.taskFrom); more > 0 {
		s.taskFrom = append(s.taskFrom, make([]int32, more)...)
	}
	copy(s.cellSeen, s.closed)
	clear(s.upSeen)
	for i, lane := range g.byLane {
		clear(s.taskSeen[i])
		s.taskSeen[i].put(len(lane), false) // to have room for all
	}
}

func (g *grid) cellSeen(lane, k int) bool {
	return g.search.cellSeen[lane*g.search.words+k/64]&(1<<(k%64)) != 0
}

// seek looks from entry root for the nearest uplinks with something free, to be
// found in ends. If there are any, all that was seen on the way is unseen again.
func (g *grid) seek(root int) bool {
	s := &g.search
	s.ends = s.ends[:0]
	s.queue = append(s.queue[:0], node{int32(root), 0, -1})
	g.seeTask(root, true)
	// All at one distance from root are looked at before it ends: with so many
	// ways found at a time, few searches are needed.
	for i := 0; i < len(s.queue) && len(s.ends) == 0; {
		for level := len(s.queue); i < level; i++ {
			switch n := s.queue[i]; {
			case n.k < 0:
				g.fromTask(int(n.task))
			case n.lane < 0:
				g.fromUplink(int(n.k))
			default:
				g.fromCell(int(n.lane), int(n.k))
			}
		}
	}
	if len(s.ends) == 0 {
		return false
	}
	for _, n := range s.queue {
		switch {
		case n.k < 0:
			g.seeTask(int(n.task), false)
		case n.lane < 0:
			s.upSeen[n.k] = false
		default:
			s.cellSeen[int(n.lane)*s.words+int(n.k)/64] &^= 1 << (n.k % 64)
		}
	}
	return true
}

func (g *grid) seeTask(i int, seen bool) {
	e := g.entries[i]
	g.search.taskSeen[e.lane].put(e.seat, seen)
}

// fromTask sees the cells into which entry i could send more.
func (g *grid) fromTask(i int) {
	s, e := &g.search, g.entries[i]
	if e.first == e.last {
		return
	}
	seen := s.cellSeen[e.lane*s.words : (e.lane+1)*s.words]
	for w := e.first / 64; w <= (e.last-1)/64; w++ {
		unseen := ^seen[w]
		if w == e.first/64 {
			unseen &= ^uint64(0) << (e.first % 64)
		}
		if w == (e.last-1)/64 {
			unseen &= ^uint64(0) >> (63 - (e.last-1)%64)
		}
		for ; unseen != 0; unseen &= unseen - 1 {
			k := w*64 + bits.TrailingZeros64(unseen)
			if e.limited() && e.row[k-e.first] >= carried(e.most, g.length(k)) {
				continue
			}
			seen[w] |= unseen & -unseen
			s.cellFrom[e.lane*g.intervals()+k] = int32(i)
			s.queue = append(s.queue, node{-1, int32(e.lane), int32(k)})
		}
	}
}

// fromUplink sees the cells that could give way in interval k.
func (g *grid) fromUplink(k int) {
	s := &g.search
	for lane := range g.cells {
		if g.cells[lane].used[k] > 0 && !g.cellSeen(lane, k) {
			s.cellSeen[lane*s.words+k/64] |= 1 << (k % 64)
			s.cellFrom[lane*g.intervals()+k] = fromUplink
			s.queue = append(s.queue, node{-1, int32(lane), int32(k)})
		}
	}
}

// fromCell sees the uplink, if the link bears more, and the tasks that could
// give way.
func (g *grid) fromCell(lane, k int) {
	s, c := &g.search, &g.cells[lane]
	if !s.upSeen[k] && c.used[k] < g.cellCap(lane, k) {
		s.upSeen[k] = true
		s.upFrom[k] = int32(lane)
		s.queue = append(s.queue, node{-1, -1, int32(k)})
		if g.upUsed[k] < g.upCap(k) {
			s.ends = append(s.ends, k)
		}
	}
	for w, there := range c.seats[k] {
		for unseen := there &^ s.taskSeen[lane][w]; unseen != 0; unseen &= unseen - 1 {
			i := g.byLane[lane][w*64+bits.TrailingZeros64(unseen)]
			s.taskFrom[i] = int32(k)
			g.seeTask(i, true)
			s.queue = append(s.queue, node{int32(i), 0, -1})
		}
	}
}

// augment sends as much as goes along the path that seek found from root to
// the uplink of interval k. It may be nothing, after other paths took it.
func (g *grid) augment(root, k int) {
	s := &g.search
	most := min(g.entries[root].need-g.entries[root].got, g.upCap(k)-g.upUsed[k])
	var path []shift
	lane := -1 // at the uplink
	for {
		if lane < 0 {
			lane = int(s.upFrom[k])
			most = min(most, g.cellCap(lane, k)-g.cells[lane].used[k])
		}
		from := s.cellFrom[lane*g.intervals()+k]
		if from == fromUplink {
			lane = -1
			continue
		}
		e := g.entries[from]
		path = append(path, shift{int(from), k, 1})
		if e.limited() {
			most = min(most, carried(e.most, g.length(k))-e.row[k-e.first])
		}
		if int(from) == root {
			break
		}
		k = int(s.taskFrom[from])
		most = min(most, e.row[k-e.first])
		path = append(path, shift{int(from), k, -1})
	}
	if most == 0 {
		return
	}
	for _, p := range path {
		p.by *= most
		g.apply(p)
	}
}

// grow finds the earliest tick by which all of e could flow, given that fill
// just failed up to e.last, and widens e up to it. Beyond the end of the grid,
// where e is alone, it adds nothing to the grid.
func (g *grid) grow(e *entry) (tick, bool) {
	for e.last < g.intervals() {
		k := e.last
		g.mark()
		g.widen(e, k+1)
		if !g.direct(e) && !g.reroute(e) {
			continue
		}
		g.undo()
		e.row = e.row[:k-e.first]
		e.last = k
		return g.pinpoint(e), true
	}
	return g.book.finish(e.task, max(e.earliest, g.end()), e.need-e.got)
}

// pinpoint finds the tick within interval e.last by which all of e could flow,
// given that it does by the interval's end but not without it.
//
// What can flow by the tick t is a concave function of t, and each cut bounds it
// by a straight line. So it steps from a t too early to where the smallest cut
// there says it could be at the soonest, which never goes too far.
func (g *grid) pinpoint(e *entry) tick {
	t, k := g.at[e.last], e.last
	faster := g.book.alone(e.task)
	for {
		t += ceilDiv(e.need-e.got, max(faster, 1))
		whole := t >= g.at[k+1]
		if !whole {
			g.split(k, t)
		}
		g.widen(e, k+1)
		if g.fill(e) || whole {
			return g.at[k+1]
		}
		faster = g.cutRate(k) - g.cutRate(k+1)
		k++
	}
}

// cutRate is how much of the smallest cut, which separates what was seen from
// what was not, falls on one tick of interval k.
func (g *grid) cutRate(k int) (r int64) {
	s := &g.search
	if s.upSeen[k] {
		r += g.book.uplink
	}
	for lane, c := range g.cells {
		if !c.open[k] {
			continue
		}
		if g.cellSeen(lane, k) {
			if !s.upSeen[k] {
				r += g.book.lanes[lane].rate
			}
			continue
		}
		for _, i := range g.byLane[lane] {
			if e := g.entries[i]; s.taskSeen[lane].has(e.seat) && k >= e.first && k < e.last {
				r += e.most
			}
		}
	}
	return r
}
