package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"videoclub/internal/reason"
)

// MailKind says what a mail tells of.
type MailKind string

// The kinds of mail.
const (
	MailDeposited MailKind = "deposited" // the title has arrived
	MailFailed    MailKind = "failed"    // it was given up
	MailBroken    MailKind = "broken"    // it will be there later than promised
)

// MailState is where a mail stands.
type MailState string

// The states of a mail. The last two are terminal.
const (
	MailPending MailState = "pending"
	MailSent    MailState = "sent"
	MailGivenUp MailState = "failed"
)

// Mailing is which mail is written, and as whom. The zero Mailing writes none.
type Mailing struct {
	Kinds    []MailKind
	Language string // of those who did not choose one
	// Central and Domain make message ids that nobody else uses and that stay
	// the same however often a mail is tried: the first digits of the central
	// server's identity, and the domain that it writes from.
	Central, Domain string
}

// Mail is a mail in the outbox.
type Mail struct {
	ID        int64
	Delivery  int64
	Kind      MailKind
	To        string
	Language  string
	MessageID string    // with its angle brackets
	Expected  time.Time // of MailBroken: the new time; zero is not known
	State     MailState
	Attempts  int
	Next      time.Time   // while pending: when it is tried next
	Reason    reason.Code // why the last attempt failed; empty where none did
	Detail    string
	Created   time.Time
	Done      time.Time // when it was sent or given up
}

func (m *Mail) fields() []any {
	return []any{
		&m.ID, &m.Delivery, &m.Kind, &m.To, &m.Language, &m.MessageID, (*instant)(&m.Expected), &m.State, &m.Attempts,
		(*instant)(&m.Next), &m.Reason, &m.Detail, (*instant)(&m.Created), (*instant)(&m.Done),
	}
}

const selectOutbox = "SELECT id, delivery, kind, recipient, language, message_id, expected, state, attempts, next, reason, detail, created, done FROM outbox "

// SetMailing changes which mail is written from now on. What is in the outbox
// stays as it is.
func (l *Ledger) SetMailing(m Mailing) {
	m.Kinds = slices.Clone(m.Kinds)
	l.mailing.Store(&m)
}

// Queued gives a value after mail was written into the outbox: one for all that
// came since the last was taken.
func (l *Ledger) Queued() <-chan struct{} { return l.queued }

func (l *Ledger) announce() {
	select {
	case l.queued <- struct{}{}:
	default:
	}
}

// post writes the mail that tells of a change into the outbox, within the
// transaction of that change: where the delivery has an address and mail of
// this kind is wanted.
func (l *Ledger) post(ctx context.Context, c *sql.Conn, delivery int64, kind MailKind, at time.Time) error {
	mailing := l.mailing.Load()
	if !slices.Contains(mailing.Kinds, kind) {
		return nil
	}
	d, err := byID(ctx, c, delivery)
	if err != nil || d.Mail == "" {
		return err
	}
	language := d.Language
	if language == "" {
		language = mailing.Language
	}
	name := string(kind)
	var expected time.Time
	if kind == MailBroken {
		name, expected = fmt.Sprintf("%s-%d", kind, d.Warnings), d.Expected
	}
	id := fmt.Sprintf("<delivery-%d-%s.%s@%s>", d.ID, name, mailing.Central, mailing.Domain)
	_, err = c.ExecContext(ctx, `INSERT INTO outbox (delivery, kind, recipient, language, message_id, expected, next, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, d.ID, kind, d.Mail, language, id, millis(expected), millis(at), millis(at))
	return err
}

// OutboxDue gives the pending mail whose time has come, at most limit, what
// waits longest first. So has that of mail that would wait beyond latest, which
// is later than anybody would have it wait: the clock was set back since.
func (l *Ledger) OutboxDue(ctx context.Context, now, latest time.Time, limit int) ([]Mail, error) {
	return collect(ctx, l, "reading the outbox", (*Mail).fields,
		selectOutbox+"WHERE state = 'pending' AND (next <= ? OR next > ?) ORDER BY next, id LIMIT ?", millis(now), millis(latest), limit)
}

// OutboxNext gives the earliest instant at which pending mail is due; the zero
// time where there is none.
func (l *Ledger) OutboxNext(ctx context.Context) (next time.Time, err error) {
	err = l.read(ctx, "reading the outbox", func(ctx context.Context, db *sql.DB) error {
		err := db.QueryRowContext(ctx, "SELECT next FROM outbox WHERE state = 'pending' ORDER BY next, id LIMIT 1").Scan((*instant)(&next))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return next, err
}

// Outbox gives the mail of a delivery, the oldest first.
func (l *Ledger) Outbox(ctx context.Context, delivery int64) ([]Mail, error) {
	return collect(ctx, l, "reading the outbox", (*Mail).fields, selectOutbox+"WHERE delivery = ? ORDER BY id", delivery)
}

// OutboxSent notes that the mail server has taken the mail.
func (l *Ledger) OutboxSent(ctx context.Context, id int64, at time.Time) error {
	return l.settle(ctx, id, "state = 'sent', attempts = attempts + 1, reason = '', detail = '', done = ?", millis(at))
}

// OutboxRetry notes why the mail was not taken, and when it is tried next.
// attempts are those that were made by now.
func (l *Ledger) OutboxRetry(ctx context.Context, id int64, attempts int, next time.Time, code reason.Code, detail string) error {
	return l.settle(ctx, id, "attempts = ?, next = ?, reason = ?, detail = ?", attempts, millis(next), code, brief(detail))
}

// OutboxFailed notes that the mail is given up, and why.
func (l *Ledger) OutboxFailed(ctx context.Context, id int64, attempts int, code reason.Code, detail string, at time.Time) error {
	return l.settle(ctx, id, "state = 'failed', attempts = ?, reason = ?, detail = ?, done = ?", attempts, code, brief(detail), millis(at))
}

// settle changes a mail that is pending. One that is not has ended, which stays.
func (l *Ledger) settle(ctx context.Context, id int64, set string, args ...any) error {
	return l.commit(ctx, "noting the end of a mail", func(ctx context.Context, c *sql.Conn) error {
		result, err := c.ExecContext(ctx, "UPDATE outbox SET "+set+" WHERE id = ? AND state = 'pending'", append(args, id)...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return reason.New(reason.AlreadyEnded, "mail %d is not pending", id)
	})
}

// OutboxHurry makes all pending mail due now: what kept it from being sent may
// have been mended.
func (l *Ledger) OutboxHurry(ctx context.Context, now time.Time) error {
	defer l.announce()
	return l.commit(ctx, "hurrying the outbox", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "UPDATE outbox SET next = ? WHERE state = 'pending' AND next > ?", millis(now), millis(now))
		return err
	})
}
