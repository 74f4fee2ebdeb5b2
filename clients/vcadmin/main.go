// Command vcadmin administers a Video Club central server: its titles, its
// receptions and its accounts.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"videoclub/internal/client"
	"videoclub/internal/command"
)

// port is where a central server that was started with its defaults listens for
// administrators.
const port = "4101"

// program is the common program with the words of this one.
type program struct {
	*client.Program
	words words
}

func main() { os.Exit(command.Main(newProgram().root())) }

func newProgram() *program {
	p := &program{Program: client.New("vcadmin", "VC_ADMIN_SERVER", port)}
	p.words = wordsIn(p.Language)
	return p
}

// root is the command line.
func (p *program) root() *cobra.Command {
	h := helpIn(p.Language)
	return p.Root(h.long, h.commands, p.menu, p.add(h), p.replace(h), p.remove(h), p.Titles(p.titleTable), p.Deliveries(), p.schedule(), p.reception(h), p.account(h), p.sources(), p.console())
}
