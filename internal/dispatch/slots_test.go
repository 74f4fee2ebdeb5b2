package dispatch

import (
	"fmt"
	"testing"
	"time"

	"videoclub/internal/moment"
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
