package script

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Help looks whether help says of every command what it is for, how it is called,
// and with examples that begin as one would type them.
func Help(t *testing.T, root *cobra.Command) {
	t.Helper()
	for _, c := range all(root) {
		name := c.CommandPath()
		if c.Name() == "help" { // a line is all there is to say
			if c.Short == "" {
				t.Errorf("%s: nothing is said of it", name)
			}
			continue
		}
		if c.Short == "" || c.Long == "" || !strings.HasPrefix(c.Long, c.Name()+" ") {
			t.Errorf("%s: its help is %q, %q", name, c.Short, c.Long)
		}
		calls := 0
		for line := range strings.Lines(c.Example) {
			if call := strings.TrimSpace(line); call != "" && strings.Contains(call, root.Name()+" ") {
				calls++
			}
		}
		if calls == 0 {
			t.Errorf("%s: its examples are %q", name, c.Example)
		}
	}
}

// all are the commands below c.
func all(c *cobra.Command) (found []*cobra.Command) {
	for _, sub := range c.Commands() {
		found = append(append(found, sub), all(sub)...)
	}
	return found
}
