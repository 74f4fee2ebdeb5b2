package command

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"videoclub/internal/api"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// Asker is the person at the terminal, if there is one.
type Asker struct {
	In       io.Reader // nil when nobody is there to be asked
	Out      io.Writer
	Language string

	vouched func(id string) bool // it is a server that the person has a login at
}

// KnownServers is the file in which a person's clients remember servers.
func KnownServers(getenv func(string) string) (string, error) {
	return remembered(getenv, "known_servers")
}

// Logins are those that a person's clients remember.
func Logins(getenv func(string) string) (identity.Logins, error) {
	file, err := remembered(getenv, "logins")
	return identity.OpenLogins(file), err
}

// remembered is a file in which a person's clients remember something (XDG Base
// Directory Specification).
func remembered(getenv func(string) string, name string) (string, error) {
	home := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(home) {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", reason.Wrap(reason.Usage, err, "there is no place to remember servers: set XDG_STATE_HOME")
		}
		home = filepath.Join(user, ".local", "state")
	}
	return filepath.Join(home, "videoclub", name), nil
}

// TrustKnown is Trust with the servers that the person's clients remember.
func TrustKnown(ctx context.Context, server, pin string, getenv func(string) string, who Asker) (api.Trust, error) {
	if OnThisMachine(server) && pin == "" {
		return nil, nil // not even a home is needed
	}
	file, err := KnownServers(getenv)
	if err != nil {
		return nil, err
	}
	if logins, err := Logins(getenv); err == nil {
		// The person has a login at it, by another address or port.
		who.vouched = func(id string) bool { token, err := logins.Token(id); return err == nil && token != "" }
	}
	return Trust(ctx, server, pin, identity.OpenPins(file), who)
}

// Trust gives what a client needs to know the server at HOST:PORT again. One on
// this machine needs nothing, unless there is a pin: it may be the near end of a
// tunnel. Another one that is not known yet is remembered if its identity is
// pin, in either of the forms that --identity prints, or if the person says yes
// to it, as ssh does; otherwise it is reason.IdentityUnknown.
func Trust(ctx context.Context, server, pin string, pins identity.Pins, who Asker) (api.Trust, error) {
	pin = strings.ToLower(pin) // both forms are of lower-case letters and digits
	if OnThisMachine(server) && pin == "" {
		return nil, nil
	}
	known, err := pins.Lookup(server)
	if err != nil {
		return nil, err
	}
	if known == "" || pin != "" && pin != known && pin != identity.Short(known) {
		id, here, err := api.Identify(ctx, server)
		if err != nil || here && pin == "" {
			return nil, err
		}
		if err := pins.Check(server, id, func() error { return who.meet(server, id, pin) }); err != nil {
			return nil, err
		}
		if pin != "" && pin != id && pin != identity.Short(id) {
			return nil, reason.New(reason.IdentityChanged, "%s shows %s, not %s", server, identity.Short(id), pin)
		}
	}
	return func(server, id string) error {
		return pins.Check(server, id, func() error {
			return reason.New(reason.IdentityUnknown, "%s shows %s", server, identity.Short(id))
		})
	}, nil
}

// OnThisMachine says whether HOST:PORT is an address of this machine, or a socket
// on it is meant.
func OnThisMachine(server string) bool {
	if strings.HasPrefix(server, api.Unix) {
		return true
	}
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// meet decides about a server that is seen for the first time.
func (a Asker) meet(server, id, pin string) error {
	switch {
	case pin == id || pin == identity.Short(id):
		return nil
	case pin != "":
		return reason.New(reason.IdentityChanged, "%s shows %s, not %s", server, identity.Short(id), pin)
	case a.vouched != nil && a.vouched(id):
		return nil
	case a.In == nil:
		return reason.New(reason.IdentityUnknown, "%s shows %s", server, identity.Short(id))
	}
	question, yes := "%s is not known yet. It shows the identity %s\nIs that what --identity prints there? [yes/no] ", "yes"
	if a.Language == "es" {
		question, yes = "%s aún no es conocido. Muestra la identidad %s\n¿Es la que --identity muestra allí? [sí/no] ", "sí"
	}
	fmt.Fprintf(a.Out, question, server, identity.Short(id))
	answer, err := bufio.NewReader(a.In).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	if answer == yes || answer == "yes" || answer == "si" && a.Language == "es" {
		return nil
	}
	if err != nil && err != io.EOF {
		return err
	}
	return reason.New(reason.IdentityUnknown, "%s shows %s, and was not accepted", server, identity.Short(id))
}
