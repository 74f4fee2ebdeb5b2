package dispatch

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// Version is that of a title's source at a location, as promises would
// have it now. What was found out of a folder stays until release is called.
func (d *Dispatcher) Version(ctx context.Context, location string) (src ledger.Source, folder bool, release func(), err error) {
	f, _, _, err := d.Sources.Open(location)
	if err != nil {
		return src, false, nil, err
	}
	folder = isFolder(f)
	f.Close()
	l, release, err := d.look(ctx, location)
	return ledger.Source{Location: location, Size: l.Size, MTime: l.MTime}, folder, release, err
}

// Older gives what receptions hold of a title, or await, that is another version
// than that of src: the latest deposit of each, and what has not ended.
func (d *Dispatcher) Older(ctx context.Context, title int, src ledger.Source) ([]ledger.Delivery, error) {
	all, err := d.Ledger.OfTitle(ctx, title)
	if err != nil {
		return nil, err
	}
	sum, _, err := d.Ledger.DigestOf(ctx, src.Location, src.Size, src.MTime)
	if err != nil {
		return nil, err
	}
	var older []ledger.Delivery
	for _, l := range all {
		if !sameVersion(l, src) && (sum == "" || l.SHA256 != sum) {
			older = append(older, l)
		}
	}
	return older, nil
}

func sameVersion(l ledger.Delivery, src ledger.Source) bool {
	return l.Location == src.Location && l.Size == src.Size && l.MTime == src.MTime
}

// Comparable says whether one of the receptions holds a folder that a new
// version could be compared with.
func (d *Dispatcher) Comparable(ctx context.Context, title int, receptions []string) (bool, error) {
	if d.Proofs == nil {
		return false, nil
	}
	all, err := d.Ledger.OfTitle(ctx, title)
	if err != nil {
		return false, err
	}
	for _, name := range (Ask{Receptions: receptions}).canonical().Receptions {
		if base, ok := holds(all, name); ok && d.Proofs.Has(base.SHA256) {
			return true, nil
		}
	}
	return false, nil
}

// holds gives the deposit of a title that a reception has.
func holds(all []ledger.Delivery, reception string) (ledger.Delivery, bool) {
	for _, l := range all {
		if l.Reception == reception && l.State == ledger.Deposited {
			return l, true
		}
	}
	return ledger.Delivery{}, false
}

// Redeliver promises the version of a title that is at its location now to
// receptions, as Promise does, in the place of those that have not ended of
// earlier versions: they are cancelled in the step in which the new ones are
// promised, and what they take of links counts as free. A reception to which
// this very version is on its way already keeps that promise. Who awaits an
// earlier version awaits this one instead, at the pace that was asked for. Of a
// folder that a reception holds an earlier version of, what is the same there is
// not sent again.
func (d *Dispatcher) Redeliver(ctx context.Context, ask Ask) ([]ledger.Delivery, error) {
	ask = ask.canonical()
	if known, found, err := d.redelivered(ctx, ask); err != nil || found {
		return known, err
	}
	if err := ask.inTime(d.Clock()); err != nil {
		return nil, err
	}
	all, err := d.Ledger.OfTitle(ctx, ask.Title.Number)
	if err != nil {
		return nil, err
	}
	drafts, errs, release, err := d.draft(ctx, ask)
	if err != nil {
		return nil, err
	}
	defer release()
	var fresh []ledger.Delivery
	var freshErrs []error
	var instead []int64
	coming := make(map[string]ledger.Delivery)
	for i, l := range drafts {
		l.Key = ask.Key + "/" + l.Reception
		older, same := awaited(all, l)
		if len(same) > 0 {
			coming[l.Reception] = same[0]
		}
		for _, o := range older {
			instead = append(instead, o.ID)
		}
		for n, l := range inPlace(l, older, same) {
			if n > 0 && errs[i] != nil {
				break // which is said once
			}
			done, err := d.share(&l, all)
			if err != nil {
				return nil, err
			}
			defer done()
			fresh, freshErrs = append(fresh, l), append(freshErrs, errs[i])
		}
	}
	var made []ledger.Delivery
	if len(fresh) > 0 {
		if made, err = d.admit(ctx, fresh, freshErrs, ask.ByEarliest, instead...); err != nil {
			return nil, err
		}
	}
	for _, l := range made {
		if _, first := coming[l.Reception]; !first {
			coming[l.Reception] = l
		}
	}
	promised := make([]ledger.Delivery, 0, len(drafts))
	for _, l := range drafts {
		promised = append(promised, coming[l.Reception])
	}
	return promised, nil
}

// inPlace gives a delivery for each who awaits an earlier version, as l is, but for
// who has one that is of the same: who asked for it last first, under the key of l
// where nothing is. Nobody's promise ends without another, however many have asked
// for the title at one reception.
func inPlace(l ledger.Delivery, older, same []ledger.Delivery) []ledger.Delivery {
	type who struct{ account, mail string }
	var all []ledger.Delivery
	known := make(map[who]bool)
	for _, o := range same {
		known[who{o.Account, o.Mail}] = true
	}
	for _, o := range slices.Backward(older) {
		w := who{o.Account, o.Mail}
		if known[w] {
			continue
		}
		known[w] = true
		one := l
		if len(all)+len(same) > 0 {
			one.Key = fmt.Sprintf("%s/%d", l.Key, o.ID)
		}
		one.Account, one.Mail, one.Language, one.MaxPace = o.Account, o.Mail, o.Language, o.MaxPace
		all = append(all, one)
	}
	if len(all)+len(same) == 0 {
		all = append(all, l)
	}
	return all
}

