// Command vcvrs is Video Club's reception server: it waits for central servers
// and stores what they deliver.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/command"
	"videoclub/internal/config"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/dropin"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/limit"
	"videoclub/internal/lobby"
	"videoclub/internal/reason"
	"videoclub/internal/reception"
	"videoclub/internal/sandbox"
	"videoclub/internal/service"
	"videoclub/internal/startup"
	"videoclub/internal/worker"
)

func main() {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, workers))
	}
	if startup.IsGenerator(os.Args) {
		os.Exit(startup.Generator(os.Args, standard, dropins))
	}
	os.Exit(command.Main(root()))
}

// options are what the command line says.
type options struct {
	config, state, store string
	open                 bool
	ports                []int // YYY, or none
}

// service says that the server which the options are about is the installed one,
// whose configuration the units name, and none that a person starts.
func (o options) service() bool {
	return len(o.ports) == 0 && (o.config == "" || o.config == standard)
}

func root() *cobra.Command {
	var o options
	var check, showIdentity bool
	c := &cobra.Command{
		Use:   "vcvrs [--config FILE] [--state DIR] [--store DIR] [--open] [--check] [--identity] [YYY]",
		Short: "the reception server of Video Club",
		Long: `vcvrs waits for central servers on port YYY and stores what they deliver in the
directory in which it was started. Started with the port it needs no
configuration, and only this machine may connect; with --open another may too,
and the first central server that delivers is the only one from then on.
Otherwise it reads FILE, by
default /etc/vc/vcvrs.toml.

SIGHUP reads FILE anew; a FILE with mistakes changes nothing.`,
		Example: "  vcvrs 4102\n  vcvrs --config /etc/vc/vcvrs.toml --check",
		Args:    command.Ports(&o.ports, 1),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := load(o)
			switch {
			case err != nil:
				return startup.Failed(err)
			case check:
				return s.check(c.OutOrStdout())
			case showIdentity && o.service():
				return startup.PrintServiceIdentity(c.OutOrStdout(), "vcvrs", startup.ServiceState(o.state, s.State, "vcvrs", s.state))
			case showIdentity:
				return startup.PrintIdentity(c.OutOrStdout(), s.state)
			}
			return startup.Failed(serve(c.Context(), o, s))
		},
	}
	startup.CommonFlags(c, &o.config, &o.state, standard)
	c.Flags().StringVar(&o.store, "store", "", "store what arrives in `DIR` (by default that of the configuration, or the current one)")
	c.Flags().BoolVar(&o.open, "open", false, "with the port: let a central server on another machine connect, and remember its key at first sight")
	c.Flags().BoolVar(&check, "check", false, "check the configuration, and exit")
	c.Flags().BoolVar(&showIdentity, "identity", false, "print this server's identity, short and in full, and exit")
	c.AddCommand(pairCommand(), unpairCommand())
	return c
}

// settings are those of the configuration file or the port, with every path
// made absolute.
type settings struct {
	config.Reception
	store, state string
	positional   bool // started with the port
	open         bool // to other machines
}

func load(o options) (s settings, err error) {
	s.Reception = config.DefaultReception()
	if s.positional = len(o.ports) > 0; s.positional {
		if o.config != "" {
			return s, reason.New(reason.Usage, "either --config or the port, not both")
		}
		s.open = o.open
		host := "127.0.0.1"
		if s.open {
			host = "" // every address
		}
		s.Listen = net.JoinHostPort(host, strconv.Itoa(o.ports[0]))
	} else {
		if o.open {
			return s, reason.New(reason.Usage, "--open goes with the port")
		}
		text, err := startup.ReadConfig(&o.config, standard)
		if err != nil {
			return s, err
		}
		if s.Reception, err = config.ParseReception(o.config, text); err != nil {
			return s, err
		}
	}
	if o.store != "" {
		s.Store = o.store
	}
	if s.store, err = filepath.Abs(s.Store); err != nil {
		return s, err
	}
	s.state, err = startup.StateDir(o.state, s.State, "vcvrs", s.Listen)
	return s, err
}

// fixed are the settings that take effect at a start alone.
func (s settings) fixed() map[string]string {
	return map[string]string{"listen": s.Listen, "store": s.store, "state": s.state, "sandbox": s.Sandbox, "console": s.Console.Address}
}

