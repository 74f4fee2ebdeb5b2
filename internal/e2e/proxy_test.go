package e2e

import (
	"context"
	"io"
	"maps"
	"net"
	"sync"
	"testing"
)

// direction is a way through a proxy.
type direction int

const (
	up   direction = iota // from the central server to the reception
	down                  // back
)

// proxy passes TCP connections on to a target that may change, and breaks them
// where it is told to.
type proxy struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	target string
	pairs  map[*pair]bool
	passed [2]int64         // bytes, by direction, over all connections
	watch  func(c *pair)    // called with the mutex held as bytes pass
	held   [2]chan struct{} // not nil: nothing passes in that direction until closed
}

// pair is the two halves of one connection.
type pair struct {
	halves [2]*net.TCPConn // towards the central server, towards the reception
	passed [2]int64
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, pairs: make(map[*pair]bool)}
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.release()
		p.cut(true)
		p.serving.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// setTarget changes where connections go; "" is nowhere.
func (p *proxy) setTarget(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = address
}

// on has watch called after each piece that passes, nil for none any more.
func (p *proxy) on(watch func(*pair)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = watch
}

// reach gives what is closed once more than n bytes have passed from now on, in
// both directions; if fresh, on connections to come.
func (p *proxy) reach(n int64, fresh bool) <-chan struct{} {
	reached, since := make(chan struct{}), int64(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	before := make(map[*pair]int64)
	for c := range p.pairs {
		before[c] = c.passed[up] + c.passed[down]
	}
	old := maps.Clone(before)
	p.watch = func(c *pair) {
		if _, known := old[c]; known && fresh {
			return
		}
		now := c.passed[up] + c.passed[down]
		since += now - before[c]
		before[c] = now
		if since > n {
			p.watch = nil
			close(reached)
		}
	}
	return reached
}

// total is how many bytes have passed in a direction.
func (p *proxy) total(d direction) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[d]
}

// hold lets nothing pass in a direction until release, without a word.
func (p *proxy) hold(d direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding(d)
}

func (p *proxy) holding(d direction) {
	if p.held[d] == nil {
		p.held[d] = make(chan struct{})
	}
}

// holdAfter holds a direction once n bytes of a connection have passed up.
func (p *proxy) holdAfter(n int64, d direction) {
	p.on(func(c *pair) {
		if c.passed[up] >= n {
			p.holding(d)
		}
	})
}

// release ends a hold. What was held is lost, and its connections with it.
func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = nil
	for d, held := range p.held {
		if held != nil {
			close(held)
			p.held[d] = nil
		}
	}
}

// cut ends all connections, with a reset or in order.
func (p *proxy) cut(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.cut(reset)
	}
}

func (c *pair) cut(reset bool) {
	for _, half := range c.halves {
		if reset {
			half.SetLinger(0)
		}
		half.Close()
	}
}

func (p *proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		var dialer net.Dialer
		to, err := dialer.DialContext(context.Background(), "tcp", target)
		if target == "" || err != nil {
			from.(*net.TCPConn).SetLinger(0)
			from.Close()
			continue
		}
		c := &pair{halves: [2]*net.TCPConn{from.(*net.TCPConn), to.(*net.TCPConn)}}
		p.mu.Lock()
		p.pairs[c] = true
		p.mu.Unlock()
		p.serving.Go(func() { p.serve(c) })
	}
}

func (p *proxy) serve(c *pair) {
	var ways sync.WaitGroup
	ways.Go(func() { p.pass(c, up, c.halves[0], c.halves[1]) })
	ways.Go(func() { p.pass(c, down, c.halves[1], c.halves[0]) })
	ways.Wait()
	c.cut(false)
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// pass passes one direction on, piece by piece, until its end.
func (p *proxy) pass(c *pair, d direction, from, to *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		held := p.held[d]
		p.mu.Unlock()
		if held != nil {
			<-held
			p.cut(true)
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				from.SetLinger(0)
				from.Close()
				return
			}
			p.count(c, d, int64(n))
		}
		if err == io.EOF {
			to.CloseWrite()
			return
		}
		if err != nil { // a reset is passed on as one
			to.SetLinger(0)
			to.Close()
			return
		}
	}
}

func (p *proxy) count(c *pair, d direction, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed[d] += n
	c.passed[d] += n
	if p.watch != nil {
		p.watch(c)
	}
}
