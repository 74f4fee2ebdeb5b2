// Package desk is the central server's counter: it starts a session worker for
// each user's connection and answers what the session may ask, by the role
// that belongs to the listener and never by what the worker claims.
package desk

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/dispatch"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/limit"
	"videoclub/internal/moment"
	"videoclub/internal/roster"
	"videoclub/internal/studio"
	"videoclub/internal/survey"
	"videoclub/internal/titles"
	"videoclub/internal/worker"
)

// Role is what a session may do.
type Role string

// The roles.
const (
	User          Role = "user"
	Administrator Role = "administrator"
	Browser       Role = "browser" // that of the account which logs in
)

const (
	// spares is how many session workers are kept ahead: more than clients
	// that come at once while one starts, which takes some 10 ms.
	spares = 4

	// mostWait bounds how long a call may wait for news of a delivery.
	mostWait = 30 * time.Second
)

// Config is what a Desk needs.
type Config struct {
	Dispatcher *dispatch.Dispatcher
	Titles     *titles.File
	Surveyor   *survey.Surveyor
	Studio     *studio.Studio
	Roster     *roster.Roster
	Ledger     *ledger.Ledger
	Spawner    *worker.Spawner
	TLS        ed25519.PrivateKey
	Clock      moment.Clock
	Log        *slog.Logger
	Limits     Limits
	// Open lets machines elsewhere in while there are no accounts, and NeedsAccounts
	// says why this server could not start without any; nil if it could.
	Open          bool
	NeedsAccounts error
	// Public gives where users reach this server, HOST:PORT, for login links.
	Public func() string
	// Console gives where browsers reach this server, as a URL without a path; ""
	// or a Console that is nil, is nowhere.
	Console func() string
	// Browser is what browsers are shown at an address that other machines reach,
	// and Token what lets its metrics be read there.
	Browser identity.Browser
	Token   identity.ScrapeToken
	// Status says what the server is doing, and whether it does.
	Status func() (string, bool)
	// Socket is where this machine administers, "" for nowhere; AdminGroup is the
	// group whose members may there besides root.
	Socket, AdminGroup string
}

// Limits are on what clients may do; a reload may change them.
type Limits struct {
	Connections limit.Bounds  // of all roles together; a stranger is one that was let in to nothing yet
	Handshake   time.Duration // within which a client must have established TLS
	Requests    int           // on one connection
	Client      control.Bounds
	// FailedLogins is how many may fail from one address before it has to wait; 0
	// is the usual number.
	FailedLogins int
}

// Desk serves users and administrators.
type Desk struct {
	Config
	certificate []byte
	connections map[Role]*limit.Connections
	failures    *limit.Failures // of logins
	scrapes     *limit.Failures // of the token of metrics, which no login makes good
	strange     rate.Sometimes  // logged of peers that speak something else
	onces       onces           // links that let a browser in
	locals      chan struct{}   // one for each session by the socket of this machine
	refusals    chan struct{}   // one for each that is told there why not
	crowd       rate.Sometimes  // logged of too many
	spares      *crew.Spares
	serving     sync.WaitGroup
	// promising is held for reading from where a title is looked up until it
	// is promised, and for writing while one is removed.
	promising sync.RWMutex

	mu      sync.Mutex
	limits  Limits
	browser identity.Browser
	token   identity.ScrapeToken
}

// New makes a Desk.
func New(c Config) (*Desk, error) {
	certificate, err := identity.Certificate(c.TLS)
	if err != nil {
		return nil, err
	}
	d := &Desk{Config: c, certificate: certificate, connections: make(map[Role]*limit.Connections), limits: c.Limits, browser: c.Browser, token: c.Token, failures: limit.NewFailures(), scrapes: limit.NewFailures(), strange: rate.Sometimes{Interval: time.Second},
		locals: make(chan struct{}, localSessions), refusals: make(chan struct{}, localRefusals), crowd: rate.Sometimes{Interval: time.Second}}
	administrators := limit.New(c.Limits.Connections, c.Clock)
	d.connections[Administrator] = administrators
	d.connections[User], d.connections[Browser] = administrators.Beside(), administrators.Beside()
	d.setFailedLogins(c.Limits)
	d.spares = crew.NewSpares(c.Spawner, worker.Session, spares, c.Log)
	return d, nil
}

