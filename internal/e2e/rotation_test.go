package e2e

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/wire"
)

// paired gives a central server and a reception that are paired, as a stranger
// would do it, and a way to pair them again.
func paired(t *testing.T) (c *central, r *reception, again func()) {
	t.Helper()
	r, c = startReception(t, ""), startCentral(t, "")
	again = func() {
		t.Helper()
		from := c.log.mark()
		made, err := c.administrator().AddReception(quick(t), control.AddReception{Name: "sala.test", Address: r.proxy.address()})
		if err != nil {
			t.Fatal(err)
		}
		r.pair(made.Code)
		c.log.await(t, from, saying("paired, the code is used up", "reception=sala.test"))
	}
	again()
	return c, r, again
}

// rekey takes keys away while the daemon is stopped, and starts it again.
func (d *daemon) rekey(state string, start func(), names ...string) {
	d.t.Helper()
	d.stop()
	for _, name := range names {
		if err := os.Remove(filepath.Join(state, "keys", name)); err != nil {
			d.t.Fatal(err)
		}
	}
	start()
}

// Keys are changed at either end as the manual says: nothing is delivered to or
// from whom is not known, the log says so, and after pairing again the delivery
// that waited goes on. Receipts of before stay good.
func TestKeysAreChanged(t *testing.T) {
	t.Parallel()
	c, r, again := paired(t)
	source := makeTitle(t, c.dir, "feature.bin", noise(50, 1<<20))
	n := c.add("Feature", source.path, 1)
	first := c.deposited(c.ask(n, "sala.test").ID)
	r.proven(first, source)
	for _, change := range []struct {
		what string
		make func()
		code reason.Code
	}{
		{"both keys of the reception", func() { r.rekey(r.state, r.start, "tls.key", "receipt.key") }, reason.IdentityChanged},
		{"the key of receipts", func() { r.rekey(r.state, r.start, "receipt.key") }, reason.IdentityChanged},
		{"the keys of the central server", func() { c.rekey(c.state(), c.start, "tls.key", "receipt.key") }, reason.NotPaired},
	} {
		change.make()
		other := makeTitle(t, c.dir, strings.ReplaceAll(change.what, " ", "-"), noise(51, 1<<20+int64(len(change.what))))
		from := c.log.mark()
		d := c.ask(c.add(change.what, other.path, 1), "sala.test")
		c.log.await(t, from, saying("broke off", "reason="+string(change.code)))
		again()
		r.proven(c.deposited(d.ID), other)
	}
	story, err := c.client.Delivery(quick(t), first.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.proven(story, source)
}

// A reception that is unpaired says so, and is not delivered to by the central
// server that it trusted; nor does it, paired with another one.
func TestUnpaired(t *testing.T) {
	t.Parallel()
	c, r, again := paired(t)
	r.log.await(t, 0, saying("one central server may deliver"))
	said := r.run("", "unpair")
	if !strings.Contains(said, "does not trust the central server") {
		t.Error(said)
	}
	r.log.await(t, 0, saying("unpaired", "before="))
	for _, name := range []string{"central", "pairing"} {
		if _, err := os.Stat(filepath.Join(r.state, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there, %v", name, err)
		}
	}
	if said := r.run("", "unpair"); !strings.Contains(said, "trusted no central server") {
		t.Error(said)
	}
	from := r.log.mark()
	again()
	r.log.await(t, from, saying("one central server may deliver"))
	other := startCentral(t, "")
	made, err := other.administrator().AddReception(quick(t), control.AddReception{Name: "sala.test", Address: r.proxy.address()})
	if err != nil {
		t.Fatal(err)
	}
	from = r.log.mark()
	r.pair(made.Code)
	r.log.await(t, from, saying("another central server may deliver", "before="))
	found, err := c.administrator().CheckReception(quick(t), "sala.test")
	if last := found.Findings[len(found.Findings)-1]; err != nil || last.What != control.FoundIdentity || last.Code != reason.NotPaired {
		t.Errorf("%+v, %v", found, err)
	}
}

// What is not well of a reception is found: its name, the way to it, its clock,
// its space, the rate and the key of its receipts, besides its identity (TestPairing).
func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := startCentral(t, "")
	admin := c.administrator()
	p := pretend(t)
	made, err := admin.AddReception(quick(t), control.AddReception{Name: "sala.test", Address: p.addr, Link: 100_000_000})
	if err != nil {
		t.Fatal(err)
	}
	code, err := identity.ParseCode(made.Code)
	if err != nil {
		t.Fatal(err)
	}
	p.proving(func(p identity.Pairing) []byte { return p.Proof(code.Secret) })
	well := wire.Condition{Free: 1 << 30, ReceiptKey: strings.Repeat("0a", 32)}
	for _, state := range []struct {
		what   control.What
		ahead  time.Duration
		free   int64
		takes  time.Duration // of a probe
		key    string        // that signs receipts; "" is the one that it was paired with
		ill    bool
		detail func(control.Finding) bool
	}{
		{what: control.FoundClock, free: 1 << 30, takes: time.Nanosecond},
		{what: control.FoundClock, ahead: time.Hour, free: 1 << 30, takes: time.Nanosecond, ill: true, detail: func(f control.Finding) bool { return f.Ahead > 3_590_000 && f.Ahead < 3_610_000 }},
		{what: control.FoundClock, ahead: -time.Minute, free: 1 << 30, takes: time.Nanosecond, ill: true, detail: func(f control.Finding) bool { return f.Ahead < -50_000 }},
		{what: control.FoundSpace, takes: time.Nanosecond, ill: true, detail: func(f control.Finding) bool { return f.Free == 0 && f.Code == reason.NoSpace }},
		{what: control.FoundIdentity, free: 1 << 30, takes: time.Nanosecond, ill: true, key: strings.Repeat("0b", 32), detail: func(f control.Finding) bool {
			return f.Code == reason.IdentityChanged && strings.Contains(f.Detail, "pair it again")
		}},
		{what: control.FoundRate, free: 1 << 30, takes: time.Second, ill: true, detail: func(f control.Finding) bool { return f.Rate == 64<<10 && f.Link == 100_000_000 }},
	} {
		p.mu.Lock()
		p.looks, p.takes = well, int64(state.takes)
		p.looks.Now, p.looks.Free = time.Now().Add(state.ahead).UTC(), state.free
		p.looks.ReceiptKey = cmp.Or(state.key, well.ReceiptKey)
		p.mu.Unlock()
		found, err := admin.CheckReception(quick(t), "sala.test")
		if err != nil || len(found.Findings) != 6 {
			t.Fatalf("%s: %+v, %v", state.what, found, err)
		}
		for _, f := range found.Findings {
			if ill := state.ill && f.What == state.what; f.OK == ill || ill && !state.detail(f) {
				t.Errorf("%s by %v, %d free, probes of %v: %+v", state.what, state.ahead, state.free, state.takes, f)
			}
		}
	}
	for name, q := range map[control.What]control.AddReception{
		control.FoundName:       {Name: "nowhere.invalid", Address: "nowhere.invalid:4102"},
		control.FoundConnection: {Name: "closed.test", Address: "127.0.0.1:1"},
	} {
		if _, err := admin.AddReception(quick(t), q); err != nil {
			t.Fatal(err)
		}
		found, err := admin.CheckReception(quick(t), q.Name)
		if last := found.Findings[len(found.Findings)-1]; err != nil || last.What != name || last.OK || last.Code == "" || last.Detail == "" {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}
