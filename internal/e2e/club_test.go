//go:build root

package e2e

import (
	"bytes"
	"crypto/rand"
	"os"
	"regexp"
	"strings"
	"testing"
)

// village is the four programs on four hosts, started as MISSION.md section B
// has them, with nothing but --open and no configuration.
type village struct {
	t                           *testing.T
	central, mateo, user, admin *site
	vccs, vcvrs                 *daemon
	identity                    string // of the central server
}

// newVillage starts the servers, open or not, with files of so many bytes that
// nothing compresses beside the titles.
func newVillage(t *testing.T, open bool, files map[string]int) *village {
	t.Helper()
	n := newNetwork(t)
	v := &village{
		t: t, central: newSite(t, n, "central.elo.utfsm.cl"), mateo: newSite(t, n, "mateo.elo.utfsm.cl"),
		user: newSite(t, n, "usuario.elo.utfsm.cl"), admin: newSite(t, n, "oficina.elo.utfsm.cl"),
	}
	write(t, v.central.path("videos.txt"), "# titles of the village\n")
	for name, size := range files {
		film := make([]byte, size)
		rand.Read(film)
		write(t, v.central.path(name), string(film))
	}
	vccs, vcvrs := []string{"4100", "4101", "4102"}, []string{"4102"}
	if open {
		vccs, vcvrs = append([]string{"--open"}, vccs...), append([]string{"--open"}, vcvrs...)
	}
	v.vcvrs = v.mateo.daemon("vcvrs", vcvrs...)
	v.vcvrs.launch()
	v.vccs = v.central.daemon("vccs", vccs...)
	v.identity = field(v.vccs.launch(), "identity")
	return v
}

// request asks for a title on mateo, from the user's host, and gives the
// delivery's number.
func (v *village) request(number string) string {
	v.t.Helper()
	out := v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "request", number, "--at", "mateo.elo.utfsm.cl", "--by", "+3h", "--mail", "ana@"+mailDomain)
	m := regexp.MustCompile(`^delivery (\d+): `).FindStringSubmatch(out)
	if m == nil {
		v.t.Fatalf("no delivery in:\n%s", out)
	}
	return m[1]
}

// arrived compares a file in mateo's store with the title's at the centre.
func (v *village) arrived(title, stored string) {
	v.t.Helper()
	want, err := os.ReadFile(v.central.path(title))
	if err != nil {
		v.t.Fatal(err)
	}
	got, err := os.ReadFile(v.mateo.path(stored))
	if err != nil || !bytes.Equal(got, want) {
		v.t.Errorf("%s has %d bytes that are not the %d of %s, %v", stored, len(got), len(want), title, err)
	}
}

// rekey gives a daemon a new identity, as setting its machine up anew does.
func rekey(t *testing.T, d *daemon, s *site, state string) {
	t.Helper()
	if status := d.stop(); status != 0 {
		t.Errorf("%s stops with %d", d.name, status)
	}
	if err := os.RemoveAll(s.path("remembered/videoclub/" + state + "/keys")); err != nil {
		t.Fatal(err)
	}
	d.launch()
}

// The seed's video club, on four hosts that know each other by name: a title is
// added, listed, asked for by a deadline, watched, and there; the mail comes by
// the mail server that the central host has for itself.
func TestFourHosts(t *testing.T) {
	t.Parallel()
	v := newVillage(t, true, map[string]int{"niño.bin": 3_000_000})
	server, _ := newOpenSMTPD(t, v.central)
	server.start()

	// Whoever is seen for the first time is not believed before somebody says so.
	v.admin.refused(4, []string{"central.elo.utfsm.cl:4101 shows " + v.identity, "--pin", "[identity_unknown]"}, "vcadmin", "central.elo.utfsm.cl", "4101")
	out := v.admin.ok("add\nEl niño & el cóndor\nniño.bin\nUna película\n2\nlist\nquit\n", "vcadmin", "--pin", v.identity, "central.elo.utfsm.cl", "4101")
	if !strings.Contains(out, "title 1: El niño & el cóndor\n") {
		t.Errorf("vcadmin says:\n%s", out)
	}
	v.user.language = "es_CL.UTF-8"
	v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl", "--pin", v.identity, "list")
	out = v.user.ok("listar\npedir\n1\nmateo.elo.utfsm.cl\n+2h\nana@"+mailDomain+"\nobservar\n1\nsalir\n", "vcuser", "central.elo.utfsm.cl", "4100")
	for _, want := range []string{`(?m)^ +1 +El niño & el cóndor +2 min +Una película$`, `(?m)^entrega 1: El niño & el cóndor a mateo\.elo\.utfsm\.cl$`, `100 %.* depositada`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("vcuser does not say %s:\n%s", want, out)
		}
	}
	v.arrived("niño.bin", "El niño & el cóndor.bin")
	if out := v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl", "show", "1"); !strings.Contains(out, "\nrecibo: verificado\n") {
		t.Errorf("vcuser show says:\n%s", out)
	}
	mail := server.mail()
	for _, want := range []string{"Return-Path: <videoclub@central.elo.utfsm.cl>\n", "Message-Id: <delivery-1-deposited."} {
		if !strings.Contains(mail, want) {
			t.Errorf("the mail has no %q:\n%s", want, mail)
		}
	}
}

// readyAs matches the line with which a daemon begins that is not known by that
// identity.
func readyAs(known string) func(string) bool {
	return func(line string) bool { return saying(" ready ")(line) && field(line, "identity") != known }
}

