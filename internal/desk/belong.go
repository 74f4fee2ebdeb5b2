package desk

import (
	"context"

	"videoclub/internal/control"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// administrative says whether a call is about who belongs to the server.
func administrative(c control.Call) bool {
	return c.Roster != nil || c.AddReception != nil || c.RemoveReception != nil || c.CheckReception != nil ||
		c.Accounts != nil || c.Sources != nil || c.AddAccount != nil || c.RemoveAccount != nil
}

// administer does what administrators alone may, about receptions and accounts.
func (s asker) administer(ctx context.Context, c control.Call) (r control.Reply, err error) {
	if !s.admin {
		return r, reason.New(reason.NotPermitted, "receptions, accounts and live sources are for administrators, on their own port")
	}
	switch {
	case c.Roster != nil:
		r.Roster, err = s.roster(ctx, c.Roster.After)
	case c.AddReception != nil:
		r.Code, err = s.addReception(ctx, *c.AddReception)
	case c.RemoveReception != nil:
		var stays bool
		stays, err = s.desk.Roster.Remove(ctx, c.RemoveReception.Name)
		r.Removed = &control.Removed{Name: c.RemoveReception.Name, Stays: stays}
	case c.CheckReception != nil:
		var found []control.Finding
		found, err = s.desk.Roster.Check(ctx, c.CheckReception.Name)
		for i := range found {
			found[i].Detail = cut(found[i].Detail, 300)
		}
		r.Findings = &control.Findings{Findings: found}
	case c.Sources != nil:
		r.Sources = &control.SourceList{Sources: s.desk.Studio.Sources(ctx)}
		for i := range r.Sources.Sources {
			l := &r.Sources.Sources[i]
			l.Problem, l.Name = cut(l.Problem, 300), cut(l.Name, 100)
		}
	case c.Accounts != nil:
		r.Accounts, err = s.accounts(ctx, c.Accounts.After)
	case c.AddAccount != nil:
		r.Account, err = s.addAccount(ctx, *c.AddAccount)
	case c.RemoveAccount != nil:
		r.Removed, err = s.removeAccount(ctx, c.RemoveAccount.Name)
	}
	return r, err
}

func (s asker) addReception(ctx context.Context, q control.AddReception) (*control.PairingCode, error) {
	if len(q.Address) > maxText || q.Link < 0 {
		return nil, reason.New(reason.Usage, "an address has at most %d bytes, and a link is no less than nothing", maxText)
	}
	added, err := s.desk.Roster.Add(ctx, q.Name, q.Address, rate.Rate(q.Link))
	if err != nil {
		return nil, err
	}
	return &control.PairingCode{
		Reception: added.Name, Address: added.Address, Link: int64(added.Link), Code: added.Code.String(), Expires: added.Code.Expires.UTC(), Again: added.Again,
	}, nil
}

// punctualDays is over how many days it is counted how many deliveries were in
// time.
const punctualDays = 90

// roster gives one page of receptions.
func (s asker) roster(ctx context.Context, after string) (*control.ReceptionPage, error) {
	all, err := s.desk.Roster.List(ctx)
	if err != nil {
		return nil, err
	}
	punctual, err := s.desk.Ledger.Punctual(ctx, s.desk.Clock().AddDate(0, 0, -punctualDays))
	if err != nil {
		return nil, err
	}
	free := s.desk.Dispatcher.Free()
	page := &control.ReceptionPage{Receptions: []control.KnownReception{}}
	for _, e := range all {
		if e.Name <= after {
			continue
		}
		if page.More = len(page.Receptions) == control.PageSize; page.More {
			break
		}
		known := control.KnownReception{
			Name: e.Name, Address: e.Address, Link: int64(e.Link), Configured: e.Configured, Identity: e.Identity, Paired: utc(e.Paired), Expires: utc(e.Expires),
		}
		known.Owed, known.Deposited, known.InTime = s.desk.Dispatcher.Owed(e.Name), punctual[e.Name].Deposited, punctual[e.Name].InTime
		if left, said := free[e.Name]; said {
			left = max(left, 0)
			known.Free = &left
		}
		if e.Trouble != nil {
			known.Reason, known.Detail = reason.Of(e.Trouble), cut(e.Trouble.Error(), 300)
		}
		page.Receptions = append(page.Receptions, known)
	}
	return page, nil
}
