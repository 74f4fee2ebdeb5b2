// Package visit is the two ends of a visit: a central server that pairs with a
// reception server, or looks whether it is well (docs/PROTOCOL.md section 7).
// Both run in the workers that have the connection, and have their supervisors
// decide.
package visit

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/transport"
	"videoclub/internal/wire"
)

// A probe begins with firstProbe bytes and grows by probeGrowth until one takes
// longEnough: a slow way is not filled for long, a fast one long enough to be
// measured.
const (
	firstProbe  = 64 << 10
	probeGrowth = 4
	longEnough  = 400 * time.Millisecond
	mostProbes  = 8
)

// Pay pays a visit on a connection that was made to a reception server, as the
// supervisor says.
func Pay(conn *transport.Conn, ctl *control.Conn, program string) error {
	in := bufio.NewReaderSize(conn, wire.MaxLine)
	if err := wire.Write(conn, wire.Hello{Version: wire.Version, Program: program}); err != nil {
		return transport.Explain(err, "hello")
	}
	m, err := ctl.Receive()
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case control.PairWith:
		return pair(conn, in, ctl, m.Reception)
	case control.LookAt:
		return look(conn, in, ctl)
	}
	return fmt.Errorf("visit: the supervisor says %T instead of what to do", m)
}

// pair has the reception prove that it knows the secret of the code, and tells
// it what the supervisor thinks of the proof.
func pair(conn *transport.Conn, in *bufio.Reader, ctl *control.Conn, name string) error {
	proof, err := ask[wire.Proof](conn, in, wire.Pair{Reception: name})
	if err != nil {
		return err
	}
	exporter, err := conn.Export(identity.ExporterLabel, identity.ExporterSize)
	if err != nil {
		return err
	}
	sum, err := hex.DecodeString(proof.Proof)
	if err != nil {
		return err // wire has looked at it
	}
	if err := ctl.Send(control.PairProof{Identity: conn.Peer(), Exporter: exporter, Proof: sum, ReceiptKey: proof.ReceiptKey}); err != nil {
		return err
	}
	m, err := ctl.Receive()
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case control.PairTaken:
		err = say(conn, wire.Paired{})
	case control.Refuse:
		err = say(conn, wire.Refused{Code: m.Code, Detail: m.Detail})
	default:
		return fmt.Errorf("visit: the supervisor says %T about a proof", m)
	}
	if err != nil {
		return err
	}
	return ctl.Send(control.Visited{})
}

// look asks how the reception is, and measures the way to it.
func look(conn *transport.Conn, in *bufio.Reader, ctl *control.Conn) error {
	asked := time.Now()
	c, err := ask[wire.Condition](conn, in, wire.Look{})
	if err != nil {
		return err
	}
	// It read its clock between the two.
	between := asked.Add(time.Since(asked) / 2)
	seen := control.Looked{Identity: conn.Peer(), ReceiptKey: c.ReceiptKey, Ahead: c.Now.Sub(between), Free: c.Free}
	for size, n := int64(firstProbe), 0; n < mostProbes; n++ {
		took, err := probe(conn, in, size)
		if err != nil {
			return err
		}
		seen.Rate = int64(float64(size) / max(took, time.Microsecond).Seconds())
		if took >= longEnough || size == wire.MaxProbe {
			break
		}
		size = min(size*probeGrowth, wire.MaxProbe)
	}
	if err := ctl.Send(seen); err != nil {
		return err
	}
	return ctl.Send(control.Visited{})
}

// probe sends size bytes and says how long they took to arrive.
func probe(conn *transport.Conn, in *bufio.Reader, size int64) (time.Duration, error) {
	if err := wire.Write(conn, wire.Probe{Bytes: size}); err != nil {
		return 0, transport.Explain(err, "probing")
	}
	if _, err := io.CopyN(conn, zeros{}, size); err != nil {
		return 0, transport.Explain(err, "probing")
	}
	m, err := answer[wire.Measured](conn, in)
	switch {
	case err != nil:
		return 0, err
	case m.Bytes != size:
		return 0, reason.New(reason.Protocol, "a probe of %d bytes was measured as one of %d", size, m.Bytes)
	}
	return time.Duration(m.Nanoseconds), nil
}

// zeros is an endless stream of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Answer answers a visit on a connection that a central server made.
func Answer(conn *transport.Conn, ctl *control.Conn) error {
	in := bufio.NewReaderSize(conn, wire.MaxLine)
	err := welcome(conn, in, ctl)
	if err != nil {
		// The peer is told too; that it may not hear it is no further error.
		say(conn, wire.Refused{Code: reason.Of(err), Detail: err.Error()[:min(len(err.Error()), 1024)]})
	}
	return err
}

