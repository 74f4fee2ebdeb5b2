// Package notify sends the mail of the outbox: the supervisor's part, which
// says what is due, dials the mail server and notes what came of it, and the
// mail worker, which speaks with the server.
//
// A mail is sent at least once, and hardly ever twice: it is noted as sent right
// after the server's 250 to its last line. What ends between the two, be it a
// connection or this program, makes the mail be sent again, as it does with
// every sender of mail (RFC 5321, section 4.1.1.4; RFC 1047). It then has the
// same Message-ID.
package notify

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

const (
	// atOnce is how many mails are sent at a time. A club writes few, and a
	// mail server takes kindly to a peer that does not hurry.
	atOnce = 4

	// idle is how long to wait for news where nothing is due before.
	idle = time.Hour

	// again is after how long the ledger is asked again when it failed.
	again = 5 * time.Second

	// lastWords is how long what is being said to a mail server may still take
	// when the program stops.
	lastWords = time.Second
)

// Settings are what a reload may change.
type Settings struct {
	Server   string // HOST:PORT of the mail server; "" where none is configured
	Name     string // of this machine, for EHLO
	From     string // an address that mailbox.Check accepts
	TLS      control.TLSPolicy
	Username string // "" to send without authentication
	Password string
	Roots    string          // file with the certificates that are trusted; "" for the system's
	Timeout  time.Duration   // of each step of a conversation
	Retry    []time.Duration // pauses after a first, a second … try, the last for all later ones; at least one
	GiveUp   time.Duration   // after which a mail is given up
}

// Config is what a Mailer needs.
type Config struct {
	Ledger   *ledger.Ledger
	Spawner  *worker.Spawner
	Clock    moment.Clock
	Zone     *time.Location // in which times are written
	Log      *slog.Logger
	Settings Settings
}

// Mailer sends the mail of an outbox.
type Mailer struct {
	Config
	wake    chan struct{}
	sending sync.WaitGroup

	mu       sync.Mutex
	settings Settings
	busy     map[int64]bool // mails that are being sent
}

// New makes a Mailer.
func New(c Config) *Mailer {
	return &Mailer{Config: c, wake: make(chan struct{}, 1), settings: c.Settings, busy: make(map[int64]bool)}
}

// SetSettings changes the settings, and has all that waits tried at once: they
// may have been what was wrong.
func (m *Mailer) SetSettings(ctx context.Context, s Settings) {
	m.mu.Lock()
	changed := !reflect.DeepEqual(s, m.settings)
	m.settings = s
	m.mu.Unlock()
	if changed {
		m.hurry(ctx)
	}
}

// hurry has all that waits tried at once.
func (m *Mailer) hurry(ctx context.Context) {
	defer m.Wake()
	if err := m.Ledger.OutboxHurry(ctx, m.Clock()); err != nil && ctx.Err() == nil {
		m.Log.Warn("mail that waits is not hurried, going on", "error", err)
	}
}

// Wake makes Run look at the outbox now.
func (m *Mailer) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run sends what is due until ctx ends, and returns when all workers are
// reaped. It begins with all that waits, whenever it would be due: what was in
// the way may be gone since.
func (m *Mailer) Run(ctx context.Context) {
	if m.Settings.Server == "" {
		m.Log.Info("no mail server is configured, mail is kept until there is one", "setting", "mail.server")
	}
	m.hurry(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-m.Ledger.Queued():
		case <-timer.C:
		}
		timer.Reset(m.turn(ctx))
	}
	m.sending.Wait()
}

// turn begins to send what is due, and says when to look again at the latest.
func (m *Mailer) turn(ctx context.Context) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, s := m.Clock(), m.settings
	due, err := m.Ledger.OutboxDue(ctx, now, now.Add(s.longest()), atOnce+len(m.busy))
	if err != nil {
		return m.unread(ctx, err)
	}
	for _, mail := range due {
		if m.busy[mail.ID] {
			continue
		}
		if len(m.busy) == atOnce {
			return idle // whichever ends first wakes Run
		}
		m.busy[mail.ID] = true
		m.sending.Go(func() {
			m.attend(ctx, mail, s)
			m.mu.Lock()
			delete(m.busy, mail.ID)
			changed := !reflect.DeepEqual(s, m.settings)
			m.mu.Unlock()
			if changed { // while it was attended to, which has now put it off by those before
				m.hurry(ctx)
				return
			}
			m.Wake()
		})
	}
	next, err := m.Ledger.OutboxNext(ctx)
	switch {
	case err != nil:
		return m.unread(ctx, err)
	case next.After(now):
		return min(next.Sub(now), idle)
	}
	return idle
}

