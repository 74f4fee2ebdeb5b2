package dispatch

import (
	"context"
	"log/slog"
	"os"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/feed"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/schedule"
	"videoclub/internal/spool"
	"videoclub/internal/studio"
	"videoclub/internal/worker"
)

// A live source is a file that grows. It is recorded from its time on, whether
// its reception can be reached or not; the delivery takes a part of the
// recording and follows it, as fast as it comes.

// Studio has live sources recorded, as studio.Studio does, which says what its
// methods are for.
type Studio interface {
	Check(location string) error
	Join(ctx context.Context, w studio.Wish) (studio.Part, error)
	Take(w studio.Wish, p studio.Part) error
	Files(recording string) (data, marks, index *os.File, err error)
	Hold(delivery, offset int64)
	Stop(delivery int64)
	Leave(delivery int64)
	Over(delivery int64) (over bool, why error)
	Silent(delivery int64) []reason.Code
}

const (
	// liveSettle is what the promise of a live source keeps, beyond the time
	// that it lasts, for opening its devices and for the last of it to arrive.
	liveSettle = 5 * time.Second

	// liveBinds is the constraint of a live source: it is not over before its time.
	liveBinds = "live"

	// leastLive is what a live source is thought to have left at least, in bytes:
	// as long as it has not ended there is something to come.
	leastLive = 64 << 10

	// burst is how many times its rate a live source may be sent at while it is
	// on time: what comes each 100 ms is to be there soon after.
	burst = 4

	// behind is how much it has to have to catch up with for all there is.
	behind = 2 * time.Second

	// learnFrom is after how long the rate of a recording tells what it will be.
	learnFrom = 3 * time.Second

	// watchLive is how often is looked whether a recording goes on.
	watchLive = time.Second
)

// live is what is known of a delivery of a live source while it runs, besides
// what the ledger has. The dispatcher's mutex guards it.
type live struct {
	joining  bool              // it is being asked for
	stopping int               // how many have it end now
	produced control.Recording // what the read worker said last
	budget   worker.Budget     // of asking for it
	over     error             // why nothing follows, before its time
}

// open says whether it is still being recorded, as far as is known.
func (j *job) open() bool { return j.Live.Asked && j.Size < 0 && j.Live.End == 0 }

// begins is when its recording began, or will at the soonest.
func (j *job) begins(now time.Time) time.Time {
	switch {
	case j.Live.Joined():
		return j.Live.Began
	case j.Earliest.After(now):
		return j.Earliest
	}
	return now
}

// lasts is how long the recording of a live source is to last.
func (j *job) lasts() time.Duration {
	if j.Live.Joined() {
		return j.Live.Lasts
	}
	return j.Duration
}

// until is when its recording is over.
func (j *job) until(now time.Time) time.Time { return j.begins(now).Add(j.lasts()) }

// comes is how many bytes a second a live source gives: what was estimated, or
// once it has run for a while, what it gave.
func (j *job) comes() int64 {
	if p := j.live.produced; p.Lasts >= learnFrom {
		return max(1, int64(float64(p.Size)/p.Lasts.Seconds()))
	}
	return max(1, j.Pace)
}

// elapsed is for how long it has been recorded.
func (j *job) elapsed(now time.Time) time.Duration {
	if !j.Live.Joined() {
		return 0
	}
	return min(max(0, now.Sub(j.Live.Began)), j.Live.Lasts)
}

// there is how many bytes of a live source were recorded by now, about.
func (j *job) there(now time.Time) int64 {
	return max(j.live.produced.Size, j.acked, int64(float64(j.comes())*j.elapsed(now).Seconds()))
}

// bytes is how many bytes a delivery has, or is thought to come to.
func (j *job) bytes(now time.Time) int64 {
	switch {
	case j.Size >= 0:
		return j.Size
	case j.Live.End > 0:
		return max(j.acked, j.Live.End-j.Live.Base+j.Live.Head)
	}
	left := max(0, j.lasts()-j.elapsed(now))
	return j.there(now) + int64(float64(j.comes())*left.Seconds())
}

// remaining is how many bytes of it are still to be sent.
func (j *job) remaining(now time.Time) int64 {
	left := max(0, j.bytes(now)-j.acked)
	if j.Size < 0 {
		left = max(left, leastLive)
	}
	return left
}

// scheduled is how the schedule sees a live source: evenly while it is recorded,
// which is also when it has to be sent, and then like a file.
func (j *job) scheduled(now time.Time) schedule.Job {
	s := schedule.Job{
		ID: j.ID, Link: j.Reception, Remaining: j.remaining(now), Pace: rate.Rate(j.comes()), MaxRate: rate.Rate(j.MaxPace),
		Earliest: j.begins(now), Deadline: j.Deadline.Add(-settle),
	}
	if until := j.until(now); j.open() && until.After(now) {
		s.Until, s.Deadline = until, until
	}
	return s
}

