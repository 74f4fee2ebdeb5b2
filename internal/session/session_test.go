package session

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/control"
)

// slow is a connection whose peer takes a piece in a while.
type slow struct {
	net.Conn
	takes    time.Duration
	deadline time.Time
	taken    bytes.Buffer
}

func (s *slow) SetWriteDeadline(at time.Time) error { s.deadline = at; return nil }

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(s.takes) // on the clock of the test
	if time.Now().After(s.deadline) {
		return 0, io.ErrClosedPipe
	}
	return s.taken.Write(p)
}

// An answer may take hours while it is taken piece by piece, and ends when a piece
// is not taken.
func TestPatience(t *testing.T) {
	for takes, all := range map[time.Duration]bool{takenWithin - time.Second: true, takenWithin + time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{takes: takes}
			film := bytes.Repeat([]byte("f"), 100*piece+1)
			n, err := (&patient{Conn: s}).Write(film)
			if all != (err == nil && n == len(film) && s.taken.Len() == n) {
				t.Errorf("%v a piece: %d of %d, %v", takes, n, len(film), err)
			}
		})
	}
}

// served serves one connection of a browser, plain, and gives the other end.
func served(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	return servedIn(t, handler, usual)
}

// servedIn is served within bounds.
func servedIn(t *testing.T, handler http.Handler, bounds control.Bounds) net.Conn {
	t.Helper()
	return servedTo(t, handler, bounds, &control.Browser{})
}

// servedTo is servedIn for a browser, or another client: nil.
func servedTo(t *testing.T, handler http.Handler, bounds control.Bounds, browser *control.Browser) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	supervisor := &Supervisor{gone: make(chan struct{})}
	s := &Session{Supervisor: supervisor, conn: here, browser: browser, bounds: bounds}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(handler) }()
	t.Cleanup(func() {
		there.Close()
		close(supervisor.gone)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return there
}

func asks(t *testing.T, conn net.Conn, request string) (int, string) {
	t.Helper()
	go io.WriteString(conn, request)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Without TLS a console is asked for by a name of this machine alone.
func TestNames(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") })
	for host, in := range map[string]bool{
		"localhost": true, "localhost:8400": true, "127.0.0.1:8400": true, "127.9.9.9": true, "[::1]:8400": true, "[::1]": true,
		"": false, "example.org": false, "example.org:8400": false, "localhost.example.org": false, "192.0.2.1:8400": false, "0.0.0.0:8400": false, "127.0.0.1.example.org": false,
	} {
		status, text := asks(t, served(t, handler), fmt.Sprintf("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host))
		if in != (status == 200 && text == "in") {
			t.Errorf("%q: %d %q", host, status, text)
		}
	}
}

// The body of a request has a time to come in, which does not end an answer that
// takes longer.
func TestBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, "late", http.StatusRequestTimeout)
				return
			}
			select {
			case <-time.After(3 * bodyWithin):
				fmt.Fprintf(w, "%s", text)
			case <-r.Context().Done():
				t.Error(context.Cause(r.Context()))
			}
		}))
		if status, text := asks(t, conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nhola"); status != 200 || text != "hola" {
			t.Errorf("%d %q", status, text)
		}
		if status, text := asks(t, conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nho"); status != 408 || !strings.HasPrefix(text, "late") {
			t.Errorf("half a body: %d %q", status, text)
		}
	})
}

// A body that never comes ends the connection in its time, with an answer, whoever
// the client is and whether anybody reads of it.
func TestBodyThatNeverComes(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"none of it is read": func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"it is read":         func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
		"the answer is flushed": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "at once")
			http.NewResponseController(w).Flush()
		},
		"the answer takes longer": func(w http.ResponseWriter, r *http.Request) { time.Sleep(2 * bodyWithin) },
	}
	for _, browser := range []*control.Browser{nil, {}} {
		for name, answer := range answers {
			synctest.Test(t, func(t *testing.T) {
				conn := servedTo(t, answer, usual, browser)
				began := time.Now()
				conn.SetReadDeadline(began.Add(time.Hour))
				asks(t, conn, "DELETE / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
				n, err := conn.Read(make([]byte, 1))
				most := bodyWithin + leftWithin
				if name == "the answer takes longer" {
					most += bodyWithin
				}
				if took := time.Since(began); err != io.EOF || took > most {
					t.Errorf("%s, browser %v: %d bytes and %v after %v", name, browser != nil, n, err, took)
				}
			})
		}
	}
}

// A body that has come ends nothing, though nobody reads it: neither an answer that
// takes longer nor the connection.
func TestBodyThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := servedTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			select {
			case <-time.After(3 * bodyWithin):
				io.WriteString(w, "all")
			case <-r.Context().Done():
				t.Error(context.Cause(r.Context()))
			}
		}), usual, nil)
		r := bufio.NewReader(conn)
		for range 2 {
			go io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nhola")
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "all" {
				t.Errorf("%q, %v", text, err)
			}
		}
	})
}

// A client has what the supervisor says, and no more: of header, body, idleness, and
// of all that it sends.
func TestBounds(t *testing.T) {
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	})
	post := func(header, body int) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\nContent-Length: %d\r\n\r\n%s", strings.Repeat("x", header), body, strings.Repeat("y", body))
	}
	in := control.Bounds{Idle: time.Minute, Header: 4 << 10, Body: 1 << 10, Bytes: 1 << 20}
	for _, c := range []struct {
		header, body, status int
	}{{10, 10, 200}, {10, 1 << 10, 200}, {10, 1<<10 + 1, 413}, {12 << 10, 10, 431}, {4<<10 + 1, 10, 431}, {4000, 10, 200}} {
		if status, _ := asks(t, servedIn(t, read, in), post(c.header, c.body)); status != c.status {
			t.Errorf("%+v: %d", c, status)
		}
	}
	in.Bytes = 5000
	conn := servedIn(t, read, in)
	answered := 0
	r := bufio.NewReader(conn)
	for ; answered < 10; answered++ {
		go io.WriteString(conn, post(500, 500))
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			break
		}
		answer.Body.Close()
	}
	if answered < 3 || answered > 5 {
		t.Errorf("%d requests of a kilobyte are answered where 5,000 bytes may be sent", answered)
	}
	in.Idle = 10 * time.Millisecond
	conn = servedIn(t, read, in)
	if status, _ := asks(t, conn, post(1, 1)); status != 200 {
		t.Error(status)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("an idle client is kept: %d bytes, %v", n, err)
	}
}
