package depot

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// shelfOf has n deposits, a second from one to the next.
func shelfOf(t *testing.T, n int) (*Depot, string) {
	t.Helper()
	dir := t.TempDir()
	fsys, err := disk.OS(dir)
	ok(t, err)
	t.Cleanup(func() { fsys.Close() })
	now := clock()
	d, err := Open(fsys, Options{Clock: func() time.Time { now = now.Add(time.Second); return now }})
	ok(t, err)
	t.Cleanup(func() { d.Close() })
	for i := range n {
		content := bytesOf(100+i, uint64(i))
		o := offerOf(content)
		o.Name = fmt.Sprintf("Film %d", i+1)
		deliver(t, d, key(int64(i+1)), o, content)
	}
	return d, dir
}

func ids(list []Shelved) (all []int64) {
	for _, s := range list {
		all = append(all, s.Key.ID)
	}
	return all
}

func TestShelf(t *testing.T) {
	d, _ := shelfOf(t, 5)
	var all []int64
	for before, more := (Key{}), true; more; {
		var list []Shelved
		var err error
		list, more, err = d.Shelf(before, "", 2)
		ok(t, err)
		for _, s := range list {
			ok(t, receipt.Verify(s.Receipt))
			if s.Presence != Untouched || s.Folder || s.Damaged || s.Duration != time.Hour {
				t.Errorf("%+v", s)
			}
		}
		all = append(all, ids(list)...)
		before = list[len(list)-1].Key
	}
	if !slices.Equal(all, []int64{5, 4, 3, 2, 1}) {
		t.Errorf("they are %v", all)
	}
	for search, want := range map[string][]int64{"FILM 3": {3}, "film": {5, 4, 3, 2, 1}, "4.mp4": {4}, "nothing": nil} {
		if list, more, err := d.Shelf(Key{}, search, 9); err != nil || more || !slices.Equal(ids(list), want) {
			t.Errorf("%q: %v, %v", search, ids(list), err)
		}
	}
	room, err := d.Room()
	if err != nil || room.Deposits != 5 || room.Deposited != 510 || room.Free <= 0 || room.Total < room.Available {
		t.Errorf("%+v, %v", room, err)
	}
	if _, err := d.Shelved(key(6)); reason.Of(err) != reason.UnknownDelivery {
		t.Errorf("one that is not there: %v", err)
	}
}

