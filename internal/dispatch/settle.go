package dispatch

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/worker"
)

func idOf(keys identity.Keys) string { return identity.ID(keys.TLS.Public().(ed25519.PublicKey)) }

// Expected is the identity that the reception called name has to prove at an
// address, as deliveries to it have it.
func (d *Dispatcher) Expected(ctx context.Context, name, address string, here bool) (string, error) {
	return d.expected(ctx, ledger.Delivery{Reception: name, Address: address}, here)
}

// expected is the identity that a reception has to prove before it is offered
// anything, "" where it may be any. One on another machine that was never paired
// is reason.NotPaired, unless receptions are taken at first sight.
func (d *Dispatcher) expected(ctx context.Context, l ledger.Delivery, here bool) (string, error) {
	d.mu.Lock()
	atFirstSight := d.settings.AtFirstSight
	d.mu.Unlock()
	known, err := d.Ledger.ReceptionByName(ctx, l.Reception)
	switch {
	case err == nil && (!here || !known.Paired.IsZero()):
		return known.Identity, nil
	case err != nil && reason.Of(err) != reason.UnknownReception:
		return "", err
	case err != nil && !here && !atFirstSight:
		return "", reason.New(reason.NotPaired, "%s at %s was never paired", l.Reception, l.Address)
	}
	return "", nil
}

// meet makes sure that a reception is the one known under its name: the one that
// was paired or, where that is not asked for, the one that was met first. For
// one on this machine that was never paired the kernel vouches, and its keys may
// change.
func (d *Dispatcher) meet(ctx context.Context, l ledger.Delivery, m control.Accepted, here bool) error {
	if _, err := d.expected(ctx, l, here); err != nil {
		return err
	}
	known, err := d.Ledger.ReceptionByName(ctx, l.Reception)
	switch paired := !known.Paired.IsZero(); {
	case err != nil && reason.Of(err) != reason.UnknownReception:
		return err
	case err != nil:
		d.Log.Info("reception seen for the first time, remembering its keys", journal.PeerMet.Mark(), "reception", l.Reception, "identity", identity.Short(m.Identity))
	case known.Identity == m.Identity && known.ReceiptKey == m.ReceiptKey && known.Address == l.Address:
		return nil
	case known.Identity != m.Identity && (paired || !here):
		return reason.New(reason.IdentityChanged, "%s was %s and now shows %s, at %s", l.Reception, identity.Short(known.Identity), identity.Short(m.Identity), l.Address)
	case known.ReceiptKey != m.ReceiptKey && paired:
		return reason.New(reason.IdentityChanged, "%s signs receipts with another key than when it was paired; pair it again", l.Reception)
	case known.Identity != m.Identity:
		d.Log.Warn("the reception on this machine has new keys, taking them", "reception", l.Reception, "identity", identity.Short(m.Identity))
		if err := d.Ledger.ForgetReception(ctx, l.Reception); err != nil {
			return err
		}
	}
	return d.Ledger.RememberReception(ctx, ledger.Reception{
		Name: l.Reception, Address: l.Address, Identity: m.Identity, ReceiptKey: m.ReceiptKey, Seen: d.Clock(),
	})
}

// claim is a receipt that is the delivery's, and whose digest is to be compared.
type claim struct {
	settled control.Settled
	receipt receipt.Receipt
}

// settle takes a delivery for deposited if the receipt proves it: that the
// reception has what the source is, as this server has read it. Where it has not,
// because the answer to an earlier attempt was lost or because the reception
// says anything, it is read first.
func (a *attempt) settle(ctx context.Context, m control.Settled) error {
	r, err := receipt.Parse(m.Receipt)
	if err != nil {
		return err
	}
	if err := a.authentic(ctx, r, m.Identity); err != nil {
		return err
	}
	c, l := claim{m, r}, a.delivery
	switch sum := cmp.Or(a.sealed, l.SHA256); {
	case l.Live.Asked:
		if err := proveLive(r, l.Live); err != nil {
			return err
		}
		return a.deposited(ctx, c)
	case sum != "":
		return a.compare(ctx, c, sum)
	}
	a.claim = &c
	if a.accepted {
		return nil // it is being read
	}
	a.d.Log.Info("the reception has it, reading the source to compare", "delivery", l.ID, "title", l.Name, "reception", l.Reception)
	return a.read.Tell(a.beginAt(l.Size, false))
}

// compare takes a delivery for deposited if the digest of its receipt is that of
// the source.
func (a *attempt) compare(ctx context.Context, c claim, sum string) error {
	if c.receipt.SHA256 != sum {
		return reason.New(reason.DigestMismatch, "the reception has %s, the source %s", c.receipt.SHA256, sum)
	}
	return a.deposited(ctx, c)
}

