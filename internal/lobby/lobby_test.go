package lobby

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/limit"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// place is a lobby with an empty store, whose clock stands still unless it is set.
type place struct {
	*Lobby
	now time.Time
	dir string
}

func open(t *testing.T, token Token) *place {
	t.Helper()
	p := &place{now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), dir: t.TempDir()}
	dir, err := disk.OS(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return p.now }
	store, err := depot.Open(dir, depot.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	p.Lobby = New(Config{Clock: clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Depot: store, Settings: Settings{Token: token, Connections: limit.Bounds{All: 9, PerAddress: 9, Strangers: 9}},
		Status: func() (string, bool) { return "waiting", true }})
	t.Cleanup(func() { p.Close(); store.Close(); dir.Close() })
	return p
}

func (p *place) visitor(host string) *visitor {
	return p.visitorAmong(limit.New(limit.Bounds{All: 1, PerAddress: 1, Strangers: 1}, p.Clock), host)
}

// visitorAmong gives one that has its place among those of c.
func (p *place) visitorAmong(c *limit.Connections, host string) *visitor {
	peer := &net.TCPAddr{IP: net.ParseIP(host), Port: 4000}
	return &visitor{lobby: p.Lobby, peer: peer, place: c.Enter(addrOf(peer))}
}

// ask asks, and gives why it is refused.
func ask(v *visitor, c control.Call) (control.Reply, reason.Code) {
	r, file := v.answer(context.Background(), c)
	if file != nil {
		file.Close()
	}
	if r.Refusal != nil {
		return r, r.Refusal.Code
	}
	return r, ""
}

// spoken is a connection that nobody may speak on.
type spoken struct {
	*testing.T
	closed bool
}

func (s *spoken) File() (*os.File, error) {
	s.Error("a worker is given the connection")
	return nil, os.ErrInvalid
}

func (s *spoken) Close() error {
	s.closed = true
	return nil
}

// Where other machines come there is TLS or nothing.
func TestWithoutCertificate(t *testing.T) {
	p := open(t, Token{})
	conn := &spoken{T: t}
	if err := p.serve(t.Context(), conn, &net.TCPAddr{}, nil, true); err == nil || !conn.closed {
		t.Errorf("%v, closed: %v", err, conn.closed)
	}
}

var room = control.Call{Store: &control.StoreQuery{Room: &control.RoomQuery{}}}

func TestToken(t *testing.T) {
	p := open(t, NewToken("a long enough token"))
	v := p.visitor("192.0.2.1")
	enter := func(v *visitor, text string) (string, reason.Code) {
		r, code := ask(v, control.Call{Enter: &control.Enter{Secret: text}})
		if r.Entered == nil {
			return "", code
		}
		return r.Entered.Secret, code
	}
	if _, code := ask(v, room); code != reason.LoginNeeded {
		t.Errorf("without the token: %s", code)
	}
	if _, code := ask(v, control.Call{Visit: &control.Visit{Secret: "made up"}}); code != reason.LoginInvalid {
		t.Errorf("with a secret that was made up: %s", code)
	}
	if _, code := enter(v, "a long enough tokem"); code != reason.LoginInvalid {
		t.Errorf("with another token: %s", code)
	}
	secret, code := enter(v, "a long enough token")
	if code != "" || secret == "" {
		t.Fatalf("with the token: %s", code)
	}
	if _, code := ask(v, room); code != "" {
		t.Errorf("let in: %s", code)
	}
	other := p.visitor("192.0.2.1")
	if _, code := ask(other, room); code != reason.LoginNeeded {
		t.Errorf("another connection, of which nothing is known: %s", code)
	}
	if r, code := ask(other, control.Call{Visit: &control.Visit{Secret: secret}}); code != "" || !r.Visitor.LoggedIn {
		t.Errorf("another connection with the secret: %s", code)
	}
	p.now = p.now.Add(sessionIdle + time.Second)
	if _, code := ask(other, room); code != reason.LoginInvalid {
		t.Errorf("after a long time: %s", code)
	}
	secret, _ = enter(v, "a long enough token")
	ask(other, control.Call{Visit: &control.Visit{Secret: secret}})
	ask(v, control.Call{Leave: &control.Leave{}})
	if _, code := ask(other, room); code != reason.LoginInvalid {
		t.Errorf("after leaving: %s", code)
	}
	enter(v, "a long enough token")
	p.SetSettings(Settings{Token: NewToken("another token of enough")})
	if _, code := ask(v, room); code != reason.LoginInvalid {
		t.Errorf("with a session of the token before: %s", code)
	}
	p.SetSettings(Settings{})
	if _, code := ask(p.visitor("192.0.2.9"), room); code != "" {
		t.Errorf("where no token is wanted: %s", code)
	}
}

