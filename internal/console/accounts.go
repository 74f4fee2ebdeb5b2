package console

import (
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
	p := c.page(r, "accounts", "accounts", nil)
	o := c.told(w, r)
	p.Done = o.say(p.Lang)
	c.accountsAgain(w, r, p, accountsPage{Made: o.Account}, http.StatusOK)
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
	to := "/accounts"
	// The first account ends what this machine may without one, as a new login of
	// one's own ends the session: then only the link is shown.
	if _, err := c.visit(r); err != nil {
		to = "/accounts/made"
	}
	c.sendOn(w, r, to, outcome{Account: reply.Account})
}

// madeAccount shows the link of an account to who made it, and may not come back
// without it.
func (c Console) madeAccount(w http.ResponseWriter, r *http.Request) {
	o := c.told(w, r)
	if o.Account == nil {
		http.Redirect(w, r, "/accounts", http.StatusSeeOther)
		return
	}
	p := c.page(r, "", "accounts", nil)
	p.Tabs, p.Data = nil, accountsPage{Made: o.Account}
	c.show(w, http.StatusOK, "accounts.html", p)
}

func (c Console) removeAccount(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "accounts", "accounts", nil)
	reply, err := c.call(r.Context(), control.Call{RemoveAccount: &control.AccountName{Name: r.PathValue("name")}})
	if err != nil {
		p.explain(err)
		c.accountsAgain(w, r, p, accountsPage{}, look.Status(err))
		return
	}
	c.sendOn(w, r, "/accounts", outcome{Word: "account_gone", Of: []string{reply.Removed.Name}})
}
