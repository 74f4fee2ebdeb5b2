package console

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// browser keeps cookies as browsers do.
type browser struct {
	c       Console
	cookies map[string]string
}

func newBrowser(c Console) *browser { return &browser{c, make(map[string]string)} }

func (b *browser) send(r *http.Request) *http.Response {
	r.Header.Set("Accept-Language", "en")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.c.Handler().ServeHTTP(w, r)
	for _, k := range w.Result().Cookies() {
		if b.cookies[k.Name] = k.Value; k.MaxAge < 0 {
			delete(b.cookies, k.Name)
		}
	}
	return w.Result()
}

// get asks for a page of the console, which must be there.
func (b *browser) get(t *testing.T, path string) string {
	t.Helper()
	reply := b.send(httptest.NewRequest("GET", path, nil))
	var body strings.Builder
	reply.Write(&body)
	if reply.StatusCode != http.StatusOK {
		t.Errorf("%s: %d to %q", path, reply.StatusCode, reply.Header.Get("Location"))
	}
	return body.String()
}

// post sends a form that is accepted, and gives where the browser is sent on to and
// what that page says.
func (b *browser) post(t *testing.T, path string, form url.Values) (to, body string) {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	reply := b.send(r)
	to = reply.Header.Get("Location")
	if reply.StatusCode != http.StatusSeeOther || to == "" {
		t.Fatalf("%s: %d to %q", path, reply.StatusCode, to)
	}
	return to, b.get(t, to)
}

// Every form that was accepted ends at a page that tells its outcome, once: loaded
// again, it is the page without it.
func TestOutcomes(t *testing.T) {
	for path, want := range map[string]struct {
		form   url.Values
		to     string
		says   string
		always bool // and when it is loaded again
	}{
		"/titles":                    {url.Values{"name": {"<i>Nueva %s"}, "location": {"/srv/n.mp4"}, "minutes": {"9"}}, "/", "Added: &lt;i&gt;Nueva %s, number 8.", false},
		"/titles/1/remove":           {url.Values{"force": {"1"}}, "/", "Removed: La Piedra.", false},
		"/titles/1/replace":          {url.Values{"location": {"/srv/b.mp4"}}, "/titles/1/older", "La Piedra has a new version.", false},
		"/deliveries/2/cancel":       {nil, "/deliveries/2", "The delivery is cancelled", false},
		"/receptions":                {url.Values{"name": {"patio"}, "title": {"1"}}, "/receptions/patio/pair", "vcvrs pair vcp1-secret", true},
		"/receptions/casa/check":     {nil, "/receptions", "Name resolves: casa", false},
		"/receptions/casa/remove":    {nil, "/receptions", "casa is no longer paired.", false},
		"/receptions/another/remove": {nil, "/receptions", "Removed: another.", false},
		"/accounts":                  {url.Values{"name": {"luis"}, "mail": {"luis@example.org"}}, "/accounts", "vc://films:4100/x/luis.secret", false},
		"/accounts/jefa/remove":      {nil, "/accounts", "Removed: jefa. Its login is void.", false},
	} {
		_, c := newConsole(t, true)
		b := newBrowser(c)
		to, body := b.post(t, path, want.form)
		at, once, _ := strings.Cut(to, "?once=")
		if at != want.to || len(once) != 22 || !strings.Contains(body, want.says) {
			t.Errorf("%s: to %s, without %q", path, to, want.says)
		}
		if strings.Contains(to, "secret") || strings.Contains(to, "Nueva") {
			t.Errorf("%s: what is told stands in the address: %s", path, to)
		}
		reply := b.send(httptest.NewRequest("GET", to, nil))
		var again strings.Builder
		reply.Write(&again)
		if strings.Contains(again.String(), want.says) != want.always || (len(b.cookies) > 0) != want.always {
			t.Errorf("%s: loaded again it is told: %v, cookies %v", path, !want.always, slices.Collect(maps.Keys(b.cookies)))
		}
	}
}

// An outcome is told by the page that it is for, in the browser that sent the form,
// by its address alone: neither a link that somebody made up nor a cookie tells one.
func TestOutcomeOfAnother(t *testing.T) {
	_, c := newConsole(t, true)
	const says = "no longer paired"
	post := func() (b *browser, to string) {
		b = newBrowser(c)
		r := httptest.NewRequest("POST", "/receptions/casa/remove", nil)
		return b, b.send(r).Header.Get("Location")
	}
	mine, to := post()
	other, elsewhere := post()
	_, once, _ := strings.Cut(to, "?")
	for name, path := range map[string]string{"another page": "/?" + once, "no key": "/receptions", "half a key": to[:len(to)-4], "no letters of a key": "/receptions?once=%00", "a longer one": to + "AAAA", "the key of another": elsewhere} {
		if strings.Contains(mine.get(t, path), says) {
			t.Errorf("it is told with %s", name)
		}
	}
	if strings.Contains(other.get(t, to), says) || strings.Contains(newBrowser(c).get(t, to), says) {
		t.Error("it is told in another browser")
	}
	if !strings.Contains(mine.get(t, to), says) || !strings.Contains(other.get(t, elsewhere), says) {
		t.Error("then it is not told where it should be")
	}
	for name := range mine.cookies {
		t.Errorf("%s is left", name)
	}
	// A cookie that was tampered with.
	mine, to = post()
	for name, value := range mine.cookies {
		mine.cookies[name] = value[:len(value)-2] + "AA"
	}
	if strings.Contains(mine.get(t, to), says) {
		t.Error("another sealed text is told")
	}
}

