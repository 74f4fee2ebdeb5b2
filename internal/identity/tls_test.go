package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/reason"
)

const protocol = "vctp/1"

// peer is one end whose key signs remotely, for the side it says.
type peer struct {
	id     string
	cert   []byte
	signer *RemoteSigner
	signed int
	seen   string // the identity that verify got
}

func newPeer(t *testing.T, seed byte, side Side) *peer {
	t.Helper()
	key := seeded(seed)
	p := &peer{id: ID(key.Public().(ed25519.PublicKey))}
	var err error
	if p.cert, err = Certificate(key); err != nil {
		t.Fatal(err)
	}
	p.signer, err = NewRemoteSigner(p.cert, func(message []byte) ([]byte, error) {
		p.signed++
		return SignHandshake(key, side, message)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *peer) verify(id string) error { p.seen = id; return nil }

// pair is a connection with the kernel's buffers between its ends: over an
// unbuffered one, two ends that send alerts wait for each other.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		conns[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		conns[i].SetDeadline(time.Now().Add(20 * time.Second))
	}
	return conns[0], conns[1]
}

// meet has a server and a client shake hands and exchange a byte each way, the
// server first, so that the client hears whether it was accepted.
func meet(t *testing.T, server, client *tls.Config) (state tls.ConnectionState, atServer, atClient error) {
	t.Helper()
	a, b := pair(t)
	done := make(chan error, 1)
	go func() {
		defer a.Close()
		s := tls.Server(a, server)
		done <- func() error {
			if err := s.Handshake(); err != nil {
				return err
			}
			return trade(s.Write, s.Read)
		}()
	}()
	c := tls.Client(b, client)
	atClient = func() error {
		if err := c.Handshake(); err != nil {
			return err
		}
		return trade(c.Read, c.Write)
	}()
	state = c.ConnectionState()
	b.Close()
	return state, <-done, atClient
}

func trade(first, second func([]byte) (int, error)) error {
	b := []byte{1}
	if _, err := first(b); err != nil {
		return err
	}
	_, err := second(b)
	return err
}

func TestMutualHandshake(t *testing.T) {
	server, client := newPeer(t, 1, ServerSide), newPeer(t, 2, ClientSide)
	serving := Server(server.cert, server.signer, protocol, server.verify)
	calling := Client(client.cert, client.signer, protocol, client.verify)
	calling.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for i := 1; i <= 2; i++ {
		state, atServer, atClient := meet(t, serving, calling)
		if atServer != nil || atClient != nil {
			t.Fatalf("server: %v, client: %v", atServer, atClient)
		}
		if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != protocol || state.DidResume {
			t.Errorf("version %x, protocol %q, resumed %v", state.Version, state.NegotiatedProtocol, state.DidResume)
		}
		if server.seen != client.id || client.seen != server.id {
			t.Errorf("the server saw %q, the client %q", server.seen, client.seen)
		}
		if server.signed != i || client.signed != i {
			t.Errorf("after %d handshakes the server signed %d times, the client %d", i, server.signed, client.signed)
		}
	}
}

func TestClientWithoutIdentity(t *testing.T) {
	server, user := newPeer(t, 1, ServerSide), &peer{}
	for _, alpn := range []string{"", "http/1.1"} {
		_, atServer, atClient := meet(t, Server(server.cert, server.signer, alpn, nil), Client(nil, nil, alpn, user.verify))
		if atServer != nil || atClient != nil || user.seen != server.id {
			t.Errorf("protocol %q: server: %v, client: %v, which saw %q", alpn, atServer, atClient, user.seen)
		}
	}
}

