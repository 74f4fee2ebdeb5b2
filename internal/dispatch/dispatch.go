// Package dispatch makes the central server's plan real: it promises what the
// schedule admits, starts the workers of each delivery, leases them their
// rates, tries again what broke off, and settles what is deposited.
package dispatch

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"videoclub/internal/folders"
	"videoclub/internal/identity"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/schedule"
	"videoclub/internal/worker"
)

const (
	// usable is the part of a configured rate, in percent, that is promised
	// and leased: TLS, TCP and IP take up to 5 % of a link around the frames.
	usable = 95

	// settle is what a promise keeps for everything that is not sending: the
	// handshake, the last sync and publishing.
	settle = 2 * time.Second

	// replanEvery is how often the plan follows the progress made.
	replanEvery = 5 * time.Second

	// lastWords is the rate of a delivery that has no byte left to send: its
	// final frame and the receiver's answer are too little to be planned. One
	// that should have none by now has it too, until the next plan.
	lastWords rate.Rate = 64 << 10

	// dialTimeout bounds the way to a reception.
	dialTimeout = 10 * time.Second
)

// Settings are what a reload may change.
type Settings struct {
	Uplink     rate.Rate            // of all deliveries together
	Link       rate.Rate            // of a reception that gives none
	MaxPace    rate.Rate            // of one delivery; 0 is no bound
	Deliveries int                  // at once
	Promises   int                  // of one account that are open at once; 0 is no bound
	Silence    time.Duration        // a peer silent this long is dropped
	Receptions map[string]Reception // by name
	// Port, unless 0, is where a reception that is not in Receptions is
	// reached: any name that resolves.
	Port int
	// Loopback says that only receptions on this machine are reached.
	Loopback bool
	// AtFirstSight says that a reception on another machine is taken for who it
	// says it is when it is met first; otherwise it has to be paired before.
	AtFirstSight bool
}

// Reception is where a reception server is and what its link carries.
type Reception struct {
	Address string // host:port
	Link    rate.Rate
	Windows []moment.Window // none: always open
}

// Source opens the file or folder at a title's location, as source.Opener does.
// Of a folder it knows neither size nor time.
type Source interface {
	Open(location string) (f *os.File, size, mtime int64, err error)
}

// Config is what a Dispatcher needs.
type Config struct {
	Ledger  *ledger.Ledger
	Spawner *worker.Spawner
	Keys    identity.Keys
	Sources Source
	Clock   moment.Clock
	Log     *slog.Logger
	Digests string // directory for the running digests of deliveries
	// Describe looks through a folder, as survey.Surveyor.Describe does, and
	// Folders keeps what it finds. Without them no title is a folder.
	Describe func(ctx context.Context, location string, f *os.File) (size, version int64, release func(), err error)
	Folders  *folders.Shelf
	// Studio records live sources. Without it no title is one.
	Studio Studio
	// Proofs, unless it is nil, keeps the digests of their files, so that a
	// later version is not sent whole; Titled says whether there is still a
	// title with a number, for which that is worth it.
	Proofs   *folders.Proofs
	Titled   func(number int) bool
	Settings Settings
	// Pulse, unless it is nil, is told what is going on each time that Run has
	// come round, every 5 s at least.
	Pulse func(Overview)
}

// Dispatcher runs the deliveries of a central server.
type Dispatcher struct {
	Config
	certificate []byte
	central     string // own identity
	wake        chan struct{}
	attempts    sync.WaitGroup
	ending      context.Context // ends when no attempt is to begin any more
	endAll      context.CancelFunc

	admitting chan struct{} // one request is admitted at a time, or one delivery cancelled
	questions chan struct{} // and one question about what could be is answered

	mu       sync.Mutex
	settings Settings
	jobs     map[int64]*job // the deliveries that have not ended
	news     *news
	spaces   map[string]space // by reception
	plan     schedule.Plan
	planned  time.Time
	stopping bool
	passed   Passed
}

