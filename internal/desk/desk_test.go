package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/crew/puppet"
	"videoclub/internal/dispatch"
	"videoclub/internal/folders"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/limit"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/studio"
	"videoclub/internal/survey"
	"videoclub/internal/titles"
	"videoclub/internal/worker"
)

// The tests start this very program as their session workers.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Session: serveSession, worker.Survey: serveSurvey}))
	}
	os.Exit(m.Run())
}

// hostile says that the session workers are in the hands of their peers.
var hostile = len(os.Args) > 0 && os.Args[0] == "hostile"

func serveSession(in *worker.Inside) error {
	c, err := in.File("control")
	if err != nil {
		return err
	}
	if hostile {
		conn, err := control.New(c).Take()
		if err != nil {
			return err
		}
		return puppet.Follow(conn, c, nil)
	}
	return api.Session{Control: control.New(c)}.Run()
}

func serveSurvey(in *worker.Inside) error {
	f, errSource := in.File("source")
	c, errControl := in.File("control")
	if err := errors.Join(errSource, errControl); err != nil {
		return err
	}
	return survey.Worker{Source: f, Control: control.New(c)}.Run()
}

// sources has one readable file, of a megabyte; of others it says what is said
// where roots are set.
type sources struct{}

func (sources) Open(location string) (*os.File, int64, int64, error) {
	if filepath.Base(location) != "piedra.avi" {
		_, _, err := source.Opener{Roots: []string{filepath.Dir(location)}}.Open(location)
		return nil, 0, 0, err
	}
	f, err := os.Open(os.DevNull)
	return f, 1_000_000, 5, err
}

