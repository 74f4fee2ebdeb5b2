package startup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"videoclub/internal/config"
	"videoclub/internal/dropin"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/service"
)

// Console is a daemon's console: where browsers come, and what they are shown
// where that is open to other machines.
type Console struct {
	net.Listener // nil where there is none
	Shown
	Secure bool // TLS, by Browser
}

// Shown is what browsers on other machines are shown, and what lets the metrics be
// read from there.
type Shown struct {
	Browser identity.Browser
	Scrape  identity.ScrapeToken
}

// URL is what a browser is told, "none" where there is no console. Of one that
// listens at every address of the machine the host is a name of it.
func (c Console) URL() string {
	if c.Listener == nil {
		return "none"
	}
	scheme, at := "http", c.Addr().String()
	if c.Secure {
		scheme = "https"
	}
	if host, port, err := net.SplitHostPort(at); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
			at = net.JoinHostPort(c.host(), port)
		}
	}
	return scheme + "://" + at + "/"
}

// host is a name by which browsers find this machine: the one that its certificate
// is for, or else the one that it has.
func (c Console) host() string {
	if c.Browser.Name != "" {
		return c.Browser.Name
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// Origin is URL without its path; "" where there is no console.
func (c Console) Origin() string {
	if c.Listener == nil {
		return ""
	}
	return strings.TrimSuffix(c.URL(), "/")
}

// OpensToOthers says whether other machines reach address, HOST:PORT.
func OpensToOthers(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err != nil || !at.Addr().IsLoopback()
}

// ListenConsole listens for browsers, by the socket of the unit or by one of its
// own. Where nobody has chosen the port, because it is that of standard, and
// another program has it, any other one will do; where there is no such address,
// as on a machine without a loopback, it goes on without a console, and so it does
// where the certificate has expired, if only by a clock that is wrong: deliveries do
// not wait for it. An address that other machines reach is refused without one.
func ListenConsole(sockets *service.Sockets, c config.Console, standard, unit string, log *slog.Logger) (Console, error) {
	if c.Address == "" {
		return Console{}, nil
	}
	shown, err := LoadShown(c)
	if errors.Is(err, identity.ErrExpired) {
		log.Warn("going on without a console: renew its certificate, or put the clock right, and restart", "address", c.Address, "error", err)
		return Console{}, nil
	}
	if err != nil {
		return Console{}, err
	}
	place := Place{Setting: "console", Address: c.Address, Open: true, Socket: service.Console, Unit: unit}
	l, err := Listen(sockets, place, log)
	if errors.Is(err, syscall.EADDRINUSE) && c.Address == standard {
		log.Info("another program listens where the console should be, taking any free port", "address", c.Address)
		place.Address = "127.0.0.1:0"
		l, err = Listen(sockets, place, log)
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) && c.Address == standard {
		log.Warn("this machine has no loopback, going on without a console", "address", c.Address, "error", err)
		return Console{}, nil
	}
	if err != nil {
		return Console{}, err
	}
	return Console{Listener: l, Shown: shown, Secure: OpensToOthers(c.Address)}, nil
}

// LoadShown reads what browsers are shown where c is open to other machines: what
// systemd handed over (systemd.exec(5), $CREDENTIALS_DIRECTORY), or the files that
// are configured.
func LoadShown(c config.Console) (s Shown, err error) {
	if c.Address == "" || !OpensToOthers(c.Address) {
		return s, nil
	}
	certificate, _ := Secret(dropin.ConsoleCertificate, c.Certificate)
	key, forbidden := Secret(dropin.ConsoleKey, c.Key)
	if certificate == "" || key == "" {
		return s, reason.New(reason.ConfigInvalid,
			"console = %q is open to other machines, whose browsers need a certificate: give console_certificate and console_key, or use 127.0.0.1", c.Address)
	}
	if s.Browser, err = identity.LoadBrowser(certificate, key, forbidden, time.Now()); err != nil {
		return s, err
	}
	s.Scrape, err = loadScrape(c)
	return s, err
}

// loadScrape reads what lets the metrics be read from other machines, if that is set.
func loadScrape(c config.Console) (identity.ScrapeToken, error) {
	at, _ := Secret(dropin.MetricsToken, c.Metrics)
	if at == "" {
		return identity.ScrapeToken{}, nil
	}
	text, err := ReadSecret("metrics_token", dropin.MetricsToken, c.Metrics)
	if err != nil {
		return identity.ScrapeToken{}, err
	}
	token, err := identity.NewScrapeToken(text)
	if err != nil {
		return token, reason.Wrap(reason.ConfigInvalid, err, "metrics_token %s", at)
	}
	return token, nil
}

// CheckShown says what is wrong with what LoadShown will read, as far as c names it:
// what systemd is to hand over is there for the service alone, and out is told of it.
func CheckShown(out io.Writer, c config.Console) error {
	if c.Address == "" || !OpensToOthers(c.Address) {
		return nil
	}
	certificate, _ := Secret(dropin.ConsoleCertificate, c.Certificate)
	key, _ := Secret(dropin.ConsoleKey, c.Key)
	if certificate == "" || key == "" {
		Unseen(out, "console_certificate and console_key are not set, so that a drop-in has to hand them over")
		_, err := loadScrape(c)
		return Unreadable(out, err)
	}
	_, err := LoadShown(c)
	return Unreadable(out, err)
}

// Unreadable is err, but for a secret that is not for who checks to read, of which
// out is told: its file is root's alone, and systemd hands it over to the server.
func Unreadable(out io.Writer, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		Unseen(out, err.Error())
		return nil
	}
	return err
}

// Unseen tells who checks a configuration of something without which the server may
// not start, and which is there for the server alone.
func Unseen(out io.Writer, what string) { fmt.Fprintf(out, "not looked at: %s\n", what) }