// leased is as scheduled, for leases: while it is on time, what it cannot use is
// for others.
func (j *job) leased(now time.Time) schedule.Job {
	s := j.scheduled(now)
	late := int64(float64(j.comes()) * behind.Seconds())
	if most := rate.Rate(burst * max(j.comes(), leastLive)); j.open() && j.there(now)-j.acked <= late && (s.MaxRate == 0 || most < s.MaxRate) {
		s.MaxRate = most
	}
	return s
}

// lookLive is look of a live source. Whether its devices are there shows when it
// is their time.
func (d *Dispatcher) lookLive(location string) (ledger.Delivery, error) {
	if d.Studio == nil {
		return ledger.Delivery{}, reason.New(reason.NotPermitted, "this server takes no live sources")
	}
	if err := d.Studio.Check(location); err != nil {
		return ledger.Delivery{}, d.notCaptured(location, err)
	}
	f, err := feed.Parse(location)
	if err != nil {
		return ledger.Delivery{}, d.notCaptured(location, err)
	}
	return ledger.Delivery{Location: location, Size: -1, Pace: int64(f.Rate()), Live: ledger.Live{Asked: true}}, nil
}

// notCaptured is why a live source is not captured, told in words that do not name
// its devices where users are told the detail; administrators see those with the
// title.
func (d *Dispatcher) notCaptured(location string, err error) error {
	switch code := reason.Of(err); code {
	case reason.NotPermitted, reason.Usage:
		d.Log.Warn("a live source may not be captured", "location", location, "reason", string(code), "error", err)
		return reason.New(code, "this server does not capture the title's source")
	}
	return err
}

func wishOf(l ledger.Delivery, lasts time.Duration) studio.Wish {
	return studio.Wish{Delivery: l.ID, Location: l.Location, Title: l.Name, Duration: lasts}
}

// takeUp takes up the recordings that deliveries have part of, at a start.
func (d *Dispatcher) takeUp(l ledger.Delivery) {
	if d.Studio == nil || !l.Live.Joined() {
		return
	}
	p := l.Live
	err := d.Studio.Take(wishOf(l, p.Lasts), studio.Part{Recording: p.Recording, Head: p.Head, Base: p.Base, At: p.At, Began: p.Began})
	if err != nil {
		// Its attempt says so too, and gives it up.
		d.Log.Warn("the recording of a delivery cannot be taken up", "delivery", l.ID, "reason", string(reason.Of(err)), "error", err)
		return
	}
	if p.End > 0 {
		d.Studio.Stop(l.ID)
	}
	// Its reception may be out of reach for a while, and the spool full by then.
	recorded, done, err := d.recordingOf(p.Recording)
	if err != nil {
		return // its attempt says so
	}
	defer done()
	d.spare(l, recorded, l.Offset, l.DigestState != nil)
}

// recordingOf opens a recording by its name, to be looked at until done is called.
func (d *Dispatcher) recordingOf(name string) (recorded *spool.Follower, done func(), err error) {
	data, marks, index, err := d.Studio.Files(name)
	if err != nil {
		return nil, nil, err
	}
	return spool.Follow(data, marks, index), func() {
		data.Close()
		marks.Close()
		index.Close()
	}, nil
}

// roll has the live sources recorded whose time has come, and looks after those
// that are. The mutex is held.
func (d *Dispatcher) roll(now time.Time, sooner *time.Duration) {
	for _, j := range d.sorted() {
		if !j.Live.Asked || j.cancel || j.live.stopping > 0 {
			continue
		}
		if j.Live.Joined() {
			if j.open() {
				*sooner = min(*sooner, watchLive)
				d.watch(j)
			}
			continue
		}
		if wait := max(j.next.Sub(now), j.Earliest.Sub(now)); wait > 0 {
			*sooner = min(*sooner, wait)
		} else if !j.live.joining {
			j.live.joining = true
			d.attempts.Go(func() { d.join(j) })
		}
	}
}

// watch tells the read worker of a recording that does not go on.
func (d *Dispatcher) watch(j *job) {
	over, why := d.Studio.Over(j.ID)
	if !over {
		return
	}
	code := reason.Of(why)
	if why != nil && j.live.over == nil {
		j.live.over = why
		d.Log.Warn("the recording ended before its time, delivering what there is", "delivery", j.ID, "title", j.Name, "reception", j.Reception,
			"reason", string(code), "error", why)
		d.note(d.Ledger.Interrupted(context.Background(), j.ID, code, why.Error(), d.Clock()), j.ID)
	}
	if j.attempt != nil {
		select {
		case j.attempt.over <- control.Over{Reason: code, Silent: d.Studio.Silent(j.ID)}:
		default: // it was told, and perhaps has not heard yet
		}
	}
}

