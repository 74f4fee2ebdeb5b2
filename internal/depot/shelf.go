package depot

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// What is in a store is listed for people, a page at a time, and opened for them
// to be looked at: for reading alone, and by names that this package gave or
// that lie below such a one.

// Presence says whether what was deposited is still there.
type Presence string

// The presences.
const (
	Untouched Presence = "untouched" // as it was published, by what statx(2) knows of it
	There     Presence = "there"     // a folder, of which only that is known without walking it
	Touched   Presence = "touched"   // something is there, and was written to or is another
	Gone      Presence = "gone"
)

// Shelved is a deposit as it is listed.
type Shelved struct {
	Key Key
	// Receipt is as it was signed; where it cannot be read any more, what is known
	// of it besides, and Damaged.
	Receipt  receipt.Receipt
	Damaged  bool
	Folder   bool
	Duration time.Duration // of the title, 0 where it is not known
	Presence Presence
}

// Arrival is a delivery that is not deposited yet.
type Arrival struct {
	Key       Key
	Offer     Offer
	Began     time.Time // when it was first asked for
	Asked     time.Time // when it was last asked for
	Receiving bool      // somebody has the part
	Durable   int64     // bytes that are durable
	Written   int64     // bytes that are there, of a file; else as Durable
	Frames    int64     // that the durable ones came in
	Resumes   int
}

// Room is the space of a store in bytes.
type Room struct {
	Free      int64 // what another delivery could have
	Available int64 // of the file system, besides what is left free
	Total     int64 // of the file system
	Quota     int64 // 0 is none
	Deposited int64 // of receipts, whether or not somebody took files away
	Reserved  int64 // for what is arriving
	Deposits  int
	Arrivals  int
}

// shelfOrder gives the keys of deposits, the latest last. It is made anew when
// there is another.
func (d *Depot) shelfOrder() []Key {
	if d.order == nil {
		d.order = make([]Key, 0, len(d.deposits))
		for key := range d.deposits {
			d.order = append(d.order, key)
		}
		slices.SortFunc(d.order, d.later)
	}
	return d.order
}

// later orders deposits by their time; those of one millisecond by their keys.
func (d *Depot) later(a, b Key) int {
	return cmp.Or(d.deposits[a].at.Compare(d.deposits[b].at), cmp.Compare(a.Central, b.Central), cmp.Compare(a.ID, b.ID))
}

// Shelf lists at most limit deposits, the latest first, from the one after before
// on (the zero Key is from the beginning); with a search, those alone whose name
// or path has it, whatever the case. more says that there are others.
func (d *Depot) Shelf(before Key, search string, limit int) (list []Shelved, more bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, false, err
	}
	order := d.shelfOrder()
	end := len(order)
	if _, known := d.deposits[before]; known {
		end, _ = slices.BinarySearchFunc(order, before, d.later)
	}
	search = strings.ToLower(search)
	for i := end - 1; i >= 0; i-- {
		dep, known := d.deposits[order[i]]
		if !known || search != "" && !strings.Contains(strings.ToLower(dep.offer.Name+"\n"+dep.path), search) {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		list = append(list, d.shelved(order[i], dep))
	}
	return list, false, nil
}

// Shelved gives one deposit, or reason.UnknownDelivery.
func (d *Depot) Shelved(key Key) (Shelved, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep, err := d.deposited(key)
	if err != nil {
		return Shelved{}, err
	}
	return d.shelved(key, dep), nil
}

// deposited gives a deposit, or reason.UnknownDelivery.
func (d *Depot) deposited(key Key) (deposit, error) {
	if err := d.usable(); err != nil {
		return deposit{}, err
	}
	dep, known := d.deposits[key]
	if !known {
		return deposit{}, reason.New(reason.UnknownDelivery, "delivery %s is not deposited here", key)
	}
	return dep, nil
}

func (d *Depot) shelved(key Key, dep deposit) Shelved {
	s := Shelved{Key: key, Folder: dep.offer.Folder(), Presence: d.presence(dep)}
	rec, r, err := d.readRecord(key)
	s.Receipt, s.Duration = r, rec.Offer.Duration
	if err != nil {
		s.Damaged = true
		s.Receipt = receipt.Receipt{Delivery: key.String(), Name: dep.offer.Name, Path: dep.path, Size: dep.size, SHA256: dep.sha256, Deposited: dep.at}
	}
	return s
}

// presence looks at what was deposited, and walks no folder.
func (d *Depot) presence(dep deposit) Presence {
	info, err := d.fs.Stat(dep.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Gone
	case err != nil || dep.file == nil:
		return Touched
	case dep.file.Tree != "" && info.Mode.IsDir() && info.Inode == dep.file.Inode:
		return There
	case dep.file.Tree == "" && info.Mode.IsRegular() && factsOf(info) == *dep.file:
		return Untouched
	}
	return Touched
}

// Arriving lists at most limit deliveries that are not deposited yet, by their
// keys, from the one after after on.
func (d *Depot) Arriving(after Key, limit int) (list []Arrival, more bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, false, err
	}
	byKey := func(a, b Key) int { return cmp.Or(cmp.Compare(a.Central, b.Central), cmp.Compare(a.ID, b.ID)) }
	var keys []Key
	for key := range d.parts {
		if byKey(key, after) > 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, byKey)
	for _, key := range keys[:min(limit, len(keys))] {
		list = append(list, d.arrival(key, d.parts[key]))
	}
	return list, len(keys) > limit, nil
}

