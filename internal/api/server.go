// Package api is HTTP/JSON over TLS 1.3 for users and administrators: the
// server's part, which runs in a session worker and asks its supervisor for
// everything, and the clients' part.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/session"
)

// ALPN names HTTP/1.1 in the TLS handshake.
const ALPN = session.ALPN

// Limits on a client's request.
const (
	maxBody  = 12 << 10 // 32 long names; escaped anew it still fits into a message to the supervisor
	maxKey   = 128      // bytes of an idempotency key
	mostWait = 30 * time.Second
)

// Session is what the session worker is given.
type Session struct {
	Control *control.Conn
}

// Run waits for a client's connection to be handed over, as a spare worker, and
// serves it until it closes or is idle for too long.
func (s Session) Run() error {
	own, err := session.Take(s.Control)
	if err != nil {
		return err
	}
	return Serve(own)
}

// Serve serves a client's connection.
func Serve(s *session.Session) error {
	return s.Serve(authenticated(&login{call: s.Call}, handler(s.Call)))
}

type caller func(context.Context, control.Call) (control.Reply, error)

// handler maps HTTP to calls.
func handler(call caller) http.Handler { return newResources(call) }

// resources are those of docs/PROTOCOL.md section 6, and of docs/openapi.yaml.
type resources struct {
	*http.ServeMux
	patterns []string // "METHOD PATH" of each
}

// HandleFunc adds a resource.
func (r *resources) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.patterns = append(r.patterns, pattern)
	r.ServeMux.HandleFunc(pattern, handler)
}

func newResources(call caller) *resources {
	mux := &resources{ServeMux: http.NewServeMux()}
	mux.HandleFunc("GET /v1/titles", answer(call, func(r *http.Request) (control.Call, error) {
		after, err := number(r, "after")
		return control.Call{Titles: &control.TitlesQuery{After: int(after)}}, err
	}))
	mux.HandleFunc("POST /v1/requests", answer(call, func(r *http.Request) (control.Call, error) {
		q, err := body[control.Request](r)
		q.Key = r.Header.Get("Idempotency-Key")
		if err == nil && (q.Key == "" || len(q.Key) > maxKey) {
			err = reason.New(reason.Usage, "a request has an Idempotency-Key of 1 to %d bytes", maxKey)
		}
		return control.Call{Request: &q}, err
	}))
	mux.HandleFunc("POST /v1/titles", answer(call, func(r *http.Request) (control.Call, error) {
		q, err := body[control.AddTitle](r)
		return control.Call{Add: &q}, err
	}))
	mux.HandleFunc("DELETE /v1/titles/{number}", answer(call, func(r *http.Request) (control.Call, error) {
		n, err := titleNumber(r)
		force, err1 := number(r, "force")
		return control.Call{Remove: &control.RemoveTitle{Number: n, Force: force != 0}}, errors.Join(err, err1)
	}))
	replacing(mux, call)
	mux.HandleFunc("GET /v1/titles/{number}/where", answer(call, whereCall))
	mux.HandleFunc("GET /v1/receptions", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{Receptions: &control.NamesQuery{After: r.URL.Query().Get("after")}}, nil
	}))
	mux.HandleFunc("GET /v1/schedule", answer(call, scheduleCall))
	mux.HandleFunc("GET /v1/deliveries", answer(call, func(r *http.Request) (control.Call, error) {
		before, err := number(r, "before")
		return control.Call{Deliveries: &control.DeliveryQuery{Before: before}}, err
	}))
	mux.HandleFunc("GET /v1/deliveries/{id}", answer(call, func(r *http.Request) (control.Call, error) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil {
			return control.Call{}, reason.New(reason.Usage, "%.40q is not the number of a delivery", r.PathValue("id"))
		}
		revision, err1 := number(r, "revision")
		seconds, err2 := number(r, "wait")
		wait := min(time.Duration(min(seconds, 3600))*time.Second, mostWait)
		return control.Call{Show: &control.ShowQuery{ID: id, Revision: revision, Wait: wait}}, errors.Join(err1, err2)
	}))
	mux.HandleFunc("POST /v1/deliveries/{id}/cancel", answer(call, func(r *http.Request) (control.Call, error) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil {
			return control.Call{}, reason.New(reason.Usage, "%.40q is not the number of a delivery", r.PathValue("id"))
		}
		return control.Call{Cancel: &control.CancelQuery{ID: id}}, nil
	}))
	mux.HandleFunc("GET /v1/events", events(call))
	belonging(mux, call)
	mux.ServeMux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, control.Refusal{Code: reason.Usage, Detail: "there is nothing at this path, or not for this method"})
	})
	return mux
}

// whereCall reads the question which receptions could have a title.
func whereCall(r *http.Request) (control.Call, error) {
	n, err := titleNumber(r)
	if err != nil {
		return control.Call{}, err
	}
	by, err1 := instant(r, "by")
	from, err2 := instant(r, "from")
	if err1 == nil && by.IsZero() {
		err1 = reason.New(reason.Usage, "by=INSTANT is missing: the deadline")
	}
	pace, err3 := number(r, "max_pace")
	q := &control.WhereQuery{Number: n, By: by, From: from, MaxPace: pace, After: r.URL.Query().Get("after")}
	for _, names := range r.URL.Query()["at"] {
		q.Receptions = append(q.Receptions, strings.Split(names, ",")...)
	}
	return control.Call{Where: q}, errors.Join(err1, err2, err3)
}