func (s settings) limits() depot.Limits {
	return depot.Limits{Quota: int64(s.Quota), MinFree: int64(s.MinFree), Parts: s.Unfinished, Expire: s.Expire}
}

func (s settings) connections() reception.Settings {
	return reception.Settings{Silence: s.Silence, Handshake: s.Handshake,
		Connections: limit.Bounds{All: s.Connections, PerAddress: s.ConnectionsPerAddress, Strangers: s.Strangers}}
}

// lobby gives the settings of who serves browsers, as many as central servers. An
// address that other machines reach needs a token.
func (s settings) lobby(shown startup.Shown) (l lobby.Settings, err error) {
	l = lobby.Settings{Connections: s.connections().Connections, Handshake: s.Handshake, Browser: shown.Browser, Scrape: shown.Scrape}
	token, _ := startup.Secret(dropin.ConsoleToken, s.ConsoleToken)
	switch {
	case s.Console.Address == "":
	case token == "" && startup.OpensToOthers(s.Console.Address):
		return l, reason.New(reason.ConfigInvalid, "console = %q is open to other machines, whose browsers need to show a token: give console_token, or use 127.0.0.1", s.Console.Address)
	case token != "":
		text, err := startup.ReadSecret("console_token", dropin.ConsoleToken, s.ConsoleToken)
		if err == nil && (len(text) < 16 || len(text) > 500) {
			err = reason.New(reason.ConfigInvalid, "console_token %s: it has %d characters, and may have 16 to 500", token, len(text))
		}
		if err != nil {
			return l, err
		}
		l.Token = lobby.NewToken(text)
	}
	return l, nil
}

// check is --check: the settings were read; the store, and what browsers are shown
// and have to show, are looked at too.
func (s settings) check(out io.Writer) error {
	// A relative one begins where the server is started, which may be elsewhere.
	if filepath.IsAbs(s.Store) {
		switch info, err := os.Stat(s.Store); {
		case errors.Is(err, fs.ErrPermission):
			startup.Unseen(out, "the store, which is not for you to see")
		case err != nil:
			return reason.Wrap(reason.StoreFailed, err, "the store")
		case !info.IsDir():
			return reason.New(reason.StoreFailed, "the store: %s is no directory", s.Store)
		}
	}
	if err := startup.CheckShown(out, s.Console); err != nil {
		return err
	}
	token, _ := startup.Secret(dropin.ConsoleToken, s.ConsoleToken)
	if token == "" && s.Console.Address != "" && startup.OpensToOthers(s.Console.Address) {
		startup.Unseen(out, "console_token is not set, so that a drop-in has to hand it over")
	} else if _, err := s.lobby(startup.Shown{}); startup.Unreadable(out, err) != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "the configuration is good")
	return err
}

// meet says which central servers may deliver: the one that is paired with; or
// with --open the one that delivered first, before which any may look; or while
// there is neither, those of this machine.
func (s settings) meet(trust identity.Central, log *slog.Logger) func(id string, from net.Addr, delivers bool) error {
	return func(id string, from net.Addr, delivers bool) error {
		known, err := trust.Identity()
		switch {
		case err != nil || known == id:
			return err
		case known != "":
			return reason.New(reason.NotPaired, "%s is trusted here, and %s at %v asks", identity.Short(known), identity.Short(id), from)
		case s.open && !delivers:
			return nil
		case s.open:
			return trust.First(id, func() {
				log.Info("the first central server, no other may deliver from now on", journal.PeerMet.Mark(), "identity", identity.Short(id), "file", trust.Pins().Path())
			})
		}
		if at, ok := from.(*net.TCPAddr); ok && at.IP.IsLoopback() {
			return nil
		}
		return reason.New(reason.NotPaired, "no central server is trusted here yet, and %s at %v asks", identity.Short(id), from)
	}
}

