package ledger

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// Bounds on a page of List.
const (
	defaultPage = 100
	maxPage     = 500
)

// active is the SQL list of the states that are not terminal. It must read as
// in the schema, for its index to be used.
const active = "('promised', 'sending', 'verifying')"

// Get gives the delivery with that id, or reason.UnknownDelivery.
func (l *Ledger) Get(ctx context.Context, id int64) (d Delivery, err error) {
	err = l.read(ctx, "reading a delivery", func(ctx context.Context, db *sql.DB) error {
		d, err = byID(ctx, db, id)
		return err
	})
	return d, err
}

// Filter chooses deliveries. A zero field chooses all.
type Filter struct {
	Account string
	States  []State
	Before  int64 // ids below this one: the last id of the page before
	Limit   int   // at most 500; 0 means 100
}

// List gives one page of the deliveries that f chooses, the newest first.
func (l *Ledger) List(ctx context.Context, f Filter) ([]Delivery, error) {
	var conditions []string
	var args []any
	if f.Account != "" {
		conditions, args = append(conditions, "account = ?"), append(args, f.Account)
	}
	if f.Before > 0 {
		conditions, args = append(conditions, "id < ?"), append(args, f.Before)
	}
	if slices.Equal(f.States, Running) {
		conditions = append(conditions, "state IN "+active) // by its index
	} else if len(f.States) > 0 {
		conditions = append(conditions, "state IN (?"+strings.Repeat(", ?", len(f.States)-1)+")")
		for _, s := range f.States {
			args = append(args, s)
		}
	}
	rest := "ORDER BY id DESC LIMIT ?"
	if len(conditions) > 0 {
		rest = "WHERE " + strings.Join(conditions, " AND ") + " " + rest
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	return l.deliveries(ctx, rest, append(args, min(limit, maxPage))...)
}

// Has says whether a title was deposited at a reception before, from the source
// as it is: then it is most likely still there, and takes no space again.
func (l *Ledger) Has(ctx context.Context, d Delivery) (has bool, err error) {
	err = l.read(ctx, "looking for a deposit", func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries
			WHERE state = 'deposited' AND location = ? AND size = ? AND mtime_ns = ? AND name = ? AND reception = ?)`,
			d.Location, d.Size, d.MTime, d.Name, d.Reception).Scan(&has)
	})
	return has, err
}

// finishedIndex finds what ended lately among all that ever did.
const finishedIndex = "CREATE INDEX deliveries_finished ON deliveries (finished) WHERE finished > 0"

// EndedSince gives the deliveries of an account, or with "" of all, that ended at an
// instant or after it, the latest first: at most limit.
func (l *Ledger) EndedSince(ctx context.Context, account string, at time.Time, limit int) ([]Delivery, error) {
	return l.deliveries(ctx, "WHERE finished > 0 AND finished >= ? AND (? = '' OR account = ?) ORDER BY finished DESC LIMIT ?",
		millis(at), account, account, limit)
}

// Active gives all deliveries that have not ended, the oldest first: what a
// server that starts has to take up again.
func (l *Ledger) Active(ctx context.Context) ([]Delivery, error) {
	return l.deliveries(ctx, "WHERE state IN "+active+" ORDER BY id")
}

func (l *Ledger) deliveries(ctx context.Context, rest string, args ...any) ([]Delivery, error) {
	return collect(ctx, l, "listing deliveries", (*Delivery).fields, "SELECT "+deliveryColumns+" FROM deliveries "+rest, args...)
}

// collect reads every row of a query into a T, whose fields are in the order
// of the columns.
func collect[T any](ctx context.Context, l *Ledger, doing string, fields func(*T) []any, query string, args ...any) ([]T, error) {
	var all []T
	err := l.read(ctx, doing, func(ctx context.Context, db *sql.DB) error {
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var one T
			if err := rows.Scan(fields(&one)...); err != nil {
				return err
			}
			all = append(all, one)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
