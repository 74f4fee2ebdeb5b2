package ledger

import (
	"fmt"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// A session outlives a restart, and ends with its account, when it is left, when
// it was not used for long, and when there are too many.
func TestSessions(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	ctx := t.Context()
	ana, err := l.AddAccount(ctx, Account{Name: "ana", Mail: "a@x.cl", Token: []byte("t"), Created: morning}, false)
	must(t, err)
	long := morning.Add(-time.Hour)
	add := func(name string, account int64, seen time.Time) {
		t.Helper()
		must(t, l.AddSession(ctx, Session{Hash: []byte(name), Account: account, Token: []byte("t"), Created: seen, Seen: seen}, long, 3))
	}
	has := func(name string) bool {
		_, _, err := l.SessionByHash(ctx, []byte(name))
		if err != nil {
			wantReason(t, err, reason.LoginInvalid)
		}
		return err == nil
	}
	add("hers", ana.ID, morning)
	must(t, l.AddSession(ctx, Session{Hash: []byte("here"), Local: true, Created: morning, Seen: morning}, long, 3))
	must(t, l.Close())
	l = openAt(t, path)
	if s, a, err := l.SessionByHash(ctx, []byte("hers")); err != nil || a.Name != "ana" || string(s.Token) != "t" || !s.Seen.Equal(morning) {
		t.Errorf("%+v %+v %v", s, a, err)
	}
	if s, a, err := l.SessionByHash(ctx, []byte("here")); err != nil || a.ID != 0 || !s.Local || len(s.Token) != 0 {
		t.Errorf("%+v %+v %v", s, a, err)
	}
	if has("theirs") {
		t.Error("a session that nobody has")
	}
	must(t, l.SessionSeen(ctx, []byte("hers"), morning.Add(time.Hour)))
	for i := range 4 {
		add(fmt.Sprint(i), ana.ID, morning.Add(time.Duration(i)*time.Minute))
	}
	for name, want := range map[string]bool{"hers": true, "0": false, "1": false, "2": true, "3": true, "here": true} {
		if has(name) != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
	// By a clock that was set back, the new one is not the oldest.
	add("back", ana.ID, morning.Add(-2*time.Hour))
	for name, want := range map[string]bool{"hers": true, "2": false, "3": true, "back": true} {
		if has(name) != want {
			t.Errorf("%s is there after the clock went back: %v", name, !want)
		}
	}
	must(t, l.RemoveSession(ctx, []byte("3")))
	must(t, l.RemoveSession(ctx, []byte("3")))
	long = morning.Add(3 * time.Minute)
	add("new", 0, morning.Add(time.Hour))
	for name, want := range map[string]bool{"3": false, "2": false, "here": false, "hers": true} {
		if has(name) != want {
			t.Errorf("then %s is there: %v", name, !want)
		}
	}
	_, err = l.RemoveAccount(ctx, "ana", nil)
	must(t, err)
	if has("hers") {
		t.Error("the session of an account that was removed goes on")
	}
	if err := l.AddSession(ctx, Session{}, long, 3); err == nil {
		t.Error("a session without a secret is noted")
	}
}

func TestPunctual(t *testing.T) {
	l := openAt(t, place(t))
	for n, at := range []time.Duration{-time.Second, 0, time.Second, -24 * time.Hour} {
		d := promised(t, l, n)
		must(t, l.Started(t.Context(), d.ID, 7, moment))
		must(t, l.Verifying(t.Context(), d.ID, moment))
		must(t, l.Deposited(t.Context(), d.ID, []byte("{}"), "aa", d.Deadline.Add(at)))
	}
	promised(t, l, 9)
	d := request(0)
	got, err := l.Punctual(t.Context(), d.Deadline.Add(-time.Hour))
	if p := got[d.Reception]; err != nil || len(got) != 1 || p.Deposited != 3 || p.InTime != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}
