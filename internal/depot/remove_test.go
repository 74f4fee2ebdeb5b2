package depot

import (
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/reason"
)

// held is a disk on which the removal of a folder waits for a word.
type held struct {
	*powerloss.Disk
	began chan struct{}
	word  chan error // what becomes of it
}

func (h *held) Sub(name string) (disk.FS, error) {
	if strings.HasPrefix(path.Base(name), gonePrefix) {
		h.began <- struct{}{}
		if err := <-h.word; err != nil {
			return nil, err
		}
	}
	return h.Disk.Sub(name)
}

// removing is a store in which a folder's part was withdrawn, and is being
// removed.
func removing(t *testing.T, source *folderSource, limits Limits) (*held, *Depot) {
	t.Helper()
	before, d, _ := begun(t, source, 3000)
	ok(t, d.Close())
	fsys := &held{before, make(chan struct{}), make(chan error)}
	d = mustOpen(t, fsys, limits)
	_, err := d.Begin(key(1), source.offer(), sign)
	ok(t, err)
	d.Release(key(1))
	ok(t, d.Withdraw(key(1)))
	<-fsys.began
	return fsys, d
}

func goneNames(t *testing.T, fsys disk.FS) []string {
	t.Helper()
	names, err := fsys.ReadDir(metaDir)
	ok(t, err)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, gonePrefix) })
}

// A folder of any number of files is removed while the store goes on, also with
// the same delivery; what it takes is promised to nobody before it is gone.
func TestRemovedBesideTheRest(t *testing.T) {
	source := makeFolder(t, 1)
	need := source.offer().need()
	fsys, d := removing(t, source, Limits{Quota: 3*need - 1})
	if free, err := d.Free(); err != nil || free != 2*need-1 {
		t.Errorf("%d bytes of the quota are free, %v", free, err)
	}
	gone(t, fsys, key(1).dir())
	if _, err := d.Arrival(key(1)); reason.Of(err) != reason.UnknownDelivery {
		t.Errorf("it is still arriving: %v", err)
	}
	in, err := d.Begin(key(1), source.offer(), sign)
	if err != nil || in.Offset != 0 {
		t.Fatalf("begun anew at %+v, %v", in, err)
	}
	_, err = d.Begin(key(2), source.offer(), sign)
	if code(t, err, reason.NoSpace); !strings.Contains(err.Error(), "more once what was given up is removed") {
		t.Errorf("it is not said that there will be space: %v", err)
	}
	l := newFolderLife(t, source, fsys.Disk, "begun anew")
	done, err := l.fill(in)
	ok(t, err)
	r, err := d.Publish(key(1), Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts}, sign)
	ok(t, err)
	l.receipt = &r
	fsys.word <- nil
	<-fsys.began // what the published one leaves, of which nothing counts
	fsys.word <- nil
	d.removals.running.Wait()
	if names := goneNames(t, fsys); len(names) > 0 {
		t.Errorf("there are %q", names)
	}
	if free, err := d.Free(); err != nil || free != 3*need-1-source.sum.Size {
		t.Errorf("%d bytes of the quota are free, %v", free, err)
	}
	ok(t, d.Close())
	l.end()
}

// What cannot be removed, or not before the end, counts, and is removed at the
// next start.
func TestRemovedAtTheNextStart(t *testing.T) {
	source := makeFolder(t, 1)
	need := source.offer().need()
	for name, end := range map[string]func(*held, *Depot){
		"failed": func(fsys *held, d *Depot) {
			fsys.word <- syscall.EIO
			d.removals.running.Wait()
		},
		"closed": func(fsys *held, d *Depot) {
			closed := make(chan error)
			go func() { closed <- d.Close() }()
			<-d.removals.ctx.Done()
			fsys.word <- nil
			ok(t, <-closed)
		},
	} {
		fsys, d := removing(t, source, Limits{Quota: 2 * need})
		end(fsys, d)
		if len(goneNames(t, fsys)) != 1 || d.removals.bytes() != need {
			t.Errorf("%s: there are %q of %d bytes", name, goneNames(t, fsys), d.removals.bytes())
		}
		ok(t, d.Close())
		d = mustOpen(t, fsys, Limits{Quota: 2 * need})
		<-fsys.began
		if free, err := d.Free(); err != nil || free != need {
			t.Errorf("%s: %d bytes of the quota are free, %v", name, free, err)
		}
		fsys.word <- nil
		d.removals.running.Wait()
		if free, err := d.Free(); err != nil || free != 2*need || len(goneNames(t, fsys)) > 0 {
			t.Errorf("%s: %d bytes of the quota are free, %v, and there are %q", name, free, err, goneNames(t, fsys))
		}
	}
}

