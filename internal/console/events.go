package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"videoclub/internal/control"
)

const (
	// refresh is how often a list is looked at while somebody watches it.
	refresh = time.Second

	// watchFor is how long one story is waited for before the browser is told
	// that all is well.
	watchFor = 15 * time.Second

	// eventWithin is how long a browser may take to take an event.
	eventWithin = 30 * time.Second
)

// events is a stream of server-sent events (WHATWG HTML, section 9.2): parts of
// the page, each with the id of the element that it takes the place of. What
// changed while a browser was away is sent when it comes back, whatever its
// Last-Event-ID, since each part says how things are and not how they changed.
func (c Console) events(w http.ResponseWriter, r *http.Request) {
	s := &stream{w: w, control: http.NewResponseController(w), language: language(r), sent: make(map[string]string)}
	w.Header().Set("Content-Type", "text/event-stream")
	if id, err := strconv.ParseInt(r.URL.Query().Get("delivery"), 10, 64); err == nil {
		c.follow(r.Context(), s, id)
		return
	}
	every := time.NewTicker(refresh)
	defer every.Stop()
	for s.err == nil {
		reply, err := c.call(r.Context(), control.Call{Deliveries: &control.DeliveryQuery{}})
		if err != nil {
			return // the browser comes back by itself
		}
		for _, d := range c.rows(reply.Deliveries.Deliveries) {
			s.send(fmt.Sprintf("d%d", d.ID), "row", d)
		}
		s.rest()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}

// follow sends the story of one delivery at each change of it.
func (c Console) follow(ctx context.Context, s *stream, id int64) {
	for revision := int64(0); s.err == nil; {
		reply, err := c.call(ctx, control.Call{Show: &control.ShowQuery{ID: id, Revision: revision, Wait: watchFor}})
		if err != nil {
			return
		}
		revision = reply.Delivery.Revision
		s.send("story", "story", page{Lang: s.language, Data: c.tell(*reply.Delivery), Administrator: c.Administrator})
		s.rest()
		if !c.tell(*reply.Delivery).Running() {
			s.event("over", []byte("{}"))
			return
		}
	}
}

// stream is one browser that watches.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	language string
	sent     map[string]string // by element: what it was sent last
	quiet    int               // rounds without an event
	wrote    bool
	err      error
}

// send sends an element made by the named template, unless it is as it was.
func (s *stream) send(element, name string, data any) {
	var out bytes.Buffer
	if err := parsed[s.language].ExecuteTemplate(&out, name, data); err != nil {
		s.err = err
		return
	}
	html := out.String()
	if s.sent[element] == html {
		return
	}
	s.sent[element] = html
	body, err := json.Marshal(map[string]string{"id": element, "html": html})
	if err != nil {
		s.err = err
		return
	}
	s.event("part", body)
}

func (s *stream) event(name string, body []byte) {
	if s.err != nil {
		return
	}
	s.wrote = true
	s.control.SetWriteDeadline(time.Now().Add(eventWithin))
	_, s.err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, body)
}

// rest ends a round: a browser that hears nothing for long is told that all is well.
func (s *stream) rest() {
	if s.quiet++; s.wrote {
		s.quiet, s.wrote = 0, false
	}
	if s.err == nil && s.quiet >= int(watchFor/refresh) {
		s.quiet = 0
		s.control.SetWriteDeadline(time.Now().Add(eventWithin))
		_, s.err = fmt.Fprint(s.w, ": all is well\n\n")
	}
	if s.err == nil {
		s.err = s.control.Flush()
	}
}
