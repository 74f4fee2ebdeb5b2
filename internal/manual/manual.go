// Package manual is the man pages: what a page says compared with what its
// program takes, and vc-protocol(7) made of docs/PROTOCOL.md.
package manual

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// options finds the options that a page in mdoc(7) speaks of, by their macro.
var options = regexp.MustCompile(`\bFl (-?[a-z0-9][a-z0-9-]*)`)

// Compare says in which commands and options page, a page in mdoc(7), differs
// from the program whose root command is c: what the program takes and the page
// does not have, and the other way round. Hidden commands need no mention, but
// may have one.
func Compare(page string, c *cobra.Command) (differences []string) {
	c.InitDefaultHelpFlag()
	var flags []string
	commands(c, func(sub *cobra.Command) {
		if sub != c && !sub.Hidden && !hasMacro(page, "Cm", sub.Name()) {
			differences = append(differences, fmt.Sprintf("the command %s has no .Cm %s", sub.CommandPath(), sub.Name()))
		}
		for _, set := range []*pflag.FlagSet{sub.LocalFlags(), sub.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) {
				if flags = append(flags, f.Name); f.Shorthand != "" {
					flags = append(flags, f.Shorthand)
				}
			})
		}
	})
	slices.Sort(flags)
	var known []string
	for _, name := range slices.Compact(flags) {
		option := "-" + name // --name is .Fl -name
		if len(name) == 1 {
			option = name
		}
		known = append(known, option)
		if !hasMacro(page, "Fl", option) && !covered(c, name, page) {
			differences = append(differences, fmt.Sprintf("the option -%s has no .Fl %s", option, option))
		}
	}
	for _, found := range options.FindAllStringSubmatch(page, -1) {
		if option := found[1]; !slices.Contains(known, option) {
			differences = append(differences, fmt.Sprintf("the page has .Fl %s, which is no option", option))
		}
	}
	return differences
}

// covered says whether the page has the option called name under its other
// name, the long one or the letter: one of the two is enough.
func covered(c *cobra.Command, name, page string) (is bool) {
	commands(c, func(sub *cobra.Command) {
		sub.LocalFlags().VisitAll(func(f *pflag.Flag) {
			switch name {
			case f.Shorthand:
				is = is || hasMacro(page, "Fl", "-"+f.Name)
			case f.Name:
				is = is || f.Shorthand != "" && hasMacro(page, "Fl", f.Shorthand)
			}
		})
	})
	return is
}

// hasMacro says whether page has a macro with an argument, alone or followed by
// further ones.
func hasMacro(page, macro, argument string) bool {
	return regexp.MustCompile(`(?m)^\..*\b` + macro + ` ` + regexp.QuoteMeta(argument) + `(\s|$)`).MatchString(page)
}

// commands calls visit for c and all commands below it.
func commands(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		commands(sub, visit)
	}
}

// settings finds the settings that a page explains: the list items of .Ic.
var settings = regexp.MustCompile(`(?m)^\.It Ic (.*)$`)

// Settings gives the names of the settings that page, a page in mdoc(7),
// explains, in its order.
func Settings(page string) (names []string) {
	for _, item := range settings.FindAllStringSubmatch(page, -1) {
		list, _, _ := strings.Cut(item[1], " No = ")
		names = append(names, strings.Fields(strings.ReplaceAll(list, " , ", " "))...)
	}
	return names
}
