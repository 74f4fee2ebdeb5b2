package source

import (
	"errors"
	"io"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// Describe writes the manifest of a folder to w and says what it comes to. No
// file is opened. What cannot be part of a title gives reason.TitleUnreadable
// with its path.
func Describe(dir *os.File, w io.Writer) (manifest.Summary, error) {
	d := &describer{out: manifest.NewWriter(w)}
	top, err := openBelow(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil {
		err = d.folder(top, "")
	}
	var wrong *manifest.PathError
	switch {
	case errors.As(err, &wrong):
		return manifest.Summary{}, reason.Wrap(reason.TitleUnreadable, err, "the folder cannot be a title")
	case err != nil:
		return manifest.Summary{}, reason.Wrap(reason.TitleUnreadable, err, "looking through the folder")
	}
	sum, err := d.out.Close()
	if err != nil {
		return manifest.Summary{}, reason.Wrap(reason.Internal, err, "writing down the folder")
	}
	return sum, nil
}

type describer struct{ out *manifest.Writer }

// folder describes what is in the directory fd, which it closes.
func (d *describer) folder(fd int, below string) error {
	f := os.NewFile(uintptr(fd), below)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := d.entry(f, path.Join(below, name), name); err != nil {
			return err
		}
	}
	return nil
}

func (d *describer) entry(in *os.File, path, name string) error {
	var stat unix.Stat_t
	if err := unix.Fstatat(int(in.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	what := ""
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return d.out.Add(manifest.Entry{Kind: manifest.File, Path: path, Size: stat.Size, MTime: stat.Mtim.Nano()})
	case unix.S_IFDIR:
		if err := d.out.Add(manifest.Entry{Kind: manifest.Folder, Path: path}); err != nil {
			return err
		}
		fd, err := openBelow(int(in.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			return &os.PathError{Op: "open", Path: path, Err: err}
		}
		return d.folder(fd, path)
	case unix.S_IFLNK:
		what = "a symbolic link"
	case unix.S_IFSOCK:
		what = "a socket"
	case unix.S_IFIFO:
		what = "a pipe"
	default:
		what = "a device"
	}
	return &manifest.PathError{Path: path, Why: "it is " + what + ", and a title is made of files and folders"}
}
