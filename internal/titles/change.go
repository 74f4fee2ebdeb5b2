package titles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/catalogue"
	"videoclub/internal/reason"
)

// An editor knows nothing of this server, so a change must not rest on what the
// file held a moment ago. The new text is written beside the old one, and the
// two are exchanged (renameat2(2)) while both are held, so that whoever opens
// one for writing waits. Then what was taken out is looked at. If it is not what
// the change was made from, or somebody waits for it, the two are exchanged back
// and the change is made again, from what is there now. At any moment the name
// leads to a whole text, the one before or the one after.

const (
	// tries is how often a change is made while others change the file too.
	tries = 100
	// writeWithin is how long somebody else may keep the file open for writing.
	writeWithin = 5 * time.Second
	lookEvery   = 5 * time.Millisecond
	// newMode is that of a file that is not there yet.
	newMode = 0o644
)

// errOvertaken says that the file changed under a change.
var errOvertaken = errors.New("it changed meanwhile")

// change applies a change to the file as it is now, and makes the outcome the
// titles once it is durable.
func (f *File) change(apply func(*catalogue.Catalogue) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, err := filepath.EvalSymlinks(f.path) // a link to it stays one
	if errors.Is(err, fs.ErrNotExist) {
		path, err = f.path, nil
	}
	if err != nil {
		return reason.Wrap(reason.TitlesFailed, err, "%s", f.path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return reason.Wrap(reason.TitlesFailed, err, "%s", f.path)
	}
	defer dir.Close()
	// Another server of the same file waits here.
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return reason.Wrap(reason.TitlesFailed, err, "locking %s", dir.Name())
	}
	for range tries {
		err = f.changeOnce(path, dir, apply)
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return reason.Wrap(reason.Busy, err, "%s", f.path)
}

func (f *File) changeOnce(path string, dir *os.File, apply func(*catalogue.Catalogue) error) error {
	old, err := readAtRest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.existed:
		return reason.New(reason.TitlesFailed, "%s has gone; put it back, or make an empty one, and try again", path)
	case errors.Is(err, fs.ErrNotExist):
		old = text{mode: newMode, uid: os.Geteuid(), gid: os.Getegid()}
	case errors.Is(err, errWriting):
		return reason.Wrap(reason.Busy, err, "%s", path)
	case err != nil:
		return reason.Wrap(reason.TitlesFailed, err, "reading it before the change")
	}
	c, problems, err := catalogue.Parse(old.bytes)
	if err != nil {
		return err
	}
	if err := apply(c); err != nil {
		return err
	}
	if err := f.replace(path, dir, old, c.Bytes()); err != nil {
		if errors.Is(err, errOvertaken) || reason.Of(err) == reason.Busy {
			return err
		}
		return reason.Wrap(reason.TitlesFailed, err, "changing %s", path)
	}
	f.publish(c, problems)
	f.recent = true // what it is on disk is seen at the next look
	return nil
}

// readAtRest reads the file as soon as nobody writes to it, or gives errWriting
// after a while.
func readAtRest(path string) (text, error) {
	return atRest(func() (text, error) { return read(path, true) })
}

// atRest does what cannot be done while somebody writes to a file as soon as
// nobody does, or gives errWriting after a while. It may be this process: a
// worker that is being started has what is open here until it is itself.
func atRest[T any](do func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		got, err := do()
		if !errors.Is(err, errWriting) {
			return got, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return got, err
		}
	}
}

// replace puts a new text into the place of old, or leaves everything as it is:
// errOvertaken if old is not what is there.
func (f *File) replace(path string, dir *os.File, old text, now []byte) error {
	beside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".vc-change")
	if err := f.fill(beside, old, now); err != nil {
		return err
	}
	if old.inode == 0 { // there was none
		err := unix.Renameat2(unix.AT_FDCWD, beside, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
		switch {
		case errors.Is(err, unix.EEXIST):
			return errOvertaken
		case err != nil:
			return fmt.Errorf("giving it its name: %w", err)
		}
		return dir.Sync()
	}
	// Until it is sure that the new text stays, nobody writes to it.
	fresh, err := atRest(func() (leased, error) { return holdAt(beside) })
	if errors.Is(err, errWriting) {
		return overtaken(err)
	}
	if err != nil {
		return err
	}
	defer fresh.letGo()
	if err := exchange(path, beside, old); err != nil {
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
			return f.rename(path, dir, beside, old)
		}
		if errors.Is(err, errOvertaken) {
			os.Remove(beside) // it is written anew
		}
		return err
	}
	out, err := readAtRest(beside)
	if err == nil && bytes.Equal(out.bytes, old.bytes) {
		if err := dir.Sync(); err != nil {
			return err
		}
		return os.Remove(beside)
	}
	if back := f.takeBack(path, beside, now, fresh); back != nil {
		return back
	}
	return overtaken(err)
}

