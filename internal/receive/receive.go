// Package receive has the two workers of the receiver: receive speaks with the
// sender and takes the frames off the connection, store checks them and writes
// what they carry.
package receive

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/transport"
	"videoclub/internal/visit"
	"videoclub/internal/wire"
)

// stall is how long the store may stand still with bytes to write before the
// sender is left to think that this side has died.
const stall = time.Minute

// proving is how long the final frame may take once all bytes have come: the
// sender of a folder looks at each of its files once more before it says so, and
// there may be a million of them at the other end of its own network.
const proving = 15 * time.Minute

// Receiver is what the receive worker is given.
type Receiver struct {
	Conn    *os.File
	Handoff handoff.End
	Control *control.Conn

	offered wire.Offer
}

// Run speaks the receiver's part of one connection. It returns when the
// sender has been told how it ended, or with the reason why that could not be,
// of which the supervisor was told.
func (r Receiver) Run() error {
	err := r.run()
	if err != nil && err != io.EOF {
		r.Control.Fail(err)
	}
	return err
}

func (r Receiver) run() error {
	conn, err := transport.Server(r.Conn, r.Control, true, wire.ALPN, wire.VisitALPN)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.Stream()
	if conn.Protocol() == wire.VisitALPN {
		return visit.Answer(conn, r.Control)
	}
	in := bufio.NewReaderSize(conn, wire.MaxLine)
	if err := r.greet(conn, in); err != nil {
		// The peer is told too; that it may not hear it is no further error.
		say(conn, wire.Refused{Code: reason.Of(err), Detail: err.Error()})
		return err
	}
	m, err := r.Control.Receive()
	if err != nil {
		return err
	}
	var out *handoff.Producer
	if d, ok := m.(control.Describe); ok {
		if out, err = r.producer(); err != nil {
			return err
		}
		if err := r.describe(conn, in, out, d.Base); err != nil {
			if blamesPeer(err) {
				say(conn, wire.Refused{Code: reason.Of(err), Detail: err.Error()})
			}
			return err
		}
		if m, err = r.Control.Receive(); err != nil {
			return err
		}
	}
	switch m := m.(type) {
	case control.Accept:
		if out == nil {
			if out, err = r.producer(); err != nil {
				return err
			}
		}
		if err := say(conn, wire.Accept{Offset: m.Offset, ReceiptKey: m.ReceiptKey, Free: m.Free, Base: m.Base}); err != nil {
			return err
		}
		size := r.offered.Size
		if m.Base {
			size -= r.offered.Shared
		}
		return r.take(conn, in, out, newTaking(m.Offset, size))
	case control.LetGo:
		return say(conn, wire.Withdrawn{})
	}
	_, err = conclude(conn, m)
	return err
}

// greet reads what the peer wants, within one deadline, and tells the supervisor.
func (r *Receiver) greet(conn *transport.Conn, in *bufio.Reader) error {
	defer conn.Hurry()()
	m, err := wire.Read(in)
	if err != nil {
		return transport.Explain(err, "waiting for hello")
	}
	hello, ok := m.(wire.Hello)
	if !ok {
		return reason.New(reason.Protocol, "%T instead of hello", m)
	}
	if hello.Version != wire.Version {
		return reason.New(reason.Version, "the peer speaks version %d, this side %d", hello.Version, wire.Version)
	}
	m, err = wire.Read(in)
	if err != nil {
		return transport.Explain(err, "waiting for an offer")
	}
	switch m := m.(type) {
	case wire.Offer:
		r.offered = m
		return r.Control.Send(control.Offered{Identity: conn.Peer(), Offer: control.Offer(m)})
	case wire.Withdraw:
		return r.Control.Send(control.WithdrawAsked{Identity: conn.Peer(), ID: m.ID})
	}
	return reason.New(reason.Protocol, "%T instead of an offer", m)
}

func (r Receiver) producer() (*handoff.Producer, error) { return handoff.NewProducer(r.Handoff) }

