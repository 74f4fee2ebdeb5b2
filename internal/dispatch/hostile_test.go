package dispatch

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/worker"
)

// scripted is a source whose content is what the read worker, a puppet, says.
type scripted string

func (s scripted) Open(string) (*os.File, int64, int64, error) {
	f, err := os.Open(string(s))
	return f, 1_000_000, 5, err
}

// What the send worker of this program would say.
var (
	someone  = strings.Repeat("a", 64)
	sum      = strings.Repeat("0", 64)
	asksSign = `{"kind":"sign","body":{"message":"` + base64.StdEncoding.EncodeToString(
		[]byte(strings.Repeat(" ", 64)+"TLS 1.3, client CertificateVerify\x00"+strings.Repeat("h", 32))) + `"}}`
	accepts = `{"kind":"accepted","body":{"offset":0,"identity":"` + someone + `","receipt_key":"` + someone + `"}}`
	acks    = `{"kind":"acked","body":{"offset":500000,"sent":500000}}`
	seals   = `{"kind":"sealed","body":{"sha256":"` + sum + `","read":1,"hashed":1}}`
)

// A send worker in the hands of its peer, and a read worker in those of its
// source, end their attempt, whatever they say: nothing is deposited without its
// receipt, signed twice, or written again and again.
func TestHostileWorkers(t *testing.T) {
	t.Parallel()
	const hear = "hear"
	for name, c := range map[string]struct {
		send, read []string
		want       string // in the detail of the delivery
	}{
		"no message":                 {[]string{"nonsense"}, nil, "invalid character"},
		"a huge one":                 {[]string{strings.Repeat("x", 150_000)}, nil, "more than 98304 bytes"},
		"of another kind":            {[]string{asksSign, `{"kind":"whole","body":{"sha256":"` + sum + `","size":1,"frames":1,"resumes":0,"written":1,"hashed":1}}`}, nil, "says control.Whole"},
		"a call of a session":        {[]string{`{"kind":"call","body":{"seq":1,"cancel":{"id":1}}}`}, nil, "says control.Call"},
		"a second signature":         {[]string{asksSign, asksSign}, nil, "second signature"},
		"accepted before TLS":        {[]string{accepts}, nil, "control.Accepted out of its turn"},
		"accepted twice":             {[]string{asksSign, accepts, accepts}, nil, "control.Accepted out of its turn"},
		"accepted beyond the end":    {[]string{asksSign, strings.Replace(accepts, `"offset":0`, `"offset":1000001`, 1)}, nil, "1000001 bytes of 1000000"},
		"acked before accepted":      {[]string{asksSign, acks}, nil, "control.Acked out of its turn"},
		"acked beyond the end":       {[]string{asksSign, accepts, `{"kind":"acked","body":{"offset":1000001,"sent":0}}`}, nil, "acknowledged are 1000001"},
		"acked twice":                {[]string{asksSign, accepts, acks, acks}, nil, "after 500000"},
		"acked that goes back":       {[]string{asksSign, accepts, acks, `{"kind":"acked","body":{"offset":400000,"sent":600000}}`}, nil, "after 500000"},
		"sent more than there is":    {[]string{asksSign, accepts, `{"kind":"acked","body":{"offset":1,"sent":9223372036854775807}}`}, nil, "sent are 9223372036854775807"},
		"settled before TLS":         {[]string{`{"kind":"settled","body":{"receipt":{},"identity":"` + someone + `","sent":0}}`}, nil, "control.Settled out of its turn"},
		"settled by no receipt":      {[]string{asksSign, `{"kind":"settled","body":{"receipt":{},"identity":"` + someone + `","sent":0}}`}, nil, "receipt"},
		"a withdrawal of another":    {[]string{asksSign, `{"kind":"withdrawn","body":{}}`}, nil, "says control.Withdrawn"},
		"the end of the source":      {[]string{asksSign, seals}, nil, "says control.Sealed"},
		"sealed before it begins":    {nil, []string{seals}, "control.Sealed out of its turn"},
		"sealed twice":               {[]string{asksSign, accepts}, []string{hear, seals, seals}, "control.Sealed out of its turn"},
		"a signature for the source": {nil, []string{asksSign}, "read worker says control.Sign"},
		"no digest":                  {[]string{asksSign, accepts}, []string{hear, strings.Replace(seals, sum, "../..", 1)}, "hex digits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := hostileSaying(t, strings.Join(c.read, "\n"))
			made, err := d.Promise(t.Context(), Ask{Key: "k", Title: night, Receptions: []string{"hall"}, By: time.Now().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.WriteString(conn, strings.Join(c.send, "\n")+"\n")
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
				t.Fatal("the supervisor goes on with it")
			}
			for late := time.After(time.Minute); ; {
				now, err := d.Look(t.Context(), made[0].ID)
				if err != nil {
					t.Fatal(err)
				}
				if now.State == ledger.Deposited || now.Offset > 500_000 {
					t.Fatalf("it is %s at %d", now.State, now.Offset)
				}
				if strings.Contains(now.Detail, c.want) {
					break
				}
				select {
				case <-now.Changed:
				case <-late:
					t.Fatalf("it is %s: %s", now.State, now.Detail)
				}
			}
			events, err := d.Ledger.Events(t.Context(), made[0].ID)
			if err != nil || len(events) > 8 {
				t.Errorf("%d events, %v", len(events), err)
			}
		})
	}
}

