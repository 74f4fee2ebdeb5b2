package startup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"

	"videoclub/internal/dropin"
)

// generator is the first argument of a daemon that is started as the generator
// of its units (systemd.generator(7)).
const generator = "generator"

// IsGenerator says whether the arguments of a process, os.Args, are those of a
// generator.
func IsGenerator(args []string) bool { return len(args) > 1 && args[1] == generator }

// Generator writes the drop-ins that a daemon's settings ask for into the first
// of the directories that systemd gives as arguments, and gives the exit
// status. Settings that cannot be read leave the units as they are, and a line
// in the journal.
func Generator(args []string, config string, dropins func(path string) ([]dropin.Dropin, error)) int {
	if len(args) < 3 {
		fmt.Fprintf(os.Stderr, "%s: generator: no directory was given\n", args[0])
		return 2
	}
	all, err := dropins(config)
	if errors.Is(err, fs.ErrNotExist) {
		return 0 // the defaults are meant
	}
	if err == nil {
		err = writeDropins(args[2], all)
	}
	if err != nil {
		complain(filepath.Base(args[0])+"-generator", fmt.Sprintf("the units stay as they are by default: %s", strings.ReplaceAll(err.Error(), "\n", "; ")))
		return 1
	}
	return 0
}

// There says whether there is a file at path.
func There(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func writeDropins(dir string, all []dropin.Dropin) error {
	for _, d := range all {
		folder := filepath.Join(dir, d.Unit+".d")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, dropin.File), []byte(d.Text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// complain writes a line where it is heard: into the journal, or while that is
// not there yet, at boot, into the kernel's log, which the journal reads.
func complain(who, what string) {
	if journal.Send(what, journal.PriErr, map[string]string{"SYSLOG_IDENTIFIER": who}) == nil {
		return
	}
	var to io.Writer = os.Stderr
	if kernel, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		defer kernel.Close()
		to = kernel
	}
	fmt.Fprintf(to, "<3>%s: %s\n", who, what)
}

// credential gives the path of a secret that systemd handed over under that
// name (systemd.exec(5), $CREDENTIALS_DIRECTORY), "" if it did not.
func credential(name string) string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Secret gives where the secret is to be read that lies at path, and the
// permissions that it must not have: as a credential, if systemd handed it over
// under that name, else at path itself.
func Secret(name, path string) (at string, forbidden os.FileMode) {
	if own := credential(name); own != "" {
		// Where the service's user reads by an access list, the mode has its
		// mask for the group (acl(5)), and systemd keeps others out of the directory.
		return own, 0o037
	}
	return path, 0o077
}
