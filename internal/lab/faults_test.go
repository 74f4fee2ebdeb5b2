//go:build root

package lab

import (
	"context"
	"testing"
	"time"
)

// wait lets time pass that a fault lasts.
func wait(d time.Duration) { <-time.After(d) }

// reboot reboots a host in order.
func (h *host) reboot() {
	h.t.Helper()
	if err := h.Stop(); err != nil {
		h.t.Fatal(err)
	}
	if err := h.Boot(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

// Whatever happens while a delivery is under way, it ends deposited by itself,
// and the journal says what happened.
func testFaults(t *testing.T, s *site) {
	kill := func(h *host, signal, unit string) func() {
		return func() { h.sh("systemctl kill --kill-whom=main -s " + signal + " " + unit) }
	}
	for _, fault := range []struct {
		name string
		do   func()
		said *host  // who says what happened
		what string // in its journal
	}{
		{"central restarted", func() { s.central.sh("systemctl restart vccs") }, s.central, "resuming"},
		{"reception restarted", func() { s.mateo.sh("systemctl restart vcvrs") }, s.mateo, "resuming, nothing lost"},
		{"central killed", kill(s.central, "KILL", "vccs"), s.central, "taken up again, going on now"},
		{"reception killed", kill(s.mateo, "KILL", "vcvrs"), s.mateo, "keeping what is durable until its sender comes back"},
		{"central stopped", kill(s.central, "STOP", "vccs"), s.central, "Watchdog timeout"},
		{"reception stopped", kill(s.mateo, "STOP", "vcvrs"), s.mateo, "Watchdog timeout"},
		{"central rebooted", s.central.reboot, s.central, "taken up again, going on now"},
		{"reception rebooted", s.mateo.reboot, s.mateo, "resuming, nothing lost"},
		{"link cut", func() { s.cut(20 * time.Second) }, s.central, "broke off, trying again"},
		// The last: a disk of its own has what was deposited there after it.
		{"disk full", s.fill, s.mateo, "no space left on device"},
	} {
		if !t.Run(fault.name, func(t *testing.T) {
			for _, h := range []*host{s.central, s.mateo, s.correo} {
				h.t = t
			}
			if fault.name == "disk full" {
				s.mateo.sh("systemctl stop vcvrs; mount -t tmpfs -o size=110M,mode=0755 store /srv/big; chown vcvrs /srv/big; systemctl start vcvrs")
			}
			id := s.request(s.mateo, 20)
			s.begun(id)
			since := time.Now()
			fault.do()
			s.deposited(id, s.mateo, "/srv/big")
			t.Logf("deposited %v after it", time.Since(since).Round(100*time.Millisecond))
			fault.said.contains("journalctl -o cat -u vccs -u vcvrs", fault.what)
		}) {
			return
		}
	}
}

// cut pulls the cable of the reception for so long.
func (s *site) cut(d time.Duration) {
	if err := s.mateo.Cut(); err != nil {
		s.mateo.t.Fatal(err)
	}
	wait(d)
	if err := s.mateo.Mend(); err != nil {
		s.mateo.t.Fatal(err)
	}
}

// fill fills the disk of the reception to the last byte, until after the
// delivery would have been there. Its bytes have their space reserved; to
// publish it takes a little more.
func (s *site) fill() {
	if _, err := s.mateo.try("cat /dev/zero > /srv/big/.filler"); err == nil {
		s.mateo.t.Fatal("the disk is not full")
	}
	wait(15 * time.Second)
	s.mateo.sh("rm /srv/big/.filler")
}
