package lab

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// cache is where trees are kept that take long to make.
const cache = "/var/cache/vc-lab"

// alone makes a directory of the cache, and waits until nobody else makes anything
// in it: of several who need it, one makes it. It ends when the result is closed.
func alone(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}
