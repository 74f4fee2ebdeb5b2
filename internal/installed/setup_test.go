//go:build root

// Package installed has the packages that make package made installed, upgraded
// and removed on real trees of Debian and of rpm, and shown to those who judge
// packages. It is apart from e2e, as it needs root, Debian's packages and the
// packages themselves, where e2e needs the programs alone.
package installed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// cache is where trees of Debian are kept between runs, and base the one that
// these tests take copies of.
const (
	cache = "/var/cache/vc-lab"
	base  = cache + "/bookworm"
)

// tools are the programs that the tests run, by the Debian packages that have
// them.
var tools = map[string]string{
	"lintian": "lintian", "rpm": "rpm", "rpmlint": "rpmlint", "mandoc": "mandoc", "man": "man-db",
	"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "zsh": "zsh", "fish": "fish",
	"ffmpeg": "ffmpeg",
}

func TestMain(m *testing.M) {
	if os.Getenv(inGuest) != "" {
		os.Exit(m.Run())
	}
	if err := prepare(); err != nil {
		fmt.Fprintf(os.Stderr, "installed: %v\n", err)
		os.Exit(1)
	}
	code := m.Run()
	if copied.dir != "" {
		os.RemoveAll(copied.dir)
	}
	os.Exit(code)
}

// prepare says what is missing, or gets it.
func prepare() error {
	if os.Geteuid() != 0 {
		return errors.New("packages are installed by root: run make e2e as root")
	}
	if dist() == "" {
		return errors.New("VC_PACKAGES does not say where the packages are: run make e2e, which makes them")
	}
	missing := []string{"install", "-y", "-q", "--no-install-recommends"}
	for tool, pkg := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 4 {
		c := exec.Command("apt-get", append([]string{"-o", "DPkg::Lock::Timeout=300"}, missing...)...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("installing %s: %w\n%s", missing[4:], err, out)
		}
	}
	return bootstrap()
}

// bootstrap makes the tree of Debian 12, one process at a time, unless it is
// there.
func bootstrap() error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(cache+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(base); err == nil {
		return nil
	}
	// Under another name until it is whole.
	if err := os.RemoveAll(base + ".partial"); err != nil {
		return err
	}
	c := exec.Command("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,kmod,iproute2,udev", "bookworm", base+".partial")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("debootstrap: %w\n%s", err, out)
	}
	return os.Rename(base+".partial", base)
}

// dist is the folder with the packages.
func dist() string { return os.Getenv("VC_PACKAGES") }

// packages are the packages in a folder, of a kind (deb or rpm), for all
// architectures or this machine's alone.
func packages(t *testing.T, dir, kind string, here bool) []string {
	t.Helper()
	arch, want := "*", 6
	if here {
		arch, want = runtime.GOARCH, 3
		if kind == "rpm" {
			arch = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, "videoclub-*"+arch+"."+kind))
	if err != nil || len(found) != want {
		t.Fatalf("there are %d packages of %s, not %d, %v: %q", len(found), kind, want, err, found)
	}
	return found
}

// must runs a command on this machine, and gives what it printed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copied is a copy of the sources in another place, from which the packages are
// made once more.
var copied struct {
	once sync.Once
	dir  string
	err  error
}

// again gives the folder with the packages made again, by another person: from a
// copy of the sources at another path, with other permissions on new files, in
// another zone and language.
func again(t *testing.T) string {
	t.Helper()
	copied.once.Do(func() {
		if copied.dir, copied.err = os.MkdirTemp("", "videoclub-again-"); copied.err != nil {
			return
		}
		copied.err = shell(copied.dir, `cp -a "$0" here && cd here && rm -rf bin dist && umask 077 && make --no-print-directory package`)
	})
	if copied.err != nil {
		t.Fatal(copied.err)
	}
	return filepath.Join(copied.dir, "here", "dist")
}

// next gives the folder with the packages of this machine's architecture as a
// next release would be: with another number, and other settings in them.
func next(t *testing.T) string {
	t.Helper()
	here := filepath.Dir(again(t))
	dir := filepath.Join(here, "next")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		err := shell(here, `for f in etc/*.toml; do echo '# as of the next release' >> $f; done
			go run ./internal/packaging -out next -release 2 -architectures `+runtime.GOARCH+` package`)
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shell runs a script in dir, with the folder of the sources as $0.
func shell(dir, script string) error {
	sources, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	c := exec.Command("sh", "-ec", script, sources)
	c.Dir = dir
	c.Env = append(os.Environ(), "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8")
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, &said)
	}
	return nil
}
