package dispatch

import (
	"errors"
	"strings"
	"testing"
	"time"

	"videoclub/internal/ledger"
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

// Whoever awaits an earlier version at a reception awaits the new one, also where
// others do.
func TestRedeliverToAllWhoAwait(t *testing.T) {
	sizes := films{"/night": 1_000_000}
	settings := three()
	settings.Receptions["hall"] = Reception{Address: "127.0.0.1:0", Link: 100_000}
	s := newStand(t, settings, sizes)
	want := make(map[string]bool)
	for _, who := range []struct{ account, mail string }{{"1", "ana@example.cl"}, {"2", "eva@example.cl"}, {"", "luis@example.cl"}, {"", "rosa@example.cl"}, {"2", "eva@example.cl"}} {
		ask := asking("k"+who.account+who.mail+time.Duration(len(s.jobs)).String(), time.Hour, "hall")
		ask.Account, ask.Mail = who.account, who.mail
		if _, err := s.Promise(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		want[who.account+" "+who.mail] = true
	}
	sizes["/night"]++
	anew := asking("anew", time.Hour, "hall", "attic")
	made, err := s.Redeliver(t.Context(), anew)
	if err != nil || len(made) != 2 || made[0].Reception != "hall" || made[1].Reception != "attic" {
		t.Fatalf("%+v, %v", made, err)
	}
	kept := s.kept(t)
	for _, l := range kept {
		if l.Reception == "hall" && l.Size == 1_000_001 {
			delete(want, l.Account+" "+l.Mail)
		}
	}
	if len(want) > 0 || len(kept) != 5 {
		t.Errorf("these await nothing any more: %v; kept are %d", want, len(kept))
	}
	again, err := s.Redeliver(t.Context(), anew)
	if err != nil || len(again) != 2 || again[0].ID != made[0].ID || again[1].ID != made[1].ID || len(s.kept(t)) != len(kept) {
		t.Errorf("again: %+v, %v", again, err)
	}
	for id := int64(1); id <= 5; id++ {
		if l, err := s.Ledger.Get(t.Context(), id); err != nil || l.State != ledger.Cancelled || l.Reason != reason.Superseded {
			t.Errorf("%+v, %v", l, err)
		}
	}
}

// Where not all who await it can have it in time, their reception is told of once.
func TestRedeliverRefusedToSome(t *testing.T) {
	sizes := films{"/night": 9_500_000}
	settings := three()
	s := newStand(t, settings, sizes)
	for n := range 3 {
		ask := asking(string(rune('a'+n)), time.Hour, "hall")
		ask.Account = ask.Key
		if _, err := s.Promise(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
	}
	sizes["/night"]++
	_, err := s.Redeliver(t.Context(), asking("anew", 250*time.Second, "hall", "attic"))
	var refused *Refusal
	if !errors.As(err, &refused) || len(refused.Report) != 2 || refused.Report[0].Err == nil || refused.Report[1].Err != nil || !strings.HasPrefix(refused.Detail, "1 of 2 ") {
		t.Fatalf("%+v", err)
	}
	if made, err := s.Redeliver(t.Context(), asking("anew", refused.Earliest.Sub(noon), "hall", "attic")); err != nil || len(made) != 2 {
		t.Errorf("the counter-offer: %+v, %v", made, err)
	}
}

// Where somebody has asked for the new version before, those who await the earlier one
// have theirs too, and no promise is left that cannot be kept.
func TestRedeliverWhereItIsOnItsWay(t *testing.T) {
	sizes := films{"/night": 1_000_000}
	settings := three()
	settings.Receptions["hall"] = Reception{Address: "127.0.0.1:0", Link: 100_000}
	s := newStand(t, settings, sizes)
	ids := make(map[string]int64)
	promise := func(mail string) {
		t.Helper()
		ask := asking("of "+mail, time.Hour, "hall")
		ask.Mail = mail
		made, err := s.Promise(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		ids[mail] = made[0].ID
	}
	promise("ana@example.cl")
	promise("eva@example.cl")
	sizes["/night"]++
	promise("luis@example.cl")
	anew := asking("anew", time.Hour, "hall")
	for range 2 {
		made, err := s.Redeliver(t.Context(), anew)
		if err != nil || len(made) != 1 || made[0].ID != ids["luis@example.cl"] {
			t.Fatalf("%+v, %v", made, err)
		}
		to := make(map[string]int64)
		for _, l := range s.kept(t) {
			if to[l.Mail] = l.ID; l.Size != 1_000_001 {
				t.Errorf("kept is %+v", l)
			}
		}
		if len(to) != 3 || len(s.kept(t)) != 3 || to["luis@example.cl"] != ids["luis@example.cl"] {
			t.Errorf("the new version is promised to %v", to)
		}
	}
}