// job is a delivery that has not ended. The fields are guarded by the
// dispatcher's mutex.
type job struct {
	ledger.Delivery
	acked    int64 // durable at the reception, perhaps newer than the ledger's note
	lease    rate.Rate
	attempt  *attempt // nil while none is under way
	next     time.Time
	budget   worker.Budget
	meter    meter
	changed  chan struct{} // closed and replaced at each change
	revision int64
	news     *news
	reported journal.Progress
	atRisk   bool      // it cannot be there by its deadline as things are
	expected time.Time // when the schedule then has it sent; zero is not known
	riskFrom time.Time // when atRisk began
	cancel   bool      // asked for: settled when the attempt has ended
	live     live      // of a live source
	held     bool      // the reception has reserved its space
}

// New makes a Dispatcher and takes up again what the ledger has promised.
func New(ctx context.Context, c Config) (*Dispatcher, error) {
	certificate, err := identity.Certificate(c.Keys.TLS)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Digests, 0o700); err != nil {
		return nil, err
	}
	d := &Dispatcher{
		Config: c, certificate: certificate, central: idOf(c.Keys), wake: make(chan struct{}, 1), admitting: make(chan struct{}, 1), questions: make(chan struct{}, 1),
		settings: c.Settings, jobs: make(map[int64]*job), news: newNews(c.Clock()), spaces: make(map[string]space),
	}
	d.ending, d.endAll = context.WithCancel(context.Background())
	active, err := c.Ledger.Active(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range active {
		d.jobs[l.ID] = d.newJob(l)
		d.takeUp(l)
		c.Log.Info("taken up again, going on now", journal.Resumed.Mark(), "delivery", l.ID, "title", l.Name, "reception", l.Reception, "offset", l.Offset)
	}
	if err := d.sweepNotes(); err != nil {
		return nil, err
	}
	if err := d.sweepFolders(); err != nil {
		return nil, err
	}
	if err := d.SweepProofs(ctx); err != nil {
		return nil, err
	}
	return d, d.rewithdraw(ctx)
}

// sweepNotes removes the running digests of deliveries that ended just before
// the server was killed.
func (d *Dispatcher) sweepNotes() error {
	entries, err := os.ReadDir(d.Digests)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := strconv.ParseInt(e.Name(), 10, 64)
		if _, active := d.jobs[id]; err == nil && !active {
			d.removeNotes(id)
		}
	}
	return nil
}

func (d *Dispatcher) newJob(l ledger.Delivery) *job {
	acked := l.Offset
	if l.State == ledger.Promised {
		acked = l.Shared // is there, and not to be sent
	}
	return &job{
		Delivery: l, acked: acked, held: l.Offset > 0, changed: make(chan struct{}), news: d.news, revision: d.news.next(d.Clock()),
		budget: worker.Budget{First: 100 * time.Millisecond, Most: 15 * time.Second, Max: 10},
		live:   live{budget: worker.Budget{First: time.Second, Most: 15 * time.Second}},
	}
}

// Central is the identity of this server.
func (d *Dispatcher) Central() string { return d.central }

// SetSettings changes the settings. What was promised stays promised, even if
// it is late by the new ones.
func (d *Dispatcher) SetSettings(s Settings) {
	d.mu.Lock()
	d.settings = s
	d.mu.Unlock()
	d.replanSoon()
}

// replanSoon has the plan made anew now.
func (d *Dispatcher) replanSoon() {
	d.mu.Lock()
	d.planned = time.Time{}
	d.mu.Unlock()
	d.nudge()
}

// nudge makes Run look again.
func (d *Dispatcher) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run runs deliveries until ctx ends, then ends their workers and returns when
// all are reaped. What was under way goes on after the next start.
func (d *Dispatcher) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-timer.C:
		}
		timer.Reset(d.turn(ctx))
		if d.Pulse != nil {
			d.Pulse(d.Overview())
		}
	}
	d.mu.Lock()
	d.stopping = true
	d.endAll()
	for _, j := range d.jobs {
		if j.attempt != nil {
			j.attempt.end(reason.New(reason.ShuttingDown, "the central server is stopping"))
		}
	}
	d.mu.Unlock()
	d.attempts.Wait()
}