// The cookie of an outcome is hidden as that of the session is, and has nothing that
// can be read.
func TestOutcomeCookie(t *testing.T) {
	for secure, name := range map[bool]string{false: "vc-central-outcome", true: "__Host-vc-central-outcome"} {
		_, c := newConsole(t, true)
		c.Secure = secure
		r := httptest.NewRequest("POST", "/accounts", strings.NewReader(url.Values{"name": {"luis"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		reply := newBrowser(c).send(r)
		all := reply.Cookies()
		if len(all) != 1 {
			t.Fatalf("%d: %v", reply.StatusCode, all)
		}
		if k := all[0]; k.Name != name || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Secure != secure || k.Path != "/" || k.MaxAge != 0 || !k.Expires.IsZero() || strings.Contains(k.Value, "luis") {
			t.Errorf("%+v", k)
		}
	}
}

// The first account ends what its maker may without one, who is shown its link all
// the same; and nobody else is.
func TestFirstAccount(t *testing.T) {
	d, c := newConsole(t, true)
	ask := c.Ask
	c.Ask = func(ctx context.Context, q control.Call) (control.Reply, error) {
		if q.AddAccount != nil {
			d.visitor = nil
		}
		return ask(ctx, q)
	}
	b := newBrowser(c)
	to, body := b.post(t, "/accounts", url.Values{"name": {"jefe"}, "mail": {"jefe@example.org"}, "admin": {"1"}})
	if !strings.HasPrefix(to, "/accounts/made?once=") || !strings.Contains(body, "vc://films:4100/x/jefe.secret") || strings.Contains(body, "ana@example.org") || strings.Contains(body, `href="/receptions"`) {
		t.Errorf("%s: %s", to, body)
	}
	for _, who := range []*browser{b, newBrowser(c)} {
		if reply := who.send(httptest.NewRequest("GET", to, nil)); reply.StatusCode != http.StatusSeeOther || reply.Header.Get("Location") != "/accounts" {
			t.Errorf("again: %d to %s", reply.StatusCode, reply.Header.Get("Location"))
		}
	}
}

// A pairing code is shown while it can be used, and the page goes on to the list then.
func TestPairingCode(t *testing.T) {
	_, c := newConsole(t, true)
	now := noon
	c.Clock = func() time.Time { return now }
	b := newBrowser(c)
	to, body := b.post(t, "/receptions", url.Values{"name": {"patio"}, "title": {"7"}})
	if !strings.Contains(body, `href="/titles/7?at=patio"`) || !strings.Contains(body, "/events?pairing=patio") {
		t.Error(body)
	}
	now = noon.Add(time.Hour)
	if reply := b.send(httptest.NewRequest("GET", to, nil)); reply.StatusCode != http.StatusSeeOther || reply.Header.Get("Location") != "/receptions" || len(b.cookies) > 0 {
		t.Errorf("too late: %d to %s", reply.StatusCode, reply.Header.Get("Location"))
	}
	if reply := newBrowser(c).send(httptest.NewRequest("GET", "/receptions/patio/pair", nil)); reply.StatusCode != http.StatusSeeOther {
		t.Errorf("to somebody else: %d", reply.StatusCode)
	}
}

// What is refused is said where it was written, with its status, and what was
// written stays.
func TestRefusedForms(t *testing.T) {
	_, c := newConsole(t, true)
	for path, want := range map[string]struct {
		form   url.Values
		status int
		says   string
	}{
		"/accounts":            {url.Values{"name": {"ana"}, "mail": {"x@example.org"}}, http.StatusConflict, `value="x@example.org"`},
		"/receptions":          {url.Values{"name": {"patio"}, "host": {"h"}}, http.StatusBadRequest, `value="patio"`},
		"/titles/1/remove":     {nil, http.StatusConflict, `role="alert"`},
		"/titles/9/replace":    {nil, http.StatusNotFound, reasonWords(reason.UnknownTitle)},
		"/deliveries/9/cancel": {nil, http.StatusNotFound, reasonWords(reason.UnknownDelivery)},
	} {
		if code, body := post(t, c, path, want.form); code != want.status || !strings.Contains(body, want.says) {
			t.Errorf("%s: %d: %s", path, code, body)
		}
	}
}

func reasonWords(code reason.Code) string {
	meaning, _ := code.Words("en")
	return meaning
}
