package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// cache is where trees are kept that take long to make.
	cache = "/var/cache/vc-lab"

	// release is the oldest Debian that is supported.
	release = "bookworm"
)

// basePackages are what a machine has before it is given anything: a system that
// boots, and a mail server that only one of them runs.
var basePackages = []string{"systemd", "systemd-sysv", "dbus", "kmod", "iproute2", "udev", "opensmtpd"}

// Base gives the tree of files from which machines are made. It is made at the
// first use, which takes about a minute, and kept.
func Base(ctx context.Context) (string, error) {
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("machines with a systemd of their own need root; run this as root")
	}
	if err := Need(ctx, map[string]string{"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"}); err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	// Of several who need it, one makes it.
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	list := strings.Join(basePackages, ",")
	sum := sha256.Sum256([]byte(list))
	base := filepath.Join(cache, release+"-"+hex.EncodeToString(sum[:4]))
	if _, err := os.Stat(base); err == nil {
		return base, nil
	}
	making := base + ".new" // what a run left that was ended
	if err := os.RemoveAll(making); err != nil {
		return "", err
	}
	said, err := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--include="+list, release, making).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("debootstrap: %w:\n%s", err, said)
	}
	return base, os.Rename(making, base)
}
