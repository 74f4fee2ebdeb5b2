// Package atomicfile writes a file as a whole or not at all: temp, write,
// fsync, rename, fsync of the directory.
package atomicfile

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"videoclub/internal/disk"
)

const prefix = ".vc-temp-"

// Write puts data into the file name of fsys, with the permission bits perm
// whatever the umask. When it returns nil the new content is durable; when it
// fails, or the power goes at any moment, the file has its old content or the
// new one, whole. What was there before under the name is replaced, a symbolic
// link too. A crash may leave a temporary file beside it, which IsTemp knows.
func Write(fsys disk.FS, name string, data []byte, perm fs.FileMode) error {
	// A random name, so that neither another writer nor what a crash left is
	// ever in the way.
	temp := path.Join(path.Dir(name), prefix+strings.ToLower(rand.Text()))
	if err := fill(fsys, temp, data, perm); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp) // the rename's error is the one to tell
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.SyncDir(path.Dir(name)); err != nil {
		return fmt.Errorf("write %s: its directory: %w", name, err)
	}
	return nil
}

// fill makes temp whole and durable, or takes it away again.
func fill(fsys disk.FS, temp string, data []byte, perm fs.FileMode) (err error) {
	f, err := fsys.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			_ = fsys.Remove(temp) // the first error is the one to tell
		}
	}()
	if err := f.SetMode(perm); err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}

// WriteFile is Write for a path of this machine. The directory must exist.
func WriteFile(name string, data []byte, perm fs.FileMode) error {
	dir, err := disk.OS(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer dir.Close()
	return Write(dir, filepath.Base(name), data, perm)
}

// IsTemp says whether name, the last element of a path, is that of a temporary
// file of this package.
func IsTemp(name string) bool { return strings.HasPrefix(name, prefix) }

// RemoveTemps removes the temporary files that a crash left in a directory.
// Nobody may be writing there.
func RemoveTemps(fsys disk.FS, dir string) error {
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !IsTemp(name) {
			continue
		}
		if err := fsys.Remove(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