// It is seen what became of what was deposited.
func TestPresence(t *testing.T) {
	d, dir := shelfOf(t, 5)
	file := func(n int) string { return filepath.Join(dir, fmt.Sprintf("Film %d.mp4", n)) }
	ok(t, os.Remove(file(2)))
	ok(t, os.WriteFile(file(3), []byte("another"), 0o600))
	ok(t, os.Remove(file(4)))
	ok(t, os.Symlink(file(1), file(4)))
	ok(t, os.WriteFile(filepath.Join(dir, ".vc/receipts/0a1b2c3d-5.json"), []byte("{"), 0o600))
	for n, want := range []Presence{Untouched, Gone, Touched, Touched, Untouched} {
		s, err := d.Shelved(key(int64(n + 1)))
		if err != nil || s.Presence != want || s.Damaged != (n == 4) || s.Receipt.Path != filepath.Base(file(n+1)) {
			t.Errorf("film %d is %+v, %v", n+1, s, err)
		}
	}
	f, err := d.OpenShelved(key(1), "")
	ok(t, err)
	defer f.Close()
	if p, err := io.ReadAll(io.NewSectionReader(f, 0, 1000)); err != nil || len(p) != 100 {
		t.Errorf("%d bytes, %v", len(p), err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("what is opened to be looked at can be written")
	}
	if _, err := d.OpenShelved(key(2), ""); reason.Of(err) != reason.UnknownDelivery {
		t.Errorf("one that is gone: %v", err)
	}
	if _, err := d.OpenShelved(key(4), ""); reason.Of(err) != reason.StoreFailed {
		t.Errorf("a link that was planted: %v", err)
	}
}

// Of a folder nothing is opened that does not lie below it.
func TestOpenBelow(t *testing.T) {
	d, dir := shelfOf(t, 1)
	ok(t, os.MkdirAll(filepath.Join(dir, "DCP/reels"), 0o700))
	ok(t, os.WriteFile(filepath.Join(dir, "DCP/reels/a"), []byte("hola"), 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "DCP.SHA256SUMS"), []byte("sums"), 0o600))
	ok(t, os.Symlink("../../Film 1.mp4", filepath.Join(dir, "DCP/reels/link")))
	ok(t, os.Symlink("..", filepath.Join(dir, "DCP/up")))
	ok(t, os.Symlink("reels", filepath.Join(dir, "DCP/inside")))
	d.deposits[key(9)], d.order = deposit{offer: Offer{Name: "DCP", Manifest: 1}, path: "DCP"}, nil
	f, err := d.OpenShelved(key(9), "reels/a")
	ok(t, err)
	f.Close()
	f, err = d.OpenChecks(key(9))
	ok(t, err)
	f.Close()
	// Its folders are those that are there, and no link.
	ok(t, os.MkdirAll(filepath.Join(dir, "DCP/empty/deep"), 0o700))
	ok(t, os.Mkdir(filepath.Join(dir, "DCP/empty.too"), 0o700))
	folders, err := d.Folders(key(9))
	if want := []string{"empty", "empty/deep", "empty.too", "reels"}; err != nil || !slices.Equal(folders, want) || !slices.IsSortedFunc(folders, func(a, b string) int {
		if manifest.Before(a, b) {
			return -1
		}
		return 1
	}) {
		t.Errorf("its folders are %q, %v", folders, err)
	}
	if _, err := d.Folders(key(1)); reason.Of(err) != reason.UnknownDelivery {
		t.Errorf("a file has folders: %v", err)
	}
	for _, within := range []string{
		"", ".", "..", "../Film 1.mp4", "reels/../../Film 1.mp4", "/etc/passwd", "reels/link", "up/Film 1.mp4", "inside/a", "reels", "reels/", "reels//a", "./reels/a",
		"reels/a\x00", "no", strings.Repeat("a/", 3000) + "a",
	} {
		if f, err := d.OpenShelved(key(9), within); err == nil {
			f.Close()
			t.Errorf("%.40q was opened", within)
		}
	}
	if _, err := d.OpenShelved(key(1), "x"); reason.Of(err) != reason.UnknownDelivery {
		t.Errorf("a file has files: %v", err)
	}
	if _, err := d.OpenChecks(key(1)); reason.Of(err) != reason.UnknownDelivery {
		t.Errorf("a file has a list: %v", err)
	}
}

func TestArriving(t *testing.T) {
	d, _ := shelfOf(t, 1)
	content := bytesOf(5000, 9)
	for id := int64(2); id <= 4; id++ {
		o := offerOf(content)
		o.Name, o.SHA256 = fmt.Sprintf("Film %d", id), ""
		in, err := d.Begin(key(id), o, nil)
		ok(t, err)
		write(t, in, o.Size, content, 1000*int(id))
	}
	d.Release(key(3))
	list, more, err := d.Arriving(Key{}, 2)
	if err != nil || !more || len(list) != 2 || list[0].Key != key(2) || !list[0].Receiving || list[0].Durable != 2000 || list[0].Written != 2000 || list[0].Frames != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if list[1].Receiving {
		t.Errorf("%+v", list[1])
	}
	if list, more, err = d.Arriving(list[1].Key, 2); err != nil || more || len(list) != 1 || list[0].Key != key(4) {
		t.Errorf("the next page is %+v, %v", list, err)
	}
	a, err := d.Arrival(key(3))
	if err != nil || a.Durable != 3000 || a.Offer.Name != "Film 3" {
		t.Errorf("%+v, %v", a, err)
	}
	f, err := d.OpenArriving(key(3))
	ok(t, err)
	f.Close()
	for _, k := range []Key{key(1), key(7)} {
		if _, err := d.OpenArriving(k); reason.Of(err) != reason.UnknownDelivery {
			t.Errorf("%s: %v", k, err)
		}
		if _, err := d.Arrival(k); reason.Of(err) != reason.UnknownDelivery {
			t.Errorf("%s: %v", k, err)
		}
	}
	if room, err := d.Room(); err != nil || room.Arrivals != 3 || room.Reserved != 15000 {
		t.Errorf("%+v, %v", room, err)
	}
}
