package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// four gives the workers of a delivery that is under way: read and send of the
// central server, receive and store of the reception.
func four(c *central, r *reception) []worker {
	c.t.Helper()
	is := func(kinds ...string) func([]worker) bool {
		return func(all []worker) bool {
			var have []string
			for _, w := range all {
				if w.kind != "session" {
					have = append(have, w.kind)
				}
			}
			slices.Sort(have)
			return slices.Equal(have, kinds)
		}
	}
	own := c.awaitWorkers("read and send run", "", is("read", "send"))
	own = slices.DeleteFunc(own, func(w worker) bool { return w.kind == "session" })
	all := append(own, r.awaitWorkers("receive and store run", "", is("receive", "store"))...)
	slices.SortFunc(all, func(a, b worker) int { return strings.Compare(a.kind, b.kind) })
	return all
}

// open gives what a process has open, without what tells one socket or pipe
// from another, and without the limits of its control group, which the Go
// runtime watches.
func open(pid int) []string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it has ended
	}
	var all []string
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed since
		}
		if strings.HasPrefix(to, "/sys/fs/cgroup/") {
			continue
		}
		if kind, _, ok := strings.Cut(to, ":["); ok && kind != "anon_inode" {
			to = kind
		}
		all = append(all, to)
	}
	slices.Sort(all)
	return all
}

func TestFourProcessesADelivery(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	to := link{"cinema.test", r, ""}
	c := startCentral(t, unhurried, to)
	source := makeTitle(t, c.dir, "feature.bin", noise(1, 40<<20))
	d := c.ask(c.add("Feature", source.path, 10), "cinema.test")

	d = c.past(d.ID, 0)
	first := four(c, r)
	for _, w := range first {
		t.Logf("pid %d: %s %s %v has %v", w.pid, w.kind, w.label, w.files, open(w.pid))
	}
	for range 2 {
		d = c.past(d.ID, d.Offset)
		if again := four(c, r); !reflect.DeepEqual(again, first) {
			t.Fatalf("the workers are %v, at first they were %v", again, first)
		}
	}

	key := r.parts()
	if len(key) != 1 {
		t.Fatalf("there are the parts %v, want one", key)
	}
	part := filepath.Join(r.store, ".vc", key[0])
	// The ends of handoff and control are sockets; so is the connection.
	always := []string{"/dev/null", "/dev/null", "pipe", "/memfd:handoff (deleted)", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "socket", "socket"}
	for kind, own := range map[string][]string{
		"read":    {source.path, filepath.Join(c.state(), "digests", fmt.Sprint(d.ID))},
		"send":    {"socket"},
		"receive": {"socket"},
		"store":   {filepath.Join(part, "data.part"), filepath.Join(part, "slots")},
	} {
		i := slices.IndexFunc(first, func(w worker) bool { return w.kind == kind })
		want := slices.Sorted(slices.Values(append(slices.Clone(always), own...)))
		if got := open(first[i].pid); !slices.Equal(got, want) {
			t.Errorf("the %s worker has open\n%q\nwant\n%q", kind, got, want)
		}
	}

	c.hurry(to)
	r.proven(c.deposited(d.ID), source)
	r.awaitWorkers("nothing is left", "", none)
	c.awaitWorkers("nothing is left", "read", none)
	c.awaitWorkers("nothing is left", "send", none)
	for _, w := range first {
		if _, alive := inspect(w.pid); alive {
			t.Errorf("the %s worker (pid %d) is still there", w.kind, w.pid)
		}
	}
}

// Workers have nobody to work for when their supervisor is killed.
func TestWorkersDieWithTheirSupervisor(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	to := link{"cinema.test", r, ""}
	c := startCentral(t, unhurried, to)
	source := makeTitle(t, c.dir, "feature.bin", noise(2, 40<<20))
	d := c.ask(c.add("Feature", source.path, 10), "cinema.test")
	dead := func(all []worker, kinds ...string) {
		t.Helper()
		for _, w := range all {
			if _, alive := inspect(w.pid); alive && slices.Contains(kinds, w.kind) {
				t.Errorf("the %s worker (pid %d) outlives its supervisor", w.kind, w.pid)
			}
		}
	}

	d = c.past(d.ID, 0)
	all := four(c, r)
	c.kill() // waits until nobody has its standard error any more
	dead(all, "read", "send")
	r.awaitWorkers("they end with their connection", "", none)

	c.start()
	d = c.past(d.ID, d.Offset)
	all = four(c, r)
	r.kill()
	dead(all, "receive", "store")
	c.awaitWorkers("it ends with its connection", "send", func(now []worker) bool {
		return !slices.ContainsFunc(now, func(w worker) bool {
			return slices.ContainsFunc(all, func(before worker) bool { return before.pid == w.pid })
		})
	})

	c.hurry(to)
	r.start()
	d = c.deposited(d.ID)
	if d.Resumes != 2 {
		t.Errorf("resumed %d times, want 2", d.Resumes)
	}
	r.proven(d, source)
}
