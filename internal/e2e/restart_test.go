package e2e

import (
	"io"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// A promise that was spoken is on disk, even if no byte of it was sent.
func TestPromiseSurvivesAKillRightAfterIt(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(13, 4<<20))
	n := c.add("Feature", source.path, 1)
	r.kill() // so that nothing can be sent

	promised, err := c.request(n, "cinema.test", "a key")
	c.kill()
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	again, err := c.request(n, "cinema.test", "a key")
	if err != nil || again.ID != promised.ID || !again.Deadline.Equal(promised.Deadline) || !again.Requested.Equal(promised.Requested) {
		t.Fatalf("asked again it is delivery %d by %v, %v; promised was %d by %v", again.ID, again.Deadline, err, promised.ID, promised.Deadline)
	}
	if _, err := c.request(n, "other.test", "a key"); reason.Of(err) != reason.KeyReused {
		t.Errorf("another request with its key: %v, want %s", err, reason.KeyReused)
	}
	if all, err := c.client.Deliveries(quick(t), 10); err != nil || len(all) != 1 {
		t.Errorf("there are %d deliveries, %v, want one", len(all), err)
	}
	r.start()
	r.proven(c.deposited(promised.ID), source)
}

// Between publishing and the sender's hearing of it lies a network: the sender
// asks again, and the delivery is deposited once.
func TestDepositThatWasNotHeardOf(t *testing.T) {
	t.Parallel()
	killReception := func(c *central, r *reception) { r.kill(); r.proxy.release(); r.start() }
	killCentral := func(c *central, r *reception) { c.kill(); r.proxy.release(); c.start() }
	killBoth := func(c *central, r *reception) { c.kill(); r.kill(); r.proxy.release(); r.start(); c.start() }
	for name, x := range map[string]struct {
		restart func(*central, *reception)
		folder  bool
	}{
		"reception killed":         {killReception, false},
		"central killed":           {killCentral, false},
		"both killed":              {killBoth, false},
		"central killed, a folder": {killCentral, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := startReception(t, "")
			c := startCentral(t, `uplink = "400 Mbit/s"`+"\n", link{"cinema.test", r, ""})
			feature := noise(14, 24<<20) // less than may be unacknowledged
			var source title
			if x.folder {
				source = makeFolder(t, c.dir, "feature", map[string]io.Reader{"reel.bin": feature, "empty": noise(1, 0), "sub/list": noise(2, 1000)})
			} else {
				source = makeTitle(t, c.dir, "feature.bin", feature)
			}
			r.proxy.holdAfter(1<<20, down)
			id := c.ask(c.add("Feature", source.path, 1), "cinema.test").ID
			r.log.await(t, 0, saying(" deposited ", "written="))
			if d, err := c.client.Delivery(quick(t), id, 0, 0); err != nil || d.State == "deposited" {
				t.Fatalf("the sender has heard of it (%s, %v): this proves nothing", d.State, err)
			}
			x.restart(c, r)
			d := c.deposited(id)
			r.proven(d, source)
			// Nobody knew its digest: it is not taken at the reception's word.
			c.log.await(t, 0, saying("reading the source to compare"))
			r.log.await(t, 0, saying("already here, deposited at once"))
			if files, parts := r.files(), r.parts(); !x.folder && len(files) != 1 || len(parts) > 0 {
				t.Errorf("the store has %q and the parts %q, want one file", files, parts)
			}
			if n := r.proxy.total(up); n > source.size+source.size/10 {
				t.Errorf("%d bytes were sent for %d", n, source.size)
			}
		})
	}
}

// A reception that says nothing any more, with its connection up, is left and
// asked again.
func TestSilentReceptionIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "uplink = \"64 Mbit/s\"\nsilence = \"1s\"\n", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(16, 24<<20))
	id := c.past(c.ask(c.add("Feature", source.path, 10), "cinema.test").ID, 0).ID
	r.proxy.hold(down)
	c.until(id, "without an answer", func(d control.DeliveryStory) bool { return d.Reason == reason.PeerSilent })
	r.proxy.release()
	r.proven(c.deposited(id), source)
}

// Killed when every byte is durable but nothing says so at the sender, it ends
// in a deposit all the same: there is nothing left to plan for.
func TestNothingLeftToSend(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, `uplink = "64 Mbit/s"`+"\n", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(15, 8<<20))
	id := c.ask(c.add("Feature", source.path, 10), "cinema.test").ID
	d := c.until(id, "all durable", func(d control.DeliveryStory) bool { return d.Offset == d.Size })
	c.kill()
	c.start()
	r.proven(c.deposited(d.ID), source)
}
