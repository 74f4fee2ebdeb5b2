package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// A client hears what changes, from where it was, until the server ends the stream.
func TestEvents(t *testing.T) {
	change := func(revision, id int64, title string) control.Change {
		return control.Change{Revision: revision, Delivery: control.Delivery{ID: id, Title: title}}
	}
	pages := []control.News{
		{Changes: []control.Change{change(5, 1, "one"), change(6, 2, "two\nlines\r\u2028")}, After: 6, More: true},
		{Changes: []control.Change{}, After: 9},
		{Changes: []control.Change{change(12, 1, "")}, After: 12},
	}
	var asked []control.NewsQuery
	client := serve(t, func(c control.Call) control.Reply {
		n := len(asked)
		if asked = append(asked, *c.News); n < len(pages) {
			return control.Reply{News: &pages[n]}
		}
		return control.Reply{Refusal: &control.Refusal{Code: reason.LoginInvalid, Detail: "no more"}}
	})
	var heard []control.Change
	open := 0
	err := client.Events(t.Context(), []int64{1, 2}, 3, func() { open++ }, func(c control.Change) error { heard = append(heard, c); return nil })
	if reason.Of(err) != reason.LoginInvalid || open != 1 {
		t.Errorf("it ends with %v, opened %d times", err, open)
	}
	if want := append(pages[0].Changes, pages[2].Changes...); !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %+v, want %+v", heard, want)
	}
	ids := []int64{1, 2}
	if want := []control.NewsQuery{{After: 3, IDs: ids}, {After: 6, IDs: ids, Wait: keepAlive}, {After: 9, IDs: ids, Wait: keepAlive}, {After: 12, IDs: ids, Wait: keepAlive}}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked %+v, want %+v", asked, want)
	}
	// What is refused at first, is as anywhere else; what the client itself ends too.
	if err := client.Events(t.Context(), []int64{9}, 0, func() { t.Error("opened") }, nil); reason.Of(err) != reason.LoginInvalid {
		t.Error(err)
	}
	asked = nil
	enough := errors.New("enough")
	if err := client.Events(t.Context(), nil, 0, func() {}, func(control.Change) error { return enough }); err != enough {
		t.Error(err)
	}
}

func TestEventsAskedWrongly(t *testing.T) {
	for url, id := range map[string]string{"/v1/events?id=x": "", "/v1/events?id=": "", "/v1/events": "x", "/v1/events?id=1": "-1", "/v1/events?id=1" + strings.Repeat("&id=1", 32): ""} {
		r := httptest.NewRequest("GET", url, nil)
		r.Header.Set(lastEvent, id)
		w, call := asked(t, r, control.Reply{}, nil)
		if w.Code != http.StatusBadRequest || call != nil || refusalIn(t, w).Code != reason.Usage {
			t.Errorf("%s after %q: %d %s, %+v", url, id, w.Code, w.Body, call)
		}
	}
}

// A server that says nothing more is not waited for for ever.
func TestSilentEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{server: "127.0.0.1:1"}
		c.http.Transport = hangs{}
		err := c.Events(t.Context(), nil, 0, func() {}, func(control.Change) error { return nil })
		if reason.Of(err) != reason.PeerSilent {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Events(ctx, nil, 0, func() {}, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// hangs answers with a stream that begins and then says nothing.
type hangs struct{}

func (hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in, out := io.Pipe()
	go func() {
		io.WriteString(out, ":\n")
		<-r.Context().Done()
		out.CloseWithError(r.Context().Err())
	}()
	return &http.Response{StatusCode: 200, Body: in, Request: r}, nil
}

// The examples are those of the HTML Living Standard, section 9.2.6, and what else
// its grammar has.
func TestEventReader(t *testing.T) {
	for stream, want := range map[string][]event{
		"data: YHOO\ndata: +2\ndata: 10\n\n": {{data: "YHOO\n+2\n10"}},
		": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n": {{id: "1", data: "first event"}, {data: "second event"}, {data: " third event"}},
		"data\n\ndata\ndata\n\ndata:":                                     {{data: ""}, {data: "\n"}},
		"data:test\n\ndata: test\n\n":                                     {{data: "test"}, {data: "test"}},
		"\ufeffevent: a\rdata: 1\r\revent: b\r\ndata: 2\r\n\r\n":          {{name: "a", data: "1"}, {name: "b", data: "2"}},
		"id: 7\n\ndata: x\n\nid: 8\x00\ndata: y\n\n":                      {{id: "7", data: "x"}, {id: "7", data: "y"}},
		"event: lost\n\ndata: x\n\nother: z\nretry: 5\ndata: cut short\n": {{data: "x"}},
		"": nil,
	} {
		for _, in := range []io.Reader{strings.NewReader(stream), oneByte{strings.NewReader(stream)}} {
			var got []event
			r := newEventReader(in, func() {})
			for {
				e, err := r.next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%q: %v", stream, err)
				}
				got = append(got, e)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %q, want %q", stream, got, want)
			}
		}
	}
}

type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(1, len(p))]) }

// Whatever a server sends as events, they are told or refused, and take no more
// memory than one may have.
func FuzzEvents(f *testing.F) {
	f.Add("id: 5\nevent: delivery\ndata: {\"id\":1}\n\n:\n\nevent: refused\ndata: {\"reason\":\"login_invalid\",\"detail\":\"\"}\n\n")
	f.Add("event: delivery\ndata: {}\n\n")
	f.Add("data: " + strings.Repeat("x", 5000) + "\r\rid: 9223372036854775808\nevent: delivery\ndata: null\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		c := &Client{server: "127.0.0.1:1"}
		c.http.Transport = answers{200, []byte(stream)}
		err := c.Events(t.Context(), nil, 0, func() {}, func(change control.Change) error { return nil })
		if err != nil && !reason.Of(err).Valid() {
			t.Errorf("%v has no reason", err)
		}
		again := newEventReader(strings.NewReader(stream), func() {})
		for {
			e, err := again.next()
			if err != nil {
				return
			}
			if len(e.data) > maxReply || strings.ContainsAny(e.name+e.id, "\r\n") {
				t.Fatalf("%q", e)
			}
		}
	})
}
