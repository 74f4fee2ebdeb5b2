package studio

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/feed"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
	"videoclub/internal/worker"
)

// reviewEvery is how often a recording is looked at for whether its time is
// over.
const reviewEvery = 200 * time.Millisecond

// reel is a recording: its spool, its worker, and who takes part of it.
type reel struct {
	*inbox
	studio          *Studio
	name            string
	title, location string
	feed            feed.Feed
	keys            []string // of its cameras

	// Guarded by the Studio's mutex.
	cameras []*camera // by track
	takers  map[int64]*taker
	head    int64
	last    control.Appended
	began   time.Time     // when it gave something first, since the server started
	err     error         // why it ended before its time
	closing bool          // nobody joins it any more
	closed  bool          // nothing follows, and it has no worker
	changed chan struct{} // closed when any of these changes
	resume  bool          // there is something of it already
	torn    reason.Code   // why it broke off
	started bool          // it is run

	generation int // of its worker

	// Of its own goroutine.
	member   *crew.Member // nil while there is none
	stopping bool
	spared   int64
}

func newReel(s *Studio, name, title string, f feed.Feed, keys []string) *reel {
	return &reel{inbox: newInbox(), studio: s, name: name, title: title, location: f.String(), feed: f, keys: keys, takers: make(map[int64]*taker), changed: make(chan struct{})}
}

// path is where a file of it lies.
func (r *reel) path(name string) string { return filepath.Join(r.studio.Dir, r.name, name) }

