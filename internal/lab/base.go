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
)

// release is the oldest Debian that is supported.
const release = "bookworm"

// basePackages are what a machine has before it is given anything: a system that
// boots, what plays and films where there is something to do it with, and a mail
// server that only one of them runs.
var basePackages = []string{"systemd", "systemd-sysv", "dbus", "kmod", "iproute2", "udev", "alsa-utils", "v4l-utils", "opensmtpd"}

// Base gives the tree of files from which machines are made. It is made at the
// first use, which takes about a minute, and kept.
func Base(ctx context.Context) (string, error) {
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("machines with a systemd of their own need root; run this as root")
	}
	if err := Need(ctx, map[string]string{"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"}); err != nil {
		return "", err
	}
	list := strings.Join(basePackages, ",")
	sum := sha256.Sum256([]byte(list))
	return kept(release+"-"+hex.EncodeToString(sum[:4]), func(dir string) error {
		said, err := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--include="+list, release, dir).CombinedOutput()
		if err != nil {
			return fmt.Errorf("debootstrap: %w:\n%s", err, said)
		}
		return nil
	})
}

// kept gives a directory of the cache, which is filled at the first use. Of
// several who need it, one does.
func kept(name string, fill func(dir string) error) (string, error) {
	lock, err := alone(cache)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	making := dir + ".new" // what a run left that was ended
	if err := os.RemoveAll(making); err != nil {
		return "", err
	}
	if err := os.Mkdir(making, 0o755); err != nil {
		return "", err
	}
	if err := fill(making); err != nil {
		return "", err
	}
	return dir, os.Rename(making, dir)
}
