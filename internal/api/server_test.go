package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// asked serves one HTTP request and gives the answer, and the call that it
// became, if it did.
func asked(t *testing.T, r *http.Request, reply control.Reply, err error) (*httptest.ResponseRecorder, *control.Call) {
	t.Helper()
	var seen *control.Call
	w := httptest.NewRecorder()
	handler(func(_ context.Context, c control.Call) (control.Reply, error) {
		seen = &c
		return reply, err
	}).ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s answers %q", r.Method, r.URL, got)
	}
	return w, seen
}

func refusalIn(t *testing.T, w *httptest.ResponseRecorder) control.Refusal {
	t.Helper()
	var r control.Refusal
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Errorf("%s: %v", w.Body, err)
	}
	return r
}

func TestResources(t *testing.T) {
	at := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	story := control.Reply{Delivery: &control.DeliveryStory{Delivery: control.Delivery{ID: 42}}}
	for _, c := range []struct {
		method, url, body string
		reply             control.Reply
		want              control.Call
		status            int
	}{
		{"GET", "/v1/titles", "", control.Reply{Titles: &control.TitlePage{}}, control.Call{Titles: &control.TitlesQuery{}}, 200},
		{"GET", "/v1/titles?after=7", "", control.Reply{Titles: &control.TitlePage{}}, control.Call{Titles: &control.TitlesQuery{After: 7}}, 200},
		{"POST", "/v1/requests", `{"number":7,"reception":"r","by":"2026-11-27T18:00:00Z","by_earliest":false,"mail":"m"}`, story,
			control.Call{Request: &control.Request{Key: "k", Number: 7, Reception: "r", By: at, Mail: "m"}}, 201},
		{"GET", "/v1/deliveries", "", control.Reply{Deliveries: &control.DeliveryPage{}}, control.Call{Deliveries: &control.DeliveryQuery{}}, 200},
		{"GET", "/v1/deliveries?before=9", "", control.Reply{Deliveries: &control.DeliveryPage{}}, control.Call{Deliveries: &control.DeliveryQuery{Before: 9}}, 200},
		{"GET", "/v1/deliveries/42", "", story, control.Call{Show: &control.ShowQuery{ID: 42}}, 200},
		{"GET", "/v1/deliveries/42?revision=3&wait=20", "", story, control.Call{Show: &control.ShowQuery{ID: 42, Revision: 3, Wait: 20 * time.Second}}, 200},
		{"GET", "/v1/deliveries/42?wait=9223372036854775807", "", story, control.Call{Show: &control.ShowQuery{ID: 42, Wait: mostWait}}, 200},
		{"POST", "/v1/requests", `{"number":7,"receptions":["r","s"],"by_earliest":true,"mail":""}`, control.Reply{Promises: &control.Promises{}},
			control.Call{Request: &control.Request{Key: "k", Number: 7, Receptions: []string{"r", "s"}, ByEarliest: true}}, 201},
		{"GET", "/v1/titles/7/where?by=2026-11-27T18:00:00Z", "", control.Reply{Prospects: &control.ProspectPage{}},
			control.Call{Where: &control.WhereQuery{Number: 7, By: at}}, 200},
		{"GET", "/v1/titles/7/where?by=2026-11-27T18:00:00Z&from=2026-11-27T18:00:00Z&at=a,b&at=c&after=x", "", control.Reply{Prospects: &control.ProspectPage{}},
			control.Call{Where: &control.WhereQuery{Number: 7, By: at, From: at, Receptions: []string{"a", "b", "c"}, After: "x"}}, 200},
		{"GET", "/v1/titles/7/where?by=2026-11-27T18:00:00Z&max_pace=2500000", "", control.Reply{Prospects: &control.ProspectPage{}},
			control.Call{Where: &control.WhereQuery{Number: 7, By: at, MaxPace: 2_500_000}}, 200},
		{"POST", "/v1/requests", `{"number":7,"reception":"r","by_earliest":true,"max_pace":2500000,"mail":""}`, story,
			control.Call{Request: &control.Request{Key: "k", Number: 7, Reception: "r", ByEarliest: true, MaxPace: 2_500_000}}, 201},
		{"GET", "/v1/schedule", "", control.Reply{Chart: &control.Chart{}}, control.Call{Chart: &control.ChartQuery{}}, 200},
		{"GET", "/v1/schedule?from=2026-11-27T18:00:00Z&to=2026-11-27T18:00:00Z&after=hall", "", control.Reply{Chart: &control.Chart{}},
			control.Call{Chart: &control.ChartQuery{From: at, To: at, After: "hall"}}, 200},
		{"GET", "/v1/receptions", "", control.Reply{Receptions: &control.NamePage{}}, control.Call{Receptions: &control.NamesQuery{}}, 200},
		{"GET", "/v1/receptions?after=hall", "", control.Reply{Receptions: &control.NamePage{}}, control.Call{Receptions: &control.NamesQuery{After: "hall"}}, 200},
		{"POST", "/v1/titles", `{"name":"n","location":"l","duration_ms":5}`, control.Reply{Change: &control.TitleChange{}},
			control.Call{Add: &control.AddTitle{Name: "n", Location: "l", Duration: 5}}, 201},
		{"DELETE", "/v1/titles/7?force=1", "", control.Reply{Change: &control.TitleChange{}}, control.Call{Remove: &control.RemoveTitle{Number: 7, Force: true}}, 200},
		{"POST", "/v1/deliveries/42/cancel", "", story, control.Call{Cancel: &control.CancelQuery{ID: 42}}, 200},
	} {
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(c.body))
		r.Header.Set("Idempotency-Key", "k")
		w, call := asked(t, r, c.reply, nil)
		if w.Code != c.status || call == nil || !reflect.DeepEqual(*call, c.want) {
			t.Errorf("%s %s: %d, %+v", c.method, c.url, w.Code, call)
		}
	}
}

