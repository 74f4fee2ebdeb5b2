package dispatch

import (
	"testing"
	"time"

	"videoclub/internal/ledger"
)

// Who was promised what cannot be kept is told before the deadline: not of what
// passes, once of what stays, and again when it gets much later.
func TestWarn(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	s.Ledger.SetMailing(ledger.Mailing{Kinds: []ledger.MailKind{ledger.MailBroken}, Language: "es", Central: "34750f98", Domain: "example.org"})
	promised, err := s.Promise(t.Context(), Ask{Key: "k", Title: night, Receptions: []string{"hall"}, By: noon.Add(3 * time.Minute), Mail: "ana@example.cl"})
	if err != nil {
		t.Fatal(err)
	}
	told := func(after time.Duration) []ledger.Mail {
		t.Helper()
		s.clock = noon.Add(after)
		s.mu.Lock()
		s.replan(s.clock)
		s.mu.Unlock()
		mail, err := s.Ledger.Outbox(t.Context(), promised[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return mail
	}
	for _, step := range []struct {
		after time.Duration
		mails int
	}{
		{0, 0},
		{75 * time.Second, 0},                     // there is just time enough
		{85 * time.Second, 0},                     // it is at risk
		{85*time.Second + certain - 1, 0},         // as yet
		{85*time.Second + certain, 1},             // and stays so
		{2 * time.Minute, 1},                      // which is no news
		{10 * time.Minute, 1},                     // nor is a little later
		{85*time.Second + 11*time.Minute, 2},      // it gets much later
		{85*time.Second + 25*time.Minute, 2},      // and is told of more seldom
		{85*time.Second + certain + time.Hour, 3}, // each time
	} {
		mail := told(step.after)
		if len(mail) != step.mails {
			t.Fatalf("after %v: %d mails, want %d", step.after, len(mail), step.mails)
		}
		if step.mails == 0 {
			continue
		}
		last := mail[len(mail)-1]
		if last.Kind != ledger.MailBroken || !last.Expected.After(noon.Add(3*time.Minute)) || last.Expected.Before(last.Created.Add(100*time.Second)) {
			t.Errorf("after %v: %+v", step.after, last)
		}
	}
	l, err := s.Ledger.Get(t.Context(), promised[0].ID)
	if j := s.jobs[promised[0].ID]; err != nil || l.Warnings != 3 || j.Warnings != 3 || !j.Expected.Truncate(time.Millisecond).Equal(l.Expected) {
		t.Errorf("%+v, %v; the job has %+v", l, err, j.Delivery)
	}
}

// With a deadline as near as that there is no time to wait and see.
func TestWarnAtOnce(t *testing.T) {
	s := newStand(t, three(), films{"/night": 95_000})
	promised, err := s.Promise(t.Context(), Ask{Key: "k", Title: night, Receptions: []string{"hall"}, By: noon.Add(20 * time.Second), Mail: "ana@example.cl"})
	if err != nil {
		t.Fatal(err)
	}
	s.clock = noon.Add(19*time.Second + 500*time.Millisecond)
	s.mu.Lock()
	s.replan(s.clock)
	s.mu.Unlock()
	events, err := s.Ledger.Events(t.Context(), promised[0].ID)
	if err != nil || len(events) != 2 || events[1].Kind != ledger.EventAtRisk {
		t.Errorf("%+v, %v", events, err)
	}
}
