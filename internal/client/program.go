// Package client is what vcuser and vcadmin have in common: whom they ask, in
// which words they answer, and what their commands share.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// Program is what every command needs: where to speak, to whom, and when and
// where it is.
type Program struct {
	Name     string
	In       *os.File
	Person   io.Reader // to be asked at a terminal, nil where nobody is there
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	Zone     *time.Location // of the person
	Language string
	Words    Words
	Terminal bool // Out is one
	Width    int  // of the terminal, in columns
	Palette  terminal.Palette

	Server      string
	Variable    string // of the environment, that may name the server
	Port        string // of a server that is given without one
	ServerGiven bool   // by --server
	Pin         string // what the server's identity has to be
	JSON        bool
}

// New makes the program called name, for the person who started it. The server
// is that which the environment names, or the one on this machine at port.
func New(name, variable, port string) *Program {
	p := &Program{
		Name: name, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now, Zone: time.Local,
		Language: command.Language(os.Getenv), Server: os.Getenv(variable), Variable: variable, Port: port,
	}
	if p.Server == "" {
		p.Server = net.JoinHostPort("127.0.0.1", port)
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		p.Terminal, p.Width = true, width
	}
	p.Palette = terminal.PaletteOf(p.Terminal, os.Getenv)
	if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())) {
		p.Person = os.Stdin
	}
	p.Words = WordsIn(p.Language)
	return p
}

// Action makes what a command runs: with a client of the server, with errors in
// the person's words, and with a refusal in JSON where that was asked for.
func (p *Program) Action(run func(ctx context.Context, client *api.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		p.ServerGiven = c.Flags().Changed("server")
		client, err := p.Dial(c.Context(), p.Asker())
		if err != nil {
			return p.Plain(err)
		}
		defer client.Close()
		return p.Plain(run(c.Context(), client, args))
	}
}

// Asker is the person, to be asked about servers that are not known.
func (p *Program) Asker() command.Asker {
	return command.Asker{In: p.Person, Out: p.Err, Language: p.Language}
}

// Dial makes a client of the server, which on another machine has to be the one
// that is known. About one that is not, who is asked.
func (p *Program) Dial(ctx context.Context, who command.Asker) (*api.Client, error) {
	server, ok := command.Server(p.Server, p.Port)
	if !ok {
		// Before anybody waits for what could not be.
		return nil, reason.New(reason.Usage, p.Words.BadServer, p.Server, p.Port)
	}
	p.Server = server
	trust, err := command.TrustKnown(ctx, server, p.Pin, p.Getenv, who)
	if err != nil {
		return nil, err
	}
	client := api.NewClient(server, trust)
	client.LogIn(p.token)
	return client, nil
}

// token gives the person's token for the server of an identity. Without a place
// for logins there are none.
func (p *Program) token(id string) (string, error) {
	logins, err := command.Logins(p.Getenv)
	if err != nil {
		return "", nil
	}
	return logins.Token(id)
}

// PrintJSON prints v as one line of JSON.
func (p *Program) PrintJSON(v any) error {
	e := json.NewEncoder(p.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Plain turns an error of the client into one for a person: without the layers
// of the network stack, and with nothing of the server's that could steer a
// terminal. With --json, a refusal is printed as well.
func (p *Program) Plain(err error) error {
	var refused *api.Refused
	var ended *command.Ended
	var known *reason.Error
	switch {
	case err == nil, errors.As(err, &ended):
		return err
	case errors.As(err, &refused):
		if err := p.PrintRefusal(refused.Refusal); err != nil {
			return err
		}
		return reason.New(refused.Code, "%s", terminal.Clean(refused.Detail))
	case errors.Is(err, api.ErrTurnedAway):
		return reason.New(reason.Unreachable, p.Words.TurnedAway, p.Server)
	case reason.Of(err) == reason.Unreachable:
		text := p.Server + ": " + terminal.Clean(rootOf(err))
		if errors.Is(err, syscall.ECONNREFUSED) && !command.OnThisMachine(p.Server) {
			// A server started without configuration does not even listen
			// there, so that it cannot say so itself.
			text += p.Words.PerhapsClosed
		}
		return reason.New(reason.Unreachable, "%s", text)
	case errors.As(err, &known):
		return reason.New(known.Code, "%s", terminal.Clean(known.Error()))
	}
	return err
}

// About is a refusal of what was asked about subject, such as the number of a
// delivery. Where the reason's words say all the rest, the subject takes the
// place of the server's own words, which are English.
func (p *Program) About(err error, subject string) error {
	var refused *api.Refused
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case reason.UnknownTitle, reason.UnknownReception, reason.UnknownDelivery, reason.UnknownAccount, reason.AccountExists, reason.AlreadyEnded, reason.DeadlinePast, reason.DeadlineTooSoon,
		reason.DurationUnknown, reason.NoSpace:
		if err := p.PrintRefusal(refused.Refusal); err != nil {
			return err
		}
		return &command.Ended{Status: refused.Code.Exit(), Err: reason.New(refused.Code, "%s", subject)}
	}
	return err
}

// PrintRefusal prints a refusal where JSON was asked for.
func (p *Program) PrintRefusal(r control.Refusal) error {
	if !p.JSON {
		return nil
	}
	return p.PrintJSON(r)
}

// rootOf is the text of the error at the root of one of net/http.
func rootOf(err error) string {
	var request *url.Error
	var operation *net.OpError
	var call *os.SyscallError
	if errors.As(err, &request) {
		err = request.Err
	}
	if errors.As(err, &operation) {
		err = operation.Err
	}
	if errors.As(err, &call) {
		err = call.Err
	}
	return err.Error()
}

// Command is a command line that a person can paste: with the server where it
// had to be named here too, and with quotes where a shell needs them.
func (p *Program) Command(args ...string) string {
	all := []string{p.Name}
	if p.ServerGiven {
		all = append(all, "--server", p.Server)
	}
	all = append(all, args...)
	for i, arg := range all {
		all[i] = terminal.Quote(arg)
	}
	return strings.Join(all, " ")
}
