// Command vcuser asks the central server of Video Club for titles, and follows
// and proves their deliveries.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"videoclub/internal/command"
)

func main() { os.Exit(command.Main(newProgram().root())) }

// root is the command line.
func (p *program) root() *cobra.Command {
	h := helpIn(p.Language)
	return p.Root(h.long, h.commands, p.menu,
		p.Titles(p.titleTable), p.request(), p.where(), p.Deliveries(), p.show(), p.watch(), p.cancel(), p.login())
}
