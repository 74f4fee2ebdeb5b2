package console

import (
	"fmt"
	"net/http"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/look"
)

// accountsPage are the accounts, a form for another, and the link of one that was
// just made.
type accountsPage struct {
	Accounts []control.KnownAccount
	Form     control.AddAccount
	Open     bool // the form is being filled in
	Made     *control.MadeAccount
}

func (c Console) accountList(w http.ResponseWriter, r *http.Request) {
	c.accountsAgain(w, r, c.page(r, "accounts", "accounts", nil), accountsPage{}, http.StatusOK)
}

// accountsAgain shows the accounts.
func (c Console) accountsAgain(w http.ResponseWriter, r *http.Request, p page, data accountsPage, code int) {
	for after := ""; ; after = data.Accounts[len(data.Accounts)-1].Name {
		reply, err := c.call(r.Context(), control.Call{Accounts: &control.NamesQuery{After: after}})
		if err != nil {
			c.fail(w, r, err, look.Status(err))
			return
		}
		data.Accounts = append(data.Accounts, reply.Accounts.Accounts...)
		if !reply.Accounts.More || len(reply.Accounts.Accounts) == 0 {
			break
		}
	}
	p.Data = data
	c.show(w, code, "accounts.html", p)
}

// addAccount makes an account, or a new login for one, and shows its link once.
func (c Console) addAccount(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "accounts", "accounts", nil)
	q := control.AddAccount{
		Name: strings.TrimSpace(r.PostFormValue("name")), Mail: strings.TrimSpace(r.PostFormValue("mail")),
		Admin: r.PostFormValue("admin") != "", Renew: r.PostFormValue("renew") != "",
	}
	reply, err := c.call(r.Context(), control.Call{AddAccount: &q})
	if err != nil {
		p.explain(err)
		c.accountsAgain(w, r, p, accountsPage{Form: q, Open: true}, look.Status(err))
		return
	}
	// The first account ends what this machine may without one: then only the
	// link is shown, which the answer has.
	if _, err := c.visit(r); err != nil {
		p = c.page(r.WithContext(r.Context()), "", "accounts", nil)
		p.Tabs, p.Data = nil, accountsPage{Made: reply.Account}
		c.show(w, http.StatusCreated, "accounts.html", p)
		return
	}
	c.accountsAgain(w, r, p, accountsPage{Made: reply.Account}, http.StatusCreated)
}

func (c Console) removeAccount(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "accounts", "accounts", nil)
	reply, err := c.call(r.Context(), control.Call{RemoveAccount: &control.AccountName{Name: r.PathValue("name")}})
	code := http.StatusOK
	if err != nil {
		p.explain(err)
		code = look.Status(err)
	} else {
		p.Done = fmt.Sprintf(made.Say(p.Lang, "account_gone"), reply.Removed.Name)
	}
	c.accountsAgain(w, r, p, accountsPage{}, code)
}
