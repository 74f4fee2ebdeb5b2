package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// Reception is a reception server as it was last known.
type Reception struct {
	Name       string // unique
	Address    string // host:port
	Identity   string // the pinned identity; empty until it has been seen
	ReceiptKey string // hex; what its receipts are verified with
	Seen       time.Time
	Paired     time.Time // by a code; zero where it was taken at first sight
}

func (r *Reception) fields() []any {
	return []any{&r.Name, &r.Address, &r.Identity, &r.ReceiptKey, (*instant)(&r.Seen), (*instant)(&r.Paired)}
}

// formerKeysTable keeps the keys that receptions signed receipts with before they
// were paired again or forgotten: what was deposited then is proved by them.
const formerKeysTable = `
CREATE TABLE former_keys (
	reception   TEXT NOT NULL,
	receipt_key TEXT NOT NULL,
	PRIMARY KEY (reception, receipt_key)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER receptions_rekeyed BEFORE UPDATE OF receipt_key ON receptions
	WHEN old.receipt_key <> '' AND old.receipt_key <> new.receipt_key
	BEGIN INSERT OR IGNORE INTO former_keys VALUES (old.name, old.receipt_key); END;
CREATE TRIGGER receptions_forgotten BEFORE DELETE ON receptions
	WHEN old.receipt_key <> ''
	BEGIN INSERT OR IGNORE INTO former_keys VALUES (old.name, old.receipt_key); END;
`

const selectReceptions = "SELECT name, address, identity, receipt_key, seen, paired FROM receptions "

// RememberReception stores r, or brings what is known of that name up to date,
// but for when it was paired.
// An identity that is known is not replaced, not even by two that first meet
// the reception at once: another one is reason.IdentityChanged, and only
// ForgetReception makes room for it.
func (l *Ledger) RememberReception(ctx context.Context, r Reception) error {
	if r.Name == "" || len(r.Name)+len(r.Address)+len(r.Identity)+len(r.ReceiptKey) > MaxText {
		return reason.New(reason.Usage, "the reception %.64q has no name, or its texts are longer than %d bytes", r.Name, MaxText)
	}
	return l.commit(ctx, "noting a reception", func(ctx context.Context, c *sql.Conn) error {
		result, err := c.ExecContext(ctx, `INSERT INTO receptions (name, address, identity, receipt_key, seen, paired) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET address = excluded.address, identity = excluded.identity,
			receipt_key = excluded.receipt_key, seen = excluded.seen
			WHERE receptions.identity = '' OR receptions.identity = excluded.identity`, r.fields()...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return reason.New(reason.IdentityChanged,
			"the reception %q is known with another identity: if it was set up anew, remove it and add it again", r.Name)
	})
}

// ForgetReception removes what is known of the reception called name. One that
// is not known is no error. Its deliveries stay.
func (l *Ledger) ForgetReception(ctx context.Context, name string) error {
	return l.commit(ctx, "forgetting a reception", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "DELETE FROM receptions WHERE name = ?", name)
		return err
	})
}

// ReceptionByName gives what is known of the reception called name, or
// reason.UnknownReception.
func (l *Ledger) ReceptionByName(ctx context.Context, name string) (r Reception, err error) {
	err = l.read(ctx, "reading a reception", func(ctx context.Context, db *sql.DB) error {
		err := db.QueryRowContext(ctx, selectReceptions+"WHERE name = ?", name).Scan(r.fields()...)
		if errors.Is(err, sql.ErrNoRows) {
			return reason.New(reason.UnknownReception, "there is no reception called %.64q", name)
		}
		return err
	})
	return r, err
}

// Receptions gives all that are known, by name.
func (l *Ledger) Receptions(ctx context.Context) ([]Reception, error) {
	return collect(ctx, l, "listing receptions", (*Reception).fields, selectReceptions+"ORDER BY name")
}

// ReceiptKey gives the key by which the reception of d is known to sign: the one
// that signed d's receipt, if it is or ever was that reception's, else the present
// one, "" while there is none.
func (l *Ledger) ReceiptKey(ctx context.Context, d Delivery) (key string, err error) {
	known, err := l.ReceptionByName(ctx, d.Reception)
	if err != nil && reason.Of(err) != reason.UnknownReception {
		return "", err
	}
	if len(d.Receipt) == 0 {
		return known.ReceiptKey, nil
	}
	signed, err := receipt.Parse(d.Receipt)
	if err != nil || signed.Key == known.ReceiptKey {
		return known.ReceiptKey, nil // who shows a receipt that cannot be read says so
	}
	var former bool
	err = l.read(ctx, "looking for a key", func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM former_keys WHERE reception = ? AND receipt_key = ?)", d.Reception, signed.Key).Scan(&former)
	})
	if former {
		return signed.Key, err
	}
	return known.ReceiptKey, err
}
