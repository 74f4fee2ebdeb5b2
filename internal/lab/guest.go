package lab

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Kernel is Debian's, for a guest of qemu's: one with devices that this machine
// does not have, or whose power can be taken away.
type Kernel struct {
	Image   string // the file that qemu starts
	Modules string // the directory of its modules
	Version string
}

// NewKernel gives Debian's newest kernel, which is fetched at the first use and
// kept, and makes sure that qemu is here.
func NewKernel(ctx context.Context) (Kernel, error) {
	if err := Need(ctx, map[string]string{"qemu-system-x86_64": "qemu-system-x86"}); err != nil {
		return Kernel{}, err
	}
	name, err := kernelPackage(ctx)
	if err != nil {
		return Kernel{}, err
	}
	dir, err := kept(name, func(dir string) error {
		fetch := filepath.Join(dir, "fetched")
		if err := os.MkdirAll(fetch, 0o755); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name)
		cmd.Dir = fetch
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get download %s: %w:\n%s", name, err, said)
		}
		files, err := filepath.Glob(filepath.Join(fetch, "*.deb"))
		if err != nil || len(files) != 1 {
			return fmt.Errorf("fetched are %q: %w", files, err)
		}
		if said, err := exec.CommandContext(ctx, "dpkg-deb", "-x", files[0], dir).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg-deb -x %s: %w:\n%s", files[0], err, said)
		}
		return os.RemoveAll(fetch)
	})
	if err != nil {
		return Kernel{}, err
	}
	version := strings.TrimPrefix(name, kernelPrefix)
	return Kernel{Image: filepath.Join(dir, "boot", "vmlinuz-"+version), Modules: filepath.Join(dir, "lib", "modules", version), Version: version}, nil
}

// kernelPrefix is how the packages of kernels are called, before their version.
const kernelPrefix = "linux-image-"

// kernelPackage names the package of the newest kernel. A fresh machine has no
// lists of packages, and gets them.
func kernelPackage(ctx context.Context) (string, error) {
	for try := range 2 {
		said, err := exec.CommandContext(ctx, "apt-cache", "depends", "linux-image-amd64").Output()
		if err == nil {
			for word := range strings.FieldsSeq(string(said)) {
				if strings.HasPrefix(word, kernelPrefix) && word != "linux-image-amd64" {
					return word, nil
				}
			}
		}
		if try == 0 {
			if err := apt(ctx, "update"); err != nil {
				return "", err
			}
		}
	}
	return "", errors.New("linux-image-amd64 depends on no kernel that apt-cache knows; look at what /etc/apt/sources.list names")
}

