package console

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// place is one reception as its page shows it.
type place struct {
	control.KnownReception
	Found []control.Finding // by a check that was just made
}

// Waits says whether a pairing code waits for it.
func (p place) Waits() bool { return !p.Expires.IsZero() }

// Punctual is how many in a hundred deliveries were in time.
func (p place) Punctual() int {
	if p.Deposited == 0 {
		return 0
	}
	return p.InTime * 100 / p.Deposited
}

// Well says whether a check found nothing wrong.
func (p place) Well() bool {
	for _, f := range p.Found {
		if !f.OK {
			return false
		}
	}
	return true
}

// receptionsPage are the receptions, and a form for another.
type receptionsPage struct {
	Places []place
	Form   receptionForm
	Open   bool // the form is being filled in
}

// receptionForm is what is written of a reception that is to be added.
type receptionForm struct {
	Name, Host, Port, Link string
	Title                  int // to go on with when it is there; 0 is none
}

// pairPage says what to do at a reception that was added.
type pairPage struct {
	Code  control.PairingCode
	Place place
	Next  string // where to go on when it is paired
}

func (c Console) receptionList(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "receptions", "receptions", nil)
	o := c.told(w, r)
	p.Done = o.say(p.Lang)
	c.receptionsAgain(w, r, p, receptionsPage{}, map[string][]control.Finding{o.Checked: o.Found}, http.StatusOK)
}

// roster gives all receptions that are known.
func (c Console) roster(r *http.Request) (all []place, err error) {
	for after := ""; ; after = all[len(all)-1].Name {
		reply, err := c.call(r.Context(), control.Call{Roster: &control.NamesQuery{After: after}})
		if err != nil {
			return nil, err
		}
		for _, known := range reply.Roster.Receptions {
			all = append(all, place{KnownReception: known})
		}
		if !reply.Roster.More || len(reply.Roster.Receptions) == 0 {
			return all, nil
		}
	}
}

// receptionsAgain shows the receptions; found are those of a check, by name.
func (c Console) receptionsAgain(w http.ResponseWriter, r *http.Request, p page, data receptionsPage, found map[string][]control.Finding, code int) {
	var err error
	if data.Places, err = c.roster(r); err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	for i := range data.Places {
		data.Places[i].Found = found[data.Places[i].Name]
	}
	p.Data = data
	c.show(w, code, "receptions.html", p)
}

// addReception adds a reception and says what to run there. It may be that of a
// request, which then goes on.
func (c Console) addReception(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "receptions", "receptions", nil)
	form := receptionForm{
		Name: strings.TrimSpace(r.PostFormValue("name")), Host: strings.TrimSpace(r.PostFormValue("host")),
		Port: strings.TrimSpace(r.PostFormValue("port")), Link: strings.TrimSpace(r.PostFormValue("link")),
	}
	form.Title, _ = strconv.Atoi(r.PostFormValue("title"))
	q, err := form.call()
	var reply control.Reply
	if err == nil {
		reply, err = c.call(r.Context(), control.Call{AddReception: &q})
	}
	if err != nil {
		p.explain(err)
		c.receptionsAgain(w, r, p, receptionsPage{Form: form, Open: true}, nil, look.Status(err))
		return
	}
	o := outcome{Code: reply.Code, Next: "/receptions"}
	if form.Title > 0 {
		o.Next = fmt.Sprintf("/titles/%d?at=%s", form.Title, url.QueryEscape(reply.Code.Reception))
	}
	c.sendOn(w, r, "/receptions/"+reply.Code.Reception+"/pair", o)
}

// pairReception says what to run at a reception that was added, to who added it.
func (c Console) pairReception(w http.ResponseWriter, r *http.Request) {
	o := c.told(w, r)
	if o.Code == nil {
		http.Redirect(w, r, "/receptions", http.StatusSeeOther)
		return
	}
	p := c.page(r, "receptions", "receptions", nil)
	data := pairPage{Code: *o.Code, Next: inside(o.Next)}
	data.Place.Name, data.Place.Expires = o.Code.Reception, o.Code.Expires
	p.Title, p.Data = data.Place.Name, data
	c.show(w, http.StatusOK, "pair.html", p)
}

// call gives what is asked of the supervisor.
func (f receptionForm) call() (q control.AddReception, err error) {
	q.Name = f.Name
	switch {
	case f.Host == "" && f.Port == "":
	case f.Port == "":
		err = reason.New(reason.Usage, "an address has a port too")
	default:
		host := f.Host
		if host == "" {
			host = f.Name
		}
		q.Address = net.JoinHostPort(strings.Trim(host, "[]"), f.Port)
	}
	if f.Link != "" && err == nil {
		q.Link, err = bytesPerSecond(f.Link)
	}
	return q, err
}

// bytesPerSecond reads a rate that a person wrote: "20" is meant in Mbit/s, and
// of "20 Mbit" nothing else can be than so much a second.
func bytesPerSecond(text string) (int64, error) {
	r, err := rate.ParseRate(text)
	for _, meant := range []string{"/s", " Mbit/s"} {
		if other, wrong := rate.ParseRate(text + meant); err != nil && wrong == nil {
			r, err = other, nil
		}
	}
	return int64(r), err
}

func (c Console) checkReception(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "receptions", "receptions", nil)
	name := r.PathValue("name")
	reply, err := c.call(r.Context(), control.Call{CheckReception: &control.ReceptionName{Name: name}})
	if err != nil {
		p.explain(err)
		c.receptionsAgain(w, r, p, receptionsPage{}, nil, look.Status(err))
		return
	}
	// What the page does not show is not taken along.
	found := slices.Clone(reply.Findings.Findings)
	for i := range found {
		found[i].Detail, found[i].Addresses = "", nil
	}
	c.sendOn(w, r, "/receptions", outcome{Checked: name, Found: found})
}

func (c Console) removeReception(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "receptions", "receptions", nil)
	reply, err := c.call(r.Context(), control.Call{RemoveReception: &control.ReceptionName{Name: r.PathValue("name")}})
	switch {
	case err != nil:
		p.explain(err)
		c.receptionsAgain(w, r, p, receptionsPage{}, nil, look.Status(err))
	case reply.Removed.Stays:
		c.sendOn(w, r, "/receptions", outcome{Word: "unpaired", Of: []string{reply.Removed.Name}})
	default:
		c.sendOn(w, r, "/receptions", outcome{Word: "forgotten", Of: []string{reply.Removed.Name}})
	}
}

// pairing sends how the pairing of a reception goes, until it is done.
func (c Console) pairing(r *http.Request, s *look.Stream, name, next string) {
	every := time.NewTicker(refresh)
	defer every.Stop()
	for s.Err() == nil {
		all, err := c.roster(r)
		if err != nil {
			return // the browser comes back by itself
		}
		for _, p := range all {
			if p.Name != name {
				continue
			}
			if !p.Waits() && p.Identity != "" {
				s.Event("goto", map[string]string{"path": inside(next)})
				s.Rest()
				return
			}
			s.Part("waiting", "waiting", p)
		}
		s.Rest()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}
