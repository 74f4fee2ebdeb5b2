// Package gallery is the web pages of a reception server, for one session: what
// arrived and what is arriving, played, heard and seen while it grows, with the
// proof that it is whole. It runs in a session worker, asks its supervisor for
// everything, and reads only files that the supervisor has opened for it.
package gallery

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
)

// Ask asks the supervisor, which answers some calls with an open file.
type Ask func(context.Context, control.Call) (control.Reply, *os.File, error)

// Gallery is what the pages of one session are made from.
type Gallery struct {
	Ask   Ask
	Clock moment.Clock
	// Secure says that the connection is encrypted, so that a cookie is for such
	// connections alone.
	Secure bool
}

//go:embed assets
var assets embed.FS

//go:embed pages
var files embed.FS

var pages = look.Parse(files, words, template.FuncMap{
	"length": length, "percent": percent, "kindicon": kindIcon, "grouped": grouped, "ink": func(title int) int { return title % 6 }, "ms": clock,
})

// Prepare readies the pages, so that the first does not wait for that.
func Prepare() { pages.Prepare() }

// scripts are those of this console's own pages.
var scripts = []string{look.Path(assets, "gallery.js")}

// Handler serves the pages.
func (g Gallery) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", g.front)
	mux.HandleFunc("GET /events", g.frontEvents)
	mux.HandleFunc("GET /arriving/{key}", g.arrival)
	mux.HandleFunc("GET /arriving/{key}/events", g.arrivalEvents)
	mux.HandleFunc("GET /deposits/{key}", g.deposit)
	mux.HandleFunc("GET /deposits/{key}/receipt.json", g.receipt)
	mux.HandleFunc("POST /deposits/{key}/verify", g.verify)
	mux.HandleFunc("GET /deposits/{key}/files", g.folder)
	mux.HandleFunc("GET /deposits/{key}/files/{n}", g.folderFile)
	for prefix, find := range map[string]func(*http.Request) which{
		"/deposits/{key}": func(r *http.Request) which { return which{key: r.PathValue("key"), what: control.OfDeposit} },
		"/deposits/{key}/files/{n}": func(r *http.Request) which {
			return which{key: r.PathValue("key"), what: control.OfDeposit, n: r.PathValue("n")}
		},
		"/arriving/{key}": func(r *http.Request) which { return which{key: r.PathValue("key"), what: control.OfArriving} },
	} {
		for name, serve := range map[string]func(http.ResponseWriter, *http.Request, *medium) error{
			"file": g.file, "download": g.download, "pictures": g.pictures, "snapshot.jpg": g.snapshot, "sound.wav": g.sound, "live": g.live,
		} {
			mux.HandleFunc("GET "+prefix+"/"+name, g.with(find, serve))
		}
	}
	mux.HandleFunc("POST /login", g.login)
	mux.HandleFunc("POST /logout", g.logout)
	mux.Handle("GET /assets/", look.Static(assets))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g.fail(w, r, reason.New(reason.UnknownDelivery, "there is no page at %.200q", r.URL.Path))
	})
	return look.Secured(g.admitted(mux), g.fail)
}

// page is what every page is made from.
type page struct {
	look.Frame
	Data any
}

// page begins a page.
func (g Gallery) page(r *http.Request, title string, data any) page {
	f := look.Frame{Lang: look.Language(r), Title: title, Scripts: scripts, Now: g.Clock()}
	f.Place = pages.Say(f.Lang, "reception")
	_, err := r.Cookie(g.cookieName(r))
	f.Leave = err == nil
	if f.Leave {
		f.Who = pages.Say(f.Lang, "operator")
	}
	return page{f, data}
}

// fail answers with a page that says what went wrong and what to do.
func (g Gallery) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := g.page(r, "", nil)
	p.Problem, p.Hint = look.Explain(err, p.Lang)
	pages.Show(w, p.Lang, look.Status(err), "problem.html", p)
}

// ask asks the supervisor for what its store has; a refusal is an error too. By
// what no delivery, and nothing in one, could be called, it asks for nothing.
func (g Gallery) ask(ctx context.Context, q control.StoreQuery) (control.StoreAnswer, *os.File, error) {
	c := control.Call{Store: &q}
	if err := c.Valid(); err != nil {
		return control.StoreAnswer{}, nil, reason.Wrap(reason.UnknownDelivery, err, "there is nothing of that name")
	}
	reply, file, err := g.Ask(ctx, c)
	if err = refusal(reply, err); err == nil && reply.Store == nil {
		err = reason.New(reason.Internal, "the supervisor answers something else")
	}
	if err != nil {
		if file != nil {
			file.Close()
		}
		return control.StoreAnswer{}, nil, err
	}
	return *reply.Store, file, nil
}

// call asks the supervisor for anything that comes without a file.
func (g Gallery) call(ctx context.Context, c control.Call) (control.Reply, error) {
	reply, file, err := g.Ask(ctx, c)
	if file != nil {
		file.Close()
	}
	return reply, refusal(reply, err)
}

func refusal(reply control.Reply, err error) error {
	if err == nil && reply.Refusal != nil {
		err = reason.New(reply.Refusal.Code, "%s", reply.Refusal.Detail)
	}
	return err
}

// query is ask for what is answered without a file.
func (g Gallery) query(ctx context.Context, q control.StoreQuery) (control.StoreAnswer, error) {
	a, file, err := g.ask(ctx, q)
	if file != nil {
		file.Close()
	}
	return a, err
}

// percent is how much of size n is, 100 only when it is all.
func percent(n, size int64) int {
	if size <= 0 {
		return 0
	}
	return int(min(float64(n)/float64(size), 1) * 100)
}

// grouped writes a number with spaces between its thousands, which no language
// takes for a decimal sign.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// clean makes of a name one that a header and a file system take.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\"`, r) {
			return '_'
		}
		return r
	}, name)
}
