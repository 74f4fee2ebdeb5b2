package lobby

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/limit"
	"videoclub/internal/reason"
)

const (
	// A browser's session is over when it was not used for sessionIdle, and after
	// sessionMost however much it was; there are mostSessions.
	sessionIdle  = 12 * time.Hour
	sessionMost  = 7 * 24 * time.Hour
	mostSessions = 100
)

// Token is the operator's token, of which no more is kept than tells it again.
// The zero Token is none: then nobody has to show one.
type Token struct{ sum *[sha256.Size]byte }

// NewToken makes a Token of its text.
func NewToken(text string) Token {
	sum := sha256.Sum256([]byte("videoclub console token 1\n" + text))
	return Token{&sum}
}

// Set says whether there is one.
func (t Token) Set() bool { return t.sum != nil }

// is says whether text is the token, in a time that does not tell how much of it.
func (t Token) is(text string) bool {
	other := NewToken(text)
	return t.sum != nil && subtle.ConstantTimeCompare(t.sum[:], other.sum[:]) == 1
}

// same says whether two are the same.
func (t Token) same(other Token) bool {
	return t.Set() == other.Set() && (!t.Set() || *t.sum == *other.sum)
}

// sessions are the browsers that were let in, by the hashes of their secrets.
// They do not outlive the server, nor the token.
type sessions struct {
	mu  sync.Mutex
	all map[string]entered
}

type entered struct{ since, seen time.Time }

func (e entered) over(now time.Time) bool {
	return now.Sub(e.seen) > sessionIdle || now.Sub(e.since) > sessionMost
}

// add makes a session, if the token by which it is made is valid still; of too
// many, the one that was seen longest ago ends.
func (s *sessions) add(now time.Time, valid func() bool) (secret identity.Secret, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !valid() {
		return "", false // endAll has been here, or is about to be
	}
	if s.all == nil {
		s.all = make(map[string]entered)
	}
	oldest := ""
	for hash, e := range s.all {
		if e.over(now) {
			delete(s.all, hash)
		} else if oldest == "" || e.seen.Before(s.all[oldest].seen) {
			oldest = hash
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, oldest)
	}
	secret = identity.NewSecret()
	s.all[string(secret.Hash())] = entered{now, now}
	return secret, true
}

// seen says whether there is a session with a secret, and notes its use.
func (s *sessions) seen(text string, now time.Time) bool {
	secret, ok := identity.ParseSecret(text)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := string(secret.Hash())
	e, ok := s.all[hash]
	if !ok || e.over(now) {
		delete(s.all, hash)
		return false
	}
	e.seen = now
	s.all[hash] = e
	return true
}

func (s *sessions) end(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret, ok := identity.ParseSecret(text); ok {
		delete(s.all, string(secret.Hash()))
	}
}

func (s *sessions) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}

// visitor is one connection as the supervisor knows it. Whether it was let in is
// the supervisor's to know, whatever its worker says.
type visitor struct {
	lobby  *Lobby
	peer   net.Addr
	secure bool // its address is open to other machines
	place  *limit.Place

	mu       sync.Mutex
	secret   string // of the session that was shown last
	checking bool
	free     int // calls that its check may still make beside those of the connection
}

// answer does what a call asks for.
func (v *visitor) answer(_ context.Context, c control.Call) (control.Reply, *os.File) {
	r, file, err := v.reply(c)
	if err != nil {
		return control.Reply{Refusal: &control.Refusal{Code: reason.Of(err), Detail: cut(err.Error())}}, nil
	}
	return r, file
}

// cut bounds what is said of an error.
func cut(s string) string { return s[:min(len(s), 1024)] }

func (v *visitor) reply(c control.Call) (r control.Reply, file *os.File, err error) {
	switch {
	case c.Health != nil:
		r.Health = v.health()
	case c.Metrics != nil:
		r.Metrics, err = v.metrics(*c.Metrics)
	case c.Enter != nil:
		r.Entered, err = v.enter(c.Enter.Secret)
	case c.Visit != nil:
		r.Visitor, err = v.visit(c.Visit.Secret)
	case c.Leave != nil:
		v.leave()
		r.Visitor = &control.Visitor{}
	case c.Store != nil:
		if err = v.admitted(); err != nil {
			break
		}
		var a control.StoreAnswer
		a, file, err = v.store(*c.Store)
		r.Store = &a
	default:
		err = reason.New(reason.NotPermitted, "a reception server is not asked for that")
	}
	return r, file, err
}

// enter lets a browser in that shows the token, and gives the secret of its
// session. Whoever tries again and again waits.
func (v *visitor) enter(text string) (*control.Entered, error) {
	l, now := v.lobby, v.lobby.Clock()
	token := l.token()
	if !token.Set() {
		return nil, reason.New(reason.Usage, "nobody has to log in here")
	}
	if err := v.mayTry(); err != nil {
		return nil, err
	}
	if !token.is(text) {
		wait := l.failures.Failed(addrOf(v.peer), now)
		l.Log.Warn("a login failed", "peer", v.peer, "wait", wait)
		return nil, reason.New(reason.LoginInvalid, "that is not the token of this console")
	}
	l.failures.Forget(addrOf(v.peer))
	secret, ok := l.sessions.add(now, func() bool { return l.token().same(token) })
	if !ok {
		return nil, reason.New(reason.LoginInvalid, "the token of this console was changed")
	}
	v.known()
	v.mu.Lock()
	v.secret = string(secret)
	v.mu.Unlock()
	l.Log.Info("a browser is let in", "peer", v.peer)
	return &control.Entered{Secret: string(secret)}, nil
}

// waits says whether an address has to wait after what has failed from there.
func (l *Lobby) waits(peer net.Addr) bool {
	at, now := addrOf(peer), l.Clock()
	return l.failures.Blocked(at, now) || l.scrapes.Blocked(at, now)
}

// mayTry refuses a login from an address that has to wait.
func (v *visitor) mayTry() error {
	if v.lobby.waits(v.peer) {
		return reason.New(reason.Busy, "too many logins have failed from this address; wait a little")
	}
	return nil
}

// visit takes up a browser's session for what its connection asks from now on.
func (v *visitor) visit(secret string) (*control.Visitor, error) {
	v.mu.Lock()
	v.secret = secret
	v.mu.Unlock()
	if err := v.admitted(); err != nil {
		return nil, err
	}
	return &control.Visitor{LoggedIn: v.lobby.token().Set()}, nil
}

// leave ends the session that was shown.
func (v *visitor) leave() {
	v.mu.Lock()
	secret := v.secret
	v.secret = ""
	v.mu.Unlock()
	v.lobby.sessions.end(secret)
}

// admitted says whether the connection may ask about the store.
func (v *visitor) admitted() error {
	err := v.mayAsk()
	if err == nil {
		v.known()
	}
	return err
}

// known has the connection keep its place: who is refused stays a stranger,
// however often it asks.
func (v *visitor) known() { v.place.Known() }

func (v *visitor) mayAsk() error {
	if !v.lobby.token().Set() {
		return nil
	}
	v.mu.Lock()
	secret := v.secret
	v.mu.Unlock()
	if secret == "" {
		return reason.New(reason.LoginNeeded, "this console wants its token")
	}
	if !v.lobby.sessions.seen(secret, v.lobby.Clock()) {
		return reason.New(reason.LoginInvalid, "the session is over")
	}
	return nil
}

// addrOf is the address of a peer without its port.
func addrOf(peer net.Addr) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.IPv6Loopback()
}