// awaited gives what is on its way to l's reception of earlier versions, and of
// l's own.
func awaited(all []ledger.Delivery, l ledger.Delivery) (older, same []ledger.Delivery) {
	for _, o := range all {
		switch {
		case o.Reception != l.Reception || o.State.Ended():
		case sameVersion(o, ledger.Source{Location: l.Location, Size: l.Size, MTime: l.MTime}):
			same = append(same, o)
		default:
			older = append(older, o)
		}
	}
	return older, same
}

// redelivered gives what was promised under the key before.
func (d *Dispatcher) redelivered(ctx context.Context, ask Ask) (promised []ledger.Delivery, found bool, err error) {
	for _, reception := range ask.Receptions {
		known, err := d.Ledger.OfKey(ctx, ask.Title.Number, ask.Key+"/"+reception)
		switch {
		case err != nil:
			return nil, false, err
		case len(known) == 0:
			continue
		case known[0].Fingerprint != ask.fingerprint():
			return nil, true, reason.New(reason.KeyReused, "the key was used for delivery %d", known[0].ID)
		}
		promised = append(promised, known[0])
	}
	// Those that kept a promise had none made under this key.
	return promised, len(promised) > 0, nil
}

// share notes in l what its version has in common with the folder of an earlier
// one that its reception holds, so that this is not sent. It stays known until
// done is called.
func (d *Dispatcher) share(l *ledger.Delivery, all []ledger.Delivery) (done func(), err error) {
	base, ok := holds(all, l.Reception)
	if d.Proofs == nil || !ok || l.SHA256 == "" {
		return func() {}, nil
	}
	shared, done, err := d.Proofs.Share(l.SHA256, base.SHA256)
	if err != nil {
		d.Log.Warn("two versions cannot be compared, all of the new one will be sent", "title", l.Name, "reception", l.Reception, "error", err)
		return func() {}, nil
	}
	if shared.Bytes > 0 {
		l.Base, l.Reuse, l.Shared = base.ID, shared.Reuse, shared.Bytes
	}
	return done, nil
}

// supersede lets go of the deliveries that new promises have taken the place of.
func (d *Dispatcher) supersede(ids []int64) {
	now := d.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if j, ok := d.jobs[id]; ok {
			d.Log.Info("superseded by a newer version", journal.Cancelled.Mark(), "delivery", id, "title", j.Name, "reception", j.Reception, "offset", j.acked)
			d.giveUp(j, reason.Superseded, now)
		}
	}
}

// giveUp ends a job that the ledger has as cancelled. The mutex is held.
func (d *Dispatcher) giveUp(j *job, code reason.Code, now time.Time) {
	j.cancel = true
	if j.attempt != nil {
		j.attempt.end(reason.New(code, "it was cancelled")) // leaves when it has ended
		return
	}
	d.leave(j, now)
}

// openProofs gives the read worker of a folder what it needs besides: of one
// that shares files with an earlier version, what those are; of any other, where
// to write its proven manifest, for later ones.
func (a *attempt) openProofs(ctx context.Context) ([]worker.File, error) {
	d, l := a.d, a.delivery
	if a.folder == nil || d.Proofs == nil {
		return nil, nil
	}
	if l.Shared > 0 {
		base, err := d.Ledger.Get(ctx, l.Base)
		if err != nil {
			return nil, err
		}
		proven, list, shared, err := d.Proofs.Get(base.SHA256, l.Reuse)
		if err == nil {
			shared.Bytes = l.Shared
			a.shared = &shared
			return []worker.File{{Name: "base", File: proven}, {Name: "reuse", File: list}}, nil
		}
		d.Log.Warn("what is shared with an earlier version is not known any more, sending all", "delivery", l.ID, "title", l.Name, "reception", l.Reception, "error", err)
	}
	proof, err := d.Proofs.New()
	if err != nil {
		return nil, err
	}
	theirs, err := os.OpenFile(proof.Name(), os.O_RDWR, 0)
	if err != nil {
		d.Proofs.Drop(proof)
		return nil, err
	}
	a.proof = proof
	return []worker.File{{Name: "proof", File: theirs}}, nil
}

// keepProof keeps what the read worker wrote, once it is deposited.
func (a *attempt) keepProof(ctx context.Context) {
	if a.proof == nil || a.sealed == "" {
		return
	}
	proof := a.proof
	a.proof = nil
	if err := a.d.Proofs.Keep(proof, a.sealed); err != nil {
		a.d.Log.Warn("the digests of a folder are not kept, a later version will be sent whole", "delivery", a.delivery.ID, "error", err)
		return
	}
	if err := a.d.SweepProofs(ctx); err != nil {
		a.d.Log.Warn("digests of folders that nobody needs cannot be removed, leaving them", "error", err)
	}
}

func (a *attempt) dropProof() {
	if a.proof != nil {
		a.d.Proofs.Drop(a.proof)
		a.proof = nil
	}
}

// SweepProofs removes the digests of folders, and the lists of what two of them
// share, that no delivery and no title needs any more.
func (d *Dispatcher) SweepProofs(ctx context.Context) error {
	if d.Proofs == nil {
		return nil
	}
	used := make(map[string]bool)
	active, err := d.Ledger.Active(ctx)
	if err != nil {
		return err
	}
	for _, l := range active {
		used[l.SHA256], used[l.Reuse] = true, true
		if l.Base > 0 {
			base, err := d.Ledger.Get(ctx, l.Base)
			if err != nil {
				return err
			}
			used[base.SHA256] = true
		}
	}
	return d.Proofs.Sweep(func(digest string) (bool, error) { return used[digest], nil }, func(digest string) (bool, error) {
		titles, err := d.Ledger.TitlesOf(ctx, digest)
		for _, n := range titles {
			if err == nil && (d.Titled == nil || d.Titled(n)) {
				return true, nil
			}
		}
		return false, err
	})
}
