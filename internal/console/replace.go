package console

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/reason"
)

// replaceTitle gives a title a new version, and goes on to who has an earlier one.
func (c Console) replaceTitle(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "titles", nil)
	t, err := c.title(r)
	var lasts time.Duration
	if err == nil {
		lasts, err = length(r.PostFormValue("minutes"))
	}
	if err == nil {
		_, err = c.call(r.Context(), control.Call{Replace: &control.ReplaceTitle{
			Number: t.Number, Location: strings.TrimSpace(r.PostFormValue("location")), Duration: lasts.Milliseconds(),
		}})
	}
	if err != nil {
		p.explain(err)
		c.titlesAgain(w, r, p, titlesPage{}, look.Status(err))
		return
	}
	c.sendOn(w, r, fmt.Sprintf("/titles/%d/older", t.Number), outcome{Word: "replaced", Of: []string{t.Name}})
}

// holder is a reception that has or awaits earlier versions of a title.
type holder struct {
	Reception string
	All       []control.Older
}

// olderPage is who has or awaits earlier versions of a title, and the form that
// promises the one there is now to them.
type olderPage struct {
	askPage
	Older     []holder
	Comparing *control.Comparing // while it is compared with an earlier version
	Again     url.Values         // what is asked again then
	err       error
}

// Compared is how far that is, in percent.
func (p olderPage) Compared() int64 { return p.Comparing.Hashed * 100 / max(1, p.Comparing.Size) }

// olderOf finds them.
func (c Console) olderOf(r *http.Request, t film) (p olderPage) {
	by := c.Clock().Add(24 * time.Hour).Truncate(time.Hour).In(time.Local)
	p.askPage = askPage{Title: t, Key: rand.Text(), By: by.Format(local), Instant: by.Format(time.RFC3339)}
	for after := ""; ; {
		reply, err := c.call(r.Context(), control.Call{Older: &control.OlderQuery{Number: t.Number, After: after}})
		if err != nil {
			p.err = err
			return p
		}
		for _, o := range reply.Older.Deliveries {
			if n := len(p.Older); n == 0 || p.Older[n-1].Reception != o.Reception {
				p.Older = append(p.Older, holder{Reception: o.Reception})
				p.Chosen = append(p.Chosen, o.Reception)
			}
			last := &p.Older[len(p.Older)-1]
			last.All = append(last.All, o)
			after = o.Reception
		}
		if !reply.Older.More || len(reply.Older.Deliveries) == 0 {
			return p
		}
	}
}

func (c Console) older(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "older", nil)
	t, err := c.title(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p.Title, p.Done = t.Name, c.told(w, r).say(p.Lang)
	c.olderAgain(w, p, c.olderOf(r, t), http.StatusOK)
}

func (c Console) olderAgain(w http.ResponseWriter, p page, data olderPage, code int) {
	if data.err != nil {
		p.explain(data.err)
		code = look.Status(data.err)
	}
	p.Data = data
	c.show(w, code, "older.html", p)
}

// redeliver promises the version that there is now to those who are chosen, to as
// many as one request may name at once all of them, or none.
func (c Console) redeliver(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "older", nil)
	t, err := c.title(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p.Title = t.Name
	earliest := r.PostFormValue("earliest") != ""
	chosen := r.PostForm["at"]
	var by time.Time
	switch {
	case len(chosen) == 0:
		err = reason.New(reason.Usage, "no reception is chosen")
	case !earliest:
		by, err = deadline(r.PostForm)
	}
	key, n := r.PostFormValue("key"), 0
	for some := range slices.Chunk(chosen, control.MaxReceptions) {
		if err != nil {
			break
		}
		n++
		q := control.Redeliver{Key: fmt.Sprintf("%s-%d", key, n), Number: t.Number, Receptions: some, By: by, ByEarliest: earliest}
		var reply control.Reply
		if reply, err = c.call(r.Context(), control.Call{Redeliver: &q}); err == nil && reply.Comparing != nil {
			p.Data = olderPage{askPage: askPage{Title: t}, Comparing: reply.Comparing, Again: r.PostForm}
			c.show(w, http.StatusAccepted, "older.html", p)
			return
		}
	}
	if err == nil {
		http.Redirect(w, r, "/deliveries", http.StatusSeeOther)
		return
	}
	data := c.olderOf(r, t)
	data.Chosen, data.By, data.Instant = chosen, r.PostFormValue("by"), ""
	p.explain(err)
	var no *refused
	if errors.As(err, &no) {
		data.Offer, data.Constraint, data.Prospects = no.Earliest, no.Constraint, no.Report
		if !no.Earliest.IsZero() {
			p.Problem, p.Hint = made.Say(p.Lang, "not_that_soon"), ""
		}
	}
	c.olderAgain(w, p, data, look.Status(err))
}
