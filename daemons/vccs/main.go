// Command vccs is Video Club's central server: it takes requests of users,
// promises what can be kept, and delivers titles to reception servers.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/command"
	"videoclub/internal/desk"
	"videoclub/internal/dispatch"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/startup"
	"videoclub/internal/worker"
)

func main() {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, workers))
	}
	os.Exit(command.Main(root()))
}

func root() *cobra.Command {
	var o options
	var showIdentity bool
	c := &cobra.Command{
		Use:   "vccs [--config FILE] [--state DIR] [--open] [--check] [--identity] [XXX ZZZ YYY]",
		Short: "the central server of Video Club",
		Long: `vccs takes requests of users on port XXX and administrators on port ZZZ, and
reaches reception servers on their port YYY. Started with the three ports it
needs no configuration: titles are read from ./videos.txt, and only this machine
may connect; with --open others may too, and their keys are remembered at first
sight, as ssh does. Otherwise it reads FILE, by default /etc/vc/vccs.toml.

SIGHUP reads FILE and the titles anew; a FILE with mistakes changes nothing.`,
		Example: "  vccs 4100 4101 4102\n  vccs --config /etc/vc/vccs.toml --check",
		Args:    command.Ports(&o.ports, 3),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := load(o)
			switch {
			case err != nil:
				return err
			case o.check:
				return check(c.OutOrStdout(), s)
			case showIdentity:
				return startup.PrintIdentity(c.OutOrStdout(), filepath.Join(s.state, "keys"))
			}
			return serve(c.Context(), o, s)
		},
	}
	startup.CommonFlags(c, &o.config, &o.state, "/etc/vc/vccs.toml")
	c.Flags().BoolVar(&o.open, "open", false, "with the ports: let other machines connect, and remember their keys at first sight")
	c.Flags().BoolVar(&o.check, "check", false, "check the configuration and the titles, and exit")
	c.Flags().BoolVar(&showIdentity, "identity", false, "print this server's identity, and exit")
	return c
}

// serve runs the central server until it is told to stop.
func serve(ctx context.Context, o options, s settings) error {
	log := slog.New(journal.NewHandler(os.Stderr, startup.JournalOptions()))
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	hangups := startup.Hangups()

	if err := os.MkdirAll(s.state, 0o700); err != nil {
		return fmt.Errorf("the state directory: %w", err)
	}
	keys, err := identity.LoadOrCreate(filepath.Join(s.state, "keys"))
	if err != nil {
		return err
	}
	book, err := ledger.Open(ctx, filepath.Join(s.state, "ledger", "ledger.db"))
	if err != nil {
		return err
	}
	defer book.Close()
	spawner, err := worker.NewSpawner("vccs")
	if err != nil {
		return err
	}
	defer spawner.Close()
	users, administrators, err := listen(s)
	if err != nil {
		return err
	}

	titles := s.readTitles(log)
	deliveries, err := dispatch.New(ctx, dispatch.Config{
		Ledger: book, Spawner: spawner, Keys: keys, Clock: time.Now, Log: log, Digests: filepath.Join(s.state, "digests"),
		Sources: opener{source.Opener{Roots: s.Roots, Never: []string{s.state}}}, Settings: s.dispatch(),
	})
	if err != nil {
		return err
	}
	counter, err := desk.New(desk.Config{
		Dispatcher: deliveries, Ledger: book, Spawner: spawner, TLS: keys.TLS, Clock: time.Now, Log: log,
		Connections: s.Connections, PerAddress: s.ConnectionsPerAddress,
	}, titles)
	if err != nil {
		return err
	}
	defer counter.Close()

	log.LogAttrs(ctx, slog.LevelInfo, "settings", s.Effective()...)
	log.Info("ready", "users", users.Addr(), "administrators", administrators.Addr(), "titles", len(titles.Titles()),
		"state", s.state, "identity", identity.Short(deliveries.Central()))
	if s.open {
		log.Warn("open to every machine: whoever reaches these ports may request and administer, until it is configured")
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var running sync.WaitGroup
	running.Go(func() { deliveries.Run(ctx) })
	for role, l := range map[desk.Role]net.Listener{desk.User: users, desk.Administrator: administrators} {
		running.Go(func() { fail(counter.Serve(ctx, l, role)) })
	}
	running.Go(func() {
		startup.OnHangup(ctx, hangups, func() { reload(o, s, deliveries, counter, log) })
	})
	<-ctx.Done()
	log.Info("stopping, deliveries go on at the next start")
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func listen(s settings) (users, administrators net.Listener, err error) {
	if users, err = startup.Listen(s.Users, "users", s.open); err != nil {
		return nil, nil, err
	}
	if administrators, err = startup.Listen(s.Administrators, "administrators", s.open); err != nil {
		users.Close()
		return nil, nil, err
	}
	return users, administrators, nil
}

// reload takes up what may change while the server runs; a configuration with
// mistakes changes nothing.
func reload(o options, running settings, deliveries *dispatch.Dispatcher, counter *desk.Desk, log *slog.Logger) {
	s, err := load(o)
	if err != nil {
		log.Error("the configuration was not reloaded, going on with the one before", "reason", string(reason.Of(err)), "error", err)
		return
	}
	startup.WarnRestart(log, running.fixed(), s.fixed())
	deliveries.SetSettings(s.dispatch())
	counter.SetLimits(s.Connections, s.ConnectionsPerAddress)
	counter.SetTitles(s.readTitles(log))
	log.LogAttrs(context.Background(), slog.LevelInfo, "reloaded", s.Effective()...)
}
