package desk

import (
	"context"
	"net"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/limit"
	"videoclub/internal/reason"
)

// seenEvery is how often the last use of an account is written down.
const seenEvery = time.Minute

// caller is whose call it is: what the supervisor knows of the session, and
// nothing that its worker said.
type caller struct {
	account string // id in the ledger; "" where there are no accounts
	called  string // name of the account, for the log
	mail    string // of the account
	admin   bool   // may administer
	trusted bool   // may be written to anywhere, and see the deliveries of all
	session bool   // a browser that is logged in
}

// asker is a session while it answers one call of a caller.
type asker struct {
	*session
	caller
}

func (c caller) name() string {
	if c.called == "" {
		return "this machine"
	}
	return c.called
}

// login takes the token of an account. A session shows one, once.
func (s *session) login(ctx context.Context, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown {
		return reason.New(reason.NotPermitted, "a connection logs in once")
	}
	s.shown = true
	token, ok := identity.ParseToken(text)
	account, err := s.desk.holder(ctx, token, ok)
	if reason.Of(err) == reason.LoginInvalid && !s.remote {
		// Where there are no accounts any more nobody here needs a login, also not
		// who has kept one.
		if has, failed := s.desk.Ledger.HasAccounts(ctx); failed != nil || !has {
			return failed
		}
	}
	if err != nil {
		if reason.Of(err) == reason.LoginInvalid {
			err = s.desk.failed(s.desk.failures, s.peer, token.Whose(), err)
		}
		return err
	}
	s.desk.failures.Forget(addrOf(s.peer))
	s.known()
	s.token = &token
	if now := s.desk.Clock(); now.Sub(account.Seen).Abs() >= seenEvery {
		if err := s.desk.Ledger.AccountSeen(ctx, account.ID, now); err != nil {
			s.desk.Log.Warn("the last use of an account is not noted, going on", "account", account.Name, "error", err)
		}
	}
	return nil
}

// holder gives the account whose token it is; whole is whether it may be one.
func (d *Desk) holder(ctx context.Context, token identity.Token, whole bool) (ledger.Account, error) {
	if !whole {
		return ledger.Account{}, reason.New(reason.LoginInvalid, "what was shown is no login")
	}
	account, err := d.Ledger.AccountByName(ctx, token.Account)
	if err != nil && reason.Of(err) != reason.UnknownAccount {
		return account, err
	}
	// For an account that is not there the same is done as for one that is.
	if !token.Matches(account.Token) || err != nil {
		return ledger.Account{}, reason.New(reason.LoginInvalid, "the login is not valid, or not any more")
	}
	return account, nil
}

// mayTry refuses a login from an address that has to wait, on a connection that
// was there before too.
func (d *Desk) mayTry(peer net.Addr) error {
	if d.waits(peer) {
		return reason.New(reason.Busy, "too many logins have failed from this address; wait a little")
	}
	return nil
}

// waits says whether an address has to wait after what has failed from there.
func (d *Desk) waits(peer net.Addr) bool {
	at, now := addrOf(peer), d.Clock()
	return d.failures.Blocked(at, now) || d.scrapes.Blocked(at, now)
}

// failed notes a login that failed, which may cost the address some time, and
// gives err with that time.
func (d *Desk) failed(failures *limit.Failures, peer net.Addr, account string, err error) error {
	pause := failures.Failed(addrOf(peer), d.Clock())
	d.Log.Warn("login refused", "peer", peer, "account", account, "reason", string(reason.Of(err)), "error", err, "wait", pause)
	if pause > 0 {
		return reason.New(reason.LoginInvalid, "%v; the next login from this address has to wait %v", err, pause)
	}
	return err
}

// turnedAway logs a peer whose session failed. What is not TLS as it has to be is
// logged for everybody to see, at most once a second: a flood is for the counts
// of connections.
func (d *Desk) turnedAway(peer net.Addr, m control.Failed) {
	if m.Code != reason.Protocol {
		d.Log.Debug("session failed", "peer", peer, "reason", string(m.Code), "error", m.Detail)
		return
	}
	d.strange.Do(func() {
		d.Log.Warn("refused", "peer", peer, "reason", string(m.Code), "error", m.Detail)
	})
}

// authorise says whose call it is and what it may. It is looked up at each call,
// so that an account that was removed has no session left.
func (s *session) authorise(ctx context.Context) (caller, error) {
	who, err := s.recognise(ctx)
	if err == nil {
		s.known()
	}
	return who, err
}

func (s *session) recognise(ctx context.Context) (caller, error) {
	if s.local != nil {
		return s.local.authorise()
	}
	if s.role == Browser {
		return s.browsing(ctx)
	}
	has, err := s.desk.Ledger.HasAccounts(ctx)
	if err != nil {
		return caller{}, err
	}
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	switch {
	case !has && (s.desk.Open || !s.remote):
		return caller{admin: s.role == Administrator, trusted: true}, nil
	case token == nil:
		return caller{}, reason.New(reason.LoginNeeded, "it has accounts, and no login was shown")
	}
	account, err := s.desk.holder(ctx, *token, true)
	switch {
	case err != nil:
		return caller{}, err
	case s.role == Administrator && !account.Admin:
		return caller{}, reason.New(reason.NotPermitted, "%s is no administrator", account.Name)
	}
	return caller{
		account: strconv.FormatInt(account.ID, 10), called: account.Name, mail: account.Mail,
		admin: s.role == Administrator, trusted: s.role == Administrator,
	}, nil
}

// logRefusal logs that somebody asked for what is not theirs, and what is hidden of
// a refusal from users.
func (s *session) logRefusal(err error) {
	switch code := reason.Of(err); {
	case code == reason.NotPermitted, code == reason.LoginInvalid, code.Located():
		account := ""
		s.mu.Lock()
		if s.token != nil {
			account = s.token.Account
		}
		s.mu.Unlock()
		s.desk.Log.Warn("refused", "peer", s.peer, "account", account, "reason", string(code), "error", err)
	}
}

// filter is the account whose deliveries the caller sees, "" for those of all.
func (c caller) filter() string {
	if c.trusted {
		return ""
	}
	return c.account
}

// owns refuses a delivery that is not the caller's.
func (c caller) owns(l ledger.Delivery) error {
	if c.trusted || l.Account == c.account {
		return nil
	}
	return reason.New(reason.NotPermitted, "delivery %d is not one of %s", l.ID, c.name())
}

// own is owns for a delivery by its id.
func (s asker) own(ctx context.Context, id int64) error {
	if s.trusted {
		return nil
	}
	l, err := s.desk.Ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.owns(l)
}

// mailFor is where to write about a request: that of the account, unless the
// caller may name another.
func (c caller) mailFor(asked string) (string, error) {
	switch {
	case c.account == "", c.trusted && asked != "", asked == c.mail:
		return asked, nil
	case asked == "":
		return c.mail, nil
	}
	return "", reason.New(reason.NotPermitted, "%s is written to at %s alone; administrators may name another address", c.name(), c.mail)
}
