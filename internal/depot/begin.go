package depot

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"

	"videoclub/internal/atomicfile"
	"videoclub/internal/disk"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// Begin asks for a delivery: the first time, or to go on with it. The result
// has the receipt when it is deposited already, under this key or, where the
// digest is known and sign is not nil, because the same title lies in the
// store and was not touched since. Otherwise it has the part, whose whole size
// is reserved. A part of another version of the source is discarded first.
//
// Its errors have the codes reason.Busy (the part is in use: end its process,
// Release it, ask again), reason.NoSpace (with what is needed and free),
// reason.KeyReused (the key was deposited from another source),
// reason.Protocol (the offer cannot be accepted) and reason.StoreFailed.
func (d *Depot) Begin(key Key, offer Offer, sign Sign) (*Incoming, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	if err := checkOffer(key, offer, d.clock()); err != nil {
		return nil, err
	}
	offer.Deadline = receipt.Instant(offer.Deadline)
	r, err := d.alreadyDeposited(key, offer, sign)
	if err != nil {
		return nil, err
	}
	if r != nil {
		return &Incoming{Key: key, Receipt: r}, nil
	}
	p := d.parts[key]
	if p == nil || p.dropped || !p.offer.SameSource(offer) || p.offer.Folder() != offer.Folder() || p.offer.Shares() && p.offer.ReuseSHA256 != offer.ReuseSHA256 {
		return d.beginAnew(key, offer)
	}
	return d.resume(key, p, offer)
}

// alreadyDeposited gives the receipt of a delivery that needs no more bytes,
// nil when it does, and reason.Busy while they come.
func (d *Depot) alreadyDeposited(key Key, offer Offer, sign Sign) (*receipt.Receipt, error) {
	var r receipt.Receipt
	var err error
	known, deposited := d.deposits[key]
	p := d.parts[key]
	same := d.sameTitle(offer)
	switch {
	case deposited && !known.offer.SameSource(offer), p != nil && p.outcome != nil && !p.offer.SameSource(offer):
		return nil, reason.New(reason.KeyReused, "delivery %s was deposited from another source", key)
	case deposited:
		r, err = d.storedReceipt(key)
	case p != nil && p.outcome != nil:
		r, err = d.complete(key, p, sign)
	case p != nil && p.live != nil:
		return nil, reason.New(reason.Busy, "delivery %s is being received", key)
	case same != nil && sign != nil:
		r, err = d.depositAtOnce(key, offer, *same, sign)
	default:
		return nil, nil
	}
	return &r, err
}

// sameTitle gives the receipt of a published file that is the offered title,
// with the same digest, as it was published, or nil. The same bytes under
// another title's name will not do: nobody would look for them there. Nor will
// one whose receipt cannot be read.
func (d *Depot) sameTitle(o Offer) *receipt.Receipt {
	same, found := d.intact(o.SHA256, o.Size, func(dep deposit) bool {
		return dep.offer.Name == o.Name && dep.offer.Extension == o.Extension
	})
	if !found {
		return nil
	}
	r, err := d.storedReceipt(same)
	if err != nil {
		return nil
	}
	return &r
}

// intact gives the deposit of a published file with that digest and size which
// is as it was published and pleases fits. Of several it is the first by path,
// and of one path the one that came first: that for which the file was received.
func (d *Depot) intact(sha256 string, size int64, fits func(deposit) bool) (Key, bool) {
	if sha256 == "" {
		return Key{}, false
	}
	var keys []Key
	for key, dep := range d.deposits {
		if dep.sha256 != sha256 || dep.size != size || dep.file == nil || !fits(dep) {
			continue
		}
		if d.asPublished(dep) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return Key{}, false
	}
	return slices.MinFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(d.deposits[a].path, d.deposits[b].path), d.later(a, b))
	}), true
}

// asPublished says whether what was deposited is there as it was published.
func (d *Depot) asPublished(dep deposit) bool {
	info, err := d.fs.Stat(dep.path)
	switch {
	case err != nil:
		return false
	case dep.file.Tree == "":
		return info.Mode.IsRegular() && factsOf(info) == *dep.file
	case !info.Mode.IsDir() || info.Inode != dep.file.Inode:
		return false
	}
	now, _, err := treeFacts(d.fs, dep.path)
	return err == nil && now == dep.file.Tree
}

// depositAtOnce gives a delivery its receipt for a file that is there with the
// receipt same: what is wrong with the source, that says too. What the part of
// that delivery had is given up.
func (d *Depot) depositAtOnce(key Key, offer Offer, same receipt.Receipt, sign Sign) (receipt.Receipt, error) {
	now, path := d.clock(), same.Path
	res := Result{SHA256: offer.SHA256, Size: offer.Size, Warnings: same.Warnings}
	signed, err := seal(draft(key, offer, res, path, now, now), sign)
	if err != nil {
		return receipt.Receipt{}, err
	}
	info, err := d.fs.Stat(path)
	if err != nil {
		return receipt.Receipt{}, storeFailed(err, "what is published as %s cannot be looked at", path)
	}
	file := factsOf(info)
	if offer.Folder() {
		if file.Tree, _, err = treeFacts(d.fs, path); err != nil {
			return receipt.Receipt{}, storeFailed(err, "what is published as %s cannot be looked at", path)
		}
	}
	if err := d.storeReceipt(key, offer, &file, signed); err != nil {
		return receipt.Receipt{}, err
	}
	_ = d.drop(key) // deposited all the same: Open removes what stays
	return signed, nil
}

