package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

const mbit rate.Rate = 125_000

// fleet is 50 receptions at 100 Mbit/s behind the given uplink, half of them
// open at night only, and titles of two hours at 20 Mbit/s (18 GB), asked for
// in the order of ID.
func fleet(uplink rate.Rate, count int, days float64) (Network, []Job) {
	random := rand.New(rand.NewPCG(1, 2))
	net := Network{Uplink: uplink, Links: map[string]Link{}}
	for i := range 50 {
		link := Link{Rate: 100 * mbit}
		if i%2 == 0 {
			link.Open = nightly(time.Duration(i%5) * time.Hour)
		}
		net.Links[fmt.Sprintf("reception-%02d", i)] = link
	}
	jobs := make([]Job, count)
	for i := range jobs {
		jobs[i] = Job{
			ID: int64(i + 1), Link: fmt.Sprintf("reception-%02d", random.IntN(50)), Remaining: 18e9, Pace: 20 * mbit,
			Deadline: zero.Add(time.Duration((0.5 + random.Float64()*days) * float64(24*time.Hour)).Truncate(time.Second)),
		}
	}
	return net, jobs
}

// nightly is open ten hours a day, from shift after 20:00 UTC.
func nightly(shift time.Duration) func(from, to time.Time) []moment.Interval {
	return func(from, to time.Time) (ins []moment.Interval) {
		for day := from.Truncate(24 * time.Hour).Add(-24 * time.Hour); day.Before(to); day = day.Add(24 * time.Hour) {
			ins = append(ins, moment.Interval{From: day.Add(20*time.Hour + shift), To: day.Add(30*time.Hour + shift)})
		}
		return ins
	}
}

// quantiles reports the median and the 99th percentile of what ask takes.
func quantiles(b *testing.B, ask func(i int)) {
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		ask(i)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, "p99-ms")
}

// keepable is the most of jobs that net can keep, in order of promise.
func keepable(b *testing.B, net Network, jobs []Job, upTo int) []Job {
	_, late := Replan(zero, net, jobs)
	for _, l := range late {
		jobs = slices.DeleteFunc(jobs, func(j Job) bool { return j.ID == l.ID })
	}
	if len(jobs) < upTo {
		b.Fatalf("only %d promises can be kept", len(jobs))
	}
	return jobs[:upTo]
}

// A thousand promises with room for more: the answer is yes.
func BenchmarkAdmitWithRoom(b *testing.B) {
	net, jobs := fleet(5000*mbit, 1200, 7)
	accepted, asked := keepable(b, net, jobs[:1100], 1000), jobs[1100:]
	quantiles(b, func(i int) { _, _ = Admit(zero, net, accepted, asked[i%len(asked)]) })
}

// A thousand promises that leave next to nothing of the uplink: the answer is
// mostly no, with a counter-offer.
func BenchmarkAdmitFull(b *testing.B) {
	net, jobs := fleet(260*mbit, 1300, 7)
	asked := slices.Clone(jobs[1200:])
	accepted := keepable(b, net, slices.Clone(jobs[:1200]), 1000)
	quantiles(b, func(i int) { _, _ = Admit(zero, net, accepted, asked[i%len(asked)]) })
}

// The uplink loses a tenth of its rate under a thousand promises.
func BenchmarkReplanBroken(b *testing.B) {
	net, jobs := fleet(260*mbit, 1200, 7)
	accepted := keepable(b, net, jobs, 1000)
	net.Uplink -= net.Uplink / 10
	quantiles(b, func(int) { _, _ = Replan(zero, net, accepted) })
}

func BenchmarkLeases(b *testing.B) {
	net, jobs := fleet(5000*mbit, 1000, 7)
	plan, _ := Replan(zero, net, jobs)
	for b.Loop() {
		Leases(zero, net, plan, jobs)
	}
}

// The same, for 32 receptions in one request: each is asked for, and those that
// are refused are told the earliest that is left to them.
func BenchmarkAdmitFullMany(b *testing.B) {
	net, jobs := fleet(260*mbit, 1300, 7)
	asked := slices.Clone(jobs[1200:])
	accepted := keepable(b, net, slices.Clone(jobs[:1200]), 1000)
	var links []string
	for name := range net.Links {
		links = append(links, name)
	}
	quantiles(b, func(int) {
		a := Consider(zero, net, accepted, links...)
		for _, j := range asked[:32] {
			if ok, _ := a.Try(j); !ok {
				a.Explain(j)
			}
		}
		a.Plan()
	})
}
