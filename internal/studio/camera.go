package studio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/feed"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// camera is a device that is captured, of pictures or of sound, and who records
// it.
type camera struct {
	*inbox
	studio *Studio
	key    string
	ask    *feed.Ask
	ctx    context.Context // ends when nobody records it
	cancel context.CancelFunc
	before <-chan struct{} // closed when who had the device before has let it go; nil for nobody
	done   chan struct{}   // closed when this one has

	opening chan struct{} // of room for one: who has the driver open the device

	// Guarded by the Studio's mutex.
	users   map[*reel]int // by track, from 1
	gives   *control.Capturing
	trouble reason.Code
	detail  string
	since   time.Duration // when that began, by CLOCK_MONOTONIC

	// Of its own goroutine.
	member  *crew.Member // nil while there is none that gives something
	outputs map[*reel]output
	given   int64 // outputs so far
	crashes int   // since it gave something
}

// output is what is passed on to one worker of a recording.
type output struct {
	id         int64
	generation int // of that worker
}

func newCamera(s *Studio, key string, a *feed.Ask) *camera {
	c := &camera{inbox: newInbox(), studio: s, key: key, ask: a, users: make(map[*reel]int), done: make(chan struct{}), opening: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// suits says why what is asked cannot be had of a device that is captured
// already. What is left to the device can. The mutex is held.
func (c *camera) suits(a *feed.Ask) error {
	has := *c.ask
	if g := c.gives; g != nil {
		has.Width, has.Height, has.Rate = g.Width, g.Height, feed.Fraction{Num: g.RateNum, Den: g.RateDen}
		has.SampleRate, has.Channels, has.Bits = g.SampleRate, g.Channels, g.Bits
		if g.Pixels != "" {
			has.Format = feed.Format(g.Pixels)
		}
	}
	same := a.Coding == c.ask.Coding && a.Quality == c.ask.Quality &&
		(a.Width == 0 || a.Width == has.Width && a.Height == has.Height) &&
		(a.Rate.Den == 0 || a.Rate == has.Rate || a.Rate == c.ask.Rate) &&
		(a.Format == feed.Auto || a.Format == "" || a.Format == has.Format) &&
		(a.SampleRate == 0 || a.SampleRate == has.SampleRate) && (a.Channels == 0 || a.Channels == has.Channels) && (a.Bits == 0 || a.Bits == has.Bits)
	if same {
		return nil
	}
	return reason.New(reason.DeviceBusy, "%s is captured as %s for the title %q", a.Device, c.ask, c.who())
}

// who names a title for which it is captured. The mutex is held.
func (c *camera) who() string {
	for r := range c.users {
		return r.title
	}
	return ""
}

// run has it captured, by one worker after the other where they die, until
// nobody records it.
func (c *camera) run() {
	s := c.studio
	defer c.over()
	if c.before != nil {
		<-c.before // it is killed where it does not end
	}
	budget := worker.Budget{First: 100 * time.Millisecond, Most: 2 * time.Second}
	log := s.Log.With("device", c.ask.String())
	for c.ctx.Err() == nil {
		gave, err := c.once()
		if c.ctx.Err() != nil {
			return
		}
		code := reason.Of(err)
		c.failed(code, err)
		wait, _ := budget.Failed(gave, true)
		log.Warn("a device is not captured, trying again", "reason", string(code), "error", err, "wait", wait)
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
		}
	}
}

// over lets go of what it is asked for, and of the device. Where the driver is still
// opening that, it waits, but not for one that hangs.
func (c *camera) over() {
	s := c.studio
	c.inbox.close()
	timer := time.NewTimer(s.Mute)
	defer timer.Stop()
	select {
	case c.opening <- struct{}{}:
	case <-timer.C:
	case <-s.ctx.Done(): // all that is open closes with this process
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving[c.key] == c.done {
		delete(s.leaving, c.key)
	}
	close(c.done)
}

// gone notes why the device gives nothing; "" is that it does. The mutex is held.
func (c *camera) gone(code reason.Code, detail string) {
	if code != c.trouble {
		c.since = capture.Now()
	}
	c.trouble, c.detail = code, detail
}

// outage is why the device gives nothing, and since when. The mutex is held.
func (c *camera) outage() control.Outage {
	if c.trouble == "" {
		return control.Outage{}
	}
	return control.Outage{Reason: c.trouble, Since: c.since}
}

// mostCrashes is how many workers of a device may die in a row before anything
// was recorded of it.
const mostCrashes = 3

// failed tells those who record it that there is nothing. A recording that has
// begun goes on without.
func (c *camera) failed(code reason.Code, err error) {
	s := c.studio
	s.mu.Lock()
	defer s.mu.Unlock()
	c.gives = nil
	c.gone(code, err.Error())
	if c.crashes++; code == reason.WorkerFailed && c.crashes < mostCrashes {
		return
	}
	for r := range c.users {
		if r.last.End == 0 && !r.resume {
			r.post(func() { r.fail(err) })
		}
	}
}

// once has one worker capture. gave says whether the device gave something.
func (c *camera) once() (gave bool, err error) {
	var m crew.Member
	defer m.Close()
	if err := m.Start(c.studio.Spawner, worker.Capture, "device="+c.ask.String()); err != nil {
		return false, err
	}
	c.outputs = make(map[*reel]output)
	defer func() { c.member = nil }()
	if err := m.Tell(control.CaptureDevice{Location: c.ask.String(), Hung: hung}); err != nil {
		return false, errors.Join(err, ended(&m))
	}
	said, opened, gone := make(chan crew.Said), make(chan device), make(chan struct{})
	defer close(gone)
	var encoder lathe
	defer encoder.end()
	go m.Listen(context.Background(), said)
	end := c.ctx.Done()
	var failure error
	opening := false
	silence := time.NewTimer(max(firstWithin, c.studio.Mute)) // it opens the device, which may take its time
	defer silence.Stop()
	for {
		select {
		case word := <-said:
			if gave {
				silence.Reset(c.studio.Mute) // it says each second how it goes
			}
			switch message := word.Message.(type) {
			case nil:
				return gave, c.parted(&m, word.Err, failure)
			case control.Failed:
				failure = reason.New(message.Code, "%s", message.Detail)
			case control.OpenDevice:
				if opening { // who waits for one asks for no other
					m.Kill()
					failure = reason.New(reason.WorkerFailed, "the capture worker asks for its device twice")
					break
				}
				opening = true
				// A driver may hang; this goroutine must not.
				go c.open(opened, gone)
			case control.OpenEncoder:
				f, err := encoder.open(c)
				c.answer(&m, device{f, err}, func(code reason.Code, detail string) control.Message {
					return control.EncoderOpened{Code: code, Detail: detail}
				})
			case control.Capturing:
				gave = true
				silence.Reset(c.studio.Mute)
				c.member = &m
				c.capturing(message)
			case control.Captured:
				c.captured(message)
			default:
				m.Kill()
				failure = reason.New(reason.WorkerFailed, "the capture worker says %T", message)
			}
		case d := <-opened:
			opening = false
			c.answer(&m, d, func(code reason.Code, detail string) control.Message {
				return control.DeviceOpened{Code: code, Detail: detail}
			})
		case <-silence.C:
			m.Kill()
			failure = reason.New(reason.WorkerFailed, "the capture worker says nothing any more")
		case <-c.wake:
			c.work()
		case <-end:
			// What is on its way to recorders is theirs; the device goes with
			// the worker.
			end = nil
			c.work()
			time.AfterFunc(lastPackets, func() { m.Control.Close() })
			time.AfterFunc(grace, m.Kill)
		}
	}
}

// open opens the device, after what a worker before has asked for was opened, and
// gives it to who asked. What nobody takes any more is closed.
func (c *camera) open(to chan<- device, gone <-chan struct{}) {
	select {
	case c.opening <- struct{}{}:
		defer func() { <-c.opening }()
	case <-gone:
		return
	}
	f, err := c.studio.Open(c.ask)
	select {
	case to <- device{f, err}:
	case <-gone:
		if err == nil {
			f.Close()
		}
	}
}

// parted says how a worker ended.
func (c *camera) parted(m *crew.Member, heard, failure error) error {
	if heard != io.EOF {
		m.Kill()
	}
	how := ended(m)
	switch {
	case failure != nil:
		return failure
	case how != nil:
		return reason.Wrap(reason.WorkerFailed, how, "capturing")
	}
	return reason.New(reason.WorkerFailed, "the capture worker ended by itself")
}

// answer gives the worker what it asked for, or says why not, in words.
func (c *camera) answer(m *crew.Member, d device, words func(reason.Code, string) control.Message) {
	if d.err != nil {
		m.Tell(words(reason.Of(d.err), d.err.Error())) // one that cannot be told has ended
		return
	}
	defer d.file.Close()
	if m.Tell(words("", "")) == nil {
		_ = m.Control.Hand(d.file) // as above
	}
}

// capturing notes what the device gives, and passes it on to who records it.
func (c *camera) capturing(m control.Capturing) {
	s := c.studio
	s.mu.Lock()
	c.gives = &m
	var users []*reel
	for r := range c.users {
		users = append(users, r)
	}
	s.mu.Unlock()
	c.crashes = 0
	s.Log.Info("a device is captured", "device", c.ask.String(), "name", m.Device, "format", form(m))
	for _, r := range users {
		c.attach(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.gone("", "") // who records it has heard why it was away
}

// form is what a device gives, for people.
func form(m control.Capturing) string {
	if m.Pixels == "" {
		return fmt.Sprintf("%d Hz, %d channels, %d bits", m.SampleRate, m.Channels, m.Bits)
	}
	text := fmt.Sprintf("%s %dx%d", m.Pixels, m.Width, m.Height)
	if m.RateDen > 0 {
		text += fmt.Sprintf(", %v a second", feed.Fraction{Num: m.RateNum, Den: m.RateDen})
	}
	return text
}

// captured notes how it goes.
func (c *camera) captured(m control.Captured) {
	s := c.studio
	s.mu.Lock()
	was := c.trouble
	c.gone(m.Trouble, m.Detail)
	s.mu.Unlock()
	switch {
	case m.Trouble != "" && was == "":
		s.Log.Warn("a device gives nothing, trying again", "device", c.ask.String(), "reason", string(m.Trouble), "error", m.Detail)
	case m.Trouble == "" && was != "":
		s.Log.Info("a device gives again", "device", c.ask.String())
	}
}

// attach passes what the device gives on to a recording, by a new handoff.
func (c *camera) attach(r *reel) {
	s := c.studio
	s.mu.Lock()
	track, gives, generation, outage := c.users[r], c.gives, r.generation, c.outage()
	s.mu.Unlock()
	if track == 0 || gives == nil || c.member == nil {
		return // later
	}
	if o, passed := c.outputs[r]; passed && o.generation == generation {
		return
	}
	c.detach(r)
	shape := shapeFor(gives.Largest)
	from, to, err := shape.Pair()
	if err != nil {
		s.Log.Error("a recording has no handoff, going on without its device", "recording", r.name, "error", err)
		return
	}
	c.given++
	c.outputs[r] = output{c.given, generation}
	// One that cannot be told has ended, and the next gives anew.
	_ = give(c.member, control.Attach{Output: c.given, Slots: shape.Slots, Size: shape.Size}, from)
	var away *control.Outage
	if outage.Reason != "" {
		away = &outage
	}
	if !r.post(func() { r.give(track, shape, to, away) }) {
		to.Close()
	}
}

// detach ends what was passed on to a recording.
func (c *camera) detach(r *reel) {
	o, passed := c.outputs[r]
	if !passed || c.member == nil {
		return
	}
	delete(c.outputs, r)
	_ = c.member.Tell(control.Detach{Output: o.id}) // as above
}
