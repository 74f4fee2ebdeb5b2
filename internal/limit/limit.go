// Package limit bounds how many connections there are at once, in all and from
// one address, before anything is spent on them.
package limit

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Connections counts connections against two bounds. Safe for concurrent use.
type Connections struct {
	mu         sync.Mutex
	most, each int
	all        int
	from       map[netip.Addr]int
}

// New allows most connections at once and each of them from one address.
func New(most, each int) *Connections {
	return &Connections{most: most, each: each, from: make(map[netip.Addr]int)}
}

// Set changes the bounds. Connections beyond them stay.
func (c *Connections) Set(most, each int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most, c.each = most, each
}

// Take counts a connection from addr, unless a bound is reached.
func (c *Connections) Take(addr netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr = of(addr)
	if c.all >= c.most || c.from[addr] >= c.each {
		return false
	}
	c.all++
	c.from[addr]++
	return true
}

// Count is how many there are.
func (c *Connections) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// Release undoes Take.
func (c *Connections) Release(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr = of(addr)
	c.all--
	if c.from[addr]--; c.from[addr] == 0 {
		delete(c.from, addr)
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
// which must not block and must see to it that release is called once; the
// others are closed. Unless it is nil, pulse is called each time that the loop
// comes round, every 2 s at least. Accept returns nil once ctx has ended and l
// is closed.
func Accept(ctx context.Context, l net.Listener, c *Connections, log *slog.Logger, serve func(conn *net.TCPConn, release func()), pulse func()) error {
	pause := firstPause
	var refused refusals
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
		addr := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
		if !c.Take(addr) {
			conn.Close()
			if n := refused.count(time.Now()); n > 0 {
				log.Warn("too many connections, refusing more", "peer", addr, "refused", n)
			}
			continue
		}
		serve(conn.(*net.TCPConn), sync.OnceFunc(func() { c.Release(addr) }))
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
