// Package source reads a title's file, the files of its folder, or a part of a
// recording that grows, as one stream and notices when files change. Its Opener
// runs in the supervisor and turns a location into a descriptor; File, Folder and
// Recording run in the read worker, which sees nothing else, and Describe in the
// survey worker.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

// Facts identify a version of a file: while both are the same, so is the
// content.
type Facts struct {
	Size   int64 // bytes of the stream; 0 for a folder that was not described
	MTime  int64 // nanoseconds since 1970; the version of a folder's manifest
	Folder bool
}

func (f Facts) String() string {
	if f.Folder {
		return fmt.Sprintf("a folder of %d bytes, version %016x", f.Size, f.MTime)
	}
	return fmt.Sprintf("%d bytes of %s", f.Size, time.Unix(0, f.MTime).UTC().Format("2006-01-02 15:04:05.000000000 MST"))
}

// Opener opens the files of titles.
type Opener struct {
	Roots []string // absolute directories under which all must lie; empty means anywhere
	Never []string // absolute directories that are never read: the state, with its keys
}

// Open opens the file or the folder at an absolute location. Symbolic links on
// the way there are followed as far as they stay within the roots. What is
// missing, unreadable, neither a regular file nor a folder, or not allowed gives
// reason.TitleUnreadable.
func (o Opener) Open(location string) (*os.File, Facts, error) {
	f, err := o.open(location)
	if err != nil {
		return nil, Facts{}, reason.Wrap(reason.TitleUnreadable, err, "opening the title")
	}
	facts, err := o.check(f)
	if err != nil {
		f.Close()
		return nil, Facts{}, reason.Wrap(reason.TitleUnreadable, err, "%s", location)
	}
	return f, facts, nil
}

func (o Opener) open(location string) (*os.File, error) {
	if !filepath.IsAbs(location) || filepath.Clean(location) != location {
		return nil, fmt.Errorf("%q is not an absolute, clean path", location)
	}
	// A FIFO or a device must not make the supervisor wait; check refuses it.
	const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
	if len(o.Roots) == 0 {
		return os.OpenFile(location, flags, 0)
	}
	for _, dir := range o.Roots {
		below, ok := under(dir, location)
		if !ok {
			continue
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		return root.OpenFile(below, flags, 0)
	}
	return nil, fmt.Errorf("%s lies under none of the roots %s", location, strings.Join(o.Roots, ", "))
}

// check looks at what was really opened, links resolved.
func (o Opener) check(f *os.File) (Facts, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return Facts{}, err
	}
	folder := stat.Mode&unix.S_IFMT == unix.S_IFDIR
	if !folder && stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return Facts{}, errors.New("it is neither a regular file nor a folder")
	}
	really, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return Facts{}, err
	}
	for _, dir := range o.Never {
		// The directory may be reached by a link itself, as that of a service
		// with a dynamic user is (systemd.exec(5), StateDirectory).
		resolved, err := filepath.EvalSymlinks(dir)
		if err != nil {
			resolved = dir
		}
		if _, ok := under(resolved, really); ok {
			return Facts{}, fmt.Errorf("it lies in %s, which is the server's own", dir)
		}
		if _, ok := under(really, resolved); ok && folder {
			return Facts{}, fmt.Errorf("%s, which is the server's own, lies in it", dir)
		}
	}
	if folder {
		return Facts{Folder: true}, nil
	}
	return factsOf(&stat), nil
}

// under gives the path of location below dir, if it lies there.
func under(dir, location string) (string, bool) {
	below, err := filepath.Rel(dir, location)
	return below, err == nil && filepath.IsLocal(below)
}

func factsOf(stat *unix.Stat_t) Facts {
	return Facts{Size: stat.Size, MTime: stat.Mtim.Nano()}
}

// File is an open source. Safe for concurrent use.
type File struct {
	file *os.File
	want Facts
}

// Take makes a File of a descriptor, whose content must be that of want.
func Take(f *os.File, want Facts) (*File, error) {
	s := &File{file: f, want: want}
	// Only a hint: reading is right without it.
	unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	return s, s.Unchanged()
}

// Size is the length of the stream in bytes.
func (s *File) Size() int64 { return s.want.Size }

// More says up to where there is something from offset on; io.EOF at the end.
func (s *File) More(_ context.Context, offset int64) (int64, error) { return more(offset, s.want.Size) }

// more is More of what does not grow.
func more(offset, size int64) (int64, error) {
	if offset >= size {
		return 0, io.EOF
	}
	return size, nil
}

// ReadAt fills p from offset on. Unlike io.ReaderAt it may be asked only for
// bytes that the stream has. A file that has become shorter gives
// reason.SourceChanged; one that cannot be read, reason.SourceUnreadable.
func (s *File) ReadAt(p []byte, offset int64) error {
	_, err := s.file.ReadAt(p, offset)
	if err == nil {
		return nil
	}
	if changed := s.Unchanged(); changed != nil {
		return changed
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return reason.Wrap(reason.SourceUnreadable, err, "reading the source at %d", offset)
}

// OneVersion is asked after the last byte was read and before the stream is
// called whole, so that versions are never mixed.
func (s *File) OneVersion() error { return s.Unchanged() }

// Unchanged gives reason.SourceChanged if the file is another version than
// was promised.
func (s *File) Unchanged() error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(s.file.Fd()), &stat); err != nil {
		return reason.Wrap(reason.SourceUnreadable, err, "looking at the source")
	}
	if now := factsOf(&stat); now != s.want {
		return reason.New(reason.SourceChanged, "promised were %v, now it has %v", s.want, now)
	}
	return nil
}