// describe asks for the manifest of the folder that was offered, and for that of
// its base, and passes it on. Whether it is one is for the store worker to see.
func (r Receiver) describe(conn *transport.Conn, in *bufio.Reader, out *handoff.Producer, base bool) error {
	if err := say(conn, wire.Describe{Base: base}); err != nil {
		return err
	}
	left := r.offered.Manifest
	if base {
		left += r.offered.BaseProven + r.offered.Reuse
	}
	for left > 0 {
		m, err := wire.Read(in)
		if err != nil {
			return transport.Explain(err, "waiting for the manifest")
		}
		piece, ok := m.(wire.Manifest)
		if !ok || int64(len(piece.Text)) > left {
			return reason.New(reason.Protocol, "%T instead of the rest of the manifest, %d bytes", m, left)
		}
		left -= int64(len(piece.Text))
		slot, err := out.Slot()
		if err == nil {
			err = out.Send(slot, copy(slot.Buf, piece.Text))
		}
		if err == io.EOF {
			return nil // the store worker has ended; its supervisor says why
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// say writes one message at once.
func say(conn *transport.Conn, m wire.Message) error {
	if err := wire.Write(conn, m); err != nil {
		return transport.Explain(err, "answering")
	}
	return transport.Explain(conn.Flush(), "answering")
}

// conclude tells the sender how the supervisor ends the matter, if m is that.
func conclude(conn *transport.Conn, m control.Message) (ended bool, err error) {
	switch m := m.(type) {
	case control.Deposit:
		var signed receipt.Receipt
		if err := json.Unmarshal(m.Receipt, &signed); err != nil {
			return true, fmt.Errorf("receive: the receipt: %w", err)
		}
		return true, say(conn, wire.Deposited{Receipt: signed})
	case control.Refuse:
		return true, say(conn, wire.Refused{Code: m.Code, Detail: m.Detail})
	}
	return false, nil
}

// take passes the frames on to the store worker and acknowledges what became
// durable, until the supervisor ends it.
func (r Receiver) take(conn *transport.Conn, in *bufio.Reader, out *handoff.Producer, t *taking) error {
	conn.Patient(t.behind)
	// A sender that has died is noticed by the silence; the store may still
	// have work then, and ends it.
	outcome := make(chan error, 2)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := t.frames(in, out); err != nil {
			outcome <- err
		}
	})
	quit := make(chan struct{})
	wg.Go(func() { outcome <- r.acknowledge(conn, t, quit) })
	err := <-outcome
	close(quit)
	switch {
	case err == nil: // the last words are said
		conn.Close()
	case blamesPeer(err) && say(conn, wire.Refused{Code: reason.Of(err), Detail: err.Error()}) == nil:
		conn.Close()
	}
	conn.Abort()
	out.Close()
	wg.Wait()
	return err
}

// blamesPeer says whether err is what the sender did, and still worth telling it.
func blamesPeer(err error) bool {
	switch reason.Of(err) {
	case reason.FrameInvalid, reason.OffsetMismatch, reason.Protocol, reason.Version:
		return true
	}
	return false
}

// taking is how far one connection is.
type taking struct {
	size int64 // of the stream; -1 where nobody knows yet

	mu       sync.Mutex
	received int64
	durable  int64
	moved    time.Time // when durable last moved, or had nothing to move for
	complete time.Time // when all but the final frame had come
	final    bool
}

// newTaking begins at offset of a stream of size bytes.
func newTaking(offset, size int64) *taking {
	now := time.Now()
	return &taking{size: size, durable: offset, received: offset, moved: now, complete: now}
}

// behind says whether the silence is all right: what came is not yet durable, and
// the store is still moving, or all has come that the sender has to prove now.
func (t *taking) behind() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.received == t.size && !t.final && time.Since(t.complete) < proving {
		return true
	}
	return (t.durable < t.received || t.final) && time.Since(t.moved) < stall
}

// stalled says whether the store has stood still for so long that the sender is
// better off elsewhere.
func (t *taking) stalled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return (t.durable < t.received || t.final) && time.Since(t.moved) >= stall
}

func (t *taking) arrived(h frame.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.durable == t.received {
		t.moved = time.Now()
	}
	if t.received, t.final = h.Next(), h.Final; !t.final {
		t.complete = time.Now()
	}
}

func (t *taking) madeDurable(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.durable, t.moved = offset, time.Now()
}

// frames takes frames off the connection, in order, up to the final one. It
// looks at nothing but their headers: checking and inflating are for the store
// worker.
func (t *taking) frames(in *bufio.Reader, out *handoff.Producer) error {
	next := t.received
	for {
		slot, err := out.Slot()
		if err != nil {
			return ignoreEOF(err)
		}
		h, err := frame.Read(in, slot.Buf)
		if err != nil {
			return transport.Explain(err, "waiting for a frame")
		}
		if h.Offset != next {
			return reason.New(reason.OffsetMismatch, "a frame at %d instead of %d", h.Offset, next)
		}
		next = h.Next()
		t.arrived(h)
		if err := out.Send(slot, h.Member); err != nil {
			return ignoreEOF(err)
		}
		if h.Final {
			return ignoreEOF(out.Finish())
		}
	}
}

// ignoreEOF takes the end of the store worker for no error of this one: the
// supervisor knows why it ended, and says so.
func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// acknowledge passes on what became durable, and the end. While there is no
// news it repeats itself, as long as the store is alive.
func (r Receiver) acknowledge(conn *transport.Conn, t *taking, quit <-chan struct{}) error {
	news := make(chan control.Message)
	ended := make(chan error, 1)
	// It waits for the supervisor and ends with the process: the control
	// connection must stay open for the worker's last word.
	go func() {
		for {
			m, err := r.Control.Receive()
			if err != nil {
				ended <- err
				return
			}
			select {
			case news <- m:
			case <-quit:
				return
			}
		}
	}()
	alive := time.NewTicker(wire.KeepAlive)
	defer alive.Stop()
	for {
		select {
		case <-quit:
			return nil
		case <-alive.C:
			if t.stalled() {
				continue
			}
		case m := <-news:
			if d, ok := m.(control.Durable); ok {
				t.madeDurable(d.Offset)
				break
			}
			if ended, err := conclude(conn, m); ended {
				return err
			}
			return fmt.Errorf("receive: the supervisor says %T while receiving", m)
		case err := <-ended:
			return err
		}
		t.mu.Lock()
		durable := t.durable
		t.mu.Unlock()
		alive.Reset(wire.KeepAlive)
		if err := say(conn, wire.Ack{Offset: durable}); err != nil {
			return err
		}
	}
}
