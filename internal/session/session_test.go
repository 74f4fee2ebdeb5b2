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
			n, err := patient{s}.Write(film)
			if all != (err == nil && n == len(film) && s.taken.Len() == n) {
				t.Errorf("%v a piece: %d of %d, %v", takes, n, len(film), err)
			}
		})
	}
}

// served serves one connection of a browser, plain, and gives the other end.
func served(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	supervisor := &Supervisor{gone: make(chan struct{})}
	s := &Session{Supervisor: supervisor, conn: here, browser: &control.Browser{}}
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
			case <-time.After(3 * headerWithin):
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
