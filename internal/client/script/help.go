package script

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"videoclub/internal/terminal"
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

// Fits looks whether the help of every command fits terminals of so many columns, each
// with the words that it has without a terminal: all of it but examples, which are to be
// typed as they are. made makes the command line for a terminal, 0 for none.
func Fits(t *testing.T, made func(width int) *cobra.Command, widths ...int) {
	t.Helper()
	plain := helps(t, made(0))
	for _, width := range widths {
		narrow, broken := helps(t, made(width)), 0
		for name, help := range narrow {
			whole := plain[name]
			if !slices.Equal(strings.Fields(help.text), strings.Fields(whole.text)) {
				t.Errorf("%s: %d columns have other words:\n%s\nthan no terminal:\n%s", name, width, help.text, whole.text)
			}
			lines := strings.Split(help.text, "\n")
			for _, line := range lines {
				if terminal.Width(line) > width && !help.examples[line] {
					t.Errorf("%s: %d columns: %q has %d", name, width, line, terminal.Width(line))
				}
			}
			for line := range help.examples {
				if !slices.Contains(lines, line) {
					t.Errorf("%s: %d columns: the example %q is broken", name, width, line)
				}
			}
			if help.text != whole.text {
				broken++
			}
		}
		if broken == 0 && width < 80 {
			t.Errorf("%d columns change nothing", width)
		}
	}
}

// help is what --help prints, and which of its lines are examples.
type help struct {
	text     string
	examples map[string]bool
}

// helps gives the help of every command, by its path.
func helps(t *testing.T, root *cobra.Command) map[string]help {
	t.Helper()
	found := make(map[string]help)
	for _, c := range append(all(root), root) {
		var out strings.Builder
		root.SetOut(&out)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		h := help{out.String(), make(map[string]bool)}
		for line := range strings.SplitSeq(c.Long+"\n"+c.Example, "\n") {
			if strings.HasPrefix(line, " ") {
				h.examples[line] = true
			}
		}
		found[c.CommandPath()] = h
	}
	return found
}

// all are the commands below c.
func all(c *cobra.Command) (found []*cobra.Command) {
	for _, sub := range c.Commands() {
		found = append(append(found, sub), all(sub)...)
	}
	return found
}
