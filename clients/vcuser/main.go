// Command vcuser asks the central server of Video Club for titles, and follows
// and proves their deliveries.
package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/reason"
)

// defaultServer is where a central server that was started with its defaults
// listens for users.
const defaultServer = "127.0.0.1:4100"

func main() {
	p := &program{
		out: os.Stdout, err: os.Stderr, now: time.Now, zone: time.Local,
		language: command.Language(os.Getenv), server: os.Getenv("VC_SERVER"),
	}
	if p.server == "" {
		p.server = defaultServer
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		p.terminal, p.width = true, width
	}
	p.words = wordsIn(p.language)
	os.Exit(command.Main(p.root()))
}

// root is the command line.
func (p *program) root() *cobra.Command {
	h := helpIn(p.language)
	c := &cobra.Command{
		Use: "vcuser", Long: h.long, Args: cobra.ArbitraryArgs,
		SuggestionsMinimumDistance: 2,
		// Without this, what is no command would be answered in English alone.
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return p.unknownCommand(c, args[0])
		},
	}
	c.AddCommand(p.list(), p.request(), p.deliveries(), p.show(), p.watch(), p.cancel())
	c.InitDefaultHelpCmd()
	for _, sub := range c.Commands() {
		words := h.commands[sub.Name()]
		sub.Short, sub.Long, sub.Example = words.short, words.long, strings.TrimPrefix(words.example, "\n")
		sub.DisableFlagsInUseLine = true
	}
	c.PersistentFlags().StringVar(&p.server, "server", p.server, h.server)
	c.PersistentFlags().BoolVar(&p.json, "json", false, h.json)
	c.PersistentFlags().BoolP("help", "h", false, h.help)
	c.SetUsageFunc(p.usage)
	return c
}

// unknownCommand says that name is no command, and which may be meant.
func (p *program) unknownCommand(c *cobra.Command, name string) error {
	if alike := c.SuggestionsFor(name); len(alike) > 0 {
		return reason.New(reason.Usage, p.words.unknownCommandAlike, name, strings.Join(alike, ", "))
	}
	return reason.New(reason.Usage, p.words.unknownCommand, name)
}

// action makes what a command runs: with a client of the server, with errors
// in the person's words, and with a refusal in JSON where that was asked for.
func (p *program) action(run func(ctx context.Context, client *api.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		p.serverGiven = c.Flags().Changed("server")
		if err := p.checkServer(); err != nil {
			return err
		}
		client := api.NewClient(p.server, nil)
		defer client.Close()
		return p.plain(run(c.Context(), client, args))
	}
}

// checkServer refuses an address that could not be one, before anybody waits.
func (p *program) checkServer() error {
	host, port, err := net.SplitHostPort(p.server)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" || strings.ContainsAny(host, "/?#@%\\ ") {
		return reason.New(reason.Usage, p.words.badServer, p.server)
	}
	return nil
}

// exactly makes a command take n arguments, which missing names.
func (p *program) exactly(n int, missing string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return reason.New(reason.Usage, p.words.missing, c.CommandPath(), missing)
		case len(args) > n:
			return reason.New(reason.Usage, p.words.tooMany, c.CommandPath(), args[n])
		}
		return nil
	}
}

// number reads the number of a title or a delivery.
func (p *program) number(text, wrong string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, reason.New(reason.Usage, wrong, text)
	}
	return n, nil
}
