package schedule

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"videoclub/internal/rate"
	"videoclub/internal/reason"

	"pgregory.net/rapid"
)

// Admit grants exactly what is possible, its plans hold, and its counter-offer
// is the earliest second that is possible.
func TestAdmitIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		net := w.network()
		jobs := drawAccepted(t, w)
		asked := drawJob(t, 100)
		both := append(slices.Clone(jobs), asked)
		plan, err := Admit(zero, net, jobs, asked)
		if possible := w.possible(0, both); possible != (err == nil) {
			t.Fatalf("possible %v, admitted with %v", possible, err)
		}
		if err == nil {
			w.verify(t, plan, both)
			return
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) || reason.Of(err) != reason.DeadlineTooSoon {
			t.Fatalf("refused with %v", err)
		}
		if refusal.Earliest.IsZero() || refusal.Earliest.Sub(zero) > time.Minute {
			both[len(both)-1].Deadline = at(60)
			if w.possible(0, both) {
				t.Fatalf("earliest is %v, but it can be in a minute", refusal.Earliest)
			}
			return
		}
		for _, early := range []time.Duration{time.Second, 0} {
			asked.Deadline = refusal.Earliest.Add(-early)
			both[len(both)-1] = asked
			plan, err := Admit(zero, net, jobs, asked)
			if possible := w.possible(0, both); possible != (early == 0) || (err == nil) != possible {
				t.Fatalf("%v before the earliest, %v: possible %v, admitted with %v", early, refusal.Earliest, possible, err)
			}
			if err == nil {
				w.verify(t, plan, both)
			}
		}
	})
}

// The constraint that is named is one: with it lifted, more is possible.
func TestWindowIsNamedWhenItBinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		jobs := drawAccepted(t, w)
		asked := drawJob(t, 100)
		_, err := Admit(zero, w.network(), jobs, asked)
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			return
		}
		delete(w.open, asked.Link)
		if could := w.possible(0, append(jobs, asked)); could != (refusal.Binding == WindowBinds) {
			t.Fatalf("without windows possible: %v, named %s", could, refusal.Binding)
		}
	})
}

// The flow alone, without the quick ways, is exact as well, and so is the plan
// that is read off it; intervals may be cut anywhere.
func TestFlowIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		jobs := append(drawAccepted(t, w), drawJob(t, 100))
		b := newBook(floorTick(zero), w.network(), jobs)
		ts := b.tasks(jobs)
		g := newGrid(b, ts)
		fits := g.enterAll(ts)
		if possible := w.possible(0, jobs); possible != fits {
			t.Fatalf("possible %v, fits %v", possible, fits)
		}
		if !fits {
			return
		}
		w.verify(t, planOf(g.drawn()), jobs)
		for range rapid.IntRange(0, 4).Draw(t, "cuts") {
			if g.intervals() == 0 {
				break
			}
			k := rapid.IntRange(0, g.intervals()-1).Draw(t, "interval")
			if g.length(k) > 1 {
				g.split(k, g.at[k]+rapid.Int64Range(1, g.length(k)-1).Draw(t, "cut"))
			}
		}
		w.verify(t, planOf(g.drawn()), jobs)
		g.advance()
		w.verify(t, planOf(g.drawn()), jobs)
		for k := range g.intervals() {
			sum := amount(0)
			for i, c := range g.cells {
				sum += c.used[k]
				if c.used[k] > g.cellCap(i, k) {
					t.Fatalf("cell %d, %d holds %d of %d", i, k, c.used[k], g.cellCap(i, k))
				}
			}
			if sum != g.upUsed[k] || sum > g.upCap(k) {
				t.Fatalf("interval %d: %d in cells, %d in the uplink of %d", k, sum, g.upUsed[k], g.upCap(k))
			}
		}
	})
}

