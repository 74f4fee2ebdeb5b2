package powerloss

import (
	"io"
	"io/fs"
	"path"
	"syscall"
	"time"

	"videoclub/internal/disk"
)

// sub is a directory of a Disk as an FS of its own.
type sub struct {
	disk *Disk
	dir  string
}

var _ disk.FS = sub{}

// Sub implements disk.FS.
func (d *Disk) Sub(name string) (disk.FS, error) { return d.sub(name) }

func (d *Disk) sub(name string) (disk.FS, error) {
	err := d.do("sub", name, func(_ *node, _ string, n *node, _ bool) error {
		return directory(n)
	})
	if err != nil {
		return nil, err
	}
	return sub{d, name}, nil
}

// Close implements disk.FS.
func (d *Disk) Close() error { return nil }

// SyncAll implements disk.FS.
func (d *Disk) SyncAll() error {
	return d.do("syncfs", ".", func(_ *node, _ string, _ *node, last bool) error {
		if last {
			return nil // the power went before the disk had it
		}
		seen := map[*node]bool{}
		var settle func(n *node)
		settle = func(n *node) {
			if n == nil || seen[n] {
				return
			}
			seen[n] = true
			for _, c := range n.changes {
				c.apply(&n.synced)
			}
			n.changes = nil
			for _, child := range n.entries {
				settle(child)
			}
		}
		settle(d.root)
		for _, c := range d.names {
			if c.to != nil {
				c.to.kept[c.toName] = c.child
			}
			if c.from != nil && c.from.kept[c.fromName] == c.child {
				delete(c.from.kept, c.fromName)
			}
		}
		d.names = nil
		return nil
	})
}

// in gives the name that the whole disk has for one of the directory. A name
// that is not valid stays so.
func (s sub) in(name string) string {
	if !fs.ValidPath(name) {
		return name
	}
	return path.Join(s.dir, name)
}

func (s sub) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	return s.disk.OpenFile(s.in(name), flag, perm)
}
func (s sub) Mkdir(name string, perm fs.FileMode) error { return s.disk.Mkdir(s.in(name), perm) }
func (s sub) Rename(from, to string) error              { return s.disk.Rename(s.in(from), s.in(to)) }
func (s sub) RenameNoReplace(from, to string) error {
	return s.disk.RenameNoReplace(s.in(from), s.in(to))
}
func (s sub) Remove(name string) error {
	if name == "." {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EBUSY}
	}
	return s.disk.Remove(s.in(name))
}
func (s sub) ReadDir(name string) ([]string, error)     { return s.disk.ReadDir(s.in(name)) }
func (s sub) Stat(name string) (disk.Info, error)       { return s.disk.Stat(s.in(name)) }
func (s sub) SetModTime(name string, t time.Time) error { return s.disk.SetModTime(s.in(name), t) }
func (s sub) SyncDir(name string) error                 { return s.disk.SyncDir(s.in(name)) }
func (s sub) Space() (disk.Space, error)                { return s.disk.Space() }
func (s sub) SyncAll() error                            { return s.disk.SyncAll() }
func (s sub) Sub(name string) (disk.FS, error)          { return s.disk.sub(s.in(name)) }
func (s sub) Close() error                              { return nil }
func (s sub) Lock(name string) (io.Closer, error)       { return s.disk.Lock(s.in(name)) }
