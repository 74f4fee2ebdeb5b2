package schedule

import (
	"errors"
	"testing"
	"time"

	"videoclub/internal/rate"
)

// camera is a live source of 2.5 MB a second, captured for an hour from a moment
// on, and there as soon as it is over.
func camera(id int64, link string, from time.Duration) Job {
	until := zero.Add(from + time.Hour)
	return Job{ID: id, Link: link, Remaining: 2_500_000 * 3600, Pace: 2_500_000, Earliest: zero.Add(from), Deadline: until, Until: until}
}

// What is captured cannot be sent before: a live source keeps its rate for as
// long as it lasts, whoever asks later, and the rest is for others.
func TestLive(t *testing.T) {
	const hour = time.Hour
	live := camera(1, "rex", hour)
	plan, err := Admit(zero, cinemas(), nil, live)
	if err != nil {
		t.Fatal(err)
	}
	steady := func(plan Plan) {
		t.Helper()
		r, ok := plan.Reservation(1)
		if !ok || !r.Start.Equal(live.Earliest) || !r.End.Equal(live.Until) {
			t.Fatalf("reserved is %+v", r)
		}
		for _, s := range r.Segments {
			if s.Rate != 2_500_000 {
				t.Errorf("%v of its %v from %v to %v", s.Rate, live.Pace, s.From, s.To)
			}
		}
	}
	steady(plan)
	// The hour before, and half of the link while it is under way, are free: 27 GB.
	file := Job{ID: 2, Link: "rex", Remaining: 27_000_000_000, Deadline: zero.Add(2 * hour)}
	if plan, err = Admit(zero, cinemas(), []Job{live}, file); err != nil {
		t.Fatal(err)
	}
	steady(plan)
	file.Remaining++
	var refused *Refusal
	if _, err := Admit(zero, cinemas(), []Job{live}, file); !errors.As(err, &refused) || refused.Binding != LinkBinds {
		t.Errorf("what is the camera's was promised to a file: %v", err)
	}
	// A camera for which there is no room while it is under way: it would be there
	// later, out of its spool.
	busy := Job{ID: 2, Link: "rex", Remaining: 36_000_000_000, Deadline: zero.Add(2 * hour)}
	if _, err := Admit(zero, cinemas(), []Job{busy}, live); !errors.As(err, &refused) || refused.Binding != LinkBinds || !refused.Earliest.Equal(zero.Add(3*hour)) {
		t.Errorf("refused with %v", err)
	}
	late := live
	late.Deadline = zero.Add(3 * hour)
	if _, err := Admit(zero, cinemas(), []Job{busy}, late); err != nil {
		t.Errorf("at the time of the counter-offer: %v", err)
	}
}

// One that is behind goes faster for what is left of it; one that is over is
// like a file.
func TestLiveBehind(t *testing.T) {
	now := zero.Add(90 * time.Minute)
	live := camera(1, "rex", time.Hour)
	live.Remaining = 2_500_000*1800 + 1_800_000_000
	plan, late := Replan(now, cinemas(), []Job{live})
	if r, _ := plan.Reservation(1); len(late) > 0 || r.RateAt(now) != 3_500_000 {
		t.Errorf("reserved is %+v, late are %v", r, late)
	}
	leases := Leases(now, cinemas(), plan, []Job{{ID: 2, Link: "rex", Remaining: 1 << 40, Deadline: now}, live})
	if leases[1] < 3_500_000 || leases[1]+leases[2] != rate.Rate(5_000_000) {
		t.Errorf("leased are %v", leases)
	}
	over := zero.Add(2 * time.Hour)
	live.Remaining, live.Deadline = 10_000_000, over.Add(10*time.Second)
	plan, late = Replan(over, cinemas(), []Job{live})
	if r, _ := plan.Reservation(1); len(late) > 0 || !r.End.Equal(over.Add(4*time.Second)) {
		t.Errorf("when it is over: %+v, late are %v", r, late)
	}
}