// When the world broke, promises are kept in the order in which they were made,
// the rest are planned for the time that is told.
func TestReplanKeepsEarlierPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		net := w.network()
		var jobs, kept []Job
		for id := range rapid.Int64Range(1, 7).Draw(t, "jobs") {
			jobs = append(jobs, drawJob(t, id))
		}
		now := rapid.IntRange(0, 8).Draw(t, "now")
		plan, late := Replan(at(now), net, jobs)
		by := map[int64]time.Time{}
		for _, l := range late {
			by[l.ID] = l.By
		}
		all := w.possible(now, jobs)
		for _, j := range jobs {
			possible := w.possible(now, append(slices.Clone(kept), j))
			told, isLate := by[j.ID]
			if possible == isLate {
				t.Fatalf("job %d possible %v, late %v", j.ID, possible, isLate)
			}
			if possible {
				kept = append(kept, j)
			} else if !told.IsZero() && !told.After(j.Deadline) {
				t.Fatalf("job %d late, by %v of %v", j.ID, told, j.Deadline)
			}
		}
		if all != (len(late) == 0) {
			t.Fatalf("possible %v, late %v", all, late)
		}
		for _, l := range late { // each as early as it can be, in order of promise
			i := slices.IndexFunc(jobs, func(j Job) bool { return j.ID == l.ID })
			j := jobs[i]
			if l.By.IsZero() || l.By.After(at(80)) {
				jobs = slices.Delete(jobs, i, i+1)
				plan.Reservations = slices.DeleteFunc(plan.Reservations, func(r Reservation) bool { return r.ID == l.ID })
				continue
			}
			j.Deadline = l.By
			jobs[i] = j
			if kept = append(kept, j); !w.possible(now, kept) {
				t.Fatalf("job %d cannot be there by %v", j.ID, l.By)
			}
		}
		w.verify(t, plan, jobs)
	})
}

// The order of the arguments does not matter.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		jobs := drawAccepted(t, w)
		asked := drawJob(t, 100)
		other := rapid.Permutation(jobs).Draw(t, "order")
		plan, err := Admit(zero, w.network(), jobs, asked)
		plan2, err2 := Admit(zero, w.network(), other, asked)
		if !reflect.DeepEqual(plan, plan2) || !reflect.DeepEqual(err, err2) {
			t.Fatalf("%v, %v and %v, %v", plan, err, plan2, err2)
		}
		plan, late := Replan(at(3), w.network(), append(jobs, asked))
		plan2, late2 := Replan(at(3), w.network(), append(other, asked))
		if !reflect.DeepEqual(plan, plan2) || !reflect.DeepEqual(late, late2) {
			t.Fatalf("%v, %v and %v, %v", plan, late, plan2, late2)
		}
	})
}

// While one promise cannot be kept, a new one does not delay it further.
func TestAdmitSparesLatePromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		net := w.network()
		var jobs []Job
		for id := range rapid.Int64Range(1, 6).Draw(t, "jobs") {
			jobs = append(jobs, drawJob(t, id))
		}
		_, late := Replan(zero, net, jobs)
		asked := drawJob(t, 100)
		if _, err := Admit(zero, net, jobs, asked); err != nil {
			return
		}
		_, after := Replan(zero, net, append(jobs, asked))
		if !reflect.DeepEqual(late, after) {
			t.Fatalf("late before %v, after %v", late, after)
		}
	})
}