// A login that is looked at while the token changes lets nobody in.
func TestLoginWhileTheTokenChanges(t *testing.T) {
	p := open(t, NewToken("the token of before"))
	clock, asked := p.Clock, 0
	p.Clock = func() time.Time {
		if asked++; asked == 2 { // the token has been read
			p.SetSettings(Settings{Token: NewToken("another token of enough")})
		}
		return clock()
	}
	v := p.visitor("192.0.2.1")
	if _, err := v.enter("the token of before"); reason.Of(err) != reason.LoginInvalid || asked < 2 {
		t.Errorf("%v, at the time %d", err, asked)
	}
	if _, code := ask(v, room); code == "" {
		t.Error("the store is shown")
	}
}

// Who is refused makes room for others, however often it asks, and who is let in
// does not.
func TestRefusedStayStrangers(t *testing.T) {
	p := open(t, NewToken("a long enough token"))
	enter := control.Call{Enter: &control.Enter{Secret: "a long enough token"}}
	r, _ := ask(p.visitor("192.0.2.1"), enter)
	for name, c := range map[string]struct {
		asks []control.Call
		in   bool
	}{
		"nothing shown": {[]control.Call{room, {Leave: &control.Leave{}}, {Health: &control.HealthQuery{}}, {Deliveries: &control.DeliveryQuery{}}}, false},
		"made up":       {[]control.Call{{Visit: &control.Visit{Secret: "made up"}}, room, {Enter: &control.Enter{Secret: "guess"}}}, false},
		"the token":     {[]control.Call{enter}, true},
		"the session":   {[]control.Call{{Visit: &control.Visit{Secret: r.Entered.Secret}}}, true},
	} {
		bounded := limit.New(limit.Bounds{All: 1, PerAddress: 1, Strangers: 1}, p.Clock)
		v := p.visitorAmong(bounded, "192.0.2.1")
		for _, call := range c.asks {
			ask(v, call)
		}
		p.now = p.now.Add(time.Minute)
		if other := p.visitorAmong(bounded, "192.0.2.2"); (other.place == nil) != c.in {
			t.Errorf("%s: it keeps its place: %v", name, other.place == nil)
		}
	}
}

// Who tries again and again waits, and others do not.
func TestGuessing(t *testing.T) {
	p := open(t, NewToken("a long enough token"))
	v := p.visitor("192.0.2.1")
	last := reason.Code("")
	for range 20 {
		_, last = ask(v, control.Call{Enter: &control.Enter{Secret: "guess"}})
	}
	if last != reason.Busy {
		t.Errorf("the twentieth guess: %s", last)
	}
	if _, code := ask(v, control.Call{Enter: &control.Enter{Secret: "a long enough token"}}); code != reason.Busy {
		t.Errorf("the token while it waits: %s", code)
	}
	v.secure = true
	if _, code := ask(v, control.Call{Metrics: &control.MetricsQuery{Token: "guess"}}); code != reason.Busy {
		t.Errorf("metrics while it waits: %s", code)
	}
	if _, code := ask(p.visitor("192.0.2.2"), control.Call{Enter: &control.Enter{Secret: "a long enough token"}}); code != "" {
		t.Errorf("another: %s", code)
	}
	p.now = p.now.Add(10 * time.Minute)
	if _, code := ask(v, control.Call{Enter: &control.Enter{Secret: "a long enough token"}}); code != "" {
		t.Errorf("after waiting: %s", code)
	}
}

// A session asks for what a reception has, by keys, and for nothing else.
func TestHostileCalls(t *testing.T) {
	p := open(t, Token{})
	if err := os.WriteFile(filepath.Join(p.dir, "not ours"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := p.visitor("127.0.0.1")
	for name, c := range map[string]struct {
		ask  control.Call
		want reason.Code
	}{
		"another's":        {control.Call{Titles: &control.TitlesQuery{}}, reason.NotPermitted},
		"a path":           {control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "not ours", What: control.OfDeposit}}}, reason.UnknownDelivery},
		"the way up":       {control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "../0a1b2c3d-1", What: control.OfArriving}}}, reason.UnknownDelivery},
		"no such":          {control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "0a1b2c3d-1", What: control.OfDeposit, Within: "x"}}}, reason.UnknownDelivery},
		"a walk for less":  {control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "0a1b2c3d-1", What: control.OfFolders}}}, reason.Usage},
		"no such piece":    {control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "0a1b2c3d-1", What: "keys"}}}, reason.UnknownDelivery},
		"shown":            {control.Call{Store: &control.StoreQuery{Show: &control.ShowKey{Key: "x"}}}, reason.UnknownDelivery},
		"before":           {control.Call{Store: &control.StoreQuery{Shelf: &control.ShelfQuery{Before: "x"}}}, reason.UnknownDelivery},
		"nothing":          {control.Call{Store: &control.StoreQuery{}}, reason.Internal},
		"checked unasked":  {control.Call{Store: &control.StoreQuery{Checked: &control.Checked{Key: "0a1b2c3d-1", Good: true}}}, reason.Usage},
		"entering no door": {control.Call{Enter: &control.Enter{Secret: ""}}, reason.Usage},
	} {
		if _, code := ask(v, c.ask); code != c.want {
			t.Errorf("%s: %s", name, code)
		}
	}
	if _, code := ask(p.visitor("127.0.0.1"), control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "0a1b2c3d-1", What: control.OfFolders, Check: true}}}); code != reason.UnknownDelivery {
		t.Errorf("the folders of what is not there: %s", code)
	}
	if r, code := ask(v, control.Call{Health: &control.HealthQuery{}}); code != "" || r.Health.Status != "waiting" {
		t.Errorf("health: %s", code)
	}
	if r, code := ask(v, control.Call{Store: &control.StoreQuery{Shelf: &control.ShelfQuery{Search: strings.Repeat("x", 100)}}}); code != "" || len(r.Store.Shelf.Deposits) != 0 {
		t.Errorf("a search: %s", code)
	}
}

