// Package console is the web console of the central server: its pages, embedded,
// made by the server and kept fresh by server-sent events. It runs in a session
// worker, asks its supervisor for everything, and trusts nothing that a browser
// says but what the supervisor has granted the session.
package console

import (
	"context"
	"embed"
	"net/http"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
)

// Ask asks the supervisor.
type Ask func(context.Context, control.Call) (control.Reply, error)

// Console is what the pages of one session are made from.
type Console struct {
	Ask   Ask
	Clock moment.Clock
	// Secure says that the connection is encrypted: the cookie is for such alone.
	Secure bool
}

//go:embed assets
var assets embed.FS

//go:embed pages
var pages embed.FS

// made are the pages' templates.
var made = look.Parse(pages, words, functions)

// Prepare readies the pages, so that the first does not wait for that.
func Prepare() { made.Prepare() }

// Handler serves the console.
func (c Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, page := range map[string]http.HandlerFunc{
		"GET /{$}":                          c.titles,
		"POST /titles":                      c.addTitle,
		"GET /live":                         c.live,
		"POST /live":                        c.addLive,
		"POST /titles/{number}/remove":      c.removeTitle,
		"POST /titles/{number}/replace":     c.replaceTitle,
		"GET /titles/{number}/older":        c.older,
		"POST /titles/{number}/redeliver":   c.redeliver,
		"GET /titles/{number}":              c.ask,
		"GET /titles/{number}/where":        c.where,
		"GET /titles/{number}/sight":        c.sight,
		"POST /titles/{number}/sight":       c.film,
		"POST /titles/{number}":             c.request,
		"GET /deliveries":                   c.deliveries,
		"GET /deliveries/{id}":              c.story,
		"POST /deliveries/{id}/cancel":      c.cancel,
		"GET /deliveries/{id}/receipt.json": c.receipt,
		"GET /schedule":                     c.schedule,
		"GET /receptions":                   c.receptionList,
		"POST /receptions":                  c.addReception,
		"GET /receptions/{name}/pair":       c.pairReception,
		"POST /receptions/{name}/check":     c.checkReception,
		"POST /receptions/{name}/remove":    c.removeReception,
		"GET /accounts":                     c.accountList,
		"POST /accounts":                    c.addAccount,
		"POST /accounts/{name}/remove":      c.removeAccount,
		"GET /events":                       c.events,
		"/":                                 c.nowhere,
	} {
		mux.HandleFunc(path, c.known(page))
	}
	mux.HandleFunc("GET /accounts/made", c.madeAccount)
	mux.HandleFunc("GET /login", c.door)
	mux.HandleFunc("GET /login/{secret}", c.opened)
	mux.HandleFunc("POST /login", c.enter)
	mux.HandleFunc("POST /logout", c.leave)
	mux.Handle("GET /assets/", look.Static(assets))
	return look.Secured(mux, func(w http.ResponseWriter, r *http.Request, err error) { c.fail(w, r, err, look.Status(err)) })
}

func (c Console) nowhere(w http.ResponseWriter, r *http.Request) {
	c.fail(w, r, reason.New(reason.Usage, "there is no page at %.200q", r.URL.Path), http.StatusNotFound)
}

// page is what every page is made from.
type page struct {
	look.Frame
	Visitor       control.Visitor
	Administrator bool
	Data          any
}

// script is what these pages need besides the script that both consoles have.
var script = []string{look.Path(assets, "console.js")}

// page begins a page of a part of the console; title is a key of words, or "".
func (c Console) page(r *http.Request, tab, title string, data any) page {
	v, known := visitor(r)
	p := page{Frame: look.Frame{Lang: look.Language(r), Now: c.Clock(), Scripts: script}, Visitor: v, Administrator: v.Admin, Data: data}
	p.Title = made.Say(p.Lang, title)
	if !known {
		return p
	}
	p.Who, p.Leave, p.Enter = v.Account, v.LoggedIn, !v.LoggedIn
	if p.Who == "" && v.Admin {
		p.Who = made.Say(p.Lang, "local_admin")
	}
	tabs := []look.Tab{{Path: "/", Word: "titles", Icon: "film"}, {Path: "/deliveries", Word: "deliveries", Icon: "truck"}, {Path: "/schedule", Word: "schedule", Icon: "calendar"}}
	if v.Admin {
		tabs = append(tabs, look.Tab{Path: "/receptions", Word: "receptions", Icon: "place"}, look.Tab{Path: "/accounts", Word: "accounts", Icon: "people"})
	}
	for _, t := range tabs {
		t.Current = t.Word == tab
		p.Tabs = append(p.Tabs, t)
	}
	return p
}

// show answers with a page.
func (c Console) show(w http.ResponseWriter, status int, name string, p page) {
	made.Show(w, p.Lang, status, name, p)
}

// fail answers with a page that says what went wrong and what to do.
func (c Console) fail(w http.ResponseWriter, r *http.Request, err error, status int) {
	p := c.page(r, "", "problem", nil)
	p.explain(err)
	c.show(w, status, "problem.html", p)
}

// explain has the page say what went wrong and what to do about it. What is
// wrong with what was written is said in full.
func (p *page) explain(err error) {
	p.Problem, p.Hint = look.Explain(err, p.Lang)
	if reason.Of(err).Exit() == reason.ExitUsage {
		p.Problem += ": " + err.Error()
	}
}

// call asks the supervisor; a refusal is an error too.
func (c Console) call(ctx context.Context, q control.Call) (control.Reply, error) {
	reply, err := c.Ask(ctx, q)
	if err == nil && reply.Refusal != nil {
		err = &refused{*reply.Refusal}
	}
	return reply, err
}

// refused is a refusal of the supervisor.
type refused struct{ control.Refusal }

func (r *refused) Error() string { return r.Detail }
func (r *refused) Unwrap() error { return reason.New(r.Code, "%s", r.Detail) }
