package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// --version prints one line, asks nothing else of the command line, and is
// explained in the person's language.
func TestVersionFlag(t *testing.T) {
	for language, purpose := range map[string]string{"en": "print the version", "es": "escribe la versión"} {
		var out bytes.Buffer
		c := &cobra.Command{Use: "vcx [--flag]", Args: cobra.ExactArgs(3), RunE: func(*cobra.Command, []string) error {
			t.Error("it ran")
			return nil
		}}
		AddVersion(c, language)
		c.SetOut(&out)
		c.SetArgs([]string{"--version"})
		if err := c.Execute(); err != nil || out.String() != "vcx "+Version()+"\n" {
			t.Errorf("%v, %q", err, &out)
		}
		if got := c.Flags().FlagUsages(); !strings.Contains(got, purpose) {
			t.Errorf("in %s: %s", language, got)
		}
	}
	if Version() == "" {
		t.Error("no version")
	}
}
