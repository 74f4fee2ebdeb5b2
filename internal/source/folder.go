package source

import (
	"context"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// Folder is the files of a folder one after another, as one stream. Each must
// be as its manifest says when it is opened and when its last byte was read. Not
// safe for concurrent use.
type Folder struct {
	tree  subtree
	list  *os.File        // the manifest
	reuse *manifest.Reuse // what is no part of the stream; nil is nothing
	size  int64
	at    *manifest.Cursor
	file  *os.File // that of at, nil while it is not open
}

// TakeFolder makes a Folder of a directory and its manifest, whose stream has
// size bytes, without what is in reuse.
func TakeFolder(dir, list *os.File, reuse *manifest.Reuse, size int64) *Folder {
	f := &Folder{tree: subtree{root: dir}, list: list, reuse: reuse, size: size}
	f.rewind()
	return f
}

func (f *Folder) rewind() {
	f.shut()
	f.at = manifest.NewCursor(io.NewSectionReader(f.list, 0, math.MaxInt64), f.reuse)
}

func (f *Folder) shut() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// Size is the length of the stream in bytes.
func (f *Folder) Size() int64 { return f.size }

// More says up to where there is something from offset on; io.EOF at the end.
func (f *Folder) More(_ context.Context, offset int64) (int64, error) { return more(offset, f.size) }

// ReadAt fills p from offset of the stream on, which must have the bytes. It
// goes back only by reading the manifest anew. A file that is not the one of
// the manifest gives reason.SourceChanged with its path.
func (f *Folder) ReadAt(p []byte, offset int64) error {
	if offset < f.at.Start {
		f.rewind()
	}
	for len(p) > 0 {
		if err := f.open(offset); err != nil {
			return err
		}
		part := p[:min(int64(len(p)), f.at.End()-offset)]
		if _, err := f.file.ReadAt(part, offset-f.at.Start); err != nil {
			if changed := f.Unchanged(); changed != nil {
				return changed
			}
			return reason.Wrap(reason.SourceUnreadable, err, "reading %q", f.at.Entry.Path)
		}
		p, offset = p[len(part):], offset+int64(len(part))
		if offset == f.at.End() {
			if err := f.Unchanged(); err != nil {
				return err
			}
			f.shut()
		}
	}
	return nil
}

// open makes the file that has the byte at offset the open one.
func (f *Folder) open(offset int64) error {
	if f.file != nil && offset >= f.at.End() {
		f.shut()
	}
	if err := f.at.Find(offset); err != nil {
		return reason.Wrap(reason.SourceUnreadable, err, "the manifest at %d of %d", offset, f.size)
	}
	if f.file != nil {
		return nil
	}
	var err error
	if f.file, err = f.tree.file(f.at.Entry.Path); err != nil {
		return reason.Wrap(reason.SourceChanged, err, "%q cannot be opened any more", f.at.Entry.Path)
	}
	if f.at.Entry.Size > 1<<20 {
		// Only a hint: reading is right without it.
		unix.Fadvise(int(f.file.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	}
	return f.Unchanged()
}

// Unchanged gives reason.SourceChanged, with its path, if the file that is
// being read is another version than the manifest has.
func (f *Folder) Unchanged() error {
	if f.file == nil {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.file.Fd()), &stat); err != nil {
		return reason.Wrap(reason.SourceUnreadable, err, "looking at %q", f.at.Entry.Path)
	}
	return sameAs(f.at.Entry, &stat)
}

// sameAs gives reason.SourceChanged unless stat is of the file that e was.
func sameAs(e manifest.Entry, stat *unix.Stat_t) error {
	want := Facts{Size: e.Size, MTime: e.MTime}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return reason.New(reason.SourceChanged, "%q is no file any more", e.Path)
	}
	if now := factsOf(stat); now != want {
		return reason.New(reason.SourceChanged, "%q: promised were %v, now it has %v", e.Path, want, now)
	}
	return nil
}

// OneVersion looks at every file once more and gives reason.SourceChanged, with
// its path, if one is another than the manifest has: what was read before it
// changed and what is read after would be of two versions of the folder. What
// was added meanwhile is no part of the one that was promised.
func (f *Folder) OneVersion() error {
	f.rewind()
	for {
		err := f.at.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return reason.Wrap(reason.SourceUnreadable, err, "the manifest")
		case f.at.Entry.Kind != manifest.File:
			continue
		}
		e := f.at.Entry
		dir, name, err := f.tree.at(e.Path)
		var stat unix.Stat_t
		if err == nil {
			err = unix.Fstatat(dir, name, &stat, unix.AT_SYMLINK_NOFOLLOW)
		}
		if err != nil {
			return reason.Wrap(reason.SourceChanged, err, "%q is not there any more", e.Path)
		}
		if err := sameAs(e, &stat); err != nil {
			return err
		}
	}
}

// Close closes what is open below the directory.
func (f *Folder) Close() {
	f.shut()
	f.tree.close()
}
