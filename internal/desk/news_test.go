package desk

import (
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/reason"
)

// told asks for what has changed after a revision.
func (s *session) told(t *testing.T, q control.NewsQuery) control.News {
	t.Helper()
	r := s.answer(t.Context(), control.Call{News: &q})
	if r.News == nil {
		t.Fatalf("%+v", r.Refusal)
	}
	for i, c := range r.News.Changes {
		if i > 0 && c.Revision <= r.News.Changes[i-1].Revision || c.Revision > r.News.After {
			t.Errorf("the revisions do not rise: %+v", r.News)
		}
	}
	return *r.News
}

// What changes is told once, in its order, to one who follows and to one who comes
// back with a revision of before.
func TestNews(t *testing.T) {
	s := &session{desk: newDesk(t, 1), role: User}
	if n := s.told(t, control.NewsQuery{}); len(n.Changes) > 0 || n.More || n.After == 0 {
		t.Errorf("at first there is %+v", n)
	}
	request := func(key string) control.DeliveryStory {
		t.Helper()
		q := ask(key)
		r := s.answer(t.Context(), control.Call{Request: &q})
		if r.Delivery == nil {
			t.Fatal(r.Refusal)
		}
		return *r.Delivery
	}
	one, two := request("one"), request("two")
	both := s.told(t, control.NewsQuery{})
	if len(both.Changes) != 2 || both.Changes[0].Delivery.ID != one.ID || both.Changes[1].Delivery.ID != two.ID || both.More {
		t.Fatalf("%+v", both)
	}
	if n := s.told(t, control.NewsQuery{After: both.After}); len(n.Changes) > 0 || n.After != both.After {
		t.Errorf("nothing has changed: %+v", n)
	}
	if n := s.told(t, control.NewsQuery{After: both.Changes[0].Revision}); len(n.Changes) != 1 || n.Changes[0].Delivery.ID != two.ID {
		t.Errorf("after the first: %+v", n)
	}

	// One that waits hears of the end, though it follows another as well.
	heard := make(chan control.Reply)
	go func() {
		heard <- s.answer(t.Context(), control.Call{News: &control.NewsQuery{After: both.After, IDs: []int64{one.ID, two.ID}, Wait: mostWait}})
	}()
	s.answer(t.Context(), control.Call{Cancel: &control.CancelQuery{ID: one.ID}})
	r := <-heard
	if r.News == nil || len(r.News.Changes) != 1 || r.News.Changes[0].Delivery.ID != one.ID || r.News.Changes[0].Delivery.State != "cancelled" {
		t.Fatalf("%+v", r)
	}
	over := r.News.After
	if n := s.told(t, control.NewsQuery{After: both.After}); len(n.Changes) != 1 || n.Changes[0].Delivery.State != "cancelled" || n.After != over {
		t.Errorf("one that comes back: %+v", n)
	}
	if n := s.told(t, control.NewsQuery{After: over, IDs: []int64{one.ID}}); len(n.Changes) > 0 {
		t.Errorf("it is told twice: %+v", n)
	}
	if n := s.told(t, control.NewsQuery{IDs: []int64{one.ID}}); len(n.Changes) != 1 || n.Changes[0].Delivery.State != "cancelled" {
		t.Errorf("what has ended, asked for by its number: %+v", n)
	}
	if n := s.told(t, control.NewsQuery{}); len(n.Changes) != 1 || n.Changes[0].Delivery.ID != two.ID {
		t.Errorf("what runs: %+v", n)
	}
	// A revision that no server ever gave is none.
	if n := s.told(t, control.NewsQuery{After: over + int64(time.Hour), IDs: []int64{one.ID, two.ID}}); len(n.Changes) != 2 {
		t.Errorf("after a revision to come: %+v", n)
	}
	for name, q := range map[string]control.NewsQuery{"no delivery": {IDs: []int64{99}}, "too many": {IDs: make([]int64, control.MaxFollowed+1)}} {
		if r := s.answer(t.Context(), control.Call{News: &q}); r.Refusal == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// restarted is a desk whose server was started again.
func restarted(t *testing.T, d *Desk) *Desk {
	t.Helper()
	c := d.Config
	var err error
	if c.Dispatcher, err = dispatch.New(t.Context(), d.Dispatcher.Config); err != nil {
		t.Fatal(err)
	}
	again, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	return again
}

// Who comes back to a server that was started again is told what ended meanwhile
// and before, and what is promised still; more than a page comes in pages.
func TestNewsAfterARestart(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: User}
	const many = control.PageSize + 7
	var ids []int64
	for i := range many {
		q := ask(string(rune('a'+i/26)) + string(rune('a'+i%26)))
		r := s.answer(t.Context(), control.Call{Request: &q})
		if r.Delivery == nil {
			t.Fatal(r.Refusal)
		}
		ids = append(ids, r.Delivery.ID)
	}
	before := s.told(t, control.NewsQuery{}).Changes[0].Revision
	for _, id := range ids[:5] {
		s.answer(t.Context(), control.Call{Cancel: &control.CancelQuery{ID: id}})
	}
	again := restarted(t, d)
	s = &session{desk: again, role: User}
	seen := make(map[int64]string)
	for q := (control.NewsQuery{After: before}); ; {
		n := s.told(t, q)
		for _, c := range n.Changes {
			seen[c.Delivery.ID] = c.Delivery.State
		}
		if q.After = n.After; !n.More {
			break
		}
	}
	for i, id := range ids {
		want := "promised"
		if i < 5 {
			want = "cancelled"
		}
		if seen[id] != want {
			t.Errorf("delivery %d is heard of as %q, want %q", id, seen[id], want)
		}
	}
	if n := s.told(t, control.NewsQuery{After: before, IDs: ids[3:6]}); len(n.Changes) != 3 {
		t.Errorf("three by their numbers: %+v", n)
	}
}

// Everybody hears of their own deliveries, and an account that ends hears no more.
func TestNewsOfOthers(t *testing.T) {
	_, users, administrators, _ := peopled(t)
	ctx := t.Context()
	boss := person(t, as(t, administrators, ""), control.AddAccount{Name: "boss", Mail: "boss@x.cl", Admin: true})
	admin := as(t, administrators, boss)
	ana, luis := as(t, users, person(t, admin, control.AddAccount{Name: "ana", Mail: "ana@x.cl"})), as(t, users, person(t, admin, control.AddAccount{Name: "luis", Mail: "luis@x.cl"}))
	hers, err := ana.Request(ctx, ask("hers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := luis.Request(ctx, ask("his")); err != nil {
		t.Fatal(err)
	}
	wants(t, "another's delivery", luis.Events(ctx, []int64{hers.ID}, 0, func() {}, nil), reason.NotPermitted)
	heard := 0
	err = ana.Events(ctx, nil, 0, func() {}, func(c control.Change) error {
		if heard++; c.Delivery.ID != hers.ID {
			t.Errorf("she hears of %+v", c)
		}
		if _, err := admin.RemoveAccount(ctx, "ana"); err != nil {
			t.Error(err)
		}
		// Her stream ends at the next thing that there is to tell, or after its wait.
		_, err := admin.Cancel(ctx, hers.ID)
		return err
	})
	if heard == 0 {
		t.Error("she hears nothing")
	}
	wants(t, "the account has ended", err, reason.LoginInvalid)
	all := map[int64]bool{}
	enough := reason.New(reason.Cancelled, "enough")
	err = admin.Events(ctx, nil, 0, func() {}, func(c control.Change) error {
		if all[c.Delivery.ID] = true; len(all) == 1 {
			return enough // hers was cancelled
		}
		return nil
	})
	wants(t, "an administrator", err, reason.Cancelled)
}

// What ended right before a server was killed, and was not told any more, is told by
// the next one, also to who had heard of something later by then.
func TestNewsOfWhatNobodyWasTold(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: User}
	var ids []int64
	for _, key := range []string{"one", "two", "three"} {
		q := ask(key)
		r := s.answer(t.Context(), control.Call{Request: &q})
		if r.Delivery == nil {
			t.Fatal(r.Refusal)
		}
		ids = append(ids, r.Delivery.ID)
	}
	// The first is written down as over; its workers are still to end, and the second
	// goes on meanwhile.
	if err := d.Ledger.Fail(t.Context(), ids[0], reason.Protocol, "", time.Now().Add(-20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	s.answer(t.Context(), control.Call{Cancel: &control.CancelQuery{ID: ids[1]}})
	heard := s.told(t, control.NewsQuery{})
	last := heard.After
	s = &session{desk: restarted(t, d), role: User}
	for name, q := range map[string]control.NewsQuery{"by their numbers": {After: last, IDs: ids}, "all": {After: last}} {
		states := make(map[int64]string)
		n := s.told(t, q)
		for _, c := range n.Changes {
			states[c.Delivery.ID] = c.Delivery.State
			if c.Revision <= last {
				t.Errorf("%s: it is told with the revision %d, which is before %d", name, c.Revision, last)
			}
		}
		if states[ids[0]] != "failed" {
			t.Errorf("%s: nobody is told that the first has failed: %v", name, states)
		}
		if again := s.told(t, control.NewsQuery{After: n.After, IDs: q.IDs}); len(again.Changes) > 0 {
			t.Errorf("%s: it is told again and again: %+v", name, again)
		}
	}
}
