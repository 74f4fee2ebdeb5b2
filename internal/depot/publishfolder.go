package depot

import (
	"errors"
	"io/fs"
	"slices"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// receiptFile is a folder's receipt in its part's directory, until it is
// published.
const receiptFile = "receipt.json"

// Beside a folder that is published as NAME, outside it, lie NAME.SHA256SUMS,
// with which sha256sum -c passes in the store, and NAME.receipt.json.
var companions = []struct {
	file   func(Key) string
	suffix string
}{
	{func(k Key) string { return k.work(checksFile) }, ".SHA256SUMS"},
	{func(k Key) string { return k.file(receiptFile) }, ".receipt.json"},
}

// body is what is given its name when it is published.
func (k Key) body(o Offer) string {
	if o.Folder() {
		return k.work(treeDir)
	}
	return k.file(dataFile)
}

// folderName chooses the name under which a folder will be published: the
// first that is free with those of its companions.
func (d *Depot) folderName(key Key, o Offer) (string, error) {
	wanted := SafeName(o.Name, o.Extension, o.Title)
	for n := 1; n <= maxTries; n++ {
		if name := numbered(wanted, n); d.folderFree(key, name) {
			return name, nil
		}
	}
	return "", reason.New(reason.StoreFailed, "%q and %d numbered names are taken; move some away", wanted, maxTries-1)
}

// folderFree says whether nothing has a name or one of those beside it, and no
// other folder is to have it.
func (d *Depot) folderFree(key Key, name string) bool {
	if name == "" {
		return false
	}
	for other, p := range d.parts {
		if other != key && p.name == name {
			return false
		}
	}
	names := []string{name}
	for _, c := range companions {
		names = append(names, name+c.suffix)
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := d.fs.Stat(name)
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// decidedName is the name for which the list of digests was made. Where it was
// taken since, the part waits for another, which the next offer gives it.
func (d *Depot) decidedName(key Key, p *part) (string, error) {
	if d.folderFree(key, p.name) {
		return p.name, nil
	}
	return "", reason.New(reason.StoreFailed, "the name %q was taken meanwhile; another is chosen when the sender comes back", p.name)
}

// verifyFolder sees that a folder is all there, as far as its slots tell, and
// makes it durable as it shall be published.
func (d *Depot) verifyFolder(key Key, p *part, res Result) error {
	if p.offer.SHA256 != "" && res.SHA256 != p.offer.SHA256 {
		return reason.New(reason.DigestMismatch, "delivery %s arrived with digest %.64s, offered was %s", key, res.SHA256, p.offer.SHA256)
	}
	failed := func(err error) error { return storeFailed(err, "the part of delivery %s cannot be made durable", key) }
	in, err := d.openFiles(key, p.offer, 0)
	if err != nil {
		return failed(err)
	}
	defer in.close()
	based, shared, err := d.based(key, p.offer)
	if err != nil {
		return failed(err)
	}
	stream := p.offer.Size
	if based {
		stream -= p.offer.Shared
	}
	at, err := newest(in.Slots, stream, stream)
	if err != nil {
		return failed(err)
	}
	if res.Size != p.offer.Size || at.offset != stream || at.sequence == 0 || based && shared.frames == 0 {
		return reason.New(reason.WorkerFailed, "the part of delivery %s has %d bytes that are durable, and does not bear out the result", key, at.offset)
	}
	if err := d.fs.SyncAll(); err != nil {
		return failed(err)
	}
	return nil
}

// renameFolder gives the folder its name and makes that durable. A crash leaves
// the one name or the other: a file system that has to be checked after it is
// not one for folders.
func (d *Depot) renameFolder(key Key, name string) error {
	info, err := d.fs.Stat(key.work(treeDir))
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && !info.Mode.IsDir():
		return errDamaged
	}
	err = d.fs.RenameNoReplace(key.work(treeDir), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// It was renamed before: nothing else takes a decided part away.
	case errors.Is(err, fs.ErrExist):
		return errTaken
	case err != nil:
		return err
	}
	return d.fs.SyncAll()
}

// settleFolder gives what lies beside a folder its names, and the facts of the
// folder: nil when somebody took it away or put another there meanwhile.
func (d *Depot) settleFolder(key Key, r receipt.Receipt, o *outcome) (*facts, error) {
	for _, c := range companions {
		file := c.file(key)
		info, err := d.fs.Stat(file)
		if err == nil && info.Mode.IsRegular() {
			err = d.fs.RenameNoReplace(file, r.Path+c.suffix)
		}
		// It was renamed before; or somebody took the name, who keeps it.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	if err := d.keepHashes(key); err != nil {
		return nil, err
	}
	if err := d.fs.SyncAll(); err != nil {
		return nil, err
	}
	info, err := d.fs.Stat(r.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode.IsDir() || info.Inode != o.Inode:
		return nil, nil
	}
	return &facts{Size: r.Size, Inode: info.Inode, Tree: o.Facts}, nil
}
