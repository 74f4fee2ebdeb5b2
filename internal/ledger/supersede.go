package ledger

import (
	"context"
	"database/sql"
	"time"

	"videoclub/internal/reason"
)

// supersedeColumns are of deliveries of a new version of a title: what they
// share with an earlier one, and by which title and digest those are found.
const supersedeColumns = `
ALTER TABLE deliveries ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN reuse TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_title ON deliveries (title, reception, id);
CREATE INDEX deliveries_digest ON deliveries (sha256) WHERE state = 'deposited';
`

// PromiseInstead is PromiseAll for deliveries that take the place of others:
// those are cancelled in the same step, with reason.Superseded, if they have not
// ended by then. A crash leaves both or neither.
func (l *Ledger) PromiseInstead(ctx context.Context, ds []Delivery, instead []int64, at time.Time) (stored []Delivery, replayed bool, err error) {
	return l.promiseAll(ctx, ds, func(ctx context.Context, c *sql.Conn) error {
		for _, id := range instead {
			err := l.cancel(ctx, c, id, reason.Superseded, at)
			if err != nil && reason.Of(err) != reason.AlreadyEnded {
				return err
			}
		}
		return nil
	})
}

// OfTitle gives what receptions have of a title and what is on its way to them:
// to each the latest deposit, if there is one, and all that have not ended, by
// the names of the receptions and then the oldest first.
func (l *Ledger) OfTitle(ctx context.Context, title int) ([]Delivery, error) {
	return l.deliveries(ctx, `WHERE title = ?1 AND (state IN `+active+` OR id IN
		(SELECT MAX(id) FROM deliveries WHERE title = ?1 AND state = 'deposited' GROUP BY reception)) ORDER BY reception, id`, title)
}

// OfKey gives the deliveries of a title that were asked for under a key, of
// whatever account.
func (l *Ledger) OfKey(ctx context.Context, title int, key string) ([]Delivery, error) {
	return l.deliveries(ctx, "WHERE title = ? AND request_key = ? ORDER BY id", title, key)
}

// TitlesOf gives the numbers of the titles that were deposited with a digest.
func (l *Ledger) TitlesOf(ctx context.Context, sha256 string) ([]int, error) {
	return collect(ctx, l, "looking for a digest", func(n *int) []any { return []any{n} },
		"SELECT DISTINCT title FROM deliveries WHERE sha256 = ? AND state = 'deposited'", sha256)
}
