package ledger

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"videoclub/internal/reason"
)

func TestPromiseKeepsEveryField(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	asked := request(7)
	asked.Requested = moment.In(time.FixedZone("somewhere", -3*3600)).Add(999 * time.Microsecond)
	asked.ID, asked.Offset, asked.State, asked.Receipt = 99, 12, Failed, []byte("x") // not for the asking
	got, replayed, err := l.Promise(t.Context(), asked)
	must(t, err)
	want := request(7)
	want.ID, want.State = 1, Promised
	if replayed || !reflect.DeepEqual(got, want) {
		t.Fatalf("replayed %t, got\n%+v\nwant\n%+v", replayed, got, want)
	}
	must(t, l.Close())
	l = openAt(t, path)
	for name, read := range map[string]func() (Delivery, error){
		"Get": func() (Delivery, error) { return l.Get(t.Context(), 1) },
		"FindKey": func() (Delivery, error) {
			d, found, err := l.FindKey(t.Context(), "ana", "key-7")
			if !found {
				t.Error("the key is not found")
			}
			return d, err
		},
	} {
		if got, err := read(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s after opening again: %v\n%+v\nwant\n%+v", name, err, got, want)
		}
	}
}

// What RFC 3339 cannot write is read as the nearest that it can.
func TestInstantsOfAnyYear(t *testing.T) {
	l := openAt(t, place(t))
	last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
	for i, c := range []struct{ kept, want time.Time }{
		{last.Add(-time.Millisecond), last.Add(-time.Millisecond)}, {last, last}, {last.Add(time.Millisecond), last},
		{last.Add(24 * time.Hour), last}, {last.AddDate(200_000, 0, 0), last},
		{time.Time{}.Add(time.Millisecond), time.Time{}.Add(time.Millisecond)}, {time.Time{}.Add(-time.Millisecond), time.Time{}}, {time.Time{}.AddDate(-200_000, 0, 0), time.Time{}},
	} {
		asked := request(i)
		asked.Deadline = c.kept
		made, _, err := l.Promise(t.Context(), asked)
		must(t, err)
		if got, err := l.Get(t.Context(), made.ID); err != nil || !got.Deadline.Equal(c.want) {
			t.Errorf("%v is read as %v, %v", c.kept, got.Deadline, err)
		} else if _, err := got.Deadline.MarshalJSON(); err != nil || got.Deadline.IsZero() != c.want.IsZero() {
			t.Errorf("%v: %v", c.kept, err)
		}
	}
}

func TestPromiseKeys(t *testing.T) {
	l := openAt(t, place(t))
	first := promised(t, l, 1)
	must(t, l.Cancel(t.Context(), first.ID, moment))

	again, replayed, err := l.Promise(t.Context(), request(1))
	must(t, err)
	if !replayed || again.ID != first.ID || again.State != Cancelled {
		t.Errorf("the same request gives delivery %d, %s, replayed %t", again.ID, again.State, replayed)
	}

	other := request(1)
	other.Fingerprint = "another request"
	_, _, err = l.Promise(t.Context(), other)
	wantReason(t, err, reason.KeyReused)

	other.Account = "eva"
	d, replayed, err := l.Promise(t.Context(), other)
	must(t, err)
	if replayed || d.ID != first.ID+1 {
		t.Errorf("another account's key gives delivery %d, replayed %t", d.ID, replayed)
	}
	if _, found, err := l.FindKey(t.Context(), "eva", "key-2"); err != nil || found {
		t.Errorf("a key that nobody used: found %t, %v", found, err)
	}
}

