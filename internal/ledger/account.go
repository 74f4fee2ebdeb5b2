package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoclub/internal/reason"
)

// Account is somebody who may ask this server for something. What belongs to an
// account is kept under its id, which is never used twice, so that a new account
// of the same name has nothing of the old one.
type Account struct {
	ID      int64
	Name    string // unique
	Mail    string
	Admin   bool
	Token   []byte // hash of the login token
	Created time.Time
	Seen    time.Time // when it last logged in, to the minute; zero: never
}

func (a *Account) fields() []any {
	return []any{&a.ID, &a.Name, &a.Mail, &a.Admin, &a.Token, (*instant)(&a.Created), (*instant)(&a.Seen)}
}

const selectAccounts = "SELECT id, name, mail, admin, token, created, seen FROM accounts "

// AddAccount makes an account and gives it with its id. One of that name is
// reason.AccountExists; with renew it gets the new token, mail and role instead,
// and keeps what is its own.
func (l *Ledger) AddAccount(ctx context.Context, a Account, renew bool) (made Account, err error) {
	if a.Name == "" || len(a.Name)+len(a.Mail) > MaxText || len(a.Token) == 0 || len(a.Token) > maxDigestState {
		return Account{}, reason.New(reason.Usage, "%.64q cannot be an account", a.Name)
	}
	err = l.commit(ctx, "adding an account", func(ctx context.Context, c *sql.Conn) error {
		known, err := accountNamed(ctx, c, a.Name)
		exists := err == nil
		switch {
		case err != nil && reason.Of(err) != reason.UnknownAccount:
			return err
		case exists && !renew:
			return reason.New(reason.AccountExists, "%s", a.Name)
		case exists:
			_, err = c.ExecContext(ctx, "UPDATE accounts SET mail = ?, admin = ?, token = ?, seen = 0 WHERE id = ?", a.Mail, a.Admin, a.Token, known.ID)
		case renew:
			return err
		default:
			_, err = c.ExecContext(ctx, "INSERT INTO accounts (name, mail, admin, token, created) VALUES (?, ?, ?, ?, ?)",
				a.Name, a.Mail, a.Admin, a.Token, (*instant)(&a.Created))
			if err == nil {
				// Of the time without accounts; they do not come back when there is none.
				_, err = c.ExecContext(ctx, "DELETE FROM sessions WHERE account = 0 AND local = 0")
			}
		}
		if err != nil {
			return err
		}
		made, err = accountNamed(ctx, c, a.Name)
		return err
	})
	return made, err
}

// RemoveAccount ends an account and gives what it was. Its deliveries stay. The last
// one stays too if needed says why.
func (l *Ledger) RemoveAccount(ctx context.Context, name string, needed error) (gone Account, err error) {
	err = l.commit(ctx, "removing an account", func(ctx context.Context, c *sql.Conn) (err error) {
		if gone, err = accountNamed(ctx, c, name); err != nil {
			return err
		}
		others := false
		if err := c.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM accounts WHERE id <> ?)", gone.ID).Scan(&others); err != nil {
			return err
		}
		if !others && needed != nil {
			return needed
		}
		_, err = c.ExecContext(ctx, "DELETE FROM accounts WHERE id = ?", gone.ID)
		return err
	})
	return gone, err
}

// AccountSeen notes that an account has logged in.
func (l *Ledger) AccountSeen(ctx context.Context, id int64, now time.Time) error {
	return l.commit(ctx, "noting a login", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "UPDATE accounts SET seen = ? WHERE id = ?", (*instant)(&now), id)
		return err
	})
}

// AccountByName gives the account called name, or reason.UnknownAccount.
func (l *Ledger) AccountByName(ctx context.Context, name string) (a Account, err error) {
	err = l.read(ctx, "reading an account", func(ctx context.Context, db *sql.DB) error {
		a, err = accountNamed(ctx, db, name)
		return err
	})
	return a, err
}

// Accounts gives all accounts, by name.
func (l *Ledger) Accounts(ctx context.Context) ([]Account, error) {
	return collect(ctx, l, "listing accounts", (*Account).fields, selectAccounts+"ORDER BY name")
}

// HasAccounts says whether there is any account.
func (l *Ledger) HasAccounts(ctx context.Context) (has bool, err error) {
	err = l.read(ctx, "looking for accounts", func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM accounts)").Scan(&has)
	})
	return has, err
}

func accountNamed(ctx context.Context, q querier, name string) (a Account, err error) {
	err = q.QueryRowContext(ctx, selectAccounts+"WHERE name = ?", name).Scan(a.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, reason.New(reason.UnknownAccount, "%.64q", name)
	}
	return a, err
}
