//go:build root

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host is a machine of the tests.
type host struct {
	*Machine
	t *testing.T
}

// site is a central server, two receptions, of which the second has the mail
// server of all, and the titles that were added.
type site struct {
	central, mateo, correo *host
	titles                 int
}

// try runs a script on the host.
func (h *host) try(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return h.Run(ctx, "bash", "-ec", script)
}

// sh runs a script that must succeed.
func (h *host) sh(script string) string {
	h.t.Helper()
	out, err := h.try(script)
	if err != nil {
		journal, _ := h.try("journalctl -b -n 40 --no-pager -o short-monotonic; ss -tanp")
		h.t.Fatal(err, "\n", out, "\n", journal)
	}
	return out
}

// contains fails unless what a script prints has each of want in it.
func (h *host) contains(script string, want ...string) {
	h.t.Helper()
	out := h.sh(script)
	for _, w := range want {
		if !strings.Contains(out, w) {
			h.t.Errorf("%s: %s: no %q in:\n%s", h.Name, script, w, out)
		}
	}
}

// until waits until ok, which is asked again and again.
func until(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-late.C:
			t.Fatalf("not within %v: %s", within, what)
		case <-again.C:
		}
	}
}

// build builds the programs of this module into a directory.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{"vccs": "daemons", "vcvrs": "daemons", "vcuser": "clients", "vcadmin": "clients"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), "videoclub/"+from+"/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir
}

// places are where the folders of units/ are installed.
var places = map[string]string{
	".": "/usr/lib/systemd/system/", "sysusers.d": "/usr/lib/sysusers.d/", "tmpfiles.d": "/usr/lib/tmpfiles.d/",
	"catalog": "/usr/lib/systemd/catalog/", "generators": "/usr/lib/systemd/system-generators/",
}

// install puts a daemon, the clients and what systemd is to know of the daemon
// onto a machine that is off, with its configuration.
func (h *host) install(programs, daemon, config string) {
	h.t.Helper()
	put := func(from, to string, mode os.FileMode) {
		text, err := os.ReadFile(from)
		if err == nil {
			err = h.Write(to, string(text), mode)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	for _, program := range []string{daemon, "vcuser", "vcadmin"} {
		put(filepath.Join(programs, program), "/usr/bin/"+program, 0o755)
	}
	units := "../../units"
	err := filepath.WalkDir(units, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := strings.TrimPrefix(name, units+"/")
		place, known := places[path.Dir(to)]
		if !known {
			return fmt.Errorf("nobody knows where %s is installed", name)
		}
		if base := path.Base(to); strings.HasPrefix(base, daemon) || daemon == "vcvrs" && strings.HasPrefix(base, "vc-deposit@") {
			info, err := d.Info()
			if err != nil {
				return err
			}
			put(name, place+base, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.Write("/etc/vc/"+daemon+".toml", config, 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// request asks for a new title of so many MB at a reception, and gives the
// number of its delivery.
func (s *site) request(reception *host, megabytes int) int {
	t := s.central.t
	t.Helper()
	s.titles++
	s.central.sh(fmt.Sprintf("head -c %dM /dev/urandom > /srv/films/film%d.mp4; vcadmin --server 127.0.0.1:4101 add 'Film %d' /srv/films/film%d.mp4 --duration 1m",
		megabytes, s.titles, s.titles, s.titles))
	out := s.central.sh(fmt.Sprintf("vcuser --server 127.0.0.1:4100 request %d --at %s --by +30m --mail ana@elo.utfsm.cl --json", s.titles, reception.Name))
	var d delivery
	if err := json.Unmarshal([]byte(out), &d); err != nil || d.ID == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	return d.ID
}

// delivery is what the tests read of a delivery's JSON.
type delivery struct {
	ID     int    `json:"id"`
	State  string `json:"state"`
	Offset int64  `json:"offset"`
	Name   string `json:"name"`
}

// look gives a delivery as it is; nothing while the server is not there.
func (s *site) look(id int) (d delivery) {
	out, err := s.central.try(fmt.Sprintf("vcuser --server 127.0.0.1:4100 show %d --json", id))
	if err == nil {
		err = json.Unmarshal([]byte(out), &d)
	}
	if err != nil {
		s.central.t.Log(err)
	}
	return d
}

// begun waits until some of a delivery is on the disk of the reception, and
// some is not.
func (s *site) begun(id int) {
	t := s.central.t
	t.Helper()
	until(t, fmt.Sprintf("delivery %d has begun", id), time.Minute, func() bool {
		d := s.look(id)
		if d.State == "deposited" || d.State == "failed" {
			t.Fatalf("delivery %d is %s already", id, d.State)
		}
		return d.Offset > 0
	})
}

// deposited waits until a delivery is, by itself, and compares the file with its
// source and what both journals tell.
func (s *site) deposited(id int, at *host, store string) {
	t := s.central.t
	t.Helper()
	until(t, fmt.Sprintf("delivery %d is deposited", id), 2*time.Minute, func() bool {
		d := s.look(id)
		if d.State == "failed" {
			t.Fatalf("delivery %d failed:\n%s", id, s.central.sh(fmt.Sprintf("journalctl -o cat VC_DELIVERY=%d", id)))
		}
		return d.State == "deposited"
	})
	n := s.titles
	source := strings.Fields(s.central.sh(fmt.Sprintf("sha256sum /srv/films/film%d.mp4", n)))[0]
	at.contains(fmt.Sprintf("sha256sum '%s/Film %d.mp4'", store, n), source)
	for _, h := range []*host{s.central, at} {
		h.contains(fmt.Sprintf("journalctl -o cat VC_DELIVERY=%d", id), "deposited delivery="+fmt.Sprint(id), source)
	}
}
