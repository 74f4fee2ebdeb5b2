package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, standard uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// storm is deliveries under way and what is done to them.
type storm struct {
	*central
	rng        *rand.Rand
	receptions []*reception
	jobs       []*stormJob
}

// stormJob is a delivery in a storm.
type stormJob struct {
	id     int64
	r      *reception
	source title
	notes  *os.File // what the read workers note; held, because it goes at the end
}

const (
	stormDeliveries = 2 // under way at each reception, at least
	bystander       = "holiday.avi"
)

// victims are what is killed or broken; moments are when.
var (
	victims = [...]string{"read", "send", "receive", "store", "vccs", "vcvrs", "reset", "fin", "silence"}
	moments = [...]string{"bytes flow", "a handshake", "a start", "the end"}
)

// Whatever is killed or cut, and whenever, every delivery ends deposited once
// and whole, and goes on exactly where it was. VC_FAULTS says how many times
// something is broken; VC_SEED repeats a run as far as the machine allows.
func TestFaults(t *testing.T) {
	t.Parallel()
	seed, faults := setting(t, "VC_SEED", 1), setting(t, "VC_FAULTS", 30)
	t.Logf("VC_SEED=%d VC_FAULTS=%d", seed, faults)
	s := &storm{rng: rand.New(rand.NewPCG(seed, 1))}
	var links []link
	for i := range 2 {
		r := startReception(t, `silence = "2s"`+"\n")
		write(t, filepath.Join(r.store, bystander), "not yours")
		s.receptions = append(s.receptions, r)
		links = append(links, link{fmt.Sprintf("cinema%d.test", i), r, "240 Mbit/s"})
	}
	s.central = startCentral(t, `uplink = "480 Mbit/s"`+"\n", links...)

	type fault struct{ victim, moment string }
	var all []fault
	for _, v := range victims {
		for _, m := range moments {
			all = append(all, fault{v, m})
		}
	}
	var order []int
	for n := range faults {
		if len(order) == 0 {
			order = s.rng.Perm(len(all))
		}
		f := all[order[0]]
		order = order[1:]
		s.keepBusy()
		r := s.receptions[s.rng.IntN(len(s.receptions))]
		t.Logf("%d: %s at %s", n+1, f.victim, f.moment)
		s.wait(r, f.moment, f.victim)
		s.hit(r, f.victim)
	}
	s.settle()
}

// keepBusy asks for more, so that there is always something to be broken.
func (s *storm) keepBusy() {
	s.t.Helper()
	list, err := s.client.Deliveries(quick(s.t), len(s.jobs))
	if err != nil {
		s.t.Fatal(err)
	}
	running := make([]int, len(s.receptions))
	for _, d := range list {
		if d.State != "deposited" {
			running[(d.ID-1)%int64(len(running))]++
		}
	}
	for n := len(s.jobs); slices.Min(running) < stormDeliveries; n++ {
		running[n%len(running)]++
		size := []int64{24, 24, 32, 64, 100}[s.rng.IntN(5)]<<20 + s.rng.Int64N(256_000)
		var source title
		if n%3 == 1 {
			source = stormFolder(s.t, s.dir, n, s.rng, size)
		} else {
			source = makeTitle(s.t, s.dir, fmt.Sprintf("%d.bin", n), noise(s.rng.Uint64(), size))
		}
		number := s.add(fmt.Sprint("Feature ", n), source.path, 1)
		j := &stormJob{r: s.receptions[n%len(s.receptions)], source: source}
		j.id = s.ask(number, fmt.Sprintf("cinema%d.test", n%len(s.receptions))).ID
		j.notes, err = os.OpenFile(filepath.Join(s.state(), "digests", fmt.Sprint(j.id)), os.O_RDONLY|os.O_CREATE, 0o600)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { j.notes.Close() })
		s.jobs = append(s.jobs, j)
	}
}

// patiently tries until it works. What is under way may all have ended before,
// so there is more of it after each try.
func (s *storm) patiently(what string, try func(most time.Duration) bool) {
	s.t.Helper()
	const each = 3 * time.Second
	for range patience / each {
		if try(each) {
			return
		}
		s.keepBusy()
	}
	s.t.Fatalf("waited too long for %s", what)
}

// closes tries whether done is closed in time.
func closes(done <-chan struct{}) func(time.Duration) bool {
	return func(most time.Duration) bool {
		select {
		case <-done:
			return true
		case <-time.After(most):
			return false
		}
	}
}