// Drivers gives the files of modules, each after those that it depends on.
func (k Kernel) Drivers(names ...string) (order []string, err error) {
	paths := make(map[string]string)
	if err := filepath.WalkDir(k.Modules, func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			paths[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	}); err != nil {
		return nil, err
	}
	var need func(name string) error
	need = func(name string) error {
		path := paths[strings.ReplaceAll(name, "-", "_")]
		if path == "" {
			return fmt.Errorf("there is no module %s in %s", name, k.Modules)
		}
		if slices.Contains(order, path) {
			return nil
		}
		needs, err := depends(path)
		if err != nil {
			return err
		}
		for _, name := range needs {
			if err := need(name); err != nil {
				return err
			}
		}
		order = append(order, path)
		return nil
	}
	for _, name := range names {
		if err := need(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// depends gives the modules that one needs, by its section .modinfo.
func depends(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s says nothing of itself", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

// Alone gives the command of a guest that has files as its first file system, MiB
// of memory, and nobody to talk with but its console, which is the command's
// output. It ends when the guest switches itself off.
//
// Its time is its own: it goes by with its instructions, at 1 ns each, and where
// there is nothing to do, on to when there is. What happens in it when does not
// depend on how busy this machine is, unless it waits for a disk, which it has only
// if more of qemu's arguments say so.
func (k Kernel) Alone(ctx context.Context, files string, memory int, more ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{"-M", "q35", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max", "-smp", "1",
		"-m", strconv.Itoa(memory), "-kernel", k.Image, "-initrd", files, "-append", "console=ttyS0 panic=-1 mitigations=off quiet",
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-nic", "none"}, more...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// archive writes an initramfs in the format "newc" of Linux's
// Documentation/driver-api/early-userspace/buffer-format.rst.
type archive struct {
	w    *bufio.Writer
	long int64 // what is written
}

// add appends one file; fields of info that are of no matter are 0.
func (a *archive) add(name string, info unix.Stat_t, content io.Reader) error {
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", 0, info.Mode, info.Uid, info.Gid, 1, info.Mtim.Sec, info.Size,
		0, 0, unix.Major(info.Rdev), unix.Minor(info.Rdev), len(name)+1, 0, name)
	for _, part := range []io.Reader{strings.NewReader(header), content} {
		n, err := io.Copy(a.w, part)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if part == content && n != info.Size {
			return fmt.Errorf("%s has %d bytes instead of %d", name, n, info.Size)
		}
		a.long += n
		for ; a.long%4 != 0; a.long++ {
			a.w.WriteByte(0)
		}
	}
	return nil
}

// end ends the archive.
func (a *archive) end() error {
	return errors.Join(a.add("TRAILER!!!", unix.Stat_t{}, strings.NewReader("")), a.w.Flush())
}

// Files writes a guest's first file system: programs by their names in it, of which
// "init" is started, empty directories, and modules for Begin.
func Files(w io.Writer, programs map[string]string, directories, modules []string) error {
	a := archive{w: bufio.NewWriter(w)}
	for _, dir := range append([]string{"dev", "proc", "sys", "tmp"}, directories...) {
		if err := a.add(dir, unix.Stat_t{Mode: unix.S_IFDIR | 0o755}, strings.NewReader("")); err != nil {
			return err
		}
	}
	files := maps.Clone(programs)
	for i, path := range modules {
		files[fmt.Sprintf("%02d-%s", i, filepath.Base(path))] = path
	}
	for name, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := a.add(name, unix.Stat_t{Mode: unix.S_IFREG | 0o755, Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
			return err
		}
	}
	return a.end()
}

// WholeTree writes a guest's first file system, which is a tree of files as it
// lies here, with their owners, permissions and devices. Its /init is started.
func WholeTree(w io.Writer, root string) error {
	a := archive{w: bufio.NewWriterSize(w, 1<<20)}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		var info unix.Stat_t
		if err := unix.Lstat(path, &info); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var content io.Reader = strings.NewReader("")
		switch info.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			content = f
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			content = strings.NewReader(to)
			info.Size = int64(len(to))
		default:
			info.Size = 0
		}
		return a.add(path[len(root)+1:], info, content)
	})
	if err != nil {
		return err
	}
	return a.end()
}

// Begin is what the first process of a guest does first: it mounts the file
// systems that the kernel makes, and loads the modules that Files has, with the
// parameters that some have.
func Begin(parameters map[string]string) error {
	var all []error
	for dir, kind := range map[string]string{"/dev": "devtmpfs", "/proc": "proc", "/sys": "sysfs", "/tmp": "tmpfs"} {
		if err := unix.Mount(kind, dir, kind, 0, ""); err != nil {
			all = append(all, fmt.Errorf("mounting %s: %w", dir, err))
		}
	}
	modules, err := filepath.Glob("/[0-9]*.ko")
	all = append(all, err)
	slices.Sort(modules)
	for _, path := range modules {
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".ko"), "-")
		f, err := os.Open(path)
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), parameters[name], 0)
			f.Close()
		}
		if err != nil {
			all = append(all, fmt.Errorf("module %s: %w", name, err))
		}
	}
	return errors.Join(all...)
}
