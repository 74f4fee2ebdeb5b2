package schedule

import (
	"cmp"
	"slices"
	"time"

	"videoclub/internal/rate"
)

// Leases gives by ID the rate at which each job that is sending may send now,
// for as long as neither the plan, nor the windows, nor who is sending changes.
//
// Each job first gets the rate that plan reserves for it now, then, in order of
// deadline, what is free up to its own maximum and its link's rate. So nobody
// falls behind the plan, nothing lies idle that a job could use, and neither a
// link nor the uplink is exceeded. A job that is done, not yet to be started, or
// whose link is closed, has a lease of zero.
func Leases(now time.Time, net Network, plan Plan, sending []Job) map[int64]rate.Rate {
	jobs := slices.Clone(sending)
	slices.SortFunc(jobs, func(x, y Job) int {
		if c := x.Deadline.Compare(y.Deadline); c != 0 {
			return c
		}
		return cmp.Compare(x.ID, y.ID)
	})
	leases := make(map[int64]rate.Rate, len(jobs))
	uplink := max(net.Uplink, 0)
	links := make(map[string]rate.Rate)
	for _, j := range jobs {
		if _, ok := links[j.Link]; !ok {
			links[j.Link] = net.Links[j.Link].at(now)
		}
	}
	grant := func(j Job, upTo rate.Rate) {
		if j.Remaining <= 0 || j.Earliest.After(now) {
			upTo = 0
		}
		if j.MaxRate > 0 {
			upTo = min(upTo, j.MaxRate)
		}
		more := max(0, min(upTo-leases[j.ID], links[j.Link], uplink))
		leases[j.ID] += more
		links[j.Link] -= more
		uplink -= more
	}
	for _, j := range jobs {
		reserved, _ := plan.Reservation(j.ID)
		grant(j, reserved.RateAt(now))
	}
	for _, j := range jobs {
		grant(j, net.Uplink)
	}
	return leases
}

// at is what the link carries at t.
func (l Link) at(t time.Time) rate.Rate {
	if l.Open == nil {
		return max(l.Rate, 0)
	}
	for _, in := range l.Open(t, t.Add(time.Millisecond)) {
		if !t.Before(in.From) && t.Before(in.To) {
			return max(l.Rate, 0)
		}
	}
	return 0
}
