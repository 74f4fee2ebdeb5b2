package ledger

import (
	"context"
	"database/sql"
	"time"
)

// countsIndexes are for what is counted, so that months of deliveries and mails
// are not read for it.
const countsIndexes = `
CREATE INDEX deliveries_given_up ON deliveries (state) WHERE state IN ('failed', 'cancelled');
CREATE INDEX outbox_over ON outbox (state) WHERE state IN ('sent', 'failed');
`

// Counts are how many deliveries and mails there are in each state.
type Counts struct {
	Deliveries map[State]int64
	Late       int64         // deposited after their deadline
	Lateness   time.Duration // of those together
	Mails      map[MailState]int64
	Oldest     time.Time // when the oldest mail that is pending was written; zero is none
}

// Counts counts.
func (l *Ledger) Counts(ctx context.Context) (c Counts, err error) {
	c.Deliveries = map[State]int64{Promised: 0, Sending: 0, Verifying: 0, Deposited: 0, Failed: 0, Cancelled: 0}
	c.Mails = map[MailState]int64{MailPending: 0, MailSent: 0, MailGivenUp: 0}
	err = l.read(ctx, "counting", func(ctx context.Context, db *sql.DB) error {
		for _, which := range []string{active, "('failed', 'cancelled')"} {
			if err := countBy(ctx, db, c.Deliveries, "SELECT state, COUNT(*) FROM deliveries WHERE state IN "+which+" GROUP BY state"); err != nil {
				return err
			}
		}
		var late, millis sql.NullInt64
		deposited := db.QueryRowContext(ctx, `SELECT COUNT(*), SUM(finished > deadline), SUM(MAX(finished - deadline, 0)) FROM deliveries WHERE state = 'deposited'`)
		n := int64(0)
		if err := deposited.Scan(&n, &late, &millis); err != nil {
			return err
		}
		c.Deliveries[Deposited], c.Late, c.Lateness = n, late.Int64, time.Duration(millis.Int64)*time.Millisecond
		if err := countBy(ctx, db, c.Mails, "SELECT state, COUNT(*) FROM outbox WHERE state IN ('sent', 'failed') GROUP BY state"); err != nil {
			return err
		}
		pending := int64(0)
		err := db.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(MIN(created), 0) FROM outbox WHERE state = 'pending'").Scan(&pending, (*instant)(&c.Oldest))
		c.Mails[MailPending] = pending
		return err
	})
	return c, err
}

func countBy[S ~string](ctx context.Context, db *sql.DB, into map[S]int64, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var state S
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		into[state] = n
	}
	return rows.Err()
}
