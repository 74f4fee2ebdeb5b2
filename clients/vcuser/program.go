package main

import (
	"videoclub/internal/client"
	"videoclub/internal/command"
	"videoclub/internal/reason"
)

// program is the common program with what this one says and asks besides.
type program struct {
	*client.Program
	letters string // language to be written to in, "" for the server's
	words   words
}

// port is where a central server that was started with its defaults listens for
// users.
const port = "4100"

func newProgram() *program {
	p := &program{Program: client.New("vcuser", "VC_SERVER", port)}
	if p.Getenv("VC_SERVER") == "" {
		if logins, err := command.Logins(p.Getenv); err == nil && logins.Latest() != "" {
			p.Server = logins.Latest()
		}
	}
	p.letters = command.ChosenLanguage(p.Getenv)
	p.words = wordsIn(p.Language)
	return p
}

// isTransient says whether the server may answer again by itself.
func isTransient(err error) bool {
	switch reason.Of(err) {
	case reason.Unreachable, reason.ConnectionLost, reason.PeerSilent, reason.ShuttingDown, reason.Busy:
		return true
	}
	return false
}
