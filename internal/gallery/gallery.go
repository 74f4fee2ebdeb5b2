// Package gallery is the web pages of a reception server, for one session. They
// run in a session worker and ask its supervisor for everything.
package gallery

import (
	"context"
	"html/template"
	"net/http"
	"os"

	"videoclub/internal/control"
	"videoclub/internal/moment"
)

// Ask asks the supervisor, which answers some calls with an open file.
type Ask func(context.Context, control.Call) (control.Reply, *os.File, error)

// Gallery is what the pages of one session are made from.
type Gallery struct {
	Ask   Ask
	Clock moment.Clock
	// Secure says that the connection is encrypted, and comes to an address that
	// other machines reach.
	Secure bool
}

// policy is the Content-Security-Policy of every page.
const policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var front = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Video Club</title>
<h1>Video Club</h1><p>{{.}}</p></html>
`))

// Handler serves the pages.
func (g Gallery) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if g.Secure {
			http.Error(w, "what is here is shown to this machine alone", http.StatusForbidden)
			return
		}
		reply, _, err := g.Ask(r.Context(), control.Call{Health: &control.HealthQuery{}})
		if err != nil || reply.Health == nil {
			http.Error(w, "the server does not answer; try again", http.StatusServiceUnavailable)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		front.Execute(w, reply.Health.Status)
	})
	return mux
}