// A reception that says at once that it has a title whose digest nobody knows is
// believed once this server has read the source, and then only if that is what it
// has; nor is the receipt of something else believed.
func TestSettledAtOnce(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("5", 64)
	for name, c := range map[string]struct {
		say  func(*receipt.Receipt)
		want reason.Code // "" is a deposit
	}{
		"it has it":          {func(*receipt.Receipt) {}, ""},
		"it has another":     {func(r *receipt.Receipt) { r.SHA256 = other }, reason.DigestMismatch},
		"another's title":    {func(r *receipt.Receipt) { r.Title++ }, reason.ReceiptInvalid},
		"another's name":     {func(r *receipt.Receipt) { r.Name = "Another" }, reason.ReceiptInvalid},
		"another reception":  {func(r *receipt.Receipt) { r.Reception = "elsewhere" }, reason.ReceiptInvalid},
		"another deadline":   {func(r *receipt.Receipt) { r.Promised = r.Promised.Add(time.Hour) }, reason.ReceiptInvalid},
		"another's delivery": {func(r *receipt.Receipt) { r.Delivery += "1" }, reason.ReceiptInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := hostileSaying(t, "hear\n"+seals)
			d.Ledger.SetMailing(ledger.Mailing{Kinds: []ledger.MailKind{ledger.MailDeposited}, Language: "es", Central: "c", Domain: "x.cl"})
			made, err := d.Promise(t.Context(), Ask{Key: "k", Title: night, Receptions: []string{"hall"}, By: time.Now().Add(time.Hour), Mail: "ana@x.cl"})
			if err != nil {
				t.Fatal(err)
			}
			id := made[0].ID
			_, key, _ := ed25519.GenerateKey(nil)
			r := receipt.Receipt{
				Delivery: fmt.Sprintf("%s-%d", identity.Prefix8(d.central), id), Title: night.Number, Name: night.Name, Reception: "hall", Path: "night.mp4",
				Size: 1_000_000, SHA256: sum, Promised: made[0].Deadline, Deposited: time.Now(), Central: d.central, Receiver: someone,
			}
			c.say(&r)
			text, err := receipt.Marshal(receipt.Sign(r, key))
			if err != nil {
				t.Fatal(err)
			}
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			settled := `{"kind":"settled","body":{"receipt":` + string(text) + `,"identity":"` + someone + `","sent":0}}`
			if _, err := io.WriteString(conn, asksSign+"\n"+settled+"\n"); err != nil {
				t.Fatal(err)
			}
			for late := time.After(time.Minute); ; {
				now, err := d.Look(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if now.State == ledger.Deposited || now.Reason != "" {
					mails, err := d.Ledger.Outbox(t.Context(), id)
					if err != nil || now.Reason != c.want || (now.State == ledger.Deposited) != (c.want == "") || (len(mails) > 0) != (c.want == "") {
						t.Errorf("it is %s with %q, %d mails, %v", now.State, now.Reason, len(mails), err)
					}
					break
				}
				select {
				case <-now.Changed:
				case <-late:
					t.Fatalf("it is %s: %s", now.State, now.Detail)
				}
			}
			digest, known, err := d.Ledger.DigestOf(t.Context(), made[0].Location, made[0].Size, made[0].MTime)
			if err != nil || known != (c.want == "") || known && digest != sum {
				t.Errorf("the digest of the source is %q, %v", digest, err)
			}
		})
	}
}

