// Package powerloss is a file system in memory that remembers what was synced,
// so that a test can take the power away at any operation and look at what a
// real disk might hold after power-on.
package powerloss

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"videoclub/internal/disk"
)

// ErrPower is what every operation gives from the one on at which the power
// went.
var ErrPower = errors.New("the power is gone")

// block is what a file's bytes are allocated in, as on ext4.
const block = 4096

// Disk is a disk.FS. Each call of it and of its files is one operation, but
// for those that only look: power lost at one of them is power lost at the next
// operation.
type Disk struct {
	mu    sync.Mutex
	clock func() time.Time
	root  *node
	names []*nameChange // made and not yet durable, in order

	inodes   uint64
	stamp    int64 // the change time last given, in nanoseconds
	capacity int64
	allocate bool
	locked   map[string]bool

	done int // operations so far
	cut  int // the operation at which the power goes, counted from 1; 0 never
}

var _ disk.FS = (*Disk)(nil)

// node is a file or a directory, which may have several names or none.
type node struct {
	inode   uint64
	dir     bool
	entries map[string]*node // as seen by a running program
	kept    map[string]*node // as the disk has them
	now     content          // as seen by a running program
	synced  content          // as the disk has it
	changes []change         // made and not yet durable, in order
}

// content is what a file's own Sync makes durable.
type content struct {
	data      []byte
	allocated int64
	mode      fs.FileMode
	modified  time.Time
	changed   int64
}

func (c content) clone() content {
	c.data = slices.Clone(c.data)
	return c
}

// change is one thing done to a file. apply must be repeatable on any content.
type change struct {
	apply func(*content)
	meta  bool // mode or times: Datasync leaves them behind
	// off and data are those of a write, which may be torn.
	off      int64
	data     []byte
	inFlight bool
}

// nameChange gives child a name (to), takes one away (from) or both, which is
// a rename.
type nameChange struct {
	child            *node
	to, from         *node
	toName, fromName string
	inFlight         bool
}

// New makes an empty disk of capacity bytes. The clock gives the times of
// modification.
func New(clock func() time.Time, capacity int64) *Disk {
	d := &Disk{clock: clock, capacity: capacity, allocate: true, locked: map[string]bool{}}
	d.root = d.newNode(true, 0o755)
	d.root.synced = d.root.now.clone()
	return d
}

// CutAt takes the power away at the nth operation from now, counted from 1:
// that one may have been done but fails with ErrPower, as all later ones do.
// With 0 the power stays.
func (d *Disk) CutAt(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut = 0; n > 0 {
		d.cut = d.done + n
	}
}

// Operations gives how many operations there were.
func (d *Disk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// SetCapacity changes how many bytes the disk has.
func (d *Disk) SetCapacity(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = bytes
}

// SetAllocate says whether the file system knows fallocate.
func (d *Disk) SetAllocate(can bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.allocate = can
}

// tick counts an operation. It gives ErrPower when there is no power, and says
// whether the power goes during this one.
func (d *Disk) tick(op, name string) (last bool, err error) {
	if d.cut > 0 && d.done >= d.cut {
		return false, &fs.PathError{Op: op, Path: name, Err: ErrPower}
	}
	switch op {
	case "read", "stat", "readdir", "statfs", "sub":
		return false, nil
	}
	d.done++
	return d.done == d.cut, nil
}

// end is the result of an operation that was done without error.
func end(op, name string, last bool) error {
	if last {
		return &fs.PathError{Op: op, Path: name, Err: ErrPower}
	}
	return nil
}

func (d *Disk) newNode(dir bool, perm fs.FileMode) *node {
	d.inodes++
	d.stamp++
	c := content{mode: perm.Perm(), modified: d.clock(), changed: d.stamp}
	n := &node{inode: d.inodes, dir: dir, now: c}
	n.synced = c.clone()
	if dir {
		n.now.mode |= fs.ModeDir
		n.entries, n.kept = map[string]*node{}, map[string]*node{}
	}
	return n
}

// find gives the directory that holds name, its last element and, if there is
// one, what has the name.
func (d *Disk) find(name string) (parent *node, base string, n *node, err error) {
	if !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
		return nil, "", nil, fs.ErrInvalid
	}
	if name == "." {
		return nil, ".", d.root, nil
	}
	parent = d.root
	elements := strings.Split(name, "/")
	for _, element := range elements[:len(elements)-1] {
		next := parent.entries[element]
		if next == nil {
			return nil, "", nil, syscall.ENOENT
		}
		if !next.dir {
			return nil, "", nil, syscall.ENOTDIR
		}
		parent = next
	}
	base = elements[len(elements)-1]
	return parent, base, parent.entries[base], nil
}

