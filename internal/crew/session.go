package crew

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// calls is how many calls a session may have open: a client asks one thing
// at a time, and the answer to one that waits may be overtaken.
const calls = 4

// FileConn is a connection that can be handed over.
type FileConn interface {
	File() (*os.File, error)
	Close() error
}

// Session says how a session worker and the connection that it is given are
// served.
type Session struct {
	Start  control.Start
	Sign   func(*Member, control.Sign) error // answers for the handshake
	Calls  int                               // that it may make
	Free   func(control.Call) bool           // says which do not count as one of them; none where it is nil
	Failed func(control.Failed)              // is told its last word
	Lost   <-chan struct{}                   // closed when the connection is to end
	Log    *slog.Logger
	// Answer does what a call asks for. The file, unless it is nil, goes with
	// the reply and is closed.
	Answer func(context.Context, control.Call) (control.Reply, *os.File)
}

// SignFor gives the Sign of a session: with the operator's key for a browser,
// else with the server's own.
func SignFor(keys identity.Keys, browser identity.Browser, start control.Start) func(*Member, control.Sign) error {
	if start.Browser == nil {
		return func(m *Member, ask control.Sign) error { return m.Sign(keys.TLS, identity.ServerSide, ask) }
	}
	return func(m *Member, ask control.Sign) error { return m.SignBrowser(browser, ask) }
}

// Serve hands conn to a spare worker and answers it until its end, or that of ctx;
// the worker is reaped when it returns.
func (p *Spares) Serve(ctx context.Context, conn FileConn, s Session) error {
	file, err := conn.File()
	conn.Close()
	if err != nil {
		return err
	}
	m, err := p.Take()
	if err != nil {
		m.Close()
		file.Close()
		return err
	}
	defer func() {
		m.Kill()
		<-m.Done()
		m.Close()
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, m.Kill)()
	if s.Lost != nil {
		go func() {
			select {
			case <-s.Lost:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	err = m.Control.Hand(file)
	file.Close()
	if err != nil {
		return err
	}
	if err := m.Control.Send(s.Start); err != nil {
		return err
	}
	a := answering{Session: s, m: m, open: make(chan struct{}, calls)}
	defer a.running.Wait()
	defer cancel()
	for {
		said, err := m.Control.Receive()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return err
		}
		if over, err := a.handle(ctx, said); over || err != nil {
			return err
		}
	}
}

// answering is a session while it is answered.
type answering struct {
	Session
	m       *Member
	open    chan struct{} // one for each call that is being answered
	running sync.WaitGroup
}

// handle acts on one message of the session's worker.
func (a *answering) handle(ctx context.Context, said control.Message) (over bool, err error) {
	switch said := said.(type) {
	case control.Sign:
		return false, a.Sign(a.m, said)
	case control.Failed:
		a.Failed(said)
		return true, nil
	case control.Call:
		if a.Free == nil || !a.Free(said) {
			if a.Calls--; a.Calls < 0 {
				return true, errors.New("the session has asked as often as one connection may")
			}
		}
		select {
		case a.open <- struct{}{}:
		default:
			return true, fmt.Errorf("the session has more than %d calls open", calls)
		}
		a.running.Go(func() {
			a.answer(ctx, said)
			<-a.open
		})
		return false, nil
	}
	return true, fmt.Errorf("the session says %T", said)
}

// answer answers a call.
func (a *answering) answer(ctx context.Context, c control.Call) {
	reply, file := a.Answer(ctx, c)
	reply.Seq = c.Seq
	var err error
	if file == nil {
		err = a.m.Control.Send(reply)
	} else {
		err = a.m.Control.SendFile(reply, file)
		file.Close()
	}
	if errors.Is(err, control.ErrUnsayable) {
		// A fault of ours: whoever asked is told so, and goes on.
		a.Log.Warn("an answer cannot be given, refusing it", "error", err)
		err = a.m.Control.Send(control.Reply{Seq: c.Seq, Refusal: &control.Refusal{Code: reason.Internal, Detail: "the server has an answer that it cannot give"}})
	}
	// A session that has gone hears no answer. One that asks and does not
	// listen is let go, and asks no more than its calls until then.
	if err != nil && ctx.Err() == nil {
		a.Log.Debug("an answer was not heard", "error", err)
		a.m.Kill()
	}
}
