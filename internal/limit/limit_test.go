package limit

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// at is a clock that stands.
type at struct{ time.Time }

func (a *at) now() time.Time { return a.Time }

func TestBounds(t *testing.T) {
	clock := &at{noon}
	c := New(Bounds{All: 3, PerAddress: 2, Strangers: 3}, clock.now)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	first, second := c.Enter(a), c.Enter(a)
	if first == nil || second == nil {
		t.Fatal("within the bounds, yet refused")
	}
	if c.Enter(a) != nil {
		t.Error("a third from one address")
	}
	third := c.Enter(b)
	if third == nil || c.Enter(b) != nil || c.Count() != 3 {
		t.Error("the bound of all is not kept")
	}
	first.Leave()
	first.Leave()
	fourth := c.Enter(netip.MustParseAddr("::ffff:192.0.2.2"))
	if fourth == nil {
		t.Error("a free place is not given")
	}
	for _, p := range []*Place{second, third, fourth} {
		p.Leave()
	}
	if len(c.from) != 0 || c.all != 0 || len(c.strangers) != 0 {
		t.Errorf("%d, %v and %v stay behind", c.all, c.from, c.strangers)
	}
}

func lost(p *Place) bool {
	select {
	case <-p.Lost():
		return true
	default:
		return false
	}
}

// Who has had a chance to show who it is and has not makes room; who has shown
// it does not.
func TestStrangers(t *testing.T) {
	clock := &at{noon}
	c := New(Bounds{All: 10, PerAddress: 4, Strangers: 2}, clock.now)
	addr := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }
	first, second := c.Enter(addr(1)), c.Enter(addr(2))
	if c.Enter(addr(3)) != nil {
		t.Error("a third stranger was let in at once")
	}
	clock.Time = noon.Add(chance)
	third := c.Enter(addr(3))
	if third == nil || !lost(first) || lost(second) || c.Count() != 2 {
		t.Errorf("the oldest has not made room: %v %v, %d", lost(first), lost(second), c.Count())
	}
	second.Known()
	if c.Enter(addr(4)) == nil || lost(second) || c.Count() != 3 {
		t.Error("one that is known counts as a stranger")
	}
	first.Leave() // it has gone already
	if c.Count() != 3 {
		t.Errorf("%d are counted instead of 3", c.Count())
	}
	clock.Time = noon.Add(-time.Hour) // set back
	if c.Enter(addr(5)) != nil {
		t.Error("a stranger was thrown out before its chance")
	}
}

// Silent ones do not keep out those who share their address.
func TestCrowdOfOneAddress(t *testing.T) {
	clock := &at{noon}
	c := New(Bounds{All: 10, PerAddress: 2, Strangers: 10}, clock.now)
	crowd, elsewhere := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	other, one, two := c.Enter(elsewhere), c.Enter(crowd), c.Enter(crowd)
	one.Known()
	clock.Time = noon.Add(chance)
	if c.Enter(crowd) == nil || !lost(two) || lost(one) || lost(other) {
		t.Errorf("lost are %v of those known, %v of the crowd, %v elsewhere", lost(one), lost(two), lost(other))
	}
	clock.Time = noon.Add(time.Hour)
	if p := c.Enter(crowd); p == nil {
		t.Error("nobody made room")
	} else {
		p.Known()
	}
	if c.Enter(crowd) != nil || lost(other) {
		t.Error("those known have made room, or one elsewhere")
	}
}

// Listeners that share a bound have no more connections than that between them,
// and those that come second leave the first what is kept for it.
func TestBeside(t *testing.T) {
	clock := &at{noon}
	first := New(Bounds{All: 5, PerAddress: 3, Strangers: 3, Kept: 2}, clock.now)
	second, third := first.Beside(), first.Beside()
	a := netip.MustParseAddr("192.0.2.1")
	for i, c := range []*Connections{second, second, third} {
		p := c.Enter(a)
		if p == nil {
			t.Fatalf("%d: within the bounds, yet refused", i)
		}
		p.Known()
	}
	if second.Enter(a) != nil || third.Enter(a) != nil {
		t.Error("a place that is kept was given away")
	}
	its, last := first.Enter(a), first.Enter(a)
	if its == nil || last == nil {
		t.Fatal("a place that is kept is not given")
	}
	if first.Enter(a) != nil {
		t.Error("the bound of all is not kept")
	}
	if first.Count() != 2 || second.Count() != 2 || third.Count() != 1 {
		t.Errorf("%d, %d and %d are counted instead of 2, 2 and 1", first.Count(), second.Count(), third.Count())
	}
	clock.Time = noon.Add(chance)
	if second.Enter(a) != nil || lost(its) || lost(last) {
		t.Error("one of the first listener has made room for one of the second")
	}
	last.Leave()
	if second.Enter(a) != nil {
		t.Error("a place that is kept was given away once it was free again")
	}
	second.Set(Bounds{All: 7, PerAddress: 3, Strangers: 3, Kept: 2})
	stranger := third.Enter(a)
	if stranger == nil {
		t.Fatal("a place that a larger bound gives is not given")
	}
	clock.Time = clock.Add(chance)
	if second.Enter(a) == nil || !lost(stranger) || lost(its) {
		t.Error("a stranger of one listener has made no room for one of another")
	}
}

