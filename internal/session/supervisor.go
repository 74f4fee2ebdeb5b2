package session

import (
	"context"
	"os"
	"sync"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// Supervisor is the supervisor, as a session asks it. Safe for concurrent use.
type Supervisor struct {
	control *control.Conn
	gone    chan struct{}

	mu      sync.Mutex
	seq     uint64
	waiting map[uint64]chan answer
}

type answer struct {
	reply control.Reply
	file  *os.File // nil where none came with it
}

// Ask begins to ask by a control connection, on which nothing else is received
// from then on.
func Ask(c *control.Conn) *Supervisor {
	s := &Supervisor{control: c, gone: make(chan struct{}), waiting: make(map[uint64]chan answer)}
	go s.listen()
	return s
}

func (s *Supervisor) listen() {
	defer close(s.gone)
	for {
		m, file, err := s.control.ReceiveFile()
		if err != nil {
			return
		}
		reply, ok := m.(control.Reply)
		if !ok {
			return
		}
		s.mu.Lock()
		to := s.waiting[reply.Seq]
		delete(s.waiting, reply.Seq)
		s.mu.Unlock()
		switch {
		case to != nil:
			to <- answer{reply, file}
		case file != nil:
			file.Close() // whoever asked has gone
		}
	}
}

// Call asks the supervisor and waits for its answer.
func (s *Supervisor) Call(ctx context.Context, c control.Call) (control.Reply, error) {
	reply, file, err := s.CallFile(ctx, c)
	if file != nil {
		file.Close()
	}
	return reply, err
}

// CallFile is Call for what is answered with an open file as well, which is nil
// where there is none, as in a refusal. What the supervisor would not take is not
// asked: the error is reason.Usage.
func (s *Supervisor) CallFile(ctx context.Context, c control.Call) (control.Reply, *os.File, error) {
	to := make(chan answer, 1)
	s.mu.Lock()
	s.seq++
	c.Seq = s.seq
	s.waiting[c.Seq] = to
	s.mu.Unlock()
	if err := c.Valid(); err != nil {
		s.forget(c.Seq, to)
		return control.Reply{}, nil, reason.Wrap(reason.Usage, err, "asking the supervisor")
	}
	if err := s.control.Send(c); err != nil {
		s.forget(c.Seq, to)
		return control.Reply{}, nil, reason.Wrap(reason.ShuttingDown, err, "asking the supervisor")
	}
	select {
	case a := <-to:
		return a.reply, a.file, nil
	case <-ctx.Done():
		s.forget(c.Seq, to)
		return control.Reply{}, nil, reason.Wrap(reason.ConnectionLost, ctx.Err(), "asking the supervisor")
	case <-s.gone:
		return control.Reply{}, nil, reason.New(reason.ShuttingDown, "the server is stopping")
	}
}

// forget has nobody wait for an answer any more.
func (s *Supervisor) forget(seq uint64, to chan answer) {
	s.mu.Lock()
	delete(s.waiting, seq)
	s.mu.Unlock()
	select {
	case a := <-to:
		if a.file != nil {
			a.file.Close()
		}
	default:
	}
}