// beginAnew makes a delivery's directory. The offer is written last, which
// makes all the names beside it durable: without it the directory is a leftover.
func (d *Depot) beginAnew(key Key, offer Offer) (*Incoming, error) {
	if err := d.drop(key); err != nil {
		return nil, err
	}
	if err := d.room(key, offer.need(), 0); err != nil {
		return nil, err
	}
	if d.limits.Parts > 0 && len(d.parts) >= d.limits.Parts {
		return nil, reason.New(reason.NoSpace, "%d deliveries are begun and not deposited, no more than %d may be", len(d.parts), d.limits.Parts)
	}
	began := d.clock()
	in, err := d.make(key, offer, began)
	if err != nil {
		if in != nil {
			in.close()
		}
		_ = d.drop(key) // the first error is the one to tell; Open removes what stays
		return nil, err
	}
	d.parts[key] = &part{offer: offer, began: began, asked: began, live: in, name: in.Name}
	return in, nil
}

func (d *Depot) make(key Key, offer Offer, began time.Time) (*Incoming, error) {
	failed := func(err error) error { return storeFailed(err, "the part of delivery %s cannot be made", key) }
	if err := d.makeDir(key.dir()); err != nil {
		return nil, failed(err)
	}
	if offer.Folder() {
		if err := d.makeDir(key.work("")); err != nil {
			return nil, failed(err)
		}
	}
	in, err := d.openFiles(key, offer, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, failed(err)
	}
	if offer.Folder() {
		if in.Base, err = d.base(key, offer); err != nil {
			return in, err
		}
		if in.Name, err = d.folderName(key, offer); err != nil {
			return in, err
		}
	} else {
		if err := in.Data.SetMode(filePerm); err != nil {
			return in, failed(err)
		}
		if err := d.reserve(key, in.Data, offer.need()); err != nil {
			return in, err
		}
	}
	if err := d.ask(key, offer, in); err != nil {
		return in, failed(err)
	}
	if offer.Folder() {
		if err := d.fs.SyncDir(key.work("")); err != nil {
			return in, failed(err)
		}
	}
	if err := d.writeJSON(key.file(offerFile), storedOffer{Version: format, Began: began.UTC(), Name: in.Name, Offer: offer}); err != nil {
		return in, failed(err)
	}
	return in, nil
}

func (d *Depot) openFiles(key Key, offer Offer, flag int) (*Incoming, error) {
	in := &Incoming{Key: key}
	var err error
	if in.Slots, err = d.fs.OpenFile(key.slots(offer), os.O_RDWR|flag, filePerm); err != nil {
		return nil, err
	}
	if offer.Folder() {
		in.Dir, err = d.fs.Sub(key.work(""))
	} else {
		in.Data, err = d.fs.OpenFile(key.file(dataFile), os.O_RDWR|flag, filePerm)
	}
	if err != nil {
		in.Slots.Close()
		return nil, err
	}
	return in, nil
}

// ask notes durably that the part was asked for now.
func (d *Depot) ask(key Key, offer Offer, in *Incoming) error {
	if err := d.fs.SetModTime(key.slots(offer), d.clock()); err != nil {
		return err
	}
	// This also makes the slots durable that a process may have written before
	// it was killed: the offset that is told from them may be acknowledged.
	return in.Slots.Sync()
}

// resume opens a part of the same source.
func (d *Depot) resume(key Key, p *part, offer Offer) (*Incoming, error) {
	in, err := d.openFiles(key, offer, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return d.beginAnew(key, offer) // somebody removed the part
	}
	if err != nil {
		return nil, storeFailed(err, "the part of delivery %s cannot be opened", key)
	}
	if offer.SHA256 == "" {
		offer.SHA256 = p.offer.SHA256
	}
	if err := d.prepare(key, p, offer, in); err != nil {
		in.close()
		return nil, err
	}
	p.offer, p.live, p.asked, p.name = offer, in, d.clock(), in.Name
	return in, nil
}

