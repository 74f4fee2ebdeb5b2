package deliver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"videoclub/internal/control"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
	"videoclub/internal/transport"
	"videoclub/internal/visit"
	"videoclub/internal/wire"
)

// Sender is what the send worker is given.
type Sender struct {
	Conn    *os.File
	Handoff handoff.End
	Control *control.Conn
	Program string // as hello states it
}

// Run makes one attempt at a delivery, or withdraws it: it speaks the sender's
// part of the conversation and tells the supervisor what came of it. It
// returns once the receiver has settled the matter, or with the reason why
// not, of which the supervisor was told.
func (s Sender) Run() error {
	err := s.run()
	if err != nil && err != io.EOF {
		s.Control.Fail(err)
	}
	return err
}

func (s Sender) run() error {
	conn, err := transport.Client(s.Conn, s.Control, wire.ALPN, wire.VisitALPN)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.Stream()
	if conn.Protocol() == wire.VisitALPN {
		return visit.Pay(conn, s.Control, s.Program)
	}
	if err := wire.Write(conn, wire.Hello{Version: wire.Version, Program: s.Program}); err != nil {
		return transport.Explain(err, "hello")
	}
	m, err := s.Control.Receive()
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(conn, wire.MaxLine)
	switch m := m.(type) {
	case control.Withdraw:
		return s.withdraw(conn, in, m.ID)
	case control.Deliver:
		return s.deliver(conn, in, m)
	}
	return fmt.Errorf("send: the supervisor says %T instead of what to send", m)
}

func (s Sender) withdraw(conn *transport.Conn, in *bufio.Reader, id int64) error {
	m, err := ask(conn, in, wire.Withdraw{ID: id})
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case wire.Withdrawn:
		return s.Control.Send(control.Withdrawn{})
	case wire.Refused:
		return reason.New(m.Code, "%s", m.Detail)
	}
	return reason.New(reason.Protocol, "%T as the answer to a withdrawal", m)
}

// ask writes one message and reads its answer.
func ask(conn *transport.Conn, in *bufio.Reader, m wire.Message) (wire.Message, error) {
	if err := wire.Write(conn, m); err != nil {
		return nil, transport.Explain(err, "asking")
	}
	if err := conn.Flush(); err != nil {
		return nil, transport.Explain(err, "asking")
	}
	answer, err := wire.Read(in)
	return answer, transport.Explain(err, "waiting for an answer")
}

func (s Sender) deliver(conn *transport.Conn, in *bufio.Reader, d control.Deliver) error {
	m, err := ask(conn, in, wire.Offer(d.Offer))
	if err != nil {
		return err
	}
	frames, err := handoff.NewConsumer(s.Handoff)
	if err != nil {
		return err
	}
	if asked, ok := m.(wire.Describe); ok && d.Offer.Manifest > 0 {
		size := d.Offer.Manifest
		if asked.Base = asked.Base && d.Offer.Shared > 0; asked.Base {
			size += d.Offer.BaseProven + d.Offer.Reuse
		}
		if m, err = s.describe(conn, in, frames, asked, size); err != nil {
			return err
		}
	}
	switch m := m.(type) {
	case wire.Deposited:
		return s.settled(m, conn.Peer(), 0)
	case wire.Refused:
		return reason.New(m.Code, "%s", m.Detail)
	case wire.Accept:
		return s.stream(conn, in, frames, d, m)
	}
	return reason.New(reason.Protocol, "%T as the answer to an offer", m)
}

// describe sends the manifest of the folder that was offered, and what else was
// asked for, size bytes in all, and gives the answer.
func (s Sender) describe(conn *transport.Conn, in *bufio.Reader, pieces *handoff.Consumer, asked wire.Describe, size int64) (wire.Message, error) {
	if err := s.Control.Send(control.Describe(asked)); err != nil {
		return nil, err
	}
	piece := make([]byte, handoff.SlotSize)
	for size > 0 {
		n, err := pieces.Receive(piece)
		if err != nil {
			return nil, err
		}
		if size -= int64(n); size < 0 {
			return nil, errors.New("send: the manifest from the read worker is longer than was offered")
		}
		if err := wire.Write(conn, wire.Manifest{Text: string(piece[:n])}); err != nil {
			return nil, transport.Explain(err, "sending the manifest")
		}
	}
	if err := conn.Flush(); err != nil {
		return nil, transport.Explain(err, "sending the manifest")
	}
	m, err := wire.Read(in)
	return m, transport.Explain(err, "waiting for an answer")
}

