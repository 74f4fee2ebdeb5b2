package console

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/look"
	"videoclub/internal/reason"
)

// visiting is where a request has who asks.
type visiting struct{}

// visitor is who asks; known is whether that was found out.
func visitor(r *http.Request) (v control.Visitor, known bool) {
	v, known = r.Context().Value(visiting{}).(control.Visitor)
	return v, known
}

// known shows the supervisor the browser's session, for it to decide by from then
// on, and sends whoever has none to log in.
func (c Console) known(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := c.visit(r)
		switch code := reason.Of(err); {
		case err == nil:
			page(w, r.WithContext(context.WithValue(r.Context(), visiting{}, v)))
		case code != reason.LoginNeeded && code != reason.LoginInvalid:
			c.fail(w, r, err, look.Status(err))
		case r.Method == http.MethodGet && r.URL.Path != "/events":
			to := url.Values{"to": {r.URL.RequestURI()}}
			if code == reason.LoginInvalid {
				to.Set("over", "1")
			}
			http.Redirect(w, r, "/login?"+to.Encode(), http.StatusSeeOther)
		default:
			c.fail(w, r, err, look.Status(err))
		}
	}
}

// visit asks who the browser is.
func (c Console) visit(r *http.Request) (control.Visitor, error) {
	q := control.Visit{}
	if cookie, err := r.Cookie(c.cookie(r, "").Name); err == nil {
		q.Secret = cookie.Value
	}
	reply, err := c.call(r.Context(), control.Call{Visit: &q})
	if err != nil {
		return control.Visitor{}, err
	}
	return *reply.Visitor, nil
}

// cookie is what a browser keeps of its session: for this server's pages alone,
// hidden from scripts, not sent along from other sites' pages (RFC 6265bis). A
// browser tells the servers of one machine apart by the name.
func (c Console) cookie(r *http.Request, secret string) *http.Cookie {
	name := "vc-central"
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, port, err := net.SplitHostPort(at.String()); err == nil {
			name += "-" + port
		}
	}
	if c.Secure {
		name = "__Host-" + name
	}
	return &http.Cookie{Name: name, Value: secret, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteStrictMode}
}

// doorPage is where one logs in.
type doorPage struct {
	Secret string // of the link that was opened
	To     string // where to go then
	Nobody bool   // whoever does not log in is let in too
}

// door is the page to log in at.
func (c Console) door(w http.ResponseWriter, r *http.Request) {
	_, err := c.visit(r)
	p := c.page(r, "", "log_in", doorPage{To: inside(r.URL.Query().Get("to")), Nobody: err == nil})
	if r.URL.Query().Has("over") {
		p.Problem = made.Say(p.Lang, "session_over")
	}
	c.show(w, http.StatusOK, "login.html", p)
}

// opened is the page of a link. It is used when the button is pressed, and not by
// whatever looks at links before a person does.
func (c Console) opened(w http.ResponseWriter, r *http.Request) {
	c.show(w, http.StatusOK, "login.html", c.page(r, "", "log_in", doorPage{Secret: r.PathValue("secret")}))
}

// inside gives a path of this console to go to, "/" for any other.
func inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
		return "/"
	}
	return to
}

// enter logs a browser in.
func (c Console) enter(w http.ResponseWriter, r *http.Request) {
	q, err := login(r.PostFormValue("login"))
	var reply control.Reply
	if err == nil {
		// The session that is over then is this browser's, not that of whoever asked
		// last on the connection.
		c.visit(r)
		reply, err = c.call(r.Context(), control.Call{Enter: &q})
	}
	to := inside(r.PostFormValue("to"))
	if err != nil {
		p := c.page(r, "", "log_in", doorPage{To: to})
		p.explain(err)
		c.show(w, look.Status(err), "login.html", p)
		return
	}
	http.SetCookie(w, c.cookie(r, reply.Entered.Secret))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// login reads what people have to log in with: a login link, its token alone, or
// a link to this console that is used once, or its end.
func login(text string) (control.Enter, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "vc:") {
		link, err := identity.ParseLink(text)
		return control.Enter{Secret: link.Token.String(), Identity: link.Identity}, err
	}
	if i := strings.LastIndexByte(text, '/'); i >= 0 {
		text = text[i+1:]
	}
	if text == "" || len(text) > 200 {
		return control.Enter{}, reason.New(reason.LoginInvalid, "a login has up to 200 letters")
	}
	return control.Enter{Secret: text}, nil
}

// leave ends the browser's session.
func (c Console) leave(w http.ResponseWriter, r *http.Request) {
	_, err := c.visit(r)
	if err == nil {
		_, err = c.call(r.Context(), control.Call{Leave: &control.Leave{}})
	}
	if code := reason.Of(err); err != nil && code != reason.LoginNeeded && code != reason.LoginInvalid {
		c.fail(w, r, fmt.Errorf("ending the session: %w", err), look.Status(err))
		return
	}
	gone := c.cookie(r, "")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
