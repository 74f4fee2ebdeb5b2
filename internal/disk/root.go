package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Root is the FS of a directory of this machine.
type Root struct {
	dir *os.File
}

// OS opens the directory dir as an FS. dir itself may be reached by a symbolic
// link; below it none is followed.
func OS(dir string) (*Root, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &Root{dir: f}, nil
}

// FromDir makes an FS of an open directory, such as one that a process was
// given by its parent. The Root owns dir from then on.
func FromDir(dir *os.File) *Root { return &Root{dir: dir} }

// OSDir gives the open directory beneath an FS, to be handed to a process that
// is started; it stays the FS's to close. It is false for an FS that has none.
func OSDir(fsys FS) (*os.File, bool) {
	r, ok := fsys.(*Root)
	if !ok {
		return nil, false
	}
	return r.dir, true
}

// Close gives up the directory. Files that are open stay open.
func (r *Root) Close() error { return r.dir.Close() }

// Sub implements FS.
func (r *Root) Sub(name string) (FS, error) {
	var sub *Root
	err := r.at("open", name, func(dir int, base string) error {
		fd, err := openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err == nil {
			sub = FromDir(os.NewFile(uintptr(fd), name))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return sub, nil
}

// SyncAll implements FS. Errors of writing that the kernel has met since the
// directory was opened are told since Linux 5.8.
func (r *Root) SyncAll() error {
	defer runtime.KeepAlive(r)
	err := again(func() error { return unix.Syncfs(int(r.dir.Fd())) })
	if err != nil {
		return &fs.PathError{Op: "syncfs", Path: r.dir.Name(), Err: err}
	}
	return nil
}

// at calls do with a descriptor of the directory that holds name and the last
// element of name. The way down is walked one openat(2) at a time with
// O_NOFOLLOW, which needs no more than every kernel and sandbox allows, where
// openat2(2) may be refused.
func (r *Root) at(op, name string, do func(dir int, base string) error) error {
	fail := func(err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
		return fail(fs.ErrInvalid)
	}
	defer runtime.KeepAlive(r)
	top := int(r.dir.Fd())
	if top < 0 {
		return fail(fs.ErrClosed)
	}
	dir := top
	elements := strings.Split(name, "/")
	for _, element := range elements[:len(elements)-1] {
		next, err := openat(dir, element, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if dir != top {
			unix.Close(dir)
		}
		if err != nil {
			return fail(err)
		}
		dir = next
	}
	err := do(dir, elements[len(elements)-1])
	if dir != top {
		unix.Close(dir)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// OpenFile implements FS.
func (r *Root) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	const allowed = os.O_RDWR | os.O_CREATE | os.O_EXCL | os.O_TRUNC
	if flag&^allowed != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	var f *os.File
	err := r.at("open", name, func(dir int, base string) error {
		// O_NONBLOCK, so that a FIFO in the place of a file does not hold the
		// caller; it means nothing for the regular file that is let through.
		fd, err := openat(dir, base, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, uint32(perm.Perm()))
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			unix.Close(fd)
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			unix.Close(fd)
			return fmt.Errorf("not a regular file: %w", fs.ErrInvalid)
		}
		if err := unix.SetNonblock(fd, false); err != nil {
			unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return FromOS(f), nil
}

// Mkdir implements FS.
func (r *Root) Mkdir(name string, perm fs.FileMode) error {
	return r.at("mkdir", name, func(dir int, base string) error {
		return unix.Mkdirat(dir, base, uint32(perm.Perm()))
	})
}

// Rename implements FS.
func (r *Root) Rename(from, to string) error { return r.rename(from, to, 0) }

// RenameNoReplace implements FS. Where the file system does not know
// RENAME_NOREPLACE a file gets its new name by link(2), which never replaces
// either, and then loses the old one; a directory takes the place of an empty
// one, made for it, which rename(2) replaces and nothing else.
func (r *Root) RenameNoReplace(from, to string) error {
	err := r.rename(from, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	return r.renameByLink(from, to)
}

func (r *Root) renameByLink(from, to string) error {
	return r.both("rename", from, to, func(fromDir int, fromBase string, toDir int, toBase string) error {
		var st unix.Stat_t
		if err := unix.Fstatat(fromDir, fromBase, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			if err := unix.Mkdirat(toDir, toBase, st.Mode&0o777); err != nil {
				return err
			}
			return unix.Renameat(fromDir, fromBase, toDir, toBase)
		}
		if err := unix.Linkat(fromDir, fromBase, toDir, toBase, 0); err != nil {
			return err
		}
		return unix.Unlinkat(fromDir, fromBase, 0)
	})
}

func (r *Root) rename(from, to string, flags uint) error {
	return r.both("rename", from, to, func(fromDir int, fromBase string, toDir int, toBase string) error {
		return again(func() error { return unix.Renameat2(fromDir, fromBase, toDir, toBase, flags) })
	})
}

func (r *Root) both(op, from, to string, do func(fromDir int, fromBase string, toDir int, toBase string) error) error {
	return r.at(op, from, func(fromDir int, fromBase string) error {
		return r.at(op, to, func(toDir int, toBase string) error {
			return do(fromDir, fromBase, toDir, toBase)
		})
	})
}

// Remove implements FS.
func (r *Root) Remove(name string) error {
	return r.at("remove", name, func(dir int, base string) error {
		err := unix.Unlinkat(dir, base, 0)
		// Linux says EISDIR for a directory, POSIX EPERM.
		if err == unix.EISDIR || err == unix.EPERM {
			return unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
		}
		return err
	})
}

// ReadDir implements FS.
func (r *Root) ReadDir(name string) ([]string, error) {
	var names []string
	err := r.directory("readdir", name, func(d *os.File) (err error) {
		names, err = d.Readdirnames(-1)
		return err
	})
	slices.Sort(names)
	return names, err
}

// SyncDir implements FS. Some network file systems answer EINVAL because a
// directory has nothing there that could be synced; that is no failure.
func (r *Root) SyncDir(name string) error {
	return r.directory("sync", name, func(d *os.File) error {
		err := again(func() error { return unix.Fsync(int(d.Fd())) })
		if err == unix.EINVAL || err == unix.EOPNOTSUPP {
			return nil
		}
		return err
	})
}

func (r *Root) directory(op, name string, do func(*os.File) error) error {
	return r.at(op, name, func(dir int, base string) error {
		fd, err := openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		d := os.NewFile(uintptr(fd), name)
		defer d.Close()
		return do(d)
	})
}

// Stat implements FS.
func (r *Root) Stat(name string) (Info, error) {
	var st unix.Stat_t
	err := r.at("stat", name, func(dir int, base string) error {
		return unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return Info{}, err
	}
	return info(&st), nil
}

// SetModTime implements FS. The file is opened for it, and no path is named: that
// of any other file could be, which no sandbox would see.
func (r *Root) SetModTime(name string, t time.Time) error {
	modified, err := unix.TimeToTimespec(t)
	if err != nil {
		return &fs.PathError{Op: "utimes", Path: name, Err: err}
	}
	f, err := r.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	times := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, modified}
	return f.(*handle).call("utimes", func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// Space implements FS.
func (r *Root) Space() (Space, error) {
	var st unix.Statfs_t
	err := r.at("statfs", ".", func(int, string) error {
		return again(func() error { return unix.Fstatfs(int(r.dir.Fd()), &st) })
	})
	if err != nil {
		return Space{}, err
	}
	block := uint64(st.Frsize)
	if block == 0 {
		block = uint64(st.Bsize)
	}
	return Space{Available: bytes(st.Bavail, block), Total: bytes(st.Blocks, block)}, nil
}

// bytes multiplies without overflow: a file system may claim any size.
func bytes(blocks, block uint64) int64 {
	if block != 0 && blocks > math.MaxInt64/block {
		return math.MaxInt64
	}
	return int64(blocks * block)
}

// Lock implements FS by flock(2), which the kernel releases with the process
// however it ends.
func (r *Root) Lock(name string) (io.Closer, error) {
	f, err := r.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	err = again(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			err = ErrLocked
		}
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return f, nil
}

func openat(dir int, name string, flag int, perm uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dir, name, flag|unix.O_CLOEXEC, perm)
		return err
	})
	return fd, err
}

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
