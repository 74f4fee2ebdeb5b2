package dispatch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// Ask is a request for a title at one reception or at several, or the question
// whether it could be there. Whether the account may ask was decided before.
type Ask struct {
	Account    string
	Key        string // idempotency key, unique within the account
	Title      Title
	Receptions []string  // at least one, none twice
	By         time.Time // the deadline
	ByEarliest bool      // instead of By: the earliest that can be promised, for each
	From       time.Time // not before; zero is now
	MaxPace    rate.Rate // never faster than this; 0 is as fast as can be
	Mail       string
	Language   string // of the mail; "" is the server's
}

// Title is what is asked for.
type Title struct {
	Number   int
	Name     string
	Location string // absolute path
	Duration time.Duration
}

// Promise admits a request and returns the deliveries as they stand in the
// ledger, one for each reception and in their order, or why not: a *Refusal, or
// an error with a reason. Several receptions are promised together or not at
// all. A promise that is returned is on disk and survives whatever happens
// next. The same key again gives the same deliveries.
func (d *Dispatcher) Promise(ctx context.Context, ask Ask) ([]ledger.Delivery, error) {
	ask = ask.canonical()
	if known, found, err := d.Promised(ctx, ask); err != nil || found {
		return known, err
	}
	if err := ask.inTime(d.Clock()); err != nil {
		return nil, err
	}
	drafts, errs, release, err := d.draft(ctx, ask)
	if err != nil {
		return nil, err
	}
	defer release()
	return d.admit(ctx, drafts, errs, ask.ByEarliest)
}

// canonical writes names as they are compared: one link, one identity, however
// a reception's name is written (RFC 4343).
func (a Ask) canonical() Ask {
	names := make([]string, len(a.Receptions))
	for i, name := range a.Receptions {
		names[i] = strings.ToLower(name)
	}
	a.Receptions = names
	return a
}

