// Package command is how the four programs end: errors in the words of the
// person who runs them, a hint what to do next, and the exit statuses that
// scripts rely on.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"videoclub/internal/reason"
)

// Ended is the end of a command with an exit status of its own, whatever that
// of Err's reason is. Without Err, the person has been told already.
type Ended struct {
	Status int
	Err    error
}

func (e *Ended) Error() string {
	if e.Err == nil {
		return "ended with status " + strconv.Itoa(e.Status)
	}
	return e.Err.Error()
}

// Unwrap gives Err.
func (e *Ended) Unwrap() error { return e.Err }

// Main runs c with the program's arguments and gives its exit status.
func Main(c *cobra.Command) int {
	language := Language(os.Getenv)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		problem := flagProblem(err, language)
		if c.HasParent() {
			problem = c.CommandPath() + ": " + problem
		}
		return reason.New(reason.Usage, "%s", problem)
	})
	c.CompletionOptions.HiddenDefaultCmd = true
	AddVersion(c, language)
	err := c.ExecuteContext(context.Background())
	if err == nil {
		return reason.ExitDone
	}
	return Explain(os.Stderr, c.Name(), language, err)
}

// flagProblem says in a language what is wrong with a flag.
func flagProblem(err error, language string) string {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case language != "es":
		return err.Error()
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Sprintf("no hay ninguna opción -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return fmt.Sprintf("no hay ninguna opción --%s", unknown.GetSpecifiedName())
	case errors.As(err, &empty):
		return fmt.Sprintf("falta el valor de la opción --%s", empty.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Sprintf("%q no es un valor de la opción --%s", invalid.GetValue(), invalid.GetFlag().Name)
	}
	return err.Error()
}

// Explain tells a person about err, and gives the exit status that goes with it.
func Explain(w io.Writer, program, language string, err error) int {
	var ended *Ended
	if errors.As(err, &ended) {
		if ended.Err != nil {
			Explain(w, program, language, ended.Err)
		}
		return ended.Status
	}
	code := reason.Of(err)
	if code == reason.Internal && unknownCommand(err) {
		code = reason.Usage
	}
	meaning, hint := code.Words(language)
	detail := err.Error()
	if detail == string(code) { // there is no detail, or a server tells none
		fmt.Fprintf(w, "%s: %s\n", program, meaning)
	} else if code == reason.Internal || code == reason.Usage || code == reason.ConfigInvalid {
		fmt.Fprintf(w, "%s: %s\n", program, detail)
	} else {
		fmt.Fprintf(w, "%s: %s: %s\n", program, meaning, detail)
	}
	// A full disk behind the output is no fault of the program to be reported.
	if hint != "" && !unwritten(err) {
		fmt.Fprintf(w, "%s: %s [%s]\n", program, hint, code)
	}
	return code.Exit()
}

// unwritten says whether err is that the output could not be written.
func unwritten(err error) bool {
	var output *fs.PathError
	return errors.As(err, &output) && output.Op == "write" && output.Path == os.Stdout.Name()
}

// unknownCommand says whether err is cobra's for a command line that it does
// not understand; cobra has no type for it.
func unknownCommand(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "accepts ", "requires at least", "required flag", "if any flags in the group", "at least one of the flags"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// Language is the language to speak to a person, "es" or "en", by the first of
// LC_ALL, LC_MESSAGES and LANG that is set (locale(7)); "en" where none says.
func Language(getenv func(string) string) string {
	return cmp.Or(ChosenLanguage(getenv), "en")
}

// ChosenLanguage is Language, but "" where the environment asks for neither.
func ChosenLanguage(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			// language[_territory][.codeset][@modifier]
			if language, _, _ := strings.Cut(strings.NewReplacer(".", "_", "@", "_").Replace(v), "_"); language == "es" || language == "en" {
				return language
			}
			return ""
		}
	}
	return ""
}

// Ports makes cobra accept either no arguments or exactly n TCP ports, which
// it puts into ports. Port 0 is any free one.
func Ports(ports *[]int, n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 0 && len(args) != n {
			return reason.New(reason.Usage, "%d ports are needed, or none and a configuration file; %d were given", n, len(args))
		}
		for _, arg := range args {
			port, err := strconv.ParseUint(arg, 10, 16)
			if err != nil {
				return reason.New(reason.Usage, "%q is not a TCP port, 0 to 65535", arg)
			}
			*ports = append(*ports, int(port))
		}
		return nil
	}
}