// Whoever follows the leases stays ahead of the plan, keeps every deadline and,
// looking at the plan anew at any tick, finds nothing late.
func TestLeasesKeepPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		net := w.network()
		jobs := drawAccepted(t, w)
		plan, late := Replan(zero, net, jobs)
		if len(late) > 0 {
			t.Fatalf("late at once: %v", late)
		}
		need := map[int64]amount{}
		for _, j := range jobs {
			need[j.ID] = j.Remaining * perByte
		}
		for now := floorTick(zero); now < floorTick(at(17)); {
			next := min(now+second-now%second, now+rapid.Int64Range(1, 2*second).Draw(t, "step"))
			var sending []Job
			for _, j := range jobs {
				if need[j.ID] == 0 {
					continue
				}
				if now >= floorTick(j.Deadline) {
					t.Fatalf("job %d lacks %d at its deadline", j.ID, need[j.ID])
				}
				j.Remaining = ceilDiv(need[j.ID], perByte)
				sending = append(sending, j)
			}
			for _, r := range plan.Reservations {
				for _, s := range r.Segments {
					for _, edge := range []tick{floorTick(s.From), floorTick(s.To)} {
						if edge > now {
							next = min(next, edge)
						}
					}
				}
			}
			leases := Leases(instant(now), net, plan, sending)
			w.verifyLeases(t, now, leases, sending)
			for _, j := range sending {
				if r, _ := plan.Reservation(j.ID); leases[j.ID] < r.RateAt(instant(now)) {
					t.Fatalf("job %d leases %d, reserved %d", j.ID, leases[j.ID], r.RateAt(instant(now)))
				}
				need[j.ID] = max(0, need[j.ID]-carried(int64(leases[j.ID]), next-now))
			}
			now = next
			b := newBook(now, net, jobs)
			ts := b.tasks(jobs)
			for i := range ts {
				ts[i].need = need[ts[i].id]
			}
			if _, late := b.settle(ts); len(late) > 0 {
				t.Fatalf("late at %d: %v", now, late)
			}
		}
	})
}

// verifyLeases checks that capacities hold and nothing usable lies idle.
func (w world) verifyLeases(t rapid.TB, now tick, leases map[int64]rate.Rate, sending []Job) {
	t.Helper()
	second := int((now - floorTick(zero)) / second)
	total, byLink := int64(0), map[string]int64{}
	for _, j := range sending {
		r := int64(leases[j.ID])
		total += r
		byLink[j.Link] += r
		if j.MaxRate > 0 && r > int64(j.MaxRate) || r > 0 && (!w.isOpen(j.Link, second) || now < floorTick(j.Earliest)) {
			t.Fatalf("job %d leases %d at %d: %+v", j.ID, r, now, j)
		}
	}
	for link, r := range byLink {
		if r > w.links[link] {
			t.Fatalf("%s leased %d of %d", link, r, w.links[link])
		}
	}
	if total > w.uplink {
		t.Fatalf("uplink leased %d of %d", total, w.uplink)
	}
	for _, j := range sending {
		full := j.MaxRate > 0 && leases[j.ID] == j.MaxRate || byLink[j.Link] == w.links[j.Link] || total == w.uplink
		if !full && w.isOpen(j.Link, second) && now >= floorTick(j.Earliest) {
			t.Fatalf("job %d could have more than %d", j.ID, leases[j.ID])
		}
	}
}

// Requests admitted one after another are answered as if each had been asked
// by itself after the others, and the plan of all of them holds.
func TestAdmissionGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		net := w.network()
		jobs := drawAccepted(t, w)
		a := Consider(zero, net, jobs, "a", "b", "c")
		for id := range rapid.Int64Range(1, 5).Draw(t, "asked") {
			asked := drawJob(t, 100+id)
			_, err := Admit(zero, net, jobs, asked)
			if rapid.Bool().Draw(t, "what would be") {
				var refusal *Refusal
				at, _ := a.Earliest(asked)
				if errors.As(err, &refusal) && !at.Equal(refusal.Earliest) || err == nil && at.After(asked.Deadline) && at.After(zero) {
					t.Fatalf("the earliest is %v, by itself %v", at, err)
				}
			}
			admitted, odd := a.Try(asked)
			if odd != nil || admitted != (err == nil) {
				t.Fatalf("admitted %v, %v; by itself %v", admitted, odd, err)
			}
			if admitted {
				jobs = append(jobs, asked)
				continue
			}
			if refusal := a.Explain(asked); !reflect.DeepEqual(error(refusal), err) {
				t.Fatalf("refused with %v, by itself with %v", refusal, err)
			}
			if asked.Deadline = a.Explain(asked).Earliest; !asked.Deadline.IsZero() && asked.Deadline.Sub(zero) < time.Minute {
				if admitted, err := a.Try(asked); !admitted || err != nil {
					t.Fatalf("by the earliest, %v: %v, %v", asked.Deadline, admitted, err)
				}
				jobs = append(jobs, asked)
			}
		}
		w.verify(t, a.Plan(), jobs)
	})
}
