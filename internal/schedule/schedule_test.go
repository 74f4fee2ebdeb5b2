package schedule

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// It is Monday 20:00 UTC. A feature is 18 GB and lasts two hours: 2.5 MB/s. The
// central server sends 12.5 MB/s at most, a cinema receives 5, the drive-in,
// which needs its line by day, receives from 22:00 to 06:00.
func cinemas() Network {
	return Network{Uplink: 12_500_000, Links: map[string]Link{
		"rex": {Rate: 5_000_000}, "lido": {Rate: 5_000_000}, "normandie": {Rate: 5_000_000}, "closed": {},
		"drivein": {Rate: 5_000_000, Open: func(from, to time.Time) (ins []moment.Interval) {
			for day := from.Truncate(24 * time.Hour).Add(-2 * time.Hour); day.Before(to); day = day.Add(24 * time.Hour) {
				ins = append(ins, moment.Interval{From: day, To: day.Add(8 * time.Hour)})
			}
			return ins
		}},
	}}
}

func feature(id int64, link string, deadline time.Duration) Job {
	return Job{ID: id, Link: link, Remaining: 18_000_000_000, Pace: 2_500_000, Deadline: zero.Add(deadline)}
}

func with(j Job, change func(*Job)) Job { change(&j); return j }

func TestAdmit(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name     string
		accepted []Job
		asked    Job
		start    time.Duration // of asked, from now; granted if end is not zero
		end      time.Duration
		rate     rate.Rate // of asked, at its start
		binding  Constraint
		earliest time.Duration // from now; zero is never
	}{
		{name: "a day ahead it goes at its pace, at once", asked: feature(1, "rex", 22*hour), end: 2 * hour, rate: 2_500_000},
		{name: "sooner than it lasts, as fast as it has to", asked: feature(1, "rex", hour), end: hour, rate: 5_000_000},
		{name: "sooner than the link can", asked: feature(1, "rex", hour-time.Second), binding: LinkBinds, earliest: hour},
		{name: "the deadline has passed", asked: feature(1, "rex", -hour), binding: LinkBinds, earliest: hour},
		{name: "two for one cinema share its link", accepted: []Job{feature(1, "rex", 2*hour)}, asked: feature(2, "rex", 2*hour), end: 2 * hour, rate: 2_500_000},
		{name: "a third has to wait for them", accepted: []Job{feature(1, "rex", 2*hour), feature(2, "rex", 2*hour)}, asked: feature(3, "rex", 2*hour), binding: LinkBinds, earliest: 3 * hour},
		{name: "an urgent one goes before a patient one", accepted: []Job{feature(1, "rex", 2*hour)}, asked: feature(2, "rex", hour), end: hour, rate: 5_000_000},
		{
			name: "the uplink is for all", accepted: []Job{feature(1, "rex", hour), feature(2, "lido", hour)}, asked: feature(3, "normandie", hour),
			binding: UplinkBinds, earliest: hour + 30*time.Minute,
		},
		{name: "the drive-in waits for its window", asked: feature(1, "drivein", 12*hour), start: 2 * hour, end: 4 * hour, rate: 2_500_000},
		{name: "the drive-in's window opens too late", asked: feature(1, "drivein", 2*hour), binding: WindowBinds, earliest: 3 * hour},
		{
			name: "the drive-in's window closes between", accepted: []Job{with(feature(1, "drivein", 10*hour), func(j *Job) { j.Remaining *= 8 })},
			asked: feature(2, "drivein", 10*hour), binding: WindowBinds, earliest: 27 * hour,
		},
		{
			name: "the window is in the way of one that is in the way", accepted: []Job{with(feature(1, "drivein", 10*hour), func(j *Job) { j.Remaining *= 7 })},
			asked: with(feature(2, "drivein", 10*hour), func(j *Job) {
				j.Remaining *= 2
				j.Earliest = zero.Add(2 * hour)
			}),
			binding: WindowBinds, earliest: 27 * hour,
		},
		{
			name: "even with no window its line is too slow", asked: with(feature(1, "drivein", hour), func(j *Job) { j.Remaining *= 2 }),
			binding: LinkBinds, earliest: 4 * hour,
		},
		{
			name: "its own maximum holds it", asked: with(feature(1, "rex", hour), func(j *Job) { j.MaxRate = 2_500_000 }),
			binding: MaxPaceBinds, earliest: 2 * hour,
		},
		{
			name: "not before tomorrow", asked: with(feature(1, "rex", 22*hour), func(j *Job) { j.Earliest = zero.Add(12 * hour) }),
			start: 12 * hour, end: 14 * hour, rate: 2_500_000,
		},
		{name: "without a pace, as slowly as it may", asked: with(feature(1, "rex", 20*hour), func(j *Job) { j.Pace = 0 }), end: 20 * hour, rate: 250_000},
		{name: "a pace above the link's rate", asked: with(feature(1, "rex", 20*hour), func(j *Job) { j.Pace = 9_000_000 }), end: hour, rate: 5_000_000},
		{name: "a link that carries nothing", asked: feature(1, "closed", 20*hour), binding: LinkBinds},
		{name: "it would take years", asked: with(feature(1, "rex", 20*hour), func(j *Job) { j.MaxRate = 1 }), binding: MaxPaceBinds},
		{
			name: "a promise on a dead link is in nobody's way", accepted: []Job{feature(1, "closed", hour), feature(2, "closed", -hour), feature(3, "gone", hour)},
			asked: feature(4, "rex", hour), end: hour, rate: 5_000_000,
		},
		{
			name: "an overdue one is not delayed further", accepted: []Job{feature(1, "rex", -hour)}, asked: feature(2, "rex", hour),
			binding: LinkBinds, earliest: 2 * hour,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := Admit(zero, cinemas(), c.accepted, c.asked)
			if c.end == 0 {
				var refusal *Refusal
				if !errors.As(err, &refusal) || refusal.Binding != c.binding {
					t.Fatalf("got %v, want it bound by %s", err, c.binding)
				}
				want := zero.Add(c.earliest)
				if c.earliest == 0 {
					want = time.Time{}
				}
				if !refusal.Earliest.Equal(want) {
					t.Fatalf("earliest %v, want %v", refusal.Earliest, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r, ok := plan.Reservation(c.asked.ID)
			if !ok || !r.Start.Equal(zero.Add(c.start)) || !r.End.Equal(zero.Add(c.end)) || r.RateAt(r.Start) != c.rate {
				t.Errorf("reserved %+v, want %v to %v at %d", r, c.start, c.end, c.rate)
			}
			if r.RateAt(r.End) != 0 || r.RateAt(r.Start.Add(-1)) != 0 {
				t.Error("it has a rate outside its reservation")
			}
		})
	}
}

// Serving the soonest deadline first, at full speed, misses here; the flow does
// not: the patient job's link is slow, so it must begin before the other ends.
func TestAdmitWhereSoonestFirstMisses(t *testing.T) {
	w := world{uplink: 2, links: map[string]int64{"fast": 2, "slow": 1}}
	accepted := []Job{{ID: 1, Link: "fast", Remaining: 10, Deadline: at(6)}, {ID: 3, Link: "fast", Remaining: 4, Deadline: at(100)}}
	asked := Job{ID: 2, Link: "slow", Remaining: 6, Pace: 2, Deadline: at(10)}
	plan, err := Admit(zero, w.network(), accepted, asked)
	if err != nil {
		t.Fatal(err)
	}
	w.verify(t, plan, append(accepted, asked))
	if r, _ := plan.Reservation(3); r.End.After(at(10)) {
		t.Errorf("what could end at %v ends at %v", at(10), r.End)
	}
}

func TestAdmitRejectsNonsense(t *testing.T) {
	for _, c := range []struct {
		asked Job
		want  reason.Code
	}{
		{feature(2, "odeon", time.Hour), reason.UnknownReception},
		{Job{ID: 2, Link: "rex", Remaining: -1}, reason.Usage},
		{Job{ID: 2, Link: "rex", Remaining: MaxRemaining + 1}, reason.Usage},
		{feature(1, "rex", time.Hour), reason.Internal},
	} {
		if _, err := Admit(zero, cinemas(), []Job{feature(1, "rex", time.Hour)}, c.asked); reason.Of(err) != c.want {
			t.Errorf("%+v: %v, want %s", c.asked, err, c.want)
		}
	}
}

func TestRefusalReads(t *testing.T) {
	_, err := Admit(zero, cinemas(), nil, feature(1, "drivein", 2*time.Hour))
	const want = "it cannot be at drivein by 2026-11-02T22:00:00Z, bound by window; the earliest is 2026-11-02T23:00:00Z"
	if err == nil || err.Error() != want {
		t.Errorf("reads %q, want %q", err, want)
	}
	_, err = Admit(zero, cinemas(), nil, feature(1, "closed", 2*time.Hour))
	if err == nil || !strings.HasSuffix(err.Error(), "bound by link, nor at any time in the next 400 days") {
		t.Errorf("reads %q", err)
	}
}

// What is done is always granted and reserves nothing, even too late.
func TestNothingLeftToSend(t *testing.T) {
	job := Job{ID: 1, Link: "rex", Deadline: zero.Add(-time.Hour)}
	plan, err := Admit(zero, cinemas(), nil, job)
	if r, ok := plan.Reservation(1); err != nil || !ok || len(r.Segments) > 0 || r.Start != r.End {
		t.Errorf("admitted with %+v, %v", r, err)
	}
	plan, late := Replan(zero, cinemas(), []Job{job, feature(2, "rex", -time.Hour)})
	if _, ok := plan.Reservation(1); !ok || len(late) != 1 || late[0].ID != 2 {
		t.Errorf("late %v", late)
	}
	if _, ok := plan.Reservation(3); ok {
		t.Error("a reservation for nobody")
	}
	if plan, late := Replan(zero, Network{}, nil); len(plan.Reservations)+len(late) > 0 {
		t.Errorf("of nothing came %v, %v", plan, late)
	}
}

func TestReplan(t *testing.T) {
	const hour = time.Hour
	jobs := []Job{feature(1, "rex", 2*hour), feature(2, "rex", 2*hour), feature(3, "lido", 2*hour)}
	for _, c := range []struct {
		name string
		link rate.Rate // of the rex, now
		late []Late
	}{
		{"as promised", 5_000_000, nil},
		{"half the link: the earlier promise is kept", 2_500_000, []Late{{2, at(4 * 3600)}}},
		{"a fifth: both are late, the earlier one less", 1_000_000, []Late{{1, at(5 * 3600)}, {2, at(10 * 3600)}}},
		{"the link is dead", 0, []Late{{ID: 1}, {ID: 2}}},
		{"a byte a second", 1, []Late{{ID: 1}, {ID: 2}}},
	} {
		net := cinemas()
		net.Links["rex"] = Link{Rate: c.link}
		plan, late := Replan(zero, net, jobs)
		if len(late) != len(c.late) {
			t.Errorf("%s: late %v", c.name, late)
			continue
		}
		for i, l := range late {
			if l.ID != c.late[i].ID || !l.By.Equal(c.late[i].By) {
				t.Errorf("%s: late %v, want %v", c.name, late, c.late)
			}
			if r, ok := plan.Reservation(l.ID); ok == l.By.IsZero() || r.End.After(l.By) {
				t.Errorf("%s: late by %v, reserved %+v", c.name, l.By, r)
			}
		}
		if r, _ := plan.Reservation(3); !r.End.Equal(zero.Add(2 * hour)) {
			t.Errorf("%s: the other cinema's ends at %v", c.name, r.End)
		}
	}
}

// An instant between two milliseconds is never an advantage when promising.
func TestInstantsAreRounded(t *testing.T) {
	net := cinemas()
	for _, c := range []struct {
		now, deadline time.Duration
		granted       bool
	}{
		{0, time.Hour, true},
		{1, time.Hour, false},
		{1, time.Hour + time.Millisecond, true},
		{1, time.Hour + time.Millisecond - 1, false},
		{time.Millisecond, time.Hour + time.Millisecond, true},
	} {
		_, err := Admit(zero.Add(c.now), net, nil, feature(1, "rex", c.deadline))
		if (err == nil) != c.granted {
			t.Errorf("now %v, deadline %v: %v", c.now, c.deadline, err)
		}
	}
	plan, late := Replan(zero.Add(1), net, []Job{feature(1, "rex", time.Hour)})
	if r, _ := plan.Reservation(1); len(late) > 0 || r.RateAt(zero.Add(1)) != 5_000_000 {
		t.Errorf("late %v, reserved %+v", late, r)
	}
}

// The largest numbers do not overflow into a promise that cannot be kept, nor
// refuse one that can.
func TestLargestNumbers(t *testing.T) {
	net := Network{Uplink: math.MaxInt64, Links: map[string]Link{"rex": {Rate: math.MaxInt64}}}
	var jobs []Job
	for id := range int64(4) {
		j := Job{ID: id, Link: "rex", Remaining: MaxRemaining, Pace: math.MaxInt64, MaxRate: math.MaxInt64, Deadline: zero.Add(10 * Horizon)}
		plan, err := Admit(zero, net, jobs, j)
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := plan.Reservation(id); !r.End.Equal(zero.Add(time.Duration(id+1) * 4 * time.Second)) {
			t.Fatalf("reserved %+v", r)
		}
		jobs = append(jobs, j)
	}
	slow := Network{Uplink: math.MaxInt64, Links: map[string]Link{"rex": {Rate: 1_000_000}}}
	var refusal *Refusal
	if _, err := Admit(zero, slow, nil, with(jobs[0], func(*Job) {})); !errors.As(err, &refusal) || !refusal.Earliest.IsZero() {
		t.Fatalf("4 PB at 1 MB/s: %v", err)
	}
	if _, late := Replan(zero, slow, jobs); len(late) != len(jobs) {
		t.Fatalf("late %v", late)
	}
}

func TestLeases(t *testing.T) {
	plan := Plan{[]Reservation{
		{ID: 1, Segments: []Segment{{zero, at(10), 1_000_000}}},
		{ID: 2, Segments: []Segment{{at(10), at(20), 3_000_000}}},
	}}
	rex := feature(1, "rex", 2*time.Hour)
	lido := feature(2, "lido", time.Hour)
	for _, c := range []struct {
		name    string
		uplink  rate.Rate
		now     int
		sending []Job
		want    []rate.Rate // by ID, from 1
	}{
		{"room for all: each its link", 12_500_000, 0, []Job{rex, lido}, []rate.Rate{5_000_000, 5_000_000}},
		{"what is spare goes to the soonest", 6_000_000, 0, []Job{rex, lido}, []rate.Rate{1_000_000, 5_000_000}},
		{"what is planned comes first", 3_000_000, 0, []Job{rex, lido}, []rate.Rate{1_000_000, 2_000_000}},
		{"and it changes with time", 4_000_000, 10, []Job{rex, lido}, []rate.Rate{0, 4_000_000}},
		{"never more than there is", 500_000, 0, []Job{rex, lido}, []rate.Rate{500_000, 0}},
		{"its maximum", 12_500_000, 0, []Job{rex, with(lido, func(j *Job) { j.MaxRate = 100 })}, []rate.Rate{5_000_000, 100}},
		{"not yet", 12_500_000, 0, []Job{rex, with(lido, func(j *Job) { j.Earliest = at(1) })}, []rate.Rate{5_000_000, 0}},
		{"done", 12_500_000, 0, []Job{rex, with(lido, func(j *Job) { j.Remaining = 0 })}, []rate.Rate{5_000_000, 0}},
		{"one link for two", 12_500_000, 0, []Job{rex, with(lido, func(j *Job) { j.Link = "rex" })}, []rate.Rate{1_000_000, 4_000_000}},
		{"before the window", 12_500_000, 7199, []Job{rex, with(lido, func(j *Job) { j.Link = "drivein" })}, []rate.Rate{5_000_000, 0}},
		{"in the window", 12_500_000, 7200, []Job{rex, with(lido, func(j *Job) { j.Link = "drivein" })}, []rate.Rate{5_000_000, 5_000_000}},
		{"a link that is gone", 12_500_000, 0, []Job{rex, with(lido, func(j *Job) { j.Link = "odeon" })}, []rate.Rate{5_000_000, 0}},
	} {
		net := cinemas()
		net.Uplink = c.uplink
		got := Leases(at(c.now), net, plan, c.sending)
		for i, want := range c.want {
			if got[int64(i+1)] != want {
				t.Errorf("%s: leases %v, want %v", c.name, got, c.want)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d leases", c.name, len(got))
		}
	}
}
