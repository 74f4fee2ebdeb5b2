package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
)

// askPage is the form that asks for a promise, with what came of it.
type askPage struct {
	Title      film
	Sight      sightPage
	Receptions []string
	Chosen     []string
	Other, By  string
	Earliest   bool   // as early as can be promised, instead of By
	Pace       string // that it may go at, as it was written; empty is as fast as can be
	Mail       string
	Instant    string    // that By is in the server's zone, where the server wrote it
	Key        string    // idempotency key: the same form twice is one request
	Offer      time.Time // the counter-offer: the earliest that can be promised
	Constraint string
	Prospects  []control.Prospect
	New        receptionForm // for administrators
}

// Has says whether a reception is chosen.
func (p askPage) Has(reception string) bool { return slices.Contains(p.Chosen, reception) }

// Prospect is what is known of a reception, nil where nothing is.
func (p askPage) Prospect(reception string) *control.Prospect {
	for i := range p.Prospects {
		if p.Prospects[i].Reception == reception {
			return &p.Prospects[i]
		}
	}
	return nil
}

// Possible is at how many receptions the title could be in time.
func (p askPage) Possible() (n int) {
	for _, q := range p.Prospects {
		if q.Possible {
			n++
		}
	}
	return n
}

// local is a time as a browser's field for one has it.
const local = "2006-01-02T15:04"

func (c Console) ask(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "request", nil)
	data, err := c.form(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	by := p.Now.Add(24 * time.Hour).Truncate(time.Hour).In(time.Local)
	data.By, data.Instant = by.Format(local), by.Format(time.RFC3339)
	data.Chosen = r.URL.Query()["at"]
	if len(data.Receptions) == 1 && len(data.Chosen) == 0 {
		data.Chosen = data.Receptions
	}
	data.Mail = p.Visitor.Mail
	// What could be is known before anything is typed; a title that cannot be
	// delivered says why.
	if data.Prospects, err = c.prospects(r, control.WhereQuery{Number: data.Title.Number, By: by}); err != nil {
		p.explain(err)
	}
	p.Title, p.Data = data.Title.Name, data
	c.show(w, http.StatusOK, "request.html", p)
}

// form is a form for the title in the path.
func (c Console) form(r *http.Request) (askPage, error) {
	t, err := c.title(r)
	if err != nil {
		return askPage{}, err
	}
	names, err := c.receptions(r)
	return askPage{Title: t, Sight: c.begins(r, t), Receptions: names, Key: rand.Text(), New: receptionForm{Title: t.Number}}, err
}

// receptions are the names of those that are known.
func (c Console) receptions(r *http.Request) ([]string, error) {
	var all []string
	for after := ""; ; after = all[len(all)-1] {
		reply, err := c.call(r.Context(), control.Call{Receptions: &control.NamesQuery{After: after}})
		if err != nil {
			return nil, err
		}
		all = append(all, reply.Receptions.Receptions...)
		if !reply.Receptions.More || len(reply.Receptions.Receptions) == 0 {
			return all, nil
		}
	}
}

// deadline reads the form's time, in the browser's zone where its script told how
// far that is from UTC, else in the server's.
func deadline(form url.Values) (time.Time, error) {
	text, zone := strings.TrimSpace(form.Get("by")), time.Local
	if minutes, err := strconv.Atoi(form.Get("offset")); err == nil && minutes >= -24*60 && minutes <= 24*60 {
		zone = time.FixedZone("", minutes*60)
	}
	for _, layout := range []string{local, local + ":05"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.UTC(), moment.Check("the deadline", at)
		}
	}
	return time.Time{}, reason.New(reason.Usage, "%.40q is no date and time", text)
}

// request asks for the promise: its delivery is shown, or the counter-offer.
func (c Console) request(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "request", nil)
	data, err := c.form(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p.Title = data.Title.Name
	if key := r.PostFormValue("key"); key != "" {
		data.Key = key
	}
	data.Chosen, data.Other = r.PostForm["at"], strings.TrimSpace(r.PostFormValue("other"))
	data.By, data.Mail = r.PostFormValue("by"), strings.TrimSpace(r.PostFormValue("mail"))
	data.Earliest, data.Pace = r.PostFormValue("earliest") != "", strings.TrimSpace(r.PostFormValue("pace"))
	q := control.Request{Key: data.Key, Number: data.Title.Number, Receptions: data.Chosen, Mail: data.Mail, Language: p.Lang, ByEarliest: data.Earliest}
	if data.Other != "" && !slices.Contains(q.Receptions, data.Other) {
		q.Receptions = append(slices.Clone(q.Receptions), data.Other)
	}
	if len(q.Receptions) == 0 {
		err = reason.New(reason.Usage, "no reception is chosen")
	}
	if err == nil && !q.ByEarliest {
		q.By, err = deadline(r.PostForm)
	}
	if err == nil && data.Pace != "" {
		q.MaxPace, err = bytesPerSecond(data.Pace)
	}
	var reply control.Reply
	if err == nil {
		if len(q.Receptions) == 1 {
			q.Reception, q.Receptions = q.Receptions[0], nil
		}
		reply, err = c.call(r.Context(), control.Call{Request: &q})
	}
	if err != nil {
		c.counter(w, p, data, err)
		return
	}
	to := "/deliveries"
	if reply.Delivery != nil {
		to += "/" + strconv.FormatInt(reply.Delivery.ID, 10)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// counter shows why a promise was not given, and what can be promised instead.
func (c Console) counter(w http.ResponseWriter, p page, data askPage, err error) {
	// The next try is another request.
	data.Key, data.Earliest = rand.Text(), false
	p.explain(err)
	var no *refused
	if errors.As(err, &no) {
		data.Offer, data.Constraint, data.Prospects = no.Earliest, no.Constraint, no.Report
		if !no.Earliest.IsZero() {
			p.Problem, p.Hint = made.Say(p.Lang, "not_that_soon"), ""
		}
	}
	p.Data = data
	c.show(w, look.Status(err), "request.html", p)
}

// prospects asks which receptions could have a title by a time.
func (c Console) prospects(r *http.Request, q control.WhereQuery) (all []control.Prospect, err error) {
	for {
		reply, err := c.call(r.Context(), control.Call{Where: &q})
		if err != nil {
			return all, err
		}
		all = append(all, reply.Prospects.Receptions...)
		if !reply.Prospects.More || len(reply.Prospects.Receptions) == 0 {
			return all, nil
		}
		q.After = all[len(all)-1].Reception
	}
}

// where says which receptions could have the title by the time that is written in
// the form: the answers that its choices show.
func (c Console) where(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "", nil)
	var data askPage
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		err = reason.New(reason.UnknownTitle, "%.40q is no number of a title", r.PathValue("number"))
	}
	q := control.WhereQuery{Number: n}
	if err == nil {
		q.By, err = deadline(r.URL.Query())
	}
	if pace := strings.TrimSpace(r.URL.Query().Get("pace")); err == nil && pace != "" {
		q.MaxPace, err = bytesPerSecond(pace)
	}
	if err == nil {
		data.Prospects, err = c.prospects(r, q)
	}
	code := http.StatusOK
	if err != nil {
		p.explain(err)
		code = look.Status(err)
	}
	p.Data = data
	c.show(w, code, "where", p)
}
