package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// Whatever a client asks, it gets JSON with a status that goes with it; and what
// becomes a call is one that the supervisor takes.
func FuzzRequest(f *testing.F) {
	post := func(path, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body)
	}
	for _, r := range []string{
		"GET /v1/titles?after=7 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/titles/7/where?by=2026-11-27T18:00:00Z&at=a,b&at=c HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/schedule?from=2026-11-27T18:00:00-24:00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/deliveries/42?revision=3&wait=20 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/deliveries?before=%39 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ana.x\r\n\r\n",
		"GET /v1/../v1/titles HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/receptions?after=%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /v1/receptions/a%2fb HTTP/1.1\r\nHost: x\r\n\r\n", "DELETE /v1/titles/7?force=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /v1/accounts/%0a HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\n\r\n", "\x16\x03\x01",
		post("/v1/requests", `{"number":7,"receptions":["r","s"],"by_earliest":true,"mail":""}`),
		post("/v1/requests", `{"number":7,"reception":"r","by":"9999-12-31T23:59:59-23:59","mail":"`+"\xff\\u0000"+`"}`),
		post("/v1/requests", `{"number":7,"reception":"r","by_earliest":true,"max_pace":-9223372036854775808}`),
		"GET /v1/titles/7/where?by=2026-11-27T18:00:00Z&max_pace=1e9 HTTP/1.1\r\nHost: x\r\n\r\n",
		post("/v1/titles", `{"name":"n","location":"l","duration_ms":-5,"number":1}`),
		post("/v1/receptions", `{"name":"r","address":"x:1","link":1e3}`),
		post("/v1/receptions/r/check", ""), post("/v1/deliveries/1/cancel", ""),
		post("/v1/accounts", `{"name":"ana","mail":"a@x.cl","admin":true,"renew":true}`),
		post("/v1/requests", `[[[[[[[[[[[[[[[[[[[[`),
	} {
		f.Add([]byte(r))
	}
	session, file, err := control.Pair()
	if err != nil {
		f.Fatal(err)
	}
	supervisor := control.New(file)
	f.Cleanup(func() { session.Close(); supervisor.Close() })
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		handler(func(_ context.Context, c control.Call) (control.Reply, error) {
			c.Seq = 1
			if err := session.Send(c); err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			m, err := supervisor.Receive()
			if got, ok := m.(control.Call); err != nil || !ok || got.Seq != 1 {
				t.Fatalf("%+v is heard as %+v, %v", c, m, err)
			}
			return control.Reply{Refusal: &control.Refusal{Code: reason.Internal}}, nil
		}).ServeHTTP(w, r)
		if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect || r.RequestURI == "*" {
			return // net/http's answer, which leads to the clean form of a path, or there is none
		}
		var refusal control.Refusal
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || !refusal.Code.Valid() || w.Code < 400 || w.Code > 599 {
			t.Errorf("%d %q, %v", w.Code, w.Body, err)
		}
	})
}

// chunked is a body of HTTP in one chunk.
func chunked(body string) string {
	var b bytes.Buffer
	if body != "" {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(body), body)
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// answers is a server that answers everything with one status and body.
type answers struct {
	status int
	body   []byte
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// Whatever a server answers, a client has what it asked for or an error with a
// reason, and asks for no page for ever.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"titles":[{"number":7,"name":"La Piedra","duration":60}],"more":true}`, `{"deliveries":[{"id":1},{"id":1}],"more":true}`,
		`{"receptions":["a"],"more":true}`, `{"reason":"no_space","detail":"x"}`, `{"reason":"No Space"}`, `{"reason":""}`, `null`, `[]`, ``, `{"events":null,"receipt":{"version":1}}`,
	} {
		f.Add(200, []byte(body))
		f.Add(409, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 || status >= 300 && status < 400 {
			return // net/http's
		}
		c := &Client{server: "127.0.0.1:1"}
		c.http.Transport = answers{status, body}
		ctx := t.Context()
		for _, ask := range []func() (any, error){
			func() (any, error) { return c.TitlesAfter(ctx, 0) },
			func() (any, error) { return c.Titles(ctx) },
			func() (any, error) { return c.Deliveries(ctx, 1000) },
			func() (any, error) { return c.Receptions(ctx) },
			func() (any, error) { return c.Accounts(ctx) },
			func() (any, error) { return c.Roster(ctx) },
			func() (any, error) { return c.Delivery(ctx, 1, 0, 0) },
			func() (any, error) { return c.Request(ctx, control.Request{Key: "k"}) },
		} {
			v, err := ask()
			switch {
			case err != nil && !reason.Of(err).Valid():
				t.Errorf("%v has no reason", err)
			case err == nil && status >= 300:
				t.Errorf("%d is taken for %s", status, reflect.TypeOf(v))
			}
		}
	})
}
