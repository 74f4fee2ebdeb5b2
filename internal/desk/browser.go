package desk

import (
	"bytes"
	"cmp"
	"context"
	"strconv"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

const (
	// onceFor is how long a link that logs a browser in once can be used, and
	// mostOnce how many of one account may wait to be.
	onceFor  = 10 * time.Minute
	mostOnce = 5

	// A browser's session is over when it was not used for sessionIdle, and after
	// sessionMost however much it was; of one account there are mostSessions.
	sessionIdle  = 12 * time.Hour
	sessionMost  = 7 * 24 * time.Hour
	mostSessions = 20
)

// onces are the links that were not used yet, by the hashes of their secrets.
// They do not outlive the server.
type onces struct {
	mu  sync.Mutex
	all map[string]once
}

// once is whom a link lets in until when.
type once struct {
	ledger.Session
	expires time.Time
}

// add keeps a link; of too many of the same account, the oldest is void.
func (o *onces) add(hash []byte, link once, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	same, oldest := 0, ""
	for h, l := range o.all {
		if !now.Before(l.expires) {
			delete(o.all, h)
			continue
		}
		if l.Account != link.Account {
			continue
		}
		if same++; oldest == "" || l.expires.Before(o.all[oldest].expires) {
			oldest = h
		}
	}
	if same >= mostOnce {
		delete(o.all, oldest)
	}
	if o.all == nil {
		o.all = make(map[string]once)
	}
	o.all[string(hash)] = link
}

// use takes a link, which nobody can use again.
func (o *onces) use(hash []byte, now time.Time) (link once, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	link, ok = o.all[string(hash)]
	delete(o.all, string(hash))
	return link, ok && now.Before(link.expires)
}

// linkOnce makes a link that lets a browser in as the caller. Its secret is in
// the answer alone.
func (s asker) linkOnce(ctx context.Context) (*control.OnceLink, error) {
	at := ""
	if s.desk.Console != nil {
		at = s.desk.Console()
	}
	if at == "" {
		return nil, reason.New(reason.ConfigInvalid, "this server has no console")
	}
	now, secret := s.desk.Clock(), identity.NewSecret()
	link := once{expires: now.Add(onceFor)}
	if s.account == "" {
		if !s.admin {
			return nil, reason.New(reason.Usage, "without accounts the console needs no login, and administrators ask for a link on their own port")
		}
		link.Local = s.local != nil
	} else {
		a, err := s.desk.Ledger.AccountByName(ctx, s.called)
		if err != nil {
			return nil, err
		}
		if strconv.FormatInt(a.ID, 10) != s.account {
			return nil, reason.New(reason.LoginInvalid, "the account %s was removed, and made anew", s.called)
		}
		link.Account, link.Token = a.ID, a.Token
	}
	s.desk.onces.add(secret.Hash(), link, now)
	s.desk.Log.Info("a link to the console was made, to be used once", "by", s.name(), "expires", link.expires)
	return &control.OnceLink{Link: at + "/login/" + string(secret), Expires: link.expires.UTC()}, nil
}

// enter lets a browser in by an account's token or a link that is used once, and
// gives the secret of its session. Whatever session it had is over.
func (s *session) enter(ctx context.Context, q control.Enter) (*control.Entered, error) {
	if s.role != Browser {
		return nil, reason.New(reason.NotPermitted, "a session is for browsers")
	}
	d, now := s.desk, s.desk.Clock()
	if err := d.mayTry(s.peer); err != nil {
		return nil, err
	}
	made, called, err := d.admit(ctx, q, now)
	if err != nil {
		if reason.Of(err) == reason.LoginInvalid {
			err = d.failed(d.failures, s.peer, called, err)
		}
		return nil, err
	}
	d.failures.Forget(addrOf(s.peer))
	s.known()
	secret := identity.NewSecret()
	made.Hash, made.Created, made.Seen = secret.Hash(), now, now
	if err := d.Ledger.AddSession(ctx, made, now.Add(-sessionIdle), mostSessions); err != nil {
		return nil, err
	}
	if made.Account != 0 {
		if err := d.Ledger.AccountSeen(ctx, made.Account, now); err != nil {
			d.Log.Warn("the last use of an account is not noted, going on", "account", called, "error", err)
		}
	}
	if err := s.leave(ctx); err != nil {
		d.Log.Warn("a session is not ended by the one that follows it", "error", err)
	}
	s.mu.Lock()
	s.visit = made.Hash
	s.mu.Unlock()
	d.Log.Info("a browser is let in", "peer", s.peer, "account", called)
	return &control.Entered{Secret: string(secret)}, nil
}

// admit gives the session of whoever shows a token, or a link's secret, and what
// the account is called.
func (d *Desk) admit(ctx context.Context, q control.Enter, now time.Time) (made ledger.Session, called string, err error) {
	if q.Identity != "" && q.Identity != d.Dispatcher.Central() {
		return made, "", reason.New(reason.LoginInvalid, "the login is for %s, and this is %s", identity.Short(q.Identity), identity.Short(d.Dispatcher.Central()))
	}
	if secret, ok := identity.ParseSecret(q.Secret); ok {
		link, ok := d.onces.use(secret.Hash(), now)
		if !ok {
			return made, "", reason.New(reason.LoginInvalid, "the link was used, or is too old")
		}
		return link.Session, "", nil
	}
	token, ok := identity.ParseToken(q.Secret)
	account, err := d.holder(ctx, token, ok)
	return ledger.Session{Account: account.ID, Token: account.Token}, cmp.Or(account.Name, token.Whose()), err
}

// show takes the secret of a browser's session, which is looked up at each call,
// and says who that is.
func (s *session) show(ctx context.Context, q control.Visit) (*control.Visitor, error) {
	if s.role != Browser {
		return nil, reason.New(reason.NotPermitted, "a session is for browsers")
	}
	var hash []byte
	if secret, ok := identity.ParseSecret(q.Secret); ok {
		hash = secret.Hash()
	}
	s.mu.Lock()
	s.visit = hash
	s.mu.Unlock()
	who, err := s.authorise(ctx)
	if err != nil {
		return nil, err
	}
	return &control.Visitor{Account: who.called, Mail: who.mail, Admin: who.admin, LoggedIn: who.session}, nil
}

// leave ends the session that was shown.
func (s *session) leave(ctx context.Context) error {
	s.mu.Lock()
	hash := s.visit
	s.visit = nil
	s.mu.Unlock()
	if hash == nil {
		return nil
	}
	return s.desk.Ledger.RemoveSession(ctx, hash)
}

// browsing says who a browser is: by its session, or where there are no accounts
// somebody of this machine, who may what users may.
func (s *session) browsing(ctx context.Context) (caller, error) {
	d := s.desk
	has, err := d.Ledger.HasAccounts(ctx)
	if err != nil {
		return caller{}, err
	}
	nobody := caller{trusted: true}
	open := !has && !s.remote
	s.mu.Lock()
	hash := s.visit
	s.mu.Unlock()
	switch {
	case hash == nil && open:
		return nobody, nil
	case hash == nil:
		return caller{}, reason.New(reason.LoginNeeded, "no session was shown")
	}
	held, account, err := d.Ledger.SessionByHash(ctx, hash)
	if now := d.Clock(); err == nil {
		err = valid(held, account, has, now)
		if err == nil && now.Sub(held.Seen).Abs() >= seenEvery {
			err := d.Ledger.SessionSeen(ctx, hash, now)
			if err == nil && held.Account != 0 {
				err = d.Ledger.AccountSeen(ctx, held.Account, now)
			}
			if err != nil {
				d.Log.Warn("the last use of a session is not noted, going on", "error", err)
			}
		}
	}
	switch {
	case reason.Of(err) == reason.LoginInvalid && open:
		return nobody, nil
	case err != nil:
		return caller{}, err
	case held.Account == 0:
		return caller{admin: true, trusted: true, session: true}, nil
	}
	return caller{
		account: strconv.FormatInt(account.ID, 10), called: account.Name, mail: account.Mail, admin: account.Admin, trusted: account.Admin, session: true,
	}, nil
}

// valid says whether a session of an account lasts, where has is whether there is
// any account.
func valid(s ledger.Session, a ledger.Account, has bool, now time.Time) error {
	switch {
	// By a clock that was ahead when it began it is not older for long.
	case now.Sub(s.Seen).Abs() >= sessionIdle || now.Sub(s.Created) >= sessionMost || s.Created.Sub(now) >= sessionIdle:
		return reason.New(reason.LoginInvalid, "this session is too old")
	case s.Account != 0 && !bytes.Equal(s.Token, a.Token):
		return reason.New(reason.LoginInvalid, "%s has a new login since", a.Name)
	case s.Account == 0 && !s.Local && has:
		return reason.New(reason.LoginInvalid, "there are accounts since")
	}
	return nil
}
