package schedule

import (
	"slices"
	"testing"
	"time"

	"videoclub/internal/moment"

	"pgregory.net/rapid"
)

// grow finds the very tick, and does not cut the grid into many pieces for it.
func TestGrowIsExactToTheTick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		jobs := drawAccepted(t, w)
		for i := range jobs { // long intervals, with room for fractions
			jobs[i].Remaining = jobs[i].Remaining*20 - jobs[i].Remaining%7
			jobs[i].Deadline = zero.Add(jobs[i].Deadline.Sub(zero) * 20)
		}
		asked := drawJob(t, 100)
		asked.Remaining *= 17
		b := newBook(floorTick(zero), w.network(), append(jobs, asked))
		ts, late := b.tasks(jobs), b.task(asked)
		late.deadline = b.start
		g, lates := b.settle(ts, late)
		if len(lates) > 0 || late.need == 0 {
			return
		}
		before := g.intervals()
		e := g.add(late)
		g.fill(e)
		found, ok := g.grow(e)
		if more := g.intervals() - before; more > 6 {
			t.Errorf("%d intervals became %d", before, before+more)
		}
		for _, early := range []tick{0, 1} {
			late.deadline = found - early
			if !ok {
				late.deadline = b.start + 200*second
			}
			if fits := newGrid(b, append(b.tasks(jobs), late)).enterAll(append(b.tasks(jobs), late)); fits != (ok && early == 0) {
				t.Fatalf("%d ticks before %d: fits %v", early, found-b.start, fits)
			}
		}
	})
}

// A head is what its ticks carry one by one.
func TestHead(t *testing.T) {
	const length = 5
	for turn := range tick(length) {
		for extra := range tick(length) {
			s := share{3, turn, extra}
			var sum amount
			for n := range tick(length + 1) {
				if got := s.head(n, length); got != sum {
					t.Errorf("%+v: the first %d carry %d, not %d", s, n, sum, got)
				}
				sum += s.rate
				if (n-turn+length)%length < extra {
					sum++
				}
			}
		}
	}
}

// Tasks enter late and are sent early.
func TestAdvance(t *testing.T) {
	w := world{uplink: 2, links: map[string]int64{"a": 2}}
	jobs := []Job{{ID: 1, Link: "a", Remaining: 4, Deadline: at(10)}, {ID: 2, Link: "a", Remaining: 1, Deadline: at(3)}, {ID: 3, Link: "a", Deadline: at(2)}}
	b := newBook(floorTick(zero), w.network(), jobs)
	g := newGrid(b, b.tasks(jobs))
	if !g.enterAll(b.tasks(jobs)) {
		t.Fatal("they do not fit")
	}
	first := func() []amount { return []amount{g.upUsed[0], g.upUsed[1], g.upUsed[2]} }
	if got := first(); !slices.Equal(got, []amount{0, 1000, 4000}) {
		t.Errorf("entered as %d", got)
	}
	g.advance()
	if got := first(); !slices.Equal(got, []amount{4000, 1000, 0}) {
		t.Errorf("advanced to %d", got)
	}
}

// Windows and starts shrink to whole ticks; windows may come in any order.
func TestBookRoundsInwards(t *testing.T) {
	ms := func(n float64) time.Time { return zero.Add(time.Duration(n * float64(time.Millisecond))) }
	net := Network{Uplink: 1, Links: map[string]Link{"a": {Rate: 1, Open: func(from, to time.Time) []moment.Interval {
		return []moment.Interval{{From: ms(50), To: ms(60)}, {From: ms(20.5), To: ms(30.5)}, {From: ms(-10), To: ms(3)}, {From: ms(70.1), To: ms(70.9)}, {From: ms(55), To: ms(65)}}
	}}}}
	job := Job{Link: "a", Earliest: ms(2.5), Deadline: ms(60.5)}
	b := newBook(floorTick(zero), net, []Job{job})
	spans := b.opened(0, b.start+62)
	if want := []span{{b.start, b.start + 3}, {b.start + 21, b.start + 30}, {b.start + 50, b.start + 62}}; !slices.Equal(spans, want) {
		t.Errorf("open %v from %d, want %v", spans, b.start, want)
	}
	if task := b.task(job); task.earliest != b.start+3 || task.deadline != b.start+60 {
		t.Errorf("%+v from %d", task, b.start)
	}
	if n := b.openFor(0, b.start+25, b.start+55); n != 10 {
		t.Errorf("open for %d ticks", n)
	}
}