// join asks for the recording of a live source, and notes which part of it the
// delivery takes.
func (d *Dispatcher) join(j *job) {
	now := d.Clock()
	d.mu.Lock()
	l := j.Delivery
	d.mu.Unlock()
	// One that begins late is over by its deadline all the same, if that is near.
	lasts := min(l.Duration, max(time.Second, l.Deadline.Sub(now)-settle))
	part, err := d.Studio.Join(d.ending, wishOf(l, lasts))
	err = d.notCaptured(l.Location, err)
	ctx, now := context.Background(), d.Clock()
	if err == nil {
		l.Live = ledger.Live{
			Asked: true, Recording: part.Recording, Head: part.Head, Base: part.Base, At: part.At, Lasts: lasts, Began: part.Began.UTC().Round(0),
		}
		if err = d.Ledger.Joined(ctx, l.ID, l.Live, now); err != nil {
			d.Studio.Leave(l.ID)
		}
	}
	d.mu.Lock()
	defer d.nudge()
	defer d.mu.Unlock()
	j.live.joining = false
	if d.jobs[j.ID] != j {
		if err == nil {
			d.Studio.Leave(l.ID) // it was cancelled meanwhile
		}
		return
	}
	if err == nil {
		j.Live, j.MTime, j.Reason, j.Detail, j.next = l.Live, l.Live.Began.UnixNano(), "", "", time.Time{}
		d.planned = time.Time{}
		j.touch(now)
		d.Log.Info("recording", journal.Recording.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception, "recording", part.Recording, "lasts", lasts)
		return
	}
	d.notJoined(ctx, j, err, now)
}

// notJoined draws the consequences of a recording that did not begin. A device
// that is not there may come, as long as its time is not over. The mutex is held.
func (d *Dispatcher) notJoined(ctx context.Context, j *job, err error, now time.Time) {
	code := reason.Of(err)
	if d.ending.Err() != nil || j.cancel || code == reason.AlreadyEnded {
		return
	}
	begins := j.Earliest
	if begins.IsZero() {
		begins = j.Requested
	}
	wait, _ := j.live.budget.Failed(false, false)
	if code.Permanent() || now.Add(wait).After(begins.Add(j.Duration)) {
		d.fail(ctx, j, code, err, now)
		return
	}
	j.next = now.Add(wait)
	j.Reason, j.Detail = code, err.Error()
	d.note(d.Ledger.Interrupted(ctx, j.ID, code, err.Error(), now), j.ID)
	j.touch(now)
	d.Log.Warn("the recording did not begin, trying again", journal.Interrupted.Mark(), "delivery", j.ID, "title", j.Name, "reception", j.Reception,
		"reason", string(code), "error", err, "wait", wait)
}

// recordings is the files of a delivery's recording, as its attempt has them.
type recordings struct {
	marks, index *os.File        // for the read worker
	own          [3]*os.File     // for the supervisor
	follow       *spool.Follower // of own
}

func (r *recordings) close() {
	r.marks.Close() // a second time, once a worker has it
	r.index.Close()
	for _, f := range r.own {
		f.Close()
	}
}

// openRecording opens what the delivery takes part of.
func (a *attempt) openRecording() (data *os.File, err error) {
	name := a.delivery.Live.Recording
	r := &recordings{}
	if data, r.marks, r.index, err = a.d.Studio.Files(name); err != nil {
		return nil, err
	}
	if r.own[0], r.own[1], r.own[2], err = a.d.Studio.Files(name); err != nil {
		data.Close()
		r.close()
		return nil, err
	}
	r.follow = spool.Follow(r.own[0], r.own[1], r.own[2])
	a.recording = r
	return data, nil
}

// live is where the read worker finds the part.
func (a *attempt) livePart() *control.Live {
	p := a.delivery.Live
	if !p.Asked {
		return nil
	}
	return &control.Live{Head: p.Head, Base: p.Base, Began: p.Began, Duration: p.Lasts, End: p.End, Stops: p.Stops, Silent: p.Silent, Recorded: p.Recorded}
}

