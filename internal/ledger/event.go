package ledger

import (
	"context"
	"database/sql"
	"time"

	"videoclub/internal/reason"
)

// Kind names what happened to a delivery.
type Kind string

// The kinds of events.
const (
	EventPromised    Kind = "promised"
	EventStarted     Kind = "started"
	EventInterrupted Kind = "interrupted" // an attempt broke off; it is tried again
	EventResumed     Kind = "resumed"
	EventVerifying   Kind = "verifying"
	EventRecording   Kind = "recording" // of a live source: the first of it is captured
	EventStopped     Kind = "stopped"   // of a live source: it ends sooner, because somebody wanted that
	EventAtRisk      Kind = "at_risk"   // it cannot be there by its deadline as things are
	EventDeposited   Kind = "deposited"
	EventFailed      Kind = "failed"
	EventCancelled   Kind = "cancelled"
)

// A delivery keeps its first events, which tell how it began, and its last
// ones. A reception that is away for weeks must not fill the disk.
const (
	firstEvents = 100
	lastEvents  = 400
)

// Event is something that happened to a delivery.
type Event struct {
	ID       int64 // rises through all deliveries
	Delivery int64
	Number   int // of this delivery's events, from 1; a gap is where events were dropped
	At       time.Time
	Kind     Kind
	Reason   reason.Code
	Offset   int64 // durable at the reception by then, bytes
	Detail   string
}

func (e *Event) fields() []any {
	return []any{&e.ID, &e.Delivery, &e.Number, (*instant)(&e.At), &e.Kind, &e.Reason, &e.Offset, &e.Detail}
}

// Events gives what is kept of a delivery's events, in the order in which they
// happened: at most its first 100 and its last 400.
func (l *Ledger) Events(ctx context.Context, delivery int64) ([]Event, error) {
	return collect(ctx, l, "reading events", (*Event).fields,
		"SELECT id, delivery, number, happened, kind, reason, durable, detail FROM events WHERE delivery = ? ORDER BY number", delivery)
}

// record adds e within the transaction of the change that it tells of.
func record(ctx context.Context, c *sql.Conn, e Event) error {
	err := c.QueryRowContext(ctx, `INSERT INTO events (delivery, number, happened, kind, reason, durable, detail)
		SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ?, ? FROM events WHERE delivery = ? RETURNING number`,
		e.Delivery, millis(e.At), e.Kind, e.Reason, e.Offset, brief(e.Detail), e.Delivery).Scan(&e.Number)
	if err != nil || e.Number <= firstEvents+lastEvents {
		return err
	}
	_, err = c.ExecContext(ctx, "DELETE FROM events WHERE delivery = ? AND number > ? AND number <= ?",
		e.Delivery, firstEvents, e.Number-lastEvents)
	return err
}
