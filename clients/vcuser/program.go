package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// program is what every command needs: where to speak, to whom, and when and
// where it is.
type program struct {
	out, err io.Writer
	now      func() time.Time
	zone     *time.Location // of the person
	language string
	words    words
	terminal bool // out is one
	width    int  // of the terminal, in columns

	server      string
	serverGiven bool // by --server
	json        bool
}

// printJSON prints v as one line of JSON.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// plain turns an error of the client into one for a person: without the layers
// of the network stack, and with nothing of the server's that could steer a
// terminal. With --json, a refusal is printed as well.
func (p *program) plain(err error) error {
	var refused *api.Refused
	var ended *command.Ended
	var known *reason.Error
	switch {
	case err == nil, errors.As(err, &ended):
		return err
	case errors.As(err, &refused):
		if err := p.printRefusal(refused.Refusal); err != nil {
			return err
		}
		return reason.New(refused.Code, "%s", clean(refused.Detail))
	case reason.Of(err) == reason.Unreachable:
		return reason.New(reason.Unreachable, "%s: %s", p.server, clean(rootOf(err)))
	case errors.As(err, &known):
		return reason.New(known.Code, "%s", clean(known.Error()))
	}
	return err
}

// about is a refusal of what was asked about subject, such as the number of a
// delivery. Where the reason's words say all the rest, the subject takes the
// place of the server's own words, which are English.
func (p *program) about(err error, subject string) error {
	var refused *api.Refused
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case reason.UnknownTitle, reason.UnknownReception, reason.UnknownDelivery, reason.AlreadyEnded, reason.DeadlinePast, reason.DeadlineTooSoon:
		if err := p.printRefusal(refused.Refusal); err != nil {
			return err
		}
		return &command.Ended{Status: refused.Code.Exit(), Err: reason.New(refused.Code, "%s", subject)}
	}
	return err
}

func (p *program) printRefusal(r control.Refusal) error {
	if !p.json {
		return nil
	}
	return p.printJSON(r)
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

// isTransient says whether the server may answer again by itself.
func isTransient(err error) bool {
	switch reason.Of(err) {
	case reason.Unreachable, reason.ConnectionLost, reason.ShuttingDown, reason.Busy:
		return true
	}
	return false
}

// command is a command line that a person can paste: with the server where it
// had to be named here too, and with quotes where a shell needs them.
func (p *program) command(args ...string) string {
	all := []string{"vcuser"}
	if p.serverGiven {
		all = append(all, "--server", p.server)
	}
	all = append(all, args...)
	for i, arg := range all {
		all[i] = quote(arg)
	}
	return strings.Join(all, " ")
}