// Arrival gives one delivery that is not deposited yet, or reason.UnknownDelivery.
func (d *Depot) Arrival(key Key) (Arrival, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return Arrival{}, err
	}
	p := d.parts[key]
	if p == nil {
		return Arrival{}, reason.New(reason.UnknownDelivery, "delivery %s is not arriving here", key)
	}
	return d.arrival(key, p), nil
}

// arrival looks at a part; what cannot be read of it is as if it were not there.
func (d *Depot) arrival(key Key, p *part) Arrival {
	a := Arrival{Key: key, Offer: p.offer, Began: p.began, Asked: p.asked, Receiving: p.live != nil}
	if !p.offer.Folder() {
		if info, err := d.fs.Stat(key.file(dataFile)); err == nil {
			a.Written = info.Size
		}
	}
	slots, err := d.fs.OpenFile(key.slots(p.offer), os.O_RDONLY, 0)
	if err != nil {
		return a
	}
	defer slots.Close()
	have := a.Written
	if p.offer.Folder() {
		have = p.offer.Size
	}
	if at, err := newest(slots, have, p.offer.Size); err == nil {
		a.Durable, a.Frames, a.Resumes = at.offset, at.frames, int(at.resumes)
	}
	a.Written = max(a.Written, a.Durable)
	return a
}

// OpenShelved opens what was deposited, for reading: a file, or the file of a
// folder that lies at within, which is never used but below that folder, and
// without following a link. Its errors have the codes reason.UnknownDelivery and
// reason.StoreFailed.
func (d *Depot) OpenShelved(key Key, within string) (disk.File, error) {
	d.mu.Lock()
	dep, err := d.deposited(key)
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if dep.offer.Folder() == (within == "") {
		return nil, reason.New(reason.UnknownDelivery, "delivery %s has no such file", key)
	}
	f, err := d.openBelow(dep.path, within)
	return opened(f, err, dep.path)
}

// openBelow opens a file, or that of a folder, by the descriptor of the folder.
func (d *Depot) openBelow(name, within string) (disk.File, error) {
	if within == "" {
		return d.fs.OpenFile(name, os.O_RDONLY, 0)
	}
	folder, err := d.fs.Sub(name)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return folder.OpenFile(within, os.O_RDONLY, 0)
}

// depositedFolder is a folder that was deposited.
func (d *Depot) depositedFolder(key Key) (deposit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep, err := d.deposited(key)
	if err == nil && !dep.offer.Folder() {
		err = reason.New(reason.UnknownDelivery, "delivery %s is no folder", key)
	}
	return dep, err
}

// OpenChecks opens the list of the digests of a folder's files, for reading, as
// sha256sum(1) has it.
func (d *Depot) OpenChecks(key Key) (disk.File, error) {
	dep, err := d.depositedFolder(key)
	if err != nil {
		return nil, err
	}
	name := dep.path + companions[0].suffix
	f, err := d.fs.OpenFile(name, os.O_RDONLY, 0)
	return opened(f, err, name)
}

// Folders gives the paths of all folders below one that was deposited, as they are
// there now, in the order of a manifest: with the files of the list of digests
// they are what was signed for. Of more than a delivery may have it fails. Its
// errors are as those of OpenShelved.
func (d *Depot) Folders(key Key) ([]string, error) {
	dep, err := d.depositedFolder(key)
	if err != nil {
		return nil, err
	}
	folder, err := d.fs.Sub(dep.path)
	if err == nil {
		defer folder.Close()
		var found []string
		if found, err = foldersBelow(folder, "", nil); err == nil {
			return found, nil
		}
	}
	_, err = opened(nil, err, dep.path)
	return nil, err
}

// errTooMany says that there are more folders than were ever delivered.
var errTooMany = errors.New("there are more folders in it than a delivery may have")

func foldersBelow(fsys disk.FS, below string, found []string) ([]string, error) {
	names, err := fsys.ReadDir(cmp.Or(below, "."))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		name = path.Join(below, name)
		info, err := fsys.Stat(name)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode.IsDir():
			continue
		case len(found) == manifest.MaxEntries || len(name) > manifest.MaxPath:
			return nil, errTooMany
		}
		if found, err = foldersBelow(fsys, name, append(found, name)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// OpenArriving opens what has come of a file so far, for reading.
func (d *Depot) OpenArriving(key Key) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	if p := d.parts[key]; p == nil || p.offer.Folder() {
		return nil, reason.New(reason.UnknownDelivery, "no file of delivery %s is arriving here", key)
	}
	f, err := d.fs.OpenFile(key.file(dataFile), os.O_RDONLY, 0)
	return opened(f, err, key.file(dataFile))
}

func opened(f disk.File, err error, name string) (disk.File, error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, reason.New(reason.UnknownDelivery, "%s is not there any more", path.Base(name))
	case err != nil:
		return nil, reason.Wrap(reason.StoreFailed, err, "%s cannot be opened", path.Base(name))
	}
	return f, nil
}

// Room gives the space of the store.
func (d *Depot) Room() (Room, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return Room{}, err
	}
	free, left, err := d.left(Key{})
	if err != nil {
		return Room{}, err
	}
	space, err := d.fs.Space()
	if err != nil {
		return Room{}, storeFailed(err, "the space of the store is not known")
	}
	r := Room{Free: min(free, left), Available: max(0, space.Available-d.limits.MinFree), Total: space.Total, Quota: d.limits.Quota, Deposits: len(d.deposits), Arrivals: len(d.parts)}
	for _, p := range d.parts {
		r.Reserved += p.need()
	}
	counted := make(map[string]bool, len(d.deposits))
	for _, dep := range d.deposits {
		if !counted[dep.path] {
			counted[dep.path] = true
			r.Deposited += dep.size
		}
	}
	return r, nil
}