// acquainted is a village in which a first title has been delivered, so that
// all have met; title 2 is B.
func acquainted(t *testing.T) *village {
	t.Helper()
	v := newVillage(t, true, map[string]int{"a.bin": 1000, "b.bin": 2000})
	for _, title := range []string{"A", "B"} {
		v.admin.ok("", "vcadmin", "--server", "central.elo.utfsm.cl", "--pin", v.identity, "add", title, strings.ToLower(title)+".bin", "--duration", "1m")
	}
	v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "--pin", v.identity, "list")
	v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "watch", v.request("1"))
	v.arrived("a.bin", "A.bin")
	return v
}

// absent makes sure that title B has gone to nobody.
func (v *village) absent() {
	v.t.Helper()
	if _, err := os.Stat(v.mateo.path("B.bin")); !os.IsNotExist(err) {
		v.t.Errorf("the file is there: %v", err)
	}
}

// The central server remembers whom it met by a name, and sends nothing to
// another that has it.
func TestReceptionIsRemembered(t *testing.T) {
	t.Parallel()
	v := acquainted(t)
	known := field(v.vccs.log.await(t, 0, saying("reception seen for the first time")), "identity")
	rekey(t, v.vcvrs, v.mateo, "vcvrs-4102")
	shows := field(v.vcvrs.log.await(t, 0, readyAs(known)), "identity")
	id := v.request("2")
	v.vccs.log.await(t, 0, saying("delivery="+id+" ", "reason=identity_changed", known, shows))
	if out := v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "show", id); !strings.Contains(out, known) || !strings.Contains(out, shows) {
		t.Errorf("vcuser show says:\n%s", out)
	}
	v.absent()
}

// The reception and the person remember the central server that they met, and
// refuse another in its place; the person is told what to do.
func TestCentralIsRemembered(t *testing.T) {
	t.Parallel()
	v := acquainted(t)
	remembered := v.user.path("remembered/videoclub/known_servers")
	if text, err := os.ReadFile(remembered); err != nil || !regexp.MustCompile("(?m)^central.elo.utfsm.cl:4100 [0-9a-f]{64}$").Match(text) {
		t.Errorf("%s has %q, %v", remembered, text, err)
	}
	rekey(t, v.vccs, v.central, "vccs-4100")
	shows := field(v.vccs.log.await(t, 0, readyAs(v.identity)), "identity")
	v.user.refused(4, []string{"central.elo.utfsm.cl:4100 was " + v.identity + " and now shows " + shows, "remove its line from " + remembered, "[identity_changed]"},
		"vcuser", "--server", "central.elo.utfsm.cl:4100", "list")
	if err := os.Remove(remembered); err != nil {
		t.Fatal(err)
	}
	v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "--pin", shows, "list")
	v.request("2")
	v.vcvrs.log.await(t, 0, saying("refused", v.identity, shows))
	v.absent()
}

// Without --open there is nobody but this machine, and others are told why.
func TestClosed(t *testing.T) {
	t.Parallel()
	v := newVillage(t, false, map[string]int{"a.bin": 1000})
	closed := []string{"connection refused", "started without --open and accepts its own machine alone", "[unreachable]"}
	v.user.refused(5, append(closed, "central.elo.utfsm.cl:4100"), "vcuser", "--server", "central.elo.utfsm.cl", "list")
	v.admin.refused(5, append(closed, "central.elo.utfsm.cl:4101"), "vcadmin", "central.elo.utfsm.cl", "4101")
	v.central.ok("", "vcadmin", "add", "A", "a.bin", "--duration", "1m")
	v.central.refused(4, []string{"mateo.elo.utfsm.cl is at ", "10.77.0.2", "start it with --open", "[remote_peer]"}, "vcuser", "request", "1", "--at", "mateo.elo.utfsm.cl", "--by", "+1h")
}

// The cable is pulled in the midst of a delivery until both ends have noticed,
// and plugged in again: it goes on where it was, and the file is whole.
func TestCable(t *testing.T) {
	t.Parallel()
	v := newVillage(t, true, map[string]int{"long.bin": 60_000_000})
	v.central.ok("", "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "80mbit", "burst", "256k", "latency", "100ms")
	v.admin.ok("", "vcadmin", "--server", "central.elo.utfsm.cl", "--pin", v.identity, "add", "Larga", "long.bin", "--duration", "1m")
	v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "--pin", v.identity, "list")
	id := v.request("1")
	v.vccs.log.await(t, 0, saying("progress", "delivery="+id+" "))
	if err := v.mateo.Cut(); err != nil {
		t.Fatal(err)
	}
	v.vccs.log.await(t, 0, saying("broke off", "delivery="+id+" ", "reason=peer_silent"))
	v.vcvrs.log.await(t, 0, saying("broke off"))
	if err := v.mateo.Mend(); err != nil {
		t.Fatal(err)
	}
	v.user.ok("", "vcuser", "--server", "central.elo.utfsm.cl:4100", "watch", id)
	v.arrived("long.bin", "Larga.bin")
	last := v.vccs.log.await(t, 0, saying(" deposited delivery="+id+" "))
	if number(t, last, "resumes") < 1 {
		t.Errorf("it was never broken off: %s", last)
	}
	from := number(t, v.vcvrs.log.await(t, 0, saying("resuming")), "offset")
	stored := v.vcvrs.log.await(t, 0, saying(" deposited delivery="))
	if written := number(t, stored, "written"); from == 0 || written >= 60_000_000+from {
		t.Errorf("after the cable was plugged in at %d, all of it was written again: %s", from, stored)
	}
}