// Several are promised together or not at all, and replayed together.
func TestPromiseAll(t *testing.T) {
	l := openAt(t, place(t))
	all := []Delivery{request(1), request(2), request(3)}
	first, replayed, err := l.PromiseAll(t.Context(), all)
	must(t, err)
	if got := idsOf(first); replayed || got != "[1 2 3]" || first[1].Key != "key-2" {
		t.Errorf("promised %s, replayed %t", got, replayed)
	}
	again, replayed, err := l.PromiseAll(t.Context(), all)
	must(t, err)
	if !replayed || !reflect.DeepEqual(again, first) {
		t.Errorf("replayed %t\n%+v\nwant\n%+v", replayed, again, first)
	}
	tooLong, used := request(5), request(2)
	tooLong.Name, used.Fingerprint = strings.Repeat("x", MaxText+1), "another request"
	for name, c := range map[string]struct {
		all  []Delivery
		want reason.Code
	}{
		"one that is not acceptable":   {[]Delivery{request(4), tooLong}, reason.Usage},
		"a key of another request":     {[]Delivery{request(4), used}, reason.KeyReused},
		"the last has a key in use":    {[]Delivery{request(4), request(1)}, reason.KeyReused},
		"the first has a key in use":   {[]Delivery{request(1), request(4)}, reason.KeyReused},
		"two with the same key, twice": {[]Delivery{request(4), request(4)}, reason.KeyReused},
	} {
		_, _, err := l.PromiseAll(t.Context(), c.all)
		if got := reason.Of(err); got != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	active, err := l.Active(t.Context())
	must(t, err)
	if got := idsOf(active); got != "[1 2 3]" {
		t.Errorf("after the refusals there are %s", got)
	}
}

func TestPromiseBounds(t *testing.T) {
	l := openAt(t, place(t))
	text := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name   string
		change func(*Delivery)
		want   reason.Code
	}{
		{"no key", func(d *Delivery) { d.Key = "" }, reason.Usage},
		{"longest key", func(d *Delivery) { d.Key = text(MaxKey) }, ""},
		{"key too long", func(d *Delivery) { d.Key = text(MaxKey + 1) }, reason.Usage},
		{"no fingerprint", func(d *Delivery) { d.Fingerprint = "" }, reason.Usage},
		{"longest location", func(d *Delivery) { d.Location = text(MaxText) }, ""},
		{"location too long", func(d *Delivery) { d.Location = text(MaxText + 1) }, reason.Usage},
		{"empty source", func(d *Delivery) { d.Size = 0 }, ""},
		{"live source", func(d *Delivery) { d.Size = -1 }, ""},
		{"impossible size", func(d *Delivery) { d.Size = -2 }, reason.Usage},
		{"no instant", func(d *Delivery) { d.Requested = time.Time{} }, reason.Internal},
		{"no account, no deadline", func(d *Delivery) { d.Account, d.Deadline = "", time.Time{} }, ""},
		{"a NUL", func(d *Delivery) { d.Name = "a\x00b" }, ""},
	} {
		d := request(1)
		d.Key = c.name
		c.change(&d)
		stored, _, err := l.Promise(t.Context(), d)
		if got := reason.Of(err); got != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil {
			continue
		}
		if stored.Name != d.Name || stored.Location != d.Location || !stored.Deadline.Equal(d.Deadline) {
			t.Errorf("%s: stored as %+v", c.name, stored)
		}
	}
}

// Two hundred at once, ten with each key: each key is promised once, and the
// others are told of that promise.
func TestPromiseAtOnce(t *testing.T) {
	t.Parallel()
	l := openAt(t, place(t))
	const callers, keys = 200, 20
	var promises [keys]atomic.Int64
	var ids [keys]sync.Map
	var wait sync.WaitGroup
	for n := range callers {
		wait.Go(func() {
			key := n % keys
			d, replayed, err := l.Promise(t.Context(), request(key))
			if err != nil {
				t.Error(err)
				return
			}
			ids[key].Store(d.ID, true)
			if !replayed {
				promises[key].Add(1)
			}
		})
	}
	wait.Wait()
	for key := range keys {
		different := 0
		ids[key].Range(func(any, any) bool { different++; return true })
		if promises[key].Load() != 1 || different != 1 {
			t.Errorf("key %d: %d promises, %d ids", key, promises[key].Load(), different)
		}
	}
	if all, err := l.Active(t.Context()); err != nil || len(all) != keys {
		t.Errorf("%d active, %v; want %d", len(all), err, keys)
	}
}

func TestList(t *testing.T) {
	l := openAt(t, place(t))
	for n := range 7 {
		d := request(n)
		d.Account = []string{"ana", "eva"}[n%2]
		_, _, err := l.Promise(t.Context(), d)
		must(t, err)
	}
	must(t, l.Cancel(t.Context(), 2, moment))
	must(t, l.Fail(t.Context(), 5, reason.SourceChanged, "", moment))
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "[7 6 5 4 3 2 1]"},
		{Filter{Limit: 3}, "[7 6 5]"},
		{Filter{Limit: 3, Before: 5}, "[4 3 2]"},
		{Filter{Before: 1}, "[]"},
		{Filter{Account: "eva"}, "[6 4 2]"},
		{Filter{Account: "nobody"}, "[]"},
		{Filter{States: []State{Cancelled, Failed}}, "[5 2]"},
		{Filter{Account: "ana", States: []State{Promised}, Before: 7, Limit: 1}, "[3]"},
		{Filter{Limit: 1 << 40}, "[7 6 5 4 3 2 1]"},
	} {
		page, err := l.List(t.Context(), c.filter)
		must(t, err)
		if got := idsOf(page); got != c.want {
			t.Errorf("%+v gives %s, want %s", c.filter, got, c.want)
		}
	}
	page, err := l.Active(t.Context())
	must(t, err)
	if got := idsOf(page); got != "[1 3 4 6 7]" {
		t.Errorf("active: %s", got)
	}
}