// inTime refuses a deadline that has passed, and instants of years that cannot be
// kept.
func (a Ask) inTime(now time.Time) error {
	if err := moment.Check("the earliest beginning", a.From); err != nil {
		return err
	}
	switch {
	case a.ByEarliest:
		return nil
	case !a.By.After(now):
		return reason.New(reason.DeadlinePast, "%s has passed: it is %s", a.By.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return moment.Check("the deadline", a.By)
}

// Promised gives what was promised under the key, if it was used before. Of the
// title it looks at the number alone: a request that was granted is answered
// again even when its title has gone.
func (d *Dispatcher) Promised(ctx context.Context, ask Ask) (promised []ledger.Delivery, found bool, err error) {
	ask = ask.canonical()
	first, found, err := d.Ledger.FindKey(ctx, ask.Account, ask.Key)
	if err != nil || !found {
		return nil, false, err
	}
	reused := reason.New(reason.KeyReused, "the key was used for delivery %d", first.ID)
	if first.Fingerprint != ask.fingerprint() {
		return nil, true, reused
	}
	for _, reception := range ask.Receptions {
		one := first
		if key := ask.keyFor(reception); key != ask.Key {
			if one, found, err = d.Ledger.FindKey(ctx, ask.Account, key); err != nil {
				return nil, true, err
			}
			if !found || one.Fingerprint != first.Fingerprint {
				return nil, true, reused
			}
		}
		promised = append(promised, one)
	}
	return promised, true, nil
}

// keyFor is the key under which the delivery to one of the receptions is kept.
// The first of them by name has the key as it is, so that the key tells of its
// use whatever the receptions of the other request are.
func (a Ask) keyFor(reception string) string {
	if reception == slices.Min(a.Receptions) {
		return a.Key
	}
	return a.Key + "/" + reception
}

// fingerprint stands for everything asked but the key. The order of the
// receptions is no matter.
func (a Ask) fingerprint() string {
	by := "earliest"
	if !a.ByEarliest {
		by = a.By.UTC().Format(time.RFC3339Nano)
	}
	receptions := strings.Join(slices.Sorted(slices.Values(a.Receptions)), ",")
	asked := fmt.Sprintf("%d\n%s\n%s\n%s\n%s", a.Title.Number, receptions, by, a.From.UTC().Format(time.RFC3339Nano), a.Mail)
	if a.MaxPace > 0 { // without, it is as the ledger has it of versions that knew no pace
		asked += fmt.Sprintf("\n%d", a.MaxPace)
	}
	sum := sha256.Sum256([]byte(asked))
	return fmt.Sprintf("%x", sum[:16])
}

// draft looks at the title's source and makes a delivery to each reception, as
// it would be promised. A reception that cannot be located has an error in its
// place. What was found out of the source stays until release is called.
func (d *Dispatcher) draft(ctx context.Context, ask Ask) (drafts []ledger.Delivery, errs []error, release func(), err error) {
	src, release, err := d.look(ctx, ask.Title.Location)
	if err != nil {
		return nil, nil, nil, err
	}
	sum := ""
	if !src.Live.Asked {
		if sum, _, err = d.Ledger.DigestOf(ctx, src.Location, src.Size, src.MTime); err != nil {
			release()
			return nil, nil, nil, err
		}
		src.Pace = int64(rate.PaceOf(src.Size, ask.Title.Duration))
	}
	fingerprint, now := ask.fingerprint(), d.Clock()
	if src.Live.Asked && ask.From.Before(now) {
		ask.From = now // when it begins is part of what is promised
	}
	addresses, errs := d.locateAll(ctx, ask.Receptions)
	for i, reception := range ask.Receptions {
		drafts = append(drafts, ledger.Delivery{
			Account: ask.Account, Key: ask.keyFor(reception), Fingerprint: fingerprint, Mail: ask.Mail, Language: ask.Language,
			Title: ask.Title.Number, Name: ask.Title.Name, Location: ask.Title.Location,
			Reception: reception, Address: addresses[i], Requested: now, Earliest: ask.From, Deadline: ask.By,
			Size: src.Size, MTime: src.MTime, Inode: src.Inode, Duration: ask.Title.Duration, SHA256: sum,
			Pace: src.Pace, MaxPace: int64(ask.MaxPace), Live: src.Live,
		})
	}
	return drafts, errs, release, nil
}

// Cancel withdraws a delivery. What the reception holds of it is let go of as
// soon as it can be reached.
// A live source whose recording has begun is ended instead: what was captured is
// delivered.
func (d *Dispatcher) Cancel(ctx context.Context, id int64) error {
	d.mu.Lock()
	j, ok := d.jobs[id]
	begun := ok && j.Live.Joined() && !j.cancel
	d.mu.Unlock()
	if begun {
		return d.stop(ctx, j)
	}
	return d.Withdraw(ctx, id)
}

// Withdraw cancels a delivery, whatever there is of it.
func (d *Dispatcher) Withdraw(ctx context.Context, id int64) error {
	// What was written down a moment ago is on its way into the plan.
	if err := turn(ctx, d.admitting); err != nil {
		return err
	}
	defer func() { <-d.admitting }()
	now := d.Clock()
	if err := d.Ledger.Cancel(ctx, id, now); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	j, ok := d.jobs[id]
	if !ok {
		return nil
	}
	d.Log.Info("cancelled", journal.Cancelled.Mark(), "delivery", id, "title", j.Name, "reception", j.Reception, "offset", j.acked)
	d.giveUp(j, reason.Cancelled, now)
	return nil
}

// View is a delivery as it stands at this moment.
type View struct {
	ledger.Delivery
	Rate     int64         // measured, bytes a second; 0 unless it is sending
	Captured time.Duration // of a live source: how much of it is recorded
	AtRisk   bool          // it will not be there by its deadline as things are
	Late     bool          // it was not
	Revision int64         // another after each change
	Changed  <-chan struct{}
}

// View gives a delivery that the ledger has, with what is newer.
func (d *Dispatcher) View(l ledger.Delivery) View {
	now := d.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	v := View{Delivery: l}
	j, ok := d.jobs[l.ID]
	if l.Live.Recorded != nil {
		v.Captured = time.Duration(l.Live.Recorded.Duration) * time.Millisecond
	}
	if !ok || l.State.Ended() {
		if !l.Finished.IsZero() {
			v.Revision = l.Finished.UnixNano()
		}
		v.Late = l.State == ledger.Deposited && l.Finished.After(l.Deadline) || !l.State.Ended() && now.After(l.Deadline)
		return v
	}
	v.Offset, v.Revision, v.Changed = j.acked, j.revision, j.changed
	if r, ok := d.plan.Reservation(l.ID); ok && j.attempt == nil {
		v.Start, v.End = r.Start, r.End
	}
	if j.attempt != nil {
		v.Rate = j.meter.rate(now)
	}
	if l.Live.Recorded == nil {
		v.Captured = j.elapsed(now)
	}
	v.AtRisk = j.atRisk
	v.Late = now.After(l.Deadline)
	return v
}

// Look gives one delivery as it stands.
func (d *Dispatcher) Look(ctx context.Context, id int64) (View, error) {
	// The revision is that of before the ledger was read: what changes
	// meanwhile may not be in the answer, and has to count as news.
	var revision int64
	var changed <-chan struct{}
	d.mu.Lock()
	if j, ok := d.jobs[id]; ok {
		revision, changed = j.revision, j.changed
	}
	d.mu.Unlock()
	l, err := d.Ledger.Get(ctx, id)
	if err != nil {
		return View{}, err
	}
	v := d.View(l)
	switch {
	case v.Changed != nil && changed != nil:
		v.Revision, v.Changed = revision, changed
	case v.Changed == nil && changed != nil && !l.State.Ended():
		// It ended after the ledger was read.
		if l, err = d.Ledger.Get(ctx, id); err != nil {
			return View{}, err
		}
		v = d.View(l)
	}
	return v, nil
}