func TestHandshakeRefused(t *testing.T) {
	server, client := newPeer(t, 1, ServerSide), newPeer(t, 2, ClientSide)
	serving := func(change func(*tls.Config)) *tls.Config {
		c := Server(server.cert, server.signer, protocol, server.verify)
		change(c)
		return c
	}
	calling := func(change func(*tls.Config)) *tls.Config {
		c := Client(client.cert, client.signer, protocol, client.verify)
		change(c)
		return c
	}
	same := func(*tls.Config) {}
	stranger := func(string) error { return reason.New(reason.IdentityChanged, "not who was expected") }
	reversed, turncoat := newPeer(t, 1, ClientSide), newPeer(t, 2, ServerSide)
	ecdsaOnly := func(c *tls.Config) { c.Certificates = []tls.Certificate{ecdsaCertificate(t)} }
	twice := func(c *tls.Config) {
		own := c.Certificates[0].Certificate[0]
		c.Certificates[0].Certificate = [][]byte{own, own}
	}
	// An end of another make, which neither offers a protocol nor demands one.
	none := func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil }
	other := func(c *tls.Config) { c.NextProtos = []string{"vctp/2"} }
	old := func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }

	for _, c := range []struct {
		what               string
		server, client     *tls.Config
		atServer, atClient string // parts of the errors; "" for any or none
	}{
		{"another protocol", serving(same), calling(other), "unsupported application protocols", "no application protocol"},
		{"client without a protocol", serving(same), calling(none), `speaks "" instead of "vctp/1"`, ""},
		{"server without a protocol", serving(none), calling(same), "", `speaks "" instead of "vctp/1"`},
		{"TLS 1.2 client", serving(same), calling(old), "unsupported versions", "protocol version"},
		{"TLS 1.2 server", serving(old), calling(same), "unsupported versions", "protocol version"},
		{"client without certificate", serving(same), Client(nil, nil, protocol, client.verify), "didn't provide a certificate", "certificate required"},
		{"client with two certificates", serving(same), calling(twice), "2 certificates instead of one", ""},
		{"server with two certificates", serving(twice), calling(same), "", "2 certificates instead of one"},
		{"client with ECDSA", serving(same), calling(ecdsaOnly), "kind ECDSA instead of Ed25519", ""},
		{"server with ECDSA", serving(ecdsaOnly), calling(same), "", "kind ECDSA instead of Ed25519"},
		{"unknown client", Server(server.cert, server.signer, protocol, stranger), calling(same), "not who was expected", "bad certificate"},
		{"unknown server", serving(same), Client(client.cert, client.signer, protocol, stranger), "bad certificate", "not who was expected"},
		{"client that knows no server", serving(same), Client(client.cert, client.signer, protocol, nil), "", "nothing says which server"},
		{"server signed as a client", Server(reversed.cert, reversed.signer, protocol, nil), calling(same), "not those of its own side", ""},
		{"client signed as a server", serving(same), Client(turncoat.cert, turncoat.signer, protocol, client.verify), "", "not those of its own side"},
		{"server with another's certificate", Server(server.cert, impostor(server.signer), protocol, nil), calling(same), "", "invalid signature"},
		{"client with another's certificate", serving(same), Client(client.cert, impostor(client.signer), protocol, client.verify), "invalid signature", ""},
	} {
		_, atServer, atClient := meet(t, c.server, c.client)
		for _, end := range []struct {
			name string
			err  error
			want string
		}{{"server", atServer, c.atServer}, {"client", atClient, c.atClient}} {
			if end.err == nil || !strings.Contains(end.err.Error(), end.want) {
				t.Errorf("%s: the %s says %v, want %q", c.what, end.name, end.err, end.want)
			}
			if errors.Is(end.err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the %s hung", c.what, end.name)
			}
		}
	}
}

// forger signs with a key of its own and shows the public half of another.
type forger struct {
	ed25519.PrivateKey
	shown crypto.PublicKey
}

func (f forger) Public() crypto.PublicKey { return f.shown }

func impostor(of crypto.Signer) crypto.Signer { return forger{seeded(9), of.Public()} }

func ecdsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"videoclub"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestSignHandshake(t *testing.T) {
	key := seeded(5)
	begins := map[Side]string{
		ServerSide: strings.Repeat("\x20", 64) + "TLS 1.3, server CertificateVerify\x00",
		ClientSide: strings.Repeat("\x20", 64) + "TLS 1.3, client CertificateVerify\x00",
	}
	for side, begin := range begins {
		for n := range 100 {
			message := append([]byte(begin), bytes.Repeat([]byte{7}, n)...)
			signature, err := SignHandshake(key, side, message)
			if n == 32 || n == 48 {
				if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), message, signature) {
					t.Errorf("side %d, hash of %d bytes: %v", side, n, err)
				}
			} else if reason.Of(err) != reason.NotPermitted || signature != nil {
				t.Errorf("side %d, hash of %d bytes: %v", side, n, err)
			}
		}
	}
	hash := strings.Repeat("h", 32)
	for what, message := range map[string]string{
		"nothing":         "",
		"the other side":  begins[ClientSide] + hash,
		"63 spaces":       begins[ServerSide][1:] + hash,
		"65 spaces":       " " + begins[ServerSide] + hash,
		"no zero byte":    strings.TrimSuffix(begins[ServerSide], "\x00") + "h" + hash,
		"another version": strings.Replace(begins[ServerSide], "1.3", "1.4", 1) + hash,
		"a receipt":       "vc receipt v1\n{}" + strings.Repeat(" ", 98+32-16),
	} {
		if _, err := SignHandshake(key, ServerSide, []byte(message)); reason.Of(err) != reason.NotPermitted {
			t.Errorf("%s: %v", what, err)
		}
	}
	good := []byte(begins[ServerSide] + hash)
	for _, side := range []Side{0, 3, -1} {
		if _, err := SignHandshake(key, side, good); err == nil {
			t.Errorf("signed for side %d", side)
		}
	}
	if _, err := SignHandshake(nil, ServerSide, good); err == nil {
		t.Error("signed without a key")
	}
}

func TestRemoteSigner(t *testing.T) {
	key := seeded(6)
	cert, err := Certificate(key)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the supervisor is gone")
	for what, c := range map[string]struct {
		ask  func([]byte) ([]byte, error)
		opts crypto.SignerOpts
		why  string
	}{
		"right":           {func(m []byte) ([]byte, error) { return ed25519.Sign(key, m), nil }, crypto.Hash(0), ""},
		"right, no opts":  {func(m []byte) ([]byte, error) { return ed25519.Sign(key, m), nil }, nil, ""},
		"another key":     {func(m []byte) ([]byte, error) { return ed25519.Sign(seeded(7), m), nil }, crypto.Hash(0), "not a signature"},
		"cut":             {func(m []byte) ([]byte, error) { return ed25519.Sign(key, m)[:63], nil }, crypto.Hash(0), "not a signature"},
		"nothing":         {func([]byte) ([]byte, error) { return nil, nil }, crypto.Hash(0), "not a signature"},
		"no supervisor":   {func([]byte) ([]byte, error) { return nil, gone }, crypto.Hash(0), "the supervisor is gone"},
		"hash of SHA-256": {nil, crypto.SHA256, "not hashes of SHA-256"},
		"with a context":  {nil, &ed25519.Options{Context: "x"}, "with a context"},
	} {
		s, err := NewRemoteSigner(cert, c.ask)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := s.Sign(nil, []byte("message"), c.opts)
		switch {
		case c.why == "" && (err != nil || len(signature) != ed25519.SignatureSize):
			t.Errorf("%s: %v", what, err)
		case c.why != "" && (err == nil || signature != nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s: %v, want %q", what, err, c.why)
		}
	}
	for what, der := range map[string][]byte{"nothing": nil, "half": cert[:len(cert)/2], "ECDSA": ecdsaCertificate(t).Certificate[0]} {
		if _, err := NewRemoteSigner(der, nil); err == nil {
			t.Errorf("a signer for %s", what)
		}
	}
}
