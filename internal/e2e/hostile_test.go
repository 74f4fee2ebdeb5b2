package e2e

import (
	"bufio"
	"crypto/ed25519"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/wire"
)

// peer is somebody who does to a port what nobody should. It returns when the
// other side has ended the connection.
type peer struct {
	name string
	act  func(t *testing.T, address string) error
}

// sendAndWait sends text and reads until the other side has had enough.
func sendAndWait(conn net.Conn, text string) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		return nil // it was refused before all was sent
	}
	_, err := io.Copy(io.Discard, conn)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return err
	}
	return nil
}

func plain(text string) func(*testing.T, string) error {
	return func(_ *testing.T, address string) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return sendAndWait(conn, text)
	}
}

// encrypted speaks TLS as config says; a handshake that is refused is well.
func encrypted(config *tls.Config, text string) func(*testing.T, string) error {
	return func(_ *testing.T, address string) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		secure := tls.Client(conn, config)
		if err := secure.Handshake(); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				return err
			}
			return nil
		}
		return sendAndWait(secure, text)
	}
}

// known is a configuration with an identity, as a central server has one.
func known(t *testing.T, alpn string) *tls.Config {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := identity.Certificate(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Client(certificate, key, alpn, func(string) error { return nil })
}

func TestHostilePeersHarmNobody(t *testing.T) {
	t.Parallel()
	r := startReception(t, `silence = "3s"`+"\n")
	c := startCentral(t, `silence = "2s"`+"\n", link{"cinema.test", r, ""})
	users := field(c.log.await(t, 0, saying("ready ", "users=")), "users")
	administrators := field(c.log.await(t, 0, saying("ready ", "users=")), "administrators")
	listen := field(r.log.await(t, 0, saying("ready ", "listen=")), "listen")

	old := known(t, wire.ALPN)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	stranger := known(t, wire.ALPN)
	stranger.Certificates = nil
	const hello = `{"type":"hello","version":1,"program":"nobody"}` + "\n"
	peers := []peer{
		{"silent", plain("")},
		{"garbage", plain(strings.Repeat("\x00\xff\x16 nonsense\n", 1000))},
		{"HTTP", plain("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"half a ClientHello", plain("\x16\x03\x01\x02\x00\x01\x00")},
		{"no ALPN", encrypted(known(t, ""), "")},
		{"another ALPN", encrypted(known(t, "h2"), "")},
		{"TLS 1.2", encrypted(old, "")},
		{"no identity", encrypted(stranger, hello)},
		{"silent in TLS", encrypted(known(t, wire.ALPN), "")},
		{"no message", encrypted(known(t, wire.ALPN), "nonsense\n")},
		{"endless line", encrypted(known(t, wire.ALPN), strings.Repeat("x", 1<<20))},
		{"another version", encrypted(known(t, wire.ALPN), `{"type":"hello","version":99}`+"\n")},
		{"hello and silence", encrypted(known(t, wire.ALPN), hello)},
		{"bad offer", encrypted(known(t, wire.ALPN), hello+`{"type":"offer","id":1,"size":-5}`+"\n")},
		{"offer of more than there is", encrypted(known(t, wire.ALPN), hello+`{"type":"offer","id":1,"name":"x","size":9000000000000000000}`+"\n")},
		{"withdrawal of what is not there", encrypted(known(t, wire.ALPN), hello+`{"type":"withdraw","id":7}`+"\n")},
	}
	failed := make(chan error)
	for _, p := range peers {
		for _, address := range []string{listen, users, administrators} {
			go func() { failed <- p.act(t, address) }()
		}
	}
	for range 3 * len(peers) {
		if err := <-failed; err != nil {
			t.Errorf("a peer was not got rid of: %v", err)
		}
	}
	r.awaitWorkers("none is left", "", none)
	c.awaitWorkers("none but spare ones are left", "", func(all []worker) bool {
		return !slices.ContainsFunc(all, func(w worker) bool { return w.kind != "session" || !spare(w) })
	})

	source := makeTitle(t, c.dir, "feature.bin", noise(40, 4<<20))
	r.proven(c.deposited(c.ask(c.add("Feature", source.path, 1), "cinema.test").ID), source)
	if files, parts := r.files(), r.parts(); len(files) != 1 || len(parts) > 0 {
		t.Errorf("the store has %q and the parts %q, want one file", files, parts)
	}
	for _, line := range append(c.log.all(0), r.log.all(0)...) {
		if strings.Contains(line, "panic") || strings.Contains(line, "goroutine ") || strings.Contains(line, "reason=internal") {
			t.Errorf("said: %s", line)
		}
	}
}

// spare says whether a session worker waits for a connection still: its only
// socket leads to its supervisor.
func spare(w worker) bool {
	sockets := slices.DeleteFunc(open(w.pid), func(file string) bool { return file != "socket" })
	return len(sockets) <= 1
}

// A sender that offers and then sends something else than frames is refused
// with a reason, and nothing of it is published.
func TestBadFramesAreRefused(t *testing.T) {
	t.Parallel()
	r := startReception(t, `silence = "3s"`+"\n")
	conn, err := tls.Dial("tcp", field(r.log.await(t, 0, saying("ready ", "listen=")), "listen"), known(t, wire.ALPN))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	for _, m := range []wire.Message{
		wire.Hello{Version: wire.Version, Program: "nobody"},
		wire.Offer{ID: 3, Title: 1, Name: "Feature", Extension: ".bin", Reception: "cinema.test", Size: 1 << 20, MTime: 1},
	} {
		if err := wire.Write(conn, m); err != nil {
			t.Fatal(err)
		}
	}
	in := bufio.NewReaderSize(conn, wire.MaxLine)
	if m, err := wire.Read(in); err != nil {
		t.Fatal(err)
	} else if a, ok := m.(wire.Accept); !ok || a.Offset != 0 {
		t.Fatalf("answered with %#v", m)
	}
	if _, err := io.WriteString(conn, strings.Repeat("no frame at all ", 100)); err != nil {
		t.Fatal(err)
	}
	if m, err := wire.Read(in); err != nil {
		t.Errorf("nobody says what was wrong: %v", err)
	} else if refused, ok := m.(wire.Refused); !ok || refused.Code != reason.FrameInvalid {
		t.Errorf("answered with %#v, want a refusal for %s", m, reason.FrameInvalid)
	}
	r.log.await(t, 0, saying("broke off", "reason=frame_invalid"))
	r.awaitWorkers("none is left", "", none)
	if files := r.files(); len(files) > 0 {
		t.Errorf("the store has %q", files)
	}
}
