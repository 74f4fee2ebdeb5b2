// Package console is the web console of the central server: its pages, embedded,
// made by the server and kept fresh by server-sent events. It runs in a session
// worker, asks its supervisor for everything, and trusts nothing that a browser
// says but what the supervisor has granted the session.
package console

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"videoclub/internal/control"
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

// policy is the Content-Security-Policy of every page: nothing but what this
// server itself sends, no script or style within a page.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxForm bounds the body of a form, in bytes.
const maxForm = 16 << 10

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
	mux.Handle("GET /assets/", c.static())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, reason.New(reason.Usage, "there is no page at %.200q", r.URL.Path), http.StatusNotFound)
	})
	// A form of another site's page is refused (Sec-Fetch-Site, else Origin).
	return secured(http.NewCrossOriginProtection().Handler(mux))
}

// secured sets what every answer has, and bounds what comes.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// static serves the style, the script and the pictures.
func (c Console) static() http.Handler {
	sub, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // they are embedded
	}
	files := http.StripPrefix("/assets/", http.FileServerFS(sub))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			c.fail(w, r, reason.New(reason.Usage, "there is no page at %.200q", r.URL.Path), http.StatusNotFound)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
}

// parsed are the pages' templates, by language: what they say is looked up when
// they are made.
var parsed = map[string]*template.Template{"en": parse("en"), "es": parse("es")}

func parse(language string) *template.Template {
	return template.Must(template.New("").Funcs(functions(language)).ParseFS(pages, "pages/*.html"))
}

// language is the first of Spanish and English among the browser's languages.
func language(r *http.Request) string {
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		switch tag, _, _ = strings.Cut(tag, "-"); tag {
		case "es", "en":
			return tag
		}
	}
	return "en"
}

// page is what every page is made from.
type page struct {
	Lang          string
	Tab           string // which part of the console it belongs to
	Title         string
	Administrator bool
	Now           time.Time
	Done, Problem string // what became of the form that led here
	Hint          string
	Data          any
}

// page begins a page of a part of the console; title is a key of words, or "".
func (c Console) page(r *http.Request, tab, title string, data any) page {
	p := page{Lang: language(r), Tab: tab, Administrator: c.Administrator, Now: c.Clock(), Data: data}
	p.Title = words[title].in(p.Lang)
	return p
}

// show answers with a page. It is made whole before any of it is sent.
func (c Console) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var out bytes.Buffer
	if err := parsed[p.Lang].ExecuteTemplate(&out, name, p); err != nil {
		http.Error(w, "a fault of the program", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

// fail answers with a page that says what went wrong and what to do.
func (c Console) fail(w http.ResponseWriter, r *http.Request, err error, status int) {
	p := c.page(r, "", "", nil)
	p.Problem, p.Hint = explain(err, p.Lang)
	c.show(w, r, status, "problem.html", p)
}

// explain gives an error's reason in words, and what to do about it.
func explain(err error, language string) (problem, hint string) {
	return reason.Of(err).Words(language)
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

// status is the HTTP status of a page that shows an error.
func status(err error) int {
	switch code := reason.Of(err); {
	case code == reason.UnknownTitle || code == reason.UnknownReception || code == reason.UnknownDelivery:
		return http.StatusNotFound
	case code.Exit() == reason.ExitUsage:
		return http.StatusBadRequest
	case code.Exit() == reason.ExitRefused:
		return http.StatusConflict
	case code.Exit() == reason.ExitPermission:
		return http.StatusForbidden
	case code.Exit() == reason.ExitUnreachable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
