package dispatch

import (
	"context"
	"io/fs"
	"os"

	"videoclub/internal/feed"
	"videoclub/internal/ledger"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// look opens a title's source and says which version it is. A folder is looked
// through, and its manifest kept until release is called or, when a delivery
// was promised, until that ends.
func (d *Dispatcher) look(ctx context.Context, location string) (l ledger.Delivery, release func(), err error) {
	if feed.Is(location) {
		l, err = d.lookLive(location)
		return l, func() {}, err
	}
	f, size, mtime, err := d.Sources.Open(location)
	if err != nil {
		return l, nil, err
	}
	inode, err := inodeOf(f)
	folder := err == nil && isFolder(f)
	if err != nil || !folder {
		f.Close()
	}
	if err != nil {
		return l, nil, reason.Wrap(reason.TitleUnreadable, err, "looking at the title")
	}
	release = func() {}
	if folder {
		if d.Describe == nil {
			f.Close()
			return l, nil, reason.New(reason.TitleUnreadable, "%s is a folder", location)
		}
		if size, mtime, release, err = d.Describe(ctx, location, f); err != nil {
			return l, nil, err
		}
	}
	return ledger.Delivery{Location: location, Size: size, MTime: mtime, Inode: inode}, release, nil
}

func isFolder(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeDir != 0
}

// folder is what an attempt knows of a title that is one.
type folder struct {
	list *os.File // its manifest, for the read worker
	sum  manifest.Summary
}

// openFolder takes the manifest of the version that was promised. Whether the
// files are still as it says is for the read worker to see, file by file.
func (a *attempt) openFolder() error {
	list, sum, err := a.d.Folders.Get(a.delivery.MTime)
	if err != nil {
		return reason.Wrap(reason.SourceChanged, err, "%s was promised as a file, or its manifest has gone", a.delivery.Location)
	}
	a.folder = &folder{list: list, sum: sum}
	return nil
}

// sweepFolders removes the manifests that no delivery needs any more. The mutex
// is held, or nothing runs yet.
func (d *Dispatcher) sweepFolders() error {
	if d.Folders == nil {
		return nil
	}
	versions := make(map[int64]bool)
	for _, j := range d.jobs {
		versions[j.MTime] = true
	}
	return d.Folders.Sweep(func(version int64) bool { return versions[version] })
}
