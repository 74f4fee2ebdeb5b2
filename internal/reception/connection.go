package reception

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/handoff"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/limit"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/sandbox"
	"videoclub/internal/worker"
)

// grace is how long a worker that has its last words to say may take for them.
const grace = 5 * time.Second

// connection is one sender's connection, with its workers.
type connection struct {
	r      *Reception
	peer   net.Addr
	place  *limit.Place
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when both workers are reaped and the part is released

	receive, store crew.Member
	consumer       handoff.End // for the store worker, until that is started
	key            depot.Key   // zero until an offer is taken up
	offer          depot.Offer
	stream         int64 // bytes that come in all: without what is shared with a base
	reported       journal.Progress
	described      bool // the manifest of a folder was asked for
	accepted       bool
	safe           int64            // bytes that the store worker has called durable
	ended          bool             // the sender has been told how it ended
	proving        identity.Proving // a pairing, of which it has been given the proof
}

func (c *connection) end(why error) { c.cancel(why) }

// serve sees to one connection from its first byte to the end of its workers.
func (r *Reception) serve(ctx context.Context, conn *net.TCPConn, place *limit.Place) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &connection{r: r, peer: conn.RemoteAddr(), place: place, cancel: cancel, done: make(chan struct{})}
	defer close(c.done)
	err := c.run(ctx, conn)
	c.endWorkers()
	if c.key != (depot.Key{}) {
		r.Depot.Release(c.key)
		r.release(c.key, c)
	}
	c.report(err)
}

func (c *connection) report(err error) {
	log := c.r.Log.With("peer", c.peer.String())
	if c.key != (depot.Key{}) {
		log = c.r.about(c.key.String()).With("peer", c.peer.String(), "title", c.offer.Name)
	}
	switch {
	case err == nil:
	case errors.Is(err, errSuperseded), reason.Of(err) == reason.ShuttingDown, errors.Is(err, context.Canceled):
		log.Info("connection ended, keeping what is durable", "why", err)
	case c.accepted:
		log.Warn("broke off, keeping what is durable until its sender comes back", journal.Interrupted.Mark(), "reason", string(reason.Of(err)), "error", err)
	default:
		log.Warn("refused", "reason", string(reason.Of(err)), "error", err)
	}
}

func (c *connection) run(ctx context.Context, conn *net.TCPConn) error {
	file, err := conn.File()
	conn.Close()
	if err != nil {
		return err
	}
	producer, consumer, err := handoff.Pair()
	if err != nil {
		file.Close()
		return err
	}
	c.consumer = consumer
	err = c.receive.Start(c.r.Spawner, worker.Receive, "peer="+c.peer.String(),
		worker.File{Name: "conn", File: file}, worker.File{Name: "ring", File: producer.Ring}, worker.File{Name: "wake", File: producer.Wake})
	if err != nil {
		return err
	}
	c.r.mu.Lock()
	start := control.Start{Certificate: c.r.certificate, Handshake: c.r.settings.Handshake, Silence: c.r.settings.Silence}
	c.r.mu.Unlock()
	if err := c.receive.Tell(start); err != nil {
		return err
	}
	return c.converse(ctx)
}

// endWorkers ends and reaps both workers: none outlives the connection. The
// receive worker may have last words to say.
func (c *connection) endWorkers() {
	if c.store.Started() {
		c.store.Kill()
		<-c.store.Done()
	} else {
		c.consumer.Close()
	}
	if c.receive.Started() {
		if !c.ended {
			c.receive.Kill()
		}
		c.receive.ExitWithin(grace)
	}
	c.store.Close()
	c.receive.Close()
}

