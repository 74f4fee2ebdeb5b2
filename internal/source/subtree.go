package source

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// subtree opens what lies below one directory, by paths in the order of a
// manifest: the folders on the way to the last path stay open, so that a
// file costs one call however deep it lies.
type subtree struct {
	root *os.File
	open []branch
}

type branch struct {
	name string
	fd   int
}

func (t *subtree) close() { t.cutTo(0) }

func (t *subtree) cutTo(depth int) {
	for _, b := range t.open[depth:] {
		unix.Close(b.fd)
	}
	t.open = t.open[:depth]
}

// at gives the descriptor of the folder that holds path, and path's last
// element. The descriptor is the tree's.
func (t *subtree) at(path string) (dir int, name string, err error) {
	elements := strings.Split(path, "/")
	way := elements[:len(elements)-1]
	same := 0
	for same < len(t.open) && same < len(way) && t.open[same].name == way[same] {
		same++
	}
	t.cutTo(same)
	for _, element := range way[same:] {
		fd, err := openBelow(t.top(), element, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			return 0, "", err
		}
		t.open = append(t.open, branch{element, fd})
	}
	return t.top(), elements[len(elements)-1], nil
}

func (t *subtree) top() int {
	if n := len(t.open); n > 0 {
		return t.open[n-1].fd
	}
	return int(t.root.Fd())
}

// file opens a file for reading.
func (t *subtree) file(path string) (*os.File, error) {
	dir, name, err := t.at(path)
	if err != nil {
		return nil, err
	}
	fd, err := openBelow(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openBelow opens one name in a directory, whatever it is but a link. The
// kernel is asked to keep to the directory too (openat2(2)); one that cannot be
// asked has a name without a slash and O_NOFOLLOW to go by.
func openBelow(dir int, name string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		if errors.Is(err, unix.ENOSYS) {
			fd, err = unix.Openat(dir, name, int(how.Flags), 0)
		}
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
