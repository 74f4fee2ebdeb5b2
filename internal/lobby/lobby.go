// Package lobby is where people come who look at what a reception server has: it
// starts a session worker for each browser's connection and answers what that
// may ask.
package lobby

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/depot"
	"videoclub/internal/identity"
	"videoclub/internal/limit"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// requests is how many calls may be made on one connection.
const requests = 10_000

// Config is what a Lobby needs.
type Config struct {
	Spawner  *worker.Spawner
	Clock    moment.Clock
	Log      *slog.Logger
	Settings Settings
	Depot    *depot.Depot
	// Receiver and ReceiptKey are this server's identity, and the key by which it
	// signs receipts, hex.
	Receiver, ReceiptKey string
	// Status says what the server is doing, and whether it does.
	Status func() (string, bool)
	// Count gives what is counted of deliveries and the store.
	Count func() ([]control.Sample, error)
}

// Settings are what a reload may change.
type Settings struct {
	Connections limit.Bounds         // a stranger is one that was let in to nothing yet
	Handshake   time.Duration        // within which a browser must have established TLS
	Browser     identity.Browser     // what browsers on other machines are shown
	Token       Token                // that browsers have to show
	Scrape      identity.ScrapeToken // what lets metrics be read from there
}

// Lobby serves browsers.
type Lobby struct {
	Config
	connections *limit.Connections
	spares      *crew.Spares
	strange     rate.Sometimes // logged of those that speak something else
	serving     sync.WaitGroup
	failures    *limit.Failures // of logins
	scrapes     *limit.Failures // of the token of metrics, which no login makes good
	sessions    sessions
	checking    chan struct{} // one for each deposit that is read again
	checks      checks
	rates       rates

	mu       sync.Mutex
	settings Settings
}

// New makes a Lobby.
func New(c Config) *Lobby {
	return &Lobby{
		Config: c, connections: limit.New(c.Settings.Connections, c.Clock), settings: c.Settings, strange: rate.Sometimes{Interval: time.Second},
		failures: limit.NewFailures(), scrapes: limit.NewFailures(), checking: make(chan struct{}, mostChecks),
		// None ahead: days may pass until somebody looks.
		spares: crew.NewSpares(c.Spawner, worker.Session, 0, c.Log),
	}
}

// Close ends what Serve has left, once it has returned.
func (l *Lobby) Close() { l.spares.Close() }

// SetSettings changes the settings, for connections to come.
// Another token ends the sessions that the one before has let in.
func (l *Lobby) SetSettings(s Settings) {
	l.mu.Lock()
	other := !l.settings.Token.same(s.Token)
	l.settings = s
	l.mu.Unlock()
	l.connections.Set(s.Connections)
	if other {
		l.sessions.endAll()
	}
}

// token is the token that browsers have to show.
func (l *Lobby) token() Token {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings.Token
}

// Serve takes connections until ctx ends, then ends their workers and returns
// when all are reaped. secure has each speak TLS, by the operator's certificate.
func (l *Lobby) Serve(ctx context.Context, listener net.Listener, secure bool) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	err := limit.Accept(ctx, listener, l.connections, l.Log, func(conn *net.TCPConn, place *limit.Place) {
		// Before anything is spent on it.
		if l.waits(conn.RemoteAddr()) {
			conn.Close()
			place.Leave()
			return
		}
		l.serving.Go(func() {
			defer place.Leave()
			if err := l.serve(ctx, conn, conn.RemoteAddr(), place, secure); err != nil {
				l.Log.Debug("session ended", "peer", conn.RemoteAddr(), "error", err)
			}
		})
	}, nil)
	l.serving.Wait()
	return err
}

func (l *Lobby) serve(ctx context.Context, conn crew.FileConn, peer net.Addr, place *limit.Place, secure bool) error {
	l.mu.Lock()
	settings := l.settings
	l.mu.Unlock()
	if secure && len(settings.Browser.Chain) == 0 {
		conn.Close() // a worker without a certificate speaks plainly
		return errors.New("there is no certificate to show to browsers elsewhere")
	}
	start := control.Start{Handshake: settings.Handshake, Silence: settings.Handshake, Browser: &control.Browser{}}
	if secure {
		start.Browser.Chain = settings.Browser.Chain
	}
	v := &visitor{lobby: l, peer: peer, secure: secure, place: place}
	defer v.endCheck()
	return l.spares.Serve(ctx, conn, crew.Session{
		Start: start, Sign: crew.SignFor(identity.Keys{}, settings.Browser, start), Calls: requests, Free: v.ofCheck, Lost: place.Lost(), Log: l.Log,
		Failed: func(m control.Failed) { l.turnedAway(v.peer, m) }, Answer: v.answer,
	})
}

// turnedAway logs a peer whose session failed, at most one a second.
func (l *Lobby) turnedAway(peer net.Addr, m control.Failed) {
	if m.Code != reason.Protocol {
		l.Log.Debug("session failed", "peer", peer, "reason", string(m.Code), "error", m.Detail)
		return
	}
	l.strange.Do(func() { l.Log.Warn("refused", "peer", peer, "reason", string(m.Code), "error", m.Detail) })
}