func (m *Mailer) unread(ctx context.Context, err error) time.Duration {
	if ctx.Err() == nil {
		m.Log.Warn("the outbox cannot be read, trying again", "error", err, "wait", again)
	}
	return again
}

// attend sends one mail, or not, and notes what came of it.
func (m *Mailer) attend(ctx context.Context, mail ledger.Mail, s Settings) {
	if s.Server == "" {
		m.postpone(ctx, mail, s)
		return
	}
	a := &attempt{Mailer: m, mail: mail, settings: s}
	defer a.end()
	err := a.run(ctx)
	if err != nil && ctx.Err() != nil {
		return // whatever broke, it was because of the end; it is sent after the next start
	}
	m.settle(ctx, mail, s, err)
}

// postpone keeps a mail for when there is a mail server.
func (m *Mailer) postpone(ctx context.Context, mail ledger.Mail, s Settings) {
	const detail = "it is kept until server is set in [mail]"
	now, end := m.Clock(), mail.Created.Add(s.GiveUp)
	if !now.Before(end) {
		m.giveUp(ctx, mail, mail.Attempts, reason.MailNowhere, "there was none in all the time that it was kept", now)
		return
	}
	next := now.Add(idle)
	if next.After(end) {
		next = end
	}
	m.note(ctx, func(ctx context.Context) error {
		return m.Ledger.OutboxRetry(ctx, mail.ID, mail.Attempts, next, reason.MailNowhere, detail)
	})
	level := slog.LevelWarn
	if mail.Reason == reason.MailNowhere {
		level = slog.LevelDebug // it was said before
	}
	m.Log.Log(ctx, level, "mail waits, no mail server is configured", "delivery", mail.Delivery, "kind", string(mail.Kind), "to", mail.To, "until", end)
}

// settle notes what came of an attempt.
func (m *Mailer) settle(ctx context.Context, mail ledger.Mail, s Settings, err error) {
	now, attempts, code := m.Clock(), mail.Attempts+1, reason.Of(err)
	if err == nil {
		m.note(ctx, func(ctx context.Context) error { return m.Ledger.OutboxSent(ctx, mail.ID, now) })
		m.Log.Info("mail sent", journal.MailSent.Mark(), "delivery", mail.Delivery, "kind", string(mail.Kind), "to", mail.To, "attempts", attempts)
		return
	}
	end := mail.Created.Add(s.GiveUp)
	if isPermanent(err) || !now.Before(end) {
		m.giveUp(ctx, mail, attempts, code, err.Error(), now)
		return
	}
	next := now.Add(s.pause(mail.MessageID, attempts))
	if next.After(end) {
		next = end // a last time
	}
	level := slog.LevelInfo
	if mail.Reason == code {
		level = slog.LevelDebug // it was said before
	}
	m.note(ctx, func(ctx context.Context) error {
		return m.Ledger.OutboxRetry(ctx, mail.ID, attempts, next, code, err.Error())
	})
	m.Log.Log(ctx, level, "mail not taken, trying again", "delivery", mail.Delivery, "kind", string(mail.Kind), "to", mail.To,
		"attempts", attempts, "reason", string(code), "error", err, "wait", next.Sub(now))
}

func (m *Mailer) giveUp(ctx context.Context, mail ledger.Mail, attempts int, code reason.Code, detail string, now time.Time) {
	m.note(ctx, func(ctx context.Context) error {
		return m.Ledger.OutboxFailed(ctx, mail.ID, attempts, code, detail, now)
	})
	level := slog.LevelError
	if code == reason.AlreadyEnded {
		level = slog.LevelInfo // nobody misses it
	}
	m.Log.Log(ctx, level, "mail given up", journal.MailFailed.Mark(), "delivery", mail.Delivery, "kind", string(mail.Kind), "to", mail.To, "attempts", attempts,
		"reason", string(code), "error", detail)
}

// note writes into the ledger, and tries on until that is done: a mail that was
// sent and is not noted as sent would be sent again.
func (m *Mailer) note(ctx context.Context, write func(context.Context) error) {
	for {
		err := write(context.WithoutCancel(ctx))
		if err == nil || reason.Of(err) == reason.AlreadyEnded {
			return
		}
		m.Log.Warn("what came of a mail is not noted in the ledger, trying again", "error", err, "wait", again)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}