// Few read again at once, and whoever goes gives their place back.
func TestChecksAreBounded(t *testing.T) {
	p := open(t, Token{})
	var all []*visitor
	for range mostChecks {
		v := p.visitor("127.0.0.1")
		for range 3 { // a folder has many files
			if _, err := v.beginCheck(); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, v)
	}
	late := p.visitor("127.0.0.1")
	if _, err := late.beginCheck(); reason.Of(err) != reason.Busy {
		t.Errorf("one more: %v", err)
	}
	all[0].endCheck()
	if _, err := late.beginCheck(); err != nil {
		t.Errorf("when one has gone: %v", err)
	}
	if all[0].endCheck() {
		t.Error("a place is given back twice")
	}
}

// How many files of a folder are read again is not how often a browser may ask:
// that has a bound of its own, which only a check has.
func TestChecksOfLargeFolders(t *testing.T) {
	p := open(t, Token{})
	v := p.visitor("127.0.0.1")
	opens := func(check bool) control.Call {
		return control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "0a1b2c3d-1", What: control.OfDeposit, Within: "x", Check: check}}}
	}
	if v.ofCheck(opens(true)) {
		t.Error("the call that begins a check does not count")
	}
	if _, err := v.beginCheck(); err != nil {
		t.Fatal(err)
	}
	for n := range manifest.MaxEntries + 2 {
		if !v.ofCheck(opens(true)) {
			t.Fatalf("file %d counts as asked by the browser", n)
		}
	}
	if v.ofCheck(opens(true)) {
		t.Error("one that goes on reading files without end is not bounded")
	}
	v.endCheck()
	if _, err := v.beginCheck(); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]control.Call{"another file": opens(false), "a list": {Store: &control.StoreQuery{Shelf: &control.ShelfQuery{}}}, "health": {Health: &control.HealthQuery{}}} {
		if v.ofCheck(c) {
			t.Errorf("%s does not count", what)
		}
	}
}

// Who is refused what was to be read again takes no place from others.
func TestRefusedChecksTakeNoPlace(t *testing.T) {
	p := open(t, Token{})
	gone := func(v *visitor) {
		t.Helper()
		for _, what := range []control.Piece{control.OfDeposit, control.OfChecks, control.OfFolders} {
			if _, code := ask(v, control.Call{Store: &control.StoreQuery{Open: &control.OpenQuery{Key: "0a1b2c3d-1", What: what, Check: true}}}); code != reason.UnknownDelivery {
				t.Errorf("%s of what is not there: %s", what, code)
			}
		}
	}
	for range mostChecks {
		gone(p.visitor("127.0.0.1"))
	}
	v := p.visitor("127.0.0.1")
	if _, err := v.beginCheck(); err != nil {
		t.Fatalf("nothing is being read: %v", err)
	}
	// A file that is missing ends nothing.
	gone(v)
	if !v.endCheck() {
		t.Error("the place was given back before its end")
	}
}

func TestRates(t *testing.T) {
	var r rates
	at := time.Unix(1000, 0)
	key := depot.Key{Central: "0a1b2c3d", ID: 1}
	look := func(after time.Duration, written int64, receiving bool) int64 {
		at = at.Add(after)
		return r.of(depot.Arrival{Key: key, Written: written, Receiving: receiving}, at)
	}
	for _, step := range []struct {
		after     time.Duration
		written   int64
		receiving bool
		want      int64
	}{
		{0, 1000, true, 0}, {100 * time.Millisecond, 2000, true, 0}, {900 * time.Millisecond, 11_000, true, 10_000}, {time.Second, 31_000, true, 15_000},
		{time.Second, 31_000, true, 7_500}, {time.Minute, 99_000, true, 0}, {time.Second, 90_000, true, 0}, {time.Second, 91_000, true, 1000}, {time.Second, 92_000, false, 0}, {time.Second, 93_000, true, 0},
	} {
		if got := look(step.after, step.written, step.receiving); got != step.want {
			t.Errorf("%+v: %d", step, got)
		}
	}
}
