package reception

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/identity"
	"videoclub/internal/limit"
	"videoclub/internal/moment"
	"videoclub/internal/worker"
)

// patience is how long something may take on a slow machine.
const patience = time.Minute

// place is a reception that serves, whose workers are puppets.
type place struct {
	*Reception
	address string
	store   string
	log     *record
}

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

// from gives what was logged from a place on, and what is closed when there is
// more.
func (r *record) from(at int) (string, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()[at:], r.more
}

// await waits for words from a place on, and gives the place behind.
func (r *record) await(t *testing.T, at int, what, words string) int {
	t.Helper()
	late := time.After(patience)
	for {
		said, more := r.from(at)
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

func newPlace(t *testing.T) *place {
	t.Helper()
	return newPlaceBy(t, time.Now)
}

// newPlaceBy makes one that goes by a clock.
func newPlaceBy(t *testing.T, clock moment.Clock) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{store: filepath.Join(dir, "store"), log: &record{more: make(chan struct{})}}
	if err := os.Mkdir(p.store, 0o755); err != nil {
		t.Fatal(err)
	}
	keys, err := identity.LoadOrCreate(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := disk.OS(p.store)
	if err != nil {
		t.Fatal(err)
	}
	store, err := depot.Open(root, depot.Options{Clock: time.Now, Limits: depot.Limits{Expire: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	p.Reception, err = New(Config{
		Depot: store, Spawner: spawner, Keys: keys, Trust: identity.OpenCentral(dir), Clock: clock, Log: slog.New(slog.NewTextHandler(p.log, nil)),
		Settings: Settings{Silence: patience, Handshake: patience, Connections: limit.Bounds{All: 8, PerAddress: 8, Strangers: 8}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		// Serve has waited for every connection and its workers.
		if len(p.live) > 0 {
			t.Errorf("%d deliveries are still claimed", len(p.live))
		}
		store.Close()
		root.Close()
		spawner.Close()
	})
	return p
}

// says has a connection's workers say the lines, and returns when the supervisor
// has ended it.
func (p *place) says(t *testing.T, lines ...string) {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go io.WriteString(conn, strings.Join(lines, "\n")+"\n")
	if _, err := io.Copy(io.Discard, conn); err != nil && os.IsTimeout(err) {
		t.Errorf("the supervisor goes on after %.200q", lines)
	}
}

// What a worker of this program would say.
var (
	handshake = strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00" + strings.Repeat("h", 32)
	central   = strings.Repeat("a", 64)
	digest    = strings.Repeat("0", 64)

	sign    = asks(handshake)
	offer   = offered(`"id":7,"title":1,"name":"Film","extension":".bin","reception":"here","size":5,"mtime_ns":1`)
	live    = offered(`"id":9,"title":1,"name":"Film","extension":".mkv","reception":"here","size":-1,"mtime_ns":1,"expected":5`)
	ready   = `{"kind":"ready","body":{"offset":0}}`
	durable = `{"kind":"durable","body":{"offset":3}}`
	whole   = `{"kind":"whole","body":{"sha256":"` + digest + `","size":5,"frames":1,"resumes":0,"written":5,"hashed":5}}`
)

func asks(message string) string {
	return `{"kind":"sign","body":{"message":"` + base64.StdEncoding.EncodeToString([]byte(message)) + `"}}`
}

func offered(fields string) string {
	return `{"kind":"offered","body":{"identity":"` + central + `","offer":{` + fields + `}}}`
}

// Workers in the hands of their peer end their own connection, whatever they
// say, and nothing else: nothing is published, nothing signed twice, and the
// server goes on.
func TestHostileWorkers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	beside := func(line string) string { return "beside " + line }
	at := 0
	for name, c := range map[string]struct {
		lines []string
		says  string // in the log
	}{
		"no message":                    {[]string{"nonsense"}, "invalid character"},
		"an unknown kind":               {[]string{`{"kind":"root","body":{}}`}, "unknown kind"},
		"an unknown field":              {[]string{`{"kind":"ready","body":{"offset":0,"x":1}}`}, "unknown field"},
		"two messages in one":           {[]string{ready + ready}, "more than one value"},
		"a huge one":                    {[]string{strings.Repeat("x", 150_000)}, "more than 98304 bytes"},
		"a nested one":                  {[]string{`{"kind":"ready","body":` + strings.Repeat("[", 40_000) + `}`}, "exceeded max depth"},
		"a number that is too large":    {[]string{`{"kind":"ready","body":{"offset":99999999999999999999}}`}, "cannot unmarshal"},
		"what a supervisor says":        {[]string{`{"kind":"accept","body":{"offset":1,"receipt_key":""}}`}, "out of its turn"},
		"what a sender's worker says":   {[]string{`{"kind":"acked","body":{"offset":1,"sent":1}}`}, "out of its turn"},
		"a call of a session":           {[]string{`{"kind":"call","body":{"seq":1,"titles":{"after":0}}}`}, "out of its turn"},
		"a second signature":            {[]string{sign, sign}, "second signature"},
		"a signature of a receipt":      {[]string{asks("vc receipt v1\nversion 1:1\n")}, "not_permitted"},
		"a signature as a client":       {[]string{asks(strings.Replace(handshake, "server", "client", 1))}, "not_permitted"},
		"a signature of too much":       {[]string{asks(strings.Repeat(" ", 600))}, "no handshake"},
		"an offer before TLS":           {[]string{offer}, "out of its turn"},
		"a second offer":                {[]string{sign, offer, offer}, "second offer"},
		"a withdrawal after it":         {[]string{sign, offer, `{"kind":"withdraw_asked","body":{"identity":"` + central + `","id":7}}`}, "withdraws after"},
		"no identity":                   {[]string{sign, strings.Replace(offer, central, "root", 1)}, "hex digits"},
		"a delivery 0":                  {[]string{sign, offered(`"id":0,"name":"x"`)}, "below 1"},
		"a size below 0":                {[]string{sign, offered(`"id":7,"name":"x","reception":"here","size":-2`)}, "below -1"},
		"a live source with a digest":   {[]string{sign, offered(`"id":7,"name":"x","reception":"here","size":-1,"sha256":"` + digest + `"`)}, "size of -1"},
		"more live than there is":       {[]string{sign, offered(`"id":8,"name":"x","reception":"here","size":-1,"expected":9000000000000000000`)}, "no_space"},
		"durable of more than there is": {[]string{sign, live, beside(ready), beside(`{"kind":"durable","body":{"offset":9000000000000000000}}`)}, "no_space"},
		"a live one that is not whole":  {[]string{sign, live, beside(ready), beside(whole), beside("bye")}, "bear out"},
		"more than there is":            {[]string{sign, offered(`"id":8,"name":"x","reception":"here","size":9000000000000000000`)}, "no_space"},
		"a long name":                   {[]string{sign, offered(`"id":7,"name":"` + strings.Repeat("x", 2000) + `"`)}, "at most 1024"},
		"a reason that is none":         {[]string{`{"kind":"failed","body":{"code":"\u001b[31m","detail":""}}`}, "form of a reason"},
		"endless words":                 {[]string{`{"kind":"failed","body":{"code":"protocol","detail":"` + strings.Repeat("x", 90_000) + `"}}`}, "at most 4096"},
		"ready by the wrong one":        {[]string{sign, offer, ready}, "receive worker says control.Ready"},
		"whole by the wrong one":        {[]string{sign, offer, beside(ready), whole}, "receive worker says control.Whole"},
		"a signature for the other one": {[]string{sign, offer, beside(sign)}, "store worker says control.Sign"},
		"an offer by the other one":     {[]string{sign, offer, beside(offer)}, "store worker says control.Offered"},
		"durable before ready":          {[]string{sign, offer, beside(durable)}, "durable, after 0"},
		"whole before ready":            {[]string{sign, offer, beside(whole)}, "before it is ready"},
		"ready twice":                   {[]string{sign, offer, beside(ready), beside(ready)}, "second time"},
		"ready beyond the end":          {[]string{sign, offer, beside(`{"kind":"ready","body":{"offset":6}}`)}, "at 6 of 5"},
		"durable beyond the end":        {[]string{sign, offer, beside(ready), beside(`{"kind":"durable","body":{"offset":6}}`)}, "6 of 5 bytes"},
		"durable that goes back":        {[]string{sign, offer, beside(ready), beside(durable), beside(`{"kind":"durable","body":{"offset":2}}`)}, "2 of 5 bytes"},
		"whole that is not":             {[]string{sign, offer, beside(ready), beside(whole), beside("bye")}, "bear out"},
	} {
		p.says(t, c.lines...)
		at = p.log.await(t, at, name, c.says)
	}
	entries, err := os.ReadDir(p.store)
	if err != nil || len(entries) != 1 {
		t.Errorf("the store has %v, %v", entries, err)
	}
}
