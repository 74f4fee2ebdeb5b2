package client

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// Help is what --help says of a command.
type Help struct{ Short, Long, Example string }

// Root makes the command line of the commands, with what long says of it and
// what help says of each of them. Given the host and port of a server instead
// of a command, it runs menu.
func (p *Program) Root(long string, help map[string]Help, menu func(*cobra.Command) error, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: p.Name, Long: long, Args: cobra.ArbitraryArgs,
		SuggestionsMinimumDistance: 2,
		// Without this, what is no command would be answered in English alone.
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return c.Help()
			case len(args) == 2 && isPort(args[1]):
				p.Server, p.ServerGiven = net.JoinHostPort(args[0], args[1]), true
				return menu(c)
			}
			return p.unknownCommand(c, args[0])
		},
	}
	// The library's own of both speak English alone.
	c.CompletionOptions.DisableDefaultCmd = true
	c.SetHelpCommand(p.helpCommand())
	c.AddCommand(commands...)
	c.AddCommand(p.completion())
	c.InitDefaultHelpCmd()
	own := p.ownHelp()
	for _, sub := range c.Commands() {
		words, ok := help[sub.Name()]
		if !ok {
			words = own[sub.Name()]
		}
		sub.Short, sub.Long, sub.Example = words.Short, words.Long, strings.TrimPrefix(words.Example, "\n")
		sub.DisableFlagsInUseLine = true
	}
	c.PersistentFlags().StringVar(&p.Server, "server", p.Server, fmt.Sprintf(p.Words.ServerFlag, p.Variable, p.Port))
	c.PersistentFlags().StringVar(&p.Pin, "pin", "", p.Words.PinFlag)
	c.PersistentFlags().BoolVar(&p.JSON, "json", false, p.Words.JSONFlag)
	c.PersistentFlags().BoolP("help", "h", false, p.Words.HelpFlag)
	c.SetUsageFunc(p.usage)
	c.SetHelpFunc(p.help)
	return c
}

// helpCommand is the command that prints the help of another.
func (p *Program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [" + p.Words.CommandName + "]",
		ValidArgsFunction: func(c *cobra.Command, args []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			about, _, err := c.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), begun) {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return p.unknownCommand(c.Root(), strings.Join(args, " "))
			}
			return about.Help()
		},
	}
}

// Group makes a command of commands, of which help speaks as "name command".
func (p *Program) Group(name string, help map[string]Help, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: name, Args: cobra.ArbitraryArgs, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return p.unknownCommand(c, args[0])
		},
	}
	c.AddCommand(commands...)
	for _, sub := range commands {
		words := help[name+" "+sub.Name()]
		sub.Short, sub.Long, sub.Example = words.Short, words.Long, strings.TrimPrefix(words.Example, "\n")
		sub.DisableFlagsInUseLine = true
	}
	return c
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// unknownCommand says that name is no command, and which may be meant.
func (p *Program) unknownCommand(c *cobra.Command, name string) error {
	if alike := c.SuggestionsFor(name); len(alike) > 0 {
		return reason.New(reason.Usage, p.Words.UnknownCommandAlike, name, strings.Join(alike, ", "))
	}
	return reason.New(reason.Usage, p.Words.UnknownCommand, name)
}

// Exactly makes a command take as many arguments as it has names for.
func (p *Program) Exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return reason.New(reason.Usage, p.Words.Missing, c.CommandPath(), names[len(args)])
		case len(args) > len(names):
			return reason.New(reason.Usage, p.Words.TooMany, c.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// AtLeast makes a command take an argument called name, or more of them.
func (p *Program) AtLeast(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return reason.New(reason.Usage, p.Words.Missing, c.CommandPath(), name)
		}
		return nil
	}
}

// Number reads the number of a title or a delivery; wrong says, with %q, that
// it is none.
func (p *Program) Number(text, wrong string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, reason.New(reason.Usage, wrong, text)
	}
	return n, nil
}

// leastHelp is how many columns help is laid out for at least: in less of them it
// could not be read.
const leastHelp = 40

// helpWidth is how many columns help has; 0 is no bound, where nobody has a terminal.
func (p *Program) helpWidth() int {
	if p.Width <= 0 {
		return 0
	}
	return max(p.Width, leastHelp)
}

// help prints what a command does, and how it is called.
func (p *Program) help(c *cobra.Command, _ []string) {
	text := strings.TrimSpace(c.Long)
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(c.OutOrStdout(), "%s\n\n%s", terminal.Prose(text, p.helpWidth()), c.UsageString())
}

// usage prints how a command is called. That of the library speaks English
// alone, and counts bytes where it aligns columns.
func (p *Program) usage(c *cobra.Command) error {
	width := p.helpWidth()
	var b strings.Builder
	line := c.UseLine()
	if c.HasAvailableSubCommands() {
		line = c.CommandPath() + " " + p.Words.CommandName
	}
	fmt.Fprintf(&b, "%s:\n%s\n", p.Words.Usage, terminal.Hanging("  ", line, width))
	if !c.HasParent() {
		fmt.Fprintf(&b, "  %s %s\n", c.CommandPath(), p.Words.HostPort)
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\n%s:\n%s\n", p.Words.Examples, c.Example)
	}
	section := func(title string, f terminal.Form) {
		if !f.Empty() {
			fmt.Fprintf(&b, "\n%s:\n", title)
			f.Print(&b, width)
		}
	}
	commands := terminal.Form{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			commands.Add(sub.Name(), sub.Short)
		}
	}
	section(p.Words.Commands, commands)
	section(p.Words.Flags, flagForm(c.LocalFlags()))
	section(p.Words.AllFlags, flagForm(c.InheritedFlags()))
	if c.HasAvailableSubCommands() && !c.HasParent() {
		b.WriteString("\n" + terminal.Prose(fmt.Sprintf(p.Words.MoreHelp, p.Name), width) + "\n")
	}
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
}

func flagForm(flags *pflag.FlagSet) (f terminal.Form) {
	flags.VisitAll(func(flag *pflag.Flag) {
		value, purpose := pflag.UnquoteUsage(flag)
		short := "    "
		if flag.Shorthand != "" {
			short = "-" + flag.Shorthand + ", "
		}
		f.Add(strings.TrimRight(short+"--"+flag.Name+" "+value, " "), purpose)
	})
	return f
}
