package depot

import (
	"errors"
	"io/fs"
	"path"

	"videoclub/internal/atomicfile"
	"videoclub/internal/disk"
	"videoclub/internal/receipt"
)

// Recovery is what Open found and did.
type Recovery struct {
	// Published are the receipts of deliveries that were decided and are
	// published now.
	Published []receipt.Receipt
	// Parts are the deliveries that can go on.
	Parts []Key
	// Removed are the leftovers that are gone: directories of deliveries that
	// had not been accepted, were withdrawn, or are deposited.
	Removed []Key
	// Damaged are files of the store that cannot be read: "FILE: why".
	Damaged []string
}

// recover brings the store to where every delivery is a part, a receipt or
// nothing. What it finds may be the work of a process that was killed before it
// could make it durable; each directory is synced before anything is built on
// what it holds.
func (d *Depot) recover() error {
	if err := d.makeDir(receiptsDir); err != nil {
		return err
	}
	for _, dir := range []string{metaDir, receiptsDir} {
		if err := d.settleDir(dir); err != nil {
			return err
		}
	}
	if err := d.readReceipts(); err != nil {
		return err
	}
	names, err := d.fs.ReadDir(metaDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if bytes, ok := parseGone(name); ok {
			d.removals.add(path.Join(metaDir, name), bytes)
			continue
		}
		key, err := ParseKey(name)
		if err != nil {
			continue // not ours
		}
		info, err := d.fs.Stat(key.dir())
		if err != nil {
			return err
		}
		if !info.Mode.IsDir() {
			continue // not ours either
		}
		if err := d.recoverDelivery(key); err != nil {
			return err
		}
	}
	return nil
}

func (d *Depot) settleDir(dir string) error {
	if err := atomicfile.RemoveTemps(d.fs, dir); err != nil {
		return err
	}
	return d.fs.SyncDir(dir)
}

func (d *Depot) readReceipts() error {
	names, err := d.fs.ReadDir(receiptsDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		key, err := receiptKey(name)
		if err != nil {
			continue // not ours
		}
		rec, r, err := d.readRecord(key)
		if err != nil {
			d.damaged(key.receiptFile(), err)
			continue
		}
		d.deposits[key] = rec.deposit(r)
		if len(d.signers) > 0 {
			d.signers[r.Key] = true // perhaps from before the key was changed
		}
	}
	return nil
}

func (d *Depot) damaged(name string, err error) {
	d.recovered.Damaged = append(d.recovered.Damaged, name+": "+err.Error())
}

func (d *Depot) recoverDelivery(key Key) error {
	if err := d.settleDir(key.dir()); err != nil {
		return err
	}
	if _, ok := d.deposits[key]; ok {
		return d.removeLeftover(key)
	}
	p := &part{}
	var o outcome
	err := d.readJSON(key.file(outcomeFile), &o, &o.Version)
	if err == nil && o.Offer.Folder() {
		err = d.settleWork(key)
	}
	if err == nil {
		err = d.ours(key, o)
	}
	switch {
	case err == nil:
		p.offer, p.outcome = o.Offer, &o
		return d.recoverDecided(key, p)
	case errors.Is(err, errDamaged), errors.Is(err, errNotOurs):
		d.damaged(key.file(outcomeFile), err)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return d.recoverPart(key, p)
}

// recoverDecided carries out what was decided, or takes it back where that
// cannot be.
func (d *Depot) recoverDecided(key Key, p *part) error {
	r, err := d.finish(key, p)
	if err == nil {
		d.recovered.Published = append(d.recovered.Published, r)
		return nil
	}
	if !errors.Is(err, errTaken) {
		return err
	}
	if err := d.undecide(key, p); err != nil {
		return err
	}
	return d.recoverPart(key, p)
}

func (d *Depot) recoverPart(key Key, p *part) error {
	var stored storedOffer
	err := d.readJSON(key.file(offerFile), &stored, &stored.Version)
	if errors.Is(err, errDamaged) {
		// What is not understood is not thrown away: it stays until the
		// delivery is asked for again or withdrawn.
		d.damaged(key.file(offerFile), err)
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return d.removeLeftover(key)
	}
	if err != nil {
		return err
	}
	if stored.Offer.Folder() {
		err = d.settleWork(key)
	}
	var info disk.Info
	if err == nil {
		info, err = d.fs.Stat(key.slots(stored.Offer))
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamaged) {
		return d.removeLeftover(key)
	}
	if err != nil {
		return err
	}
	if !ownName(stored.Name) {
		stored.Name = "" // a name is chosen when it is asked for again
	}
	p.offer, p.began, p.asked, p.name = stored.Offer, stored.Began, info.ModTime, stored.Name
	if p.offer.Live() {
		data, err := d.fs.Stat(key.file(dataFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		p.grown = data.Size
	}
	d.parts[key] = p
	d.recovered.Parts = append(d.recovered.Parts, key)
	return nil
}

func (d *Depot) removeLeftover(key Key) error {
	d.recovered.Removed = append(d.recovered.Removed, key)
	return d.drop(key)
}
