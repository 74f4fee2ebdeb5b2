package schedule

import (
	"testing"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"

	"pgregory.net/rapid"
)

// zero is when everything in these tests begins: a whole second.
var zero = time.Date(2026, 11, 2, 20, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return zero.Add(time.Duration(seconds) * time.Second) }

// world is a network small enough to be understood second by second.
type world struct {
	uplink int64
	links  map[string]int64
	open   map[string][]bool // by second, going round; nil is always
}

func (w world) isOpen(link string, second int) bool {
	pattern := w.open[link]
	return pattern == nil || pattern[second%len(pattern)]
}

func (w world) network() Network {
	net := Network{Uplink: rate.Rate(w.uplink), Links: make(map[string]Link)}
	for name, r := range w.links {
		link := Link{Rate: rate.Rate(r)}
		if w.open[name] != nil {
			link.Open = func(from, to time.Time) (ins []moment.Interval) {
				first, last := int(from.Sub(zero)/time.Second), int(to.Sub(zero)/time.Second)
				for s := first; s <= min(last, 400); s++ {
					if w.isOpen(name, s) {
						ins = append(ins, moment.Interval{From: at(s), To: at(s + 1)})
					}
				}
				return ins
			}
		}
		net.Links[name] = link
	}
	return net
}

// possible is the independent judge: whether all jobs can be there in time, by
// augmenting one path at a time in a network with a node for each second. All
// instants have to be whole seconds from now on.
func (w world) possible(now int, jobs []Job) bool {
	type edge struct{ from, to any }
	type cell struct {
		link   string
		second int
	}
	left := make(map[edge]int64)
	next := make(map[any][]any)
	join := func(from, to any, capacity int64) {
		if _, ok := left[edge{from, to}]; !ok {
			next[from], next[to] = append(next[from], to), append(next[to], from)
		}
		left[edge{from, to}] = capacity
	}
	const source, sink = "source", "sink"
	want := int64(0)
	for _, j := range jobs {
		want += j.Remaining
		join(source, j.ID, j.Remaining)
		for s := max(now, int(j.Earliest.Sub(zero)/time.Second)); s < int(j.Deadline.Sub(zero)/time.Second); s++ {
			if !w.isOpen(j.Link, s) {
				continue
			}
			most := int64(j.MaxRate)
			if most == 0 {
				most = 1 << 40
			}
			join(j.ID, cell{j.Link, s}, most)
			join(cell{j.Link, s}, s, w.links[j.Link])
			join(s, sink, w.uplink)
		}
	}
	for ; want > 0; want-- {
		from := map[any]any{source: nil}
		queue := []any{source}
		for i := 0; i < len(queue) && from[sink] == nil; i++ {
			for _, to := range next[queue[i]] {
				if _, seen := from[to]; !seen && left[edge{queue[i], to}] > 0 {
					from[to] = queue[i]
					queue = append(queue, to)
				}
			}
		}
		if from[sink] == nil {
			return false
		}
		for to := any(sink); to != source; to = from[to] {
			left[edge{from[to], to}]--
			left[edge{to, from[to]}]++
		}
	}
	return true
}

// verify checks everything that a plan promises, tick by tick where anything
// changes: capacities, windows, maxima, earliest starts, bytes and deadlines.
func (w world) verify(t rapid.TB, plan Plan, jobs []Job) {
	t.Helper()
	edges := map[time.Time]bool{}
	byID := map[int64]Job{}
	for _, j := range jobs {
		byID[j.ID] = j
		r, ok := plan.Reservation(j.ID)
		if !ok {
			t.Fatalf("job %d has no reservation", j.ID)
		}
		carriedAll, last := amount(0), time.Time{}
		for _, s := range r.Segments {
			if s.From.Before(last) || !s.From.Before(s.To) || s.Rate <= 0 {
				t.Fatalf("job %d: segments %v", j.ID, r.Segments)
			}
			last = s.To
			carriedAll += int64(s.Rate) * s.To.Sub(s.From).Milliseconds()
			edges[s.From] = true
			for at := s.From.Truncate(time.Second); at.Before(s.To); at = at.Add(time.Second) {
				if !w.isOpen(j.Link, int(at.Sub(zero)/time.Second)) {
					t.Fatalf("job %d sends at %v, when %s is closed", j.ID, at, j.Link)
				}
			}
			if j.MaxRate > 0 && s.Rate > j.MaxRate {
				t.Fatalf("job %d at %d, its maximum is %d", j.ID, s.Rate, j.MaxRate)
			}
		}
		if n := len(r.Segments); n > 0 && (r.Start != r.Segments[0].From || r.End != r.Segments[n-1].To || r.Start.Before(j.Earliest) || r.End.After(j.Deadline)) {
			t.Fatalf("job %d from %v to %v: %+v", j.ID, r.Start, r.End, j)
		}
		if carriedAll < j.Remaining*perByte {
			t.Fatalf("job %d gets %d of %d thousandths", j.ID, carriedAll, j.Remaining*perByte)
		}
	}
	if len(plan.Reservations) != len(jobs) {
		t.Fatalf("%d reservations for %d jobs", len(plan.Reservations), len(jobs))
	}
	for edge := range edges {
		total, byLink := int64(0), map[string]int64{}
		for _, r := range plan.Reservations {
			total += int64(r.RateAt(edge))
			byLink[byID[r.ID].Link] += int64(r.RateAt(edge))
		}
		if total > w.uplink {
			t.Fatalf("uplink carries %d of %d at %v", total, w.uplink, edge)
		}
		for link, r := range byLink {
			if r > w.links[link] {
				t.Fatalf("%s carries %d of %d at %v", link, r, w.links[link], edge)
			}
		}
	}
}

