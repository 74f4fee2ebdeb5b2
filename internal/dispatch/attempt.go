package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/digest"
	"videoclub/internal/folders"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// attempt is one connection's worth of a delivery: a send worker and, unless
// the delivery is being withdrawn, a read worker.
type attempt struct {
	d        *Dispatcher
	job      *job
	delivery ledger.Delivery // as it was when the attempt began
	first    rate.Rate
	leases   chan rate.Rate // holds the latest that was not passed on
	cancel   context.CancelCauseFunc

	folder     *folder           // nil for a file
	recording  *recordings       // of a live source
	over       chan control.Over // has a value when nothing follows in it
	done       chan struct{}     // closed when the attempt has ended
	shared     *folders.Shared   // with an earlier version; nil is nothing
	shift      int64             // bytes that are there without being sent: what is shared, if the reception has taken that
	proof      *os.File          // the folder's proven manifest is written there; nil is none
	described  bool              // the reception has asked for its manifest
	send, read crew.Member
	notes      *digest.Notes
	offered    control.Offer    // zero until then
	accepted   bool             // the reception has
	peer       control.Accepted // zero until then
	sealed     string           // digest of the source, once it is read
	claim      *claim           // a receipt that waits for that
	heard      control.Acked    // the latest acknowledgement
	verifying  bool             // all is sent
	noted      time.Time        // when progress was last noted in the ledger
	here       bool             // the reception is on this machine
	letGo      bool             // a worker has ended for no reason of its own
	settled    bool
}

// outcome is why an attempt ended: nil when the delivery is settled.
type outcome struct {
	err   error
	crash bool // a worker died without a word
}

// errPaused ends an attempt whose turn is over for now.
var errPaused = errors.New("its turn is over for now")

// end ends the attempt for a reason; nil is a pause.
func (a *attempt) end(why error) {
	if why == nil {
		why = errPaused
	}
	a.cancel(why)
}

// lease passes a new rate on to the send worker.
func (a *attempt) lease(r rate.Rate) {
	for {
		select {
		case a.leases <- r:
			return
		case <-a.leases: // an older one is worth nothing any more
		}
	}
}

// begin starts an attempt at j. The dispatcher's mutex is held.
func (d *Dispatcher) begin(ctx context.Context, j *job) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &attempt{d: d, job: j, delivery: j.Delivery, first: j.lease, leases: make(chan rate.Rate, 1), cancel: cancel, over: make(chan control.Over, 1), done: make(chan struct{})}
	j.attempt = a
	start := j.acked
	d.attempts.Go(func() {
		defer close(a.done)
		defer cancel(nil)
		out := a.run(ctx)
		if out.err != nil && ctx.Err() != nil {
			// Whatever broke, it was because the attempt was ended.
			out = outcome{err: context.Cause(ctx)}
		}
		d.finish(a, out, start)
	})
}

func (a *attempt) run(ctx context.Context) outcome {
	f, err := a.open()
	if err != nil {
		return outcome{err: err}
	}
	if a.folder != nil {
		defer a.folder.list.Close() // a second time, once a worker has it
	}
	if a.recording != nil {
		defer a.recording.close()
	}
	a.delivery.Address = a.d.addressOf(a.delivery)
	conn, here, err := a.d.dial(ctx, a.delivery.Address)
	if err != nil {
		f.Close()
		return outcome{err: err}
	}
	a.here = here
	peer, err := a.d.expected(ctx, a.delivery, here)
	if err != nil {
		f.Close()
		conn.Close()
		return outcome{err: err}
	}
	defer a.dropProof()
	defer a.endWorkers()
	if err := a.start(f, conn, peer); err != nil {
		return outcome{err: err}
	}
	out := a.converse(ctx)
	a.noteLast()
	return out
}

// noteLast notes what was acknowledged since the last note.
func (a *attempt) noteLast() {
	if a.settled || a.heard == (control.Acked{}) {
		return
	}
	err := a.progress(context.Background(), a.heard)
	if reason.Of(err) != reason.AlreadyEnded {
		a.d.note(err, a.delivery.ID)
	}
}

