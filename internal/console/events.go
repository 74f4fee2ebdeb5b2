package console

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
)

const (
	// refresh is how often a list is looked at while somebody watches it.
	refresh = time.Second

	// watchFor is how long one story is waited for before the browser is told
	// that all is well.
	watchFor = look.QuietFor
)

// events is the stream of what changes of the page that is looked at.
func (c Console) events(w http.ResponseWriter, r *http.Request) {
	s := made.Stream(w, r)
	if id, err := strconv.ParseInt(r.URL.Query().Get("delivery"), 10, 64); err == nil {
		c.follow(r, s, id)
		return
	}
	if r.URL.Query().Get("sight") != "" {
		r.SetPathValue("number", r.URL.Query().Get("sight"))
		if t, err := c.title(r); err == nil {
			c.watch(r, s, t)
		}
		return
	}
	if name := r.URL.Query().Get("pairing"); name != "" {
		c.pairing(r, s, name, r.URL.Query().Get("next"))
		return
	}
	every := time.NewTicker(refresh)
	defer every.Stop()
	was := make(map[int64]bool) // under way when it was looked at last
	since, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	for s.Err() == nil {
		running, _, err := c.underWay(r, 0)
		if err != nil {
			return // the browser comes back by itself
		}
		is := make(map[int64]bool)
		for _, d := range running {
			is[d.ID] = true
			s.Part(fmt.Sprintf("d%d", d.ID), "row", d)
		}
		for id := range was {
			if !is[id] {
				c.over(r, s, id)
			}
		}
		was = is
		if since > 0 { // now, as what ends from here on is in was
			c.endedSince(r, s, since)
			since = 0
		}
		s.Rest()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}

// endedSince sends what ended since the page was made: the list may show it under
// way, as it was then, or as an earlier stream has told it.
func (c Console) endedSince(r *http.Request, s *look.Stream, since int64) {
	for s.Err() == nil {
		reply, err := c.call(r.Context(), control.Call{News: &control.NewsQuery{After: since}})
		if err != nil {
			return
		}
		for _, change := range reply.News.Changes {
			if d := (row{change.Delivery, c.Clock()}); !d.Running() {
				s.Part(fmt.Sprintf("d%d", d.ID), "row", d)
			}
		}
		if since = reply.News.After; !reply.News.More {
			return
		}
	}
}

// over sends how a delivery ended.
func (c Console) over(r *http.Request, s *look.Stream, id int64) {
	reply, err := c.call(r.Context(), control.Call{Show: &control.ShowQuery{ID: id}})
	if err == nil {
		s.Part(fmt.Sprintf("d%d", id), "row", row{reply.Delivery.Delivery, c.Clock()})
	}
}

// follow sends the story of one delivery at each change of it.
func (c Console) follow(r *http.Request, s *look.Stream, id int64) {
	for revision := int64(0); s.Err() == nil; {
		reply, err := c.call(r.Context(), control.Call{Show: &control.ShowQuery{ID: id, Revision: revision, Wait: watchFor}})
		if err != nil {
			return
		}
		revision = reply.Delivery.Revision
		story := c.tell(*reply.Delivery)
		s.Part("story", "story", c.page(r, "", "", story))
		if !story.Running() {
			s.Event("over", struct{}{})
		}
		s.Rest()
		if !story.Running() {
			return
		}
	}
}