// deposited writes down what is proven.
func (a *attempt) deposited(ctx context.Context, c claim) error {
	m, r := c.settled, c.receipt
	l, now := a.delivery, a.d.Clock()
	// On disk before anybody is told.
	if a.peer.Identity != "" { // else nothing was sent
		a.d.mu.Lock()
		a.d.passed.add(m.Sent-a.heard.Sent, l.Size-max(a.heard.Offset, a.peer.Offset))
		a.d.mu.Unlock()
		if err := a.d.Ledger.Progress(ctx, l.ID, l.Size, nil, l.Sent+m.Sent); err != nil && reason.Of(err) != reason.AlreadyEnded {
			a.d.note(err, l.ID)
		}
	}
	if err := a.d.Ledger.Deposited(ctx, l.ID, m.Receipt, r.SHA256, now); err != nil {
		return err
	}
	a.settled = true
	logGaps(a.d.Log, l, r)
	a.keepProof(ctx)
	for _, warning := range r.Warnings {
		a.d.Log.Warn("the title's own packing list does not agree with its files; it is deposited as it is", "delivery", l.ID, "title", l.Name, "reception", l.Reception, "warning", warning)
	}
	a.d.Log.Info("deposited", journal.Deposited.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception, "path", r.Path, "size", rate.Size(r.Size),
		"sha256", r.SHA256, "resumes", r.Resumes, "promised", l.Deadline, "late", now.After(l.Deadline))
	return nil
}

// authentic checks that the receipt is this delivery's, as it was offered, and
// signed by the reception that was asked.
func (a *attempt) authentic(ctx context.Context, r receipt.Receipt, peer string) error {
	if err := receipt.Verify(r); err != nil {
		return err
	}
	l := a.delivery
	key := fmt.Sprintf("%s-%d", identity.Prefix8(a.d.central), l.ID)
	known, err := a.d.Ledger.ReceptionByName(ctx, l.Reception)
	switch {
	case err != nil && reason.Of(err) != reason.UnknownReception:
		return err
	case err != nil || known.Identity != peer:
		// It answered without an accept: it says that it had the title.
		if err := a.d.meet(ctx, l, control.Accepted{Identity: peer, ReceiptKey: r.Key}, a.here); err != nil {
			return err
		}
	case known.ReceiptKey != r.Key:
		return reason.New(reason.ReceiptInvalid, "it is signed by another key than that of %s", l.Reception)
	}
	switch {
	case r.Delivery != key || r.Central != a.d.central || r.Receiver != peer:
		return reason.New(reason.ReceiptInvalid, "it is for delivery %s, not for %s", r.Delivery, key)
	case r.Size != l.Size || (r.Version == receipt.VersionFolder) != (a.folder != nil) || (r.Version == receipt.VersionLive) != l.Live.Asked:
		return reason.New(reason.ReceiptInvalid, "it is for %d bytes, not for %d, or for a source of another kind", r.Size, l.Size)
	case r.Title != a.offered.Title || r.Name != a.offered.Name || r.Reception != a.offered.Reception || !r.Promised.Equal(receipt.Instant(a.offered.Promised)):
		return reason.New(reason.ReceiptInvalid, "it is for the title %d, %q, at %s by %v, which is not what was offered", r.Title, r.Name, r.Reception, r.Promised)
	}
	return nil
}

// finish draws the consequences of an attempt that began at start.
func (d *Dispatcher) finish(a *attempt, out outcome, start int64) {
	ctx, j, now := context.Background(), a.job, d.Clock()
	code := reason.Of(out.err)
	paused := errors.Is(out.err, errPaused)
	d.mu.Lock()
	defer d.nudge()
	defer d.mu.Unlock()
	j.attempt = nil
	j.touch(now)
	if fresh, err := d.Ledger.Get(ctx, j.ID); err == nil {
		j.Delivery = fresh
	}
	switch {
	case a.settled:
		d.drop(j)
		return
	case j.cancel:
		d.leave(j, now)
		return
	case paused || errors.Is(out.err, context.Canceled) || code == reason.ShuttingDown && d.stopping:
		// It goes on when its turn comes again, or after the next start.
		return
	case code.Permanent():
		d.fail(ctx, j, code, out.err, now)
		return
	}
	wait, again := j.budget.Failed(j.acked > start, out.crash)
	if !again {
		d.fail(ctx, j, code, out.err, now)
		return
	}
	j.next = now.Add(wait)
	j.Reason, j.Detail = code, out.err.Error()
	d.note(d.Ledger.Interrupted(ctx, j.ID, code, out.err.Error(), now), j.ID)
	d.Log.Warn("broke off, trying again", journal.Interrupted.Mark(), "delivery", j.ID, "title", j.Name, "reception", j.Reception, "offset", j.acked,
		"reason", string(code), "error", out.err, "wait", wait)
}

