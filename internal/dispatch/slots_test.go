package dispatch

import (
	"fmt"
	"testing"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

// Of as many deliveries as run at once, those that cannot send now keep nobody from
// it who can, and was promised to be there by then.
func TestIdleDeliveriesTakeNoPlace(t *testing.T) {
	night, err := moment.ParseWindow("daily 22:00-06:00 UTC")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Settings){
		"closed": func(s *Settings) {
			r := s.Receptions["hall"]
			r.Windows = []moment.Window{night}
			s.Receptions["hall"] = r
		},
		"taken": func(*Settings) {}, // the first has all of the link
	} {
		t.Run(name, func(t *testing.T) {
			settings := three()
			settings.Deliveries = 2
			for at, r := range settings.Receptions {
				r.Address = "127.0.0.1:0" // where nobody answers
				settings.Receptions[at] = r
			}
			change(&settings)
			s := newStand(t, settings, films{"/night": 9_500_000})
			for n := range 2 {
				if _, err := s.Promise(t.Context(), asking(fmt.Sprint(n), 11*time.Hour, "hall")); err != nil {
					t.Fatal(err)
				}
			}
			if name == "taken" { // as soon as can be, so at all that there is
				s.jobs[1].Pace, s.jobs[2].Pace = 95_000, 95_000
			}
			made, err := s.Promise(t.Context(), asking("studio", 12*time.Hour, "studio"))
			if err != nil {
				t.Fatal(err)
			}
			s.turn(t.Context())
			s.mu.Lock()
			begun := s.jobs[made[0].ID].attempt != nil || s.jobs[made[0].ID].Reason != ""
			s.mu.Unlock()
			s.attempts.Wait()
			if !begun {
				t.Error("what can be sent waits for what cannot")
			}
		})
	}
}

// What is to be there by now according to the plan, and has its last bytes on their
// way, keeps its place and sends on until they are durable: who comes next, there or
// elsewhere, does not end it again and again for its last bytes.
func TestLastBytesKeepTheirPlace(t *testing.T) {
	for name, c := range map[string]struct {
		deliveries int
		next       string
	}{"of its place": {1, "studio"}, "of its link": {2, "hall"}} {
		t.Run(name, func(t *testing.T) {
			settings := three()
			settings.Deliveries = c.deliveries
			for at, r := range settings.Receptions {
				r.Address = "127.0.0.1:0" // where nobody answers
				settings.Receptions[at] = r
			}
			s := newStand(t, settings, films{"/night": 9_500_000})
			made, err := s.Promise(t.Context(), asking("first", 110*time.Second, "hall"))
			if err != nil {
				t.Fatal(err)
			}
			next, err := s.Promise(t.Context(), asking("next", 12*time.Hour, c.next))
			if err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			j, ended := s.jobs[made[0].ID], false
			j.attempt = &attempt{cancel: func(error) { ended = true }, leases: make(chan rate.Rate, 1)}
			s.jobs[next[0].ID].Pace = 95_000
			// Its plan is made 4 s before its end, when a second of it is not durable yet.
			s.clock, j.acked = noon.Add(96*time.Second), j.Size-4*95_000
			s.replan(s.clock)
			r, _ := s.plan.Reservation(j.ID)
			s.clock, j.acked = r.End, j.Size-95_000
			if r, _ := s.plan.Reservation(next[0].ID); r.RateAt(s.clock) == 0 {
				t.Error("the next one does not go then")
			}
			s.mu.Unlock()
			s.turn(t.Context())
			s.attempts.Wait()
			if ended || j.lease <= 0 {
				t.Errorf("%d bytes before its end its attempt has ended, %v, or has a rate of %d", j.Size-j.acked, ended, j.lease)
			}
		})
	}
}
