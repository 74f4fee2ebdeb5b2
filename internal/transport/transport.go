// Package transport is a worker's end of a TCP connection: TLS 1.3 whose
// handshake the supervisor signs, large buffers beneath it, and a deadline for
// a silent peer.
package transport

import (
	"bufio"
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// bufferSize is what TLS hands to the kernel, and takes from it, at a time.
// Records have 16 KiB (RFC 8446 section 5.1); a system call for each costs a
// fifth of the throughput on loopback. A whole frame fits.
const bufferSize = 320 << 10

// Conn is an established connection. One goroutine may read while another
// writes.
type Conn struct {
	*tls.Conn
	raw  *conn
	peer string
}

// Client does the client's part of a handshake on the connection file, as the
// supervisor that ctl leads to. The peer must speak that of alpns which the
// supervisor names, or the first where it names none.
func Client(file *os.File, ctl *control.Conn, alpns ...string) (*Conn, error) {
	return establish(file, ctl, alpns, func(raw *conn, start control.Start, verify func(string) error) (*tls.Conn, error) {
		signer, err := signer(start, ctl)
		if err != nil {
			return nil, err
		}
		alpn := cmp.Or(start.Protocol, alpns[0])
		if !slices.Contains(alpns, alpn) {
			return nil, fmt.Errorf("transport: this worker does not speak %q", alpn)
		}
		return tls.Client(raw, identity.Client(start.Certificate, signer, alpn, verify)), nil
	})
}

// Server does the server's part; the peer chooses one of alpns. With mutual,
// the peer must prove an identity of its own.
func Server(file *os.File, ctl *control.Conn, mutual bool, alpns ...string) (*Conn, error) {
	return establish(file, ctl, alpns, func(raw *conn, start control.Start, verify func(string) error) (*tls.Conn, error) {
		signer, err := signer(start, ctl)
		if err != nil {
			return nil, err
		}
		if !mutual {
			verify = nil
		}
		return tls.Server(raw, identity.ServerOf(start.Certificate, signer, alpns, verify)), nil
	})
}

// Visitor is Server for the client of a session, which need not prove anything.
// Where the supervisor says that it is a browser, it is shown the operator's
// certificates, or there is no TLS.
func Visitor(file *os.File, ctl *control.Conn, alpn string) (net.Conn, control.Start, error) {
	start, err := started(ctl)
	if err != nil {
		return nil, start, err
	}
	switch browser := start.Browser; {
	case browser == nil:
		c, err := begin(file, start, []string{alpn}, func(raw *conn, start control.Start, _ func(string) error) (*tls.Conn, error) {
			signer, err := signer(start, ctl)
			if err != nil {
				return nil, err
			}
			return tls.Server(raw, identity.ServerOf(start.Certificate, signer, []string{alpn}, nil)), nil
		})
		return c, start, err
	case len(browser.Chain) == 0:
		raw, err := take(file, start)
		return raw, start, err
	}
	// What does not negotiate a protocol speaks that one as well.
	c, err := begin(file, start, []string{alpn, ""}, func(raw *conn, start control.Start, _ func(string) error) (*tls.Conn, error) {
		config, err := identity.BrowserServer(start.Browser.Chain, func(message []byte, hash crypto.Hash) ([]byte, error) {
			return signed(ctl, control.Sign{Message: message, Hash: hash})
		})
		if err != nil {
			return nil, err
		}
		return tls.Server(raw, config), nil
	})
	return c, start, err
}

// started hears from the supervisor how to start.
func started(ctl *control.Conn) (control.Start, error) {
	m, err := ctl.Receive()
	if err != nil {
		return control.Start{}, err
	}
	start, ok := m.(control.Start)
	if !ok {
		return start, fmt.Errorf("transport: the supervisor says %T instead of how to start", m)
	}
	return start, nil
}

// take takes over the file of a connection.
func take(file *os.File, start control.Start) (*conn, error) {
	tcp, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	file.Close()
	return newConn(tcp, start.Silence), nil
}

// side makes a side of TLS on a connection; the peer's identity is for verify.
type side func(raw *conn, start control.Start, verify func(string) error) (*tls.Conn, error)

func establish(file *os.File, ctl *control.Conn, alpns []string, side side) (*Conn, error) {
	start, err := started(ctl)
	if err != nil {
		return nil, err
	}
	return begin(file, start, alpns, side)
}

func begin(file *os.File, start control.Start, alpns []string, side side) (*Conn, error) {
	raw, err := take(file, start)
	if err != nil {
		return nil, err
	}
	c := &Conn{raw: raw}
	c.Conn, err = side(raw, start, func(id string) error {
		if start.Peer != "" && id != start.Peer {
			return reason.New(reason.IdentityChanged, "it has to be %s and shows %s", identity.Short(start.Peer), identity.Short(id))
		}
		c.peer = id
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The whole handshake has one deadline: a peer that sends a byte a second
	// is silent too.
	ctx, cancel := context.WithTimeout(context.Background(), start.Handshake)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, explainHandshake(err)
	}
	if got := c.Protocol(); !slices.Contains(alpns, got) {
		return nil, reason.New(reason.Protocol, "the peer speaks %q instead of %q", got, strings.Join(alpns, " or "))
	}
	return c, nil
}

// signer signs this connection's handshake, and nothing else, through the supervisor.
func signer(start control.Start, ctl *control.Conn) (crypto.Signer, error) {
	return identity.NewRemoteSigner(start.Certificate, func(message []byte) ([]byte, error) {
		return signed(ctl, control.Sign{Message: message})
	})
}

// signed asks the supervisor for a signature.
func signed(ctl *control.Conn, ask control.Sign) ([]byte, error) {
	if err := ctl.Send(ask); err != nil {
		return nil, err
	}
	m, err := ctl.Receive()
	if err != nil {
		return nil, err
	}
	signed, ok := m.(control.Signed)
	if !ok {
		return nil, fmt.Errorf("transport: the supervisor answers %T instead of a signature", m)
	}
	return signed.Signature, nil
}

// Peer is the identity that the peer proved, or "".
func (c *Conn) Peer() string { return c.peer }

// Protocol is what both sides speak, by its name of ALPN.
func (c *Conn) Protocol() string { return c.ConnectionState().NegotiatedProtocol }

// Export takes size bytes from the TLS session that both sides have and nobody
// else (RFC 8446 section 7.5).
func (c *Conn) Export(label string, size int) ([]byte, error) {
	state := c.ConnectionState()
	return state.ExportKeyingMaterial(label, nil, size)
}

// Stream makes c one for a long stream: what is written goes out with Flush, or
// when the buffer is full, and a peer that is silent is dropped. Without it, c
// has the deadlines that are set on it.
func (c *Conn) Stream() { c.raw.stream.Store(true) }

// Flush sends what was written.
func (c *Conn) Flush() error { return c.raw.flush() }

// Patient sets what decides, when the peer has been silent or has taken
// nothing for the time allowed, whether that is all right for once.
func (c *Conn) Patient(f func() bool) { c.raw.patient.Store(&f) }

// Hurry gives all that is read until done is called one deadline, after the silence:
// a peer that sends a byte now and then is silent too. It is for a stream, and for
// who reads it.
func (c *Conn) Hurry() (done func()) {
	by := time.Now().Add(c.raw.silence)
	c.raw.by.Store(&by)
	return func() { c.raw.by.Store(nil) }
}

// linger is how long Close waits for the peer to have read the last words.
const linger = 2 * time.Second

// Close sends what was written, ends this side and waits shortly for the
// other: a connection closed with unread bytes in it is reset, and the reset
// can overtake the last words.
func (c *Conn) Close() error {
	if err := errors.Join(c.Conn.CloseWrite(), c.Flush()); err != nil {
		c.Abort()
		return err
	}
	if tcp, ok := c.raw.Conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
		tcp.SetReadDeadline(time.Now().Add(linger))
		io.Copy(io.Discard, tcp)
	}
	return c.raw.Conn.Close()
}

// Abort closes the connection without a word; a Read or Write that waits returns.
func (c *Conn) Abort() { c.raw.Conn.Close() }

// conn is the TCP connection beneath TLS.
type conn struct {
	net.Conn
	silence time.Duration
	patient atomic.Pointer[func() bool]
	stream  atomic.Bool // set once, after the handshake
	by      atomic.Pointer[time.Time]
	in      *bufio.Reader

	mu  sync.Mutex // TLS itself may write while the worker flushes
	out *bufio.Writer
}

func newConn(tcp net.Conn, silence time.Duration) *conn {
	c := &conn{Conn: tcp, silence: silence}
	c.in = bufio.NewReaderSize(reader{c}, bufferSize)
	c.out = bufio.NewWriterSize(writer{c}, bufferSize)
	return c
}

func (c *conn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.out.Write(p)
	if err == nil && !c.stream.Load() {
		err = c.out.Flush()
	}
	return n, err
}

func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Flush()
}

