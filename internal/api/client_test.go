package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

var serverKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func certificate(t *testing.T) []byte {
	t.Helper()
	c, err := identity.Certificate(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve runs sessions on a port of this machine, whose supervisor answers by
// answer, and gives a client of it.
func serve(t *testing.T, answer func(control.Call) control.Reply) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, cert := NewClient(l.Addr().String(), nil), certificate(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			file, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				t.Error(err)
				return
			}
			supervisor, theirs, err := control.Pair()
			if err != nil {
				t.Error(err)
				return
			}
			worker := control.New(theirs)
			wg.Go(func() {
				if err := (Session{Control: worker}).Run(); err != nil {
					t.Errorf("the session ends: %v", err)
				}
				worker.Close()
			})
			if err := supervisor.Hand(file); err != nil {
				t.Error(err)
			}
			file.Close()
			wg.Go(func() { supervise(t, supervisor, cert, answer) })
		}
	})
	t.Cleanup(func() { client.Close(); l.Close(); wg.Wait() })
	return client
}

// supervise is the supervisor's part of one session.
func supervise(t *testing.T, c *control.Conn, cert []byte, answer func(control.Call) control.Reply) {
	defer c.Close()
	if err := c.Send(control.Start{Certificate: cert, Handshake: time.Minute, Silence: time.Minute}); err != nil {
		t.Error(err)
	}
	for {
		m, err := c.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case control.Sign:
			signature, err := identity.SignHandshake(serverKey, identity.ServerSide, m.Message)
			if err := errors.Join(err, c.Send(control.Signed{Signature: signature})); err != nil {
				t.Error(err)
			}
		case control.Call:
			reply := answer(m)
			reply.Seq = m.Seq
			// A session whose client went hears no more.
			if err := c.Send(reply); err != nil && !errors.Is(err, syscall.EPIPE) {
				t.Error(err)
			}
		}
	}
}

// The client's methods ask for what they say, and get all pages.
func TestClient(t *testing.T) {
	at := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	story := control.DeliveryStory{Delivery: control.Delivery{ID: 42, Deadline: at, Start: at, End: at}, Requested: at, Revision: 3, Events: []control.Event{}}
	var calls []control.Call // the client asks one thing at a time
	client := serve(t, func(c control.Call) control.Reply {
		c.Seq = 0
		calls = append(calls, c)
		switch {
		case c.Titles != nil:
			after := c.Titles.After
			return control.Reply{Titles: &control.TitlePage{Titles: []control.Title{{Number: after + 1}, {Number: after + 2}}, More: after < 2}}
		case c.Deliveries != nil:
			newest := c.Deliveries.Before
			if newest == 0 {
				newest = 10
			}
			return control.Reply{Deliveries: &control.DeliveryPage{Deliveries: []control.Delivery{{ID: newest - 1}, {ID: newest - 2}}, More: newest > 4}}
		}
		return control.Reply{Delivery: &story}
	})
	ctx := context.Background()

	titles, err := client.Titles(ctx)
	if err != nil || len(titles) != 4 || titles[3].Number != 4 {
		t.Errorf("titles: %+v, %v", titles, err)
	}
	for most, want := range map[int]int{0: 0, 1: 1, 3: 3, 100: 8} {
		if list, err := client.Deliveries(ctx, most); err != nil || len(list) != want {
			t.Errorf("at most %d deliveries: %d, %v", most, len(list), err)
		}
	}
	calls = nil
	q := control.Request{Key: "k", Number: 7, Reception: "r", By: at, Mail: "m"}
	made, err1 := client.Request(ctx, q)
	shown, err2 := client.Delivery(ctx, 42, 3, 20*time.Second)
	cancelled, err3 := client.Cancel(ctx, 42)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, got := range []control.DeliveryStory{made, shown, cancelled} {
		if !reflect.DeepEqual(got, story) {
			t.Errorf("the story is %+v", got)
		}
	}
	want := []control.Call{{Request: &q}, {Show: &control.ShowQuery{ID: 42, Revision: 3, Wait: 20 * time.Second}}, {Cancel: &control.CancelQuery{ID: 42}}}
	if !reflect.DeepEqual(calls, want) {
		t.Errorf("asked was %+v", calls)
	}
}

