package gallery

import (
	"net"
	"net/http"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/reason"
)

// cookieName is that of the cookie by which a browser is let in again, which tells
// the servers of one machine apart by it. Where it is for encrypted connections
// alone, browsers see by its name that no other host or path has set it.
func (g Gallery) cookieName(r *http.Request) string {
	name := "vcvrs"
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, port, err := net.SplitHostPort(at.String()); err == nil {
			name += "-" + port
		}
	}
	if g.Secure {
		name = "__Host-" + name
	}
	return name
}

// admitted asks for the operator's token where the supervisor wants it: it lets a
// session ask nothing else until then, so that a page that forgot to ask would
// show nothing.
func (g Gallery) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/assets/") {
			next.ServeHTTP(w, r)
			return
		}
		secret := ""
		if c, err := r.Cookie(g.cookieName(r)); err == nil {
			secret = c.Value
		}
		_, err := g.call(r.Context(), control.Call{Visit: &control.Visit{Secret: secret}})
		switch code := reason.Of(err); {
		case err == nil:
			next.ServeHTTP(w, r)
		case code == reason.LoginNeeded || code == reason.LoginInvalid:
			g.door(w, r, "")
		default:
			g.fail(w, r, err)
		}
	})
}

// door is the page at which the token is asked for. What else was asked for than
// a page is refused in words.
func (g Gallery) door(w http.ResponseWriter, r *http.Request, problem string) {
	p := g.page(r, "", nil)
	p.Who, p.Leave = "", false
	p.Problem = problem
	pages.Show(w, p.Lang, http.StatusUnauthorized, "door.html", p)
}

func (g Gallery) login(w http.ResponseWriter, r *http.Request) {
	reply, err := g.call(r.Context(), control.Call{Enter: &control.Enter{Secret: r.PostFormValue("token")}})
	switch {
	case reason.Of(err) == reason.LoginInvalid:
		g.door(w, r, pages.Say(look.Language(r), "login_failed"))
		return
	case err != nil:
		g.fail(w, r, err)
		return
	case reply.Entered != nil:
		http.SetCookie(w, g.cookie(r, reply.Entered.Secret, 0))
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (g Gallery) logout(w http.ResponseWriter, r *http.Request) {
	g.call(r.Context(), control.Call{Leave: &control.Leave{}}) // of the session that was shown
	http.SetCookie(w, g.cookie(r, "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// cookie lasts as long as the browser runs, and goes with no other site's request.
func (g Gallery) cookie(r *http.Request, secret string, age int) *http.Cookie {
	return &http.Cookie{Name: g.cookieName(r), Value: secret, Path: "/", MaxAge: age, Secure: g.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}
