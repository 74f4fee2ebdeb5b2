package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoclub/internal/reason"
)

// The methods of this file move a delivery from state to state:
//
//	promised ──Started──► sending ──Verifying──► verifying
//	                         ▲  Resumed ◄───────────┘
//	any active ──Deposited, Fail, Cancel──► deposited, failed, cancelled
//
// The mail that tells of a move is written with it, or neither is.
//
// Whether a move is allowed is decided by the statement that makes it, so that
// two that come at once cannot both be right. A delivery that has ended gives
// reason.AlreadyEnded, one that does not exist reason.UnknownDelivery, and a
// move that the state does not allow reason.Internal.

// move is one transition and the event that tells of it.
type move struct {
	kind   Kind
	from   string // SQL list of states
	set    string // SQL assignments, with args
	args   []any
	at     time.Time
	code   reason.Code
	detail string
	mail   MailKind // that is written with it; empty for none
}

func (l *Ledger) move(ctx context.Context, id int64, m move) error {
	if m.mail != "" {
		defer l.announce()
	}
	return l.commit(ctx, "noting "+string(m.kind), func(ctx context.Context, c *sql.Conn) error { return l.moveOne(ctx, c, id, m) })
}

// moveOne is move within a transaction.
func (l *Ledger) moveOne(ctx context.Context, c *sql.Conn, id int64, m move) error {
	var offset int64
	err := c.QueryRowContext(ctx, "UPDATE deliveries SET "+m.set+" WHERE id = ? AND state IN "+m.from+" RETURNING durable",
		append(append([]any(nil), m.args...), id)...).Scan(&offset)
	if errors.Is(err, sql.ErrNoRows) {
		return whyNot(ctx, c, id, m.kind)
	}
	if err != nil {
		return err
	}
	if err := record(ctx, c, Event{Delivery: id, At: m.at, Kind: m.kind, Reason: m.code, Offset: offset, Detail: m.detail}); err != nil {
		return err
	}
	return l.post(ctx, c, id, m.mail, m.at)
}

// whyNot says why a change found no delivery that it could apply to.
func whyNot(ctx context.Context, c *sql.Conn, id int64, kind Kind) error {
	d, err := byID(ctx, c, id)
	switch {
	case err != nil:
		return err
	case d.State.Ended():
		return reason.New(reason.AlreadyEnded, "delivery %d has ended: it is %s since %s", id, d.State, d.Finished.Format(time.RFC3339))
	}
	return reason.New(reason.Internal, "delivery %d is %s, which does not allow the note %q", id, d.State, kind)
}

// Started notes that the first attempt has begun to send, from the file of that
// inode, which may be another than when it was promised: promised → sending.
func (l *Ledger) Started(ctx context.Context, id int64, file uint64, at time.Time) error {
	return l.move(ctx, id, move{kind: EventStarted, at: at, from: "('promised')",
		set: "state = 'sending', started = ?, inode = ?, reason = '', detail = ''", args: []any{millis(at), (*inode)(&file)}})
}

// Interrupted notes that an attempt broke off or could not begin, and that it
// will be tried again. The state stays; code and detail are shown until the
// delivery goes on.
func (l *Ledger) Interrupted(ctx context.Context, id int64, code reason.Code, detail string, at time.Time) error {
	return l.move(ctx, id, move{kind: EventInterrupted, at: at, from: active, code: code, detail: detail,
		set: "reason = ?, detail = ?", args: []any{code, brief(detail)}})
}

// Resumed notes that sending goes on from offset, which the reception has named
// as durable, and counts it; code and detail say why the attempt before broke
// off. The offset may lie behind the one noted last, where a reception has lost
// what it had; then the digest's state, which belongs to the other offset, is
// dropped. From sending or verifying; reason.OffsetMismatch for an offset that
// is not within the source.
func (l *Ledger) Resumed(ctx context.Context, id, offset int64, code reason.Code, detail string, at time.Time) error {
	if offset < 0 {
		return outside(id, offset)
	}
	return l.commit(ctx, "noting resumed", func(ctx context.Context, c *sql.Conn) error {
		var size int64
		err := c.QueryRowContext(ctx, `UPDATE deliveries SET state = 'sending', reason = '', detail = '', resumes = resumes + 1,
			digest_state = CASE WHEN durable = ? THEN digest_state END, durable = ?
			WHERE id = ? AND state IN ('sending', 'verifying') RETURNING size`, offset, offset, id).Scan(&size)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return whyNot(ctx, c, id, EventResumed)
		case err != nil:
			return err
		case size >= 0 && offset > size:
			return outside(id, offset)
		}
		return record(ctx, c, Event{Delivery: id, At: at, Kind: EventResumed, Reason: code, Offset: offset, Detail: detail})
	})
}

