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
		release, err := hold(f)
		if err != nil {
			return text{}, err
		}
		defer release()
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

// hold keeps others from opening a file for writing until release is called,
// which must be soon: they wait. While one of them has it open it gives
// errWriting. Where leases are not to be had, as on a network's file system or
// a file of another owner, nothing is held (fcntl(2), "Leases").
func hold(f *os.File) (release func(), err error) {
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil, errWriting
	case err != nil:
		return func() {}, nil
	}
	return func() { unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK) }, nil
}