// start starts both workers, for a reception that has to prove the identity
// peer, "" for any. It takes over the files.
func (a *attempt) start(source, conn *os.File, peer string) error {
	path := a.d.notesPath(a.delivery.ID)
	notes, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		var own *os.File
		if own, err = os.Open(path); err == nil {
			a.notes, err = digest.Open(own, frame.SourceSize)
		}
	}
	if err != nil {
		source.Close()
		conn.Close()
		return err
	}
	producer, consumer, err := handoff.Pair()
	if err != nil {
		source.Close()
		conn.Close()
		notes.Close()
		return err
	}
	label := "delivery=" + strconv.FormatInt(a.delivery.ID, 10)
	errSend := a.send.Start(a.d.Spawner, worker.Send, label,
		worker.File{Name: "conn", File: conn}, worker.File{Name: "ring", File: consumer.Ring}, worker.File{Name: "wake", File: consumer.Wake})
	files := []worker.File{{Name: "source", File: source}, {Name: "digests", File: notes}, {Name: "ring", File: producer.Ring}, {Name: "wake", File: producer.Wake}}
	if a.folder != nil {
		files = append(files, worker.File{Name: "manifest", File: a.folder.list})
	}
	if a.recording != nil {
		files = append(files, worker.File{Name: "marks", File: a.recording.marks}, worker.File{Name: "index", File: a.recording.index})
	}
	more, err := a.openProofs(context.Background())
	files = append(files, more...)
	errRead := a.read.Start(a.d.Spawner, worker.Read, label, files...)
	if err := errors.Join(err, errSend, errRead); err != nil {
		return err
	}
	return a.send.Tell(control.Start{Certificate: a.d.certificate, Handshake: a.d.silence(), Silence: a.d.silence(), Peer: peer})
}

func (d *Dispatcher) notesPath(id int64) string {
	return filepath.Join(d.Digests, strconv.FormatInt(id, 10))
}

func (d *Dispatcher) silence() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settings.Silence
}

// grace is how long workers that have done their work may take to end.
const grace = 3 * time.Second

// endWorkers ends and reaps both workers: none outlives the attempt.
func (a *attempt) endWorkers() {
	for _, m := range []*crew.Member{&a.send, &a.read} {
		if m.Started() {
			if !a.settled {
				m.Kill()
			}
			m.ExitWithin(grace)
		}
		m.Close()
	}
	if a.notes != nil {
		a.notes.Close()
	}
}

// converse answers the workers until the delivery is settled or breaks off.
func (a *attempt) converse(ctx context.Context) outcome {
	listening, done := context.WithCancel(context.Background())
	defer done()
	said := make(chan crew.Said)
	go a.send.Listen(listening, said)
	go a.read.Listen(listening, said)
	for {
		over := a.over
		if a.peer.Identity == "" { // the read worker has not been told where to begin
			over = nil
		}
		select {
		case why := <-over:
			if err := a.read.Tell(why); err != nil {
				return outcome{err: err}
			}
		case <-ctx.Done():
			return outcome{err: context.Cause(ctx)}
		case r := <-a.leases:
			if !a.send.Signed() { // it has not been told what to send
				a.first = r
				continue
			}
			if err := a.send.Tell(control.Lease{Rate: int64(r)}); err != nil {
				return outcome{err: err}
			}
		case h := <-said:
			if h.Err != nil {
				if over, out := a.ended(h); over {
					return out
				}
				continue
			}
			if err := a.handle(ctx, h); err != nil {
				return outcome{err: err}
			}
			if a.settled {
				return outcome{}
			}
		}
	}
}

// ended judges a worker's end. The read worker may end when all is read. One that
// ends in order and without a word was let go by the end of the other, whose
// word is on its way.
func (a *attempt) ended(h crew.Said) (over bool, out outcome) {
	if h.Err != io.EOF {
		return true, outcome{err: h.Err}
	}
	if h.By == &a.send && a.claim != nil {
		return false, outcome{} // it has said all that it had to
	}
	exit := h.By.ExitWithin(grace)
	if h.By == &a.read && a.sealed != "" && exit.Said() {
		return false, outcome{}
	}
	if exit.Said() && !a.letGo && a.claim == nil {
		a.letGo = true
		other := &a.send
		if h.By == &a.send {
			other = &a.read
		}
		time.AfterFunc(grace, other.Kill)
		return false, outcome{}
	}
	err := reason.New(reason.WorkerFailed, "the %s worker (pid %d) %v", h.By.Kind, h.By.PID, exit)
	return true, outcome{err: err, crash: true}
}

