package manual

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const singersPage = `.Sh SYNOPSIS
.Nm
.Op Fl -loud
.Cm sing Ar SONG
.Op Fl n Ar N | Fl -all
.Sh DESCRIPTION
.It Fl -help
.It Ic volume No = Dq 3
.It Ic username , password_file No = Dq
`

func singer() *cobra.Command {
	c := &cobra.Command{Use: "vcx"}
	c.PersistentFlags().Bool("loud", false, "")
	sing := &cobra.Command{Use: "sing", Run: func(*cobra.Command, []string) {}}
	sing.Flags().IntP("number", "n", 0, "")
	sing.Flags().Bool("all", false, "")
	c.AddCommand(sing, &cobra.Command{Use: "hum", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return c
}

// What is on one side alone is a difference.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name, page string
		change     func(*cobra.Command)
		want       string
	}{
		{"alike", singersPage, nil, ""},
		{"a command too many", singersPage, func(c *cobra.Command) {
			c.AddCommand(&cobra.Command{Use: "dance", Run: func(*cobra.Command, []string) {}})
		}, "the command vcx dance has no .Cm dance"},
		{"an option too many", singersPage, func(c *cobra.Command) { c.Commands()[1].Flags().Bool("al", false, "") }, "the option --al has no .Fl -al"},
		{"an option that went", strings.ReplaceAll(singersPage, "-all", "-all | Fl -gone"), nil, "the page has .Fl -gone, which is no option"},
		{"neither name of an option", strings.ReplaceAll(singersPage, "Fl n ", "Ar n "), nil, "the option --number has no .Fl -number\nthe option -n has no .Fl n"},
	} {
		root := singer()
		if c.change != nil {
			c.change(root)
		}
		got := Compare(c.page, root)
		slices.Sort(got)
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	if got := Settings(singersPage); !slices.Equal(got, []string{"volume", "username", "password_file"}) {
		t.Errorf("%q", got)
	}
}
