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
	lock, err := alone(cache)
	if err != nil {
		return "", err
	}
	defer lock.Close()
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