// open opens its files.
func (r *reel) open(flag int) (all []*os.File, err error) {
	for _, name := range fileNames {
		f, err := os.OpenFile(r.path(name), flag, 0o600)
		if err != nil {
			for _, f := range all {
				f.Close()
			}
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// create makes its files, which are empty.
func (r *reel) create() error {
	if err := os.MkdirAll(filepath.Join(r.studio.Dir, r.name), 0o700); err != nil {
		return reason.Wrap(reason.StoreFailed, err, "a spool")
	}
	files, err := r.open(os.O_RDWR | os.O_CREATE | os.O_EXCL)
	if err != nil {
		return reason.Wrap(reason.StoreFailed, err, "a spool")
	}
	for _, f := range files {
		f.Close()
	}
	return nil
}

// mark reads how far it is.
func (r *reel) mark() (spool.Mark, error) {
	files, err := r.open(os.O_RDONLY)
	if err != nil {
		return spool.Mark{}, err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	return follower(files).Mark()
}

// nudge has it look at what those who take part of it need.
func (r *reel) nudge() { r.post(func() {}) }

// tell tells those that wait that something has changed. The mutex is held.
func (r *reel) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// wait waits until something holds, of which the mutex is held, or until it
// cannot come to hold any more.
func (r *reel) wait(ctx context.Context, holds func() bool) error {
	s := r.studio
	for {
		s.mu.Lock()
		held, closed, err, changed := holds(), r.closed, r.err, r.changed
		s.mu.Unlock()
		switch {
		case held:
			return nil
		case err != nil:
			return err
		case closed:
			return reason.New(reason.ShuttingDown, "the recording has ended")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r.nothing(ctx)
		}
	}
}

// nothing says why a recording has not begun.
func (r *reel) nothing(ctx context.Context) error {
	if !errors.Is(context.Cause(ctx), errNothing) {
		return ctx.Err()
	}
	r.studio.mu.Lock()
	defer r.studio.mu.Unlock()
	if err := r.trouble(); err != nil {
		return err
	}
	return reason.New(reason.DeviceHung, "nothing came for %v", firstWithin)
}

// trouble says why a device of it gives nothing now. The mutex is held.
func (r *reel) trouble() error {
	for _, c := range r.cameras {
		if c.trouble != "" {
			return reason.New(c.trouble, "%s", c.detail)
		}
	}
	return nil
}

// run has it recorded, by one worker after the other where they die, until
// nobody needs more of it.
func (r *reel) run() {
	s := r.studio
	budget := worker.Budget{First: 100 * time.Millisecond, Most: 5 * time.Second, Max: 5}
	log := s.Log.With("recording", r.name, "title", r.title)
	var err error
	if !r.resume {
		err = r.create()
	}
	for err == nil {
		before := r.end()
		if err = r.once(); err == nil || r.stopping || s.ctx.Err() != nil {
			break
		}
		var died *died
		if !errors.As(err, &died) {
			break // it said why it cannot go on
		}
		wait, again := budget.Failed(r.end() > before, true)
		if !again {
			break
		}
		log.Warn("a recording broke off, going on", "reason", string(reason.WorkerFailed), "error", err, "wait", wait)
		if !r.pause(wait) {
			break
		}
		err = nil
		if _, wrong := r.mark(); wrong == nil {
			s.mu.Lock()
			r.resume, r.torn = true, reason.WorkerFailed
			s.mu.Unlock()
		}
	}
	if err != nil && s.ctx.Err() == nil {
		log.Warn("a recording has ended before its time, delivering what there is", "reason", string(reason.Of(err)), "error", err)
	}
	r.inbox.close()
	if r.over(err) {
		s.remove(r.name)
	}
}

// over says that nothing follows, and whether nobody is left who needs what there
// is.
func (r *reel) over(err error) (unneeded bool) {
	s := r.studio
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unbook(r)
	r.closing, r.closed = true, true
	if r.err == nil {
		r.err = err
	}
	r.tell()
	if unneeded = len(r.takers) == 0 && s.ctx.Err() == nil; unneeded {
		s.forget(r)
	}
	return unneeded
}

// pause waits, and says whether there is still something to wait for.
func (r *reel) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.studio.ctx.Done():
		return false
	}
}

// end is up to where it is.
func (r *reel) end() int64 {
	r.studio.mu.Lock()
	defer r.studio.mu.Unlock()
	return r.last.End
}

// died is how a worker ended that should not have.
type died struct{ how string }

func (d *died) Error() string { return "the worker " + d.how }

// once has one worker record. It returns when that has ended: without an error
// if it was told to.
func (r *reel) once() error {
	s := r.studio
	files, err := r.open(os.O_RDWR)
	if err != nil {
		return reason.Wrap(reason.StoreFailed, err, "the spool")
	}
	s.mu.Lock()
	settings, cameras := s.settings, r.cameras
	r.generation++
	ask := control.MakeRecording{Title: r.title, Tracks: len(cameras), Limit: settings.Spool, Resume: r.resume, Torn: r.torn,
		Ran: !r.began.IsZero()} // what its spool says of time is of this run
	s.mu.Unlock()
	var m crew.Member
	defer m.Close()
	if err := m.Start(s.Spawner, worker.Record, "recording="+r.name,
		worker.File{Name: "data", File: files[0]}, worker.File{Name: "marks", File: files[1]}, worker.File{Name: "index", File: files[2]}); err != nil {
		return err
	}
	if err := m.Tell(ask); err != nil {
		return errors.Join(err, ended(&m))
	}
	r.member, r.spared = &m, 0 // it has heard of nothing that may go
	defer func() { r.member = nil }()
	for _, c := range cameras {
		c.post(func() { c.attach(r) })
	}
	return r.follow(&m, ask.Resume, settings.Keep)
}

// follow hears what the worker says, and tells it what is needed.
func (r *reel) follow(m *crew.Member, resumed, keep bool) error {
	said := make(chan crew.Said)
	go m.Listen(context.Background(), said)
	ticker := time.NewTicker(reviewEvery)
	defer ticker.Stop()
	paused := r.studio.ctx.Done()
	silence := time.NewTimer(r.studio.Mute)
	defer silence.Stop()
	var failure error
	for {
		select {
		case word := <-said:
			silence.Reset(r.studio.Mute) // it says each second that it is at work
			switch message := word.Message.(type) {
			case nil:
				return r.parted(m, word.Err, failure)
			case control.Appended:
				r.appended(message, resumed)
				resumed = false
			case control.Alive:
			case control.Failed:
				failure = reason.New(message.Code, "%s", message.Detail)
			default:
				m.Kill()
				failure = reason.New(reason.WorkerFailed, "the record worker says %T", message)
			}
		case <-silence.C:
			m.Kill()
			failure = reason.New(reason.WorkerFailed, "the record worker says nothing any more")
		case <-r.wake:
			r.work()
		case <-ticker.C:
		case <-paused:
			paused = nil
			r.stop(m, control.StopRecording{Pause: true})
		}
		r.review(m, keep)
	}
}

// parted says how a worker ended.
func (r *reel) parted(m *crew.Member, heard, failure error) error {
	if heard != io.EOF { // it said what no worker says
		m.Kill()
	}
	how := ended(m)
	switch {
	case failure != nil && reason.Of(failure) != reason.WorkerFailed:
		return failure
	case r.stopping && how == nil:
		return nil
	case failure != nil:
		return &died{failure.Error()}
	case how == nil:
		return &died{"ended by itself"}
	}
	return how
}

// ended waits for a worker's end and says how it was, if it did not do its work.
// One that a driver holds in the kernel is left to itself.
func ended(m *crew.Member) error {
	timer := time.AfterFunc(grace, m.Kill)
	defer timer.Stop()
	select {
	case <-m.Done():
	case <-time.After(2 * grace):
		return &died{"does not end"}
	}
	if e := m.Exit(); !e.Said() {
		return &died{e.String()}
	}
	return nil
}

// appended notes how far the recording is, and begins the parts of those that
// wait, if this is where they may.
func (r *reel) appended(m control.Appended, resumed bool) {
	s := r.studio
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Offset < r.last.Offset {
		return // what it says of the past is known
	}
	r.head, r.last = m.Head, m
	if r.began.IsZero() && !resumed {
		r.began = s.Clock()
	}
	for _, t := range r.takers {
		if t.peek() && t.part != nil {
			t.hold = max(t.hold, spared(m.Offset))
		}
	}
	if !m.Key || resumed {
		return
	}
	for _, t := range r.takers {
		if t.part != nil {
			continue
		}
		t.began = s.Clock().Add(m.Origin + m.From - capture.Now())
		t.part, t.hold = &Part{Recording: r.name, Head: m.Head, Base: m.Offset, At: m.From, Began: t.began}, m.Offset
	}
	r.tell()
}

// review ends a recording of which nobody needs more, and says what nobody needs
// any more.
func (r *reel) review(m *crew.Member, keep bool) {
	s := r.studio
	s.mu.Lock()
	needed, until := r.needed(), time.Duration(0)
	for _, t := range r.takers {
		if t.part != nil {
			until = max(until, t.end())
		}
	}
	if !needed {
		r.closing = true
	}
	hold := r.hold()
	s.mu.Unlock()
	if !keep && hold > r.spared {
		r.spared = hold
		m.Tell(control.Spare{Offset: hold}) // one that cannot be told has ended
	}
	if !needed {
		r.stop(m, control.StopRecording{Until: until})
	}
}

// needed says whether somebody needs more of it. The mutex is held.
func (r *reel) needed() bool {
	for _, t := range r.takers {
		if len(r.cameras) > 0 && !t.done && (t.part == nil || r.last.Reached < t.end() && !r.studio.past(t)) {
			return true
		}
	}
	return false
}

// hold is up to where everybody has what there is. The mutex is held.
func (r *reel) hold() int64 {
	least := r.last.End
	for _, t := range r.takers {
		least = min(least, t.hold)
	}
	return least
}

// stop has the worker end the recording, or pause it.
func (r *reel) stop(m *crew.Member, how control.StopRecording) {
	if r.stopping {
		return
	}
	r.stopping = true
	s := r.studio
	s.mu.Lock()
	r.closing = true
	for _, c := range r.cameras {
		how.Silent = append(how.Silent, c.outage())
		c.post(func() { c.detach(r) })
	}
	s.mu.Unlock()
	m.Tell(how) // as above
	time.AfterFunc(grace, m.Kill)
}

// give has a track come by another handoff from now on, whose device was away
// before; nil is that it was not.
func (r *reel) give(track int, shape handoff.Shape, e handoff.End, away *control.Outage) {
	if r.member == nil || r.stopping {
		e.Close()
		return
	}
	// One that cannot be told has ended, and the next asks again.
	_ = give(r.member, control.Attach{Track: track, Slots: shape.Slots, Size: shape.Size, Away: away}, e)
}

// fail ends a recording that has not begun, because a device does not.
func (r *reel) fail(err error) {
	s := r.studio
	s.mu.Lock()
	begun := r.last.End > 0
	if !begun && r.err == nil {
		r.err = err
		r.closing = true
		r.tell()
	}
	s.mu.Unlock()
	if !begun && r.member != nil {
		r.stop(r.member, control.StopRecording{})
	}
}