// converse answers the workers until the connection has come to its end.
func (c *connection) converse(ctx context.Context) error {
	listening, done := context.WithCancel(context.Background())
	defer done()
	said := make(chan crew.Said)
	go c.receive.Listen(listening, said)
	stored := false // the store worker has done its work
	for {
		var h crew.Said
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.place.Lost():
			return reason.New(reason.Busy, "it has offered nothing, and others want its place")
		case h = <-said:
		}
		if h.Err != nil {
			if h.Err != io.EOF { // what a worker of this program does not say
				return c.tell(h.Err)
			}
			exit := h.By.ExitWithin(grace)
			if h.By == &c.store && exit.Said() {
				// It has done its work; or it was let go by the end of the
				// receive worker, whose word is on its way.
				if !stored {
					time.AfterFunc(grace, c.receive.Kill)
				}
				continue
			}
			return c.tell(reason.New(reason.WorkerFailed, "the %s worker (pid %d) %v", h.By.Kind, h.By.PID, exit))
		}
		if failed, ok := h.Message.(control.Failed); ok {
			return c.tell(reason.New(failed.Code, "%s", failed.Detail))
		}
		var err error
		if h.By == &c.receive {
			waiting := !c.store.Started()
			err = c.received(h.Message)
			if waiting && c.store.Started() && err == nil {
				go c.store.Listen(listening, said)
			}
		} else {
			_, stored = h.Message.(control.Whole)
			err = c.stored(h.Message)
		}
		if err != nil {
			return c.tell(err)
		}
		if c.ended {
			return nil
		}
	}
}

// received answers the receive worker, which speaks for its peer, and may be in
// its hands.
func (c *connection) received(m control.Message) error {
	switch m := m.(type) {
	case control.Sign:
		return c.receive.Sign(c.r.Keys.TLS, identity.ServerSide, m)
	case control.Offered:
		if c.receive.Signed() {
			return c.take(m)
		}
	case control.WithdrawAsked:
		if c.receive.Signed() {
			return c.withdraw(m)
		}
	case control.PairAsked, control.PairDone, control.LookAsked, control.Visited:
		if c.receive.Signed() && c.key == (depot.Key{}) {
			return c.visited(m)
		}
	}
	return fmt.Errorf("the receive worker says %T out of its turn", m)
}

// stored answers the store worker, which knows of the part alone.
func (c *connection) stored(m control.Message) error {
	switch m := m.(type) {
	case control.Describe:
		return c.describe(m)
	case control.Ready:
		return c.ready(m)
	case control.Durable:
		return c.durable(m)
	case control.Whole:
		return c.publish(m)
	}
	return fmt.Errorf("the store worker says %T out of its turn", m)
}

// tell has the receive worker tell the sender why it is refused, and gives
// back err.
func (c *connection) tell(err error) error {
	if c.receive.Signed() && c.receive.Control.Send(control.Refuse{Code: reason.Of(err), Detail: cut(err.Error())}) == nil {
		c.ended = true
	}
	return err
}

// cut bounds what a sender is told to what the wire takes.
func cut(detail string) string { return detail[:min(len(detail), 1024)] }

// keyOf names a delivery of a central server that may deliver here.
func (c *connection) keyOf(peer string, id int64, delivers bool) (depot.Key, error) {
	if !identity.ValidID(peer) || id < 1 {
		return depot.Key{}, reason.New(reason.Protocol, "%.80q is no identity, or %d no delivery", peer, id)
	}
	if err := c.meet(peer, delivers); err != nil {
		return depot.Key{}, err
	}
	return depot.Key{Central: identity.Prefix8(peer), ID: id}, nil
}

