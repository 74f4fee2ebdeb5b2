package desk

import (
	"context"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/mailbox"
	"videoclub/internal/reason"
)

// addAccount makes an account, or a new login link for one. The token is in the
// answer alone: the ledger has its hash.
func (s asker) addAccount(ctx context.Context, q control.AddAccount) (*control.MadeAccount, error) {
	if err := identity.CheckAccount(q.Name); err != nil {
		return nil, err
	}
	if len(q.Mail) > maxText {
		return nil, reason.New(reason.Usage, "a mail address has at most %d bytes", maxText)
	}
	if err := mailbox.Check(q.Mail); err != nil {
		return nil, err
	}
	d := s.desk
	before, err := d.Ledger.HasAccounts(ctx)
	if err != nil {
		return nil, err
	}
	token := identity.NewToken(q.Name)
	a, err := d.Ledger.AddAccount(ctx, ledger.Account{Name: q.Name, Mail: q.Mail, Admin: q.Admin, Token: token.Hash(), Created: d.Clock()}, q.Renew)
	if err != nil {
		return nil, err
	}
	d.Log.Info("account added", "account", a.Name, "mail", a.Mail, "admin", a.Admin, "renewed", q.Renew, "by", s.name())
	made := &control.MadeAccount{
		KnownAccount: publicAccount(a),
		Link:         identity.Link{Server: d.Public(), Identity: d.Dispatcher.Central(), Token: token}.String(),
	}
	if !before {
		made.Socket = d.Socket
	}
	return made, nil
}

func (s asker) removeAccount(ctx context.Context, name string) (*control.Removed, error) {
	needed := s.desk.NeedsAccounts
	if needed != nil {
		needed = reason.Wrap(reason.Of(needed), needed, "%.64q is the last account; add another first", name)
	}
	gone, err := s.desk.Ledger.RemoveAccount(ctx, name, needed)
	if err != nil {
		return nil, err
	}
	s.desk.Log.Info("account removed, its login is void", "account", gone.Name, "by", s.name())
	if has, err := s.desk.Ledger.HasAccounts(ctx); err == nil && !has {
		s.desk.Log.Warn("no account is left: everybody on this machine may request and administer, and nobody elsewhere")
	}
	return &control.Removed{Name: gone.Name}, nil
}

// accounts gives one page of accounts.
func (s asker) accounts(ctx context.Context, after string) (*control.AccountPage, error) {
	all, err := s.desk.Ledger.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	page := &control.AccountPage{Accounts: []control.KnownAccount{}}
	for _, a := range all {
		if a.Name <= after {
			continue
		}
		if page.More = len(page.Accounts) == control.PageSize; page.More {
			break
		}
		page.Accounts = append(page.Accounts, publicAccount(a))
	}
	return page, nil
}

func publicAccount(a ledger.Account) control.KnownAccount {
	return control.KnownAccount{Name: a.Name, Mail: a.Mail, Admin: a.Admin, Created: utc(a.Created), Seen: utc(a.Seen)}
}
