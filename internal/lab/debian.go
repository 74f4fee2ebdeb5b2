package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Need makes sure that programs are there, each of which is in a Debian
// package, and installs the packages that are missing. It is for programs that
// do nothing by being installed: those with services are for Fetch and a Tree.
func Need(ctx context.Context, packages map[string]string) error {
	var missing []string
	for program, name := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return apt(ctx, append([]string{"install", "--no-install-recommends"}, missing...)...)
}

// Fetch downloads a Debian package, and what it needs that this machine lacks,
// into the directory dir, and installs nothing. It gives the files.
func Fetch(ctx context.Context, dir string, packages ...string) ([]string, error) {
	// apt-get makes no directories for itself in a place that is not its own.
	if err := os.MkdirAll(filepath.Join(dir, "partial"), 0o755); err != nil {
		return nil, err
	}
	if err := apt(ctx, append([]string{"install", "--download-only", "--reinstall", "--no-install-recommends", "-o", "Dir::Cache::archives=" + dir + "/"}, packages...)...); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "*.deb"))
}

// apt runs apt-get; where that fails, once more with new lists: a fresh machine
// has none, and old ones name what is no longer there.
func apt(ctx context.Context, args ...string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("apt-get is not here to %s: the lab runs on Debian: %w", strings.Join(args, " "), err)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("apt-get %s needs root; run this as root", strings.Join(args, " "))
	}
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-y", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w:\n%s", strings.Join(args, " "), err, said)
		}
		return nil
	}
	if run(args...) == nil {
		return nil
	}
	if err := run("update"); err != nil {
		return err
	}
	return run(args...)
}
