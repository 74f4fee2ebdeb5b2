package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// authenticated shows the supervisor the token that comes with a request (RFC
// 6750 section 2.1), once in a connection; what it may do is decided there.
func authenticated(l *login, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		if header == "" {
			next.ServeHTTP(w, r)
			return
		}
		token, ok := strings.CutPrefix(header, "Bearer ")
		refused := &control.Refusal{Code: reason.Usage, Detail: "the Authorization is not of the form: Bearer TOKEN"}
		if ok {
			refused = l.show(r.Context(), token)
		}
		if refused != nil {
			// Whoever fails does not go on trying on this connection.
			w.Header().Set("Connection", "close")
			if status(refused.Code) == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			refuse(w, status(refused.Code), *refused)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// login is that of a connection.
type login struct {
	call caller

	mu    sync.Mutex
	shown string // the token that was accepted
}

// show shows the token, unless it was accepted before; it gives the refusal.
func (l *login) show(ctx context.Context, token string) *control.Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.shown == "":
	case subtle.ConstantTimeCompare([]byte(l.shown), []byte(token)) == 1:
		return nil
	default:
		return &control.Refusal{Code: reason.Usage, Detail: "a connection has one login"}
	}
	reply, err := l.call(ctx, control.Call{Login: &control.Login{Token: token}})
	switch {
	case err != nil:
		return &control.Refusal{Code: reason.Of(err), Detail: err.Error()}
	case reply.Refusal != nil:
		return reply.Refusal
	case !reply.Welcome:
		return &control.Refusal{Code: reason.Internal, Detail: "no answer to a login"}
	}
	l.shown = token
	return nil
}
