package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

func TestNewKey(t *testing.T) {
	a, b := newKey(), newKey()
	if len(a) != 26 || a == b || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("%q and %q", a, b)
	}
}

func TestReadOrder(t *testing.T) {
	p := tester("en", &bytes.Buffer{})
	p.Zone, p.letters = time.FixedZone("", -3*3600), "es"
	q, err := p.read(order{number: 4, receptions: []string{"hall"}, by: "18:30", from: "+1h", mail: "a@b.cl", key: "mine"})
	want := control.Request{Key: "mine", Number: 4, Reception: "hall", By: noon.Add(9*time.Hour + 30*time.Minute), From: noon.Add(time.Hour), Mail: "a@b.cl", Language: "es"}
	if err != nil || !reflect.DeepEqual(q, want) {
		t.Errorf("%+v, %v; want %+v", q, err, want)
	}
	if _, err := p.read(order{number: 4, receptions: []string{"hall"}, earliest: true, key: strings.Repeat("k", maxKey+1)}); reason.Of(err) != reason.Usage {
		t.Errorf("a key too long: %v", err)
	}
	if q, err := p.read(order{number: 4, receptions: []string{"hall"}, earliest: true}); err != nil || q.Key == "" || !q.By.IsZero() {
		t.Errorf("the earliest: %+v, %v", q, err)
	}
}

// TestPromiseAsksAgain looks whether a request that is not answered is made
// again with the same key, and not for ever.
func TestReadReceptions(t *testing.T) {
	p := tester("en", &bytes.Buffer{})
	for name, c := range map[string]struct {
		texts []string
		want  string // empty is an error
	}{
		"one":         {[]string{"hall"}, "[hall]"},
		"repeated":    {[]string{"hall", "studio"}, "[hall studio]"},
		"joined":      {[]string{"hall, studio", "attic"}, "[hall studio attic]"},
		"twice":       {[]string{"hall,Hall", "HALL"}, "[hall]"},
		"none":        {nil, "[]"},
		"an empty":    {[]string{"hall,,studio"}, ""},
		"nothing":     {[]string{""}, ""},
		"the most":    {strings.Fields(strings.Repeat("x ", 40)), "[x]"},
		"beyond that": {[]string{strings.Join(manyNames(33), ",")}, ""},
	} {
		names, err := p.receptions(c.texts)
		if c.want == "" && reason.Of(err) != reason.Usage || c.want != "" && (err != nil || fmt.Sprint(names) != c.want) {
			t.Errorf("%s: %v, %v", name, names, err)
		}
	}
	if names, err := p.receptions(manyNames(32)); err != nil || len(names) != 32 {
		t.Errorf("%v, %v", names, err)
	}
}

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("hall", i))
	}
	return names
}

func TestRequestIsMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		failures int
		code     reason.Code
		asked    int
		want     reason.Code
	}{
		"answered at once":   {0, "", 1, ""},
		"answered at last":   {tries - 1, reason.ConnectionLost, tries, ""},
		"never answered":     {tries, reason.Unreachable, tries, reason.Unreachable},
		"refused":            {1, reason.DeadlineTooSoon, 1, reason.DeadlineTooSoon},
		"used for something": {1, reason.KeyReused, 1, reason.KeyReused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				asked := 0
				_, err := insist(t.Context(), tester("en", &out), control.Request{Key: "same"},
					func(_ context.Context, q control.Request) (control.DeliveryStory, error) {
						if asked++; q.Key != "same" {
							t.Errorf("asked with the key %q", q.Key)
						}
						if asked <= c.failures {
							return control.DeliveryStory{}, reason.New(c.code, "no")
						}
						return control.DeliveryStory{}, nil
					})
				if reason.Of(err) != c.want || asked != c.asked {
					t.Errorf("asked %d times, %v", asked, err)
				}
				if said := strings.Count(out.String(), "asking again"); said != min(1, c.asked-1) {
					t.Errorf("said so %d times", said)
				}
			})
		})
	}
}

func TestAgain(t *testing.T) {
	p := tester("en", &bytes.Buffer{})
	q := control.Request{Number: 1, Reception: "hall", ByEarliest: true, From: noon, Mail: "an a@b.cl", Key: "k"}
	if got := p.again(q, true); got != "vcuser request 1 --at hall --by-earliest --from 2026-11-22T12:00:00Z --mail 'an a@b.cl' --key k" {
		t.Error(got)
	}
	q.Reception, q.Receptions, q.Mail = "", []string{"hall", "studio"}, ""
	if got := p.again(q, false); got != "vcuser request 1 --at hall,studio --by-earliest --from 2026-11-22T12:00:00Z" {
		t.Error(got)
	}
	q.From, q.MaxPace = time.Time{}, 2_500_000
	if got := p.again(q, false); got != "vcuser request 1 --at hall,studio --by-earliest --pace 20Mbit/s" {
		t.Error(got)
	}
	q.MaxPace = 1_234_567_891 // 9.877 Gbit/s, nearly
	if got := p.again(q, false); got != "vcuser request 1 --at hall,studio --by-earliest --pace 1234567891B/s" {
		t.Error(got)
	}
	p.Server, p.ServerGiven = "[::1]:4100", true
	if got := p.again(control.Request{Number: 1, Reception: "hall", By: noon}, false); got != "vcuser --server '[::1]:4100' request 1 --at hall --by 2026-11-22T12:00:00Z" {
		t.Error(got)
	}
}

// TestPlain looks whether errors of the network lose their layers, and what a
// server says its power over the terminal.
func TestPlain(t *testing.T) {
	p := tester("en", &bytes.Buffer{})
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	asking := func(err error) error { return &url.Error{Op: "Get", URL: "https://x/v1", Err: err} }
	for name, c := range map[string]struct {
		err  error
		code reason.Code
		want string
	}{
		"refused":  {reason.Wrap(reason.Unreachable, asking(refused), "asking"), reason.Unreachable, "127.0.0.1:4100: connection refused"},
		"distant":  {asking(reason.New(reason.RemotePeer, "not on this machine")), reason.RemotePeer, "not on this machine"},
		"steering": {&api.Refused{Refusal: control.Refusal{Code: reason.Busy, Detail: "\x1b[2J"}}, reason.Busy, `\x1b[2J`},
	} {
		if err := p.Plain(c.err); reason.Of(err) != c.code || err.Error() != c.want {
			t.Errorf("%s: %q, %v; want %q, %v", name, err, reason.Of(err), c.want, c.code)
		}
	}
}
