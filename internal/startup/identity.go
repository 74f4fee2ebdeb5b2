package startup

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// Where systemd keeps the state of its services (systemd.exec(5), StateDirectory),
// and what it hands over to those that run (LoadCredential).
const (
	services = "/var/lib"
	handed   = "/run/credentials"
)

// ServiceState is the state directory of the server that a command is about: own,
// if a flag, the configuration or systemd has named it, else that of the service
// program, where there is one.
func ServiceState(flag, configured, program, own string) string {
	return serviceState(services, flag, configured, program, own)
}

func serviceState(services, flag, configured, program, own string) string {
	if flag != "" || configured != "" || os.Getenv("STATE_DIRECTORY") != "" {
		return own
	}
	at := filepath.Join(services, program)
	if _, err := os.Stat(at); err != nil {
		return own
	}
	return at
}

// BecomeOwner makes root the user that owns the state directory for the rest of this
// command, so that the server can read what is written there, and that no link
// planted by its user leads root elsewhere.
func BecomeOwner(state string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(state)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(state))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it will be root's
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(int(owner.Gid)), syscall.Setuid(int(owner.Uid))); err != nil {
		return fmt.Errorf("becoming the owner of %s: %w", state, err)
	}
	return nil
}

// PrintIdentity prints the identity of the server that a person would start with
// its state in the directory state, whose keys are made if there are none: first as
// people compare it, then in full.
func PrintIdentity(out io.Writer, state string) error {
	keys, err := Keys(state)
	if err != nil {
		return err
	}
	return printID(out, identity.ID(keys.TLS.Public().(ed25519.PublicKey)))
}

// PrintServiceIdentity is PrintIdentity for the service program, which alone makes
// its keys: what anybody else made would be another's, or kept it from its own. Root
// becomes whom the service runs as.
func PrintServiceIdentity(out io.Writer, program, state string) error {
	if err := BecomeOwner(state); err != nil {
		return err
	}
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	if credentials == "" {
		credentials = filepath.Join(handed, program+".service")
	}
	return printServiceIdentity(out, program, state, credentials)
}

func printServiceIdentity(out io.Writer, program, state, credentials string) error {
	id, err := identity.Known(filepath.Join(state, "keys"), credentials)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return reason.Wrap(reason.NotPermitted, err, "the keys are for the server alone: run this as root")
	case err != nil:
		return err
	case id == "":
		return reason.New(reason.Usage, "there is no key in %s: %s has not been started yet, start it once; "+
			"of one whose keys systemd hands over, the identity is to be had while it runs, and in the line of its log that begins with ready", state, program)
	}
	return printID(out, id)
}

func printID(out io.Writer, id string) error {
	_, err := fmt.Fprintf(out, "%s  %s\n", identity.Short(id), id)
	return err
}
