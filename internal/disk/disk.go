// Package disk is the file operations on which durability rests, rooted in one
// directory, so that nothing outside it can be reached and so that a test can
// take the power away beneath them.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// ErrLocked says that another open file description holds the lock asked for.
var ErrLocked = errors.New("locked by another process")

// FS is a directory tree and what may be done in it. Names are relative to its
// root, slash separated, as fs.ValidPath has them; "." is the root itself.
// Symbolic links are never followed. Errors answer to errors.Is with
// fs.ErrNotExist, fs.ErrExist, fs.ErrInvalid and the errno values. An FS may be
// used by several goroutines.
//
// Nothing is durable by itself: a file's bytes are after its Datasync or Sync,
// a name (made, renamed or removed) after SyncDir of the directory it is in,
// and both after SyncAll.
type FS interface {
	// OpenFile opens a regular file. The flag is os.O_RDONLY or os.O_RDWR with
	// any of os.O_CREATE, os.O_EXCL and os.O_TRUNC; perm is that of a new file,
	// less the umask.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Mkdir makes one directory.
	Mkdir(name string, perm fs.FileMode) error
	// Rename moves a file or directory, replacing a file of the new name.
	Rename(from, to string) error
	// RenameNoReplace is Rename that fails with fs.ErrExist where the new name
	// is taken (renameat2(2), RENAME_NOREPLACE). A crash may leave both names,
	// of the same inode.
	RenameNoReplace(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// ReadDir gives the names in a directory, sorted.
	ReadDir(name string) ([]string, error)
	// Stat describes what has the name; a symbolic link is described itself.
	Stat(name string) (Info, error)
	// SetModTime sets the time of last modification of a regular file that may be
	// read; Sync of the file makes it durable.
	SetModTime(name string, t time.Time) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
	// Space gives what the file system has.
	Space() (Space, error)
	// SyncAll makes everything on the file system durable, bytes and names
	// (syncfs(2)). After an error the same holds as for File.Datasync.
	SyncAll() error
	// Sub gives a directory as an FS of its own.
	Sub(name string) (FS, error)
	// Close gives the FS up. Files that are open stay open.
	Close() error
	// Lock takes the exclusive lock of a file, made if missing, until the
	// result is closed or the process ends. It does not wait: ErrLocked.
	Lock(name string) (io.Closer, error)
}

// File is an open regular file. ReadAt and WriteAt may run at the same time as
// Datasync and Sync.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Datasync makes the bytes and the size durable (fdatasync(2)). After an
	// error nothing may be taken as durable that was written since the last
	// success, even if a later call succeeds: the kernel reports a lost page
	// once and then forgets it.
	Datasync() error
	// Sync is Datasync and the rest: mode and times (fsync(2)).
	Sync() error
	// Truncate sets the size in bytes; what was allocated beyond it is freed.
	Truncate(size int64) error
	// Allocate reserves blocks for the first size bytes without changing the
	// file's size (fallocate(2), FALLOC_FL_KEEP_SIZE). It fails with
	// errors.ErrUnsupported where the file system cannot, and with an error
	// that IsNoSpace knows where there is no space; part may then be
	// allocated, and Truncate frees it. A size of 0 is nothing to do.
	Allocate(size int64) error
	// SetMode sets the permission bits, whatever the umask.
	SetMode(perm fs.FileMode) error
	// Stat describes the file.
	Stat() (Info, error)
	// Fd is the descriptor, valid until Close; ^uintptr(0) where there is none.
	Fd() uintptr
}

// Info is what statx(2) knows of a file.
type Info struct {
	// Size is the length in bytes, Allocated the bytes of the blocks it holds.
	Size, Allocated int64
	// Mode is the type and the permission bits.
	Mode fs.FileMode
	// ModTime is the last change of the bytes, ChangeTime of anything.
	ModTime, ChangeTime time.Time
	// Inode tells a file from every other that exists on its file system.
	Inode uint64
}

// Space is the room of a file system in bytes.
type Space struct {
	// Available is what an unprivileged process may still take.
	Available int64
	// Total is the size of the file system.
	Total int64
}

// IsNoSpace says whether err is for want of space or of disk quota.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// ReadFile gives the content of a file of at most limit bytes; a longer one is
// an error, so that a damaged file cannot take the memory.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: longer than the %d bytes that such a file may have", name, limit)
	}
	return data, nil
}
