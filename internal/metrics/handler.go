package metrics

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// mostPages bounds how often the supervisor is asked for one answer: some
// thousands of receptions.
const mostPages = 200

// Ask asks the supervisor.
type Ask func(context.Context, control.Call) (control.Reply, error)

// Beside serves /metrics and /healthz, in a session worker, and all else by pages.
func Beside(ask Ask, pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", ask.metrics)
	mux.HandleFunc("GET /healthz", ask.health)
	mux.Handle("/", pages)
	return mux
}

// metrics answers with all that the server counts.
func (ask Ask) metrics(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if (control.Call{Metrics: &control.MetricsQuery{Token: token}}).Valid() != nil {
		refuse(w, reason.New(reason.LoginInvalid, "that is not a token"))
		return
	}
	var all []control.Sample
	after := ""
	for range mostPages {
		reply, err := ask(r.Context(), control.Call{Metrics: &control.MetricsQuery{Token: token, After: after}})
		if err == nil && reply.Metrics == nil {
			err = refused(reply.Refusal)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		all = append(all, reply.Metrics.Samples...)
		if after = reply.Metrics.After; !reply.Metrics.More {
			break
		}
	}
	var text bytes.Buffer
	if err := Write(&text, all); err != nil {
		refuse(w, err)
		return
	}
	head(w, ContentType)
	w.Write(text.Bytes())
}

// health answers 200 when the server does its work, and 503 when not.
func (ask Ask) health(w http.ResponseWriter, r *http.Request) {
	reply, err := ask(r.Context(), control.Call{Health: &control.HealthQuery{}})
	h := reply.Health
	switch {
	case err != nil:
		h = &control.Health{Status: err.Error()}
	case h == nil:
		h = &control.Health{Status: refused(reply.Refusal).Error()}
	}
	head(w, "text/plain; charset=utf-8")
	word := "ok"
	if !h.Well {
		word = "not well"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if h.Status != "" {
		word += ": " + h.Status
	}
	fmt.Fprintln(w, word)
}

func head(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

func refused(r *control.Refusal) error {
	if r == nil {
		return reason.New(reason.Internal, "the server does not say")
	}
	return reason.New(r.Code, "%s", r.Detail)
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch reason.Of(err) {
	case reason.LoginNeeded, reason.LoginInvalid:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
		// Whoever fails does not go on trying on this connection.
		w.Header().Set("Connection", "close")
	case reason.NotPermitted:
		status = http.StatusForbidden
	}
	head(w, "text/plain; charset=utf-8")
	http.Error(w, err.Error(), status)
}