// turn brings what runs in line with the plan and says when to look again.
func (d *Dispatcher) turn(ctx context.Context) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Clock()
	// A clock that was set back must not leave the plan old for as long.
	if age := now.Sub(d.planned); age >= replanEvery || age < 0 {
		d.replan(now)
	}
	sooner := replanEvery
	d.roll(now, &sooner)
	able, leases := d.sending(d.runnable(now, &sooner), now)
	for _, j := range able {
		lease := leases[j.ID]
		switch {
		case lease <= 0 && j.attempt != nil:
			// Its turn is over for now: a later one is due first, or the link
			// has closed.
			j.attempt.end(nil)
		case lease <= 0:
		case j.attempt == nil:
			j.lease = lease
			d.begin(ctx, j)
		case lease != j.lease:
			j.lease = lease
			j.attempt.lease(lease)
		}
	}
	return sooner
}

// runnable gives the deliveries that may send now as far as their own time goes,
// those due first ahead; sooner becomes the time until that may change.
func (d *Dispatcher) runnable(now time.Time, sooner *time.Duration) []*job {
	var able []*job
	for _, j := range d.jobs {
		if j.cancel || j.live.stopping > 0 || j.Live.Asked && !j.Live.Joined() {
			continue
		}
		wait := max(j.next.Sub(now), j.Earliest.Sub(now))
		if j.attempt == nil && wait > 0 {
			*sooner = min(*sooner, wait)
			continue
		}
		able = append(able, j)
	}
	slices.SortFunc(able, func(a, b *job) int {
		return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(a.ID, b.ID))
	})
	for _, j := range able {
		if r, ok := d.plan.Reservation(j.ID); ok {
			for _, s := range r.Segments {
				for _, edge := range []time.Time{s.From, s.To} {
					if wait := edge.Sub(now); wait > 0 {
						*sooner = min(*sooner, wait)
					}
				}
			}
		}
	}
	return able
}

// sending gives the rates of the deliveries that may send now, and where those
// are more than may at once, chooses as many. What would get no rate, because its
// link is closed or others have it, takes nobody's place: else those that the plan
// counts on now would wait for it, and be late. They come first for the same reason,
// and with them what has its last bytes on their way.
func (d *Dispatcher) sending(able []*job, now time.Time) ([]*job, map[int64]rate.Rate) {
	net := d.network()
	leases := d.leases(able, net, now)
	if len(able) <= d.settings.Deliveries {
		return able, leases
	}
	var planned, spare []*job
	for _, j := range able {
		r, _ := d.plan.Reservation(j.ID)
		switch {
		case leases[j.ID] <= 0:
			if j.attempt != nil {
				j.attempt.end(nil)
			}
		case r.RateAt(now) > 0 || d.closing(j, now):
			planned = append(planned, j)
		default:
			spare = append(spare, j)
		}
	}
	able = append(planned, spare...)
	if len(able) > d.settings.Deliveries {
		for _, j := range able[d.settings.Deliveries:] {
			if j.attempt != nil {
				j.attempt.end(nil)
			}
		}
		able = able[:d.settings.Deliveries]
	}
	return able, d.leases(able, net, now)
}

// leases gives the rates of deliveries that send.
func (d *Dispatcher) leases(jobs []*job, net schedule.Network, now time.Time) map[int64]rate.Rate {
	leases := schedule.Leases(now, net, d.plan, leasedOf(jobs, now))
	for _, j := range jobs {
		if d.closing(j, now) {
			leases[j.ID] = max(leases[j.ID], lastWords)
		}
	}
	return leases
}

// closing says whether j has no byte left to send or, by the plan, should have none:
// what it sent last may not be durable yet. If that ended its attempt, what is missing
// would be sent again, and again not be there when the plan has the next one go.
func (d *Dispatcher) closing(j *job, now time.Time) bool {
	r, planned := d.plan.Reservation(j.ID)
	return j.Size >= 0 && j.acked >= j.Size || planned && j.attempt != nil && !r.End.After(now)
}

