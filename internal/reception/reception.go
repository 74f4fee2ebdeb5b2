// Package reception supervises a reception server's connections: it starts a
// receive worker for each and a store worker once its offer is accepted,
// reserves space, publishes what is whole, signs for it, and lets expire what
// nobody asks for.
package reception

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"videoclub/internal/depot"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/limit"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/worker"
)

// sweepEvery is how often partial deliveries are looked through for those that
// have expired.
const sweepEvery = time.Minute

// Settings are what a reload may change.
type Settings struct {
	Silence     time.Duration // a peer silent this long is dropped
	Handshake   time.Duration // within which a peer must have established TLS
	Connections limit.Bounds  // a stranger is one that has not shown yet that it may deliver
}

// Config is what a Reception needs.
type Config struct {
	Depot    *depot.Depot
	Spawner  *worker.Spawner
	Keys     identity.Keys
	Clock    moment.Clock
	Log      *slog.Logger
	Settings Settings
	// Meet says whether the central server of an identity, which TLS has
	// proved, may deliver here from an address; nil is any. It delivers, or else
	// looks or withdraws.
	Meet func(identity string, from net.Addr, delivers bool) error
	// Trust is the central server that is paired with; its zero value knows of
	// no pairing code.
	Trust identity.Central
	// Pulse, unless it is nil, is told what is going on each time that the loop
	// which takes connections has come round, every 2 s at least.
	Pulse func(Overview)
}

// Overview is what a reception server is doing.
type Overview struct {
	Connections int // of central servers, with those that have offered nothing yet
	Receiving   int // deliveries
}

func (o Overview) String() string {
	if o.Connections == 0 {
		return "waiting for central servers"
	}
	return fmt.Sprintf("%d receiving, %d connected", o.Receiving, o.Connections)
}

// Reception is a reception server.
type Reception struct {
	Config
	certificate []byte
	identity    string
	receiptKey  string
	connections *limit.Connections
	serving     sync.WaitGroup

	mu       sync.Mutex
	settings Settings
	stopping bool
	live     map[depot.Key]*connection
	durable  int64 // bytes since the start
}

// New makes a Reception.
func New(c Config) (*Reception, error) {
	certificate, err := identity.Certificate(c.Keys.TLS)
	if err != nil {
		return nil, err
	}
	r := &Reception{
		Config: c, certificate: certificate,
		identity:    identity.ID(c.Keys.TLS.Public().(ed25519.PublicKey)),
		receiptKey:  c.Keys.ReceiptKey(),
		connections: limit.New(c.Settings.Connections, c.Clock), settings: c.Settings,
		live: make(map[depot.Key]*connection),
	}
	r.tell(c.Depot.Recovered())
	return r, nil
}

// tell logs what the depot found when it was opened.
func (r *Reception) tell(found depot.Recovery) {
	for _, signed := range found.Published {
		r.about(signed.Delivery).Info("deposited, as was decided before the last stop", journal.Deposited.Mark(), "title", signed.Name, "path", signed.Path, "sha256", signed.SHA256)
	}
	for _, key := range found.Parts {
		r.about(key.String()).Info("keeping what is durable until its sender comes back")
	}
	for _, damaged := range found.Damaged {
		r.Log.Warn("a file of the store cannot be read, leaving it as it is", "file", damaged)
	}
}

// about is the log about a delivery, under the number that it has at its central
// server, so that both journals tell of it by the same.
func (r *Reception) about(key string) *slog.Logger {
	k, err := depot.ParseKey(key)
	if err != nil {
		return r.Log.With("delivery", key) // what a damaged store may have
	}
	return r.Log.With("delivery", k.ID, "central", k.Central)
}

// ReceiptKey is the key by which this server signs receipts, hex.
func (r *Reception) ReceiptKey() string { return r.receiptKey }

// Identity is the identity of this server.
func (r *Reception) Identity() string { return r.identity }

// SetSettings changes the settings, for connections to come.
func (r *Reception) SetSettings(s Settings) {
	r.mu.Lock()
	r.settings = s
	r.mu.Unlock()
	r.connections.Set(s.Connections)
}

// Serve takes connections until ctx ends, then ends their workers and returns
// when all are reaped. What was under way goes on from its durable offset when
// its sender comes back.
func (r *Reception) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	r.serving.Go(func() { r.sweep(ctx) })
	err := limit.Accept(ctx, l, r.connections, r.Log, func(conn *net.TCPConn, place *limit.Place) {
		r.serving.Go(func() {
			defer place.Leave()
			r.serve(ctx, conn, place)
		})
	}, r.pulse)
	// What is still served ends by ctx; nobody claims a delivery any more.
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	r.serving.Wait()
	return err
}

// sign completes a receipt and signs it.
func (r *Reception) sign(unsigned receipt.Receipt) (receipt.Receipt, error) {
	unsigned.Receiver = r.identity
	return receipt.Sign(unsigned, r.Keys.Receipt), nil
}

// sweep drops what has expired.
func (r *Reception) sweep(ctx context.Context) {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for {
		dropped, err := r.Depot.Expire(r.Clock())
		if err != nil {
			r.Log.Warn("looking for expired deliveries failed, trying again", "error", err, "wait", sweepEvery)
		}
		for _, d := range dropped {
			r.about(d.Key.String()).Warn("expired: nobody asked for it, its space is free again", journal.Expired.Mark(), "title", d.Offer.Name)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// claim makes c the connection of key, once an older one, whose sender has
// come back by this one, has ended.
func (r *Reception) claim(key depot.Key, c *connection) error {
	for {
		r.mu.Lock()
		older := r.live[key]
		if older == nil && !r.stopping {
			r.live[key] = c
			r.mu.Unlock()
			return nil
		}
		r.mu.Unlock()
		if older == nil {
			return reason.New(reason.ShuttingDown, "the reception server is stopping")
		}
		older.end(errSuperseded)
		<-older.done
	}
}

var errSuperseded = errors.New("its sender has come back by another connection")

// Overview says what is going on.
func (r *Reception) Overview() Overview {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Overview{Connections: r.connections.Count(), Receiving: len(r.live)}
}

// pulse tells that the loop comes round. It takes the mutex that every
// connection needs: one that is never given back stops the pulse.
func (r *Reception) pulse() {
	if now := r.Overview(); r.Pulse != nil {
		r.Pulse(now)
	}
}

// release undoes claim.
func (r *Reception) release(key depot.Key, c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live[key] == c {
		delete(r.live, key)
	}
}
