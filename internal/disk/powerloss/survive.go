package powerloss

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
)

// sector is what a disk writes as a whole: a torn write ends at a multiple.
const sector = 512

// Loss chooses what of the unsynced is there after power-on.
type Loss struct {
	pick func(inFlight bool) bool
	torn func(c change) []byte
	// on says that the machine went on: what survives is as unsynced as before.
	on bool
}

// Everything unsynced is lost: the least that a disk may hold.
func Everything() Loss {
	return Loss{pick: func(bool) bool { return false }}
}

// Nothing is lost: the process was killed and the machine went on. The
// operation at which it happened was done or was not. What was not synced is
// there and may still be lost with the power.
func Nothing(lastDone bool) Loss {
	return Loss{pick: func(inFlight bool) bool { return lastDone || !inFlight }, on: true}
}

// Some of it is lost, as the seed decides: any subset of the changes survives,
// and a write may be torn.
func Some(seed uint64) Loss {
	chance := rand.New(rand.NewPCG(seed, 0))
	return Loss{
		pick: func(bool) bool { return chance.IntN(2) == 0 },
		torn: func(c change) []byte {
			if chance.IntN(3) > 0 {
				return c.data
			}
			end := (c.off + chance.Int64N(int64(len(c.data))+1)) / sector * sector
			return c.data[:max(0, end-c.off)]
		},
	}
}

// Survivors gives the disk as it is after power-on. The old one is as before,
// but of no more use; no lock is held on the new one.
func (d *Disk) Survivors(loss Loss) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := &Disk{clock: d.clock, inodes: d.inodes, stamp: d.stamp, capacity: d.capacity,
		allocate: d.allocate, locked: map[string]bool{}}
	s := survival{loss: loss, copies: map[*node]*node{}, names: map[*node]map[string]*node{}}
	var names []*nameChange
	for _, c := range d.names {
		if loss.pick(c.inFlight) {
			s.apply(*c)
			names = append(names, c)
		}
	}
	after.root = s.copy(d.root)
	if loss.on {
		for _, c := range names {
			after.names = append(after.names, &nameChange{child: s.copy(c.child),
				to: s.copy(c.to), toName: c.toName, from: s.copy(c.from), fromName: c.fromName})
		}
	}
	return after
}

// survival builds the tree of a disk after power-on.
type survival struct {
	loss   Loss
	copies map[*node]*node            // old to new; a file may have two names
	names  map[*node]map[string]*node // what each old directory holds in the end
}

func (s *survival) entries(dir *node) map[string]*node {
	if s.names[dir] == nil {
		s.names[dir] = maps.Clone(dir.kept)
	}
	return s.names[dir]
}

func (s *survival) apply(c nameChange) {
	if c.to != nil {
		s.entries(c.to)[c.toName] = c.child
	}
	if c.from != nil && s.entries(c.from)[c.fromName] == c.child {
		delete(s.entries(c.from), c.fromName)
	}
}

func (s *survival) copy(old *node) *node {
	if old == nil || s.copies[old] != nil {
		return s.copies[old]
	}
	n := &node{inode: old.inode, dir: old.dir, now: old.synced.clone()}
	s.copies[old] = n
	for _, c := range old.changes {
		if !s.loss.pick(c.inFlight) {
			continue
		}
		if part := s.tear(c); len(part) < len(c.data) {
			n.now.write(part, c.off)
		} else {
			c.apply(&n.now)
		}
		if s.loss.on {
			c.inFlight = false
			n.changes = append(n.changes, c)
		}
	}
	n.synced = n.now.clone()
	if s.loss.on {
		n.synced = old.synced.clone()
	}
	if old.dir {
		n.now.mode = old.now.mode
		n.entries = s.copyAll(s.entries(old))
		n.kept = maps.Clone(n.entries)
		if s.loss.on {
			n.kept = s.copyAll(old.kept)
		}
	}
	return n
}

// copyAll goes by the order of the names, so that a seed always gives the same
// disk.
func (s *survival) copyAll(held map[string]*node) map[string]*node {
	copies := map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		copies[name] = s.copy(held[name])
	}
	return copies
}

func (s *survival) tear(c change) []byte {
	if s.loss.torn == nil || len(c.data) == 0 {
		return c.data
	}
	return s.loss.torn(c)
}

// SyncDir implements disk.FS. It settles the half of a rename that is in this
// directory, the least that a file system may do: when only the directory that
// got the name is synced, the old name may come back beside it; when only the
// one that lost it is, the file may be lost.
func (d *Disk) SyncDir(name string) error {
	return d.do("sync", name, func(_ *node, _ string, dir *node, last bool) error {
		if dir == nil {
			return syscall.ENOENT
		}
		if !dir.dir {
			return fs.ErrInvalid
		}
		if last {
			return nil // the power went before the disk had it
		}
		left := d.names[:0:0]
		for _, c := range d.names {
			if c.to == dir {
				dir.kept[c.toName] = c.child
				c.to = nil
			}
			if c.from == dir {
				if dir.kept[c.fromName] == c.child {
					delete(dir.kept, c.fromName)
				}
				c.from = nil
			}
			if c.to != nil || c.from != nil {
				left = append(left, c)
			}
		}
		d.names = left
		return nil
	})
}