func (d *Depot) prepare(key Key, p *part, offer Offer, in *Incoming) error {
	failed := func(err error) error { return storeFailed(err, "the part of delivery %s cannot be taken up", key) }
	size, allocated, err := d.extent(in, offer)
	if err != nil {
		return failed(err)
	}
	need := max(offer.need(), p.grown)
	if offer.Live() {
		need = max(need, size)
	}
	if offer.Folder() && need <= p.need() {
		// Its space was kept. What is allocated beyond what its slots tell, ahead
		// of a large file or written and not durable, would be asked for twice.
		allocated = need
	}
	if err := d.room(key, need, allocated); err != nil {
		return err
	}
	if offer.Folder() {
		if in.Base, err = d.base(key, offer); err != nil {
			return err
		}
		in.Name = p.name
		if !d.folderFree(key, in.Name) {
			if in.Name, err = d.folderName(key, offer); err != nil {
				return err
			}
		}
	} else if err := d.reserve(key, in.Data, need); err != nil {
		return err
	}
	if err := d.ask(key, offer, in); err != nil {
		return failed(err)
	}
	if p.offer != offer || p.name != in.Name {
		if err := d.writeJSON(key.file(offerFile), storedOffer{Version: format, Began: p.began.UTC(), Name: in.Name, Offer: offer}); err != nil {
			return failed(err)
		}
	}
	at, err := newest(in.Slots, size, offer.Size)
	if err != nil {
		return failed(err)
	}
	in.Offset = at.offset
	return nil
}

// extent is how many bytes a part has, and how many of the disk. What a folder
// has is known by its slots alone.
func (d *Depot) extent(in *Incoming, offer Offer) (size, allocated int64, err error) {
	if offer.Folder() {
		based, shared, err := d.based(in.Key, offer)
		if err != nil {
			return 0, 0, err
		}
		if size = offer.Size; based {
			size -= offer.Shared
		}
		at, err := newest(in.Slots, size, size)
		have := at.offset + shared.offset
		return size, have + min(at.ahead, offer.Size-have), err
	}
	info, err := in.Data.Stat()
	return info.Size, info.Allocated, err
}

// reserve takes the blocks of a whole file. A file system that cannot is no
// hindrance: room counts what its parts still lack.
func (d *Depot) reserve(key Key, data disk.File, size int64) error {
	err := data.Allocate(size)
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if info, err := data.Stat(); err == nil {
		_ = data.Truncate(info.Size) // frees what was allocated beyond the end
	}
	return storeFailed(err, "%d bytes cannot be reserved for delivery %s", size, key)
}

// room says whether the store has space for size bytes of key, of which have
// are allocated.
func (d *Depot) room(key Key, size, have int64) error {
	free, left, err := d.left(key)
	if err != nil {
		return err
	}
	more := ""
	if going := d.removals.bytes(); going > 0 {
		more = fmt.Sprintf("; %d more once what was given up is removed", going)
	}
	if need := size - have; need > free {
		return reason.New(reason.NoSpace, "delivery %s needs %d bytes, %d are free%s", key, need, free, more)
	}
	if size > left {
		return reason.New(reason.NoSpace, "delivery %s needs %d bytes, %d are left of the quota of %d%s", key, size, left, d.limits.Quota, more)
	}
	return nil
}

// Free is how many bytes another delivery could have, besides those that are
// reserved. Its error has reason.StoreFailed.
func (d *Depot) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free, left, err := d.left(Key{})
	return min(free, left), err
}

// left is how many bytes of the disk, and of the quota, all deliveries but key
// leave.
func (d *Depot) left(key Key) (disk, quota int64, err error) {
	space, err := d.fs.Space()
	if err != nil {
		return 0, 0, storeFailed(err, "the space of the store is not known")
	}
	free := space.Available - d.limits.MinFree
	used := int64(0)
	for other, p := range d.parts {
		if other == key {
			continue
		}
		used += p.need()
		free -= max(0, p.need()-d.held(other, p))
	}
	free = max(0, free)
	if d.limits.Quota <= 0 {
		return free, math.MaxInt64, nil
	}
	return free, max(0, d.limits.Quota-used-d.published()-d.removals.bytes()), nil
}

// held is how many bytes of what a part needs are taken from the disk already,
// whether or not somebody has it: who comes back finds its space. A part that
// cannot be looked at holds nothing, so that all it needs stays free.
func (d *Depot) held(key Key, p *part) int64 {
	if p.outcome != nil {
		return p.need() // all of it is there, under whatever name
	}
	in := p.live
	if in == nil {
		var err error
		if in, err = d.openFiles(key, p.offer, 0); err != nil {
			return 0
		}
		defer in.close()
	}
	_, allocated, err := d.extent(in, p.offer)
	if err != nil {
		return 0
	}
	return allocated
}

// published is how many bytes of files there are that receipts speak of.
func (d *Depot) published() int64 {
	paths := map[string]int64{}
	for _, dep := range d.deposits {
		paths[dep.path] = dep.size
	}
	var total int64
	for path, size := range paths {
		if info, err := d.fs.Stat(path); err == nil && info.Mode.IsRegular() {
			total += info.Size
		} else if err == nil {
			total += size
		}
	}
	return total
}

func (d *Depot) writeJSON(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return atomicfile.Write(d.fs, name, data, filePerm)
}
