package dispatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/schedule"
)

// Ask is a request for a delivery. Whether the account may ask was decided
// before.
type Ask struct {
	Account    string
	Key        string // idempotency key, unique within the account
	Title      Title
	Reception  string
	By         time.Time // the deadline
	ByEarliest bool      // instead of By: the earliest that can be promised
	From       time.Time // not before; zero is now
	Mail       string
}

// Title is what is asked for.
type Title struct {
	Number   int
	Name     string
	Location string // absolute path
	Duration time.Duration
}

// Refusal is a request that cannot be promised, with the earliest deadline that
// would be accepted (zero if there is none) and the constraint that binds.
type Refusal struct {
	Earliest   time.Time
	Constraint string
	Detail     string
}

func (r *Refusal) Error() string { return r.Detail }

// Unwrap gives the reason, for reason.Of.
func (r *Refusal) Unwrap() error { return reason.New(reason.DeadlineTooSoon, "%s", r.Detail) }

// resolveTimeout bounds the look-up of a reception's name while somebody waits
// for the answer.
const resolveTimeout = 3 * time.Second

// Promise admits a request and returns the delivery as it stands in the ledger,
// or why not: a *Refusal, or an error with a reason. A promise that is
// returned is on disk and survives whatever happens next. The same key again
// gives the same delivery.
func (d *Dispatcher) Promise(ctx context.Context, ask Ask) (ledger.Delivery, error) {
	// One link, one identity, however its name is written (RFC 4343).
	ask.Reception = strings.ToLower(ask.Reception)
	if known, found, err := d.Ledger.FindKey(ctx, ask.Account, ask.Key); err != nil || found {
		if err == nil && known.Fingerprint != ask.fingerprint() {
			err = reason.New(reason.KeyReused, "the key was used for delivery %d", known.ID)
		}
		return known, err
	}
	now := d.Clock()
	if !ask.ByEarliest && !ask.By.After(now) {
		return ledger.Delivery{}, reason.New(reason.DeadlinePast, "%s has passed: it is %s", ask.By.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	address, err := d.locate(ctx, ask.Reception)
	if err != nil {
		return ledger.Delivery{}, err
	}
	f, size, mtime, err := d.Sources.Open(ask.Title.Location)
	if err != nil {
		return ledger.Delivery{}, err
	}
	inode, err := inodeOf(f)
	f.Close()
	if err != nil {
		return ledger.Delivery{}, reason.Wrap(reason.TitleUnreadable, err, "looking at the title")
	}
	sum, _, err := d.Ledger.DigestOf(ctx, ask.Title.Location, size, mtime)
	if err != nil {
		return ledger.Delivery{}, err
	}
	l := ledger.Delivery{
		Account: ask.Account, Key: ask.Key, Fingerprint: ask.fingerprint(), Mail: ask.Mail,
		Title: ask.Title.Number, Name: ask.Title.Name, Location: ask.Title.Location,
		Reception: ask.Reception, Address: address, Requested: now, Earliest: ask.From, Deadline: ask.By,
		Size: size, MTime: mtime, Inode: inode, Duration: ask.Title.Duration, SHA256: sum,
		Pace: int64(rate.PaceOf(size, ask.Title.Duration)),
	}
	return d.admit(ctx, l, ask.ByEarliest)
}

// fingerprint stands for everything asked but the key.
func (a Ask) fingerprint() string {
	by := "earliest"
	if !a.ByEarliest {
		by = a.By.UTC().Format(time.RFC3339Nano)
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%d\n%s\n%s\n%s\n%s", a.Title.Number, a.Reception, by, a.From.UTC().Format(time.RFC3339Nano), a.Mail)))
	return fmt.Sprintf("%x", sum[:16])
}

// admit asks the schedule, and writes the promise down before it is spoken.
// One request is admitted at a time: what one is promised, the next cannot have.
func (d *Dispatcher) admit(ctx context.Context, l ledger.Delivery, earliest bool) (ledger.Delivery, error) {
	d.admitting.Lock()
	defer d.admitting.Unlock()
	now := d.Clock()
	d.mu.Lock()
	l.MaxPace = int64(d.settings.MaxPace)
	if l.MaxPace > 0 {
		l.Pace = min(l.Pace, l.MaxPace)
	}
	if d.stopping {
		d.mu.Unlock()
		return l, reason.New(reason.ShuttingDown, "the central server is stopping")
	}
	accepted, net := jobsOf(d.sorted()), d.network()
	if _, ok := net.Links[l.Reception]; !ok {
		net.Links[l.Reception] = d.link(Reception{})
	}
	d.mu.Unlock()

	if earliest {
		l.Deadline = now
	}
	asked := jobsOf([]*job{{Delivery: l}})[0]
	plan, err := schedule.Admit(now, net, accepted, asked)
	var refused *schedule.Refusal
	if earliest && errors.As(err, &refused) && !refused.Earliest.IsZero() {
		l.Deadline, asked.Deadline = refused.Earliest.Add(settle), refused.Earliest
		plan, err = schedule.Admit(now, net, accepted, asked)
	}
	switch {
	case errors.As(err, &refused):
		return l, d.refusal(l, refused)
	case err != nil:
		return l, err
	}
	if r, ok := plan.Reservation(asked.ID); ok {
		l.Start, l.End = r.Start, r.End
	}
	l, replayed, err := d.Ledger.Promise(ctx, l)
	if err != nil || replayed {
		return l, err
	}
	d.mu.Lock()
	d.jobs[l.ID] = d.newJob(l)
	d.planned = time.Time{}
	d.mu.Unlock()
	d.nudge()
	d.Log.Info("promised", "delivery", l.ID, "title", l.Name, "reception", l.Reception, "size", rate.Size(l.Size), "deadline", l.Deadline, "start", l.Start, "end", l.End)
	return l, nil
}

func (d *Dispatcher) refusal(l ledger.Delivery, refused *schedule.Refusal) *Refusal {
	r := &Refusal{Constraint: string(refused.Binding)}
	r.Detail = fmt.Sprintf("%s cannot be at %s by %s: %s", l.Name, l.Reception, l.Deadline.UTC().Format(time.RFC3339), constraintWords[refused.Binding])
	if !refused.Earliest.IsZero() {
		r.Earliest = refused.Earliest.Add(settle)
	}
	d.Log.Info("refused", "title", l.Name, "reception", l.Reception, "deadline", l.Deadline, "reason", string(reason.DeadlineTooSoon), "constraint", r.Constraint, "earliest", r.Earliest)
	return r
}

var constraintWords = map[schedule.Constraint]string{
	schedule.LinkBinds:    "the link to the reception carries no more",
	schedule.UplinkBinds:  "the uplink of the central server carries no more",
	schedule.WindowBinds:  "the reception's link is closed until then",
	schedule.MaxPaceBinds: "the configured max_pace is too slow",
}

// hostName is an RFC 1123 host name or an address literal; whether it exists
// is for the resolver.
var hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z.:-]{0,251}[0-9A-Za-z])?$`)

// locate gives the address of a reception by its name.
func (d *Dispatcher) locate(ctx context.Context, name string) (string, error) {
	d.mu.Lock()
	r, ok := d.settings.Receptions[name]
	port, loopback := d.settings.Port, d.settings.Loopback
	d.mu.Unlock()
	if ok {
		return r.Address, nil
	}
	if port == 0 || !hostName.MatchString(name) {
		return "", reason.New(reason.UnknownReception, "no reception is called %.260q", name)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return "", reason.Wrap(reason.UnknownReception, err, "the name %q", name)
	}
	if loopback && !anyLoopback(ips) {
		return "", reason.New(reason.RemotePeer, "%s is at %v, not on this machine", name, ips[0])
	}
	return net.JoinHostPort(name, strconv.Itoa(port)), nil
}

func anyLoopback(ips []netip.Addr) bool {
	for _, ip := range ips {
		if ip.Unmap().IsLoopback() {
			return true
		}
	}
	return false
}

// Cancel withdraws a delivery. What the reception holds of it is let go of as
// soon as it can be reached.
func (d *Dispatcher) Cancel(ctx context.Context, id int64) error {
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
	d.Log.Info("cancelled", "delivery", id, "title", j.Name, "reception", j.Reception, "offset", j.acked)
	j.cancel = true
	if j.attempt != nil {
		j.attempt.end(reason.New(reason.Cancelled, "it was cancelled")) // leaves when it has ended
		return nil
	}
	d.leave(j, now)
	return nil
}

// View is a delivery as it stands at this moment.
type View struct {
	ledger.Delivery
	Rate     int64 // measured, bytes a second; 0 unless it is sending
	AtRisk   bool  // it will not be there by its deadline as things are
	Late     bool  // it was not
	Revision int64 // another after each change
	Changed  <-chan struct{}
}

// View gives a delivery that the ledger has, with what is newer.
func (d *Dispatcher) View(l ledger.Delivery) View {
	now := d.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	v := View{Delivery: l}
	j, ok := d.jobs[l.ID]
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