// exchange exchanges old, at path, for what lies beside it, or gives errOvertaken.
// It leaves to the caller only who comes upon old within the exchange itself.
func exchange(path, beside string, old text) error {
	held, err := holdAt(path)
	switch {
	case errors.Is(err, errWriting), errors.Is(err, fs.ErrNotExist):
		return errOvertaken
	case err != nil:
		return err
	}
	defer held.letGo()
	if now, err := read(path, false); err != nil || !bytes.Equal(now.bytes, old.bytes) || held.awaited() {
		return errOvertaken
	}
	err = unix.Renameat2(unix.AT_FDCWD, beside, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
	switch {
	case errors.Is(err, unix.ENOENT): // an editor is about to put it there again
		return errOvertaken
	case err != nil:
		return fmt.Errorf("exchanging it: %w", err)
	}
	if !held.awaited() {
		return nil
	}
	// Somebody has found old under its name and waits to write to it: that is
	// where it has to be.
	if err := unix.Renameat2(unix.AT_FDCWD, beside, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchanging it back: %w", err)
	}
	return errOvertaken
}

func overtaken(err error) error {
	if errors.Is(err, errWriting) {
		return reason.Wrap(reason.Busy, err, "the file of titles")
	}
	return errOvertaken
}

// takeBack exchanges the two texts once more, and lets go of the new one. Should
// somebody else have waited to change that within these moments, what they make
// of it is kept beside it.
func (f *File) takeBack(path, beside string, now []byte, fresh leased) error {
	failed := unix.Renameat2(unix.AT_FDCWD, beside, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
	fresh.release()
	if failed == nil {
		if out, err := readAtRest(beside); err == nil && bytes.Equal(out.bytes, now) {
			return nil
		}
	}
	kept := path + ".conflict-" + f.clock().UTC().Format("20060102T150405.000")
	f.log.Error("two editors changed the titles at once, one text is kept beside the other", "file", path, "kept", kept)
	return errors.Join(failed, os.Rename(beside, kept))
}

// rename is the way of file systems that do not exchange names: a change in the
// moment between the look and the rename is not seen.
func (f *File) rename(path string, dir *os.File, beside string, old text) error {
	out, err := readAtRest(path)
	if err != nil || !bytes.Equal(out.bytes, old.bytes) {
		return overtaken(err)
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	return dir.Sync()
}

// fill makes the file beside, durable and with the mode and owner of old.
func (f *File) fill(beside string, old text, now []byte) (err error) {
	// What a crash left is of no use.
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closed := w.Close(); err == nil {
			err = closed
		}
		if err != nil {
			os.Remove(beside) // the first error is the one to tell
		}
	}()
	if _, err := w.Write(now); err != nil {
		return err
	}
	f.keepOwner(w, old)
	if err := w.Chmod(old.mode); err != nil { // after chown(2), which may take bits away
		return err
	}
	return w.Sync()
}

// keepOwner gives a file the owner and group of old, as far as this process may.
func (f *File) keepOwner(w *os.File, old text) {
	// Where nothing is to change, nothing is asked: a service's filter refuses
	// the call whatever it is for.
	if info, err := w.Stat(); err == nil {
		if own, ok := info.Sys().(*syscall.Stat_t); ok && int(own.Uid) == old.uid && int(own.Gid) == old.gid {
			return
		}
	}
	if w.Chown(old.uid, old.gid) == nil {
		return
	}
	w.Chown(-1, old.gid)
	if !f.foreign {
		f.foreign = true
		f.log.Warn("the file of titles belongs to somebody else and will be this server's when it is changed", "file", f.path, "owner", old.uid)
	}
}
