package dispatch

import (
	"testing"
	"time"

	"videoclub/internal/reason"
)

// What gives way to a new version does not stand in its way: neither as one of the
// open promises of its account, nor by the space that it waits for or was counted
// for.
func TestRedeliverInsteadOfWhatIsFull(t *testing.T) {
	free := int64(10_000_000)
	for name, c := range map[string]struct {
		settings func(*Settings)
		before   func(*stand, *job)
	}{
		"open promises": {func(s *Settings) { s.Promises = 1 }, func(*stand, *job) {}},
		"it waits for space": {func(*Settings) {}, func(_ *stand, j *job) {
			j.Reason = reason.NoSpace // as after an attempt
		}},
		"it was counted": {func(*Settings) {}, func(s *stand, _ *job) {
			s.spaces["hall"] = space{free, noon} // as after the offer of another
		}},
		"it is held": {func(*Settings) {}, func(s *stand, j *job) {
			left := free - j.Size
			s.hold(j, &left, noon) // as when its offer is accepted
		}},
	} {
		t.Run(name, func(t *testing.T) {
			settings := three()
			c.settings(&settings)
			settings.Receptions["hall"] = Reception{Address: "127.0.0.1:0", Link: 100_000}
			sizes := films{"/night": 9_500_000}
			s := newStand(t, settings, sizes)
			first, err := s.Promise(t.Context(), asking("k", time.Hour, "hall"))
			if err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			c.before(s, s.jobs[first[0].ID])
			s.mu.Unlock()
			sizes["/night"]++
			made, err := s.Redeliver(t.Context(), asking("anew", time.Hour, "hall"))
			if err != nil || len(made) != 1 {
				t.Fatalf("instead of it: %+v, %v", made, err)
			}
			if kept := s.kept(t); len(kept) != 1 || kept[0].ID != made[0].ID {
				t.Errorf("kept: %+v", kept)
			}
		})
	}
}