// Who crowds in at one listener is no crowd at another.
func TestStrangersBeside(t *testing.T) {
	clock := &at{noon}
	first := New(Bounds{All: 10, PerAddress: 2, Strangers: 2}, clock.now)
	second := first.Beside()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	crowd := []*Place{second.Enter(a), second.Enter(a)}
	clock.Time = noon.Add(chance)
	if first.Enter(a) == nil || lost(crowd[0]) || lost(crowd[1]) {
		t.Error("those at another listener count here")
	}
	if second.Enter(b) == nil || !lost(crowd[0]) || lost(crowd[1]) {
		t.Error("the oldest has not made room at its own listener")
	}
}

func TestOneHostOfIPv6(t *testing.T) {
	c := New(Bounds{All: 10, PerAddress: 1, Strangers: 10}, time.Now)
	if c.Enter(netip.MustParseAddr("2001:db8::1")) == nil || c.Enter(netip.MustParseAddr("2001:db8::ffff:2")) != nil {
		t.Error("a /64 counts as more than one")
	}
	if c.Enter(netip.MustParseAddr("2001:db8:0:1::1")) == nil {
		t.Error("another /64 counts as the same")
	}
}

func TestAccept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan func(), 1)
	ended := make(chan error)
	go func() {
		ended <- Accept(ctx, l, New(Bounds{All: 1, PerAddress: 1, Strangers: 1}, time.Now), slog.New(slog.DiscardHandler), func(conn *net.TCPConn, place *Place) {
			served <- func() { conn.Close(); place.Leave() }
		}, nil)
	}()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first := dial()
	defer first.Close()
	end := <-served
	second := dial() // beyond the bound: closed without a word
	defer second.Close()
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a refused connection", n)
	}
	end()
	third := dial()
	defer third.Close()
	(<-served)()
	cancel()
	l.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// scarce is a listener that wants a descriptor for each connection of many.
type scarce struct {
	net.Listener
	rounds int
	end    func()
}

func (l *scarce) Accept() (net.Conn, error) {
	if l.rounds--; l.rounds < 0 {
		l.end()
		return nil, net.ErrClosed
	}
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

// A listener that fails is tried again, after pauses that grow and no further than
// to a second.
func TestEachTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		if err := Each(ctx, &scarce{rounds: 10, end: cancel}, slog.New(slog.DiscardHandler), nil, nil); err != nil {
			t.Error(err)
		}
		want := 255*firstPause + 2*mostPause // 8 that double, and 2
		if took := time.Since(began); took != want {
			t.Errorf("10 pauses took %v instead of %v", took, want)
		}
	})
}

// idle is a listener to which nobody connects.
type idle struct {
	net.Listener
	rounds int
	until  []time.Time
	end    func()
}

func (l *idle) SetDeadline(t time.Time) error {
	l.until = append(l.until, t)
	return nil
}

func (l *idle) Accept() (net.Conn, error) {
	if l.rounds--; l.rounds < 0 {
		l.end()
		return nil, net.ErrClosed
	}
	return nil, &net.OpError{Op: "accept", Err: os.ErrDeadlineExceeded}
}

// The loop comes round though nobody connects, and says so each time.
func TestPulse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, pulses := &idle{rounds: 3, end: cancel}, 0
	if err := Accept(ctx, l, New(Bounds{All: 1, PerAddress: 1, Strangers: 1}, time.Now), slog.New(slog.DiscardHandler), nil, func() { pulses++ }); err != nil {
		t.Error(err)
	}
	if pulses != 4 || len(l.until) != 4 || time.Until(l.until[3]) > pulseEvery {
		t.Errorf("%d pulses, deadlines %v", pulses, l.until)
	}
}
