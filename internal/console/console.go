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
	// Administrator says that the session may add and remove titles. The
	// supervisor decides again when it is asked to.
	Administrator bool
}

//go:embed assets
var assets embed.FS

//go:embed pages
var pages embed.FS

// made are the pages' templates.
var made = look.Parse(pages, words, functions)

// Handler serves the console.
func (c Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.titles)
	mux.HandleFunc("POST /titles", c.addTitle)
	mux.HandleFunc("POST /titles/{number}/remove", c.removeTitle)
	mux.HandleFunc("GET /titles/{number}", c.ask)
	mux.HandleFunc("GET /titles/{number}/where", c.where)
	mux.HandleFunc("POST /titles/{number}", c.request)
	mux.HandleFunc("GET /deliveries", c.deliveries)
	mux.HandleFunc("GET /deliveries/{id}", c.story)
	mux.HandleFunc("POST /deliveries/{id}/cancel", c.cancel)
	mux.HandleFunc("GET /deliveries/{id}/receipt.json", c.receipt)
	mux.HandleFunc("GET /schedule", c.schedule)
	mux.HandleFunc("GET /events", c.events)
	mux.Handle("GET /assets/", look.Static(assets))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, reason.New(reason.Usage, "there is no page at %.200q", r.URL.Path), http.StatusNotFound)
	})
	return look.Secured(mux, func(w http.ResponseWriter, r *http.Request) { c.fail(w, r, look.Foreign, http.StatusForbidden) })
}

// page is what every page is made from.
type page struct {
	look.Frame
	Administrator bool
	Data          any
}

// script is what these pages need besides the script that both consoles have.
var script = []string{look.Path(assets, "console.js")}

// page begins a page of a part of the console; title is a key of words, or "".
func (c Console) page(r *http.Request, tab, title string, data any) page {
	p := page{Frame: look.Frame{Lang: look.Language(r), Now: c.Clock(), Scripts: script}, Administrator: c.Administrator, Data: data}
	p.Title = made.Say(p.Lang, title)
	for _, t := range []look.Tab{{Path: "/", Word: "titles", Icon: "film"}, {Path: "/deliveries", Word: "deliveries", Icon: "truck"}, {Path: "/schedule", Word: "schedule", Icon: "calendar"}} {
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
	p := c.page(r, "", "", nil)
	p.Problem, p.Hint = look.Explain(err, p.Lang)
	c.show(w, status, "problem.html", p)
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