func (c *conn) forgives() bool {
	f := c.patient.Load()
	return f != nil && (*f)()
}

type reader struct{ *conn }

func (r reader) Read(p []byte) (int, error) {
	if !r.stream.Load() {
		return r.Conn.Read(p)
	}
	for {
		deadline := time.Now().Add(r.silence)
		by := r.by.Load()
		if by != nil && by.Before(deadline) {
			deadline = *by
		}
		if err := r.Conn.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		n, err := r.Conn.Read(p)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			if by != nil {
				return 0, reason.New(reason.PeerSilent, "not all of it came in %v", r.silence)
			}
			if r.forgives() {
				continue
			}
			return 0, reason.New(reason.PeerSilent, "nothing came for %v", r.silence)
		}
		return n, err
	}
}

type writer struct{ *conn }

func (w writer) Write(p []byte) (int, error) {
	if !w.stream.Load() {
		return w.Conn.Write(p)
	}
	for done := 0; ; {
		if err := w.Conn.SetWriteDeadline(time.Now().Add(w.silence)); err != nil {
			return done, err
		}
		n, err := w.Conn.Write(p[done:])
		done += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
		if n == 0 && !w.forgives() {
			return done, reason.New(reason.PeerSilent, "nothing was taken for %v", w.silence)
		}
	}
}

// explain gives an error of the connection its reason.
func explain(err error, doing string) error {
	var known *reason.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return reason.Wrap(reason.PeerSilent, err, "%s", doing)
	case isAlert(err), errors.As(err, new(tls.RecordHeaderError)):
		return reason.Wrap(reason.Protocol, err, "%s", doing)
	}
	return reason.Wrap(reason.ConnectionLost, err, "%s", doing)
}

// isAlert says whether either side has ended the connection by an alert
// (RFC 8446 section 6.2). Its type is not exported; what carries it is known by
// these words.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// explainHandshake gives an error of the handshake its reason: what is not of
// the connection itself is in what the peer sent.
func explainHandshake(err error) error {
	const doing = "TLS handshake"
	ofConnection := errors.As(err, new(net.Error)) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if reason.Of(err) == reason.Internal && !ofConnection {
		return reason.Wrap(reason.Protocol, err, doing)
	}
	return explain(err, doing)
}

// Explain gives an error of reading or writing a Conn its reason: that which
// it has, or reason.ConnectionLost.
func Explain(err error, doing string) error { return explain(err, doing) }