// handle answers one message of a worker.
func (a *attempt) handle(ctx context.Context, h crew.Said) error {
	if failed, ok := h.Message.(control.Failed); ok {
		return reason.New(failed.Code, "%s", failed.Detail)
	}
	if h.By == &a.read {
		if grown, ok := h.Message.(control.Recording); ok {
			return a.grown(grown)
		}
		sealed, ok := h.Message.(control.Sealed)
		if !ok || a.sealed != "" || !a.accepted && a.claim == nil {
			return fmt.Errorf("the read worker says %T out of its turn", h.Message)
		}
		a.d.Log.Debug("read to the end", "delivery", a.delivery.ID, "read", sealed.Read, "hashed", sealed.Hashed)
		if a.recording != nil {
			return a.seal(ctx, sealed)
		}
		a.sealed = sealed.SHA256
		if a.claim != nil {
			return a.compare(ctx, *a.claim, a.sealed)
		}
		return nil
	}
	// The send worker has its peer's word alone, and may be in its hands: each
	// message has its turn.
	switch m := h.Message.(type) {
	case control.Sign:
		return a.sign(m)
	case control.Describe:
		if a.folder != nil && !a.described && !a.accepted && a.claim == nil {
			a.described = true
			return a.read.Tell(m)
		}
	case control.Accepted:
		if a.send.Signed() && !a.accepted && a.claim == nil {
			a.accepted = true
			return a.goOn(ctx, m)
		}
	case control.Acked:
		if a.accepted {
			return a.acked(ctx, m)
		}
	case control.Settled:
		if a.send.Signed() && a.claim == nil {
			return a.settle(ctx, m)
		}
	}
	return fmt.Errorf("the send worker says %T out of its turn", h.Message)
}

// sign signs the handshake of the attempt's connection, and says what to do
// with the connection then.
func (a *attempt) sign(m control.Sign) error {
	if err := a.send.Sign(a.d.Keys.TLS, identity.ClientSide, m); err != nil {
		return err
	}
	a.offered = a.offer()
	return a.send.Tell(control.Deliver{Rate: int64(a.first), Offer: a.offered})
}

// goOn lets the read worker begin where the reception goes on.
func (a *attempt) goOn(ctx context.Context, m control.Accepted) error {
	if m.Base && a.shared != nil {
		// From here on, offsets are those in the whole.
		a.shift = a.shared.Bytes
		m.Offset += a.shift
	}
	if a.beyond(m.Offset) || m.Base && a.shared == nil {
		return reason.New(reason.OffsetMismatch, "the reception says that it holds %d bytes of %d", m.Offset, a.delivery.Size)
	}
	if err := a.d.meet(ctx, a.delivery, m, a.here); err != nil {
		return err
	}
	a.peer = m
	j, now := a.job, a.d.Clock()
	a.d.mu.Lock()
	lost, resumes, before := j.acked-m.Offset, j.State != ledger.Promised, j.Reason
	j.acked = m.Offset
	a.d.hold(j, m.Free, now)
	j.meter.reset(now, m.Offset)
	j.reported.Start(now, m.Offset, j.bytes(now))
	j.touch(now)
	a.d.mu.Unlock()
	if lost > 0 {
		a.d.replanSoon()
	}
	if err := a.startedOrResumed(ctx, m.Offset, resumes, before, lost, now); err != nil {
		return err
	}
	return a.read.Tell(a.beginAt(m.Offset, m.Base))
}

// beginAt has the read worker begin at offset.
func (a *attempt) beginAt(offset int64, base bool) control.Begin {
	begin := control.Begin{
		Offset: offset - a.shift, Size: a.delivery.Size - a.shift, MTime: a.delivery.MTime, Known: a.delivery.SHA256, Base: base, Live: a.livePart(),
	}
	if a.delivery.Offset == offset {
		begin.State = a.delivery.DigestState
	}
	return begin
}

func (a *attempt) startedOrResumed(ctx context.Context, offset int64, resumes bool, why reason.Code, lost int64, now time.Time) error {
	l := a.delivery
	if !resumes {
		a.d.Log.Info("sending", journal.Started.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception, "size", sized(l), "deadline", l.Deadline)
		if err := a.d.Ledger.Started(ctx, l.ID, l.Inode, now); err != nil {
			return err
		}
		a.d.mu.Lock()
		a.job.Inode = l.Inode
		a.d.mu.Unlock()
		a.d.setState(a.job, ledger.Sending)
		return nil
	}
	what := "nothing lost"
	if lost > 0 {
		what = fmt.Sprintf("the reception has lost %v that it had", rate.Size(lost))
	}
	a.d.Log.Info("resuming", journal.Resumed.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception, "offset", offset,
		"at", a.share(offset), "lost", what, "reason", string(why))
	if err := a.d.Ledger.Resumed(ctx, l.ID, offset, why, what, now); err != nil {
		return err
	}
	a.d.setState(a.job, ledger.Sending)
	return nil
}

