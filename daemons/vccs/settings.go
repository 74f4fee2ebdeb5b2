package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"videoclub/internal/catalogue"
	"videoclub/internal/config"
	"videoclub/internal/control"
	"videoclub/internal/desk"
	"videoclub/internal/dispatch"
	"videoclub/internal/ledger"
	"videoclub/internal/limit"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/roster"
	"videoclub/internal/source"
	"videoclub/internal/startup"
	"videoclub/internal/studio"
	"videoclub/internal/titles"
)

// options are what the command line says.
type options struct {
	config, state string
	check, open   bool
	ports         []int // XXX ZZZ YYY, or none
}

// service says that the server which the options are about is the installed one,
// whose configuration the units name, and none that a person starts.
func (o options) service() bool {
	return len(o.ports) == 0 && (o.config == "" || o.config == standard)
}

// settings are those of the configuration file or the ports, with every path
// made absolute.
type settings struct {
	config.Central
	videos, state string
	positional    bool
	open          bool // to other machines

	host     string // name of this machine
	password string // of mail
}

// load reads the settings that the options name.
func load(o options) (settings, error) {
	s := settings{Central: config.DefaultCentral(), positional: len(o.ports) > 0}
	if s.positional {
		if o.config != "" {
			return s, reason.New(reason.Usage, "either --config or the three ports, not both")
		}
		s.open = o.open
		host := "127.0.0.1"
		if s.open {
			host = "" // every address
		}
		s.Users = net.JoinHostPort(host, strconv.Itoa(o.ports[0]))
		s.Administrators = net.JoinHostPort(host, strconv.Itoa(o.ports[1]))
		s.ReceptionPort = o.ports[2]
	} else {
		if o.open {
			return s, reason.New(reason.Usage, "--open goes with the three ports")
		}
		text, err := startup.ReadConfig(&o.config, standard)
		if err != nil {
			return s, err
		}
		if s.Central, err = config.ParseCentral(o.config, text); err != nil {
			return s, err
		}
	}
	s.completeMail()
	var err error
	if s.videos, err = filepath.Abs(s.Videos); err != nil {
		return s, err
	}
	s.state, err = startup.StateDir(o.state, s.State, "vccs", s.Users)
	return s, err
}

// fixed are the settings that take effect at a start alone.
func (s settings) fixed() map[string]string {
	return map[string]string{"users": s.Users, "administrators": s.Administrators, "state": s.state, "roots": fmt.Sprint(s.Roots), "admin_socket": s.AdminSocket, "admin_group": s.AdminGroup, "public": s.Public, "sandbox": s.Sandbox, "live.spool": s.spool(), "console": s.Console.Address}
}

// dispatch gives the settings of deliveries, with the receptions that were added.
func (s settings) dispatch(added []ledger.Place) dispatch.Settings {
	d := dispatch.Settings{
		Uplink: s.Uplink, Link: s.Link, MaxPace: s.MaxPace, Deliveries: s.Deliveries, Promises: s.PromisesPerAccount, Silence: s.Silence,
		Receptions: s.configured(),
		Loopback:   s.positional && !s.open, AtFirstSight: s.open,
	}
	if s.positional {
		d.Port = s.ReceptionPort
	}
	for _, p := range added {
		if _, configured := d.Receptions[p.Name]; !configured {
			link := config.ReceptionLink{Name: p.Name, Address: p.Address}
			d.Receptions[p.Name] = dispatch.Reception{Address: s.AddressOf(link), Link: rate.Rate(p.Link)}
		}
	}
	return d
}

// spool is where recordings lie.
func (s settings) spool() string { return cmp.Or(s.Live.Spool, filepath.Join(s.state, "spool")) }

// studio gives the settings of live sources.
func (s settings) studio() studio.Settings {
	l := s.Live
	return studio.Settings{
		Live: l.Enabled, Devices: l.Devices, Spool: int64(l.SpoolSize), Keep: l.SpoolFull == config.SpoolKeep, Quality: l.Quality, Encoder: l.Encoder,
	}
}

// limits gives those of clients. Some places are kept for administrators: whoever
// takes all others, one can be let in who does something about it.
func (s settings) limits() desk.Limits {
	return desk.Limits{
		Connections: limit.Bounds{All: s.Connections, PerAddress: s.ConnectionsPerAddress, Strangers: s.Strangers, Kept: s.Connections / 8},
		Handshake:   s.Handshake, Requests: s.RequestsPerConnection, FailedLogins: s.FailedLogins,
		Client: control.Bounds{Idle: s.Idle, Header: int(s.Header), Body: int64(s.Body), Bytes: int64(s.BytesPerConnection)},
	}
}

// configured gives the receptions of the configuration.
func (s settings) configured() map[string]dispatch.Reception {
	all := make(map[string]dispatch.Reception)
	for _, r := range s.Receptions {
		all[r.Name] = dispatch.Reception{Address: s.AddressOf(r), Link: r.Link, Windows: r.Windows}
	}
	return all
}

// roster gives the settings of who the receptions are.
func (s settings) roster() roster.Settings {
	return roster.Settings{Expire: s.PairingExpires, Configured: s.configured()}
}

// check is --check: the settings were read; the titles are looked at too, and what
// browsers are shown.
func check(out io.Writer, s settings) error {
	if err := startup.CheckShown(out, s.Console); err != nil {
		return err
	}
	if err := startup.Unreadable(out, s.readPassword()); err != nil {
		return err
	}
	if s.closed(false) != nil {
		startup.Unseen(out, "the accounts, of which there has to be one where an address is open to other machines")
	}
	list, problems, err := titles.Read(s.videos)
	if err == nil {
		live := s.studio()
		problems = append(problems, list.Doubts(func(t catalogue.Title) error {
			if t.Kind() != catalogue.KindLive {
				return nil
			}
			return live.Check(t.Location)
		})...)
	}
	for _, p := range problems {
		fmt.Fprintf(out, "%s: %v\n", s.videos, p)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return reason.New(reason.TitlesInvalid, "there is no %s yet: a line of it is NUMBER ^ NAME ^ MINUTES LOCATION", s.videos)
	case err != nil:
		return reason.Wrap(reason.TitlesInvalid, err, "%s", s.videos)
	case len(problems) > 0:
		return reason.New(reason.TitlesInvalid, "%s: %d lines have to be mended", s.videos, len(problems))
	}
	fmt.Fprintf(out, "the configuration is good, with %d titles\n", len(list.Titles()))
	return nil
}

// opener opens sources for the dispatcher.
type opener struct{ source.Opener }

func (o opener) Open(location string) (*os.File, int64, int64, error) {
	f, facts, err := o.Opener.Open(location)
	return f, facts.Size, facts.MTime, err
}