// fail gives a delivery up. The mutex is held.
func (d *Dispatcher) fail(ctx context.Context, j *job, code reason.Code, why error, now time.Time) {
	if err := d.Ledger.Fail(ctx, j.ID, code, why.Error(), now); err != nil && reason.Of(err) != reason.AlreadyEnded {
		// It has not ended as long as that is not written down.
		d.note(err, j.ID)
		j.next = now.Add(replanEvery)
		return
	}
	d.Log.Error("failed for good", journal.Failed.Mark(), "delivery", j.ID, "title", j.Name, "reception", j.Reception, "offset", j.acked,
		"reason", string(code), "error", why)
	d.leave(j, now)
}

// drop forgets a delivery that has ended. The mutex is held.
func (d *Dispatcher) drop(j *job) {
	delete(d.jobs, j.ID)
	if j.Live.Asked && d.Studio != nil {
		d.Studio.Leave(j.ID)
	}
	d.planned = time.Time{}
	d.removeNotes(j.ID)
	if err := d.sweepFolders(); err != nil {
		d.Log.Warn("manifests that nobody needs cannot be removed, leaving them", "error", err)
	}
	j.touch(d.Clock())
	d.news.over(j)
}

func (d *Dispatcher) removeNotes(id int64) {
	if err := os.Remove(d.notesPath(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.Log.Warn("the digests of a delivery that has ended cannot be removed, leaving them", "delivery", id, "error", err)
	}
}

// leave drops a delivery that ended without a deposit, and has the reception
// let go of what it holds. The mutex is held.
func (d *Dispatcher) leave(j *job, now time.Time) {
	d.drop(j)
	d.letGo(j)
	// What the reception may hold: an accept that was never heard counts too.
	if l := j.Delivery; !d.stopping { // as it is now: one that is being stopped is read anew once more
		d.attempts.Go(func() { d.withdraw(l) })
	}
}

// withdrawFor is how long a withdrawal is tried; after that, what the
// reception holds expires there by itself.
const withdrawFor = 7 * 24 * time.Hour

// rewithdraw takes up the withdrawals that may not have been made.
func (d *Dispatcher) rewithdraw(ctx context.Context) error {
	ended, err := d.Ledger.List(ctx, ledger.Filter{States: []ledger.State{ledger.Cancelled, ledger.Failed}, Limit: 100})
	if err != nil {
		return err
	}
	for _, l := range ended {
		if d.Clock().Sub(l.Finished) < withdrawFor {
			d.attempts.Go(func() { d.withdraw(l) })
		}
	}
	return nil
}

// withdraw tells a reception that a delivery is not coming, until it hears.
func (d *Dispatcher) withdraw(l ledger.Delivery) {
	budget := worker.Budget{First: time.Second, Most: time.Hour}
	for tried := d.Clock(); d.Clock().Sub(tried) < withdrawFor; {
		err := d.withdrawOnce(l)
		switch {
		case err == nil:
			d.Log.Info("withdrawn, its space is free again", journal.Withdrawn.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception)
			return
		case reason.Of(err) == reason.AlreadyEnded:
			d.Log.Warn("not withdrawn: it was deposited before, and stays there", "delivery", l.ID, "title", l.Name, "reception", l.Reception)
			return
		}
		wait, _ := budget.Failed(false, false)
		d.Log.Debug("not withdrawn, trying again", "delivery", l.ID, "reception", l.Reception, "error", err, "wait", wait)
		select {
		case <-d.ending.Done():
			return
		case <-time.After(max(wait, budget.First)):
		}
	}
}

func (d *Dispatcher) withdrawOnce(l ledger.Delivery) error {
	l.Address = d.addressOf(l)
	return d.Converse(d.ending, l.Address, Conversation{
		Expect: func(here bool) (string, error) { return d.expected(d.ending, l, here) },
		Label:  fmt.Sprintf("withdraw=%d", l.ID), First: control.Withdraw{ID: l.ID},
		Answer: func(m control.Message) (control.Message, bool, error) {
			if _, ok := m.(control.Withdrawn); !ok {
				return nil, false, fmt.Errorf("the send worker says %T", m)
			}
			return nil, true, nil
		},
	})
}
