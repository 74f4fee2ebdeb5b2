// Package look is how the pages of both consoles look: the frame around them,
// style, script and pictures, the headers that keep a browser to them, the words
// that both say, and the parts that are sent anew while somebody watches.
package look

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"videoclub/internal/reason"
)

// Frame is what stands around every page.
type Frame struct {
	Lang          string
	Place         string // where it is: behind the name of the product; "" is nothing
	Title         string // of the page, as text
	Tabs          []Tab
	Who           string // who is logged in, as text; "" is nobody
	Leave         bool   // they can log out, by a POST to /logout
	Enter         bool   // they can log in, at /login
	Scripts       []string
	Now           time.Time
	Done, Problem string // what became of the form that led here
	Hint          string // what to do about the problem
}

// Tab is a part of the console, of which there is a link on every page.
type Tab struct {
	Path, Word, Icon string
	Current          bool
}

// Pages are the templates of one console and those that both have, by language:
// what they say is looked up when they are made.
type Pages struct {
	words  Words
	parsed map[string]func() *template.Template
}

// Parse gives the templates pages/*.html of files, with the words and functions
// that they use besides those of this package. They are read when the first page
// is made in a language, as most processes of a program make none. Mistakes in
// them panic: they are embedded.
func Parse(files fs.FS, words Words, functions template.FuncMap) *Pages {
	p := &Pages{words: maps.Clone(common), parsed: make(map[string]func() *template.Template)}
	for key, w := range words {
		if _, twice := p.words[key]; twice {
			panic("look: there are words for " + key + " already")
		}
		p.words[key] = w
	}
	for _, language := range []string{"en", "es"} {
		p.parsed[language] = sync.OnceValue(func() *template.Template {
			t := template.New("").Funcs(p.functions(language)).Funcs(functions)
			t = template.Must(t.ParseFS(pages, "pages/*.html"))
			return template.Must(t.ParseFS(files, "pages/*.html"))
		})
	}
	return p
}

// Prepare reads the templates now, for who has the time.
func (p *Pages) Prepare() {
	for _, parsed := range p.parsed {
		parsed()
	}
}

// Say gives the words for a key; those that are missing are a fault of the
// program, which its tests look for.
func (p *Pages) Say(language, key string) string { return p.words[key].In(language) }

// Part makes a part of a page.
func (p *Pages) Part(language, name string, data any) (string, error) {
	var out strings.Builder
	err := p.parsed[language]().ExecuteTemplate(&out, name, data)
	return out.String(), err
}

// Show answers with a page. It is made whole before any of it is sent.
func (p *Pages) Show(w http.ResponseWriter, language string, status int, name string, data any) {
	var out bytes.Buffer
	if err := p.parsed[language]().ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, "a fault of the program", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

// Language is the first of Spanish and English among the browser's languages,
// which come in the order of preference from browsers.
func Language(r *http.Request) string {
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		switch tag, _, _ = strings.Cut(tag, "-"); tag {
		case "es", "en":
			return tag
		}
	}
	return "en"
}

// Status is the HTTP status of a page that shows an error.
func Status(err error) int {
	switch code := reason.Of(err); {
	case code == reason.UnknownTitle || code == reason.UnknownReception || code == reason.UnknownDelivery || code == reason.UnknownAccount:
		return http.StatusNotFound
	case code == reason.LoginNeeded || code == reason.LoginInvalid:
		return http.StatusUnauthorized
	case code == reason.Busy:
		return http.StatusTooManyRequests
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

// Explain gives an error's reason in words, and what to do about it.
func Explain(err error, language string) (problem, hint string) {
	return reason.Of(err).Words(language)
}

// icon is one of the pictures of icons.go, to be read by nobody.
func icon(name string) (template.HTML, error) {
	path, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + path + `</svg>`), nil
}
