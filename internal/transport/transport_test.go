package transport

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// long is a silence that no test waits for; short is one that it does.
const (
	long  = time.Minute
	short = 20 * time.Millisecond
)

func keyOf(side identity.Side) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(side)}, ed25519.SeedSize))
}

func idOf(side identity.Side) string {
	return identity.ID(keyOf(side).Public().(ed25519.PublicKey))
}

// tcp gives both ends of a TCP connection on this machine.
func tcp(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	taken, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); taken.Close() })
	return dialled.(*net.TCPConn), taken.(*net.TCPConn)
}

// file gives the connection as a supervisor passes it.
func file(t *testing.T, c *net.TCPConn) *os.File {
	t.Helper()
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return f
}

// supervise plays the supervisor of one worker, whose end it gives: it says how
// to start, and signs once for its side.
func supervise(t *testing.T, side identity.Side, silence time.Duration) *control.Conn {
	t.Helper()
	certificate, err := identity.Certificate(keyOf(side))
	if err != nil {
		t.Fatal(err)
	}
	own, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := control.New(theirs)
	var wg sync.WaitGroup
	wg.Go(func() {
		if own.Send(control.Start{Certificate: certificate, Handshake: silence, Silence: silence}) != nil {
			return
		}
		m, err := own.Receive()
		if err != nil {
			return
		}
		if signature, err := identity.SignHandshake(keyOf(side), side, m.(control.Sign).Message); err == nil {
			own.Send(control.Signed{Signature: signature})
		}
	})
	t.Cleanup(func() { worker.Close(); own.Close(); wg.Wait() })
	return worker
}

// result is what one side of a handshake came to.
type result struct {
	conn *Conn
	err  error
}

// shake does both sides of a handshake at once.
func shake(t *testing.T, clientALPN, serverALPN string, mutual bool) (client, server result) {
	t.Helper()
	c, s := tcp(t)
	clientFile, serverFile := file(t, c), file(t, s)
	clientControl, serverControl := supervise(t, identity.ClientSide, long), supervise(t, identity.ServerSide, long)
	var wg sync.WaitGroup
	wg.Go(func() {
		client.conn, client.err = Client(clientFile, clientControl, clientALPN)
		if client.err != nil {
			clientFile.Close()
		}
	})
	wg.Go(func() { server.conn, server.err = Server(serverFile, serverControl, mutual, serverALPN) })
	wg.Wait()
	for _, r := range []result{client, server} {
		if r.conn != nil {
			t.Cleanup(r.conn.Abort)
		}
	}
	return client, server
}

// pair gives two ends that have met, for long streams, each with a silence.
func pair(t *testing.T, clientSilence, serverSilence time.Duration) (client, server *Conn) {
	t.Helper()
	c, s := shake(t, "vctp/1", "vctp/1", true)
	if err := errors.Join(c.err, s.err); err != nil {
		t.Fatal(err)
	}
	c.conn.raw.silence, s.conn.raw.silence = clientSilence, serverSilence
	c.conn.Stream()
	s.conn.Stream()
	return c.conn, s.conn
}

// Who has to hurry has one deadline for all that it says, and none when it is done.
func TestHurry(t *testing.T) {
	for name, done := range map[string]bool{"in a hurry": false, "done": true} {
		client, server := pair(t, long, time.Nanosecond)
		end := server.Hurry()
		server.raw.silence = long // of each byte
		if done {
			end()
		}
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := client.Flush(); err != nil {
			t.Fatal(err)
		}
		n, err := server.Read(make([]byte, 1))
		if done && (n != 1 || err != nil) || !done && reason.Of(err) != reason.PeerSilent {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
}

func TestHandshake(t *testing.T) {
	c, s := shake(t, "vctp/1", "vctp/1", true)
	if err := errors.Join(c.err, s.err); err != nil {
		t.Fatal(err)
	}
	if c.conn.Peer() != idOf(identity.ServerSide) || s.conn.Peer() != idOf(identity.ClientSide) {
		t.Errorf("the client sees %s, the server %s", c.conn.Peer(), s.conn.Peer())
	}
	c, s = shake(t, "http/1.1", "http/1.1", false)
	if err := errors.Join(c.err, s.err); err != nil {
		t.Fatal(err)
	}
	if c.conn.Peer() != idOf(identity.ServerSide) || s.conn.Peer() != "" {
		t.Errorf("not mutual: the client sees %s, the server %s", c.conn.Peer(), s.conn.Peer())
	}
}

func TestOtherProtocol(t *testing.T) {
	for _, alpn := range [][2]string{{"vctp/1", "http/1.1"}, {"vctp/1", "vctp/2"}} {
		c, s := shake(t, alpn[0], alpn[1], true)
		if reason.Of(c.err) != reason.Protocol || reason.Of(s.err) != reason.Protocol {
			t.Errorf("%s meets %s: client %v, server %v", alpn[0], alpn[1], c.err, s.err)
		}
	}
}

// What is no TLS is a breach of the protocol; a peer that goes is a lost
// connection; one that says nothing, or not enough, is silent.
func TestHandshakeFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		silence time.Duration
		peer    func(*net.TCPConn)
		want    reason.Code
	}{
		{"plain text", long, func(p *net.TCPConn) { io.WriteString(p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }, reason.Protocol},
		{"gone", long, func(p *net.TCPConn) { p.Close() }, reason.ConnectionLost},
		{"reset", long, func(p *net.TCPConn) { p.SetLinger(0); p.Close() }, reason.ConnectionLost},
		{"silent", short, func(*net.TCPConn) {}, reason.PeerSilent},
		{"a byte and no more", short, func(p *net.TCPConn) { p.Write([]byte{22}) }, reason.PeerSilent},
	} {
		peer, own := tcp(t)
		c.peer(peer)
		if _, err := Server(file(t, own), supervise(t, identity.ServerSide, c.silence), true, "vctp/1"); reason.Of(err) != c.want {
			t.Errorf("%s: %v (%s)", c.name, err, reason.Of(err))
		}
	}
}

// Without its supervisor a worker establishes nothing.
func TestSupervisorGone(t *testing.T) {
	own, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	_, c := tcp(t)
	own.Close()
	if _, err := Server(file(t, c), control.New(theirs), true, "vctp/1"); err == nil {
		t.Error("a connection was established")
	}
	own, theirs, err = control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := own.Send(control.LetGo{}); err != nil {
		t.Fatal(err)
	}
	_, c = tcp(t)
	if _, err := Server(file(t, c), control.New(theirs), true, "vctp/1"); err == nil {
		t.Error("a connection was established without a start")
	}
}

// What is written arrives, in both directions at once.
func TestStream(t *testing.T) {
	client, server := pair(t, long, long)
	sent := bytes.Repeat([]byte("all that is sent arrives whole; "), 100_000)
	var wg sync.WaitGroup
	for _, c := range []*Conn{client, server} {
		wg.Go(func() {
			for p := sent; len(p) > 0; {
				n := min(len(p), 70_001)
				if _, err := c.Write(p[:n]); err != nil {
					t.Error(err)
					return
				}
				p = p[n:]
			}
			if err := c.Flush(); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("other bytes arrived: %v", err)
			}
		})
	}
	wg.Wait()
}

