package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"videoclub/internal/config"
	"videoclub/internal/reason"
	"videoclub/internal/startup"
)

// closed refuses to listen where other machines get while nobody could be told
// from anybody else.
func (s settings) closed(hasAccounts bool) error {
	if s.open || hasAccounts {
		return nil
	}
	for _, at := range []struct{ setting, address string }{{"users", s.Users}, {"administrators", s.Administrators}, {"console", s.Console.Address}} {
		if at.address != "" && startup.OpensToOthers(at.address) {
			return reason.New(reason.AccountsNeeded, "%s = %q, and there is no account yet", at.setting, at.address)
		}
	}
	return nil
}

// publicAddress is where users reach this server that listens at l.
func (s settings) publicAddress(l net.Listener) string {
	if s.Public != "" {
		return s.Public
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil || !at.Addr().IsUnspecified() {
		return l.Addr().String()
	}
	return net.JoinHostPort(s.host, fmt.Sprint(at.Port()))
}

// socketPath is where this machine administers, "" for nowhere.
func (s settings) socketPath() string {
	switch {
	case s.AdminSocket == config.None:
		return ""
	case s.AdminSocket != "":
		return s.AdminSocket
	case os.Getenv("RUNTIME_DIRECTORY") != "":
		return filepath.Join(os.Getenv("RUNTIME_DIRECTORY"), "admin.sock")
	}
	return filepath.Join(s.state, "admin.sock")
}

// listenLocal listens at the socket of this machine. Who may is decided by the
// kernel's word of who connects, so that its mode lets everybody try. Where a
// socket that was not asked for cannot be had, it goes on without one.
func (s settings) listenLocal(log *slog.Logger) (*net.UnixListener, error) {
	path := s.socketPath()
	if path == "" {
		return nil, nil
	}
	l, err := listenUnix(path)
	if err != nil && s.AdminSocket == "" {
		log.Warn("there is no socket for this machine to administer, going on without", "socket", path, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, reason.Wrap(reason.ConfigInvalid, err, "admin_socket")
	}
	return l, nil
}

func listenUnix(path string) (*net.UnixListener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is there, and no socket", path)
		}
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, fmt.Errorf("another server listens at %s", path)
		}
		// What a server that was killed has left.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