func idsOf(page []Delivery) string {
	ids := []int64{}
	for _, d := range page {
		ids = append(ids, d.ID)
	}
	return fmt.Sprint(ids)
}

// The indexes are there for these two, which every start and request asks.
func TestQueriesUseTheirIndex(t *testing.T) {
	l := openAt(t, place(t))
	for query, index := range map[string]string{
		"SELECT id FROM deliveries WHERE state IN " + active + " ORDER BY id":                                      "deliveries_active",
		"SELECT sha256 FROM deliveries WHERE location = 'x' AND size = 1 AND mtime_ns = 2 AND state = 'deposited'": "deliveries_source",
		"SELECT id FROM deliveries WHERE account = 'x' AND id < 3 ORDER BY id DESC":                                "deliveries_account",
		"SELECT id FROM events WHERE delivery = 1 ORDER BY number":                                                 "sqlite_autoindex_events",
	} {
		var id, parent, unused int
		var plan string
		row := l.readers.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
		must(t, row.Scan(&id, &parent, &unused, &plan))
		if !strings.Contains(plan, index) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s", query, plan)
		}
	}
}

func TestDigestOf(t *testing.T) {
	l := openAt(t, place(t))
	d := promised(t, l, 1)
	ask := func(location string, size, mtime int64) string {
		digest, ok, err := l.DigestOf(t.Context(), location, size, mtime)
		must(t, err)
		if ok != (digest != "") {
			t.Errorf("digest %q, ok %t", digest, ok)
		}
		return digest
	}
	if got := ask(d.Location, d.Size, d.MTime); got != "" {
		t.Errorf("before it is deposited: %q", got)
	}
	must(t, l.Deposited(t.Context(), d.ID, []byte("{}"), "aa", moment))
	second := promised(t, l, 2)
	must(t, l.Deposited(t.Context(), second.ID, []byte("{}"), "bb", moment))
	third := promised(t, l, 3)
	must(t, l.Deposited(t.Context(), third.ID, []byte("{}"), "", moment))
	for _, c := range []struct {
		location    string
		size, mtime int64
		want        string
	}{
		{d.Location, d.Size, d.MTime, "bb"},
		{d.Location + "x", d.Size, d.MTime, ""},
		{d.Location, d.Size + 1, d.MTime, ""},
		{d.Location, d.Size, d.MTime + 1, ""},
	} {
		if got := ask(c.location, c.size, c.mtime); got != c.want {
			t.Errorf("%+v gives %q", c, got)
		}
	}
}

func TestReceptions(t *testing.T) {
	l, ctx := openAt(t, place(t)), context.Background()
	_, err := l.ReceptionByName(ctx, "sala")
	wantReason(t, err, reason.UnknownReception)
	wantReason(t, l.RememberReception(ctx, Reception{}), reason.Usage)

	for _, r := range []Reception{
		{Name: "sala", Address: "a:4102"},
		{Name: "cine", Address: "c:4102", Identity: "c", ReceiptKey: "0c", Seen: moment},
		{Name: "sala", Address: "b:4102", Identity: "s", ReceiptKey: "01", Seen: moment},
		{Name: "sala", Address: "d:4102", Identity: "s", ReceiptKey: "02", Seen: moment.Add(time.Hour)},
	} {
		must(t, l.RememberReception(ctx, r))
		if got, err := l.ReceptionByName(ctx, r.Name); err != nil || got != r {
			t.Errorf("remembered %+v, got %+v, %v", r, got, err)
		}
	}
	wantReason(t, l.RememberReception(ctx, Reception{Name: "sala", Identity: "impostor"}), reason.IdentityChanged)
	all, err := l.Receptions(ctx)
	must(t, err)
	if len(all) != 2 || all[0].Name != "cine" || all[1].Identity != "s" {
		t.Errorf("known: %+v", all)
	}
	must(t, l.ForgetReception(ctx, "sala"))
	must(t, l.ForgetReception(ctx, "sala"))
	must(t, l.RememberReception(ctx, Reception{Name: "sala", Identity: "anew"}))
}