// wait returns at the moment that is named.
func (s *storm) wait(r *reception, moment, victim string) {
	s.t.Helper()
	switch moment {
	case "bytes flow":
		s.patiently(moment, closes(r.proxy.reach(s.rng.Int64N(8<<20), false)))
	case "a handshake":
		// Together both sides say some 7 kB before the first frame.
		reached := r.proxy.reach(s.rng.Int64N(7000), true)
		r.proxy.cut(true)
		s.patiently(moment, closes(reached))
	case "a start":
		d := s.supervisor(r, victim)
		before := d.workers("")
		r.proxy.cut(true)
		s.patiently(moment, func(most time.Duration) bool {
			_, err := d.pollWorkers(most, "", func(now []worker) bool {
				return slices.ContainsFunc(now, func(w worker) bool {
					fresh := !slices.ContainsFunc(before, func(b worker) bool { return b.pid == w.pid })
					return fresh && w.kind != "session" && (w.kind == victim || !workerKind(victim))
				})
			})
			return err == nil
		})
	case "the end":
		// All is read and most is sent, or all is written: between here and
		// the deposit lie the final frame, the last sync and publishing.
		least := int64(100)
		if workerKind(victim) || s.rng.IntN(2) == 0 {
			least = 70
		}
		from := r.log.mark()
		s.patiently(moment, func(most time.Duration) bool {
			_, found := r.log.awaitFor(most, from, func(line string) bool {
				at, err := strconv.ParseInt(strings.TrimSuffix(field(line, "at"), "%"), 10, 64)
				return err == nil && at >= least
			})
			return found
		})
	}
}

func workerKind(victim string) bool { return slices.Contains(victims[:4], victim) }

// supervisor is whose worker a victim is.
func (s *storm) supervisor(r *reception, victim string) *daemon {
	if victim == "receive" || victim == "store" || victim == "vcvrs" {
		return r.daemon
	}
	return s.daemon
}

// hit kills or breaks the victim, and mends what the test has to mend.
func (s *storm) hit(r *reception, victim string) {
	s.t.Helper()
	switch victim {
	case "vccs":
		s.kill()
		s.start()
	case "vcvrs":
		r.kill()
		r.start()
	case "reset", "fin":
		r.proxy.cut(victim == "reset")
	case "silence":
		from := r.log.mark()
		r.proxy.hold(up)
		s.patiently(victim, func(most time.Duration) bool {
			_, found := r.log.awaitFor(most, from, saying("reason=peer_silent"))
			return found
		})
		r.proxy.release()
	default:
		d := s.supervisor(r, victim)
		s.patiently("a "+victim+" worker", func(most time.Duration) bool {
			_, err := d.pollWorkers(most, victim, func(all []worker) bool {
				return len(all) > 0 && all[s.rng.IntN(len(all))].kill() != syscall.ESRCH
			})
			return err == nil
		})
	}
}

// settle waits until all is deposited and checks everything.
func (s *storm) settle() {
	s.t.Helper()
	var total effort
	for _, j := range s.jobs {
		d := s.deposited(j.id)
		j.r.proven(d, j.source)
		total.add(s.account(j, d))
	}
	for _, r := range s.receptions {
		want := slices.DeleteFunc(slices.Clone(s.jobs), func(j *stormJob) bool { return j.r != r })
		expected := 1
		for _, j := range want {
			if expected++; j.source.folder {
				expected += 2 // its list of digests and its receipt
			}
		}
		if files := r.files(); len(files) != expected {
			s.t.Errorf("the store has %q, want %d titles and %s", files, len(want), bystander)
		}
		if text, err := os.ReadFile(filepath.Join(r.store, bystander)); string(text) != "not yours" {
			s.t.Errorf("%s reads %q, %v", bystander, text, err)
		}
		if parts := r.parts(); len(parts) > 0 {
			s.t.Errorf("the parts %q are left", parts)
		}
		if receipts, err := os.ReadDir(filepath.Join(r.store, ".vc", "receipts")); err != nil || len(receipts) != len(want) {
			s.t.Errorf("there are %d receipts, %v, want %d", len(receipts), err, len(want))
		}
		r.awaitWorkers("none is left", "", none)
	}
	for _, kind := range []string{"read", "send"} {
		s.awaitWorkers("none is left", kind, none)
	}
	if notes, err := os.ReadDir(filepath.Join(s.state(), "digests")); err != nil || len(notes) > 0 {
		s.t.Errorf("%d notes are left, %v", len(notes), err)
	}
	for _, line := range s.log.all(0) {
		if strings.Contains(line, "failed for good") || strings.Contains(line, "panic") {
			s.t.Errorf("said: %s", line)
		}
	}
	s.t.Logf("%d deliveries of %d MiB, %d resumes, %d KiB read again, %d KiB written again",
		len(s.jobs), total.size>>20, total.resumes, (total.read-total.size)>>10, total.rewritten>>10)
	if total.resumes == 0 {
		s.t.Error("nothing was ever resumed: this proves nothing")
	}
}
