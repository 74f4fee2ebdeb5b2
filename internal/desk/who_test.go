package desk

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/limit"
	"videoclub/internal/reason"
)

// heard is a log that is looked at while it is written.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) says(words ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range strings.Lines(h.text.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

// peopled is a desk that serves both ports, and its log.
func peopled(t *testing.T) (d *Desk, users, administrators string, log *heard) {
	t.Helper()
	d, log = newDesk(t, 32), &heard{}
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	d.Public = func() string { return "films.example.org:4100" }
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	t.Cleanup(func() { cancel(); serving.Wait() })
	at := func(role Role) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() { d.Serve(ctx, l, role) })
		return l.Addr().String()
	}
	return d, at(User), at(Administrator), log
}

// as is a client with a token, "" for none.
func as(t *testing.T, server, token string) *api.Client {
	t.Helper()
	c := api.NewClient(server, nil)
	c.LogIn(func(string) (string, error) { return token, nil })
	t.Cleanup(c.Close)
	return c
}

// person makes an account and gives its token.
func person(t *testing.T, admin *api.Client, q control.AddAccount) string {
	t.Helper()
	made, err := admin.AddAccount(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	link, err := identity.ParseLink(made.Link)
	if err != nil || link.Server != "films.example.org:4100" || !identity.ValidID(link.Identity) {
		t.Fatalf("%+v, %v", link, err)
	}
	return link.Token.String()
}

func wants(t *testing.T, what string, err error, code reason.Code) {
	t.Helper()
	if reason.Of(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// Who has no account is nobody once there is one, and who has one has what is
// theirs.
func TestAccounts(t *testing.T) {
	d, users, administrators, log := peopled(t)
	ctx := t.Context()
	nobody := as(t, administrators, "")
	boss := person(t, nobody, control.AddAccount{Name: "boss", Mail: "boss@x.cl", Admin: true})
	_, err := nobody.Accounts(ctx)
	wants(t, "without a login", err, reason.LoginNeeded)
	_, err = as(t, users, "").Titles(ctx)
	wants(t, "titles without a login", err, reason.LoginNeeded)

	admin := as(t, administrators, boss)
	tokenAna, tokenLuis := person(t, admin, control.AddAccount{Name: "ana", Mail: "ana@x.cl"}), person(t, admin, control.AddAccount{Name: "luis", Mail: "luis@x.cl"})
	ana, luis := as(t, users, tokenAna), as(t, users, tokenLuis)
	for _, q := range []control.AddAccount{{Name: "Ana", Mail: "a@x.cl"}, {Name: "x", Mail: "nowhere"}, {Name: "", Mail: "a@x.cl"}} {
		_, err := admin.AddAccount(ctx, q)
		if reason.Of(err).Exit() != reason.ExitUsage {
			t.Errorf("%+v: %v", q, err)
		}
	}
	_, err = admin.AddAccount(ctx, control.AddAccount{Name: "ana", Mail: "ana@x.cl"})
	wants(t, "a second account of the name", err, reason.AccountExists)

	// The same key of two people is two requests; mail goes to the account.
	q := ask("the same key")
	hers, err := ana.Request(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	his, err := luis.Request(ctx, q)
	if err != nil || his.ID == hers.ID {
		t.Fatalf("%d and %d, %v", hers.ID, his.ID, err)
	}
	again, err := ana.Request(ctx, q)
	if err != nil || again.ID != hers.ID {
		t.Errorf("asked again: %d, %v", again.ID, err)
	}
	if l, err := d.Ledger.Get(ctx, hers.ID); err != nil || l.Mail != "ana@x.cl" {
		t.Errorf("mail goes to %q, %v", l.Mail, err)
	}
	elsewhere := ask("elsewhere")
	elsewhere.Mail = "luis@x.cl"
	_, err = ana.Request(ctx, elsewhere)
	wants(t, "mail to another", err, reason.NotPermitted)
	if _, err := admin.Request(ctx, elsewhere); err != nil {
		t.Errorf("an administrator has somebody written to: %v", err)
	}

	// Everybody sees and cancels their own.
	mine, err := ana.Deliveries(ctx, 10)
	if err != nil || len(mine) != 1 || mine[0].ID != hers.ID {
		t.Errorf("%+v, %v", mine, err)
	}
	_, err = ana.Delivery(ctx, his.ID, 0, 0)
	wants(t, "another's delivery", err, reason.NotPermitted)
	_, err = ana.Cancel(ctx, his.ID)
	wants(t, "another's delivery cancelled", err, reason.NotPermitted)
	_, err = ana.Cancel(ctx, 999)
	wants(t, "no delivery", err, reason.UnknownDelivery)
	if !log.says("peer=127.0.0.1:", "account=ana", "reason=not_permitted") {
		t.Errorf("it is not logged:\n%s", &log.text)
	}
	if all, err := admin.Deliveries(ctx, 10); err != nil || len(all) != 3 {
		t.Errorf("an administrator sees %d, %v", len(all), err)
	}
	if _, err := admin.Cancel(ctx, his.ID); err != nil {
		t.Error(err)
	}
	if _, err := ana.Cancel(ctx, hers.ID); err != nil {
		t.Error(err)
	}

	// Roles: of the account and of the port.
	_, err = as(t, administrators, tokenAna).Titles(ctx)
	wants(t, "a user at the administrators' port", err, reason.NotPermitted)
	_, err = as(t, users, boss).Accounts(ctx)
	wants(t, "an administrator at the users' port", err, reason.NotPermitted)

	all, err := admin.Accounts(ctx)
	if err != nil || len(all) != 3 || all[0].Name != "ana" || all[0].Seen.IsZero() || all[0].Admin || !all[1].Admin {
		t.Errorf("%+v, %v", all, err)
	}
}

// A token that was revoked or renewed is worth nothing from that moment, on
// connections that it opened too, and who tries again and again has to wait.
func TestRevoked(t *testing.T) {
	d, users, administrators, log := peopled(t)
	ctx := t.Context()
	boss := person(t, as(t, administrators, ""), control.AddAccount{Name: "boss", Mail: "boss@x.cl", Admin: true})
	admin := as(t, administrators, boss)
	token := person(t, admin, control.AddAccount{Name: "ana", Mail: "ana@x.cl"})
	open := as(t, users, token)
	if _, err := open.Titles(ctx); err != nil {
		t.Fatal(err)
	}
	renewed := person(t, admin, control.AddAccount{Name: "ana", Mail: "ana@x.cl", Renew: true})
	_, err := open.Titles(ctx)
	wants(t, "the old token on its connection", err, reason.LoginInvalid)
	if _, err := as(t, users, renewed).Titles(ctx); err != nil {
		t.Error(err)
	}
	if _, err := admin.RemoveAccount(ctx, "ana"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{token, renewed, "nonsense", "nobody." + strings.Repeat("a", 32)} {
		_, err = as(t, users, bad).Titles(ctx)
		wants(t, bad, err, reason.LoginInvalid)
	}
	if !log.says("login refused", "peer=127.0.0.1:", "account=ana", "reason=login_invalid") || log.says(token) || log.says(renewed) {
		t.Errorf("it is not logged, or with the token:\n%s", &log.text)
	}
	if _, err := admin.Titles(ctx); err != nil {
		t.Errorf("a connection that is open does not wait: %v", err)
	}
	for range 2 {
		_, err = as(t, users, "nonsense").Titles(ctx)
	}
	if wants(t, "once too often", err, reason.LoginInvalid); !strings.Contains(err.Error(), "has to wait 1s") {
		t.Errorf("how long it has to wait is not said: %v", err)
	}
	if !d.failures.Blocked(addrOf(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}), time.Now()) {
		t.Fatal("the address does not have to wait")
	}
	_, err = as(t, users, boss).Titles(ctx)
	if wants(t, "while it waits", err, reason.Unreachable); !errors.Is(err, api.ErrTurnedAway) {
		t.Errorf("while it waits: %v", err)
	}
}

// Who is refused makes room for others, and who is let in does not.
func TestRefusedMakeRoom(t *testing.T) {
	d := newDesk(t, 1)
	var later atomic.Int64 // than the clock says
	d.connections[User] = limit.New(limit.Bounds{All: 1, PerAddress: 1, Strangers: 1}, func() time.Time { return time.Now().Add(time.Duration(later.Load())) })
	d.Public = func() string { return "films:4100" }
	made := (&session{desk: d, role: Administrator}).answer(t.Context(), control.Call{AddAccount: &control.AddAccount{Name: "ana", Mail: "ana@x.cl"}}).Account
	link, err := identity.ParseLink(made.Link)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, l, User) }()
	defer func() { cancel(); <-served }()
	users := l.Addr().String()
	nobody := as(t, users, "")
	for range 3 {
		_, err = nobody.Titles(ctx)
		wants(t, "without a login", err, reason.LoginNeeded)
	}
	later.Add(int64(time.Minute))
	if _, err := as(t, users, link.Token.String()).Titles(ctx); err != nil {
		t.Errorf("a login while somebody without one has the place: %v", err)
	}
	later.Add(int64(time.Minute))
	_, err = as(t, users, link.Token.String()).Titles(ctx)
	wants(t, "while somebody with a login has the place", err, reason.Unreachable)
}

// Whose session it is, its worker does not decide.
func TestSessionIsOfOne(t *testing.T) {
	d := newDesk(t, 1)
	d.Public = func() string { return "films:4100" }
	s := &session{desk: d, role: Administrator}
	made := s.answer(t.Context(), control.Call{AddAccount: &control.AddAccount{Name: "ana", Mail: "ana@x.cl"}}).Account
	link, err := identity.ParseLink(made.Link)
	if err != nil {
		t.Fatal(err)
	}
	login := control.Call{Login: &control.Login{Token: link.Token.String()}}
	user := &session{desk: d, role: User}
	if r := user.answer(t.Context(), login); !r.Welcome || r.Refusal != nil {
		t.Fatalf("%+v", r.Refusal)
	}
	if r := user.answer(t.Context(), login); r.Refusal == nil || r.Refusal.Code != reason.NotPermitted {
		t.Errorf("a second login in one session: %+v", r)
	}
	refused := &session{desk: d, role: User}
	bad := control.Call{Login: &control.Login{Token: "ana." + strings.Repeat("a", 32)}}
	for _, c := range []control.Call{bad, login, {Titles: &control.TitlesQuery{}}} {
		if r := refused.answer(t.Context(), c); r.Refusal == nil {
			t.Errorf("a session that failed goes on: %+v", c)
		}
	}
	// On the administrators' port a user is nobody.
	wrong := &session{desk: d, role: Administrator}
	wrong.answer(t.Context(), login)
	for _, c := range []control.Call{{Accounts: &control.NamesQuery{}}, {Titles: &control.TitlesQuery{}}, {Remove: &control.RemoveTitle{Number: 7}}} {
		if r := wrong.answer(t.Context(), c); r.Refusal == nil || r.Refusal.Code != reason.NotPermitted {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}

// Without accounts this machine is let in, and others where that is open.
func TestWithoutAccounts(t *testing.T) {
	d := newDesk(t, 1)
	titles := control.Call{Titles: &control.TitlesQuery{}}
	remote := &session{desk: d, role: Administrator, remote: true}
	if r := remote.answer(t.Context(), titles); r.Refusal == nil || r.Refusal.Code != reason.LoginNeeded {
		t.Errorf("another machine: %+v", r)
	}
	d.Open = true
	if r := remote.answer(t.Context(), titles); r.Refusal != nil {
		t.Errorf("another machine, open: %+v", r.Refusal)
	}
}

// scarce is a listener that cannot take a connection at first, for want of a
// descriptor.
type scarce struct {
	net.Listener
	wants int
}

func (l *scarce) Accept() (net.Conn, error) {
	if l.wants--; l.wants >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// By the socket of this machine, the kernel says who it is: who runs the server
// administers, without a login, though there are accounts, and once there is a
// descriptor to be had.
func TestLocal(t *testing.T) {
	d, _, administrators, _ := peopled(t)
	person(t, as(t, administrators, ""), control.AddAccount{Name: "boss", Mail: "boss@x.cl", Admin: true})
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.ServeLocal(ctx, &scarce{l, 2}, false) }()
	client := api.NewClient(api.Unix+path, nil)
	defer client.Close()
	if all, err := client.Accounts(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// However many come to the socket of this machine who may not administer, those who
// may are let in; and where there are too many of these, they are told.
func TestCrowdAtSocket(t *testing.T) {
	d, log := newDesk(t, 1), &heard{}
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	users := make(chan localUser, 2*localSessions) // in the order in which they come
	go func() { served <- d.serveLocal(ctx, l, func(*net.UnixConn) (localUser, error) { return <-users, nil }) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	asks := func(user localUser) error {
		users <- user
		client := api.NewClient(api.Unix+path, nil)
		t.Cleanup(client.Close)
		_, err := client.Accounts(ctx)
		return err
	}
	mayNot, may := localUser{uid: 4242, group: "club"}, localUser{allowed: true}
	err = asks(mayNot)
	if wants(t, "another user", err, reason.NotPermitted); !strings.Contains(err.Error(), "club") {
		t.Error(err)
	}
	for range localSessions {
		users <- mayNot
		silent, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	if err := asks(may); err != nil {
		t.Errorf("who may, beside a crowd that may not: %v", err)
	}
	if !log.says("too many local connections", "local:uid=4242", "told=false") {
		t.Errorf("the crowd is not logged:\n%s", &log.text)
	}
}

// As many as there may be of those who administer by the socket: one more is told.
func TestSocketIsFull(t *testing.T) {
	d := newDesk(t, 1)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.ServeLocal(ctx, l, true) }()
	defer func() { cancel(); <-served }()
	for range localSessions {
		d.locals <- struct{}{}
	}
	client := api.NewClient(api.Unix+path, nil)
	defer client.Close()
	_, err = client.Accounts(ctx)
	wants(t, "one more", err, reason.Busy)
	<-d.locals
	other := api.NewClient(api.Unix+path, nil)
	defer other.Close()
	if _, err := other.Accounts(ctx); err != nil {
		t.Errorf("when one has gone: %v", err)
	}
}

// The last account stays where the server could not start without one; where it
// may go, whoever has kept its login needs none on this machine.
func TestLastAccount(t *testing.T) {
	d, users, administrators, _ := peopled(t)
	ctx := t.Context()
	boss := person(t, as(t, administrators, ""), control.AddAccount{Name: "boss", Mail: "boss@x.cl", Admin: true})
	person(t, as(t, administrators, boss), control.AddAccount{Name: "ana", Mail: "ana@x.cl"})
	admin := as(t, administrators, boss)
	d.NeedsAccounts = reason.New(reason.AccountsNeeded, "users = %q", "0.0.0.0:4100")
	if _, err := admin.RemoveAccount(ctx, "ana"); err != nil {
		t.Error(err)
	}
	_, err := admin.RemoveAccount(ctx, "boss")
	wants(t, "the last account", err, reason.AccountsNeeded)
	if err == nil || !strings.Contains(err.Error(), "add another first") {
		t.Errorf("%v does not say what to do", err)
	}
	d.NeedsAccounts = nil
	if _, err := admin.RemoveAccount(ctx, "boss"); err != nil {
		t.Error(err)
	}
	if _, err := as(t, users, boss).Titles(ctx); err != nil {
		t.Errorf("with the login of before: %v", err)
	}
}