// A peer that says nothing is dropped, unless whoever waits has reason to be
// patient.
func TestSilentPeer(t *testing.T) {
	client, _ := pair(t, short, long)
	if _, err := client.Read(make([]byte, 1)); reason.Of(err) != reason.PeerSilent {
		t.Errorf("a silent peer: %v", err)
	}

	client, server := pair(t, short, long)
	asked := 0
	client.Patient(func() bool {
		if asked++; asked == 3 {
			say(t, server, "late")
		}
		return true
	})
	got := make([]byte, 4)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "late" || asked < 3 {
		t.Errorf("asked %d times: %q, %v", asked, got, err)
	}
	client.Patient(func() bool { return false })
	if _, err := client.Read(got); reason.Of(err) != reason.PeerSilent {
		t.Errorf("no longer patient: %v", err)
	}
}

func say(t *testing.T, c *Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
}

// fill writes until the peer's and the kernel's buffers are full and the write
// fails, and gives its error.
func fill(c *Conn, most int) error {
	block := make([]byte, 1<<20)
	for n := 0; n < most; n += len(block) {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
	return c.Flush()
}

// A peer that takes nothing is dropped; one that is slow, with reason to be
// patient, gets everything.
func TestSlowPeer(t *testing.T) {
	client, _ := pair(t, short, long)
	if err := fill(client, 1<<30); reason.Of(err) != reason.PeerSilent {
		t.Errorf("a peer that takes nothing: %v", err)
	}

	const size = 64 << 20
	client, server := pair(t, short, long)
	asked, start := 0, make(chan struct{})
	client.Patient(func() bool {
		if asked++; asked == 2 {
			close(start)
		}
		return true
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		<-start
		if n, err := io.CopyN(io.Discard, server, size); err != nil {
			t.Errorf("%d bytes came: %v", n, err)
		}
	})
	if err := fill(client, size); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if asked < 2 {
		t.Errorf("the writer waited %d times", asked)
	}
}

// The last words arrive though bytes of the peer were never read: a reset must
// not overtake them.
func TestLastWords(t *testing.T) {
	client, server := pair(t, long, long)
	say(t, client, strings.Repeat("never read; ", 100_000))
	if _, err := io.WriteString(server, "last words"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		got, err := io.ReadAll(client)
		if err != nil || string(got) != "last words" {
			t.Errorf("heard was %q: %v", got, err)
		}
		client.Abort()
	})
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := server.Write([]byte("x")); err == nil {
		t.Error("a closed connection takes more")
	}
}

// Abort lets go who waits.
func TestAbort(t *testing.T) {
	client, server := pair(t, long, long)
	ended := make(chan error, 1)
	client.Patient(func() bool { return true })
	go func() {
		_, err := client.Read(make([]byte, 1))
		ended <- err
	}()
	client.Abort()
	if err := <-ended; err == nil {
		t.Error("a read went on")
	}
	if _, err := server.Read(make([]byte, 1)); reason.Of(Explain(err, "reading")) != reason.ConnectionLost {
		t.Errorf("the other side: %v", err)
	}
}

func TestExplain(t *testing.T) {
	known := reason.New(reason.NoSpace, "full")
	for _, c := range []struct {
		err  error
		want reason.Code
	}{{nil, ""}, {known, reason.NoSpace}, {io.EOF, reason.ConnectionLost}, {net.ErrClosed, reason.ConnectionLost}} {
		if got := reason.Of(Explain(c.err, "reading")); got != c.want {
			t.Errorf("%v is explained as %q", c.err, got)
		}
	}
}