// replan makes the plan anew from the progress made, and names promises that
// can no longer be kept.
func (d *Dispatcher) replan(now time.Time) {
	plan, late := schedule.Replan(now, d.network(), jobsOf(d.sorted(), now))
	d.plan, d.planned = plan, now
	for _, j := range d.jobs {
		if r, ok := plan.Reservation(j.ID); ok && j.atRisk && !r.End.After(j.Deadline.Add(-settle)) {
			d.Log.Info("no longer at risk", journal.OnTime.Mark(), "delivery", j.ID, "title", j.Name, "reception", j.Reception, "deadline", j.Deadline)
			j.atRisk, j.expected, j.riskFrom = false, time.Time{}, time.Time{}
			j.touch(now)
		}
	}
	for _, l := range late {
		j := d.jobs[l.ID]
		// What is kept for settling takes up the small delays, such as that
		// of an acknowledgement behind what was sent.
		if !l.By.IsZero() && !l.By.After(j.Deadline) {
			continue
		}
		// From here on it is held to the time at which it still can be there,
		// so that no other request delays it beyond that.
		j.expected = l.By
		if !j.atRisk {
			j.atRisk = true
			d.Log.Warn("at risk: it cannot be there by its deadline, sending as fast as can be", journal.AtRisk.Mark(), "delivery", j.ID,
				"title", j.Name, "reception", j.Reception, "deadline", j.Deadline, "expected", l.By.Add(settle))
			j.touch(now)
		}
	}
	d.warn(now)
}

// sorted gives the jobs in order of their ids.
func (d *Dispatcher) sorted() []*job {
	all := make([]*job, 0, len(d.jobs))
	for _, j := range d.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b *job) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// jobsOf is how the schedule sees deliveries.
func jobsOf(jobs []*job, now time.Time) []schedule.Job {
	out := make([]schedule.Job, 0, len(jobs))
	for _, j := range jobs {
		out = append(out, j.inSchedule(now))
	}
	return out
}

// leasedOf is as jobsOf, for leases.
func leasedOf(jobs []*job, now time.Time) []schedule.Job {
	out := make([]schedule.Job, 0, len(jobs))
	for _, j := range jobs {
		if j.Live.Asked {
			out = append(out, j.leased(now))
		} else {
			out = append(out, j.inSchedule(now))
		}
	}
	return out
}

func (j *job) inSchedule(now time.Time) schedule.Job {
	s := schedule.Job{
		ID: j.ID, Link: j.Reception, Remaining: max(0, j.Size-j.acked), Pace: rate.Rate(j.Pace), MaxRate: rate.Rate(j.MaxPace),
		Earliest: j.Earliest, Deadline: j.Deadline.Add(-settle),
	}
	if j.Live.Asked {
		s = j.scheduled(now)
	}
	if j.expected.After(s.Deadline) {
		s.Deadline = j.expected
	}
	return s
}

// network is what can be carried, for every reception that is configured or
// has deliveries.
func (d *Dispatcher) network() schedule.Network {
	net := schedule.Network{Uplink: net95(d.settings.Uplink), Links: make(map[string]schedule.Link)}
	for name, r := range d.settings.Receptions {
		net.Links[name] = d.link(r)
	}
	for _, j := range d.jobs {
		if _, ok := net.Links[j.Reception]; !ok {
			net.Links[j.Reception] = d.link(Reception{})
		}
	}
	return net
}

func (d *Dispatcher) link(r Reception) schedule.Link {
	l := schedule.Link{Rate: net95(cmp.Or(r.Link, d.settings.Link))}
	if len(r.Windows) > 0 {
		l.Open = func(from, to time.Time) []moment.Interval { return moment.Intervals(r.Windows, from, to) }
	}
	return l
}

func net95(r rate.Rate) rate.Rate { return max(1, r/100*usable) }

// touch tells those who watch a delivery that it changed.
func (j *job) touch(now time.Time) {
	j.revision = j.news.next(now)
	close(j.changed)
	j.changed = make(chan struct{})
}
