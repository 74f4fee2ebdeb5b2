package e2e

import (
	"testing"

	"videoclub/internal/reason"
)

func TestCancelWhileSending(t *testing.T) {
	t.Parallel()
	b := begin(t, 9)
	d, err := b.client.Cancel(quick(t), b.ID)
	if err != nil || d.State != "cancelled" || d.Reason != reason.Cancelled {
		t.Fatalf("cancelled: %s %s, %v", d.State, d.Reason, err)
	}
	b.gone(t)
	if _, err := b.client.Cancel(quick(t), b.ID); reason.Of(err) != reason.AlreadyEnded {
		t.Errorf("cancelled again: %v, want %s", err, reason.AlreadyEnded)
	}
	// Nothing of it stands in the way of the same title asked for again.
	n := b.Number
	b.r.proven(b.deposited(b.ask(n, "cinema.test").ID), b.source)
}

func TestCancelWhileTheReceptionIsDown(t *testing.T) {
	t.Parallel()
	b := begin(t, 10)
	b.r.kill()
	if d, err := b.client.Cancel(quick(t), b.ID); err != nil || d.State != "cancelled" {
		t.Fatalf("cancelled: %s, %v", d.State, err)
	}
	if parts := b.r.parts(); len(parts) != 1 {
		t.Fatalf("there are the parts %q, want one: else this proves nothing", parts)
	}
	// The central server forgets nothing of it either when it is killed.
	b.kill()
	b.r.start()
	b.start()
	b.gone(t)
	if d := b.until(b.ID, "cancelled", inState("cancelled")); d.Reason != reason.Cancelled {
		t.Errorf("cancelled for %s", d.Reason)
	}
}