// grown notes how far the recording is.
func (a *attempt) grown(m control.Recording) error {
	if a.recording == nil || a.sealed != "" {
		return reason.New(reason.Internal, "the read worker tells of a recording out of its turn")
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	a.job.live.produced = m
	a.job.touch(a.d.Clock())
	return nil
}

// seal writes down what a live source comes to, before the reception hears that
// this was all.
func (a *attempt) seal(ctx context.Context, m control.Sealed) error {
	if m.Recorded == nil {
		return reason.New(reason.Internal, "the read worker does not say what was recorded")
	}
	if err := a.d.Ledger.Sealed(ctx, a.delivery.ID, m.Size, m.End, m.SHA256, *m.Recorded); err != nil {
		return err
	}
	l := &a.delivery
	l.Size, l.Live.End, l.Live.Stream, l.Live.Recorded = m.Size, m.End, m.SHA256, m.Recorded
	a.d.mu.Lock()
	a.job.Size, a.job.Live = l.Size, l.Live
	a.job.touch(a.d.Clock())
	a.d.mu.Unlock()
	a.d.Studio.Stop(l.ID)
	a.sealed = m.SHA256
	a.d.nudge()
	return a.read.Tell(control.Finish{})
}

// held lets the spool go of what the reception has.
func (a *attempt) held(offset int64, noted bool) {
	if a.recording != nil {
		a.d.spare(a.delivery, a.recording.follow, offset, noted)
	}
}

// spare lets the spool go of what a reception has, as the ledger knows it: from there
// on the digest can go on, if it is noted too, whatever is lost besides.
func (d *Dispatcher) spare(l ledger.Delivery, follow *spool.Follower, offset int64, noted bool) {
	p := l.Live
	if !noted || offset <= p.Head {
		return
	}
	at, err := follow.Floor(offset - p.Head + p.Base)
	if err != nil {
		d.Log.Debug("the spool keeps what the reception has", "delivery", l.ID, "error", err)
		return
	}
	d.Studio.Hold(l.ID, at)
}

// stop ends a live delivery whose recording has begun, where it is now: what was
// captured is delivered. Where that is is in the ledger before anything follows
// from it.
func (d *Dispatcher) stop(ctx context.Context, j *job) error {
	// Nobody reads on while the end is chosen, so none has sent what is beyond it.
	d.mu.Lock()
	j.live.stopping++
	a, was := j.attempt, job{Delivery: j.Delivery}
	if a != nil {
		a.end(nil)
	}
	d.mu.Unlock()
	defer d.nudge()
	defer func() {
		d.mu.Lock()
		j.live.stopping--
		d.mu.Unlock()
	}()
	if a != nil {
		select {
		case <-a.done:
		case <-ctx.Done():
			return reason.Wrap(reason.ConnectionLost, ctx.Err(), "waiting for delivery %d to stop", was.ID)
		}
	}
	recorded, done, err := d.recordingOf(was.Live.Recording)
	if err != nil {
		return err
	}
	defer done()
	m, err := recorded.Mark()
	if err != nil {
		return err
	}
	now := d.Clock()
	stopped := ledger.Live{End: m.Offset, Stops: was.elapsed(now), Silent: d.Studio.Silent(was.ID)}
	if err := d.Ledger.Stopped(ctx, was.ID, stopped, now); err != nil {
		return err
	}
	d.Studio.Stop(was.ID)
	// The next attempt follows what is written down, whoever still waits for that.
	fresh, err := d.Ledger.Get(context.WithoutCancel(ctx), was.ID)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	j.Delivery = fresh
	d.planned = time.Time{}
	j.touch(now)
	d.Log.Info("stopped, delivering what was captured", journal.Stopped.Mark(), "delivery", j.ID, "title", j.Name, "reception", j.Reception, "recorded", now.Sub(j.Live.Began))
	return nil
}

// proveLive checks that a receipt is of the stream that was sent, and says of it
// what was counted here.
func proveLive(r receipt.Receipt, l ledger.Live) error {
	switch {
	case l.Recorded == nil:
		return reason.New(reason.ReceiptInvalid, "it is for a recording that was not sent to its end")
	case r.Stream != l.Stream:
		return reason.New(reason.DigestMismatch, "the reception has %s, the recording %s", r.Stream, l.Stream)
	case !r.Recorded().Equal(*l.Recorded):
		return reason.New(reason.ReceiptInvalid, "it counts %+v, and the recording has %+v", r.Recorded(), *l.Recorded)
	}
	return nil
}

// logGaps tells what a live source lost.
func logGaps(log *slog.Logger, l ledger.Delivery, r receipt.Receipt) {
	for _, g := range r.Gaps {
		log.Warn("captured with a gap", "delivery", l.ID, "title", l.Name, "reception", l.Reception, "track", g.Track,
			"from", time.Duration(g.From)*time.Millisecond, "to", time.Duration(g.To)*time.Millisecond, "missing", g.Lost, "reason", string(g.Reason))
	}
	if r.MoreGaps > 0 {
		log.Warn("captured with more gaps than the receipt lists", "delivery", l.ID, "title", l.Name, "reception", l.Reception, "gaps", r.MoreGaps)
	}
}

// tooSoon refuses a deadline before a live source can be over. It is zero where
// the deadline is late enough.
func tooSoon(l ledger.Delivery) time.Time {
	if least := l.Earliest.Add(l.Duration).Add(liveSettle); l.Live.Asked && l.Deadline.Before(least) {
		return least
	}
	return time.Time{}
}