// setState follows the ledger's state of an active delivery.
func (d *Dispatcher) setState(j *job, s ledger.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	j.State, j.Reason, j.Detail = s, "", ""
	if j.Started.IsZero() {
		j.Started = d.Clock()
	}
	j.touch(d.Clock())
}

// acked notes progress: at once for those who watch and for the schedule, and
// each second in the ledger.
func (a *attempt) acked(ctx context.Context, m control.Acked) error {
	m.Offset += a.shift
	// Each is news: one that says the same again would have the ledger written
	// as often.
	if a.beyond(m.Offset) || m.Offset <= max(a.heard.Offset, a.peer.Offset) || m.Sent < a.heard.Sent || a.beyond(m.Sent) {
		return reason.New(reason.Protocol, "acknowledged are %d bytes of %d, after %d; sent are %d", m.Offset, a.delivery.Size, a.heard.Offset, m.Sent)
	}
	j, now := a.job, a.d.Clock()
	a.d.mu.Lock()
	a.d.passed.add(m.Sent-a.heard.Sent, m.Offset-max(a.heard.Offset, a.peer.Offset))
	a.heard = m
	j.acked = max(j.acked, m.Offset)
	j.meter.add(now, m.Offset)
	due, measured := j.reported.Due(now, m.Offset, j.bytes(now)), j.meter.rate(now)
	j.touch(now)
	a.d.mu.Unlock()
	if due {
		a.d.Log.Info("progress", journal.Advanced.Mark(), "delivery", a.delivery.ID, "title", a.delivery.Name, "reception", a.delivery.Reception,
			"at", a.share(m.Offset), "offset", m.Offset, "size", sized(a.delivery), "rate", rate.Rate(measured))
	}
	if a.sealed != "" && a.peer.Offset+m.Sent >= a.delivery.Size && !a.verifying {
		a.verifying = true
		a.d.note(a.d.Ledger.Verifying(ctx, a.delivery.ID, now), a.delivery.ID)
		a.d.setState(j, ledger.Verifying)
	}
	if now.Sub(a.noted).Abs() < time.Second && m.Offset != a.delivery.Size {
		return nil
	}
	a.noted = now
	return a.progress(ctx, m)
}

// progress notes an acknowledgement in the ledger.
func (a *attempt) progress(ctx context.Context, m control.Acked) error {
	state := a.stateAt(m.Offset - a.shift)
	err := a.d.Ledger.Progress(ctx, a.delivery.ID, m.Offset, state, a.delivery.Sent+m.Sent)
	if err == nil {
		a.held(m.Offset, state != nil)
	}
	return err
}

// beyond says whether there cannot be as many bytes of the delivery. A live
// source has no end before it has ended.
func (a *attempt) beyond(offset int64) bool { return a.delivery.Size >= 0 && offset > a.delivery.Size }

// share is how much of the delivery offset is: of a live source, what was
// captured.
func (a *attempt) share(offset int64) string {
	if a.delivery.Size >= 0 {
		return fmt.Sprintf("%d%%", journal.Percent(offset, a.delivery.Size))
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return fmt.Sprintf("%v of %v", a.job.elapsed(a.d.Clock()).Round(time.Second), a.job.lasts())
}

// sized is how many bytes a delivery has, for the log.
func sized(l ledger.Delivery) any {
	if l.Size < 0 {
		return "live"
	}
	return rate.Size(l.Size)
}

// stateAt is the running digest at offset, nil if it is not known.
func (a *attempt) stateAt(offset int64) []byte {
	h, at, err := a.notes.At(offset)
	if err != nil || at != offset {
		return nil
	}
	state, err := digest.Save(h)
	if err != nil {
		return nil
	}
	return state
}

// note logs an error of a record that is not worth breaking an attempt off for.
func (d *Dispatcher) note(err error, id int64) {
	if err != nil {
		d.Log.Warn("not noted in the ledger, going on", "delivery", id, "error", err)
	}
}
