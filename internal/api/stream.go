package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// silentFor is after how long without a byte of a stream its server has gone: twice
// the time after which it says that it is there, and some.
const silentFor = 2*keepAlive + 5*time.Second

// Events follows deliveries by their ids, or without any all of the caller's, from
// after a revision on; 0 is as they stand. heard is told of each change; opened,
// before that, that the server answers. It returns nil when the server ends the
// stream: then it may be asked again, with the last revision that was heard.
func (c *Client) Events(ctx context.Context, ids []int64, after int64, opened func(), heard func(control.Change) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silentFor, func() {
		cancel(reason.New(reason.PeerSilent, "%s has said nothing for %v", c.server, silentFor))
	})
	defer silent.Stop()
	query := url.Values{}
	for _, id := range ids {
		query.Add("id", strconv.FormatInt(id, 10))
	}
	header := http.Header{"Accept": {eventStream}}
	if after > 0 {
		header.Set(lastEvent, strconv.FormatInt(after, 10))
	}
	answer, err := c.ask(ctx, http.MethodGet, "/v1/events?"+query.Encode(), nil, header)
	if err != nil {
		return gone(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
		if err != nil {
			return gone(ctx, unreachable(err, c.server))
		}
		return c.refused(answer, text)
	}
	opened()
	r := newEventReader(answer.Body, func() { silent.Reset(silentFor) })
	for {
		e, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return gone(ctx, unreachable(err, c.server))
		}
		if err := c.take(e, heard); err != nil {
			return err
		}
	}
}

// gone is err, or why the wait was ended instead.
func gone(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// take passes an event on. One of a kind that is not known is of a newer server.
func (c *Client) take(e event, heard func(control.Change) error) error {
	switch e.name {
	case deliveryEvent:
		change := control.Change{}
		revision, err := strconv.ParseInt(e.id, 10, 64)
		if change.Revision = revision; err == nil {
			err = json.Unmarshal([]byte(e.data), &change.Delivery)
		}
		if err != nil {
			return reason.Wrap(reason.Protocol, err, "%s sends an event that cannot be read", c.server)
		}
		return heard(change)
	case refusedEvent:
		var refusal control.Refusal
		if err := json.Unmarshal([]byte(e.data), &refusal); err != nil || !refusal.Code.Valid() {
			return reason.New(reason.Protocol, "%s ends its events with a refusal that cannot be read", c.server)
		}
		return &Refused{refusal}
	}
	return nil
}

// event is one server-sent event.
type event struct{ id, name, data string }

// eventReader reads a stream of events.
type eventReader struct {
	in    *bufio.Scanner
	alive func() // is told of each line
	begun bool
	id    string // of the last event
}

func newEventReader(in io.Reader, alive func()) *eventReader {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 4<<10), maxReply)
	s.Split(eventLines)
	return &eventReader{in: s, alive: alive}
}

// eventLines splits at CR LF, LF or CR.
func eventLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	for i, b := range data {
		switch {
		case b == '\n':
			return i + 1, data[:i], nil
		case b == '\r' && i+1 < len(data):
			if data[i+1] == '\n' {
				return i + 2, data[:i], nil
			}
			return i + 1, data[:i], nil
		case b == '\r' && atEOF:
			return i + 1, data[:i], nil
		case b == '\r': // what follows decides
			return 0, nil, nil
		}
	}
	if atEOF {
		return len(data), nil, nil // a line that was cut short is none
	}
	return 0, nil, nil
}

// next gives the next event that has data; io.EOF ends the stream, and what it cuts
// short is no event.
func (r *eventReader) next() (event, error) {
	var e event
	var data []string
	size := 0
	for r.in.Scan() {
		r.alive()
		line := r.in.Text()
		if !r.begun {
			r.begun, line = true, strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" {
			if len(data) > 0 {
				e.id, e.data = r.id, strings.Join(data, "\n")
				return e, nil
			}
			e = event{}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "data":
			if size += len(value) + 1; size > maxReply {
				return e, reason.New(reason.Protocol, "an event has more than %d bytes", maxReply)
			}
			data = append(data, value)
		case "id":
			if !strings.Contains(value, "\x00") {
				r.id = value
			}
		}
	}
	if err := r.in.Err(); err != nil {
		return e, err
	}
	return e, io.EOF
}
