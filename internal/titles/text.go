package titles

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/catalogue"
	"videoclub/internal/reason"
)

// version tells one state of a file from another, as far as the file system's
// clock does.
type version struct {
	device, inode uint64
	size          int64
	changed       time.Time // what it holds or what it is
}

func versionOf(path string) (version, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return version{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return versionIn(&stat), nil
}

func versionIn(s *unix.Stat_t) version {
	return version{device: s.Dev, inode: s.Ino, size: s.Size, changed: time.Unix(s.Ctim.Unix())}
}

// text is what a file held when it was read.
type text struct {
	version
	bytes    []byte
	mode     fs.FileMode
	uid, gid int
}

// errWriting says that somebody has the file open for writing.
var errWriting = errors.New("somebody has it open for writing")

// read reads a file of titles. With atRest, one that somebody is writing is
// errWriting: what is there may be half of it.
func read(path string, atRest bool) (t text, err error) {
	// What is no file must not make the server wait.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return text{}, err
	}
	defer f.Close()
	if atRest {
		l, err := hold(f)
		if err != nil {
			return text{}, err
		}
		defer l.release()
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return text{}, &fs.PathError{Op: "fstat", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return text{}, reason.New(reason.TitlesFailed, "%s is not a regular file", path)
	}
	t = text{version: versionIn(&stat), mode: fs.FileMode(stat.Mode & 0o777), uid: int(stat.Uid), gid: int(stat.Gid)}
	t.bytes, err = io.ReadAll(io.LimitReader(f, catalogue.MaxText+1))
	return t, err
}

// lease keeps others from opening a file for writing until it is released,
// which must be soon: they wait (fcntl(2), "Leases").
type lease struct {
	file *os.File
	held bool
}

// hold takes the lease of a file. While somebody has it open for writing it
// gives errWriting. Where leases are not to be had, as on a network's file
// system or a file of another owner, nothing is held.
func hold(f *os.File) (lease, error) {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(err, unix.EAGAIN) {
		return lease{}, errWriting
	}
	return lease{f, err == nil}, nil
}

// awaited says whether somebody waits to open the file for writing.
func (l lease) awaited() bool {
	if !l.held {
		return false
	}
	kind, err := unix.FcntlInt(l.file.Fd(), unix.F_GETLEASE, 0)
	return err == nil && kind != unix.F_RDLCK
}

// release lets those go who wait.
func (l lease) release() {
	if l.held {
		unix.FcntlInt(l.file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
}

// leased is a file that is held, and closed when it is let go.
type leased struct{ lease }

// holdAt takes the lease of the file at path.
func holdAt(path string) (leased, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return leased{}, err
	}
	l, err := hold(f)
	if err != nil {
		f.Close()
		return leased{}, err
	}
	return leased{l}, nil
}

// letGo releases and closes it; once.
func (l leased) letGo() {
	l.release()
	l.file.Close()
}
