package desk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"videoclub/internal/control"
)

// record is what was logged.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and replaced at each line
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.more)
	r.more = make(chan struct{})
	return r.text.Write(p)
}

// await waits for words from a place on, and gives the place behind.
func (r *record) await(t *testing.T, at int, what, words string) int {
	t.Helper()
	for late := time.After(time.Minute); ; {
		r.mu.Lock()
		said, more := r.text.String()[at:], r.more
		r.mu.Unlock()
		if strings.Contains(said, words) {
			return at + len(said)
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%s: logged is %q, want %q", what, said, words)
		}
	}
}

// A session worker in the hands of its peer ends its own connection, whatever it
// says; one that asks and does not listen makes nothing grow.
func TestHostileSessions(t *testing.T) {
	d := newDeskOf(t, "hostile", 8)
	log := &record{more: make(chan struct{})}
	d.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, l, User) }()
	q := ask("k")
	if r := (&session{desk: d, role: User}).answer(t.Context(), callOf(&q)); r.Refusal != nil {
		t.Fatal(r.Refusal)
	}

	titles := `{"kind":"call","body":{"seq":1,"titles":{"after":0}}}`
	waits := `{"kind":"call","body":{"seq":1,"show":{"id":1,"revision":%d,"wait":3600000000000}}}`
	revision := (&session{desk: d, role: User}).answer(t.Context(), showOf(1)).Delivery.Revision
	waiting := fmt.Sprintf(waits, revision)
	at := 0
	for name, c := range map[string]struct {
		lines []string
		says  string
	}{
		"no message":             {[]string{"nonsense"}, "invalid character"},
		"a huge one":             {[]string{strings.Repeat("x", 150_000)}, "more than 98304 bytes"},
		"of another kind":        {[]string{`{"kind":"withdrawn","body":{}}`}, "says control.Withdrawn"},
		"what a supervisor says": {[]string{`{"kind":"reply","body":{"seq":1}}`}, "says control.Reply"},
		"a signature of another": {[]string{`{"kind":"sign","body":{"message":"dmMgcmVjZWlwdA=="}}`}, "not those of its own side"},
		"two things at once":     {[]string{`{"kind":"call","body":{"seq":1,"titles":{"after":0},"cancel":{"id":1}}}`}, "2 things at once"},
		"a role":                 {[]string{`{"kind":"call","body":{"seq":1,"role":"administrator","remove":{"number":7,"force":true}}}`}, "unknown field"},
		"calls that wait":        {[]string{waiting, waiting, waiting, waiting, waiting}, "more than 4 calls open"},
		// Answers that are not heard are not gathered: the fifth is not asked for.
		"calls without listening": {[]string{"deaf", strings.Repeat(titles+"\n", 5000)}, "more than 4 calls open"},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(time.Minute))
		go io.WriteString(conn, strings.Join(c.lines, "\n")+"\n")
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			t.Errorf("%s: the supervisor goes on with it", name)
		}
		conn.Close()
		at = log.await(t, at, name, c.says)
	}
	few := d.Limits
	few.Requests = 3
	d.SetLimits(few)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Repeat(titles+"\n", 4)); err != nil {
		t.Fatal(err)
	}
	log.await(t, at, "a fourth request of three", "as often as one connection may")
	// A user's session may not do what an administrator's may, whatever the worker.
	if r := (&session{desk: d, role: User}).answer(t.Context(), removeOf(7)); r.Refusal == nil || r.Refusal.Code != "not_permitted" {
		t.Errorf("a user has removed a title: %+v", r)
	}
	cancel()
	// It returns when every session has ended, and every answer.
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func callOf(q *control.Request) control.Call { return control.Call{Request: q} }
func showOf(id int64) control.Call           { return control.Call{Show: &control.ShowQuery{ID: id}} }
func removeOf(number int) control.Call {
	return control.Call{Remove: &control.RemoveTitle{Number: number, Force: true}}
}
