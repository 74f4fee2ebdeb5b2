package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// The stream of events (docs/PROTOCOL.md section 6), in the format of the HTML
// Living Standard, section 9.2 "Server-sent events".
const (
	eventStream = "text/event-stream"
	lastEvent   = "Last-Event-ID"
	// keepAlive is after how long without an event a comment says that the server
	// is there, retryAfter after how long whose stream has ended should come back.
	keepAlive  = 15 * time.Second
	retryAfter = time.Second

	deliveryEvent = "delivery"
	refusedEvent  = "refused"
)

// newsQuery reads what is to be followed.
func newsQuery(r *http.Request) (q control.NewsQuery, err error) {
	for _, text := range r.URL.Query()["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(q.IDs) == control.MaxFollowed {
			return q, reason.New(reason.Usage, "id=%.40q is not the number of a delivery, or one of more than %d", text, control.MaxFollowed)
		}
		q.IDs = append(q.IDs, id)
	}
	if text := r.Header.Get(lastEvent); text != "" {
		if q.After, err = strconv.ParseInt(text, 10, 64); err != nil || q.After < 0 {
			return q, reason.New(reason.Usage, "%s: %.40q is not of an event of this server", lastEvent, text)
		}
	}
	return q, nil
}

// events streams the deliveries that change. What is refused at first is answered as
// anywhere else; what is refused later, as when an account ends, is the last event.
func events(call caller) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := newsQuery(r)
		var reply control.Reply
		if err == nil {
			reply, err = call(r.Context(), control.Call{News: &q})
		}
		switch {
		case err != nil:
			refuse(w, status(reason.Of(err)), control.Refusal{Code: reason.Of(err), Detail: err.Error()})
			return
		case reply.Refusal != nil:
			refuse(w, status(reply.Refusal.Code), *reply.Refusal)
			return
		}
		w.Header().Set("Content-Type", eventStream)
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintf(w, "retry: %d\n\n", retryAfter.Milliseconds())
		for q.Wait = keepAlive; err == nil; reply, err = call(r.Context(), control.Call{News: &q}) {
			if reply.Refusal != nil {
				writeEvent(w, refusedEvent, 0, reply.Refusal)
				return
			}
			if reply.News == nil || writeNews(w, *reply.News) != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			q.After = reply.News.After
		}
	}
}

// writeNews writes an event for each change, or a comment where there is none.
func writeNews(w io.Writer, n control.News) error {
	for _, c := range n.Changes {
		if err := writeEvent(w, deliveryEvent, c.Revision, c.Delivery); err != nil {
			return err
		}
	}
	if len(n.Changes) > 0 {
		return nil
	}
	_, err := io.WriteString(w, ":\n\n")
	return err
}

// writeEvent writes one event; JSON has no line end in it.
func writeEvent(w io.Writer, name string, id int64, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("event: %s\ndata: %s\n\n", name, text)
	if id > 0 {
		line = fmt.Sprintf("id: %d\n", id) + line
	}
	_, err = io.WriteString(w, line)
	return err
}
