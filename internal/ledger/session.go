package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoclub/internal/reason"
)

// sessionsTable holds the browsers that are logged in; the index is for how
// many deliveries each reception had in time.
const sessionsTable = `
CREATE TABLE sessions (
	hash    BLOB    PRIMARY KEY,
	account INTEGER NOT NULL,
	token   BLOB    NOT NULL,
	local   INTEGER NOT NULL,
	created INTEGER NOT NULL,
	seen    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_account ON sessions (account, seen);
CREATE INDEX deliveries_punctual ON deliveries (reception, finished, deadline) WHERE state = 'deposited';
`

// Session is a browser that is logged in.
type Session struct {
	Hash    []byte // of its secret
	Account int64  // 0 is an administrator of this machine
	Token   []byte // hash of the account's token at the login: a renewed account has no session left
	Local   bool   // of no account, and let in as one whom the kernel knows
	Created time.Time
	Seen    time.Time // to the minute
}

func (s *Session) fields() []any {
	return []any{&s.Hash, &s.Account, &s.Token, &s.Local, (*instant)(&s.Created), (*instant)(&s.Seen)}
}

// AddSession writes down a session, and forgets those that were last seen before
// stale, and of the same account those seen longest ago beyond most.
func (l *Ledger) AddSession(ctx context.Context, s Session, stale time.Time, most int) error {
	if len(s.Hash) == 0 || len(s.Hash)+len(s.Token) > maxDigestState {
		return reason.New(reason.Internal, "a session without a secret")
	}
	return l.commit(ctx, "noting a session", func(ctx context.Context, c *sql.Conn) error {
		if s.Token == nil {
			s.Token = []byte{}
		}
		if _, err := c.ExecContext(ctx, "INSERT INTO sessions (hash, account, token, local, created, seen) VALUES (?, ?, ?, ?, ?, ?)", s.fields()...); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM sessions WHERE seen < ? AND hash <> ?", (*instant)(&stale), s.Hash); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, `DELETE FROM sessions WHERE account = ?1 AND hash NOT IN
			(SELECT hash FROM sessions WHERE account = ?1 ORDER BY hash = ?3 DESC, seen DESC, created DESC LIMIT ?2)`, s.Account, most, s.Hash)
		return err
	})
}

// SessionByHash gives the session whose secret has that hash, and its account,
// which has no id where there is none; or reason.LoginInvalid.
func (l *Ledger) SessionByHash(ctx context.Context, hash []byte) (s Session, a Account, err error) {
	err = l.read(ctx, "reading a session", func(ctx context.Context, db *sql.DB) error {
		err := db.QueryRowContext(ctx, "SELECT hash, account, token, local, created, seen FROM sessions WHERE hash = ?", hash).Scan(s.fields()...)
		if errors.Is(err, sql.ErrNoRows) {
			return reason.New(reason.LoginInvalid, "this session is over")
		}
		if err != nil || s.Account == 0 {
			return err
		}
		err = db.QueryRowContext(ctx, selectAccounts+"WHERE id = ?", s.Account).Scan(a.fields()...)
		if errors.Is(err, sql.ErrNoRows) {
			return reason.New(reason.LoginInvalid, "the account of this session was removed")
		}
		return err
	})
	return s, a, err
}

// SessionSeen notes that a session was used.
func (l *Ledger) SessionSeen(ctx context.Context, hash []byte, now time.Time) error {
	return l.commit(ctx, "noting the use of a session", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "UPDATE sessions SET seen = ? WHERE hash = ?", (*instant)(&now), hash)
		return err
	})
}

// RemoveSession ends a session; one that is not there is no error.
func (l *Ledger) RemoveSession(ctx context.Context, hash []byte) error {
	return l.commit(ctx, "ending a session", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "DELETE FROM sessions WHERE hash = ?", hash)
		return err
	})
}

// Punctuality is how many deliveries a reception had, and how many of them in
// time.
type Punctuality struct {
	Reception         string
	Deposited, InTime int
}

// Punctual gives the punctuality of each reception that had a delivery since.
func (l *Ledger) Punctual(ctx context.Context, since time.Time) (map[string]Punctuality, error) {
	all, err := collect(ctx, l, "counting deliveries", func(p *Punctuality) []any { return []any{&p.Reception, &p.Deposited, &p.InTime} },
		`SELECT reception, COUNT(*), SUM(finished <= deadline) FROM deliveries INDEXED BY deliveries_punctual
		WHERE state = 'deposited' AND finished >= ? GROUP BY reception`, (*instant)(&since))
	by := make(map[string]Punctuality)
	for _, p := range all {
		by[p.Reception] = p
	}
	return by, err
}