// do runs one operation on what has the name.
func (d *Disk) do(op, name string, work func(parent *node, base string, n *node, last bool) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, err := d.tick(op, name)
	if err != nil {
		return err
	}
	parent, base, n, err := d.find(name)
	if err == nil {
		err = work(parent, base, n, last)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return end(op, name, last)
}

func (d *Disk) rename(c nameChange) {
	if c.to != nil {
		c.to.entries[c.toName] = c.child
	}
	if c.from != nil {
		delete(c.from.entries, c.fromName)
	}
	d.names = append(d.names, &c)
}

// OpenFile implements disk.FS.
func (d *Disk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	const allowed = os.O_RDWR | os.O_CREATE | os.O_EXCL | os.O_TRUNC
	var f *file
	err := d.do("open", name, func(parent *node, base string, n *node, last bool) error {
		switch {
		case flag&^allowed != 0:
			return fs.ErrInvalid
		case n == nil && flag&os.O_CREATE == 0:
			return syscall.ENOENT
		case n != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
			return syscall.EEXIST
		case n != nil && n.dir && flag&(os.O_CREATE|os.O_RDWR) != 0:
			return syscall.EISDIR
		case n != nil && n.dir:
			return fs.ErrInvalid
		}
		if n == nil {
			n = d.newNode(false, perm)
			d.rename(nameChange{child: n, to: parent, toName: base, inFlight: last})
		}
		f = &file{disk: d, node: n, name: name, writable: flag&os.O_RDWR != 0}
		if flag&os.O_TRUNC != 0 {
			f.truncate(0, last)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mkdir implements disk.FS.
func (d *Disk) Mkdir(name string, perm fs.FileMode) error {
	return d.do("mkdir", name, func(parent *node, base string, n *node, last bool) error {
		if n != nil {
			return syscall.EEXIST
		}
		d.rename(nameChange{child: d.newNode(true, perm), to: parent, toName: base, inFlight: last})
		return nil
	})
}

// Rename implements disk.FS.
func (d *Disk) Rename(from, to string) error { return d.move(from, to, true) }

// RenameNoReplace implements disk.FS.
func (d *Disk) RenameNoReplace(from, to string) error { return d.move(from, to, false) }

func (d *Disk) move(from, to string, replace bool) error {
	return d.do("rename", from, func(parent *node, base string, n *node, last bool) error {
		toParent, toBase, taken, err := d.find(to)
		switch {
		case err != nil:
			return err
		case n == nil:
			return syscall.ENOENT
		case parent == nil || toParent == nil:
			return syscall.EBUSY
		case taken != nil && !replace:
			return syscall.EEXIST
		case taken == n:
			return nil
		case taken != nil && taken.dir && !n.dir:
			return syscall.EISDIR
		case taken != nil && taken.dir && len(taken.entries) > 0:
			return syscall.ENOTEMPTY
		case taken != nil && n.dir && !taken.dir:
			return syscall.ENOTDIR
		}
		d.rename(nameChange{child: n, to: toParent, toName: toBase, from: parent, fromName: base, inFlight: last})
		d.named(n, last)
		return nil
	})
}

// named notes that a file got or lost a name, which changes its change time.
func (d *Disk) named(n *node, last bool) {
	d.stamp++
	stamp := d.stamp
	n.record(change{meta: true, inFlight: last, apply: func(c *content) { c.changed = stamp }})
}

// Remove implements disk.FS.
func (d *Disk) Remove(name string) error {
	return d.do("remove", name, func(parent *node, base string, n *node, last bool) error {
		switch {
		case n == nil:
			return syscall.ENOENT
		case parent == nil:
			return syscall.EBUSY
		case n.dir && len(n.entries) > 0:
			return syscall.ENOTEMPTY
		}
		d.rename(nameChange{child: n, from: parent, fromName: base, inFlight: last})
		d.named(n, last)
		return nil
	})
}

// ReadDir implements disk.FS.
func (d *Disk) ReadDir(name string) (names []string, err error) {
	err = d.do("readdir", name, func(_ *node, _ string, n *node, _ bool) error {
		if err := directory(n); err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(n.entries))
		return nil
	})
	return names, err
}

func directory(n *node) error {
	if n == nil {
		return syscall.ENOENT
	}
	if !n.dir {
		return syscall.ENOTDIR
	}
	return nil
}

// Stat implements disk.FS.
func (d *Disk) Stat(name string) (info disk.Info, err error) {
	err = d.do("stat", name, func(_ *node, _ string, n *node, _ bool) error {
		if n == nil {
			return syscall.ENOENT
		}
		info = n.info()
		return nil
	})
	return info, err
}

// SetModTime implements disk.FS.
func (d *Disk) SetModTime(name string, t time.Time) error {
	return d.do("utimes", name, func(_ *node, _ string, n *node, last bool) error {
		if n == nil {
			return syscall.ENOENT
		}
		d.stamp++
		stamp := d.stamp
		n.record(change{meta: true, inFlight: last, apply: func(c *content) { c.modified, c.changed = t, stamp }})
		return nil
	})
}

// Space implements disk.FS.
func (d *Disk) Space() (space disk.Space, err error) {
	err = d.do("statfs", ".", func(*node, string, *node, bool) error {
		space = disk.Space{Available: max(0, d.capacity-d.used()), Total: d.capacity}
		return nil
	})
	return space, err
}

// Lock implements disk.FS.
func (d *Disk) Lock(name string) (io.Closer, error) {
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked[name] {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: disk.ErrLocked}
	}
	d.locked[name] = true
	return &lock{disk: d, name: name}, nil
}

type lock struct {
	disk *Disk
	name string
}

func (l *lock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	delete(l.disk.locked, l.name)
	return nil
}

// used is what the named files have allocated.
func (d *Disk) used() int64 {
	var total int64
	seen := map[*node]bool{}
	var walk func(*node)
	walk = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		total += n.now.allocated
		for _, child := range n.entries {
			walk(child)
		}
	}
	walk(d.root)
	return total
}
