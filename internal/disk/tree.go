package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"
)

// RemoveTree removes a file or a directory with all that is in it; what is not
// there is no error. It goes on after what cannot be removed, and gives the first
// error; when ctx ends it leaves the rest, and gives its error.
//
// However deep it is, no way is longer than two names, and no more is open than
// one directory: what is below it is taken up beside it, where it is emptied next.
func RemoveTree(ctx context.Context, fsys FS, name string) error {
	empty, err := remove(fsys, name)
	if empty || err != nil {
		return err
	}
	top, err := fsys.Sub(name)
	if err != nil {
		return err
	}
	err = clearTop(ctx, top)
	if closed := top.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return fsys.Remove(name)
}

// remove removes a file or an empty directory, and says whether nothing is left.
func remove(fsys FS, name string) (bool, error) {
	err := fsys.Remove(name)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST):
		return false, nil
	}
	return false, err
}

// clearTop removes all that is in the root of top.
func clearTop(ctx context.Context, top FS) error {
	var failed error
	note := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	prefix, taken := rand.Text(), 0 // nobody else has names like these
	full, err := clearDir(ctx, top, ".", note)
	note(err)
	for len(full) > 0 && ctx.Err() == nil {
		dir := full[len(full)-1]
		full = full[:len(full)-1]
		below, err := clearDir(ctx, top, dir, note)
		if note(err); err != nil {
			continue
		}
		stays := false
		for _, name := range below {
			taken++
			to := fmt.Sprintf("%s-%d", prefix, taken)
			if err := top.Rename(path.Join(dir, name), to); err != nil {
				note(err)
				stays = true
				continue
			}
			full = append(full, to)
		}
		if !stays {
			note(top.Remove(dir))
		}
	}
	if failed == nil {
		failed = ctx.Err()
	}
	return failed
}

// clearDir removes the files and the empty directories in one directory, and
// gives the names of the others.
func clearDir(ctx context.Context, top FS, dir string, note func(error)) (full []string, err error) {
	names, err := top.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		empty, err := remove(top, path.Join(dir, name))
		if note(err); err == nil && !empty {
			full = append(full, name)
		}
	}
	return full, nil
}
