package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/command"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/startup"
)

// maxCode bounds what is read of a pairing code, in bytes.
const maxCode = 1 << 10

// pairWords are what pair says, in one language.
type pairWords struct{ trusts, instead, next, nobody, none string }

func pairWordsIn(language string) pairWords {
	if language == "es" {
		return pairWords{
			trusts:  "este servidor confía ahora en el servidor central %s, y en ningún otro",
			instead: "hasta ahora confiaba en %s",
			next:    "se emparejan cuando el servidor central llegue aquí, dentro de unos segundos si este servidor está en marcha; allí lo dice vcadmin reception check",
			nobody:  "este servidor ya no confía en el servidor central %s: solo puede entregar uno de esta máquina, hasta que se lo empareje otra vez",
			none:    "este servidor no confiaba en ningún servidor central",
		}
	}
	return pairWords{
		trusts:  "this server now trusts the central server %s, and no other",
		instead: "until now it trusted %s",
		next:    "they are paired when the central server gets here, within seconds if this server runs; there, vcadmin reception check says so",
		nobody:  "this server does not trust the central server %s any more: one of this machine alone may deliver, until it is paired again",
		none:    "this server trusted no central server",
	}
}

// pairCommand is `vcvrs pair CODE`.
func pairCommand() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "pair CODE",
		Short: "trust the central server that gave CODE, and no other",
		Long: `pair makes the reception server of this machine trust the central server on which
"vcadmin reception add" printed CODE, and no other. It need not run meanwhile, and
takes it up at once if it does. The code is a secret: other users of this machine
may see it while the command runs. "vcvrs pair -" reads it from standard input
instead. It can be used once, and for a day unless that is set otherwise.`,
		Example: "  vcvrs pair vc1-mzxw6ytb-...\n  vcvrs pair - < code\n  vcvrs pair --state DIR vc1-mzxw6ytb-...",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return reason.New(reason.Usage, "vcvrs pair takes one code, or - to read it from standard input; %d arguments were given", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			code, err := readCode(c.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			state, err := stateToPair(o, startup.ServiceState)
			if err != nil {
				return err
			}
			root := os.Geteuid() == 0 // before it becomes the owner
			return asOwner(root, state, pair(c.OutOrStdout(), state, code))
		},
	}
	startup.CommonFlags(c, &o.config, &o.state, "/etc/vc/vcvrs.toml")
	return c
}

// unpairCommand is `vcvrs unpair`.
func unpairCommand() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "unpair",
		Short: "trust no central server any more",
		Long: `unpair makes the reception server of this machine trust no central server any
more, and voids a pairing code that was not used yet. What is deposited stays, and
so does what has partly arrived, until it expires. It need not be stopped, and takes
it up at once: a delivery that is arriving is the last of its connection.`,
		Example: "  vcvrs unpair\n  vcvrs unpair --state DIR",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return reason.New(reason.Usage, "vcvrs unpair takes no arguments; %d were given", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			state, err := stateToPair(o, startup.ServiceState)
			if err != nil {
				return err
			}
			root := os.Geteuid() == 0 // before it becomes the owner
			return asOwner(root, state, unpair(c.OutOrStdout(), state))
		},
	}
	startup.CommonFlags(c, &o.config, &o.state, standard)
	return c
}

// unpair has the server with that state trust no central server.
func unpair(out io.Writer, state string) error {
	if err := startup.BecomeOwner(state); err != nil {
		return err
	}
	before, err := identity.OpenCentral(state).Unpair()
	if err != nil {
		return err
	}
	words := pairWordsIn(command.Language(os.Getenv))
	if before == "" {
		_, err = fmt.Fprintln(out, words.none)
		return err
	}
	_, err = fmt.Fprintf(out, words.nobody+"\n", identity.Short(before))
	return err
}

// asOwner is err, where it is that the state is another's as what to do about it; root
// is its owner by then.
func asOwner(root bool, state string, err error) error {
	switch {
	case !errors.Is(err, fs.ErrPermission):
		return err
	case root:
		return reason.Wrap(reason.NotPermitted, err, "the user that owns the state of the server, %s, may not use all that is there: chown it", state)
	}
	return reason.Wrap(reason.NotPermitted, err, "the state of the server, %s, is for its user alone: run this as root", state)
}

func readCode(in io.Reader, arg string) (identity.Code, error) {
	if arg != "-" {
		return identity.ParseCode(arg)
	}
	text, err := bufio.NewReader(io.LimitReader(in, maxCode)).ReadString('\n')
	if err != nil && err != io.EOF {
		return identity.Code{}, err
	}
	return identity.ParseCode(text)
}

// stateToPair is the state directory of the server that is meant: that of the
// options, or of the configuration, also where one of a person's own names none; else
// that of the service, as ofService finds it, where there is one, or of a server that
// this person started with the usual port.
func stateToPair(o options, ofService func(flag, configured, program, own string) string) (string, error) {
	standard, service := o.config == "", o.service()
	s, err := load(o)
	if standard && reason.Of(err) == reason.Usage { // there is no configuration
		o.ports = []int{4102}
		s, err = load(o)
	}
	if err != nil {
		return s.state, err
	}
	if !service {
		return s.state, nil
	}
	return ofService(o.state, s.State, "vcvrs", s.state), nil
}

// pair has the server with that state trust the central server of a code.
func pair(out io.Writer, state string, code identity.Code) error {
	if err := startup.BecomeOwner(state); err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("the state directory: %w", err)
	}
	// What is wrong with the server's key is told here. None is made: systemd may hand
	// another one over, to the server alone.
	if _, err := identity.Known(filepath.Join(state, "keys"), ""); err != nil && os.Getenv("CREDENTIALS_DIRECTORY") == "" {
		return err
	}
	before, err := identity.OpenCentral(state).Pair(code, time.Now())
	if err != nil {
		return err
	}
	words := pairWordsIn(command.Language(os.Getenv))
	fmt.Fprintf(out, words.trusts+"\n", identity.Short(code.Central))
	if before != "" && before != code.Central {
		fmt.Fprintf(out, words.instead+"\n", identity.Short(before))
	}
	_, err = fmt.Fprintln(out, words.next)
	return err
}
