package e2e

import (
	"path/filepath"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

func TestFullStoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := startReception(t, `quota = "24 MiB"`+"\n")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	small := makeTitle(t, c.dir, "small.bin", noise(11, 8<<20))
	large := makeTitle(t, c.dir, "large.bin", noise(12, 20<<20))
	r.proven(c.deposited(c.ask(c.add("Small", small.path, 1), "cinema.test").ID), small)

	// The reception said what it has left, so that nothing is promised beyond it.
	n := c.add("Large", large.path, 1)
	if d, err := c.request(n, "cinema.test", "too large"); reason.Of(err) != reason.NoSpace {
		t.Errorf("more than there is space for: %+v, %v", d.Delivery, err)
	}
	// Whoever has not heard of it promises, and hears of it then.
	c.kill()
	c.start()
	id := c.ask(n, "cinema.test").ID
	d := c.until(id, "waiting for space", func(d control.DeliveryStory) bool { return d.Reason == reason.NoSpace })
	if d.State != "promised" || d.Offset != 0 || d.Detail == "" || d.Sent != 0 {
		t.Errorf("while it waits it is %s at %d, sent %d, with the detail %q", d.State, d.Offset, d.Sent, d.Detail)
	}
	if parts := r.parts(); len(parts) > 0 {
		t.Errorf("what was refused has the parts %q", parts)
	}
	r.awaitWorkers("nothing runs for it", "", none)

	r.configure(`quota = "32 MiB"` + "\n")
	r.reload()
	r.proven(c.deposited(id), large)
	if got := digestOf(t, filepath.Join(r.store, "Small.bin")); got != small.sha256 {
		t.Errorf("what was there before has digest %s, want %s", got, small.sha256)
	}
}