func (s Sender) settled(m wire.Deposited, peer string, sent int64) error {
	receipt, err := json.Marshal(m.Receipt)
	if err != nil {
		return err
	}
	return s.Control.Send(control.Settled{Receipt: receipt, Identity: peer, Sent: sent})
}

// stream sends frames from the accepted offset on until the receiver settles.
func (s Sender) stream(conn *transport.Conn, in *bufio.Reader, frames *handoff.Consumer, d control.Deliver, a wire.Accept) error {
	size := d.Offer.Size
	if a.Base {
		size -= d.Offer.Shared
	}
	if d.Offer.Size >= 0 && a.Offset > size || a.Base && d.Offer.Shared == 0 {
		return reason.New(reason.OffsetMismatch, "the reception says that it holds %d bytes of %d", a.Offset, size)
	}
	t := &sending{conn: conn, pace: newPacer(d.Rate), base: a.Offset, acked: a.Offset, sent: a.Offset, heard: time.Now()}
	t.moved.L = &t.mu
	conn.Patient(t.heardLately)
	if err := s.Control.Send(control.Accepted{Offset: a.Offset, Identity: conn.Peer(), ReceiptKey: a.ReceiptKey, Free: a.Free, Base: a.Base}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	outcome := make(chan error, 3)
	var wg sync.WaitGroup
	wg.Go(func() { outcome <- s.answers(t, in) })
	// It waits for the supervisor and ends with the process: the control
	// connection must stay open for the worker's last word.
	go func() { outcome <- s.leases(t) }()
	wg.Go(func() {
		// The receiver has the last word: why it broke the connection off may
		// still be on its way.
		if err := t.pump(ctx, frames); err != nil && reason.Of(err) != reason.ConnectionLost {
			outcome <- err
		}
	})
	err := <-outcome
	// The first outcome counts; the others are let go.
	cancel()
	frames.Close()
	conn.Abort()
	t.stop()
	wg.Wait()
	return err
}

// answers reads what the receiver says, until it settles.
func (s Sender) answers(t *sending, in *bufio.Reader) error {
	for {
		m, err := wire.Read(in)
		if err != nil {
			return transport.Explain(err, "waiting for acknowledgements")
		}
		switch m := m.(type) {
		case wire.Ack:
			sent, news, err := t.acknowledge(m.Offset)
			if err != nil {
				return err
			}
			if news {
				err = s.Control.Send(control.Acked{Offset: m.Offset, Sent: sent})
			}
			if err != nil {
				return err
			}
		case wire.Deposited:
			return s.settled(m, t.conn.Peer(), t.progress())
		case wire.Refused:
			return reason.New(m.Code, "%s", m.Detail)
		default:
			return reason.New(reason.Protocol, "%T among the acknowledgements", m)
		}
	}
}

// leases follows the rate that the supervisor allows.
func (s Sender) leases(t *sending) error {
	for {
		m, err := s.Control.Receive()
		if err != nil {
			return err
		}
		lease, ok := m.(control.Lease)
		if !ok {
			return fmt.Errorf("send: the supervisor says %T while sending", m)
		}
		t.pace.set(lease.Rate)
	}
}

// sending is one attempt: how far it is, and how far the receiver.
type sending struct {
	conn *transport.Conn
	pace *pacer
	base int64

	mu      sync.Mutex
	moved   sync.Cond // acked moved, or stopped
	acked   int64
	sent    int64
	heard   time.Time
	stopped bool
}

func (t *sending) stop() {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.moved.Broadcast()
}

// heardWithin is for how long the last word of a receiver shows that it lives.
const heardWithin = 10 * wire.KeepAlive

// heardLately lets a write wait on while the receiver still speaks: its disk
// may be slow.
func (t *sending) heardLately() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.heard) < heardWithin
}