// serve runs the reception server until it is told to stop.
func serve(ctx context.Context, o options, s settings) error {
	sockets, manager := service.TakeSockets(), service.NewManager()
	log := slog.New(journal.New("vcvrs"))
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	hangups := startup.Hangups()

	keys, err := startup.Keys(s.state)
	if err != nil {
		return err
	}
	spawner, err := worker.NewSpawner("vcvrs")
	if err != nil {
		return err
	}
	defer spawner.Close()
	if err := startup.Confine(spawner, s.Sandbox, sandbox.Look(), log); err != nil {
		return err
	}
	dir, err := disk.OS(s.store)
	if err != nil {
		return startup.Confined(reason.Wrap(reason.StoreFailed, err, "the store"), units)
	}
	defer dir.Close()
	store, err := depot.Open(dir, depot.Options{
		Clock: time.Now, Limits: s.limits(), ReceiptKey: keys.ReceiptKey(), Published: markers{s.state, s.store}.leave,
	})
	if err != nil {
		return startup.Confined(err, units)
	}
	defer store.Close()
	trust := identity.OpenCentral(s.state)
	watch := newTrustWatch(trust, s, log)
	here, err := reception.New(reception.Config{
		Depot: store, Spawner: spawner, Keys: keys, Clock: time.Now, Log: log, Settings: s.connections(), Meet: s.meet(trust, log), Trust: trust,
		Pulse: func(o reception.Overview) {
			manager.Alive(o.String())
			watch.look()
		},
	})
	if err != nil {
		return err
	}
	// Who may deliver is decided by identity: with a configuration, it may be
	// reached from anywhere.
	l, err := startup.Listen(sockets, startup.Place{Setting: "listen", Address: s.Listen, Open: s.open || !s.positional, Socket: service.Centrals, Unit: units}, log)
	if err != nil {
		return err
	}
	console, err := startup.ListenConsole(sockets, s.Console, config.DefaultReception().Console.Address, "vcvrs-console.socket", log)
	if err != nil {
		return err
	}
	startup.Refuse(sockets, log)
	browsers, err := s.lobby(console.Shown)
	if err != nil {
		return err
	}
	people := lobby.New(lobby.Config{
		Spawner: spawner, Clock: time.Now, Log: log, Settings: browsers, Depot: store, Receiver: here.Identity(), ReceiptKey: here.ReceiptKey(),
		Status: manager.Doing, Count: here.Count,
	})
	defer people.Close()

	log.LogAttrs(ctx, slog.LevelInfo, "settings", s.Effective()...)
	log.Info("ready", "listen", l.Addr(), "console", console.URL(), "store", s.store, "state", s.state, "identity", identity.Short(here.Identity()))
	watch.say()
	ctx, done := context.WithCancel(ctx)
	var running sync.WaitGroup
	var errPeople error
	running.Go(func() {
		startup.OnHangup(ctx, hangups, func() { manager.Reload(func() { reload(o, s, store, here, people, manager, log) }) })
	})
	running.Go(func() {
		defer done()
		err = here.Serve(ctx, l)
	})
	if console.Listener != nil {
		running.Go(func() {
			defer done()
			errPeople = people.Serve(ctx, console, console.Secure)
		})
	}
	manager.Ready()
	<-ctx.Done()
	log.Info("stopping, deliveries go on at the next start")
	manager.Drain(running.Wait)
	return errors.Join(err, errPeople)
}

// reload takes up what may change while the server runs; a configuration with
// mistakes changes nothing.
func reload(o options, running settings, store *depot.Depot, here *reception.Reception, people *lobby.Lobby, manager *service.Manager, log *slog.Logger) {
	s, err := load(o)
	if err != nil {
		log.Error("the configuration was not reloaded, going on with the one before", journal.NotReloaded.Mark(), "reason", string(reason.Of(err)), "error", err)
		manager.Status("not reloaded: " + err.Error())
		return
	}
	startup.WarnRestart(log, running.fixed(), s.fixed(), units)
	store.SetLimits(s.limits())
	here.SetSettings(s.connections())
	// What is good for another address of the console may open the one that it has
	// until the next start.
	if s.Console.Address == running.Console.Address {
		var browsers lobby.Settings
		shown, err := startup.LoadShown(s.Console)
		if err == nil {
			browsers, err = s.lobby(shown)
		}
		if err == nil {
			people.SetSettings(browsers)
		} else {
			log.Error("what browsers are shown, or have to show, cannot be read, going on with what was before", "reason", string(reason.Of(err)), "error", err)
		}
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, "reloaded", s.Effective()...)
}
