package schedule

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"videoclub/internal/moment"
)

// tick is an instant in milliseconds since 1970, or a number of milliseconds.
// Milliseconds are fine enough that rounding to them never shows, and coarse
// enough that rate times length stays whole: see amount.
type tick = int64

// amount is bytes times a thousand. Bytes a second times ticks gives it
// without a remainder, so that every sum below is exact.
type amount = int64

const (
	perByte amount = 1000
	second  tick   = 1000
	// plenty is where capacities saturate: above any job's amount, and small
	// enough that two of them add up without overflow.
	plenty amount = 1 << 62
)

func floorTick(t time.Time) tick { return t.UnixMilli() }

func ceilTick(t time.Time) tick {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		return t.UnixMilli() + 1
	}
	return t.UnixMilli()
}

func ceilSecond(t tick) time.Time {
	if rest := ((t % second) + second) % second; rest != 0 {
		t += second - rest
	}
	return instant(t)
}

func instant(t tick) time.Time { return time.UnixMilli(t).UTC() }

// carried is what rate carries in length ticks, at most plenty.
func carried(rate int64, length tick) amount {
	if rate <= 0 || length <= 0 {
		return 0
	}
	if rate > plenty/length {
		return plenty
	}
	return rate * length
}

// ceilDiv is a/b rounded up, for a >= 0 and b > 0.
func ceilDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 {
		q++
	}
	return q
}

func clampRate[R ~int64](r R) int64 { return min(max(int64(r), 0), maxRate) }

// task is a Job in the terms of a book.
type task struct {
	id                 int64
	lane               int
	need               amount
	pace               int64 // zero: none
	most               int64 // own maximum; maxRate: none
	earliest, deadline tick  // within [start, horizon], deadline perhaps before start
}

func (t task) limited() bool { return t.most < maxRate }

// span is the ticks from..to-1.
type span struct{ from, to tick }

// lane is a link in the terms of a book.
type lane struct {
	name  string
	rate  int64
	open  func(from, to time.Time) []moment.Interval
	spans []span // the open spans of [start, known), sorted, apart from each other
	known tick
}

// book is one question's view of the network: everything rounded to ticks so
// that no capacity grows by it.
type book struct {
	start, horizon tick
	uplink         int64
	lanes          []lane
}

// newBook makes a book with a lane for each link that jobs name, or that is
// among links, in order of name.
func newBook(start tick, net Network, jobs []Job, links ...string) *book {
	b := &book{start: start, horizon: start + tick(Horizon/time.Millisecond), uplink: clampRate(net.Uplink)}
	names := slices.Clone(links)
	for _, j := range jobs {
		names = append(names, j.Link)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		link := net.Links[name] // a link that is gone carries nothing
		b.lanes = append(b.lanes, lane{name: name, rate: clampRate(link.Rate), open: link.Open, known: start})
	}
	return b
}

// task takes j into the terms of b.
func (b *book) task(j Job) task {
	i, _ := slices.BinarySearchFunc(b.lanes, j.Link, func(l lane, name string) int { return strings.Compare(l.name, name) })
	t := task{
		id: j.ID, lane: i, need: min(max(j.Remaining, 0), MaxRemaining) * perByte, pace: clampRate(j.Pace), most: maxRate,
		earliest: min(max(ceilTick(j.Earliest), b.start), b.horizon),
		deadline: min(floorTick(j.Deadline), b.horizon),
	}
	if j.MaxRate > 0 {
		t.most = clampRate(j.MaxRate)
	}
	// It goes as fast as it has to and not faster: faster than that there is
	// nothing to send.
	if lasts := min(floorTick(j.Until), b.horizon) - t.earliest; !j.Until.IsZero() && lasts > 0 {
		t.most = min(t.most, max(1, ceilDiv(t.need, lasts)))
	}
	return t
}

// tasks takes jobs into the terms of b, in order of deadline, then ID.
func (b *book) tasks(jobs []Job) []task {
	ts := make([]task, len(jobs))
	for i, j := range jobs {
		ts[i] = b.task(j)
	}
	slices.SortFunc(ts, byDeadline)
	return ts
}

func byDeadline(x, y task) int {
	if c := cmp.Compare(x.deadline, y.deadline); c != 0 {
		return c
	}
	return cmp.Compare(x.id, y.id)
}

// alone is how fast t goes with the network to itself.
func (b *book) alone(t task) int64 { return min(t.most, b.lanes[t.lane].rate, b.uplink) }

// opened gives the open spans of lane i up to at least the tick to, clipped to
// what is known so far: the caller has to bear spans beyond to.
func (b *book) opened(i int, to tick) []span {
	l := &b.lanes[i]
	if to = min(to, b.horizon); to <= l.known {
		return l.spans
	}
	l.known = to
	if l.open == nil {
		l.spans = []span{{b.start, to}}
		return l.spans
	}
	var spans []span
	for _, in := range l.open(instant(b.start), instant(to)) {
		s := span{max(ceilTick(in.From), b.start), min(floorTick(in.To), to)}
		if s.from < s.to {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.from, y.from) })
	l.spans = merged(spans)
	return l.spans
}

// merged joins sorted spans that touch or overlap, in place.
func merged(spans []span) []span {
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// openFor is how many of the ticks from..to-1 lane i is open.
func (b *book) openFor(i int, from, to tick) tick {
	var n tick
	for _, s := range b.opened(i, to) {
		n += max(0, min(s.to, to)-max(s.from, from))
	}
	return n
}

// finish is when t, alone from the tick from on, has carried left.
func (b *book) finish(t task, from tick, left amount) (tick, bool) {
	r := b.alone(t)
	if r == 0 {
		return 0, false
	}
	ticks := ceilDiv(left, r)
	for _, s := range b.opened(t.lane, b.horizon) {
		begin := max(s.from, from)
		if begin >= s.to {
			continue
		}
		if ticks <= s.to-begin {
			return begin + ticks, true
		}
		ticks -= s.to - begin
	}
	return 0, false
}
