package look

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var sample = fstest.MapFS{"pages/sample.html": {Data: []byte(`{{template "top" .}}<h1>{{t "own"}} {{icon "film"}}</h1>{{template "bottom" .}}{{define "part"}}<i id="p">{{.}}</i>{{end}}`)}}

func TestFrame(t *testing.T) {
	p := Parse(sample, Words{"own": {"Mine", "Mío"}}, nil)
	f := Frame{Lang: "es", Title: "<b>", Tabs: []Tab{{Path: "/", Word: "titles", Icon: "film", Current: true}}, Who: "ana", Leave: true, Problem: "no", Scripts: []string{"/assets/x.js?1"}}
	w := httptest.NewRecorder()
	p.Show(w, f.Lang, http.StatusConflict, "sample.html", f)
	for _, want := range []string{`lang="es"`, "Mío", "&lt;b&gt;", `aria-current="page"`, "Títulos", `action="/logout"`, `role="alert"`, "/assets/x.js?1", paths["style.css"]} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q: %s", want, w.Body)
		}
	}
	if w.Code != http.StatusConflict || w.Header().Get("Vary") != "Accept-Language" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestLanguage(t *testing.T) {
	for header, want := range map[string]string{"": "en", "es-CL,en;q=0.5": "es", "fr, en-GB;q=0.8, es;q=0.5": "en", "ES": "es", "de": "en"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", header)
		if got := Language(r); got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
}

func TestWordsAreInBoth(t *testing.T) {
	for key, w := range common {
		if w[0] == "" || w[1] == "" {
			t.Errorf("%s: %+v", key, w)
		}
	}
}

// Every answer has the headers; a form of another site's page does nothing, and
// none that cannot be read.
func TestSecured(t *testing.T) {
	reached := 0
	h := Secured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
	}), func(w http.ResponseWriter, r *http.Request, err error) { http.Error(w, "", Status(err)) })
	for name, c := range map[string]struct {
		method, header, value string
		size                  int
		status                int
	}{
		"a page":                 {"GET", "Sec-Fetch-Site", "cross-site", 0, 200},
		"our form":               {"POST", "Sec-Fetch-Site", "same-origin", maxForm, 200},
		"another's form":         {"POST", "Sec-Fetch-Site", "cross-site", 10, 403},
		"another port's form":    {"POST", "Sec-Fetch-Site", "same-site", 10, 403},
		"another's, old browser": {"POST", "Origin", "https://evil.example", 10, 403},
		"too large":              {"POST", "Sec-Fetch-Site", "same-origin", maxForm + 1, 400},
	} {
		r := httptest.NewRequest(c.method, "/", strings.NewReader(strings.Repeat("x", c.size)))
		r.Header.Set(c.header, c.value)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		before := reached
		h.ServeHTTP(w, r)
		if w.Code != c.status || (reached > before) != (c.status == 200) {
			t.Errorf("%s: %d, reached: %v", name, w.Code, reached > before)
		}
		if !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
}

func TestStatic(t *testing.T) {
	own := fstest.MapFS{"assets/own.js": {Data: []byte("1")}}
	h := Static(own)
	for path, want := range map[string]struct {
		status int
		cached string
	}{
		paths["style.css"]:        {200, "public, max-age=31536000, immutable"},
		Path(own, "own.js"):       {200, "public, max-age=31536000, immutable"},
		"/assets/look.js?old":     {200, "no-cache"},
		"/assets/none":            {404, ""},
		"/assets/":                {404, ""},
		"/assets/..%2flook.go":    {404, ""},
		"/assets/../static.go":    {404, ""},
		"/assets/%00/style.css%0": {404, ""},
	} {
		u := strings.SplitN(path, "?", 2)
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = u[0]
		if len(u) > 1 {
			r.URL.RawQuery = u[1]
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want.status || want.status == 200 && w.Header().Get("Cache-Control") != want.cached {
			t.Errorf("%s: %d, %q", path, w.Code, w.Header().Get("Cache-Control"))
		}
	}
}

// A part is sent when it is another than before, and nothing when it is not.
func TestStream(t *testing.T) {
	p := Parse(sample, Words{"own": {"Mine", "Mío"}}, nil)
	w := httptest.NewRecorder()
	s := p.Stream(w, httptest.NewRequest("GET", "/", nil))
	for _, data := range []string{"a", "a", "<b"} {
		s.Part("p", "part", data)
		s.Rest()
	}
	want := `event: part
data: {"html":"\u003ci id=\"p\"\u003ea\u003c/i\u003e","id":"p"}

event: part
data: {"html":"\u003ci id=\"p\"\u003e\u0026lt;b\u003c/i\u003e","id":"p"}

`
	if w.Body.String() != want || s.Err() != nil {
		t.Errorf("%v: %s", s.Err(), w.Body)
	}
	s.told = s.told.Add(-QuietFor)
	s.Rest()
	if !strings.HasSuffix(w.Body.String(), ": all is well\n\n") || time.Since(s.told) > time.Minute {
		t.Errorf("after a long time: %s", w.Body)
	}
	if s.Part("p", "no such", nil); s.Err() == nil {
		t.Error("a part that is not there is no fault")
	}
}

// What browsers get of both consoles' common files is small.
func TestSize(t *testing.T) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for _, files := range []fs.FS{assets, pages} {
		err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(files, path)
			z.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	if out.Len() > 100<<10 {
		t.Errorf("%d bytes compressed", out.Len())
	}
}