// take takes up an offer: with the receipt if it is here already, else with a
// store worker for what is missing of it.
func (c *connection) take(m control.Offered) error {
	if c.key != (depot.Key{}) {
		return errors.New("the receive worker makes a second offer")
	}
	key, err := c.keyOf(m.Identity, m.Offer.ID, true)
	if err != nil {
		return err
	}
	c.place.Known()
	if err := c.r.claim(key, c); err != nil {
		return err
	}
	c.key = key
	o := m.Offer
	c.offer = depot.Offer{
		Title: o.Title, Name: o.Name, Extension: o.Extension, Size: o.Size, MTime: o.MTime, SHA256: o.SHA256,
		Duration: time.Duration(o.Duration) * time.Millisecond, Deadline: o.Promised, Reception: o.Reception, Central: m.Identity,
		Manifest: o.Manifest, ManifestSHA256: o.ManifestSHA256, Files: o.Files, Expected: o.Expected,
		Base: o.Base, BaseProven: o.BaseProven, Reuse: o.Reuse, ReuseSHA256: o.ReuseSHA256, Shared: o.Shared,
	}
	c.stream = o.Size
	in, err := c.r.Depot.Begin(key, c.offer, c.r.sign)
	if err != nil {
		return err
	}
	if in.Receipt != nil {
		c.r.about(key.String()).Info("already here, deposited at once", journal.Deposited.Mark(), "title", in.Receipt.Name, "path", in.Receipt.Path)
		return c.deposit(*in.Receipt)
	}
	files, err := filesOf(in)
	if err != nil {
		return reason.Wrap(reason.StoreFailed, err, "opening the part")
	}
	files = append(files, worker.File{Name: "ring", File: c.consumer.Ring}, worker.File{Name: "wake", File: c.consumer.Wake})
	if err := c.store.Start(c.r.Spawner, worker.Store, "delivery="+key.String(), files...); err != nil {
		return err
	}
	// It has not heard a byte of the sender yet, and cannot take more of the
	// disk than was reserved for the delivery whatever it may hear.
	longest, err := c.longest()
	if err == nil {
		err = sandbox.LimitFiles(c.store.PID, uint64(longest))
	}
	if err != nil {
		return err
	}
	fill := control.Fill{Size: o.Size, Manifest: o.Manifest, ManifestSHA256: o.ManifestSHA256, Files: o.Files, Name: in.Name}
	if b := in.Base; b != nil {
		fill.BaseProven, fill.BaseSHA256, fill.BaseFacts = b.Proven, b.SHA256, b.Facts
		fill.Reuse, fill.ReuseSHA256, fill.Shared = b.Reuse, b.ReuseSHA256, b.Shared
	}
	return c.store.Tell(fill)
}

// filesOf gives the descriptors of a part, for a store worker: its two files,
// or a folder's own directory, and that of its base.
func filesOf(in *depot.Incoming) ([]worker.File, error) {
	if in.Dir != nil {
		own, ok := disk.OSDir(in.Dir)
		folder, err := duplicate(own, ok)
		files := []worker.File{{Name: "folder", File: folder}}
		if in.Base != nil && in.Base.Dir != nil && err == nil {
			own, ok := disk.OSDir(in.Base.Dir)
			var base *os.File
			base, err = duplicate(own, ok)
			files = append(files, worker.File{Name: "base", File: base})
		}
		return files, err
	}
	ownData, okData := disk.OSFile(in.Data)
	ownSlots, okSlots := disk.OSFile(in.Slots)
	data, errData := duplicate(ownData, okData)
	slots, errSlots := duplicate(ownSlots, okSlots)
	return []worker.File{{Name: "data", File: data}, {Name: "slots", File: slots}}, errors.Join(errData, errSlots)
}

// duplicate gives a second descriptor of a file.
func duplicate(own *os.File, ok bool) (*os.File, error) {
	if !ok {
		return nil, errors.New("it is no file of this machine")
	}
	fd, err := unix.FcntlInt(own.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), own.Name()), nil
}

// describe has the sender asked for the manifest that the store worker lacks.
func (c *connection) describe(m control.Describe) error {
	if c.accepted || c.described || !c.offer.Folder() {
		return errors.New("the store worker asks for a manifest out of its turn")
	}
	c.described = true
	return c.receive.Tell(m)
}

