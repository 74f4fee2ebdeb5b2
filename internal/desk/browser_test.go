package desk

import (
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// browsers is a desk with a console, and a clock that is set by hand.
func browsers(t *testing.T) (d *Desk, now *time.Time) {
	t.Helper()
	d = newDesk(t, 1)
	at := time.Now()
	d.Clock = func() time.Time { return at }
	d.Public = func() string { return "films:4100" }
	d.Console = func() string { return "http://127.0.0.1:8400" }
	return d, &at
}

var titlesCall, accountsCall = control.Call{Titles: &control.TitlesQuery{}}, control.Call{Accounts: &control.NamesQuery{}}

// browser is a new connection of a browser that shows a secret.
func browser(t *testing.T, d *Desk, secret string) (*session, *control.Reply) {
	t.Helper()
	s := &session{desk: d, role: Browser, peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	r := s.answer(t.Context(), control.Call{Visit: &control.Visit{Secret: secret}})
	return s, &r
}

// enters logs a browser in.
func enters(t *testing.T, d *Desk, q control.Enter) (secret string, r control.Reply) {
	t.Helper()
	s, _ := browser(t, d, "")
	if r = s.answer(t.Context(), control.Call{Enter: &q}); r.Entered != nil {
		secret = r.Entered.Secret
	}
	return secret, r
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
func TestBrowserWithoutCertificate(t *testing.T) {
	d, _ := browsers(t)
	d.SetConsole(identity.Browser{}, identity.ScrapeToken{})
	conn := &spoken{T: t}
	if err := d.serve(t.Context(), conn, &session{desk: d, role: Browser, secure: true, peer: &net.TCPAddr{}}); err == nil || !conn.closed {
		t.Errorf("%v, closed: %v", err, conn.closed)
	}
}

// linkBy is the link of an account that an administrator adds.
func linkBy(t *testing.T, admin *session, q control.AddAccount) identity.Link {
	t.Helper()
	r := admin.answer(t.Context(), control.Call{AddAccount: &q})
	if r.Account == nil {
		t.Fatalf("%+v", r.Refusal)
	}
	link, err := identity.ParseLink(r.Account.Link)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func refusedWith(t *testing.T, what string, r control.Reply, code reason.Code) {
	t.Helper()
	if r.Refusal == nil || r.Refusal.Code != code {
		t.Errorf("%s: %+v, want %s", what, r.Refusal, code)
	}
}

// once is the secret of a link that is used once, asked for by s.
func onceBy(t *testing.T, s *session) string {
	t.Helper()
	r := s.answer(t.Context(), control.Call{LinkOnce: &control.LinkOnce{}})
	if r.Once == nil {
		t.Fatalf("%+v", r.Refusal)
	}
	secret, ok := strings.CutPrefix(r.Once.Link, "http://127.0.0.1:8400/login/")
	if !ok || len(secret) != 32 {
		t.Fatalf("%q", r.Once.Link)
	}
	return secret
}

// Where there are no accounts, a browser of this machine may what users may, and
// by a link that is used once what administrators may, until there are accounts.
func TestBrowserWithoutAccounts(t *testing.T) {
	d, now := browsers(t)
	ctx := t.Context()
	s, r := browser(t, d, "")
	if v := r.Visitor; v == nil || v.Admin || v.LoggedIn {
		t.Fatalf("%+v", r)
	}
	if r := s.answer(ctx, titlesCall); r.Titles == nil {
		t.Errorf("%+v", r.Refusal)
	}
	refusedWith(t, "accounts", s.answer(ctx, accountsCall), reason.NotPermitted)
	refusedWith(t, "a link for nobody", s.answer(ctx, control.Call{LinkOnce: &control.LinkOnce{}}), reason.Usage)
	remote := &session{desk: d, role: Browser, remote: true}
	refusedWith(t, "another machine", remote.answer(ctx, titlesCall), reason.LoginNeeded)

	admin := &session{desk: d, role: Administrator}
	link := onceBy(t, admin)
	secret, _ := enters(t, d, control.Enter{Secret: link})
	_, r2 := enters(t, d, control.Enter{Secret: link})
	refusedWith(t, "a link used twice", r2, reason.LoginInvalid)
	s, r = browser(t, d, secret)
	if v := r.Visitor; v == nil || !v.Admin || !v.LoggedIn || s.answer(ctx, accountsCall).Accounts == nil {
		t.Fatalf("%+v", r)
	}
	late := onceBy(t, admin)
	*now = now.Add(onceFor)
	_, r2 = enters(t, d, control.Enter{Secret: late})
	refusedWith(t, "a link that is too old", r2, reason.LoginInvalid)

	// It lasts while it is used.
	for range 3 {
		*now = now.Add(sessionIdle - 2*onceFor)
		if r := s.answer(ctx, accountsCall); r.Accounts == nil {
			t.Fatalf("after some hours: %+v", r.Refusal)
		}
	}
	local := onceBy(t, &session{desk: d, role: Administrator, local: &localUser{allowed: true}})
	here, _ := enters(t, d, control.Enter{Secret: local})
	if r := s.answer(ctx, control.Call{AddAccount: &control.AddAccount{Name: "boss", Mail: "b@x.cl", Admin: true}}); r.Account == nil {
		t.Fatalf("%+v", r.Refusal)
	}
	refusedWith(t, "once there are accounts", s.answer(ctx, accountsCall), reason.LoginInvalid)
	_, r = browser(t, d, "")
	refusedWith(t, "nobody, once there are accounts", *r, reason.LoginNeeded)
	if _, r = browser(t, d, here); r.Visitor == nil || !r.Visitor.Admin {
		t.Errorf("who administers this machine: %+v", r.Refusal)
	}
	*now = now.Add(sessionIdle)
	_, r = browser(t, d, here)
	refusedWith(t, "not used for long", *r, reason.LoginInvalid)
}

// An account's browser may what the account may, and its session ends with its
// login.
func TestBrowserOfAccount(t *testing.T) {
	d, now := browsers(t)
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	account := func(q control.AddAccount) identity.Link {
		t.Helper()
		made := admin.answer(ctx, control.Call{AddAccount: &q}).Account
		link, err := identity.ParseLink(made.Link)
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	ana, boss := account(control.AddAccount{Name: "ana", Mail: "a@x.cl"}), account(control.AddAccount{Name: "boss", Mail: "b@x.cl", Admin: true})
	_, r := enters(t, d, control.Enter{Secret: ana.Token.String(), Identity: strings.Repeat("0", 64)})
	refusedWith(t, "a link of another server", r, reason.LoginInvalid)
	for _, wrong := range []string{"", "ana", identity.NewToken("ana").String(), string(identity.NewSecret())} {
		_, r := enters(t, d, control.Enter{Secret: wrong})
		refusedWith(t, "a wrong token", r, reason.LoginInvalid)
	}
	hers, _ := enters(t, d, control.Enter{Secret: ana.Token.String(), Identity: ana.Identity})
	s, v := browser(t, d, hers)
	if v.Visitor == nil || v.Visitor.Account != "ana" || v.Visitor.Mail != "a@x.cl" || v.Visitor.Admin {
		t.Fatalf("%+v", v)
	}
	refusedWith(t, "accounts of a user", s.answer(ctx, accountsCall), reason.NotPermitted)
	his, _ := enters(t, d, control.Enter{Secret: boss.Token.String()})
	b, v := browser(t, d, his)
	if v.Visitor == nil || !v.Visitor.Admin || b.answer(ctx, accountsCall).Accounts == nil {
		t.Fatalf("%+v", v)
	}

	// What one asks for, the other user does not see; an administrator does.
	luis, _ := enters(t, d, control.Enter{Secret: account(control.AddAccount{Name: "luis", Mail: "l@x.cl"}).Token.String()})
	l, _ := browser(t, d, luis)
	q := ask("k")
	mine := s.answer(ctx, control.Call{Request: &q}).Delivery
	if mine == nil {
		t.Fatal("nothing is promised")
	}
	d.Dispatcher.Chart(time.Time{}, time.Time{}, 4)
	for who, c := range map[string]struct {
		*session
		sees int
	}{"ana": {s, 1}, "luis": {l, 0}, "boss": {b, 1}} {
		for _, some := range []control.Some{control.All, control.Running} {
			if got := c.answer(ctx, control.Call{Deliveries: &control.DeliveryQuery{Some: some}}).Deliveries.Deliveries; len(got) != c.sees {
				t.Errorf("%s sees %d deliveries (%q)", who, len(got), some)
			}
		}
		if got := c.answer(ctx, control.Call{Deliveries: &control.DeliveryQuery{Some: control.Ended}}).Deliveries.Deliveries; len(got) != 0 {
			t.Errorf("%s sees %d that have ended", who, len(got))
		}
		chart := c.answer(ctx, control.Call{Chart: &control.ChartQuery{}}).Chart
		slots := 0
		for _, link := range chart.Links {
			slots += len(link.Slots)
		}
		if slots > c.sees {
			t.Errorf("%s sees %d reservations", who, slots)
		}
	}
	refusedWith(t, "another's delivery", l.answer(ctx, control.Call{Show: &control.ShowQuery{ID: mine.ID}}), reason.NotPermitted)

	// A link of hers lets another browser of hers in.
	more, _ := enters(t, d, control.Enter{Secret: onceBy(t, s)})
	if _, v := browser(t, d, more); v.Visitor == nil || v.Visitor.Account != "ana" || v.Visitor.Admin {
		t.Errorf("%+v", v)
	}
	// Each of these ends a session, on connections that are open too.
	s2, _ := browser(t, d, more)
	if r := s2.answer(ctx, control.Call{Leave: &control.Leave{}}); r.Refusal != nil {
		t.Error(r.Refusal)
	}
	_, v = browser(t, d, more)
	refusedWith(t, "after leaving", *v, reason.LoginInvalid)
	account(control.AddAccount{Name: "ana", Mail: "a@x.cl", Renew: true})
	refusedWith(t, "after a new login", s.answer(ctx, titlesCall), reason.LoginInvalid)
	admin.answer(ctx, control.Call{RemoveAccount: &control.AccountName{Name: "luis"}})
	refusedWith(t, "after the account was removed", l.answer(ctx, titlesCall), reason.LoginInvalid)
	for range int(sessionMost/time.Hour) - 1 {
		*now = now.Add(time.Hour)
		b.answer(ctx, titlesCall)
	}
	if b.answer(ctx, titlesCall).Titles == nil {
		t.Error("a session that is used ends too early")
	}
	*now = now.Add(time.Hour)
	refusedWith(t, "after a week", b.answer(ctx, titlesCall), reason.LoginInvalid)
	user := &session{desk: d, role: User}
	refusedWith(t, "a session for no browser", user.answer(ctx, control.Call{Visit: &control.Visit{Secret: his}}), reason.NotPermitted)
	refusedWith(t, "a login for no browser", user.answer(ctx, control.Call{Enter: &control.Enter{Secret: boss.Token.String()}}), reason.NotPermitted)
}

// Who tries again and again on one connection waits, as who comes anew does, and
// others do not.
func TestGuessing(t *testing.T) {
	d, now := browsers(t)
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link := linkBy(t, admin, control.AddAccount{Name: "ana", Mail: "a@x.cl"})
	guess, hers := control.Call{Enter: &control.Enter{Secret: "guess"}}, control.Call{Enter: &control.Enter{Secret: link.Token.String()}}
	s := &session{desk: d, role: Browser, secure: true, peer: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
	refusedWith(t, "the first guess", s.answer(ctx, guess), reason.LoginInvalid)
	for range 20 {
		s.answer(ctx, guess)
	}
	refusedWith(t, "another guess", s.answer(ctx, guess), reason.Busy)
	refusedWith(t, "the login while it waits", s.answer(ctx, hers), reason.Busy)
	refusedWith(t, "metrics while it waits", s.answer(ctx, control.Call{Metrics: &control.MetricsQuery{Token: "guess"}}), reason.Busy)
	other := &session{desk: d, role: Browser, secure: true, peer: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2)}}
	if r := other.answer(ctx, hers); r.Entered == nil {
		t.Errorf("another: %+v", r.Refusal)
	}
	*now = now.Add(10 * time.Minute)
	if r := s.answer(ctx, hers); r.Entered == nil {
		t.Errorf("after waiting: %+v", r.Refusal)
	}
}

// What was copied with the full stop of its sentence, or twice, is no login and yet
// shows one: the log has nothing of it.
func TestLoginsAreNotLogged(t *testing.T) {
	d, _ := browsers(t)
	ctx, log := t.Context(), &heard{}
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link := linkBy(t, admin, control.AddAccount{Name: "ana", Mail: "a@x.cl"})
	token, once := link.Token.String(), string(identity.NewSecret())
	_, secret, _ := strings.Cut(token, ".")
	for i, shown := range []string{token + ".", token + token, token + ". " + token, once + "."} {
		peer := &net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(i+1))}
		browser := &session{desk: d, role: Browser, secure: true, peer: peer}
		refusedWith(t, shown, browser.answer(ctx, control.Call{Enter: &control.Enter{Secret: shown}}), reason.LoginInvalid)
		user := &session{desk: d, role: User, remote: true, peer: peer}
		refusedWith(t, shown, user.answer(ctx, control.Call{Login: &control.Login{Token: shown}}), reason.LoginInvalid)
	}
	if !log.says("login refused", "192.0.2.1") || log.says(secret) || log.says(once) {
		t.Errorf("the log has a login, or no refusal:\n%s", log.text.String())
	}
}

// A success makes good what has failed by the same kind of secret: whoever has a
// login does not guess the token of metrics by it.
func TestGuessingMetrics(t *testing.T) {
	d, _ := browsers(t)
	ctx := t.Context()
	var err error
	if d.token, err = identity.NewScrapeToken("0123456789abcdef"); err != nil {
		t.Fatal(err)
	}
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link := linkBy(t, admin, control.AddAccount{Name: "ana", Mail: "a@x.cl"})
	s := &session{desk: d, role: Browser, secure: true, remote: true, peer: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
	guess := control.Call{Metrics: &control.MetricsQuery{Token: "a guess of the token"}}
	for range 5 {
		refusedWith(t, "a guess", s.answer(ctx, guess), reason.LoginInvalid)
	}
	if r := s.answer(ctx, control.Call{Enter: &control.Enter{Secret: link.Token.String()}}); r.Entered == nil {
		t.Fatalf("%+v", r.Refusal)
	}
	refusedWith(t, "one more", s.answer(ctx, guess), reason.LoginInvalid)
	refusedWith(t, "and one that has to wait", s.answer(ctx, guess), reason.Busy)
}

// Links that wait are each account's own: nobody keeps others from having one, and
// of too many the oldest is void.
func TestManyLinks(t *testing.T) {
	d, now := browsers(t)
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link := linkBy(t, admin, control.AddAccount{Name: "ana", Mail: "a@x.cl"})
	his := onceBy(t, admin)
	ana := &session{desk: d, role: User, remote: true, peer: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
	if r := ana.answer(ctx, control.Call{Login: &control.Login{Token: link.Token.String()}}); !r.Welcome {
		t.Fatal(r.Refusal)
	}
	var hers []string
	for range 200 {
		*now = now.Add(time.Second)
		hers = append(hers, onceBy(t, ana))
	}
	if _, r := enters(t, d, control.Enter{Secret: his}); r.Entered == nil {
		t.Errorf("the administrator's: %+v", r.Refusal)
	}
	_, r := enters(t, d, control.Enter{Secret: hers[200-mostOnce-1]})
	refusedWith(t, "one too many", r, reason.LoginInvalid)
	for _, secret := range hers[200-mostOnce:] {
		if _, r := enters(t, d, control.Enter{Secret: secret}); r.Entered == nil {
			t.Errorf("one of the latest: %+v", r.Refusal)
		}
	}
}

// A link is for the account of who asks, not for one that has its name since.
func TestLinkOfAnother(t *testing.T) {
	d, _ := browsers(t)
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	add := func() identity.Link { return linkBy(t, admin, control.AddAccount{Name: "ana", Mail: "a@x.cl"}) }
	user := &session{desk: d, role: User, peer: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
	user.answer(ctx, control.Call{Login: &control.Login{Token: add().Token.String()}})
	who, err := user.authorise(ctx)
	if err != nil {
		t.Fatal(err)
	}
	admin.answer(ctx, control.Call{RemoveAccount: &control.AccountName{Name: "ana"}})
	add()
	if made, err := (asker{user, who}).linkOnce(ctx); reason.Of(err) != reason.LoginInvalid {
		t.Errorf("%+v, %v", made, err)
	}
}

// A clock that was ahead when a browser was let in, and is put right, makes no
// session last longer than it may.
func TestSessionOfAClockAhead(t *testing.T) {
	d, now := browsers(t)
	right := *now
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link := linkBy(t, admin, control.AddAccount{Name: "boss", Mail: "a@x.cl", Admin: true})
	*now = right.AddDate(1, 0, 0)
	secret, _ := enters(t, d, control.Enter{Secret: link.Token.String()})
	*now = right
	_, v := browser(t, d, secret)
	refusedWith(t, "a session of next year", *v, reason.LoginInvalid)
	// Set back by little, nobody has to log in again.
	secret, _ = enters(t, d, control.Enter{Secret: link.Token.String()})
	*now = right.Add(-time.Hour)
	if _, v := browser(t, d, secret); v.Visitor == nil {
		t.Errorf("an hour back: %+v", v.Refusal)
	}
}

// What was let in without an account is over with the first one, for good.
func TestSessionWithoutAccountIsOver(t *testing.T) {
	d, _ := browsers(t)
	ctx := t.Context()
	secret, _ := enters(t, d, control.Enter{Secret: onceBy(t, &session{desk: d, role: Administrator})})
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	admin.answer(ctx, control.Call{AddAccount: &control.AddAccount{Name: "ana", Mail: "a@x.cl"}})
	_, v := browser(t, d, secret)
	refusedWith(t, "with an account", *v, reason.LoginInvalid)
	admin.answer(ctx, control.Call{RemoveAccount: &control.AccountName{Name: "ana"}})
	if _, v = browser(t, d, secret); v.Visitor == nil || v.Visitor.Admin {
		t.Errorf("without one again: %+v %+v", v.Visitor, v.Refusal)
	}
}

// An account is used by its browser too.
func TestLastUseByBrowser(t *testing.T) {
	d, now := browsers(t)
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link := linkBy(t, admin, control.AddAccount{Name: "ana", Mail: "a@x.cl"})
	secret, _ := enters(t, d, control.Enter{Secret: link.Token.String()})
	*now = now.Add(3 * time.Hour)
	s, _ := browser(t, d, secret)
	s.answer(ctx, titlesCall)
	if seen := admin.answer(ctx, accountsCall).Accounts.Accounts[0].Seen; now.Sub(seen) > seenEvery {
		t.Errorf("it is shown as used %v ago", now.Sub(seen))
	}
}
