package ledger

import (
	"context"
	"database/sql"
	"time"
)

// Risk is a delivery that cannot be there by its deadline as things are, and
// when it can be: zero is not known.
type Risk struct {
	ID       int64
	Expected time.Time
}

// firstMove is by how much the expected time has to move before the person is
// warned a second time. It doubles with each warning, so that a link that stays
// down is told of a few times, and not each ten minutes.
const firstMove = 10 * time.Minute

// maxMove bounds it: about what a person plans anew for.
const maxMove = 24 * time.Hour

// maxWarnings bounds what one delivery is warned of, whatever its link does.
const maxWarnings = 20

// Warn says whether expected is news for whoever was promised d: it is the first
// that they hear of its being late, or another time than they were told last.
func (d *Delivery) Warn(expected time.Time) bool {
	switch {
	case d.Warnings >= maxWarnings:
		return false
	case d.Warnings == 0, d.Expected.IsZero() != expected.IsZero():
		return true
	}
	move := firstMove
	for n := 1; n < d.Warnings && move < maxMove; n++ {
		move *= 2
	}
	return expected.Sub(d.Expected).Abs() > min(move, maxMove)
}

// AtRisk notes promises that cannot be kept as things are, with the event and
// the mail that tell of it: those whose expected time is news, all in one
// commit. The state stays. Deliveries that have ended are left out.
func (l *Ledger) AtRisk(ctx context.Context, risks []Risk, at time.Time) error {
	defer l.announce()
	return l.commit(ctx, "noting promises at risk", func(ctx context.Context, c *sql.Conn) error {
		for _, r := range risks {
			if err := l.warn(ctx, c, r, at); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *Ledger) warn(ctx context.Context, c *sql.Conn, r Risk, at time.Time) error {
	d, err := byID(ctx, c, r.ID)
	if err != nil || d.State.Ended() || !d.Warn(r.Expected) {
		return err
	}
	_, err = c.ExecContext(ctx, "UPDATE deliveries SET warnings = warnings + 1, expected = ? WHERE id = ?", millis(r.Expected), r.ID)
	if err != nil {
		return err
	}
	var detail string
	if !r.Expected.IsZero() {
		detail = "expected " + r.Expected.UTC().Format(time.RFC3339)
	}
	if err := record(ctx, c, Event{Delivery: r.ID, At: at, Kind: EventAtRisk, Offset: d.Offset, Detail: detail}); err != nil {
		return err
	}
	return l.post(ctx, c, r.ID, MailBroken, at)
}
