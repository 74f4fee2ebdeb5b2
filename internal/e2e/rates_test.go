package e2e

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/rate"
)

// meter compares what passes with what may: after any time since the first
// connection, no more than rate times that time and a burst.
type meter struct {
	name  string
	rate  float64 // bytes a second
	burst float64

	mu    sync.Mutex
	total int64
	began time.Time
	worst float64 // above what was allowed, in bytes
}

// connectionBurst is what a connection may be ahead of its rate: a fiftieth of
// a second of it, the handshake and the conversation, and a frame.
const connectionBurst = 400 << 10

func newMeter(name, text string, connections int) (*meter, error) {
	r, err := rate.ParseRate(text)
	return &meter{name: name, rate: float64(r), burst: float64(connections * connectionBurst)}, err
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total == 0 {
		// The first bytes came a little before they were counted here; on a
		// busy machine that may be more than a little.
		m.began = time.Now().Add(-50 * time.Millisecond)
	}
	m.total += n
	m.worst = max(m.worst, float64(m.total)-m.rate*time.Since(m.began).Seconds()-m.burst)
}

func (m *meter) check(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	took := time.Since(m.began).Seconds()
	t.Logf("%s: %d bytes in %.1fs, %.1f Mbit/s of %.1f", m.name, m.total, took, float64(m.total)*8e-6/took, m.rate*8e-6)
	if m.worst > 0 {
		t.Errorf("%s: at some time %.0f bytes more had passed than %.0f a second allow", m.name, m.worst, m.rate)
	}
}

// meter has the bytes that pass up counted by the meters. All TLS is in it: a
// rate is that of the line.
func (p *proxy) meter(meters ...*meter) {
	last := make(map[*pair]int64)
	p.on(func(c *pair) {
		for _, m := range meters {
			m.add(c.passed[up] - last[c])
		}
		last[c] = c.passed[up]
	})
}

func TestLeasedRatesHoldInTotal(t *testing.T) {
	t.Parallel()
	wide, narrow := startReception(t, ""), startReception(t, "")
	c := startCentral(t, `uplink = "40 Mbit/s"`+"\n", link{"wide.test", wide, ""}, link{"narrow.test", narrow, "8 Mbit/s"})
	uplink, err := newMeter("uplink", "40 Mbit/s", 3)
	if err != nil {
		t.Fatal(err)
	}
	thin, err := newMeter("narrow link", "8 Mbit/s", 1)
	if err != nil {
		t.Fatal(err)
	}
	wide.proxy.meter(uplink)
	narrow.proxy.meter(uplink, thin)

	type asked struct {
		id     int64
		r      *reception
		source title
	}
	var all []asked
	for i, to := range []link{{"narrow.test", narrow, ""}, {"wide.test", wide, ""}, {"wide.test", wide, ""}} {
		size := int64(12 << 20)
		if to.to == narrow {
			size = 5 << 20
		}
		source := makeTitle(t, c.dir, fmt.Sprintf("%d.bin", i), noise(uint64(20+i), size))
		number := c.add(fmt.Sprint("Feature ", i), source.path, 1)
		all = append(all, asked{c.ask(number, to.name).ID, to.to, source})
	}
	for _, a := range all {
		a.r.proven(c.deposited(a.id), a.source)
	}
	uplink.check(t)
	thin.check(t)
	if uplink.total < 29<<20 || thin.total < 5<<20 {
		t.Errorf("only %d and %d bytes were counted", uplink.total, thin.total)
	}
}

// A delivery keeps to the pace that was asked for it, though its link is free,
// and goes on so when the central server is started again.
func TestPaceThatWasAskedFor(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, "1 Gbit/s"})
	paced, err := newMeter("paced", "8 Mbit/s", 2)
	if err != nil {
		t.Fatal(err)
	}
	r.proxy.meter(paced)
	source := makeTitle(t, c.dir, "feature.bin", noise(31, 4<<20))
	q := control.Request{Key: "k", Number: c.add("Feature", source.path, 1), Reception: "cinema.test", By: time.Now().Add(time.Hour), MaxPace: 1000}
	var refused *api.Refused
	if _, err := c.client.Request(quick(t), q); !errors.As(err, &refused) || refused.Constraint != "pace" || refused.Earliest.Before(q.By) {
		t.Fatalf("sooner than it can be at its pace: %v, %+v", err, refused)
	}
	q.MaxPace = 1_000_000
	d, err := c.client.Request(quick(t), q)
	if err != nil || d.MaxPace != 1_000_000 {
		t.Fatalf("at its pace: %+v, %v", d, err)
	}
	c.past(d.ID, 0)
	c.kill()
	c.start()
	d = c.deposited(d.ID)
	r.proven(d, source)
	if paced.check(t); paced.total < source.size || d.MaxPace != 1_000_000 {
		t.Errorf("only %d bytes were counted, at %d bytes a second", paced.total, d.MaxPace)
	}
}
