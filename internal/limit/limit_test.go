package limit

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

func TestBounds(t *testing.T) {
	c := New(3, 2)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range 2 {
		if !c.Take(a) {
			t.Fatal("within both bounds, yet refused")
		}
	}
	if c.Take(a) {
		t.Error("a third from one address")
	}
	if !c.Take(b) || c.Take(b) {
		t.Error("the bound of all is not kept")
	}
	c.Release(a)
	if !c.Take(netip.MustParseAddr("::ffff:192.0.2.2")) {
		t.Error("a free place is not given")
	}
	c.Release(b)
	c.Release(b)
	c.Release(a)
	if len(c.from) != 0 || c.all != 0 {
		t.Errorf("%d and %v stay behind", c.all, c.from)
	}
}

func TestOneHostOfIPv6(t *testing.T) {
	c := New(10, 1)
	if !c.Take(netip.MustParseAddr("2001:db8::1")) || c.Take(netip.MustParseAddr("2001:db8::ffff:2")) {
		t.Error("a /64 counts as more than one")
	}
	if !c.Take(netip.MustParseAddr("2001:db8:0:1::1")) {
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
		ended <- Accept(ctx, l, New(1, 1), slog.New(slog.DiscardHandler), func(conn *net.TCPConn, release func()) {
			served <- func() { conn.Close(); release() }
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
	if err := Accept(ctx, l, New(1, 1), slog.New(slog.DiscardHandler), nil, func() { pulses++ }); err != nil {
		t.Error(err)
	}
	if pulses != 4 || len(l.until) != 4 || time.Until(l.until[3]) > pulseEvery {
		t.Errorf("%d pulses, deadlines %v", pulses, l.until)
	}
}