// ready accepts the offer at the offset that the store worker goes on from.
func (c *connection) ready(m control.Ready) error {
	if m.Base {
		c.stream -= c.offer.Shared
	}
	if c.accepted || !c.within(m.Offset) || m.Base && !c.offer.Shares() {
		return fmt.Errorf("the store worker is ready a second time, or at %d of %d", m.Offset, c.stream)
	}
	c.accepted, c.safe = true, m.Offset
	c.reported.Start(c.r.Clock(), m.Offset, c.size())
	what, event := "receiving", journal.Started
	if m.Offset > 0 {
		what, event = "resuming, nothing lost", journal.Resumed
	}
	log := c.r.about(c.key.String())
	if m.Base {
		log = log.With("shared", rate.Size(c.offer.Shared), "base", depot.Key{Central: c.key.Central, ID: c.offer.Base})
	}
	log.Info(what, event.Mark(), "title", c.offer.Name, "size", c.sized(), "offset", m.Offset, "peer", c.peer)
	accept := control.Accept{Offset: m.Offset, ReceiptKey: c.r.receiptKey, Base: m.Base}
	if free, err := c.r.Depot.Free(); err == nil { // else it goes without saying
		accept.Free = &free
	}
	return c.receive.Tell(accept)
}

// durable passes on what may be acknowledged.
func (c *connection) durable(m control.Durable) error {
	if !c.accepted || m.Offset < c.safe || !c.within(m.Offset) {
		return fmt.Errorf("the store worker says that %d of %d bytes are durable, after %d", m.Offset, c.stream, c.safe)
	}
	c.r.mu.Lock()
	c.r.durable += m.Offset - c.safe
	c.r.mu.Unlock()
	c.safe = m.Offset
	if c.offer.Live() {
		if err := c.r.Depot.Grow(c.key, m.Offset); err != nil {
			return err
		}
	}
	if c.reported.Due(c.r.Clock(), m.Offset, c.size()) {
		c.r.about(c.key.String()).Info("progress", journal.Advanced.Mark(), "title", c.offer.Name, "at", c.share(m.Offset), "offset", m.Offset, "size", c.sized())
	}
	return c.receive.Tell(m)
}

// publish gives what is whole its name and its receipt.
func (c *connection) publish(m control.Whole) error {
	if !c.accepted {
		return errors.New("the store worker says that it is whole before it is ready")
	}
	// It must not hold the file any more when that gets its name.
	if exit := c.store.ExitWithin(grace); !exit.Said() {
		return reason.New(reason.WorkerFailed, "the store worker (pid %d) %v", c.store.PID, exit)
	}
	res := depot.Result{SHA256: m.SHA256, Size: m.Size, Frames: m.Frames, Resumes: m.Resumes, Facts: m.Facts, Warnings: m.Warnings, Stream: m.Stream}
	if m.Recorded != nil {
		res.Recorded = *m.Recorded
	}
	r, err := c.r.Depot.Publish(c.key, res, c.r.sign)
	if err != nil {
		return err
	}
	c.r.about(c.key.String()).Info("deposited", journal.Deposited.Mark(), "title", r.Name, "path", r.Path, "size", rate.Size(r.Size), "sha256", r.SHA256,
		"resumes", r.Resumes, "written", m.Written, "hashed", m.Hashed)
	logGaps(c.r.about(c.key.String()), r)
	for _, warning := range r.Warnings {
		c.r.Log.Warn("it arrived as it is at its source, which is faulty; it is deposited", "delivery", c.key, "title", r.Name, "warning", warning)
	}
	return c.deposit(r)
}

// deposit has the sender told that it is deposited.
func (c *connection) deposit(r receipt.Receipt) error {
	body, err := receipt.Marshal(r)
	if err != nil {
		return err
	}
	c.ended = true
	return c.receive.Tell(control.Deposit{Receipt: body})
}

// withdraw lets go of a delivery that its sender gives up.
func (c *connection) withdraw(m control.WithdrawAsked) error {
	if c.key != (depot.Key{}) {
		return errors.New("the receive worker withdraws after an offer")
	}
	key, err := c.keyOf(m.Identity, m.ID, false)
	if err != nil {
		return err
	}
	c.place.Known()
	if err := c.r.claim(key, c); err != nil {
		return err
	}
	c.key = key
	if err := c.r.Depot.Withdraw(key); err != nil {
		return err
	}
	c.r.about(key.String()).Info("withdrawn by its sender, its space is free again", journal.Withdrawn.Mark())
	c.ended = true
	return c.receive.Tell(control.LetGo{})
}
