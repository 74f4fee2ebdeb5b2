package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
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
	was := shown(r) // under way when it was looked at last
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
		s.Rest()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}

// shown is what a list had under way when its page was made: what ended since, while
// the browser had no stream, it shows so still.
func shown(r *http.Request) map[int64]bool {
	ids := make(map[int64]bool)
	for text := range strings.SplitSeq(r.URL.Query().Get("was"), ",") {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil && len(ids) < mostRunning*control.PageSize {
			ids[id] = true
		}
	}
	return ids
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