// Close ends the spare workers, once Serve has returned.
func (d *Desk) Close() { d.spares.Close() }

// SetLimits changes the limits, for connections to come.
func (d *Desk) SetLimits(l Limits) {
	d.mu.Lock()
	d.limits = l
	d.mu.Unlock()
	d.connections[Administrator].Set(l.Connections) // which the others share
	d.setFailedLogins(l)
}

func (d *Desk) setFailedLogins(l Limits) {
	if l.FailedLogins > 0 {
		d.failures.SetFree(l.FailedLogins)
		d.scrapes.SetFree(l.FailedLogins)
	}
}

// SetConsole changes what browsers are shown, for connections to come, and what
// lets metrics be read.
func (d *Desk) SetConsole(b identity.Browser, token identity.ScrapeToken) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.browser, d.token = b, token
}

// Serve takes connections of a role until ctx ends, then ends their workers
// and returns when all are reaped.
func (d *Desk) Serve(ctx context.Context, l net.Listener, role Role) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	secure := !addrOf(l.Addr()).IsLoopback()
	err := limit.Accept(ctx, l, d.connections[role], d.Log, func(conn *net.TCPConn, place *limit.Place) {
		// Before anything is spent on it.
		if d.waits(conn.RemoteAddr()) {
			conn.Close()
			place.Leave()
			return
		}
		d.serving.Go(func() {
			defer place.Leave()
			s := &session{desk: d, role: role, peer: conn.RemoteAddr(), remote: !addrOf(conn.RemoteAddr()).IsLoopback(), secure: secure, place: place}
			if err := d.serve(ctx, conn, s); err != nil {
				d.Log.Debug("session ended", "peer", conn.RemoteAddr(), "error", err)
			}
		})
	}, nil)
	d.serving.Wait()
	return err
}

// session is one connection's worker as the supervisor knows it.
type session struct {
	desk  *Desk
	role  Role
	place *limit.Place // nil for one by the socket of this machine

	peer   net.Addr
	remote bool       // the peer is on another machine
	secure bool       // the listener is open to others
	local  *localUser // who it is, by the socket of this machine

	mu    sync.Mutex
	shown bool            // a token was shown
	token *identity.Token // of the account that logged in
	visit []byte          // hash of the secret that a browser has shown
}

// known has the session keep its place, as whoever has it may ask: who is refused
// stays a stranger, however often it asks.
func (s *session) known() {
	if s.place != nil {
		s.place.Known()
	}
}

// addrOf is the address of a peer without its port, on this machine that of the
// loopback.
func addrOf(peer net.Addr) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.IPv6Loopback()
}

func (d *Desk) serve(ctx context.Context, conn crew.FileConn, s *session) error {
	d.mu.Lock()
	limits, browser := d.limits, d.browser
	d.mu.Unlock()
	if s.role == Browser && s.secure && len(browser.Chain) == 0 {
		conn.Close() // a worker without a certificate speaks plainly
		return errors.New("there is no certificate to show to browsers elsewhere")
	}
	start := control.Start{Certificate: d.certificate, Handshake: limits.Handshake, Silence: limits.Handshake}
	if limits.Client != (control.Bounds{}) {
		start.Bounds = &limits.Client
	}
	if s.role == Browser {
		start.Certificate, start.Browser = nil, &control.Browser{}
		if s.secure {
			start.Browser.Chain = browser.Chain
		}
	}
	serve := crew.Session{
		Start: start, Sign: crew.SignFor(identity.Keys{TLS: d.TLS}, browser, start), Calls: limits.Requests, Log: d.Log,
		Failed: func(m control.Failed) { d.turnedAway(s.peer, m) },
		Answer: func(ctx context.Context, c control.Call) (control.Reply, *os.File) { return s.answer(ctx, c), nil },
	}
	if s.place != nil {
		serve.Lost = s.place.Lost()
	}
	if s.local != nil && s.local.refused() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limits.Handshake)
		defer cancel()
	}
	return d.spares.Serve(ctx, conn, serve)
}
