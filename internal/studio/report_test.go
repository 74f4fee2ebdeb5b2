package studio

import (
	"testing"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/worker"
)

// While a part is recorded it is known how much there is, how much of that a
// delivery lacks, and what is missing of it and why, each gap once.
func TestReport(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := Wish{Delivery: 4711, Location: picture, Title: "The yard", Duration: time.Minute}
	if _, ok := p.Report(4711, 0); ok {
		t.Error("there is a report of what nobody asked for")
	}
	part := p.join(w)
	p.recorded(part, 300*time.Millisecond)
	p.kill(worker.Record, part.Recording)
	torn := func() (n int) {
		r, ok := p.Report(4711, 0)
		if !ok {
			t.Fatal("there is no report")
		}
		for _, g := range r.Gaps {
			if g.Reason != reason.WorkerFailed {
				continue // a busy machine has others
			}
			if n++; g.Track != 1 || g.From < 0 || g.To <= g.From || g.To > w.Duration.Milliseconds() {
				t.Errorf("%+v", g)
			}
		}
		return n
	}
	p.until("the gap is told", func() bool { return torn() > 0 })
	r, _ := p.Report(4711, part.Head)
	if r.Recorded <= part.Head || r.Behind < 300*time.Millisecond || r.Behind > time.Minute {
		t.Errorf("%+v", r)
	}
	p.Stop(4711)
	p.until("the recording ends", func() bool { return p.State().Recordings == 0 })
	all, ok := p.Report(4711, part.Head)
	seen := make(map[receipt.Gap]bool)
	for _, g := range all.Gaps {
		if seen[g] {
			t.Errorf("%+v is told twice", g)
		}
		seen[g] = true
	}
	if !ok || torn() == 0 {
		t.Errorf("%v, gaps %+v", ok, all.Gaps)
	}
	if r, _ := p.Report(4711, all.Recorded); r.Behind != 0 {
		t.Errorf("who has all is behind by %v", r.Behind)
	}
	if r, _ := p.Report(4711, all.Recorded-1); r.Behind <= 0 || r.Behind >= all.Behind {
		t.Errorf("who lacks the last byte is behind by %v", r.Behind)
	}
	p.Leave(4711)
	if _, ok := p.Report(4711, 0); ok {
		t.Error("there is a report of what has ended")
	}
}
