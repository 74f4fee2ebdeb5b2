package notify

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"videoclub/internal/control"
	"videoclub/internal/crew/puppet"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/worker"
)

// The tests start this very program as their mail workers.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Mail: work}))
	}
	goleak.VerifyTestMain(m)
}

func work(in *worker.Inside) error {
	conn, errConn := in.File("conn")
	roots, errRoots := in.File("roots")
	ctl, errControl := in.File("control")
	if err := errors.Join(errConn, errRoots, errControl); err != nil {
		return err
	}
	head := make([]byte, len(puppets))
	if n, _ := roots.ReadAt(head, 0); string(head[:n]) == puppets {
		return puppet.Follow(conn, ctl, nil)
	}
	return Worker{Conn: conn, Roots: roots, Control: control.New(ctl)}.Run()
}

// puppets, as certificates, has the worker say to its supervisor what the mail
// server sends.
const puppets = "no certificate"

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// patience is how long the slowest machine may take for a conversation.
const patience = 30 * time.Second

// office is a Mailer with its ledger, on a clock that stands still.
type office struct {
	t      *testing.T
	path   string
	book   *ledger.Ledger
	mailer *Mailer
	stop   func() // ends Run and waits for it
	events chan event

	mu  sync.Mutex
	now time.Time
}

// event is a line of the log.
type event struct {
	text  string
	level slog.Level
	attrs map[string]string
}

