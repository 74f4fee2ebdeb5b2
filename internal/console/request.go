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
	"videoclub/internal/reason"
)

// askPage is the form that asks for a promise, with what came of it.
type askPage struct {
	Title      control.Title
	Receptions []string
	Chosen     []string
	Other, By  string
	Mail       string
	Key        string    // idempotency key: the same form twice is one request
	Offer      time.Time // the counter-offer: the earliest that can be promised
	Constraint string
	Prospects  []control.Prospect
}

// Has says whether a reception is chosen.
func (p askPage) Has(reception string) bool { return slices.Contains(p.Chosen, reception) }

// local is a time as a browser's field for one has it.
const local = "2006-01-02T15:04"

func (c Console) ask(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "request", nil)
	data, err := c.form(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	data.By = p.Now.Add(24 * time.Hour).Truncate(time.Hour).Format(local)
	if len(data.Receptions) == 1 {
		data.Chosen = data.Receptions
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
	return askPage{Title: t, Receptions: names, Key: rand.Text()}, err
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
			return at, nil
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
	q := control.Request{Key: data.Key, Number: data.Title.Number, Receptions: data.Chosen, Mail: data.Mail, Language: p.Lang, ByEarliest: r.PostFormValue("earliest") != ""}
	if data.Other != "" && !slices.Contains(q.Receptions, data.Other) {
		q.Receptions = append(slices.Clone(q.Receptions), data.Other)
	}
	if len(q.Receptions) == 0 {
		err = reason.New(reason.Usage, "no reception is chosen")
	}
	if err == nil && !q.ByEarliest {
		q.By, err = deadline(r.PostForm)
	}
	var reply control.Reply
	if err == nil {
		if len(q.Receptions) == 1 {
			q.Reception, q.Receptions = q.Receptions[0], nil
		}
		reply, err = c.call(r.Context(), control.Call{Request: &q})
	}
	if err != nil {
		c.counter(w, r, p, data, err)
		return
	}
	to := "/deliveries"
	if reply.Delivery != nil {
		to += "/" + strconv.FormatInt(reply.Delivery.ID, 10)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// counter shows why a promise was not given, and what can be promised instead.
func (c Console) counter(w http.ResponseWriter, r *http.Request, p page, data askPage, err error) {
	// The next try is another request.
	data.Key = rand.Text()
	p.Problem, p.Hint = look.Explain(err, p.Lang)
	if reason.Of(err) == reason.Usage {
		p.Problem += ": " + err.Error()
	}
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

// where is the part of the form that says which receptions could have the title
// by the time that is written in it.
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
	var reply control.Reply
	if err == nil {
		reply, err = c.call(r.Context(), control.Call{Where: &q})
	}
	if err != nil {
		p.Problem, p.Hint = look.Explain(err, p.Lang)
		p.Data = data
		c.show(w, look.Status(err), "where", p)
		return
	}
	data.Prospects = reply.Prospects.Receptions
	p.Data = data
	c.show(w, http.StatusOK, "where", p)
}