// copied is a source in whose place there is a copy once it was promised.
type copied struct {
	scripted
	asked *atomic.Int32
}

func (c copied) Open(string) (*os.File, int64, int64, error) {
	if c.asked.Add(1) == 1 {
		return c.scripted.Open("")
	}
	return (c.scripted + ".copy").Open("")
}

// A copy that took the place of the file before anything was sent is what the
// delivery begins with, so it is what it goes on with after a break.
func TestGoesOnWithTheCopyItBeganWith(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "script")
	for _, name := range []string{source, source + ".copy"} {
		if err := os.WriteFile(name, []byte("hear\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := hostileTo(t, l.Addr().String(), copied{scripted(source), new(atomic.Int32)})
	made, err := d.Promise(t.Context(), Ask{Key: "k", Title: night, Receptions: []string{"hall"}, By: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan net.Conn)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case taken <- conn:
			case <-t.Context().Done():
				conn.Close()
			}
		}
	}()
	for attempt := range 2 {
		var conn net.Conn
		for late := time.After(time.Minute); conn == nil; {
			now, err := d.Look(t.Context(), made[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if now.State.Ended() {
				t.Fatalf("it is %s before attempt %d: %s", now.State, attempt, now.Detail)
			}
			select {
			case conn = <-taken:
			case <-now.Changed:
			case <-late:
				t.Fatalf("it is %s, and attempt %d has not begun", now.State, attempt)
			}
		}
		defer conn.Close()
		if attempt > 0 {
			break
		}
		broken := `{"kind":"failed","body":{"code":"connection_lost","detail":"cut"}}`
		if _, err := io.WriteString(conn, strings.Join([]string{asksSign, accepts, acks, broken}, "\n")+"\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// hostileSaying makes a dispatcher whose read workers say those lines, and the
// listener by which its send workers are told what to say.
func hostileSaying(t *testing.T, read string) (*Dispatcher, net.Listener) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(source, []byte(read+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return hostileTo(t, l.Addr().String(), scripted(source)), l
}

// hostileTo makes a dispatcher that delivers from sources to one address.
func hostileTo(t *testing.T, address string, sources Source) *Dispatcher {
	t.Helper()
	dir := t.TempDir()
	keys, err := identity.LoadOrCreate(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	book, err := ledger.Open(t.Context(), filepath.Join(dir, "ledger", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	const fast = 100_000_000
	d, err := New(t.Context(), Config{
		Ledger: book, Spawner: spawner, Keys: keys, Sources: sources, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Digests: filepath.Join(dir, "digests"),
		Settings: Settings{Uplink: fast, Link: fast, Deliveries: 4, Silence: time.Minute, Loopback: true,
			Receptions: map[string]Reception{"hall": {Address: address, Link: fast}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { d.Run(ctx); close(ran) }()
	t.Cleanup(func() { cancel(); <-ran; spawner.Close(); book.Close() })
	return d
}
