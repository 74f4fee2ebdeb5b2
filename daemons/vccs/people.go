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
	"videoclub/internal/service"
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
			return reason.New(reason.AccountsNeeded, "%s = %q, and there is no account", at.setting, at.address)
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
	switch s.AdminSocket {
	case config.None:
		return ""
	case "":
		return filepath.Join(s.state, "admin.sock")
	}
	return s.AdminSocket
}

// local is where this machine administers.
type local struct {
	*net.UnixListener      // nil is nowhere
	admits            bool // who can open it may administer
}

// listenLocal listens at the socket of this machine. Of systemd's, its owner and
// mode decide who may: the unit is for the administrator to write, and the service
// may not see who others are (PrivateUsers=yes). Of one of its own, that is
// decided by the kernel's word of who connects, so that its mode lets everybody
// try. Where a socket that was not asked for cannot be had, it goes on without one.
func (s settings) listenLocal(sockets *service.Sockets, log *slog.Logger) (local, error) {
	if s.AdminSocket == config.None {
		return local{}, nil
	}
	handed, err := sockets.Listener(service.Local)
	if err != nil {
		return local{}, err
	}
	if l, ok := handed.(*net.UnixListener); ok {
		if at := l.Addr().String(); s.AdminSocket != "" && s.AdminSocket != at {
			l.Close()
			return local{}, reason.New(reason.ConfigInvalid, "admin_socket = %q, and vccs-admin-local.socket listens at %s; run: %s", s.AdminSocket, at, startup.Adopt("vccs-admin-local.socket"))
		}
		// It is systemd's to remove.
		l.SetUnlinkOnClose(false)
		return local{l, true}, nil
	}
	if handed != nil {
		handed.Close()
		return local{}, reason.New(reason.ConfigInvalid, "vccs-admin-local.socket listens at %v, which is no Unix socket", handed.Addr())
	}
	path := s.socketPath()
	l, err := listenUnix(path)
	if err != nil && s.AdminSocket == "" {
		log.Warn("there is no socket for this machine to administer, going on without", "socket", path, "error", err)
		return local{}, nil
	}
	if err != nil {
		return local{}, reason.Wrap(reason.ConfigInvalid, err, "admin_socket")
	}
	return local{l, false}, nil
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
