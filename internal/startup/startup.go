// Package startup is how the two daemons begin: their files and directories,
// their listeners, the signals that they heed, and the descriptors and the
// sandbox of their workers.
package startup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/service"
)

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

// CommonFlags adds the flags that both daemons have.
func CommonFlags(c *cobra.Command, config, state *string, standard string) {
	c.Flags().StringVar(config, "config", "", "read the configuration from `FILE` (without ports, "+standard+")")
	c.Flags().StringVar(state, "state", "", "keep keys and state in `DIR` (by default $STATE_DIRECTORY, or one below $XDG_STATE_HOME)")
}

// ReadConfig reads the file that *path names; "" becomes standard. A file that
// cannot be read is reason.ConfigInvalid.
func ReadConfig(path *string, standard string) ([]byte, error) {
	if *path == "" {
		*path = standard
	}
	f, err := os.Open(*path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && *path == standard {
			return nil, reason.New(reason.Usage, "there is no %s: give the ports, or --config FILE", standard)
		}
		return nil, reason.Wrap(reason.ConfigInvalid, err, "the configuration")
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, reason.Wrap(reason.ConfigInvalid, err, "the configuration")
	}
	if len(text) > maxConfig {
		return nil, reason.New(reason.ConfigInvalid, "%s is larger than %d bytes", *path, maxConfig)
	}
	return text, nil
}

// StateDir gives the absolute directory for a daemon's state: that of the flag,
// of the configuration, of systemd (systemd.exec(5), STATE_DIRECTORY), or one
// in the person's own state directory (XDG Base Directory Specification),
// named after the port of listen, so that two daemons of one person can run.
func StateDir(flag, configured, program, listen string) (string, error) {
	for _, dir := range []string{flag, configured, os.Getenv("STATE_DIRECTORY")} {
		if dir != "" {
			return filepath.Abs(dir)
		}
	}
	home := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(home) {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", reason.Wrap(reason.Usage, err, "there is no place for the state: give --state DIR")
		}
		home = filepath.Join(user, ".local", "state")
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("the address %q: %w", listen, err)
	}
	return filepath.Join(home, "videoclub", program+"-"+port), nil
}

// Place is where a daemon listens for something.
type Place struct {
	Setting string // which names it: "users"
	Address string // its value, HOST:PORT
	Open    bool   // peers on other machines may come
	Socket  string // the name of systemd's socket for it
	Unit    string // the unit that has the socket
}

// Listen listens at a place, by the socket that systemd has for it or, where it
// has none, by one of its own. Unless the place is open, peers on other machines
// are not to be trusted before their keys are known, so an address that they
// could reach is refused. So is a socket elsewhere than the setting says.
func Listen(sockets *service.Sockets, p Place, log *slog.Logger) (net.Listener, error) {
	at, err := netip.ParseAddrPort(p.Address)
	if !p.Open && (err != nil || !at.Addr().IsLoopback()) {
		return nil, reason.New(reason.RemotePeer, "%s = %q is open to other machines, whose users and servers this version cannot tell apart; use 127.0.0.1", p.Setting, p.Address)
	}
	l, err := sockets.Listener(p.Socket)
	switch {
	case err != nil:
		return nil, err
	case l != nil && !service.Agrees(p.Address, l.Addr()):
		l.Close()
		return nil, reason.New(reason.ConfigInvalid, "%s = %q, and %s listens at %v; run: %s", p.Setting, p.Address, p.Unit, l.Addr(), Adopt(p.Unit))
	case l != nil:
		return l, nil
	}
	network := "tcp"
	if at.Addr().Is4() {
		network = "tcp4" // else 0.0.0.0 takes IPv6 in, where another setting may listen
	}
	if l, err = net.Listen(network, p.Address); err != nil {
		return nil, reason.Wrap(reason.AddressUnusable, err, "listening for %s", p.Setting)
	}
	if managed() {
		// As after daemon-reload with another port: systemd has closed the
		// socket at the old one.
		log.Warn("listening without systemd, which starts nothing when somebody connects and keeps no connection over a restart",
			"setting", p.Setting, "address", l.Addr(), "run", Adopt(p.Unit))
	}
	return l, nil
}

// managed says whether systemd has started this daemon (sd_notify(3)).
func managed() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Adopt is the command that has systemd listen where the settings say. The
// service requires its sockets, so it is restarted with them.
func Adopt(unit string) string { return "systemctl daemon-reload && systemctl restart " + unit }

// Confined explains an error that comes of a path which the unit does not let
// the daemon use: that of a setting which systemd has not read yet.
func Confined(err error, units string) error {
	if !managed() || !errors.Is(err, syscall.EROFS) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return reason.Wrap(reason.Of(err), err, "the unit may not let it be used yet; once it is there, run: %s", Adopt(units))
}

// Refuse lets go of the sockets that systemd has handed over and nobody took,
// so that no one waits there for an answer.
func Refuse(sockets *service.Sockets, log *slog.Logger) {
	for _, name := range sockets.Rest() {
		log.Warn("a socket of systemd is for nothing that is known here, closing it", "socket", name)
	}
}

// Failed tells systemd why the daemon ends, and gives back err: systemctl status
// shows it.
func Failed(err error) error {
	if err != nil {
		service.NewManager().Status(err.Error())
	}
	return err
}

// Hangups begins to heed SIGHUP, which would end the program otherwise: before
// it says that it is ready.
func Hangups() <-chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// OnHangup calls reload at each of hangups until ctx ends.
func OnHangup(ctx context.Context, hangups <-chan os.Signal, reload func()) {
	for {
		select {
		case <-hangups:
			reload()
		case <-ctx.Done():
			return
		}
	}
}

// WarnRestart says which settings have changed that take effect at a start
// alone, and under systemd the command that adopts them, by the units that
// listen: the service requires them, and is restarted with them.
func WarnRestart(log *slog.Logger, running, loaded map[string]string, units string) {
	if managed() {
		log = log.With("run", Adopt(units))
	}
	for _, key := range slices.Sorted(maps.Keys(running)) {
		if running[key] != loaded[key] {
			log.Warn("takes effect at the next start", "setting", key, "running", running[key], "configured", loaded[key])
		}
	}
}

// Keys gives the keys of the daemon whose state lies in the directory state:
// those that systemd hands over, else those that are kept there, which are made
// if there are none.
func Keys(state string) (identity.Keys, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return identity.Keys{}, fmt.Errorf("the state directory: %w", err)
	}
	return identity.Load(filepath.Join(state, "keys"), os.Getenv("CREDENTIALS_DIRECTORY"))
}
