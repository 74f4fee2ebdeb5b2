package desk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// withReceptions gives the desk's dispatcher so many receptions besides mateo.
func withReceptions(d *Desk, n int) {
	s := dispatch.Settings{Uplink: 100_000_000, Link: 1_000_000, Deliveries: 4, Silence: time.Minute,
		Receptions: map[string]dispatch.Reception{"mateo": {Address: "127.0.0.1:4102", Link: 1_000_000}}}
	for i := range n {
		s.Receptions[fmt.Sprintf("hall-%03d", i)] = dispatch.Reception{Address: "127.0.0.1:4102", Link: rate.Rate(1000 * (i + 1))}
	}
	d.Dispatcher.SetSettings(s)
}

func TestRequestSeveral(t *testing.T) {
	d := newDesk(t, 1)
	withReceptions(d, 2)
	s := &session{desk: d, role: User}
	q := ask("k")
	q.Reception, q.Receptions = "", []string{"mateo", "hall-001"}
	r := s.answer(t.Context(), control.Call{Request: &q})
	if r.Promises == nil || len(r.Promises.Deliveries) != 2 || r.Promises.Deliveries[1].Reception != "hall-001" || r.Promises.Deliveries[1].State != "promised" {
		t.Fatalf("%+v", r)
	}
	if again := s.answer(t.Context(), control.Call{Request: &q}); again.Promises == nil || again.Promises.Deliveries[0].ID != r.Promises.Deliveries[0].ID {
		t.Errorf("the same key: %+v", again)
	}

	q.Key, q.By = "l", time.Now().Add(30*time.Second)
	r = s.answer(t.Context(), control.Call{Request: &q})
	if r.Refusal == nil || r.Refusal.Code != reason.DeadlineTooSoon || len(r.Refusal.Report) != 2 || r.Refusal.Earliest.IsZero() {
		t.Fatalf("too soon: %+v", r)
	}
	if mateo, hall := r.Refusal.Report[0], r.Refusal.Report[1]; !mateo.Possible || mateo.End.IsZero() || hall.Possible ||
		hall.Code != reason.DeadlineTooSoon || hall.Constraint != "link" || !hall.Earliest.Equal(r.Refusal.Earliest) {
		t.Errorf("the report is %+v", r.Refusal.Report)
	}
	for name, receptions := range map[string][]string{
		"none": nil, "one without a name": {"mateo", ""}, "one twice": {"mateo", "hall-000", "Mateo"},
		"too long a name": {strings.Repeat("m", maxText+1)}, "too many": slices.Repeat([]string{"mateo"}, control.MaxReceptions+1),
	} {
		q := control.Request{Key: "m", Number: 7, Receptions: receptions, ByEarliest: true}
		if r := s.answer(t.Context(), control.Call{Request: &q}); r.Refusal == nil || r.Refusal.Code != reason.Usage {
			t.Errorf("%s: %+v", name, r)
		}
	}
	both := control.Request{Key: "m", Number: 7, Reception: "mateo", Receptions: []string{"hall-000"}, ByEarliest: true}
	if r := s.answer(t.Context(), control.Call{Request: &both}); r.Refusal == nil || r.Refusal.Code != reason.Usage {
		t.Errorf("one and several: %+v", r)
	}
	for _, pace := range []int64{-1, int64(rate.Max) + 1} {
		q := control.Request{Key: "m", Number: 7, Reception: "mateo", ByEarliest: true, MaxPace: pace}
		w := control.WhereQuery{Number: 7, By: time.Now().Add(time.Hour), MaxPace: pace}
		for _, c := range []control.Call{{Request: &q}, {Where: &w}} {
			if r := s.answer(t.Context(), c); r.Refusal == nil || r.Refusal.Code != reason.Usage {
				t.Errorf("a pace of %d: %+v", pace, r)
			}
		}
	}
	slow := control.Request{Key: "m", Number: 7, Reception: "mateo", ByEarliest: true, MaxPace: 1000}
	if r := s.answer(t.Context(), control.Call{Request: &slow}); r.Delivery == nil || r.Delivery.MaxPace != 1000 {
		t.Errorf("a pace: %+v", r)
	}
}

func TestWhere(t *testing.T) {
	d := newDesk(t, 1)
	withReceptions(d, control.MaxReceptions+3)
	s := &session{desk: d, role: User}
	var names []string
	for after, more := "", true; more; {
		page := s.answer(t.Context(), control.Call{Where: &control.WhereQuery{Number: 7, By: time.Now().Add(time.Minute), After: after}}).Prospects
		if page == nil || len(page.Receptions) == 0 {
			t.Fatalf("after %q: %+v", after, page)
		}
		for _, p := range page.Receptions {
			names = append(names, p.Reception)
			// A link of 20 kB a second carries the megabyte within the minute.
			if want := p.Reception >= "hall-018"; p.Possible != want || p.End.IsZero() == want || p.Earliest.IsZero() != want || (p.Code == "") != want {
				t.Errorf("%+v", p)
			}
		}
		after, more = names[len(names)-1], page.More
	}
	if len(names) != control.MaxReceptions+4 || !slices.IsSorted(names) {
		t.Errorf("%d receptions: %q", len(names), names)
	}
	r := s.answer(t.Context(), control.Call{Where: &control.WhereQuery{Number: 7, By: time.Now().Add(time.Hour), Receptions: []string{"mateo", "mars"}}})
	if r.Prospects == nil || len(r.Prospects.Receptions) != 2 || !r.Prospects.Receptions[0].Possible || r.Prospects.Receptions[1].Code != reason.UnknownReception {
		t.Errorf("%+v", r)
	}
	for name, c := range map[string]struct {
		q    control.WhereQuery
		want reason.Code
	}{
		"no such title": {control.WhereQuery{Number: 1, By: time.Now().Add(time.Hour)}, reason.UnknownTitle},
		"the past":      {control.WhereQuery{Number: 7, By: time.Now().Add(-time.Hour)}, reason.DeadlinePast},
		"no file":       {control.WhereQuery{Number: 8, By: time.Now().Add(time.Hour)}, reason.TitleUnreadable},
		"twice":         {control.WhereQuery{Number: 7, By: time.Now().Add(time.Hour), Receptions: []string{"a", "A"}}, reason.Usage},
	} {
		if r := s.answer(t.Context(), control.Call{Where: &c.q}); r.Refusal == nil || r.Refusal.Code != c.want {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if list := s.answer(t.Context(), control.Call{Deliveries: &control.DeliveryQuery{}}).Deliveries; len(list.Deliveries) != 0 {
		t.Errorf("the questions left %+v", list)
	}
}

func TestReceptions(t *testing.T) {
	d := newDesk(t, 1)
	withReceptions(d, control.PageSize)
	s := &session{desk: d, role: User}
	first := s.answer(t.Context(), control.Call{Receptions: &control.NamesQuery{}}).Receptions
	rest := s.answer(t.Context(), control.Call{Receptions: &control.NamesQuery{After: "hall-049"}}).Receptions
	none := s.answer(t.Context(), control.Call{Receptions: &control.NamesQuery{After: "mateo"}}).Receptions
	if len(first.Receptions) != control.PageSize || !first.More || !slices.Equal(rest.Receptions, []string{"mateo"}) || rest.More || none.Receptions == nil {
		t.Errorf("%+v, %+v, %+v", first, rest, none)
	}
}
