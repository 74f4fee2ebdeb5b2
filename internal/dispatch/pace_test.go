package dispatch

import (
	"errors"
	"testing"
	"time"

	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/schedule"
)

// paced is a request for night that is never to go faster than half of what a
// link of three carries: it then takes 190 s instead of 100.
func paced(key string, by time.Duration) Ask {
	ask := asking(key, by, "hall")
	ask.MaxPace = 50_000
	return ask
}

// A request that is not to go faster than some rate is promised what can be kept
// at that rate, is never let go faster, and where that is why it cannot be
// sooner, the refusal says so.
func TestPromisePaced(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	const least = 190*time.Second + settle
	var refused *Refusal
	_, err := s.Promise(t.Context(), paced("soon", 150*time.Second))
	if !errors.As(err, &refused) || refused.Code != reason.DeadlineTooSoon || refused.Constraint != "pace" || !refused.Earliest.Equal(noon.Add(least)) {
		t.Fatalf("faster than its pace: %+v, %v", refused, err)
	}
	prospects, err := s.Where(t.Context(), paced("", 150*time.Second))
	if err != nil || !errors.As(prospects[0].Err, &refused) || refused.Constraint != "pace" || !refused.Earliest.Equal(noon.Add(least)) {
		t.Errorf("whether it could be: %+v, %v", prospects, err)
	}
	if prospects, err = s.Where(t.Context(), asking("", 150*time.Second, "hall")); err != nil || prospects[0].Err != nil {
		t.Errorf("without the pace: %+v, %v", prospects, err)
	}
	made, err := s.Promise(t.Context(), paced("then", least))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.Ledger.Get(t.Context(), made[0].ID)
	if err != nil || kept.MaxPace != 50_000 || kept.Pace != 50_000 || !kept.End.Equal(noon.Add(190*time.Second)) {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	if v := s.View(kept); v.MaxPace != 50_000 {
		t.Errorf("shown: %+v", v)
	}
	// Though the link is its own, it is not leased more.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replan(noon)
	leases := schedule.Leases(noon, s.network(), s.plan, leasedOf(s.sorted(), noon))
	if leases[kept.ID] != 50_000 {
		t.Errorf("it is leased %v", leases)
	}
}

// The slower of what is asked for and what is configured holds, and a refusal
// names that one.
func TestPromisePacedBelowTheConfigured(t *testing.T) {
	settings := three()
	settings.MaxPace = 40_000
	s := newStand(t, settings, films{"/night": 9_500_000})
	binding := func(most rate.Rate) string {
		ask := paced("k", 150*time.Second)
		ask.MaxPace = most
		var refused *Refusal
		if _, err := s.Promise(t.Context(), ask); !errors.As(err, &refused) {
			t.Fatal(err)
		}
		return refused.Constraint
	}
	for most, want := range map[rate.Rate]string{0: "max_pace", 50_000: "max_pace", 40_000: "max_pace", 39_999: "pace"} {
		if got := binding(most); got != want {
			t.Errorf("asked for %d bytes a second, it is bound by %s", most, got)
		}
	}
	made, err := s.Promise(t.Context(), paced("then", time.Hour))
	if err != nil || made[0].MaxPace != 40_000 {
		t.Errorf("asked for more: %+v, %v", made, err)
	}
}

// A pace is part of a request; one without is the request that versions which
// knew no pace have in the ledger.
func TestPaceIsAsked(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	first, err := s.Promise(t.Context(), paced("k", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Promise(t.Context(), paced("k", time.Hour)); err != nil || again[0].ID != first[0].ID {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	if _, err := s.Promise(t.Context(), asking("k", time.Hour, "hall")); reason.Of(err) != reason.KeyReused {
		t.Errorf("the same key without the pace: %v", err)
	}
	if got := asking("k", time.Hour, "hall").fingerprint(); got != "777e044377854b9de2f122ce3c965d14" {
		t.Errorf("without a pace it is %s", got)
	}
}

// What a live source gives is not less for its pace: what does not go while it
// is recorded goes afterwards, and is promised so.
func TestPromiseLivePaced(t *testing.T) {
	s := liveStand(t)
	ask := asking("k", 10*time.Minute+liveSettle, "hall")
	ask.Title, ask.MaxPace = whisper, 10_000
	var refused *Refusal
	_, err := s.Promise(t.Context(), ask)
	if !errors.As(err, &refused) || refused.Constraint != "pace" {
		t.Fatalf("as soon as it is over: %+v, %v", refused, err)
	}
	ask.By = refused.Earliest
	made, err := s.Promise(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	l := made[0]
	if size := l.Pace * 600; l.MaxPace != 10_000 || l.Pace <= 10_000 || l.Deadline.Sub(noon) < rate.Rate(10_000).Time(size) {
		t.Errorf("promised: %+v", l)
	}
}

// A new version goes no faster than was asked of the one in whose place it is.
func TestRedeliverPaced(t *testing.T) {
	sizes := films{"/night": 9_500_000}
	s := newStand(t, three(), sizes)
	if _, err := s.Promise(t.Context(), paced("k", time.Hour)); err != nil {
		t.Fatal(err)
	}
	sizes["/night"]++
	made, err := s.Redeliver(t.Context(), asking("anew", time.Hour, "hall"))
	if err != nil || len(made) != 1 || made[0].MaxPace != 50_000 {
		t.Errorf("instead of it: %+v, %v", made, err)
	}
}
