package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"videoclub/internal/reason"
)

// Promise writes d down as promised and gives it as it is stored, with its id.
// When the account has used the key before, nothing is written: for a request
// with the same fingerprint the stored delivery is given, whatever has become
// of it, and replayed is true; for another request the error is
// reason.KeyReused. A key is known as long as its delivery.
//
// Of d, the id and everything under "what has happened" are ignored.
func (l *Ledger) Promise(ctx context.Context, d Delivery) (stored Delivery, replayed bool, err error) {
	all, replayed, err := l.PromiseAll(ctx, []Delivery{d})
	if err != nil {
		return Delivery{}, false, err
	}
	return all[0], replayed, nil
}

// PromiseAll is Promise for deliveries that are promised together: all of them
// or, with an error, none. They are replayed if all are; where only some of the
// keys were used, the request is another one: reason.KeyReused.
func (l *Ledger) PromiseAll(ctx context.Context, ds []Delivery) (stored []Delivery, replayed bool, err error) {
	return l.promiseAll(ctx, ds, func(context.Context, *sql.Conn) error { return nil })
}

// promiseAll is PromiseAll with what is to be done besides, unless they are
// replayed.
func (l *Ledger) promiseAll(ctx context.Context, ds []Delivery, besides func(context.Context, *sql.Conn) error) (stored []Delivery, replayed bool, err error) {
	fresh := slices.Clone(ds)
	for i := range fresh {
		d := &fresh[i]
		if err := d.acceptable(); err != nil {
			return nil, false, err
		}
		d.State, d.Reason, d.Detail = Promised, "", ""
		d.Started, d.Finished = time.Time{}, time.Time{}
		d.Offset, d.DigestState, d.Resumes, d.Sent, d.Receipt = 0, nil, 0, 0, nil
		d.Warnings, d.Expected = 0, time.Time{}
		d.Live = Live{Asked: d.Live.Asked}
	}
	err = l.commit(ctx, "promising", func(ctx context.Context, c *sql.Conn) error {
		stored = make([]Delivery, 0, len(fresh))
		for i, d := range fresh {
			one, again, err := promise(ctx, c, d)
			if err != nil {
				return err
			}
			if i > 0 && again != replayed {
				return reason.New(reason.KeyReused, "the idempotency key was used for some of these deliveries alone: use a new key")
			}
			stored, replayed = append(stored, one), again
		}
		if replayed {
			return nil
		}
		return besides(ctx, c)
	})
	if err != nil {
		return nil, false, err
	}
	return stored, replayed, nil
}

func promise(ctx context.Context, c *sql.Conn, d Delivery) (stored Delivery, replayed bool, err error) {
	stored, found, err := byKey(ctx, c, d.Account, d.Key)
	switch {
	case err != nil:
		return Delivery{}, false, err
	case found && stored.Fingerprint == d.Fingerprint:
		return stored, true, nil
	case found:
		return Delivery{}, false, reason.New(reason.KeyReused,
			"the idempotency key was used for delivery %d, which asked for something else: use a new key", stored.ID)
	}
	var id int64
	if err := c.QueryRowContext(ctx, insertDelivery, d.fields()[1:]...).Scan(&id); err != nil {
		return Delivery{}, false, err
	}
	if err := record(ctx, c, Event{Delivery: id, At: d.Requested, Kind: EventPromised}); err != nil {
		return Delivery{}, false, err
	}
	stored, err = byID(ctx, c, id)
	return stored, false, err
}

// FindKey gives the delivery that account asked for under key, if there is one.
func (l *Ledger) FindKey(ctx context.Context, account, key string) (d Delivery, found bool, err error) {
	err = l.read(ctx, "looking up a key", func(ctx context.Context, db *sql.DB) error {
		d, found, err = byKey(ctx, db, account, key)
		return err
	})
	return d, found, err
}

func byKey(ctx context.Context, q querier, account, key string) (d Delivery, found bool, err error) {
	row := q.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE account = ? AND request_key = ?", account, key)
	err = row.Scan(d.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return Delivery{}, false, nil
	}
	return d, err == nil, err
}

func byID(ctx context.Context, q querier, id int64) (d Delivery, err error) {
	err = q.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE id = ?", id).Scan(d.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return Delivery{}, unknown(id)
	}
	return d, err
}

func unknown(id int64) error {
	return reason.New(reason.UnknownDelivery, "there is no delivery %d", id)
}
