package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usage prints how a command is called. That of the library speaks English
// alone, and counts bytes where it aligns columns.
func (p *program) usage(c *cobra.Command) error {
	h := helpIn(p.language)
	var b strings.Builder
	line := c.UseLine()
	if c.HasAvailableSubCommands() {
		line = c.CommandPath() + " " + h.command
	}
	fmt.Fprintf(&b, "%s:\n  %s\n", h.usage, line)
	if c.HasExample() {
		fmt.Fprintf(&b, "\n%s:\n%s\n", h.examples, c.Example)
	}
	section := func(title string, f form) {
		if len(f.lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n", title)
			f.print(&b)
		}
	}
	commands := form{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			commands.add(sub.Name(), sub.Short)
		}
	}
	section(h.commandList, commands)
	section(h.flags, flagForm(c.LocalFlags()))
	section(h.allFlags, flagForm(c.InheritedFlags()))
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s\n", h.more)
	}
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
}

func flagForm(flags *pflag.FlagSet) (f form) {
	flags.VisitAll(func(flag *pflag.Flag) {
		value, purpose := pflag.UnquoteUsage(flag)
		short := "    "
		if flag.Shorthand != "" {
			short = "-" + flag.Shorthand + ", "
		}
		f.add(strings.TrimRight(short+"--"+flag.Name+" "+value, " "), purpose)
	})
	return f
}
