// Package limit bounds how many connections there are at once, in all, from one
// address, and of those that nobody knows yet, before anything is spent on them.
package limit

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"videoclub/internal/moment"
)

// Bounds are on connections at once. A stranger is one that has not shown yet
// that it may ask for anything.
type Bounds struct {
	All        int // of all listeners that share the bounds
	PerAddress int // of one listener from one address
	Strangers  int // of one listener
	Kept       int // of all, for the listener that comes first (Connections.Beside)
}

// Connections counts the connections of one listener against bounds, of which
// that on all may be shared with others. Safe for concurrent use.
type Connections struct {
	*shared
	first   bool // may have the places that are kept
	count   int
	from    map[netip.Addr]int
	strange int // how many of the strangers are its own
}

// shared is what listeners have together, and the lock of what each has alone.
type shared struct {
	clock moment.Clock

	mu        sync.Mutex
	bounds    Bounds
	all       int
	strangers []*Place // in the order in which they came
}

// New makes Connections.
func New(b Bounds, clock moment.Clock) *Connections {
	return &Connections{shared: &shared{bounds: b, clock: clock}, first: true, from: make(map[netip.Addr]int)}
}

// Beside makes the Connections of another listener, which share the bound on all
// with c, so that a process can be counted on for each whoever comes where. They
// leave c the places that are kept: who crowds in there keeps nobody out here.
func (c *Connections) Beside() *Connections {
	return &Connections{shared: c.shared, from: make(map[netip.Addr]int)}
}

// Set changes the bounds, for all that share them. Connections beyond them stay.
func (c *Connections) Set(b Bounds) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bounds = b
}

// Count is how many there are of this listener.
func (c *Connections) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Place is a connection's among those that there may be.
type Place struct {
	in    *Connections
	from  netip.Addr
	since time.Time
	lost  chan struct{}
	left  bool
}

// chance is how long a stranger has before it makes room for others: a
// handshake takes milliseconds. It bounds how often one takes another's place,
// and so how many workers are started for those that say nothing.
const chance = 3 * time.Second

// Enter gives a connection from addr its place, nil where a bound is reached. A
// stranger that has had its chance makes room: else a few that say nothing would
// keep everybody out, and those that share their address first of all.
func (c *Connections) Enter(addr netip.Addr) *Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr = of(addr)
	now := c.clock()
	for {
		yields := c.reached(addr)
		if yields == nil {
			break
		}
		i := slices.IndexFunc(c.strangers, yields)
		if i < 0 || now.Sub(c.strangers[i].since) < chance {
			return nil
		}
		p := c.strangers[i]
		close(p.lost)
		p.leave()
	}
	p := &Place{in: c, from: addr, since: now, lost: make(chan struct{})}
	c.all++
	c.count++
	c.from[addr]++
	c.strange++
	c.strangers = append(c.strangers, p)
	return p
}

// reached looks for a bound that leaves no place for one more from addr, and says
// which strangers may make room then; nil where there is a place. Those of the
// listener that comes first make none for those of others.
func (c *Connections) reached(addr netip.Addr) func(*Place) bool {
	most := c.bounds.All
	if !c.first {
		most -= c.bounds.Kept
	}
	switch {
	case c.from[addr] >= c.bounds.PerAddress:
		return func(p *Place) bool { return p.in == c && p.from == addr }
	case c.strange >= c.bounds.Strangers:
		return func(p *Place) bool { return p.in == c }
	case c.all >= most:
		return func(p *Place) bool { return c.first || !p.in.first }
	}
	return nil
}

// Lost is closed when the place is another's: the connection is to end.
func (p *Place) Lost() <-chan struct{} { return p.lost }

// Known says that the connection is no stranger any more: it keeps its place.
func (p *Place) Known() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.known()
}

func (p *Place) known() {
	if i := slices.Index(p.in.strangers, p); i >= 0 {
		p.in.strangers = slices.Delete(p.in.strangers, i, i+1)
		p.in.strange--
	}
}

// Leave gives the place up. It may be called more than once.
func (p *Place) Leave() {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.leave()
}

func (p *Place) leave() {
	if p.left {
		return
	}
	p.left = true
	p.known()
	c := p.in
	c.all--
	c.count--
	if c.from[p.from]--; c.from[p.from] == 0 {
		delete(c.from, p.from)
	}
}

// of is what counts as one address: of IPv6 the /64 that one host commands
// (RFC 4291 section 2.5.4).
func of(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() && !addr.IsLoopback() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// A listener that fails for want of descriptors or memory is tried again after
// these pauses.
const (
	firstPause = 5 * time.Millisecond
	mostPause  = time.Second
)

// pulseEvery is how often a loop that has no connection to take comes round.
const pulseEvery = 2 * time.Second

// Accept takes connections from l and gives those within the bounds to serve,
// which must not block, and must see to it that the place is left; the
// others are closed. Unless it is nil, pulse is called each time that the loop
// comes round, every 2 s at least. Accept returns nil once ctx has ended and l
// is closed.
func Accept(ctx context.Context, l net.Listener, c *Connections, log *slog.Logger, serve func(conn *net.TCPConn, place *Place), pulse func()) error {
	var refused refusals
	return Each(ctx, l, log, func(conn net.Conn) {
		addr := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
		place := c.Enter(addr)
		if place == nil {
			conn.Close()
			if n := refused.count(time.Now()); n > 0 {
				log.Warn("too many connections, refusing more", "peer", addr, "refused", n)
			}
			return
		}
		serve(conn.(*net.TCPConn), place)
	}, pulse)
}

// Each takes all connections from l, as Accept does, whatever is to bound them. A
// listener that fails is tried again: what it wants comes back.
func Each(ctx context.Context, l net.Listener, log *slog.Logger, serve func(conn net.Conn), pulse func()) error {
	pause := firstPause
	for {
		conn, err := next(l, pulse)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
			continue
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			log.Warn("no connection can be taken, trying again", "error", err, "wait", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, mostPause)
			continue
		}
		pause = firstPause
		serve(conn)
	}
}

// next waits for a connection, with a pulse for no longer than until the next
// one is due: os.ErrDeadlineExceeded.
func next(l net.Listener, pulse func()) (net.Conn, error) {
	if pulse != nil {
		pulse()
		if timed, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
			if err := timed.SetDeadline(time.Now().Add(pulseEvery)); err != nil {
				return nil, err
			}
		}
	}
	return l.Accept()
}

// refusals bounds what is logged of refusals to one line a second.
type refusals struct {
	said  time.Time
	since int
}

// count counts a refusal, and gives how many to report, 0 for none yet.
func (r *refusals) count(now time.Time) int {
	r.since++
	if now.Sub(r.said) < time.Second {
		return 0
	}
	n := r.since
	r.said, r.since = now, 0
	return n
}
