// Package crew is a worker as its supervisor has it: the process, the control
// connection to it, and the one signature that it may ask for.
package crew

import (
	"context"
	"crypto/ed25519"
	"errors"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/worker"
)

// Member is a worker and its control connection. The zero Member has not been
// started.
type Member struct {
	*worker.Process
	Control *control.Conn
	signed  bool
}

// Start starts a worker of the kind, with a control connection besides the
// files, which are closed here whether or not it succeeds.
func (m *Member) Start(s *worker.Spawner, kind worker.Kind, label string, files ...worker.File) error {
	own, theirs, err := control.Pair()
	if err != nil {
		for _, f := range files {
			f.File.Close()
		}
		return err
	}
	m.Control = own
	m.Process, err = s.Start(worker.Spec{Kind: kind, Label: label, Files: append(files, worker.File{Name: "control", File: theirs})})
	return err
}

// Started says whether there is a process.
func (m *Member) Started() bool { return m.Process != nil }

// Close closes the control connection.
func (m *Member) Close() {
	if m.Control != nil {
		m.Control.Close()
	}
}

// Tell sends the worker a message. That the worker has gone is no error: its
// last words and its end are still to be heard, and say more.
func (m *Member) Tell(message control.Message) error {
	err := m.Control.Send(message)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// Said is what a worker said; Err is io.EOF at its end.
type Said struct {
	By      *Member
	Message control.Message
	Err     error
}

// Listen passes what the worker says on to to, until its end or that of ctx.
func (m *Member) Listen(ctx context.Context, to chan<- Said) {
	for {
		message, err := m.Control.Receive()
		select {
		case to <- Said{m, message, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Signed says whether the worker has had its signature.
func (m *Member) Signed() bool { return m.signed }

// Sign answers a worker's request for the signature of its connection's
// handshake; a second one is refused.
func (m *Member) Sign(key ed25519.PrivateKey, side identity.Side, ask control.Sign) error {
	return m.sign(func() ([]byte, error) { return identity.SignHandshake(key, side, ask.Message) })
}

// SignBrowser is Sign for a browser's connection, by the operator's key.
func (m *Member) SignBrowser(b identity.Browser, ask control.Sign) error {
	return m.sign(func() ([]byte, error) { return b.SignHandshake(ask.Message, ask.Hash) })
}

func (m *Member) sign(sign func() ([]byte, error)) error {
	if m.signed {
		return errors.New("a worker asks for a second signature")
	}
	m.signed = true
	signature, err := sign()
	if err != nil {
		return err
	}
	return m.Tell(control.Signed{Signature: signature})
}