// scheduleCall reads the question how full the links are.
func scheduleCall(r *http.Request) (control.Call, error) {
	from, err1 := instant(r, "from")
	to, err2 := instant(r, "to")
	return control.Call{Chart: &control.ChartQuery{From: from, To: to, After: r.URL.Query().Get("after")}}, errors.Join(err1, err2)
}

// titleNumber reads the number of a title in a path.
func titleNumber(r *http.Request) (int, error) {
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 32)
	if err != nil {
		return 0, reason.New(reason.Usage, "%.40q is not the number of a title", r.PathValue("number"))
	}
	return int(n), nil
}

// instant reads a parameter that is an instant, in UTC: time.Parse takes offsets
// that JSON has not. Absent, it is the zero time.
func instant(r *http.Request, name string) (at time.Time, err error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return at, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err != nil {
		return at, reason.New(reason.Usage, "%s=%.40q is not an instant of RFC 3339", name, text)
	}
	return at.UTC(), moment.Check(name, at)
}

// number reads a parameter that is a number of at least 0; absent, it is 0.
func number(r *http.Request, name string) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, reason.New(reason.Usage, "%s=%.40q is not a number of at least 0", name, text)
	}
	return n, nil
}

// body reads the JSON body of a request: one object with known fields alone.
func body[T any](r *http.Request) (T, error) {
	var v T
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, reason.New(reason.Usage, "the body: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return v, reason.New(reason.Usage, "the body has more than one object")
	}
	return v, nil
}

// answer makes a handler of what turns a request into a call.
func answer(call caller, ask func(*http.Request) (control.Call, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := ask(r)
		var reply control.Reply
		if err == nil {
			reply, err = call(r.Context(), c)
		}
		switch {
		case err != nil:
			refuse(w, status(reason.Of(err)), control.Refusal{Code: reason.Of(err), Detail: err.Error()})
		case reply.Refusal != nil:
			refuse(w, refusalStatus(*reply.Refusal), *reply.Refusal)
		case reply.Titles != nil:
			say(w, http.StatusOK, reply.Titles)
		case reply.Deliveries != nil:
			say(w, http.StatusOK, reply.Deliveries)
		case reply.Chart != nil:
			say(w, http.StatusOK, reply.Chart)
		case reply.Prospects != nil:
			say(w, http.StatusOK, reply.Prospects)
		case reply.Receptions != nil:
			say(w, http.StatusOK, reply.Receptions)
		case reply.Older != nil:
			say(w, http.StatusOK, reply.Older)
		case reply.Comparing != nil:
			say(w, http.StatusAccepted, reply.Comparing)
		case reply.Roster != nil:
			say(w, http.StatusOK, reply.Roster)
		case reply.Code != nil:
			say(w, http.StatusCreated, reply.Code)
		case reply.Findings != nil:
			say(w, http.StatusOK, reply.Findings)
		case reply.Sources != nil:
			say(w, http.StatusOK, reply.Sources)
		case reply.Accounts != nil:
			say(w, http.StatusOK, reply.Accounts)
		case reply.Account != nil:
			say(w, http.StatusCreated, reply.Account)
		case reply.Removed != nil:
			say(w, http.StatusOK, reply.Removed)
		case reply.Once != nil:
			say(w, http.StatusCreated, reply.Once)
		case reply.Promises != nil:
			say(w, http.StatusCreated, reply.Promises)
		case c.Request != nil:
			say(w, http.StatusCreated, reply.Delivery)
		case c.Add != nil:
			say(w, http.StatusCreated, reply.Change)
		case c.Remove != nil || c.Replace != nil:
			say(w, http.StatusOK, reply.Change)
		default:
			say(w, http.StatusOK, reply.Delivery)
		}
	}
}

// status is the HTTP status of a refusal.
func status(code reason.Code) int {
	switch {
	case code == reason.UnknownTitle || code == reason.UnknownReception || code == reason.UnknownDelivery || code == reason.UnknownAccount:
		return http.StatusNotFound
	case code == reason.Busy:
		return http.StatusTooManyRequests
	case code == reason.LoginNeeded || code == reason.LoginInvalid:
		return http.StatusUnauthorized
	}
	switch code.Exit() {
	case reason.ExitUsage:
		return http.StatusBadRequest
	case reason.ExitRefused:
		return http.StatusConflict
	case reason.ExitPermission:
		return http.StatusForbidden
	case reason.ExitUnreachable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refusalStatus is that of the code, unless the refusal reports on several
// receptions, of which each has a code of its own.
func refusalStatus(r control.Refusal) int {
	if len(r.Report) > 0 {
		return http.StatusConflict
	}
	return status(r.Code)
}

func refuse(w http.ResponseWriter, status int, r control.Refusal) { say(w, status, r) }

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone is no error of this side.
	json.NewEncoder(w).Encode(v)
}
