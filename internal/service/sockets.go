// Package service is a daemon's conversation with systemd: the sockets that it
// is handed, and what it tells of its state. Without systemd there are no
// sockets, and nobody is told.
package service

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"

	"videoclub/internal/reason"
)

// The names by which the units of units/ tell their sockets apart
// (systemd.socket(5), FileDescriptorName=).
const (
	Users          = "users"
	Administrators = "admin"
	Local          = "admin-local" // a Unix socket
	Centrals       = "centrals"
	Console        = "console"
)

// Sockets are the listening sockets that systemd handed over
// (sd_listen_fds(3)), by their names.
type Sockets struct {
	byName map[string][]*os.File
}

// TakeSockets takes over what systemd handed to this process. It is called once,
// before anything else opens or passes on descriptors.
func TakeSockets() *Sockets {
	return &Sockets{byName: activation.FilesWithNames()}
}

// Listener takes the one socket with that name; nil if there is none.
func (s *Sockets) Listener(name string) (net.Listener, error) {
	files := s.byName[name]
	delete(s.byName, name)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
		l, err := net.FileListener(files[0])
		if err != nil {
			return nil, fmt.Errorf("the socket %s of systemd: %w", name, err)
		}
		return l, nil
	}
	return nil, reason.New(reason.ConfigInvalid, "systemd hands over %d sockets named %s; leave one ListenStream= in its unit (systemctl cat shows it)", len(files), name)
}

// Rest closes what nobody took, and gives its names: a connection to it would
// wait for ever.
func (s *Sockets) Rest() []string {
	var names []string
	for name, files := range s.byName {
		names = append(names, name)
		for _, f := range files {
			f.Close()
		}
	}
	s.byName = nil
	return names
}

// Agrees says whether a socket that listens at have is the one that the setting
// want, HOST:PORT, asks for. Port 0 is any, and no host is every address.
func Agrees(want string, have net.Addr) bool {
	at, ok := have.(*net.TCPAddr)
	if !ok {
		return false
	}
	host, port, err := net.SplitHostPort(want)
	if err != nil || port != "0" && port != fmt.Sprint(at.Port) {
		return false
	}
	ip, _ := netip.AddrFromSlice(at.IP)
	ip = ip.Unmap()
	if host == "" {
		return ip.IsUnspecified()
	}
	wanted, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && wanted.Unmap().WithZone("") == ip
}