// What is asked about several receptions is asked in one go, and lists of them
// come in pages.
func TestClientSeveral(t *testing.T) {
	at := time.Date(2026, 11, 27, 18, 0, 0, 5, time.UTC)
	var calls []control.Call // the client asks one thing at a time
	client := serve(t, func(c control.Call) control.Reply {
		c.Seq = 0
		calls = append(calls, c)
		switch {
		case c.Where != nil && c.Where.After == "" && len(c.Where.Receptions) == 0:
			return control.Reply{Prospects: &control.ProspectPage{Receptions: []control.Prospect{{Reception: "a", Possible: true, Start: at, End: at}}, More: true}}
		case c.Where != nil:
			return control.Reply{Prospects: &control.ProspectPage{Receptions: []control.Prospect{{Reception: "ñ&", Code: reason.NoSpace, Constraint: "disk"}}}}
		case c.Receptions != nil:
			return control.Reply{Receptions: &control.NamePage{Receptions: []string{c.Receptions.After + "x"}, More: len(c.Receptions.After) < 2}}
		}
		return control.Reply{Promises: &control.Promises{Deliveries: []control.Delivery{{ID: 1}, {ID: 2}}}}
	})
	ctx := context.Background()
	q := control.Request{Key: "k", Number: 7, Receptions: []string{"a", "b"}, By: at}
	if made, err := client.Requests(ctx, q); err != nil || len(made) != 2 || made[1].ID != 2 {
		t.Errorf("promised: %+v, %v", made, err)
	}
	here := control.WhereQuery{Number: 7, By: at, From: at.Add(-time.Hour)}
	if all, err := client.Where(ctx, here); err != nil || len(all) != 2 || !all[0].End.Equal(at) || all[1].Reception != "ñ&" || all[1].Constraint != "disk" {
		t.Errorf("where: %+v, %v", all, err)
	}
	named := control.WhereQuery{Number: 7, By: at, Receptions: []string{"a", "ñ&"}}
	if all, err := client.Where(ctx, named); err != nil || len(all) != 1 {
		t.Errorf("where of those named: %+v, %v", all, err)
	}
	if names, err := client.Receptions(ctx); err != nil || !reflect.DeepEqual(names, []string{"x", "xx", "xxx"}) {
		t.Errorf("receptions: %q, %v", names, err)
	}
	rest := here
	rest.After = "a"
	want := []control.Call{{Request: &q}, {Where: &here}, {Where: &rest}, {Where: &named},
		{Receptions: &control.NamesQuery{}}, {Receptions: &control.NamesQuery{After: "x"}}, {Receptions: &control.NamesQuery{After: "xx"}}}
	if !reflect.DeepEqual(calls, want) {
		t.Errorf("asked was %+v", calls)
	}
}

// The pages of the schedule are of one time.
func TestClientSchedule(t *testing.T) {
	at := time.Date(2026, 11, 27, 18, 0, 0, 5, time.UTC)
	var asked []control.ChartQuery
	client := serve(t, func(c control.Call) control.Reply {
		q := *c.Chart
		asked = append(asked, q)
		page := &control.Chart{From: at, To: at.Add(time.Hour), Uplink: control.Lane{Rate: 9}, More: q.After == ""}
		page.Links = []control.LinkChart{{Reception: q.After + "x", Slots: []control.Slot{{ID: 3}}}}
		return control.Reply{Chart: page}
	})
	c, err := client.Schedule(context.Background(), control.ChartQuery{})
	if err != nil || len(c.Links) != 2 || c.Links[1].Reception != "xx" || c.Links[1].Slots[0].ID != 3 || c.More || c.Uplink.Rate != 9 {
		t.Errorf("%+v, %v", c, err)
	}
	if want := []control.ChartQuery{{}, {From: at, To: at.Add(time.Hour), After: "x"}}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %+v", asked)
	}
}

