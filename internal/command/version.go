package command

import (
	"cmp"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is which version of Video Club this program is, as its build knows:
// the tag of the sources, or a pseudo-version (go.dev/ref/mod#pseudo-versions)
// with the instant and the commit, and "+dirty" where something was not
// committed; "(devel)" of a build outside of version control.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	return cmp.Or(info.Main.Version, "(devel)")
}

// AddVersion gives c the flag --version, which prints its name and Version on
// one line, for people and for scripts alike.
func AddVersion(c *cobra.Command, language string) {
	purpose := "print the version of this program, and exit"
	if language == "es" {
		purpose = "escribe la versión de este programa, y termina"
	}
	c.Flags().Bool("version", false, purpose)
	c.Version = Version()
	c.SetVersionTemplate("{{.Name}} {{.Version}}\n")
}
