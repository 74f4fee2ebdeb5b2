package depot

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"videoclub/internal/receipt"
)

// workDir is what the process that writes a folder's part is handed, with all
// that it writes. The offer, the decision and the receipt lie beside it, out of
// its reach: by them a delivery is carried out after a restart.
const workDir = "work"

// workFiles are all that there is in it, the slots last.
var workFiles = []string{treeDir, manifestFile, newManifest, sumsFile, checksFile, hashesFile, baseFile, baseHashes, reuseFile, sharedFile, slotsFile}

func (k Key) work(name string) string { return path.Join(metaDir, k.String(), workDir, name) }

// slots is where the slots of a part are.
func (k Key) slots(o Offer) string {
	if o.Folder() {
		return k.work(slotsFile)
	}
	return k.file(slotsFile)
}

// fits says whether what is to be published is of the kind that was offered.
func (o Offer) fits(mode fs.FileMode) bool {
	if o.Folder() {
		return mode.IsDir()
	}
	return mode.IsRegular()
}

// ownName says whether a name is one that this package may have given: of a
// single element, and not hidden.
func ownName(name string) bool {
	return fs.ValidPath(name) && !strings.Contains(name, "/") && !strings.HasPrefix(name, ".")
}

// settleWork sees that what the process of a folder's part wrote is where it
// belongs, and as durable as it looks. fs.ErrNotExist says that there is nothing,
// errDamaged that it cannot be taken up.
func (d *Depot) settleWork(key Key) error {
	_, err := d.fs.Stat(key.file(slotsFile))
	older := err == nil
	if older {
		err = d.makeDir(key.work(""))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, err := d.fs.Stat(key.work(""))
	switch {
	case err != nil:
		return err
	case !info.Mode.IsDir():
		return errDamaged
	case older:
		return d.moveWork(key)
	}
	return d.fs.SyncDir(key.work(""))
}

// moveWork takes up the part of a version that kept all that beside the offer.
// As long as the slots are where they were, it is to be done again. What is in
// the way, that version never put there: errDamaged.
func (d *Depot) moveWork(key Key) error {
	for _, name := range workFiles {
		if name == slotsFile {
			// All others are where they belong, before the slots say so.
			if err := d.fs.SyncAll(); err != nil {
				return err
			}
		}
		err := d.fs.RenameNoReplace(key.file(name), key.work(name))
		if errors.Is(err, fs.ErrExist) {
			err = d.endMove(key.file(name), key.work(name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return d.fs.SyncAll()
}

// endMove moves what an earlier start has left under both names: a file by the new
// one too, or an empty folder in the place of a full one.
func (d *Depot) endMove(from, to string) error {
	old, err := d.fs.Stat(from)
	if err != nil {
		return err
	}
	there, err := d.fs.Stat(to)
	switch {
	case err != nil:
		return err
	case old.Mode.IsRegular() && old.Inode == there.Inode:
		return d.fs.Remove(from)
	case !old.Mode.IsDir() || !there.Mode.IsDir():
		return errDamaged
	}
	if names, err := d.fs.ReadDir(to); err != nil || len(names) > 0 {
		return cmp.Or(err, errDamaged)
	}
	if err := d.fs.Remove(to); err != nil {
		return err
	}
	return d.fs.RenameNoReplace(from, to)
}

// errNotOurs says that a decision to publish was not made by this store.
var errNotOurs = errors.New("it was not decided here")

// ours says, with nil, that a decision to publish is one that this store made,
// and that can be carried out as it was made: nothing else is asked for that.
func (d *Depot) ours(key Key, o outcome) error {
	r, err := receipt.Parse(o.Receipt)
	if err == nil {
		err = receipt.Verify(r)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errNotOurs, err)
	case len(d.signers) > 0 && !d.signers[r.Key]:
		return fmt.Errorf("%w: the key of its receipt is none that signs here", errNotOurs)
	case r.Delivery != key.String():
		return fmt.Errorf("%w: its receipt is that of delivery %s", errNotOurs, r.Delivery)
	case !ownName(r.Path):
		return fmt.Errorf("%w: its receipt is for %q, which is no name in the store", errNotOurs, r.Path)
	}
	info, err := d.fs.Stat(key.body(o.Offer))
	if err == nil && !o.Offer.fits(info.Mode) {
		return fmt.Errorf("%w: what it publishes is neither a file nor a folder", errNotOurs)
	}
	return nil // what is not there was published before
}
