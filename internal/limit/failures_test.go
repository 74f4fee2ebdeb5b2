package limit

import (
	"net/netip"
	"testing"
	"time"
)

func TestFailures(t *testing.T) {
	f, now := NewFailures(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	here, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:1::1")
	for n := range freeFailures {
		if wait := f.Failed(here, now); wait != 0 || f.Blocked(here, now) {
			t.Fatalf("after %d failures it waits %v", n+1, wait)
		}
	}
	want := firstWait
	for range 12 {
		if wait := f.Failed(here, now); wait != want || !f.Blocked(here, now) || !f.Blocked(here, now.Add(wait-1)) || f.Blocked(here, now.Add(wait)) {
			t.Fatalf("it waits %v instead of %v", wait, want)
		}
		want = min(2*want, mostWait)
	}
	// The host that has the address has its neighbours too; others do not wait.
	if !f.Blocked(netip.MustParseAddr("2001:db8::2"), now) || f.Blocked(other, now) {
		t.Error("another host waits, or the same one does not")
	}
	if f.Blocked(here, now.Add(-time.Hour)) {
		t.Error("a clock that was set back makes it wait for longer")
	}
	if wait := f.Failed(here, now.Add(forgetAfter+1)); wait != 0 {
		t.Errorf("it is remembered for ever: %v", wait)
	}
	for range freeFailures + 1 {
		f.Failed(here, now)
	}
	if f.SetFree(100); f.Failed(other, now) != 0 {
		t.Error("it waits at once where more may fail")
	}
	f.SetFree(1)
	if f.Failed(other, now) != firstWait {
		t.Error("it does not wait where one may fail")
	}
	if f.Forget(here); f.Blocked(here, now) {
		t.Error("it waits after a success")
	}
}

// However many addresses fail, what is remembered is bounded, and the latest is
// remembered.
func TestFailuresAreBounded(t *testing.T) {
	f, now := NewFailures(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var last netip.Addr
	for n := range mostAddresses + 50 {
		last = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		f.Failed(last, now.Add(time.Duration(n)*time.Millisecond))
	}
	if _, there := f.from[last]; !there || len(f.from) != mostAddresses {
		t.Errorf("%d are remembered, the latest: %v", len(f.from), there)
	}
	if _, there := f.from[netip.AddrFrom4([4]byte{10, 0, 0, 0})]; there {
		t.Error("the oldest is still remembered")
	}
	f.Failed(netip.MustParseAddr("192.0.2.1"), now.Add(time.Hour))
	if len(f.from) != 1 {
		t.Errorf("%d of an hour ago are remembered", len(f.from)-1)
	}
}
