package ledger

import (
	"context"
	"database/sql"
	"time"

	"videoclub/internal/reason"
)

// belongTables hold who belongs to this server besides what is configured: the
// receptions that an administrator added, the pairings that wait for their
// first contact, and the accounts.
const belongTables = `
ALTER TABLE receptions ADD COLUMN paired INTEGER NOT NULL DEFAULT 0;

CREATE TABLE places (
	name    TEXT    PRIMARY KEY,
	address TEXT    NOT NULL,
	link    INTEGER NOT NULL,
	added   INTEGER NOT NULL
) STRICT;

CREATE TABLE pairings (
	name    TEXT    PRIMARY KEY,
	secret  BLOB    NOT NULL,
	made    INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	name    TEXT    NOT NULL UNIQUE,
	mail    TEXT    NOT NULL,
	admin   INTEGER NOT NULL,
	token   BLOB    NOT NULL,
	created INTEGER NOT NULL,
	seen    INTEGER NOT NULL DEFAULT 0
) STRICT;
`

// Place is where a reception is that an administrator added.
type Place struct {
	Name    string // unique, in lower case
	Address string // host:port; "" is the name at the usual port
	Link    int64  // bytes a second; 0 is as configured for all
	Added   time.Time
}

func (p *Place) fields() []any { return []any{&p.Name, &p.Address, &p.Link, (*instant)(&p.Added)} }

// Pairing is a code that waits for its first contact.
type Pairing struct {
	Name    string // of the reception
	Secret  []byte
	Made    time.Time
	Expires time.Time
}

func (p *Pairing) fields() []any {
	return []any{&p.Name, &p.Secret, (*instant)(&p.Made), (*instant)(&p.Expires)}
}

// Places gives the receptions that were added, by name.
func (l *Ledger) Places(ctx context.Context) ([]Place, error) {
	return collect(ctx, l, "listing receptions", (*Place).fields, "SELECT name, address, link, added FROM places ORDER BY name")
}

// Pairings gives the pairings that wait, by name; those that have expired too.
func (l *Ledger) Pairings(ctx context.Context) ([]Pairing, error) {
	return collect(ctx, l, "listing pairings", (*Pairing).fields, "SELECT name, secret, made, expires FROM pairings ORDER BY name")
}

// AddPairing writes down a new code for a reception, which ends an earlier one,
// and where the reception is, unless place is nil.
func (l *Ledger) AddPairing(ctx context.Context, p Pairing, place *Place) error {
	if p.Name == "" || len(p.Name) > MaxText || len(p.Secret) == 0 || len(p.Secret) > maxDigestState || place != nil && (place.Name != p.Name || len(place.Address) > MaxText) {
		return reason.New(reason.Usage, "the reception %.64q cannot be paired", p.Name)
	}
	return l.commit(ctx, "adding a reception", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, `INSERT INTO pairings (name, secret, made, expires) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET secret = excluded.secret, made = excluded.made, expires = excluded.expires`, p.fields()...)
		if err != nil || place == nil {
			return err
		}
		_, err = c.ExecContext(ctx, `INSERT INTO places (name, address, link, added) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET address = excluded.address, link = excluded.link`, place.fields()...)
		return err
	})
}

// Pair uses up the pairing of r's name with that secret and knows r from now on,
// whoever was known by the name before. Where there is no such pairing, because
// it was used, replaced or taken back, it is reason.PairingInvalid; where it has
// expired, reason.PairingExpired.
func (l *Ledger) Pair(ctx context.Context, r Reception, secret []byte, now time.Time) error {
	r.Seen, r.Paired = now, now
	return l.commit(ctx, "pairing", func(ctx context.Context, c *sql.Conn) error {
		var expires instant
		err := c.QueryRowContext(ctx, "DELETE FROM pairings WHERE name = ? AND secret = ? RETURNING expires", r.Name, secret).Scan(&expires)
		switch {
		case err == sql.ErrNoRows:
			return reason.New(reason.PairingInvalid, "no pairing of %q waits with that code: it was used, replaced or taken back", r.Name)
		case err != nil:
			return err
		case !now.Before(time.Time(expires)):
			return reason.New(reason.PairingExpired, "the code for %q could be used until %s", r.Name, time.Time(expires).Format(time.RFC3339))
		}
		_, err = c.ExecContext(ctx, `INSERT INTO receptions (name, address, identity, receipt_key, seen, paired) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET address = excluded.address, identity = excluded.identity,
			receipt_key = excluded.receipt_key, seen = excluded.seen, paired = excluded.paired`, r.fields()...)
		return err
	})
}

// RemoveReception forgets the reception called name: where it is, who it is and
// its pairing. One to which deliveries have not ended is reason.ReceptionInUse;
// one of which nothing is known, reason.UnknownReception.
func (l *Ledger) RemoveReception(ctx context.Context, name string) error {
	return l.commit(ctx, "removing a reception", func(ctx context.Context, c *sql.Conn) error {
		var deliveries int
		if err := c.QueryRowContext(ctx, "SELECT COUNT(*) FROM deliveries WHERE reception = ? AND state IN "+active, name).Scan(&deliveries); err != nil {
			return err
		}
		if deliveries > 0 {
			return reason.New(reason.ReceptionInUse, "%s: %d deliveries", name, deliveries)
		}
		known := false
		for _, table := range []string{"places", "pairings", "receptions"} {
			result, err := c.ExecContext(ctx, "DELETE FROM "+table+" WHERE name = ?", name)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			known = known || n > 0
		}
		if !known {
			return reason.New(reason.UnknownReception, "nothing is known of a reception called %.64q", name)
		}
		return nil
	})
}