// Enabled, Handle, WithAttrs and WithGroup make an office a slog.Handler.
func (o *office) Enabled(context.Context, slog.Level) bool { return true }
func (o *office) WithAttrs([]slog.Attr) slog.Handler       { return o }
func (o *office) WithGroup(string) slog.Handler            { return o }
func (o *office) Handle(_ context.Context, r slog.Record) error {
	e := event{text: r.Message, level: r.Level, attrs: map[string]string{}}
	r.Attrs(func(a slog.Attr) bool { e.attrs[a.Key] = a.Value.String(); return true })
	o.events <- e
	return nil
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// advance sets the clock forward and has the outbox looked at.
func (o *office) advance(d time.Duration) {
	o.mu.Lock()
	o.now = o.now.Add(d)
	o.mu.Unlock()
	o.mailer.Wake()
}

// settingsFor are settings for a server of the tests.
func settingsFor(at string) Settings {
	return Settings{Server: at, Name: "club", From: "videoclub@example.org", TLS: control.TLSOptional, Timeout: patience,
		Retry: []time.Duration{30 * time.Second, time.Minute, time.Hour}, GiveUp: 72 * time.Hour}
}

// newOffice opens an office with one delivery deposited, whose mail waits.
func newOffice(t *testing.T, s Settings) *office {
	t.Helper()
	o := &office{t: t, path: filepath.Join(t.TempDir(), "ledger", "ledger.db"), now: noon, events: make(chan event, 10_000)}
	o.open(s)
	t.Cleanup(func() { o.shut() })
	o.deposit("La Piedra")
	return o
}

func (o *office) open(s Settings) {
	o.t.Helper()
	book, err := ledger.Open(o.t.Context(), o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	book.SetMailing(ledger.Mailing{Kinds: []ledger.MailKind{ledger.MailDeposited, ledger.MailFailed, ledger.MailBroken},
		Language: "es", Central: "34750f98", Domain: "example.org"})
	spawner, err := worker.NewSpawner(o.t.Name()) // by which its workers are known
	if err != nil {
		o.t.Fatal(err)
	}
	o.book = book
	o.mailer = New(Config{Ledger: book, Spawner: spawner, Clock: o.clock, Zone: time.UTC, Log: slog.New(o), Settings: s})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { o.mailer.Run(ctx) })
	o.stop = func() { cancel(); running.Wait(); spawner.Close() }
}

// shut ends the Mailer and closes the ledger, as a stop of the server does.
func (o *office) shut() {
	o.t.Helper()
	o.stop()
	if err := o.book.Close(); err != nil {
		o.t.Error(err)
	}
}

// deposit makes a delivery and has it deposited. It gives its id.
func (o *office) deposit(name string) int64 {
	o.t.Helper()
	d := o.promise(name)
	r := receipt.Sign(receipt.Receipt{
		Delivery: fmt.Sprintf("34750f98-%d", d.ID), Title: 7, Name: name, Reception: d.Reception, Path: name + ".avi", Size: d.Size,
		SHA256: strings.Repeat("ab", 32), Frames: 4, Promised: d.Deadline, Started: noon, Deposited: noon,
		Central: strings.Repeat("34750f98", 8), Receiver: strings.Repeat("cd", 32),
	}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	text, err := receipt.Marshal(r)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.book.Deposited(o.t.Context(), d.ID, text, r.SHA256, o.clock()); err != nil {
		o.t.Fatal(err)
	}
	return d.ID
}

func (o *office) promise(name string) ledger.Delivery {
	o.t.Helper()
	d, _, err := o.book.Promise(o.t.Context(), ledger.Delivery{
		Key: name, Fingerprint: "f", Title: 7, Name: name, Location: "/srv/a.avi", Reception: "mateo.elo.utfsm.cl", Address: "127.0.0.1:4102",
		Mail: "ana@example.cl", Requested: noon, Deadline: noon.Add(time.Hour), Size: 1000,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return d
}

// await waits until something is logged, and gives it.
func (o *office) await(text string) event {
	o.t.Helper()
	timeout := time.After(2 * patience)
	for {
		select {
		case e := <-o.events:
			if e.text == text {
				return e
			}
		case <-timeout:
			o.t.Fatalf("%q is not logged", text)
		}
	}
}

// awaitEnds waits until so many mails were sent or given up.
func (o *office) awaitEnds(n int) {
	o.t.Helper()
	timeout := time.After(2 * patience)
	for n > 0 {
		select {
		case e := <-o.events:
			if e.text == sent || e.text == givenUp {
				n--
			}
		case <-timeout:
			o.t.Fatalf("%d mails are still pending", n)
		}
	}
}

const (
	sent    = "mail sent"
	retried = "mail not taken, trying again"
	givenUp = "mail given up"
	waits   = "mail waits, no mail server is configured"
)

// outbox gives the only mail of a delivery.
func (o *office) outbox(delivery int64) ledger.Mail {
	o.t.Helper()
	all, err := o.book.Outbox(o.t.Context(), delivery)
	if err != nil || len(all) != 1 {
		o.t.Fatalf("the outbox has %+v, %v", all, err)
	}
	return all[0]
}

// wantState compares where the mail of delivery 1 stands.
func (o *office) wantState(state ledger.MailState, attempts int, code reason.Code) {
	o.t.Helper()
	m := o.outbox(1)
	if m.State != state || m.Attempts != attempts || m.Reason != code || (m.State == ledger.MailPending) != m.Done.IsZero() {
		o.t.Errorf("the mail is %+v; want it %s after %d attempts, reason %q", m, state, attempts, code)
	}
}

// wantMessages compares what the server has read: that many times the letter.
func wantMessages(t *testing.T, s *mailServer, n int) {
	t.Helper()
	messages := s.taken()
	if len(messages) != n {
		t.Fatalf("the server has read %d messages, want %d", len(messages), n)
	}
	for _, text := range messages {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil || text != messages[0] {
			t.Fatalf("%v, or two different messages", err)
		}
		if got := m.Header.Get("Subject"); got != "Su video La Piedra ya ha sido depositado en mateo.elo.utfsm.cl" {
			t.Errorf("subject %q", got)
		}
		if got := m.Header.Get("Message-Id"); got != "<delivery-1-deposited.34750f98@example.org>" {
			t.Errorf("message id %q", got)
		}
	}
}

func TestSent(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1")
	s.extensions = []string{"8BITMIME", "SMTPUTF8", "SIZE 1000000"}
	o := newOffice(t, settingsFor(s.at))
	o.await(sent)
	o.wantState(ledger.MailSent, 1, "")
	wantMessages(t, s, 1)
	for _, said := range []string{"EHLO [127.0.0.1]", "MAIL FROM:<videoclub@example.org>\nRCPT", "RCPT TO:<ana@example.cl>"} {
		if !s.heard(said) {
			t.Errorf("%q was not said", said)
		}
	}
	if strings.ContainsFunc(s.taken()[0], func(r rune) bool { return r > '~' }) {
		t.Error("the message is not ASCII, and 8BITMIME was not asked for")
	}
	o.deposit("Piñón") // is sent by itself, without a wake from outside
	o.await(sent)
}

// The first connection is broken off at each step, by each fault at the first
// and the last; what comes of it is noted, and the next connection sends the mail.
func TestFaults(t *testing.T) {
	t.Parallel()
	type outcome struct {
		code   reason.Code
		failed bool // for good
	}
	later := map[string]outcome{
		closes: {reason.ConnectionLost, false}, hangs: {reason.PeerSilent, false}, slow: {reason.PeerSilent, false},
		endless: {reason.Protocol, false}, many: {reason.Protocol, false}, garbage: {reason.Protocol, false},
		"421 4.3.2 closing": {reason.MailRefused, false}, "451 4.7.1 greylisted": {reason.MailRefused, false},
		"554 5.7.1 no": {reason.MailRefused, false}, "530 5.7.0 authenticate first": {reason.MailRefused, false},
		"299 what": {reason.MailRefused, false},
	}
	everywhere := []string{closes, hangs, garbage, "451 4.7.1 greylisted", "554 5.7.1 no"}
	for _, step := range []string{greeting, ehlo, from, rcpt, data, message} {
		for fault, want := range later {
			if step != greeting && step != message && !slices.Contains(everywhere, fault) {
				continue
			}
			if step != greeting && step != ehlo && strings.HasPrefix(fault, "554") {
				want.failed = true
			}
			t.Run(step+" "+fault, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, "127.0.0.1")
				s.fault(step, fault)
				if step == ehlo {
					s.fault("HELO", fault) // which is what comes next
				}
				var reached atomic.Bool
				s.on(step, func() { reached.Store(true) })
				first := settingsFor(s.at)
				if fault == hangs || fault == slow {
					first.Timeout = 200 * time.Millisecond
				}
				o := newOffice(t, first)
				read := 0
				if step == message {
					read = 1
				}
				if want.failed {
					o.await(givenUp)
					o.wantState(ledger.MailGivenUp, 1, want.code)
					wantMessages(t, s, read)
					return
				}
				attempts := 1
				o.await(retried)
				// On a slow machine a step before may be given up first.
				for ; first.Timeout < patience && !reached.Load(); attempts++ {
					o.advance(2 * time.Hour)
					o.await(retried)
				}
				o.wantState(ledger.MailPending, attempts, want.code)
				s.fault(step, "")
				s.fault("HELO", "")
				o.mailer.SetSettings(t.Context(), settingsFor(s.at))
				o.advance(2 * time.Hour)
				o.await(sent)
				o.wantState(ledger.MailSent, attempts+1, "")
				wantMessages(t, s, read+1)
			})
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	o := newOffice(t, settingsFor(l.Addr().String()))
	o.await(retried)
	o.wantState(ledger.MailPending, 1, reason.Unreachable)
}

// The mail worker is killed at each step, and the server is stopped and its
// ledger opened again: nothing is lost, and doubled is what was read before.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, step := range []string{greeting, ehlo, from, rcpt, data, message} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "127.0.0.1")
			s.fault(step, hangs)
			s.on(step, func() { killWorker(t) })
			o := newOffice(t, settingsFor(s.at))
			o.await(retried)
			o.wantState(ledger.MailPending, 1, reason.WorkerFailed)

			if step == ehlo || step == from || step == data {
				return // stopping there is as at the others
			}
			reached := make(chan struct{}, 10)
			s.on(step, func() { reached <- struct{}{} })
			o.advance(2 * time.Hour)
			<-reached
			o.shut()
			s.fault(step, "")
			o.open(settingsFor(s.at))
			o.await(sent)
			o.wantState(ledger.MailSent, 2, "") // what was broken off by the stop does not count
			read := 1
			if step == message {
				read = 3
			}
			wantMessages(t, s, read)
		})
	}
}

// killWorker kills the mail worker of a test, as soon as there is one.
func killWorker(t *testing.T) {
	for until := time.Now().Add(patience); time.Now().Before(until); {
		found, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			t.Error(err)
			return
		}
		for _, dir := range found {
			args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
			if err != nil || !strings.HasPrefix(string(args), t.Name()+"\x00worker\x00mail\x00") {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				continue
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
				return
			}
		}
	}
	t.Error("there is no mail worker to kill")
}