func welcome(conn *transport.Conn, in *bufio.Reader, ctl *control.Conn) error {
	greeted := conn.Hurry()
	hello, err := read[wire.Hello](in, "waiting for hello")
	if err != nil {
		return err
	}
	if hello.Version != wire.Version {
		return reason.New(reason.Version, "the peer speaks version %d, this side %d", hello.Version, wire.Version)
	}
	m, err := wire.Read(in)
	if err != nil {
		return transport.Explain(err, "waiting for what the visit is about")
	}
	greeted()
	switch m := m.(type) {
	case wire.Pair:
		return prove(conn, in, ctl, m.Reception)
	case wire.Look:
		return beLookedAt(conn, in, ctl)
	}
	return reason.New(reason.Protocol, "%T at the beginning of a visit", m)
}

// prove shows the proof that the supervisor gives, and passes on that it was
// taken.
func prove(conn *transport.Conn, in *bufio.Reader, ctl *control.Conn, name string) error {
	exporter, err := conn.Export(identity.ExporterLabel, identity.ExporterSize)
	if err != nil {
		return err
	}
	proof, err := consult[control.Prove](ctl, control.PairAsked{Identity: conn.Peer(), Reception: name, Exporter: exporter})
	if err != nil {
		return err
	}
	if err := say(conn, wire.Proof{Proof: hex.EncodeToString(proof.Proof), ReceiptKey: proof.ReceiptKey}); err != nil {
		return err
	}
	if _, err := read[wire.Paired](in, "waiting for what the central server thinks of the proof"); err != nil {
		return err
	}
	return ctl.Send(control.PairDone{})
}

// beLookedAt says how this reception is, and measures what arrives.
func beLookedAt(conn *transport.Conn, in *bufio.Reader, ctl *control.Conn) error {
	c, err := consult[control.Condition](ctl, control.LookAsked{Identity: conn.Peer()})
	if err != nil {
		return err
	}
	if err := say(conn, wire.Condition{Now: c.Now.UTC(), Free: c.Free, ReceiptKey: c.ReceiptKey}); err != nil {
		return err
	}
	for range mostProbes {
		m, err := wire.Read(in)
		if err == io.EOF {
			break // it has seen enough
		}
		if err != nil {
			return transport.Explain(err, "waiting for a probe")
		}
		p, ok := m.(wire.Probe)
		if !ok {
			return reason.New(reason.Protocol, "%T instead of a probe", m)
		}
		began := time.Now()
		if _, err := io.CopyN(io.Discard, in, p.Bytes); err != nil {
			return transport.Explain(err, "reading a probe")
		}
		if err := say(conn, wire.Measured{Bytes: p.Bytes, Nanoseconds: int64(time.Since(began))}); err != nil {
			return err
		}
	}
	return ctl.Send(control.Visited{})
}

// consult asks the supervisor, whose refusal is an error with its reason.
func consult[T control.Message](ctl *control.Conn, question control.Message) (T, error) {
	var none T
	if err := ctl.Send(question); err != nil {
		return none, err
	}
	m, err := ctl.Receive()
	if err != nil {
		return none, err
	}
	switch m := m.(type) {
	case T:
		return m, nil
	case control.Refuse:
		return none, reason.New(m.Code, "%s", m.Detail)
	}
	return none, fmt.Errorf("visit: the supervisor answers %T with %T", question, m)
}

// ask writes one message and reads its answer, of which a refusal is an error
// with its reason.
func ask[T wire.Message](conn *transport.Conn, in *bufio.Reader, m wire.Message) (T, error) {
	if err := wire.Write(conn, m); err != nil {
		var none T
		return none, transport.Explain(err, "asking")
	}
	return answer[T](conn, in)
}

func answer[T wire.Message](conn *transport.Conn, in *bufio.Reader) (T, error) {
	if err := conn.Flush(); err != nil {
		var none T
		return none, transport.Explain(err, "asking")
	}
	return read[T](in, "waiting for an answer")
}

func read[T wire.Message](in *bufio.Reader, doing string) (T, error) {
	var none T
	m, err := wire.Read(in)
	if err != nil {
		return none, transport.Explain(err, doing)
	}
	switch m := m.(type) {
	case T:
		return m, nil
	case wire.Refused:
		return none, reason.New(m.Code, "%s", m.Detail)
	}
	return none, reason.New(reason.Protocol, "%s: %T came", doing, m)
}

// say writes one message at once.
func say(conn *transport.Conn, m wire.Message) error {
	if err := wire.Write(conn, m); err != nil {
		return transport.Explain(err, "answering")
	}
	return transport.Explain(conn.Flush(), "answering")
}
