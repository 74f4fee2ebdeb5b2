package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/schedule"
	"videoclub/internal/worker"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// films are titles by location: files of so many bytes.
type films map[string]int64

func (f films) Open(location string) (*os.File, int64, int64, error) {
	size, ok := f[location]
	if !ok {
		return nil, 0, 0, reason.Wrap(reason.TitleUnreadable, fs.ErrNotExist, "%s", location)
	}
	file, err := os.Open(os.DevNull)
	return file, size, 5, err
}

// stand is a dispatcher that promises and never sends, at a standing clock.
type stand struct {
	*Dispatcher
	clock time.Time
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatal(...any)
}

func newStand(t *testing.T, s Settings, sizes films) *stand {
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
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { spawner.Close(); book.Close() })
	st := &stand{clock: noon}
	st.Dispatcher, err = New(t.Context(), Config{
		Ledger: book, Spawner: spawner, Keys: keys, Sources: sizes, Clock: func() time.Time { return st.clock },
		Log: slog.New(slog.DiscardHandler), Digests: filepath.Join(dir, "digests"), Settings: s,
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// three are three receptions with links of 100 kB a second, 95 of them promised.
func three() Settings {
	at := func(name string) Reception { return Reception{Address: name + ".example:4102", Link: 100_000} }
	return Settings{Uplink: 1_000_000, Link: 100_000, Receptions: map[string]Reception{"hall": at("hall"), "studio": at("studio"), "attic": at("attic")}}
}

// night takes 100 s over a link of three.
var night = Title{Number: 1, Name: "Night", Location: "/night", Duration: time.Minute}

func asking(key string, by time.Duration, receptions ...string) Ask {
	return Ask{Key: key, Title: night, Receptions: receptions, By: noon.Add(by)}
}

// kept is all that the ledger has promised and that has not ended.
func (s *stand) kept(t failer) []ledger.Delivery {
	t.Helper()
	all, err := s.Ledger.Active(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forget ends all deliveries, as if they had arrived.
func (s *stand) forget(t *rapid.T) {
	var all sync.WaitGroup // in one commit
	for id := range s.jobs {
		all.Go(func() {
			if err := s.Ledger.Deposited(context.Background(), id, []byte("{}"), "", s.clock); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	clear(s.jobs)
}

func TestPromiseSeveral(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	made, err := s.Promise(t.Context(), asking("k", 3*time.Minute, "Studio", "attic", "hall"))
	if err != nil || len(made) != 3 {
		t.Fatalf("%+v, %v", made, err)
	}
	for i, want := range []string{"studio k/studio", "attic k", "hall k/hall"} {
		l := made[i]
		if got := l.Reception + " " + l.Key; got != want || l.ID != int64(i+1) || l.Address != l.Reception+".example:4102" || !l.End.After(noon) || l.End.After(l.Deadline) {
			t.Errorf("%d: %q, %+v; want %q", i, got, l, want)
		}
	}
	// The order and the case of the names are no matter; what else is asked is.
	again, err := s.Promise(t.Context(), asking("k", 3*time.Minute, "hall", "ATTIC", "studio"))
	if err != nil || len(again) != 3 || again[0].ID != 3 || again[1].ID != 2 || again[2].ID != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	for name, other := range map[string]Ask{
		"fewer":          asking("k", 3*time.Minute, "hall", "studio"),
		"one":            asking("k", 3*time.Minute, "attic"),
		"others":         asking("k", 3*time.Minute, "hall"),
		"a later time":   asking("k", 4*time.Minute, "hall", "attic", "studio"),
		"the key of one": asking("k/hall", 3*time.Minute, "hall"),
	} {
		if made, err := s.Promise(t.Context(), other); reason.Of(err) != reason.KeyReused {
			t.Errorf("%s: %+v, %v", name, made, err)
		}
	}
	if n := len(s.kept(t)); n != 3 {
		t.Errorf("%d deliveries are kept", n)
	}
}

// Of several, one that cannot be promised keeps all from being promised, and
// each is reported on.
func TestPromiseNoneOfSeveral(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	if _, err := s.Promise(t.Context(), asking("first", 110*time.Second, "hall")); err != nil {
		t.Fatal(err)
	}
	_, err := s.Promise(t.Context(), asking("k", 150*time.Second, "hall", "attic"))
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Code != reason.DeadlineTooSoon || refused.Constraint != "link" || len(refused.Report) != 2 {
		t.Fatalf("%+v", err)
	}
	hall, attic := refused.Report[0], refused.Report[1]
	if late := new(Refusal); !errors.As(hall.Err, &late) || late.Constraint != "link" || !late.Earliest.Equal(noon.Add(202*time.Second)) || !late.Earliest.Equal(refused.Earliest) {
		t.Errorf("hall: %+v", hall.Err)
	}
	if attic.Err != nil || !attic.End.After(noon) {
		t.Errorf("attic: %+v", attic)
	}
	if n := len(s.kept(t)); n != 1 {
		t.Errorf("%d deliveries are kept", n)
	}
	// What is offered is kept, under the key that was used in vain.
	if made, err := s.Promise(t.Context(), asking("k", refused.Earliest.Sub(noon), "hall", "attic")); err != nil || len(made) != 2 {
		t.Errorf("the counter-offer: %+v, %v", made, err)
	}

	_, err = s.Promise(t.Context(), asking("l", time.Hour, "hall", "mars", "attic"))
	if !errors.As(err, &refused) || refused.Code != reason.UnknownReception || len(refused.Report) != 3 || !refused.Earliest.IsZero() ||
		reason.Of(refused.Report[1].Err) != reason.UnknownReception || refused.Report[2].Err != nil {
		t.Errorf("one that is not known: %+v", err)
	}
	if _, err = s.Promise(t.Context(), asking("l", time.Hour, "mars")); reason.Of(err) != reason.UnknownReception || errors.As(err, new(*Refusal)) {
		t.Errorf("one alone that is not known: %+v", err)
	}
}

func TestPromiseSeveralByEarliest(t *testing.T) {
	settings := three()
	settings.Uplink = 100_000
	s := newStand(t, settings, films{"/night": 9_500_000})
	ask := asking("k", 0, "hall", "attic", "studio")
	ask.ByEarliest = true
	made, err := s.Promise(t.Context(), ask)
	if err != nil || len(made) != 3 {
		t.Fatalf("%+v, %v", made, err)
	}
	for i, l := range made {
		if want := noon.Add(time.Duration(i+1)*100*time.Second + settle); !l.Deadline.Equal(want) {
			t.Errorf("%s is promised for %v, not %v", l.Reception, l.Deadline, want)
		}
	}
}

func TestWhere(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	if _, err := s.Promise(t.Context(), asking("first", 110*time.Second, "hall")); err != nil {
		t.Fatal(err)
	}
	second, err := s.Promise(t.Context(), asking("second", time.Hour, "studio"))
	if err != nil {
		t.Fatal(err)
	}
	before := s.kept(t)
	s.jobs[second[0].ID].Reason = reason.NoSpace // as after an attempt
	prospects, err := s.Where(t.Context(), asking("", 150*time.Second, "Hall", "attic", "studio", "mars"))
	if err != nil || len(prospects) != 4 {
		t.Fatalf("%+v, %v", prospects, err)
	}
	var late, full *Refusal
	if !errors.As(prospects[0].Err, &late) || late.Constraint != "link" || !late.Earliest.Equal(noon.Add(202*time.Second)) {
		t.Errorf("hall: %+v", prospects[0])
	}
	if p := prospects[1]; p.Err != nil || p.Reception != "attic" || p.Start.Before(noon) || !p.End.After(noon) {
		t.Errorf("attic: %+v", p)
	}
	if !errors.As(prospects[2].Err, &full) || full.Code != reason.NoSpace || full.Constraint != "disk" {
		t.Errorf("studio: %+v", prospects[2])
	}
	if reason.Of(prospects[3].Err) != reason.UnknownReception {
		t.Errorf("mars: %+v", prospects[3])
	}
	// A title that is smaller than what waits may still have space.
	s.jobs[second[0].ID].Size++
	if prospects, err := s.Where(t.Context(), asking("", time.Hour, "studio")); err != nil || prospects[0].Err != nil {
		t.Errorf("a smaller one at studio: %+v, %v", prospects, err)
	}
	if _, err := s.Where(t.Context(), asking("", -time.Second, "hall")); reason.Of(err) != reason.DeadlinePast {
		t.Errorf("in the past: %v", err)
	}
	if after := s.kept(t); !reflect.DeepEqual(after, before) || len(s.jobs) != 2 {
		t.Errorf("the questions changed the ledger:\n%+v\n%+v", before, after)
	}
}

// An instant of a year that nobody can write is neither promised nor asked about.
func TestInstantsThatCannotBeKept(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000})
	at := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	never := asking("never", time.Hour, "hall")
	never.By = at("9999-12-31T23:59:59-23:59")
	from := asking("from", time.Hour, "hall")
	from.From = at("9999-12-31T23:59:59-23:59")
	before := asking("before", time.Hour, "hall")
	before.From = at("0000-12-31T23:59:59Z")
	earliest := from
	earliest.ByEarliest = true
	past := asking("past", time.Hour, "hall")
	past.By = at("0001-01-01T00:00:00+23:59")
	for name, c := range map[string]struct {
		ask  Ask
		want reason.Code
	}{
		"a deadline too far": {never, reason.Usage}, "a beginning too far": {from, reason.Usage}, "a beginning before all years": {before, reason.Usage},
		"too far, by the earliest": {earliest, reason.Usage}, "a deadline before all years": {past, reason.DeadlinePast},
	} {
		_, promised := s.Promise(t.Context(), c.ask)
		_, again := s.Redeliver(t.Context(), c.ask)
		_, where := s.Where(t.Context(), c.ask)
		for _, err := range []error{promised, again, where} {
			if reason.Of(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	last := asking("last", time.Hour, "hall")
	last.By = at("2200-12-31T23:59:59Z")
	if _, err := s.Promise(t.Context(), last); err != nil || len(s.kept(t)) != 1 {
		t.Errorf("the last deadline that there is: %v, %d kept", err, len(s.kept(t)))
	}
}

// Where something waits for space, nothing that is as large is promised, however
// much time it has.
func TestPromiseWithoutSpace(t *testing.T) {
	s := newStand(t, three(), films{"/night": 9_500_000, "/short": 9_499_999})
	first, err := s.Promise(t.Context(), asking("first", time.Hour, "studio"))
	if err != nil {
		t.Fatal(err)
	}
	s.jobs[first[0].ID].Reason = reason.NoSpace // as after an attempt
	for name, ask := range map[string]Ask{
		"one": asking("k", time.Hour, "Studio"), "several": asking("k", time.Hour, "hall", "studio"),
		"the earliest": {Key: "k", Title: night, Receptions: []string{"studio"}, ByEarliest: true},
	} {
		var full *Refusal
		if made, err := s.Promise(t.Context(), ask); !errors.As(err, &full) || full.Code != reason.NoSpace || !full.Earliest.IsZero() {
			t.Errorf("%s: %+v, %+v", name, made, err)
		} else if len(ask.Receptions) == 1 && full.Constraint != "disk" || len(ask.Receptions) > 1 && reason.Of(full.Report[1].Err) != reason.NoSpace {
			t.Errorf("%s: %+v", name, full)
		}
	}
	short := asking("k", time.Hour, "studio")
	short.Title.Location = "/short"
	if made, err := s.Promise(t.Context(), short); err != nil || len(made) != 1 {
		t.Errorf("a smaller one: %+v, %v", made, err)
	}
	s.jobs[first[0].ID].Reason = ""
	if made, err := s.Promise(t.Context(), asking("l", time.Hour, "studio")); err != nil || len(made) != 1 {
		t.Errorf("once there is space: %+v, %v", made, err)
	}
}

// What a reception says that it has left binds what is promised to it, until
// that is too long ago to be so.
func TestPromiseBySpace(t *testing.T) {
	const size = 9_500_000
	s := newStand(t, three(), films{"/night": size})
	promise := func(key string) (ledger.Delivery, error) {
		made, err := s.Promise(t.Context(), asking(key, 10*time.Hour, "studio"))
		return append(made, ledger.Delivery{})[0], err
	}
	full := func(what string, err error) {
		t.Helper()
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Code != reason.NoSpace || refused.Constraint != "disk" {
			t.Errorf("%s: %v", what, err)
		}
	}
	first, err := promise("first")
	if err != nil {
		t.Fatal(err)
	}
	free := int64(2*size - 1)
	s.mu.Lock()
	s.hold(s.jobs[first.ID], &free, s.clock) // as when the offer is accepted
	s.mu.Unlock()
	if _, err := promise("second"); err != nil {
		t.Errorf("one fits: %v", err)
	}
	_, err = promise("third")
	full("a byte is missing", err)
	if _, err := s.Promise(t.Context(), asking("other", time.Hour, "hall")); err != nil {
		t.Errorf("another reception: %v", err)
	}
	if err := s.Cancel(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := promise("third"); err != nil {
		t.Errorf("what was withdrawn is free: %v", err)
	}
	_, err = promise("fourth")
	full("and once alone", err)
	// What lies there already takes no space.
	if err := s.Ledger.Deposited(t.Context(), 2, []byte("{}"), "", s.clock); err != nil {
		t.Fatal(err)
	}
	if _, err := promise("fourth"); err != nil {
		t.Errorf("it is there: %v", err)
	}
	s.clock = s.clock.Add(spaceFor)
	if left := s.spacesLeft(s.clock); len(left) > 0 {
		t.Errorf("after %v it is still held to %v", spaceFor, left)
	}
}

// A request for several receptions that ends with the server's stop, or as whoever
// asks goes, is none that is refused.
func TestPromiseSeveralWhileStopping(t *testing.T) {
	s := newStand(t, three(), films{"/night": 5_000_000})
	s.spaces["hall"], s.spaces["studio"] = space{1000, noon}, space{1000, noon}
	for n := range 30 { // which of two that can go on does is a matter of chance
		ctx, stop := context.WithCancel(t.Context())
		s.Clock = func() time.Time {
			if len(s.admitting) == 1 {
				stop()
			}
			return noon
		}
		_, err := s.Promise(ctx, asking(strconv.Itoa(n), time.Hour, "hall", "studio"))
		if stop(); !errors.Is(err, context.Canceled) {
			t.Fatalf("it ends with %q: %v", reason.Of(err), err)
		}
	}
}

func TestReceptions(t *testing.T) {
	s := newStand(t, three(), nil)
	if err := s.Ledger.RememberReception(t.Context(), ledger.Reception{Name: "cellar", Address: "cellar:4102"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledger.RememberReception(t.Context(), ledger.Reception{Name: "hall", Address: "hall:4102"}); err != nil {
		t.Fatal(err)
	}
	for port, want := range map[int]string{0: "[attic hall studio]", 4102: "[attic cellar hall studio]"} {
		settings := three()
		settings.Port = port
		s.SetSettings(settings)
		if names, err := s.Receptions(t.Context()); err != nil || fmt.Sprint(names) != want {
			t.Errorf("port %d: %v, %v", port, names, err)
		}
	}
}

// The positional start reaches names that resolve, and refuses those that do not.
func TestLocateAll(t *testing.T) {
	settings := three()
	settings.Port, settings.Loopback = 4102, true
	s := newStand(t, settings, nil)
	addresses, errs := s.locateAll(t.Context(), []string{"hall", "127.0.0.1", "::1", "192.0.2.9", "no name"})
	if want := []string{"hall.example:4102", "127.0.0.1:4102", "", "", ""}; !slices.Equal(addresses[:2], want[:2]) || errs[0] != nil || errs[1] != nil {
		t.Errorf("%q, %v", addresses, errs)
	}
	if reason.Of(errs[3]) != reason.RemotePeer || reason.Of(errs[4]) != reason.UnknownReception {
		t.Errorf("%v", errs)
	}
}

// Whatever is asked for in whatever order: all receptions of a request are
// promised or none; what is promised stays keepable; a counter-offer is granted;
// a question changes nothing.
func TestPromiseAllOrNone(t *testing.T) {
	s, run := newStand(t, Settings{}, films{"/night": 5_000_000}), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		defer s.forget(t)
		s.clock = noon
		names := []string{"a", "b", "c", "d"}
		settings := Settings{Uplink: drawRate(t, "uplink", 1000), Link: 50_000, Receptions: make(map[string]Reception)}
		for _, name := range names {
			settings.Receptions[name] = Reception{Address: name + ":1", Link: drawRate(t, "link of "+name, 100), Windows: drawWindows(t, name)}
		}
		if rapid.Bool().Draw(t, "bounded") {
			settings.MaxPace = drawRate(t, "max pace", 100)
		}
		s.SetSettings(settings)
		for n := range rapid.IntRange(1, 4).Draw(t, "requests") {
			s.clock = s.clock.Add(time.Duration(rapid.IntRange(0, 90_000).Draw(t, "passed")) * time.Millisecond)
			ask := Ask{Key: fmt.Sprintf("run-%d-%d", run, n), Title: night, By: s.clock.Add(time.Duration(rapid.IntRange(1, 1000).Draw(t, "by")) * time.Second)}
			ask.Receptions = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 4, rapid.ID[string]).Draw(t, "receptions")
			ask.ByEarliest = rapid.IntRange(0, 3).Draw(t, "earliest") == 0
			if rapid.IntRange(0, 2).Draw(t, "paced") == 0 {
				ask.MaxPace = drawRate(t, "pace", 100)
			}
			s.try(t, ask)
		}
	})
}

func drawRate(t *rapid.T, name string, most int) rate.Rate {
	return rate.Rate(rapid.IntRange(20, most).Draw(t, name)) * 1000
}

func drawWindows(t *rapid.T, name string) []moment.Window {
	if rapid.IntRange(0, 2).Draw(t, "windows of "+name) > 0 {
		return nil
	}
	w, err := moment.ParseWindow("daily 12:05-12:10 UTC")
	if err != nil {
		t.Fatal(err)
	}
	return []moment.Window{w}
}

// try makes a request, and the one that is offered instead where it is refused.
func (s *stand) try(t *rapid.T, ask Ask) {
	before := s.kept(t)
	if !ask.ByEarliest {
		if _, err := s.Where(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s.kept(t), before) {
			t.Fatal("the question changed the ledger")
		}
	}
	made, err := s.Promise(t.Context(), ask)
	var refused *Refusal
	switch {
	case err == nil:
		s.holds(t, ask, made, len(before))
		again, err := s.Promise(t.Context(), ask)
		if err != nil || !reflect.DeepEqual(again, made) {
			t.Fatalf("asked again: %+v, %v", again, err)
		}
	case !errors.As(err, &refused):
		t.Fatal(err)
	case !reflect.DeepEqual(s.kept(t), before) || len(s.jobs) != len(before):
		t.Fatalf("refused, and yet: %+v", s.kept(t))
	case refused.Earliest.IsZero() || ask.ByEarliest:
		t.Fatalf("there is always a later time: %+v", refused)
	case len(ask.Receptions) > 1 && len(refused.Report) != len(ask.Receptions):
		t.Fatalf("the report is %+v", refused.Report)
	default:
		ask.By = refused.Earliest
		if made, err = s.Promise(t.Context(), ask); err != nil {
			t.Fatalf("the counter-offer is refused: %v", err)
		}
		s.holds(t, ask, made, len(before))
	}
}

// holds says whether all that was asked for is promised, and can be kept.
func (s *stand) holds(t *rapid.T, ask Ask, made []ledger.Delivery, before int) {
	var names []string
	for _, l := range made {
		names = append(names, l.Reception)
		if ask.MaxPace > 0 && (l.MaxPace == 0 || l.MaxPace > int64(ask.MaxPace)) {
			t.Fatalf("asked for %v at most, promised at %v", ask.MaxPace, rate.Rate(l.MaxPace))
		}
		if !ask.ByEarliest && !l.Deadline.Equal(ask.By) || l.End.After(l.Deadline.Add(-settle)) {
			t.Fatalf("promised by %v, planned to %v, for %v", l.Deadline, l.End, ask.By)
		}
	}
	if strings.Join(names, " ") != strings.Join(ask.Receptions, " ") || len(s.kept(t)) != before+len(made) || len(s.jobs) != before+len(made) {
		t.Fatalf("asked for %v, promised %v, kept %d", ask.Receptions, names, len(s.kept(t)))
	}
	if _, late := schedule.Replan(noon, s.network(), jobsOf(s.sorted(), noon)); len(late) > 0 {
		t.Fatalf("these cannot be kept: %+v", late)
	}
}

// An account has so many promises open, and no more; those that have ended do
// not count.
func TestOpenPromisesAreBounded(t *testing.T) {
	settings := three()
	settings.Promises = 3
	s := newStand(t, settings, films{"/night": 1000})
	if _, err := s.Promise(t.Context(), asking("a", time.Hour, "hall", "attic")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Promise(t.Context(), asking("b", time.Hour, "hall", "attic")); reason.Of(err) != reason.Busy {
		t.Errorf("four of three: %v", err)
	}
	other := asking("b", time.Hour, "hall", "attic")
	other.Account = "somebody else"
	if _, err := s.Promise(t.Context(), other); err != nil {
		t.Errorf("another account: %v", err)
	}
	if _, err := s.Promise(t.Context(), asking("c", time.Hour, "studio")); err != nil {
		t.Errorf("the third: %v", err)
	}
	if again, err := s.Promise(t.Context(), asking("c", time.Hour, "studio")); err != nil || len(again) != 1 {
		t.Errorf("the same again: %v, %v", again, err)
	}
	if err := s.Cancel(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Promise(t.Context(), asking("d", time.Hour, "studio")); err != nil {
		t.Errorf("after one was cancelled: %v", err)
	}
}

// Whoever sees a promise in the ledger may cancel it, also while it is only being
// taken into the plan: it does not stay there.
func TestCancelledWhilePromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := three()
		settings.Receptions["hall"] = Reception{Address: "127.0.0.1:0", Link: 100_000} // nobody can be told
		s := newStand(t, settings, films{"/night": 5_000_000})
		s.endAll()
		var hurry sync.WaitGroup
		begun := false
		s.Clock = func() time.Time {
			if all := s.kept(t); len(all) == 1 && !begun {
				begun = true
				hurry.Go(func() {
					if err := s.Withdraw(t.Context(), all[0].ID); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			return noon
		}
		if _, err := s.Promise(t.Context(), asking("a", time.Hour, "hall")); err != nil {
			t.Fatal(err)
		}
		hurry.Wait()
		s.attempts.Wait()
		if n := s.Overview().Promised; n != 0 || !begun {
			t.Errorf("%d deliveries are planned that were cancelled", n)
		}
	})
}

// A reception that is taken out while a request for it waits its turn is promised
// nothing: nobody would bring it there.
func TestReceptionGoesWhilePromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, three(), films{"/night": 5_000_000})
		s.admitting <- struct{}{} // another request is admitted
		var asked sync.WaitGroup
		asked.Go(func() {
			made, err := s.Promise(t.Context(), asking("a", time.Hour, "hall"))
			if reason.Of(err) != reason.UnknownReception {
				t.Errorf("it is promised to nowhere: %+v, %v", made, err)
			}
		})
		synctest.Wait()
		settings := three()
		delete(settings.Receptions, "hall")
		s.SetSettings(settings)
		<-s.admitting
		asked.Wait()
		if kept := s.kept(t); len(kept) != 0 {
			t.Errorf("kept: %+v", kept)
		}
	})
}

// What a reception has reserved is not asked of what it has besides: half of a title
// that is there does not make it look full.
func TestUnreserved(t *testing.T) {
	const size = 9_500_000
	s := newStand(t, three(), films{"/night": size})
	made, err := s.Promise(t.Context(), asking("one", time.Hour, "hall"))
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Unreserved("hall"); n != size {
		t.Errorf("before its offer it needs %d", n)
	}
	left := int64(1_000_000)
	s.mu.Lock()
	s.hold(s.jobs[made[0].ID], &left, noon) // as when the offer is accepted
	s.jobs[made[0].ID].acked = size / 2
	s.mu.Unlock()
	if n := s.Unreserved("hall"); n > left {
		t.Errorf("while it arrives it needs %d of the %d that are left besides; owed are %d", n, left, s.Owed("hall"))
	}
	if _, err := s.Promise(t.Context(), Ask{Key: "two", Title: night, Receptions: []string{"attic"}, By: noon.Add(time.Hour)}); err != nil || s.Unreserved("hall") != 0 || s.Unreserved("attic") != size {
		t.Errorf("another reception: %v, %d and %d", err, s.Unreserved("hall"), s.Unreserved("attic"))
	}
}
