package notify

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/ledger"
)

// A mail worker in the hands of its server ends its own attempt, whatever it
// says: the mail stays, and is tried again.
func TestHostileWorkers(t *testing.T) {
	t.Parallel()
	roots := filepath.Join(t.TempDir(), "roots")
	if err := os.WriteFile(roots, []byte(puppets), 0o600); err != nil {
		t.Fatal(err)
	}
	says := []string{
		"nonsense",
		strings.Repeat("x", 150_000),
		`{"kind":"withdrawn","body":{}}`,
		`{"kind":"sign","body":{"message":"AA=="}}`,
		`{"kind":"call","body":{"seq":1,"titles":{"after":0}}}`,
		`{"kind":"mail_taken","body":{"reply":"` + strings.Repeat("x", 5000) + `"}}`,
		`{"kind":"mail_refused","body":{"step":"` + strings.Repeat("x", 300) + `","status":550,"text":"","temporary":false}}`,
		`{"kind":"failed","body":{"code":"No Code","detail":""}}`,
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for _, line := range says {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, line+"\n")
			io.Copy(io.Discard, conn) // until the supervisor has ended it
			conn.Close()
		}
	}()
	s := settingsFor(l.Addr().String())
	s.Roots = roots
	o := newOffice(t, s)
	for i := range says {
		o.await(retried)
		if m := o.outbox(1); m.State != ledger.MailPending || m.Attempts != i+1 || len(m.Detail) > 1000 {
			t.Errorf("after %.60q the mail is %+v", says[i], m)
		}
		if i+1 < len(says) {
			o.advance(2 * time.Hour)
		}
	}
}