// Nothing but what was given that name is taken for what is to be removed.
func TestNamesOfWhatIsRemoved(t *testing.T) {
	for _, bytes := range []int64{0, 1, 1 << 40} {
		if got, ok := parseGone(path.Base(goneName(bytes))); !ok || got != bytes {
			t.Errorf("%d bytes are read as %d, %v", bytes, got, ok)
		}
	}
	tag := strings.Repeat("A", 26)
	for _, name := range []string{"gone-", "gone-1", "gone-1-x", "gone--1-" + tag, "gone-x-" + tag, "1-" + tag, key(1).String(), "receipts", "lock"} {
		if _, ok := parseGone(name); ok {
			t.Errorf("%q would be removed", name)
		}
	}
}

// Whenever the power goes while a folder's part is withdrawn and removed, it is
// the part that it was, or gone, and never one that was published.
func TestWithdrawnFolderPowerLoss(t *testing.T) {
	source := makeFolder(t, 1)
	before, d, _ := begun(t, source, 3000)
	ok(t, d.Close())
	withdraw := func(fsys *powerloss.Disk) error {
		d, err := Open(fsys, Options{Clock: clock})
		if err != nil {
			return err
		}
		defer d.Close()
		err = d.Withdraw(key(1))
		d.removals.running.Wait()
		return err
	}
	calm := before.Survivors(powerloss.Nothing(true))
	start := calm.Operations()
	ok(t, withdraw(calm))
	total := calm.Operations() - start
	if total < 30 {
		t.Fatalf("withdrawn in %d operations", total)
	}
	for cut := 1; cut <= total; cut++ {
		for seed := range uint64(4) {
			fsys := before.Survivors(powerloss.Nothing(true))
			fsys.CutAt(cut)
			withdrawn := withdraw(fsys) == nil
			after := fsys.Survivors(powerloss.Some(seed))
			d := mustOpen(t, after, Limits{})
			d.removals.running.Wait()
			parts := d.Recovered().Parts
			if withdrawn && len(parts) > 0 || len(d.Recovered().Published)+len(d.Recovered().Damaged)+len(goneNames(t, after)) > 0 {
				t.Fatalf("cut %d, seed %d: withdrawn %v, recovered %+v", cut, seed, withdrawn, d.Recovered())
			}
			in, err := d.Begin(key(1), source.offer(), sign)
			if err != nil || (in.Offset == 3000) != (len(parts) == 1) {
				t.Fatalf("cut %d, seed %d: goes on at %+v, %v", cut, seed, in, err)
			}
			ok(t, d.Close())
		}
	}
}

// Whenever a process is killed while a folder is withdrawn, what is left of it counts
// until it is removed.
func TestWithdrawnFolderCounts(t *testing.T) {
	source := makeFolder(t, 1)
	need := source.offer().need()
	before, d, _ := begun(t, source, 3000)
	ok(t, d.Close())
	for cut := 1; ; cut++ {
		fsys := before.Survivors(powerloss.Nothing(true))
		d := mustOpen(t, fsys, Limits{})
		fsys.CutAt(cut)
		err := d.Withdraw(key(1))
		d.removals.end() // it was killed before anything was removed
		if err == nil {
			break
		}
		for _, done := range []bool{false, true} {
			after := &held{fsys.Survivors(powerloss.Nothing(done)), make(chan struct{}, 1), make(chan error, 1)}
			d := mustOpen(t, after, Limits{Quota: 2 * need})
			if free, err := d.Free(); err != nil || free != need {
				t.Errorf("killed at operation %d, done %v: %d bytes of the quota are free, %v; the rest is %q, %+v", cut, done, free, err, goneNames(t, after), d.Recovered())
			}
			after.word <- nil
			ok(t, d.Close())
		}
	}
}

// A folder of which it could not be made durable that it is set aside counts, and is
// removed when it is given up again, so that no power loss brings it back.
func TestSetAsideAgain(t *testing.T) {
	source := makeFolder(t, 1)
	need := source.offer().need()
	disk, d, _ := begun(t, source, 3000)
	ok(t, d.Close())
	fsys := &flaky{Disk: disk}
	d = mustOpen(t, fsys, Limits{Quota: 2 * need})
	fsys.dir = metaDir
	code(t, d.Withdraw(key(1)), reason.StoreFailed)
	if free, err := d.Free(); err != nil || free != need {
		t.Errorf("%d bytes of the quota are free beside it, %v", free, err)
	}
	ok(t, d.Withdraw(key(1)))
	d.removals.running.Wait()
	if left := goneNames(t, fsys); len(left) > 0 {
		t.Errorf("%q stays", left)
	}
	if free, err := d.Free(); err != nil || free != 2*need {
		t.Errorf("%d bytes of the quota are free, %v", free, err)
	}
	after := mustOpen(t, fsys.Survivors(powerloss.Everything()), Limits{})
	if parts := after.Recovered().Parts; len(parts) > 0 {
		t.Errorf("after a power loss %v is there again", parts)
	}
}
