// Package session is the one connection of a session worker: taken over and
// established as the supervisor says, served by HTTP, and what the worker asks
// of its supervisor meanwhile.
package session

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/transport"
)

// ALPN names HTTP/1.1 in the TLS handshake (RFC 7301 section 6).
const ALPN = "http/1.1"

// Limits on a client's connection.
const (
	headerWithin = 10 * time.Second
	bodyWithin   = 10 * time.Second
	leftWithin   = time.Second // for the rest of a body, where an answer took longer than that
	// takenWithin is how long a client may take for each piece of an answer. How
	// long the whole takes is its own affair: a film may be watched for hours.
	takenWithin = time.Minute
	piece       = 64 << 10
	// headerSlop is what net/http reads of a header beyond what it may have.
	headerSlop = 4 << 10
)

// usual are the bounds where the supervisor says nothing of them.
var usual = control.Bounds{Idle: 2 * time.Minute, Header: 16 << 10}

// Session is a session worker's connection.
type Session struct {
	*Supervisor
	conn    net.Conn
	browser *control.Browser
	bounds  control.Bounds
}

// Take waits for a client's connection to be handed over, as a spare worker, and
// establishes it.
func Take(c *control.Conn) (*Session, error) {
	file, err := c.Take()
	if err != nil {
		return nil, err
	}
	conn, start, err := transport.Visitor(file, c, ALPN)
	if err != nil {
		c.Fail(err)
		return nil, err
	}
	s := &Session{Supervisor: Ask(c), conn: conn, browser: start.Browser, bounds: usual}
	if start.Bounds != nil {
		s.bounds = *start.Bounds
	}
	return s, nil
}

// Browser says whether the connection is one of a console.
func (s *Session) Browser() bool { return s.browser != nil }

// Secure says whether the connection is encrypted; a cookie may say so then.
func (s *Session) Secure() bool { return s.browser == nil || len(s.browser.Chain) > 0 }

// Serve serves the connection until it closes, is idle for too long, or the
// supervisor stops.
func (s *Session) Serve(handler http.Handler) error {
	if s.Browser() {
		handler = s.guarded(handler)
	}
	handler = timely(handler)
	if s.bounds.Body > 0 {
		handler = http.MaxBytesHandler(handler, s.bounds.Body)
	}
	closed := make(chan struct{})
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerWithin, IdleTimeout: s.bounds.Idle, MaxHeaderBytes: max(s.bounds.Header-headerSlop, 1), ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				close(closed)
			}
		},
	}
	go server.Serve(&single{conn: &patient{Conn: s.conn, left: s.bounds.Bytes}, closed: closed})
	select {
	case <-closed:
	case <-s.gone: // the supervisor stops
		server.Close()
	}
	return nil
}

// single is a listener of one connection.
type single struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (s *single) Accept() (c net.Conn, err error) {
	s.once.Do(func() { c = s.conn })
	if c != nil {
		return c, nil
	}
	<-s.closed
	return nil, net.ErrClosed
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// patient is a connection whose writes each have a deadline of their own, so that
// an answer may be as long as it likes, and a client that takes nothing of it
// ends it.
// A client that has sent all that one connection may is read no further.
type patient struct {
	net.Conn
	left int64 // bytes that the client may still send; 0 at first is any number
	sent bool  // all of them
}

func (p *patient) Read(b []byte) (int, error) {
	if p.sent {
		return 0, errSentAll
	}
	n, err := p.Conn.Read(b)
	if p.left > 0 {
		p.left -= int64(n)
		p.sent = p.left <= 0
	}
	return n, err
}

var errSentAll = errors.New("the client has sent as much as one connection may")

func (p *patient) Write(b []byte) (done int, err error) {
	for {
		if err := p.SetWriteDeadline(time.Now().Add(takenWithin)); err != nil {
			return done, err
		}
		n, err := p.Conn.Write(b[done:min(done+piece, len(b))])
		if done += n; err != nil || done == len(b) {
			return done, err
		}
	}
}

// guarded lets nobody in by a name that another site has given to this machine
// (DNS rebinding).
func (s *Session) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Secure() && !ofThisMachine(r.Host) {
			http.Error(w, "this console is for this machine, at 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// timely bounds how long a body may take to come, for a handler that reads none of
// it as well: what is left of it is read before the connection is used again.
func timely(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		deadline, by := http.NewResponseController(w), time.Now().Add(bodyWithin)
		deadline.SetReadDeadline(by)
		// A copy: of the request itself the server looks at its own body still.
		timed := *r
		// Only while the body is read: an answer may take longer.
		timed.Body = &body{r.Body, func() { deadline.SetReadDeadline(time.Time{}) }}
		next.ServeHTTP(w, &timed)
		// What has come while the handler was at something else is there to be read.
		if soon := time.Now().Add(leftWithin); soon.After(by) {
			by = soon
		}
		deadline.SetReadDeadline(by)
	})
}

// ofThisMachine says whether host, HOST or HOST:PORT, is the loopback's.
func ofThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// body is the body of a request, of whose end it tells.
type body struct {
	io.ReadCloser
	ended func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended()
	}
	return n, err
}
