// Package desk is the central server's counter: it starts a session worker for
// each user's connection and answers what the session may ask, by the role
// that belongs to the listener and never by what the worker claims.
package desk

import (
	"context"
	"crypto/ed25519"
	"io"
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
	// calls is how many calls a session may have open: a client asks one thing
	// at a time, and the answer to one that waits may be overtaken.
	calls = 4

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
	Roster     *roster.Roster
	Ledger     *ledger.Ledger
	Spawner    *worker.Spawner
	TLS        ed25519.PrivateKey
	Clock      moment.Clock
	Log        *slog.Logger
	Limits     Limits
	// Open lets machines elsewhere in while there are no accounts.
	Open bool
	// Public gives where users reach this server, HOST:PORT, for login links.
	Public func() string
	// Console gives where browsers reach this server, as a URL without a path; ""
	// or a Console that is nil, is nowhere.
	Console func() string
	// Socket is where this machine administers, "" for nowhere; AdminGroup is the
	// group whose members may there besides root.
	Socket, AdminGroup string
}

// Limits are on what clients may do; a reload may change them.
type Limits struct {
	Connections limit.Bounds  // of each role; a stranger is one that has asked nothing yet
	Handshake   time.Duration // within which a client must have established TLS
	Requests    int           // on one connection
}

// Desk serves users and administrators.
type Desk struct {
	Config
	certificate []byte
	connections map[Role]*limit.Connections
	failures    *limit.Failures // of logins
	strange     rate.Sometimes  // logged of peers that speak something else
	onces       onces           // links that let a browser in
	spares      *crew.Spares
	serving     sync.WaitGroup
	// promising is held for reading from where a title is looked up until it
	// is promised, and for writing while one is removed.
	promising sync.RWMutex

	mu     sync.Mutex
	limits Limits
}

// New makes a Desk.
func New(c Config) (*Desk, error) {
	certificate, err := identity.Certificate(c.TLS)
	if err != nil {
		return nil, err
	}
	d := &Desk{Config: c, certificate: certificate, connections: make(map[Role]*limit.Connections), limits: c.Limits, failures: limit.NewFailures(), strange: rate.Sometimes{Interval: time.Second}}
	for _, role := range []Role{User, Administrator} {
		d.connections[role] = limit.New(c.Limits.Connections, c.Clock)
	}
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
	for _, c := range d.connections {
		c.Set(l.Connections)
	}
}

// Serve takes connections of a role until ctx ends, then ends their workers
// and returns when all are reaped.
func (d *Desk) Serve(ctx context.Context, l net.Listener, role Role) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	err := limit.Accept(ctx, l, d.connections[role], d.Log, func(conn *net.TCPConn, place *limit.Place) {
		// Before anything is spent on it.
		if d.failures.Blocked(addrOf(conn.RemoteAddr()), d.Clock()) {
			conn.Close()
			place.Leave()
			return
		}
		d.serving.Go(func() {
			defer place.Leave()
			s := &session{desk: d, role: role, peer: conn.RemoteAddr(), remote: !addrOf(conn.RemoteAddr()).IsLoopback(), place: place}
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
	desk *Desk
	role Role
	*crew.Member
	open  chan struct{} // one for each call that is being answered
	place *limit.Place  // nil for one by the socket of this machine
	left  int           // how many calls it may still make

	peer   net.Addr
	remote bool       // the peer is on another machine
	local  *localUser // who it is, by the socket of this machine

	mu    sync.Mutex
	shown bool            // a token was shown
	token *identity.Token // of the account that logged in
	visit []byte          // hash of the secret that a browser has shown
}

// addrOf is the address of a peer without its port, on this machine that of the
// loopback.
func addrOf(peer net.Addr) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.IPv6Loopback()
}

// fileConn is a connection that can be handed over.
type fileConn interface {
	File() (*os.File, error)
	Close() error
}

func (d *Desk) serve(ctx context.Context, conn fileConn, s *session) error {
	file, err := conn.File()
	conn.Close()
	if err != nil {
		return err
	}
	d.mu.Lock()
	limits := d.limits
	d.mu.Unlock()
	s.Member, err = d.spares.Take()
	s.open, s.left = make(chan struct{}, calls), limits.Requests
	defer s.Close()
	if err != nil {
		file.Close()
		return err
	}
	defer func() {
		s.Kill()
		<-s.Done()
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, s.Kill)()
	if s.place != nil {
		go func() {
			select {
			case <-s.place.Lost():
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	err = s.Control.Hand(file)
	file.Close()
	if err != nil {
		return err
	}
	if err := s.Control.Send(control.Start{Certificate: d.certificate, Handshake: limits.Handshake, Silence: limits.Handshake}); err != nil {
		return err
	}
	var answering sync.WaitGroup
	defer answering.Wait()
	defer cancel()
	for {
		m, err := s.Control.Receive()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return err
		}
		if over, err := s.handle(ctx, m, &answering); over || err != nil {
			return err
		}
	}
}
