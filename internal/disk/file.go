package disk

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handle is a File of this machine.
type handle struct {
	f *os.File
}

// FromOS makes a File of an open regular file, such as one that a process was
// given by its parent. The File owns f from then on.
func FromOS(f *os.File) File { return &handle{f: f} }

// OSFile gives the os.File beneath f, to be handed to a process that is
// started; it stays f's to close. It is false for a File that has none.
func OSFile(f File) (*os.File, bool) {
	h, ok := f.(*handle)
	if !ok {
		return nil, false
	}
	return h.f, true
}

func (h *handle) ReadAt(p []byte, off int64) (int, error)  { return h.f.ReadAt(p, off) }
func (h *handle) WriteAt(p []byte, off int64) (int, error) { return h.f.WriteAt(p, off) }
func (h *handle) Close() error                             { return h.f.Close() }
func (h *handle) Sync() error                              { return h.f.Sync() }
func (h *handle) Truncate(size int64) error                { return h.f.Truncate(size) }
func (h *handle) SetMode(perm fs.FileMode) error           { return h.f.Chmod(perm.Perm()) }
func (h *handle) Fd() uintptr                              { return h.f.Fd() }

func (h *handle) Datasync() error {
	return h.call("fdatasync", unix.Fdatasync)
}

func (h *handle) Allocate(size int64) error {
	if size == 0 {
		return nil
	}
	return h.call("fallocate", func(fd int) error {
		// In memory it would take every page at once, for a second a
		// gigabyte, and nothing is there after a crash to be kept for.
		var st unix.Statfs_t
		if err := unix.Fstatfs(fd, &st); err == nil && st.Type == unix.TMPFS_MAGIC {
			return errors.ErrUnsupported
		}
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size)
	})
}

func (h *handle) Stat() (Info, error) {
	var st unix.Stat_t
	err := h.call("stat", func(fd int) error { return unix.Fstat(fd, &st) })
	if err != nil {
		return Info{}, err
	}
	return info(&st), nil
}

// call runs a system call on the descriptor, which cannot be closed meanwhile.
func (h *handle) call(op string, do func(fd int) error) error {
	conn, err := h.f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) {
		failed = again(func() error { return do(int(fd)) })
	}); err != nil {
		failed = fs.ErrClosed // there is nothing else that keeps it from the call
	}
	if failed != nil {
		return &fs.PathError{Op: op, Path: h.f.Name(), Err: failed}
	}
	return nil
}

func info(st *unix.Stat_t) Info {
	mode := fs.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	default:
		mode |= fs.ModeIrregular
	}
	return Info{
		Size:       st.Size,
		Allocated:  st.Blocks * 512, // stat(2): in units of 512 bytes, whatever the file system's
		Mode:       mode,
		ModTime:    time.Unix(st.Mtim.Unix()),
		ChangeTime: time.Unix(st.Ctim.Unix()),
		Inode:      st.Ino,
	}
}
