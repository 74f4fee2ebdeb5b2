package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// treeSize bounds what may be written into a tree, which is memory.
const treeSize = "size=512m"

// Tree is a tree of files that lies over this machine's, on the network of a
// host, and is seen by its own programs alone. Packages with services are
// unpacked into it that this machine must not be disturbed by: their scripts are
// not run, no question is asked, no service starts, and which of them conflict is
// no matter. What is written into it is in memory, and gone with it.
type Tree struct {
	host *Host
	room *room
}

// Tree makes a tree on the host with Debian packages, which are files, unpacked
// into it.
func (h *Host) Tree(packages ...string) (*Tree, error) {
	r, err := newRoom(unix.CLONE_NEWNS|unix.CLONE_NEWIPC, unix.CLONE_NEWNET|unix.CLONE_NEWUTS, h.room)
	if err != nil {
		return nil, err
	}
	t := &Tree{host: h, room: r}
	if err := r.do(func() error { return t.lay(packages) }); err != nil {
		return nil, fmt.Errorf("a tree on %s: %w", h.Name, errors.Join(err, r.close()))
	}
	return t, nil
}

// mount is one of the mounts of a tree.
type mount struct {
	what, where, kind string
	flags             uintptr
	options           string
}

// lay makes the tree and enters it. It is called on its thread.
func (t *Tree) lay(packages []string) error {
	base, err := os.MkdirTemp(t.host.network.dir, "tree-")
	if err != nil {
		return err
	}
	// The upper half of an overlay may not lie within its lower one.
	if err := (mount{"tree", base, "tmpfs", 0, treeSize}).make(); err != nil {
		return err
	}
	upper, work, root := filepath.Join(base, "upper"), filepath.Join(base, "work"), filepath.Join(base, "root")
	for _, dir := range []string{upper, work, root} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := (mount{"tree", root, "overlay", 0, "lowerdir=/,upperdir=" + upper + ",workdir=" + work}).make(); err != nil {
		return err
	}
	for _, file := range packages {
		if err := unpack(file, root); err != nil {
			return err
		}
	}
	for _, m := range []mount{
		{"/proc", "proc", "", unix.MS_BIND | unix.MS_REC, ""},
		{"/dev", "dev", "", unix.MS_BIND | unix.MS_REC, ""},
		{"tree", "run", "tmpfs", 0, treeSize},
		{"tree", "tmp", "tmpfs", 0, treeSize},
	} {
		m.where = filepath.Join(root, m.where)
		if err := m.make(); err != nil {
			return err
		}
	}
	if err := t.host.bindNames(root); err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return os.Chdir("/")
}

func (m mount) make() error {
	if err := unix.Mount(m.what, m.where, m.kind, m.flags, m.options); err != nil {
		return fmt.Errorf("mounting %s at %s: %w", m.what, m.where, err)
	}
	return nil
}

// unpack unpacks a Debian package below root, where /lib and others may be
// symbolic links, which dpkg-deb --extract would replace.
func unpack(file, root string) error {
	var said bytes.Buffer
	from := exec.Command("dpkg-deb", "--fsys-tarfile", file)
	to := exec.Command("tar", "-x", "--keep-directory-symlink", "-C", root)
	from.Stderr, to.Stderr = &said, &said
	var err error
	if to.Stdin, err = from.StdoutPipe(); err != nil {
		return err
	}
	if err = from.Start(); err != nil {
		return err
	}
	errTo := to.Run()
	if err = from.Wait(); err != nil || errTo != nil {
		return fmt.Errorf("unpacking %s: %v, %v: %s", filepath.Base(file), err, errTo, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// Do calls f on a thread that sees the tree as its root directory. Goroutines
// that f starts do not.
func (t *Tree) Do(f func() error) error { return t.room.do(f) }

// Start starts a program in the tree, whose path is absolute there. All that the
// program starts ends with it, and it ends with this program.
func (t *Tree) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	return t.room.do(cmd.Start)
}

// Run runs a program in the tree to its end and gives what it printed.
func (t *Tree) Run(stdin string, program string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	if err := t.Start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out.Bytes()))
	}
	return out.String(), nil
}

// Write writes a file in the tree, with its directories.
func (t *Tree) Write(path, text string, mode os.FileMode) error {
	return t.room.do(func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), mode)
	})
}

// User adds a user and a group of a name and number to the tree, with a home.
func (t *Tree) User(name string, id int) error {
	return t.room.do(func() error {
		home := "/home/" + name
		for file, line := range map[string]string{
			"/etc/passwd": fmt.Sprintf("%s:x:%d:%d::%s:/usr/sbin/nologin\n", name, id, id, home),
			"/etc/group":  fmt.Sprintf("%s:x:%d:\n", name, id),
		} {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString(line)
			if errClose := f.Close(); err == nil {
				err = errClose
			}
			if err != nil {
				return err
			}
		}
		if err := os.MkdirAll(home, 0o750); err != nil {
			return err
		}
		return os.Chown(home, id, id)
	})
}

// Close ends the tree. The programs in it must have ended.
func (t *Tree) Close() error { return t.room.close() }