// titlesIn makes a file of titles.
func titlesIn(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "videos.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newDesk makes a desk whose dispatcher promises and never sends.
func newDesk(t *testing.T, connections int) *Desk {
	t.Helper()
	return newDeskOf(t, "test", connections)
}

// newDeskOf makes one whose workers are started under a name.
func newDeskOf(t *testing.T, program string, connections int) *Desk {
	t.Helper()
	dir := t.TempDir()
	keys, err := identity.LoadOrCreate(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	book, err := ledger.Open(t.Context(), filepath.Join(dir, "ledger", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	spawner, err := worker.NewSpawner(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { spawner.Close(); book.Close() })
	log := slog.New(slog.DiscardHandler)
	d, err := dispatch.New(t.Context(), dispatch.Config{
		Ledger: book, Spawner: spawner, Keys: keys, Sources: sources{}, Clock: time.Now, Log: log, Digests: filepath.Join(dir, "digests"),
		Settings: dispatch.Settings{Uplink: 1_000_000, Link: 1_000_000, Deliveries: 4, Silence: time.Minute, Loopback: true,
			Receptions: map[string]dispatch.Reception{"mateo": {Address: "127.0.0.1:4102", Link: 1_000_000}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	list := titles.Open(titlesIn(t, "7 ^ La Piedra ^ 1 piedra.avi\n8 ^ Gone ^ 1 gone.avi\n9 ^ Camera ^ 1 v4l2:/dev/video0\n"), time.Now, log)
	shelf, err := folders.Open(filepath.Join(dir, "folders"))
	if err != nil {
		t.Fatal(err)
	}
	surveyor, err := survey.New(t.Context(), survey.Config{Ledger: book, Spawner: spawner, Open: source.Opener{}.Open, Shelf: shelf, Clock: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	live := studio.New(studio.Config{Spawner: spawner, Dir: filepath.Join(dir, "spool"), Clock: time.Now, Log: log}, studio.Settings{Live: true, Spool: 1 << 20, Quality: 85})
	desk, err := New(Config{Dispatcher: d, Titles: list, Surveyor: surveyor, Studio: live, Ledger: book, Spawner: spawner, TLS: keys.TLS, Clock: time.Now, Log: log, Limits: Limits{Connections: limit.Bounds{All: connections, PerAddress: connections, Strangers: connections}, Handshake: time.Minute, Requests: 100_000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(desk.Close)
	return desk
}

func ask(key string) control.Request {
	return control.Request{Key: key, Number: 7, Reception: "mateo", By: time.Now().Add(time.Hour)}
}

func TestRequest(t *testing.T) {
	s := &session{desk: newDesk(t, 1), role: User}
	ctx := t.Context()
	q := ask("k")
	first := s.answer(ctx, control.Call{Request: &q})
	if first.Delivery == nil || first.Delivery.State != "promised" || first.Delivery.Size != 1_000_000 || first.Delivery.Title != "La Piedra" {
		t.Fatalf("%+v", first)
	}
	if again := s.answer(ctx, control.Call{Request: &q}); again.Delivery == nil || again.Delivery.ID != first.Delivery.ID {
		t.Errorf("the same key: %+v", again)
	}
	with := func(change func(*control.Request)) control.Request { q := ask("other"); change(&q); return q }
	for name, c := range map[string]struct {
		q    control.Request
		want reason.Code
	}{
		"no key":             {ask(""), reason.Usage},
		"a long key":         {ask(strings.Repeat("k", maxKey+1)), reason.Usage},
		"a long mail":        {with(func(q *control.Request) { q.Mail = strings.Repeat("m", maxText+1) }), reason.Usage},
		"no such title":      {with(func(q *control.Request) { q.Number = 1 }), reason.UnknownTitle},
		"no file":            {with(func(q *control.Request) { q.Number = 8 }), reason.TitleUnreadable},
		"a camera, of none":  {with(func(q *control.Request) { q.Number = 9 }), reason.NotPermitted},
		"no such reception":  {with(func(q *control.Request) { q.Reception = "nobody" }), reason.UnknownReception},
		"the past":           {with(func(q *control.Request) { q.By = time.Now().Add(-time.Hour) }), reason.DeadlinePast},
		"too soon":           {with(func(q *control.Request) { q.MaxPace = 100 }), reason.DeadlineTooSoon}, // it takes hours
		"the key of another": {control.Request{Key: "k", Number: 7, Reception: "mateo", By: time.Now().Add(2 * time.Hour)}, reason.KeyReused},
	} {
		r := s.answer(ctx, control.Call{Request: &c.q})
		if r.Refusal == nil || r.Refusal.Code != c.want || r.Delivery != nil {
			t.Errorf("%s: %+v", name, r.Refusal)
			continue
		}
		if c.want == reason.DeadlineTooSoon && (r.Refusal.Earliest.IsZero() || r.Refusal.Constraint == "") {
			t.Errorf("%s has no counter-offer: %+v", name, r.Refusal)
		}
	}
	if r := s.answer(ctx, control.Call{}); r.Refusal == nil || r.Refusal.Code != reason.Internal {
		t.Errorf("an empty call: %+v", r)
	}
}

// Whatever instant somebody asks with, nobody gets an answer that cannot be written.
func TestFarInstants(t *testing.T) {
	d := newDesk(t, 1)
	user, admin := &session{desk: d, role: User}, &session{desk: d, role: Administrator}
	soon := time.Now().Add(time.Hour)
	for _, text := range []string{"9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "0000-01-01T00:00:00Z"} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		by, from, several := ask("by "+text), ask("from "+text), ask("several "+text)
		by.By, from.From, several.By = at, at, at
		several.Reception, several.Receptions = "", []string{"mateo"}
		for name, c := range map[string]control.Call{
			"a request": {Request: &by}, "one from then": {Request: &from}, "one for several": {Request: &several},
			"a question": {Where: &control.WhereQuery{Number: 7, By: at}}, "one from then on": {Where: &control.WhereQuery{Number: 7, By: soon, From: at}},
			"a chart": {Chart: &control.ChartQuery{From: at}}, "one until then": {Chart: &control.ChartQuery{To: at}},
			"a new version": {Redeliver: &control.Redeliver{Key: text, Number: 7, Receptions: []string{"mateo"}, By: at}},
		} {
			r := admin.answer(t.Context(), c)
			if _, err := json.Marshal(r); err != nil || r.Refusal == nil || r.Refusal.Code != reason.Usage && r.Refusal.Code != reason.DeadlinePast {
				t.Errorf("%s, %s: %+v, %v", text, name, r, err)
			}
		}
	}
	r := user.answer(t.Context(), control.Call{Deliveries: &control.DeliveryQuery{}})
	if _, err := json.Marshal(r); err != nil || r.Deliveries == nil || len(r.Deliveries.Deliveries) != 0 {
		t.Errorf("the list: %+v, %v", r, err)
	}
}

// A delivery that an earlier version promised for the year 10000 is listed and shown
// like any other.
func TestFarDeadlineOfBefore(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: User}
	l, _, err := d.Ledger.Promise(t.Context(), ledger.Delivery{
		Key: "k", Fingerprint: "f", Title: 7, Name: "La Piedra", Reception: "mateo", Requested: time.Now(),
		Deadline: time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC), Size: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]control.Call{"a list": {Deliveries: &control.DeliveryQuery{}}, "a story": showOf(l.ID), "its end": {Cancel: &control.CancelQuery{ID: l.ID}}} {
		r := s.answer(t.Context(), c)
		if text, err := json.Marshal(r); err != nil || r.Refusal != nil || !strings.Contains(string(text), `"deadline":"9999-12-31T23:59:59Z"`) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

// Lists come in pages that miss nothing and double nothing.
func TestPages(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: User}
	var text strings.Builder
	for n := range 2*control.PageSize + 1 {
		fmt.Fprintf(&text, "%d ^ Film ^ 1 piedra.avi\n", n+1)
	}
	d.Titles.Reload(titlesIn(t, text.String()))
	after, pages := 0, 0
	for more := true; more; pages++ {
		page := s.answer(t.Context(), control.Call{Titles: &control.TitlesQuery{After: after}}).Titles
		for _, title := range page.Titles {
			if title.Number != after+1 || title.Duration != 60 {
				t.Fatalf("after %d stands %+v", after, title)
			}
			after = title.Number
		}
		more = page.More
	}
	if after != 2*control.PageSize+1 || pages != 3 {
		t.Errorf("%d titles in %d pages", after, pages)
	}
	for n := range control.PageSize + 1 {
		q := ask(fmt.Sprint(n))
		if r := s.answer(t.Context(), control.Call{Request: &q}); r.Refusal != nil {
			t.Fatal(r.Refusal)
		}
	}
	first := s.answer(t.Context(), control.Call{Deliveries: &control.DeliveryQuery{}}).Deliveries
	last := first.Deliveries[len(first.Deliveries)-1].ID
	rest := s.answer(t.Context(), control.Call{Deliveries: &control.DeliveryQuery{Before: last}}).Deliveries
	if len(first.Deliveries) != control.PageSize || !first.More || len(rest.Deliveries) != 1 || rest.More || rest.Deliveries[0].ID != last-1 {
		t.Errorf("%d deliveries to %d, then %+v", len(first.Deliveries), last, rest)
	}
}

// A call that waits for news hears of a change at once.
func TestWait(t *testing.T) {
	s := &session{desk: newDesk(t, 1), role: User}
	q := ask("k")
	made := s.answer(t.Context(), control.Call{Request: &q}).Delivery
	news := make(chan control.Reply)
	go func() {
		news <- s.answer(t.Context(), control.Call{Show: &control.ShowQuery{ID: made.ID, Revision: made.Revision, Wait: mostWait}})
	}()
	cancelled := s.answer(t.Context(), control.Call{Cancel: &control.CancelQuery{ID: made.ID}})
	if cancelled.Delivery == nil || cancelled.Delivery.State != "cancelled" {
		t.Fatalf("%+v", cancelled)
	}
	if r := <-news; r.Delivery == nil || r.Delivery.State != "cancelled" || r.Delivery.Revision == made.Revision {
		t.Errorf("the news is %+v", r)
	}
	again := s.answer(t.Context(), control.Call{Cancel: &control.CancelQuery{ID: made.ID}})
	nothing := s.answer(t.Context(), control.Call{Show: &control.ShowQuery{ID: 99}})
	if again.Refusal == nil || again.Refusal.Code != reason.AlreadyEnded || nothing.Refusal == nil || nothing.Refusal.Code != reason.UnknownDelivery {
		t.Errorf("%+v, %+v", again.Refusal, nothing.Refusal)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{{"", 0, ""}, {"ab", 2, "ab"}, {"abc", 2, "ab"}, {"añb", 2, "a"}, {"añb", 3, "añ"}, {"ñ", 1, ""}, {"a<b", 6, "a"}, {"a<b", 8, "a<b"}, {`"a"`, 4, `"a`}, {"\x00\u2028", 11, "\x00"}, {"\xff\xff", 6, "\xff"}} {
		if got := cut(c.text, c.most); got != c.want {
			t.Errorf("%q cut at %d is %q", c.text, c.most, got)
		}
	}
}

// A client is served by a process of its own; one too many is turned away; and
// when the desk ends, so do they.
func TestServe(t *testing.T) {
	d := newDesk(t, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, l, User) }()
	client := api.NewClient(l.Addr().String(), nil)
	defer client.Close()
	list, err := client.Titles(ctx)
	if err != nil || len(list) != 3 || list[0].Name != "La Piedra" {
		t.Fatalf("%+v, %v", list, err)
	}
	label := []byte("\x00worker\x00session\x00")
	if n := childrenWith(t, label); n == 0 {
		t.Error("no session worker")
	}
	other := api.NewClient(l.Addr().String(), nil)
	defer other.Close()
	if _, err := other.Titles(ctx); reason.Of(err) != reason.Unreachable {
		t.Errorf("a client too many: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	d.Close()
	if n := childrenWith(t, label); n != 0 {
		t.Errorf("%d session workers are left", n)
	}
}

// The bound on connections is one of all roles together, before and after a reload.
func TestConnectionsOfAllRoles(t *testing.T) {
	d := newDesk(t, 2)
	here := netip.MustParseAddr("127.0.0.1")
	if d.connections[User].Enter(here) == nil || d.connections[Browser].Enter(here) == nil {
		t.Fatal("within the bound, yet refused")
	}
	for _, role := range []Role{User, Administrator, Browser} {
		if d.connections[role].Enter(here) != nil {
			t.Errorf("one too many was let in as %s", role)
		}
	}
	d.SetLimits(Limits{Connections: limit.Bounds{All: 4, PerAddress: 4, Strangers: 4, Kept: 1}})
	if d.connections[Browser].Enter(here) == nil || d.connections[User].Enter(here) != nil || d.connections[Administrator].Enter(here) == nil {
		t.Error("of two places more, the last is not the administrators'")
	}
}

// childrenWith counts the children of this process that have part among their
// arguments.
func childrenWith(t *testing.T, part []byte) int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, list := range lists {
		// A thread may have ended meanwhile.
		children, _ := os.ReadFile(list)
		for _, pid := range strings.Fields(string(children)) {
			if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && bytes.Contains(line, part) {
				n++
			}
		}
	}
	return n
}
