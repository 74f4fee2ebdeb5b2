// Command vccs is Video Club's central server: it takes requests of users,
// promises what can be kept, and delivers titles to reception servers.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"videoclub/internal/command"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
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
				return startup.Failed(err)
			case o.check:
				return check(c.OutOrStdout(), s)
			case showIdentity && o.service():
				return startup.PrintServiceIdentity(c.OutOrStdout(), "vccs", startup.ServiceState(o.state, s.State, "vccs", s.state))
			case showIdentity:
				return startup.PrintIdentity(c.OutOrStdout(), s.state)
			}
			return startup.Failed(serve(c.Context(), o, s))
		},
	}
	startup.CommonFlags(c, &o.config, &o.state, standard)
	c.Flags().BoolVar(&o.open, "open", false, "with the ports: let other machines connect, and remember their keys at first sight")
	c.Flags().BoolVar(&o.check, "check", false, "check the configuration, the titles and the locations of those that are live, and exit")
	c.Flags().BoolVar(&showIdentity, "identity", false, "print this server's identity, short and in full, and exit")
	return c
}

// serve runs the central server until it is told to stop.
func serve(ctx context.Context, o options, s settings) error {
	if err := s.readPassword(); err != nil {
		return err
	}
	sockets, manager := service.TakeSockets(), service.NewManager()
	log := slog.New(journal.New("vccs"))
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	hangups := startup.Hangups()
	c, err := open(ctx, s, sockets, manager, log)
	if err != nil {
		return err
	}
	defer c.close()
	log.LogAttrs(ctx, slog.LevelInfo, "settings", s.Effective()...)
	log.Info("ready", "users", c.users.Addr(), "administrators", c.administrators.Addr(), "console", c.console.URL(), "titles", len(c.titles.List().Titles()),
		"state", s.state, "identity", identity.Short(c.deliveries.Central()))
	if s.open {
		log.Warn("open to every machine: whoever reaches these ports may request and administer, until it is configured")
	}
	return c.run(ctx, hangups, func() { c.reload(o, s) })
}