// acknowledge takes note of an ack and says how much was sent in this attempt,
// and whether the offset is new.
func (t *sending) acknowledge(offset int64) (sent int64, news bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if offset < t.acked || offset > t.sent {
		return 0, false, reason.New(reason.OffsetMismatch, "acknowledged are %d bytes, after %d, of %d sent", offset, t.acked, t.sent)
	}
	news = offset > t.acked
	t.acked, t.heard = offset, time.Now()
	t.moved.Broadcast()
	return t.sent - t.base, news, nil
}

func (t *sending) progress() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent - t.base
}

// reserve waits until the window has room for a frame and counts it as sent:
// it can be acknowledged from the moment its last byte leaves.
func (t *sending) reserve(h frame.Header) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.Offset != t.sent {
		return fmt.Errorf("send: a frame at %d instead of %d from the read worker", h.Offset, t.sent)
	}
	for h.Next()-t.acked > wire.Window && !t.stopped {
		t.moved.Wait()
	}
	t.sent = h.Next()
	if t.stopped {
		return io.EOF
	}
	return nil
}

// pump sends the frames of the handoff, the final one included.
func (t *sending) pump(ctx context.Context, frames *handoff.Consumer) error {
	for final := false; !final; {
		err := frames.Borrow(func(p []byte) error {
			if len(p) < frame.PrefixSize {
				return fmt.Errorf("send: %d bytes from the read worker are no frame", len(p))
			}
			// A copy: what is checked must not change.
			h, err := frame.ParsePrefix(append(make([]byte, 0, frame.PrefixSize), p[:frame.PrefixSize]...))
			if err != nil {
				return err
			}
			if h.Member != len(p) {
				return fmt.Errorf("send: a frame of %d bytes in %d from the read worker", h.Member, len(p))
			}
			final = h.Final
			if err := t.reserve(h); err != nil {
				return err
			}
			return t.write(ctx, p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// write sends p at the pace allowed.
func (t *sending) write(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		n, err := t.pace.take(ctx, len(p))
		if err != nil {
			return err
		}
		if _, err := t.conn.Write(p[:n]); err != nil {
			return transport.Explain(err, "sending")
		}
		if err := t.conn.Flush(); err != nil {
			return transport.Explain(err, "sending")
		}
		p = p[n:]
	}
	return nil
}

// pacer keeps to a leased rate. It counts the bytes of frames; TLS and TCP add
// three to five percent to them on the wire.
type pacer struct {
	limiter *rate.Limiter
	mu      sync.Mutex
	chunk   int
}

const (
	// smooth is how many seconds of its rate a sender may send at once.
	smooth = 0.02
	// leastChunk spares a slow sender records that are nearly all overhead.
	leastChunk = 2 << 10
	// mostPause is how many seconds of its rate make a chunk at most: a sender
	// that waits longer between two would be taken for dead.
	mostPause = 0.5
)

func newPacer(bytesPerSecond int64) *pacer {
	p := &pacer{limiter: rate.NewLimiter(0, frame.MaxMember)}
	p.set(bytesPerSecond)
	return p
}

func (p *pacer) set(bytesPerSecond int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	least := min(leastChunk, max(1, int(float64(bytesPerSecond)*mostPause)))
	p.chunk = max(least, min(int(float64(bytesPerSecond)*smooth), frame.MaxMember))
	p.limiter.SetBurst(p.chunk)
	p.limiter.SetLimit(rate.Limit(bytesPerSecond))
}

// take waits until some of n bytes may be sent and says how many.
func (p *pacer) take(ctx context.Context, n int) (int, error) {
	p.mu.Lock()
	n = min(n, p.chunk)
	p.mu.Unlock()
	for {
		err := p.limiter.WaitN(ctx, n)
		if err == nil || ctx.Err() != nil {
			return n, err
		}
		// A lease that came meanwhile allows less at once than n.
		p.mu.Lock()
		n = min(n, p.chunk)
		p.mu.Unlock()
	}
}