// What is not well formed never reaches the supervisor.
func TestAskedWrongly(t *testing.T) {
	good := `{"number":7,"reception":"r","by_earliest":true,"mail":""}`
	for _, c := range []struct {
		name, method, url, body, key string
		status                       int
	}{
		{"a path that is not there", "GET", "/v2/titles", "", "k", 404},
		{"another method", "DELETE", "/v1/deliveries/42", "", "k", 404},
		{"after is no number", "GET", "/v1/titles?after=x", "", "k", 400},
		{"before is negative", "GET", "/v1/deliveries?before=-1", "", "k", 400},
		{"no delivery's number", "GET", "/v1/deliveries/x", "", "k", 400},
		{"too large a number", "GET", "/v1/deliveries/9223372036854775808", "", "k", 400},
		{"no title to remove", "DELETE", "/v1/titles/x", "", "k", 400},
		{"no title to add", "POST", "/v1/titles", `{"title":"n"}`, "k", 400},
		{"no delivery to cancel", "POST", "/v1/deliveries/x/cancel", "", "k", 400},
		{"wait is no number", "GET", "/v1/deliveries/42?wait=20s", "", "k", 400},
		{"no instant of the schedule", "GET", "/v1/schedule?to=soon", "", "k", 400},
		{"a pace that is no number", "GET", "/v1/titles/7/where?by=2026-11-27T18:00:00Z&max_pace=20Mbit", "", "k", 400},
		{"no title's number", "GET", "/v1/titles/x/where?by=2026-11-27T18:00:00Z", "", "k", 400},
		{"no deadline", "GET", "/v1/titles/7/where", "", "k", 400},
		{"by is no instant", "GET", "/v1/titles/7/where?by=18:30", "", "k", 400},
		{"from is no instant", "GET", "/v1/titles/7/where?by=2026-11-27T18:00:00Z&from=now", "", "k", 400},
		{"a deadline of no year", "GET", "/v1/titles/7/where?by=9999-12-31T23:59:59-23:59", "", "k", 400},
		{"a schedule of no year", "GET", "/v1/schedule?from=9999-12-31T23:59:59-23:59", "", "k", 400},
		{"no body", "POST", "/v1/requests", "", "k", 400},
		{"no JSON", "POST", "/v1/requests", "number=7", "k", 400},
		{"no object", "POST", "/v1/requests", "[7]", "k", 400},
		{"an unknown field", "POST", "/v1/requests", strings.Replace(good, "mail", "email", 1), "k", 400},
		{"another type", "POST", "/v1/requests", strings.Replace(good, "7", `"7"`, 1), "k", 400},
		{"no instant", "POST", "/v1/requests", strings.Replace(good, `"mail":""`, `"by":"18:30"`, 1), "k", 400},
		{"two objects", "POST", "/v1/requests", good + good, "k", 400},
		{"too long a body", "POST", "/v1/requests", strings.Replace(good, `"mail":""`, `"mail":"`+strings.Repeat("x", maxBody)+`"`, 1), "k", 400},
		{"no key", "POST", "/v1/requests", good, "", 400},
		{"too long a key", "POST", "/v1/requests", good, strings.Repeat("k", maxKey+1), 400},
	} {
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(c.body))
		r.Header.Set("Idempotency-Key", c.key)
		w, call := asked(t, r, control.Reply{}, nil)
		if w.Code != c.status || call != nil {
			t.Errorf("%s: %d, %+v", c.name, w.Code, call)
		}
		if refusal := refusalIn(t, w); refusal.Code != reason.Usage || refusal.Detail == "" {
			t.Errorf("%s is refused as %+v", c.name, refusal)
		}
	}
}