// A refusal arrives with its reason, and what else it says, and so leads to the
// exit status of the command; so does a reason of a newer server.
func TestClientRefused(t *testing.T) {
	at := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	refusal := control.Refusal{Detail: "why", Earliest: at, Constraint: "link", Report: []control.Prospect{
		{Reception: "a", Possible: true, Start: at, End: at}, {Reception: "b", Code: reason.DeadlineTooSoon, Earliest: at, Constraint: "link"}}}
	client := serve(t, func(control.Call) control.Reply { return control.Reply{Refusal: &refusal} })
	for code, exit := range map[reason.Code]int{
		reason.UnknownTitle: 3, reason.DeadlineTooSoon: 3, reason.NotPermitted: 4, reason.KeyReused: 2, reason.Internal: 1, reason.ShuttingDown: 5, "a_reason_of_tomorrow": 1,
	} {
		refusal.Code = code
		_, err := client.Delivery(context.Background(), 42, 0, 0)
		var refused *Refused
		if !errors.As(err, &refused) || !reflect.DeepEqual(refused.Refusal, refusal) || reason.Of(err) != code || reason.Of(err).Exit() != exit || err.Error() != "why" {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestClientUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ctx := context.Background()
	for server, want := range map[string]reason.Code{
		l.Addr().String(): reason.Unreachable,
		// An address for documents (RFC 5737): refused before a packet leaves.
		"192.0.2.1:4100": reason.RemotePeer,
		"::1:4100%":      reason.Usage,
	} {
		client := NewClient(server, nil)
		if _, err := client.Titles(ctx); reason.Of(err) != want || errors.Is(err, ErrTurnedAway) {
			t.Errorf("%s: %v", server, err)
		}
		client.Close()
	}
	client := serve(t, func(control.Call) control.Reply { return control.Reply{} })
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := client.Titles(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled by who asks: %v", err)
	}
}

// A server that closes the connection at once is there, and has no place.
func TestClientTurnedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, network := range []struct{ name, at, prefix string }{{"tcp", "127.0.0.1:0", ""}, {"unix", path, Unix}} {
		l, err := net.Listen(network.name, network.at)
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				err = conn.Close()
			}
			closed <- err
		}()
		client := NewClient(network.prefix+l.Addr().String(), nil)
		if _, err := client.Titles(t.Context()); reason.Of(err) != reason.Unreachable || !errors.Is(err, ErrTurnedAway) {
			t.Errorf("%s: %v", network.name, err)
		}
		client.Close()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		l.Close()
	}
}

// A server that is another program, or answers what it must not, is a breach
// of the protocol.
func TestClientMeetsAnother(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no JSON":      func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"no refusal":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
		"no code":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"reason":"A B"}`, http.StatusNotFound) },
		"without end":  func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte(" "), 2*maxReply)) },
		"another list": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"titles":7}`)) },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: answer, TLSConfig: identity.Server(certificate(t), serverKey, ALPN, nil)}
		var wg sync.WaitGroup
		wg.Go(func() { server.ServeTLS(l, "", "") })
		client := NewClient(l.Addr().String(), nil)
		if _, err := client.Titles(context.Background()); reason.Of(err) != reason.Protocol {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
		server.Close()
		wg.Wait()
	}
}

// A server that sends a client on is not followed: what is at the other address
// has shown nobody who it is.
func TestClientIsNotSentOn(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s is asked there, with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", identity.Server(certificate(t), serverKey, ALPN, nil))
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.RedirectHandler(elsewhere.URL+"/elsewhere", http.StatusTemporaryRedirect)}
	go server.Serve(l)
	defer server.Close()
	client := NewClient(l.Addr().String(), nil)
	defer client.Close()
	client.LogIn(func(string) (string, error) { return "ana." + strings.Repeat("a", 32), nil })
	if _, err := client.Receptions(t.Context()); reason.Of(err) != reason.Protocol {
		t.Errorf("%v", err)
	}
}
