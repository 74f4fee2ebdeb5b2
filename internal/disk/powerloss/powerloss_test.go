package powerloss

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/disk"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newDisk() *Disk {
	return New(func() time.Time { return time.Unix(1000, 0) }, 1<<20)
}

func create(t *testing.T, d *Disk, name, data string) disk.File {
	t.Helper()
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	ok(t, err)
	return f
}

// holds says what a file has, "-" for none.
func holds(t *testing.T, d *Disk, name string) string {
	t.Helper()
	data, err := disk.ReadFile(d, name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	ok(t, err)
	return string(data)
}

func TestOnlyTheSyncedSurvives(t *testing.T) {
	d := newDisk()
	f := create(t, d, "a", "one")
	if got := holds(t, d.Survivors(Everything()), "a"); got != "-" {
		t.Errorf("a name that was not synced holds %q", got)
	}
	ok(t, d.SyncDir("."))
	if got := holds(t, d.Survivors(Everything()), "a"); got != "" {
		t.Errorf("bytes that were not synced: %q", got)
	}
	ok(t, f.Datasync())
	if got := holds(t, d.Survivors(Everything()), "a"); got != "one" {
		t.Errorf("what was synced holds %q", got)
	}
	_, err := f.WriteAt([]byte("two"), 3)
	ok(t, err)
	if got := holds(t, d.Survivors(Everything()), "a"); got != "one" {
		t.Errorf("half synced: %q", got)
	}
	if got := holds(t, d.Survivors(Nothing(true)), "a"); got != "onetwo" {
		t.Errorf("after a kill: %q", got)
	}
}

// What a killed process left unsynced is there, and may still be lost.
func TestKilledThenPower(t *testing.T) {
	d := newDisk()
	f := create(t, d, "a", "one")
	ok(t, f.Sync())
	ok(t, d.SyncDir("."))
	_, err := f.WriteAt([]byte("two"), 0)
	ok(t, err)
	ok(t, d.Rename("a", "b"))
	killed := d.Survivors(Nothing(true))
	if a, b := holds(t, killed, "a"), holds(t, killed, "b"); a != "-" || b != "two" {
		t.Errorf("killed: %q and %q", a, b)
	}
	s := killed.Survivors(Everything())
	if a, b := holds(t, s, "a"), holds(t, s, "b"); a != "one" || b != "-" {
		t.Errorf("then without power: %q and %q", a, b)
	}
	g, err := killed.OpenFile("b", os.O_RDWR, 0)
	ok(t, err)
	ok(t, g.Sync())
	ok(t, killed.SyncDir("."))
	s = killed.Survivors(Everything())
	if a, b := holds(t, s, "a"), holds(t, s, "b"); a != "-" || b != "two" {
		t.Errorf("then synced: %q and %q", a, b)
	}
}

func TestRenameIsOneChange(t *testing.T) {
	d := newDisk()
	ok(t, d.Mkdir("d", 0o700))
	ok(t, create(t, d, "a", "one").Sync())
	ok(t, d.SyncDir("."))
	ok(t, d.Rename("a", "d/b"))
	for seed := range uint64(20) {
		s := d.Survivors(Some(seed))
		if a, b := holds(t, s, "a"), holds(t, s, "d/b"); (a == "one") == (b == "one") {
			t.Errorf("seed %d: old name %q, new name %q", seed, a, b)
		}
	}
	ok(t, d.SyncDir("d"))
	s := d.Survivors(Everything())
	if a, b := holds(t, s, "a"), holds(t, s, "d/b"); a != "one" || b != "one" {
		t.Errorf("the new directory synced: old name %q, new name %q", a, b)
	}
	x, err := s.Stat("a")
	ok(t, err)
	y, err := s.Stat("d/b")
	ok(t, err)
	if x.Inode != y.Inode {
		t.Error("two files became of one")
	}
	ok(t, d.SyncDir("."))
	s = d.Survivors(Everything())
	if a, b := holds(t, s, "a"), holds(t, s, "d/b"); a != "-" || b != "one" {
		t.Errorf("both synced: old name %q, new name %q", a, b)
	}
}

func TestModeIsNotDatasynced(t *testing.T) {
	d := newDisk()
	f := create(t, d, "a", "one")
	ok(t, d.SyncDir("."))
	ok(t, f.SetMode(0o640))
	ok(t, f.Datasync())
	if info, err := d.Survivors(Everything()).Stat("a"); err != nil || info.Mode != 0o600 {
		t.Errorf("%v, %v", info.Mode, err)
	}
	ok(t, f.Sync())
	if info, err := d.Survivors(Everything()).Stat("a"); err != nil || info.Mode != 0o640 {
		t.Errorf("%v, %v", info.Mode, err)
	}
}

func TestTornWrites(t *testing.T) {
	d := newDisk()
	f := create(t, d, "a", "")
	ok(t, d.SyncDir("."))
	data := bytes.Repeat([]byte("x"), 2000)
	_, err := f.WriteAt(data, 100)
	ok(t, err)
	lengths := map[int]bool{}
	for seed := range uint64(100) {
		got := holds(t, d.Survivors(Some(seed)), "a")
		lengths[len(got)] = true
		if again := holds(t, d.Survivors(Some(seed)), "a"); again != got {
			t.Fatalf("seed %d gives %d bytes and %d", seed, len(got), len(again))
		}
	}
	for _, n := range []int{0, 512, 1024, 1536, 2100} {
		if !lengths[n] {
			t.Errorf("no seed left %d bytes", n)
		}
		delete(lengths, n)
	}
	if len(lengths) > 0 {
		t.Errorf("other lengths: %v", lengths)
	}
}

func TestCut(t *testing.T) {
	d := newDisk()
	f := create(t, d, "a", "")
	ok(t, d.SyncDir("."))
	ok(t, f.Sync())
	d.CutAt(2)
	_, err := f.WriteAt([]byte("one"), 0)
	ok(t, err)
	if _, err := f.WriteAt([]byte("two"), 3); !errors.Is(err, ErrPower) {
		t.Errorf("the operation at the cut: %v", err)
	}
	for name, err := range map[string]error{"sync": f.Sync(), "syncdir": d.SyncDir("."), "remove": d.Remove("a")} {
		if !errors.Is(err, ErrPower) {
			t.Errorf("%s without power: %v", name, err)
		}
	}
	for _, c := range []struct {
		loss Loss
		want string
	}{{Everything(), ""}, {Nothing(false), "one"}, {Nothing(true), "onetwo"}} {
		if got := holds(t, d.Survivors(c.loss), "a"); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestCapacity(t *testing.T) {
	d := New(time.Now, 10*block)
	f, err := d.OpenFile("a", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	ok(t, f.Allocate(4*block))
	g, err := d.OpenFile("b", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	if err := g.Allocate(7 * block); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("allocated more than there is: %v", err)
	}
	ok(t, g.Truncate(0))
	if space, err := d.Space(); err != nil || space.Available != 6*block {
		t.Errorf("%+v, %v", space, err)
	}
	if _, err := g.WriteAt(make([]byte, 7*block), 0); !disk.IsNoSpace(err) {
		t.Errorf("wrote more than there is: %v", err)
	}
	d.SetAllocate(false)
	if err := g.Allocate(block); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("allocated where it cannot be: %v", err)
	}
}
