package api

import (
	"net/http"

	"videoclub/internal/control"
)

// belonging adds the resources of who belongs to the server: receptions and
// accounts.
func belonging(mux *resources, call caller) {
	after := func(r *http.Request) *control.NamesQuery {
		return &control.NamesQuery{After: r.URL.Query().Get("after")}
	}
	mux.HandleFunc("GET /v1/roster", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{Roster: after(r)}, nil
	}))
	mux.HandleFunc("POST /v1/receptions", answer(call, func(r *http.Request) (control.Call, error) {
		q, err := body[control.AddReception](r)
		return control.Call{AddReception: &q}, err
	}))
	mux.HandleFunc("DELETE /v1/receptions/{name}", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{RemoveReception: &control.ReceptionName{Name: r.PathValue("name")}}, nil
	}))
	mux.HandleFunc("POST /v1/receptions/{name}/check", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{CheckReception: &control.ReceptionName{Name: r.PathValue("name")}}, nil
	}))
	mux.HandleFunc("GET /v1/sources", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{Sources: &control.SourcesQuery{}}, nil
	}))
	mux.HandleFunc("GET /v1/accounts", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{Accounts: after(r)}, nil
	}))
	mux.HandleFunc("POST /v1/accounts", answer(call, func(r *http.Request) (control.Call, error) {
		q, err := body[control.AddAccount](r)
		return control.Call{AddAccount: &q}, err
	}))
	mux.HandleFunc("POST /v1/console-links", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{LinkOnce: &control.LinkOnce{}}, nil
	}))
	mux.HandleFunc("DELETE /v1/accounts/{name}", answer(call, func(r *http.Request) (control.Call, error) {
		return control.Call{RemoveAccount: &control.AccountName{Name: r.PathValue("name")}}, nil
	}))
}