// The longest request that is taken fits into a message to the supervisor.
func TestLongestRequest(t *testing.T) {
	own, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	defer theirs.Close()
	head, tail := `{"number":7,"by_earliest":true,"reception":"r","mail":"`, `"}`
	r := httptest.NewRequest("POST", "/v1/requests", strings.NewReader(head+strings.Repeat("<", maxBody-len(head)-len(tail))+tail))
	r.Header.Set("Idempotency-Key", strings.Repeat("<", maxKey))
	_, call := asked(t, r, control.Reply{}, nil)
	if call == nil {
		t.Fatal("it was refused")
	}
	if err := own.Send(*call); err != nil {
		t.Error(err)
	}
}

// A refusal keeps its fields, and its status follows from the code.
func TestStatus(t *testing.T) {
	at := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	for code, want := range map[reason.Code]int{
		reason.UnknownTitle: 404, reason.UnknownReception: 404, reason.UnknownDelivery: 404, reason.Busy: 429,
		reason.Usage: 400, reason.KeyReused: 400, reason.DeadlineTooSoon: 409, reason.AlreadyEnded: 409,
		reason.RemotePeer: 403, reason.NotPermitted: 403, reason.ShuttingDown: 503, reason.LedgerFailed: 500, reason.Internal: 500,
	} {
		refusal := control.Refusal{Code: code, Detail: "why", Earliest: at, Constraint: "link"}
		w, _ := asked(t, httptest.NewRequest("GET", "/v1/titles", nil), control.Reply{Refusal: &refusal}, nil)
		if got := refusalIn(t, w); w.Code != want || !reflect.DeepEqual(got, refusal) {
			t.Errorf("%s: %d instead of %d, %+v", code, w.Code, want, got)
		}
		w, _ = asked(t, httptest.NewRequest("GET", "/v1/titles", nil), control.Reply{}, reason.New(code, "why"))
		if got := refusalIn(t, w); w.Code != want || got.Code != code {
			t.Errorf("%s as an error: %d instead of %d, %+v", code, w.Code, want, got)
		}
	}
	w, _ := asked(t, httptest.NewRequest("GET", "/v1/titles", nil), control.Reply{}, errors.New("no reason"))
	if got := refusalIn(t, w); w.Code != 500 || got.Code != reason.Internal {
		t.Errorf("an error without a reason: %d, %+v", w.Code, got)
	}
}

// A refusal that reports on several receptions is a conflict, whatever the
// reason of one of them is.
func TestStatusOfReport(t *testing.T) {
	refusal := control.Refusal{Code: reason.UnknownReception, Detail: "why", Report: []control.Prospect{{Reception: "a", Code: reason.UnknownReception}}}
	w, _ := asked(t, httptest.NewRequest("GET", "/v1/titles", nil), control.Reply{Refusal: &refusal}, nil)
	if got := refusalIn(t, w); w.Code != 409 || !reflect.DeepEqual(got, refusal) {
		t.Errorf("%d, %+v", w.Code, got)
	}
}