func outside(id, offset int64) error {
	return reason.New(reason.OffsetMismatch, "delivery %d: the offset %d lies outside its source", id, offset)
}

// Progress notes that offset bytes are durable at the reception, the sender's
// SHA-256 state there (nil if there is none), and the bytes of source that all
// attempts together have sent. A note that is older than the one stored changes
// nothing. It writes no event. From sending or verifying; reason.OffsetMismatch
// for an offset that is not within the source.
func (l *Ledger) Progress(ctx context.Context, id, offset int64, digestState []byte, sent int64) error {
	if offset < 0 {
		return outside(id, offset)
	}
	if len(digestState) > maxDigestState {
		return reason.New(reason.Internal, "delivery %d: a digest state of %d bytes", id, len(digestState))
	}
	return l.commit(ctx, "noting progress", func(ctx context.Context, c *sql.Conn) error {
		result, err := c.ExecContext(ctx, `UPDATE deliveries SET durable = ?, digest_state = ?, sent = CASE WHEN sent > ? THEN sent ELSE ? END
			WHERE id = ? AND state IN ('sending', 'verifying') AND durable <= ? AND (size < 0 OR size >= ?)`,
			offset, digestState, sent, sent, id, offset, offset)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		d, err := byID(ctx, c, id)
		switch {
		case err != nil:
			return err
		case d.State != Sending && d.State != Verifying:
			return whyNot(ctx, c, id, "progress")
		case d.Size >= 0 && offset > d.Size:
			return outside(id, offset)
		}
		return nil
	})
}

// Verifying notes that all has been sent: sending → verifying.
func (l *Ledger) Verifying(ctx context.Context, id int64, at time.Time) error {
	return l.move(ctx, id, move{kind: EventVerifying, at: at, from: "('sending')", set: "state = 'verifying'"})
}

// Deposited notes that the reception holds the whole title, with its receipt
// (JSON) and the digest of what arrived (hex; empty for a folder). From every
// active state: a reception that holds the title already says so at once.
func (l *Ledger) Deposited(ctx context.Context, id int64, receipt []byte, sha256 string, at time.Time) error {
	if len(receipt) > maxReceipt || len(sha256) > MaxText {
		return reason.New(reason.ReceiptInvalid, "delivery %d: a receipt of %d bytes, a digest of %d", id, len(receipt), len(sha256))
	}
	return l.move(ctx, id, move{kind: EventDeposited, at: at, from: active, mail: MailDeposited,
		set: `state = 'deposited', reason = '', detail = '', finished = ?, receipt = ?, digest_state = NULL,
			sha256 = CASE WHEN ? = '' THEN sha256 ELSE ? END, durable = CASE WHEN size < 0 THEN durable ELSE size END`,
		args: []any{millis(at), receipt, sha256, sha256}})
}

// Fail notes that the delivery is given up for the reason code. From every
// active state.
func (l *Ledger) Fail(ctx context.Context, id int64, code reason.Code, detail string, at time.Time) error {
	return l.move(ctx, id, move{kind: EventFailed, at: at, from: active, code: code, detail: detail, mail: MailFailed,
		set:  "state = 'failed', reason = ?, detail = ?, finished = ?, digest_state = NULL",
		args: []any{code, brief(detail), millis(at)}})
}

// Cancel notes that the delivery was withdrawn. From every active state.
func (l *Ledger) Cancel(ctx context.Context, id int64, at time.Time) error {
	return l.move(ctx, id, cancellation(reason.Cancelled, at))
}

// cancel is Cancel for a reason, within a transaction.
func (l *Ledger) cancel(ctx context.Context, c *sql.Conn, id int64, code reason.Code, at time.Time) error {
	return l.moveOne(ctx, c, id, cancellation(code, at))
}

func cancellation(code reason.Code, at time.Time) move {
	return move{kind: EventCancelled, at: at, from: active, code: code,
		set:  "state = 'cancelled', reason = ?, detail = '', finished = ?, digest_state = NULL",
		args: []any{code, millis(at)}}
}

// Slot is when a delivery is planned to be sent.
type Slot struct {
	ID         int64
	Start, End time.Time
}

// Plan writes a new plan, all of it or nothing. A delivery that has ended in
// the meantime keeps the slot that it had. It writes no event.
func (l *Ledger) Plan(ctx context.Context, slots []Slot) error {
	return l.commit(ctx, "planning", func(ctx context.Context, c *sql.Conn) error {
		for _, s := range slots {
			_, err := c.ExecContext(ctx, "UPDATE deliveries SET plan_start = ?, plan_end = ? WHERE id = ? AND state IN "+active,
				millis(s.Start), millis(s.End), s.ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
