package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/reason"
)

// film is a title as pages show it.
type film struct{ control.Title }

// Kind is what it is to people.
func (f film) Kind() control.Kind {
	if f.Facts == nil {
		return control.KindVideo
	}
	return f.Facts.Kind
}

// Size is how large it is, in bytes; -1 where that is not known.
func (f film) Size() int64 {
	if f.Facts == nil {
		return -1
	}
	return f.Facts.Size
}

// titlesPage is the catalogue, or what of it matches a search.
type titlesPage struct {
	Search string
	Titles []film
	More   int  // the number after which there are others; 0 is none
	Empty  bool // there are no titles at all
	Form   control.AddTitle
	Length string
}

// mostPages bounds how many pages of titles a search looks at.
const mostPages = 200

func (c Console) titles(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "titles", nil)
	p.Done = c.told(w, r).say(p.Lang)
	data, err := c.findTitles(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p.Data = data
	c.show(w, http.StatusOK, "titles.html", p)
}

// findTitles gives the titles that a page shows.
func (c Console) findTitles(r *http.Request) (titlesPage, error) {
	q := r.URL.Query()
	p := titlesPage{Search: strings.TrimSpace(q.Get("q"))}
	after, _ := strconv.Atoi(q.Get("after"))
	first := after
	for range mostPages {
		reply, err := c.call(r.Context(), control.Call{Titles: &control.TitlesQuery{After: after, Facts: true}})
		if err != nil {
			return p, err
		}
		for _, t := range reply.Titles.Titles {
			after = t.Number
			if matches(t, p.Search) {
				p.Titles = append(p.Titles, film{t})
			}
		}
		if !reply.Titles.More {
			p.Empty = len(p.Titles) == 0 && p.Search == "" && first == 0
			return p, nil
		}
		if len(p.Titles) >= control.PageSize {
			break
		}
	}
	p.More = after
	return p, nil
}

// matches says whether every word of a search is in the title's words or number.
func matches(t control.Title, search string) bool {
	text := strings.ToLower(fmt.Sprintf("%d %s %s", t.Number, t.Name, t.Description))
	for _, word := range strings.Fields(strings.ToLower(search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// title finds one title by its number in the path.
func (c Console) title(r *http.Request) (film, error) {
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil || n < 1 {
		return film{}, reason.New(reason.UnknownTitle, "%.40q is no number of a title", r.PathValue("number"))
	}
	reply, err := c.call(r.Context(), control.Call{Titles: &control.TitlesQuery{After: n - 1, Facts: true, Most: 1}})
	if err != nil {
		return film{}, err
	}
	if list := reply.Titles.Titles; len(list) > 0 && list[0].Number == n {
		return film{list[0]}, nil
	}
	return film{}, reason.New(reason.UnknownTitle, "there is no title %d", n)
}

// addTitle takes the administrator's form.
func (c Console) addTitle(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "titles", nil)
	form := control.AddTitle{Name: r.FormValue("name"), Location: r.FormValue("location"), Description: r.FormValue("description")}
	minutes := strings.TrimSpace(r.FormValue("minutes"))
	lasts, err := length(minutes)
	form.Duration = lasts.Milliseconds()
	var reply control.Reply
	if err == nil {
		reply, err = c.call(r.Context(), control.Call{Add: &form})
	}
	if err != nil {
		p.explain(err)
		if reason.Of(err).Exit() != reason.ExitUsage {
			p.Problem += ": " + err.Error()
		}
		c.titlesAgain(w, r, p, titlesPage{Form: form, Length: minutes}, look.Status(err))
		return
	}
	c.sendOn(w, r, "/", outcome{Word: "added", Of: []string{reply.Change.Title.Name, strconv.Itoa(reply.Change.Title.Number)}})
}

// titlesAgain shows the catalogue after a form that was refused, with what was
// written in it.
func (c Console) titlesAgain(w http.ResponseWriter, r *http.Request, p page, form titlesPage, code int) {
	data, err := c.findTitles(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	data.Form, data.Length = form.Form, form.Length
	p.Data = data
	c.show(w, code, "titles.html", p)
}

func (c Console) removeTitle(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "titles", nil)
	t, err := c.title(r)
	if err == nil {
		_, err = c.call(r.Context(), control.Call{Remove: &control.RemoveTitle{Number: t.Number, Force: r.FormValue("force") != ""}})
	}
	if err != nil {
		p.explain(err)
		c.titlesAgain(w, r, p, titlesPage{}, look.Status(err))
		return
	}
	c.sendOn(w, r, "/", outcome{Word: "removed", Of: []string{t.Name}})
}