func drawWorld(t *rapid.T) world {
	w := world{uplink: rapid.Int64Range(1, 9).Draw(t, "uplink"), links: map[string]int64{}, open: map[string][]bool{}}
	for _, name := range []string{"a", "b", "c"} {
		w.links[name] = rapid.Int64Range(1, 9).Draw(t, name)
		if rapid.IntRange(0, 2).Draw(t, name+" windows") == 0 {
			w.open[name] = rapid.SliceOfN(rapid.Bool(), 2, 9).Draw(t, name+" open")
		}
	}
	return w
}

func drawJob(t *rapid.T, id int64) Job {
	j := Job{
		ID: id, Link: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "link"),
		Remaining: rapid.Int64Range(0, 40).Draw(t, "bytes"),
		Pace:      rate.Rate(rapid.Int64Range(0, 5).Draw(t, "pace")),
		Deadline:  at(rapid.IntRange(0, 16).Draw(t, "deadline")),
	}
	if rapid.Bool().Draw(t, "has maximum") {
		j.MaxRate = rate.Rate(rapid.Int64Range(1, 6).Draw(t, "maximum"))
	}
	if rapid.Bool().Draw(t, "starts later") {
		j.Earliest = at(rapid.IntRange(0, 12).Draw(t, "earliest"))
	}
	return j
}

// drawAccepted gives jobs that can all be kept.
func drawAccepted(t *rapid.T, w world) (jobs []Job) {
	for id := range rapid.Int64Range(0, 6).Draw(t, "jobs") {
		j := drawJob(t, id+1)
		if w.possible(0, append(jobs, j)) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// The judge has to be right before it judges.
func TestJudge(t *testing.T) {
	w := world{uplink: 3, links: map[string]int64{"a": 2, "b": 2}, open: map[string][]bool{"b": {true, false}}}
	for _, c := range []struct {
		name string
		want bool
		jobs []Job
	}{
		{"one that just fits its link", true, []Job{{ID: 1, Link: "a", Remaining: 8, Deadline: at(4)}}},
		{"one byte more", false, []Job{{ID: 1, Link: "a", Remaining: 9, Deadline: at(4)}}},
		{"windows half the time", true, []Job{{ID: 1, Link: "b", Remaining: 4, Deadline: at(4)}}},
		{"more than the windows", false, []Job{{ID: 1, Link: "b", Remaining: 5, Deadline: at(4)}}},
		{"both fill the uplink", true, []Job{{ID: 1, Link: "a", Remaining: 6, Deadline: at(4)}, {ID: 2, Link: "b", Remaining: 4, Deadline: at(4)}}},
		{"a byte more than the uplink", false, []Job{{ID: 1, Link: "a", Remaining: 7, Deadline: at(4)}, {ID: 2, Link: "b", Remaining: 4, Deadline: at(4)}}},
		{"a maximum", false, []Job{{ID: 1, Link: "a", Remaining: 5, MaxRate: 1, Deadline: at(4)}}},
		{"a later start", false, []Job{{ID: 1, Link: "a", Remaining: 5, Earliest: at(2), Deadline: at(4)}}},
	} {
		if got := w.possible(0, c.jobs); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
