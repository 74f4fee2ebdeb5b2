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
	every := time.NewTicker(refresh)
	defer every.Stop()
	for s.Err() == nil {
		reply, err := c.call(r.Context(), control.Call{Deliveries: &control.DeliveryQuery{}})
		if err != nil {
			return // the browser comes back by itself
		}
		for _, d := range c.rows(reply.Deliveries.Deliveries) {
			s.Part(fmt.Sprintf("d%d", d.ID), "row", d)
		}
		s.Rest()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
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
