package powerloss

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"syscall"
	"time"

	"videoclub/internal/disk"
)

// file is an open file of a Disk.
type file struct {
	disk     *Disk
	node     *node
	name     string
	writable bool
	closed   bool
}

// record does a change as a running program sees it and keeps it until a sync.
func (n *node) record(c change) {
	c.apply(&n.now)
	n.changes = append(n.changes, c)
}

func (n *node) info() disk.Info {
	return disk.Info{
		Size:       int64(len(n.now.data)),
		Allocated:  n.now.allocated,
		Mode:       n.now.mode,
		ModTime:    n.now.modified,
		ChangeTime: time.Unix(0, n.now.changed),
		Inode:      n.inode,
	}
}

// write puts p at off into c, which grows as needed.
func (c *content) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	if need := off + int64(len(p)); need > int64(len(c.data)) {
		c.data = append(c.data, make([]byte, need-int64(len(c.data)))...)
	}
	copy(c.data[off:], p)
	c.allocated = max(c.allocated, blocks(int64(len(c.data))))
}

func (c *content) truncate(size int64) {
	if size <= int64(len(c.data)) {
		c.data = c.data[:size:size]
	} else {
		c.data = append(c.data, make([]byte, size-int64(len(c.data)))...)
	}
	c.allocated = min(c.allocated, blocks(size))
}

func blocks(size int64) int64 { return (size + block - 1) / block * block }

// do runs one operation on the file.
func (f *file) do(op string, work func(last bool) error) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	last, err := f.disk.tick(op, f.name)
	if err != nil {
		return err
	}
	if f.closed {
		err = fs.ErrClosed
	} else {
		err = work(last)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return end(op, f.name, last)
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	short := false
	err = f.do("read", func(bool) error {
		if off < 0 {
			return fs.ErrInvalid
		}
		if off < int64(len(f.node.now.data)) {
			n = copy(p, f.node.now.data[off:])
		}
		short = n < len(p)
		return nil
	})
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	err := f.do("write", func(last bool) error {
		switch {
		case !f.writable:
			return syscall.EBADF
		case off < 0 || off > math.MaxInt64-int64(len(p)):
			return fs.ErrInvalid
		}
		if grow := blocks(off+int64(len(p))) - f.node.now.allocated; grow > 0 && f.disk.used()+grow > f.disk.capacity {
			return syscall.ENOSPC
		}
		data := append([]byte(nil), p...)
		stamp, now := f.touch()
		f.node.record(change{inFlight: last, off: off, data: data, apply: func(c *content) {
			c.write(data, off)
			c.modified, c.changed = now, stamp
		}})
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *file) touch() (int64, time.Time) {
	f.disk.stamp++
	return f.disk.stamp, f.disk.clock()
}

func (f *file) Truncate(size int64) error {
	return f.do("truncate", func(last bool) error {
		if size < 0 || !f.writable {
			return syscall.EINVAL
		}
		f.truncate(size, last)
		return nil
	})
}

func (f *file) truncate(size int64, last bool) {
	stamp, now := f.touch()
	f.node.record(change{inFlight: last, apply: func(c *content) {
		c.truncate(size)
		c.modified, c.changed = now, stamp
	}})
}

// Allocate takes what is left before it fails, as ext4 does.
func (f *file) Allocate(size int64) error {
	return f.do("fallocate", func(last bool) error {
		switch {
		case size == 0:
			return nil
		case size < 0:
			return syscall.EINVAL
		case !f.writable:
			return syscall.EBADF
		case !f.disk.allocate:
			return errors.ErrUnsupported
		}
		want := max(blocks(size), f.node.now.allocated)
		free := max(0, f.disk.capacity-f.disk.used()) / block * block
		get := min(want, f.node.now.allocated+free)
		stamp, _ := f.touch()
		f.node.record(change{inFlight: last, apply: func(c *content) {
			c.allocated = max(c.allocated, get)
			c.changed = stamp
		}})
		if get < want {
			return syscall.ENOSPC
		}
		return nil
	})
}

func (f *file) SetMode(perm fs.FileMode) error {
	return f.do("chmod", func(last bool) error {
		stamp, _ := f.touch()
		f.node.record(change{meta: true, inFlight: last, apply: func(c *content) {
			c.mode, c.changed = perm.Perm(), stamp
		}})
		return nil
	})
}

func (f *file) Stat() (info disk.Info, err error) {
	err = f.do("stat", func(bool) error {
		info = f.node.info()
		return nil
	})
	return info, err
}

// Datasync leaves mode and times to chance, as fdatasync(2) may.
func (f *file) Datasync() error {
	return f.sync("fdatasync", func(c change) bool { return !c.meta })
}

func (f *file) Sync() error {
	return f.sync("fsync", func(change) bool { return true })
}

func (f *file) sync(op string, covers func(change) bool) error {
	return f.do(op, func(last bool) error {
		if last {
			return nil // the power went before the disk had it
		}
		left := f.node.changes[:0:0]
		for _, c := range f.node.changes {
			if covers(c) {
				c.apply(&f.node.synced)
			} else {
				left = append(left, c)
			}
		}
		f.node.changes = left
		return nil
	})
}

// Close is no operation of the disk: it changes nothing there.
func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}

// Fd gives no descriptor: the file is in memory alone.
func (f *file) Fd() uintptr { return ^uintptr(0) }
