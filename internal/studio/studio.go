package studio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
	"videoclub/internal/worker"
)

const (
	// firstWithin is how long a delivery waits for the first picture or sound. A
	// camera that gives H.264 may take 20 s for one to begin with (package record).
	firstWithin = 25 * time.Second
	// hung is how long a device may be silent.
	hung = 5 * time.Second
	// late is how much longer than wanted a recording waits for a device that
	// gives nothing.
	late = 2 * time.Second
	// mute is how long who captures or records may be: a machine that is busy with something
	// else, or stops for a while, is not taken for one that hangs.
	mute = 15 * time.Second
	// grace is how long a worker may take to end.
	grace = 5 * time.Second
	// soundCards is where sound cards have their names.
	soundCards = "/sys/class/sound"
)

// Config is what a Studio needs.
type Config struct {
	Spawner *worker.Spawner
	// Dir has the spools, a folder for each.
	Dir   string
	Clock moment.Clock
	Log   *slog.Logger
	// Open opens a device, and Find says which there are; nil is the real ones.
	Open func(a *feed.Ask) (*os.File, error)
	Find func() []capture.Found
	// Mute is how long who captures or records may say nothing; 0 is 15 s.
	Mute time.Duration
}

// Settings are what may change while it runs; recordings under way keep theirs.
type Settings struct {
	// Live says whether there are live sources at all.
	Live bool
	// Devices are the paths of those that may be captured; none is all that can
	// be opened.
	Devices []string
	// Spool is how many bytes a recording may hold.
	Spool int64
	// Keep has recordings keep what every delivery has, as long as they last.
	Keep bool
	// Quality is that of a JPEG, where the location does not say it.
	Quality int
	// Encoder is the program that encodes H.264, as encode.Find has it.
	Encoder string
}

// Studio has devices captured and recordings made.
type Studio struct {
	Config
	node    func(*feed.Ask) string // is nodeOf
	ctx     context.Context        // that of Run, or before it one that has not ended
	end     context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex // of what follows, and of what is marked so elsewhere
	settings Settings
	cameras  map[string]*camera
	leaving  map[string]chan struct{} // of cameras that are let go, until they have
	reels    map[string]*reel
	takers   map[int64]*taker
	lost     int64 // of recordings that are no more
	made     int64
	peeks    int64 // there have been
	peekFor  time.Duration
	started  bool // Run was called
}

// taker is a delivery that takes part of a recording.
type taker struct {
	wish  Wish
	reel  *reel
	part  *Part // nil until it begins
	began time.Time
	hold  int64
	done  bool // it needs nothing newer
	noted noted
}

// end is the time of the recording at which its part is over.
func (t *taker) end() time.Duration { return t.part.At + t.wish.Duration }

// New makes a Studio.
func New(c Config, s Settings) *Studio {
	if c.Open == nil {
		c.Open = openNode
	}
	if c.Find == nil {
		c.Find = find
	}
	if c.Mute == 0 {
		c.Mute = mute
	}
	st := &Studio{Config: c, node: nodeOf, settings: s, peekFor: usualPeek, cameras: make(map[string]*camera), leaving: make(map[string]chan struct{}), reels: make(map[string]*reel), takers: make(map[int64]*taker)}
	st.ctx, st.end = context.WithCancel(context.Background())
	return st
}

func openNode(a *feed.Ask) (*os.File, error) {
	path, err := capture.Node(a, soundCards)
	if err != nil {
		return nil, err
	}
	return capture.OpenNode(path)
}

// SetSettings makes s count for what begins from now on.
func (s *Studio) SetSettings(fresh Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = fresh
}

// Run goes on with the recordings that were taken up, removes the spools of all
// others, and returns when ctx has ended and every recording is paused.
func (s *Studio) Run(ctx context.Context) {
	s.sweep()
	s.mu.Lock()
	s.started = true
	for _, r := range s.reels {
		s.start(r)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.end()
	s.running.Wait()
}

// sweep removes the spools that no delivery has part of.
func (s *Studio) sweep() {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("the spools cannot be listed, going on", "dir", s.Dir, "error", err)
	}
	for _, e := range entries {
		s.mu.Lock()
		needed := s.reels[e.Name()] != nil
		s.mu.Unlock()
		if !needed {
			s.remove(e.Name())
		}
	}
}

// remove removes a spool. The mutex is not held, as nowhere where a file system
// may take its time.
func (s *Studio) remove(name string) {
	if err := os.RemoveAll(filepath.Join(s.Dir, name)); err != nil {
		s.Log.Warn("a spool cannot be removed, going on", "recording", name, "error", err)
	}
}

// Check is that of the settings that count now.
func (s *Studio) Check(location string) error {
	_, err := s.parse(location)
	return err
}

func (s *Studio) parse(location string) (feed.Feed, error) {
	s.mu.Lock()
	set := s.settings
	s.mu.Unlock()
	return set.parse(location)
}

// Check says what is wrong with the location of a live title, as far as that can
// be said without its devices.
func (set Settings) Check(location string) error {
	_, err := set.parse(location)
	return err
}

func (set Settings) parse(location string) (feed.Feed, error) {
	f, err := feed.ParseWith(location, set.Quality)
	switch {
	case err != nil:
		return f, err
	case !set.Live:
		return f, reason.New(reason.NotPermitted, "this server takes no live sources: the setting live.enabled says so")
	}
	for _, a := range f.Asks() {
		if !permitted(a, set.Devices) {
			return f, reason.New(reason.NotPermitted, "%s is not among those that the setting live.devices names", a.Device)
		}
	}
	return f, nil
}

// permitted says whether a device may be captured: it, or the folder that it
// lies in, is named. A sound card may be named by its number or its name.
func permitted(a *feed.Ask, devices []string) bool {
	if a.Device == "" || len(devices) == 0 {
		return true
	}
	path, err := capture.Node(a, soundCards)
	if err != nil {
		return true // which is not there: opening it tells
	}
	for _, p := range []string{path, filepath.Dir(path), resolved(path)} {
		if slices.Contains(devices, p) || slices.ContainsFunc(devices, func(d string) bool { return resolved(d) == p }) {
			return true
		}
	}
	return false
}

// resolved follows links, of what is there.
func resolved(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

// Join has the live source of w recorded from now on, or joins who has already.
// It returns when the first cluster is durable that the part may begin at. What
// hinders that is the error: reason.DeviceAbsent, reason.DeviceBusy, ….
func (s *Studio) Join(ctx context.Context, w Wish) (Part, error) {
	f, err := s.parse(w.Location)
	if err != nil {
		return Part{}, err
	}
	keys := s.keys(f)
	if w.Delivery > 0 {
		if err := s.clear(ctx, f, keys); err != nil {
			return Part{}, err
		}
	}
	s.mu.Lock()
	r, err := s.reelFor(w, f, keys)
	if err != nil {
		s.mu.Unlock()
		return Part{}, err
	}
	t := &taker{wish: w, reel: r}
	s.takers[w.Delivery], r.takers[w.Delivery] = t, t
	s.mu.Unlock()
	r.nudge()
	ctx, cancel := context.WithTimeoutCause(ctx, firstWithin, errNothing)
	defer cancel()
	if err := r.wait(ctx, func() bool { return t.part != nil }); err != nil {
		s.Leave(w.Delivery)
		return Part{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return *t.part, nil
}

// errNothing says that a device gave nothing in time.
var errNothing = errors.New("nothing came")

// reelFor gives the recording that w may share, or begins one. The mutex is held.
func (s *Studio) reelFor(w Wish, f feed.Feed, keys []string) (*reel, error) {
	if _, twice := s.takers[w.Delivery]; twice {
		return nil, reason.New(reason.Internal, "delivery %d has part of a recording already", w.Delivery)
	}
	for _, r := range s.reels {
		if r.title == w.Title && r.location == f.String() && !r.closing {
			return r, nil
		}
	}
	if s.ctx.Err() != nil {
		return nil, reason.New(reason.ShuttingDown, "no recording is begun any more")
	}
	s.made++
	name := fmt.Sprintf("%s-%d-%d", s.Clock().UTC().Format("20060102-150405"), w.Delivery, s.made)
	r := newReel(s, name, w.Title, f, keys)
	if err := s.book(r); err != nil {
		return nil, err
	}
	s.reels[name] = r
	s.start(r)
	return r, nil
}

// start has a recording made, or ended. The mutex is held.
func (s *Studio) start(r *reel) {
	if r.started || r.closed {
		return
	}
	r.started = true
	if r.resume && s.wanted(r) {
		// A device that another title has by now is no reason not to deliver.
		if err := s.book(r); err != nil {
			s.Log.Warn("a recording does not go on, delivering what there is", "recording", r.name, "reason", string(reason.Of(err)), "error", err)
		}
	}
	s.running.Go(r.run)
}

// wanted says whether the time of some part of a recording is not over. The
// mutex is held.
func (s *Studio) wanted(r *reel) bool {
	for _, t := range r.takers {
		if !t.done && s.Clock().Sub(t.began) < t.wish.Duration {
			return true
		}
	}
	return false
}

// Take takes up a delivery that had part of a recording when the server ended.
// If it is to have more, the recording goes on as soon as Run is called, before
// which all are to be taken up. One that is not there any more is
// reason.SourceUnreadable.
func (s *Studio) Take(w Wish, p Part) error {
	s.mu.Lock()
	r := s.reels[p.Recording]
	quality := s.settings.Quality
	s.mu.Unlock()
	var again *reel
	if r == nil {
		var err error
		if again, err = s.reopen(w, p, quality); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r = s.reels[p.Recording]; r == nil {
		if again == nil {
			return reason.New(reason.SourceUnreadable, "the recording %s is not there any more", p.Recording)
		}
		r = again
		s.reels[r.name] = r
	}
	t := &taker{wish: w, reel: r, part: &p, began: p.Began, hold: p.Base}
	s.takers[w.Delivery], r.takers[w.Delivery] = t, t
	if s.started {
		s.start(r)
	}
	r.nudge()
	return nil
}

// reopen takes a recording up, of which others hear once it is among the reels.
func (s *Studio) reopen(w Wish, p Part, quality int) (*reel, error) {
	if filepath.Base(p.Recording) != p.Recording || p.Recording == "." || p.Recording == ".." {
		return nil, reason.New(reason.SourceUnreadable, "%q is no recording", p.Recording)
	}
	f, err := feed.ParseWith(w.Location, quality)
	if err != nil {
		return nil, err
	}
	r := newReel(s, p.Recording, w.Title, f, s.keys(f))
	m, err := r.mark()
	if err != nil {
		return nil, reason.Wrap(reason.SourceUnreadable, err, "the recording %s is not there any more", p.Recording)
	}
	r.resume, r.torn, r.head = true, reason.WorkerFailed, m.Head
	if m.Paused {
		r.torn = reason.ShuttingDown
	}
	r.closing, r.closed = m.Ended, m.Ended
	return r, nil
}

// Files opens the files of a recording to be read.
func (s *Studio) Files(recording string) (data, marks, index *os.File, err error) {
	s.mu.Lock()
	r := s.reels[recording]
	s.mu.Unlock()
	if r == nil {
		return nil, nil, nil, reason.New(reason.SourceUnreadable, "there is no recording %q any more", recording)
	}
	files, err := r.open(os.O_RDONLY)
	if err != nil {
		return nil, nil, nil, reason.Wrap(reason.SourceUnreadable, err, "the recording")
	}
	return files[0], files[1], files[2], nil
}

// Hold says that a delivery needs no more of the data before offset.
func (s *Studio) Hold(delivery, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.takers[delivery]; t != nil && offset > t.hold {
		t.hold = offset
		t.reel.nudge()
	}
}

// Stop says that a delivery needs nothing newer than what there is.
func (s *Studio) Stop(delivery int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.takers[delivery]; t != nil {
		t.done = true
		t.reel.nudge()
	}
}

// Leave says that a delivery has ended, not that the server does. A recording
// that nobody is left of is removed.
func (s *Studio) Leave(delivery int64) {
	if name := s.leave(delivery); name != "" {
		s.remove(name)
	}
}

// leave is Leave, and names the recording that is to be removed, if one is.
func (s *Studio) leave(delivery int64) (name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.takers[delivery]
	if t == nil {
		return ""
	}
	delete(s.takers, delivery)
	delete(t.reel.takers, delivery)
	if len(t.reel.takers) > 0 {
		t.reel.nudge()
		return ""
	}
	t.reel.closing = true // nobody joins it any more
	if !t.reel.closed {
		t.reel.nudge()
		return ""
	}
	s.forget(t.reel)
	return t.reel.name
}

// forget lets a recording go that nobody is left of, and whose spool is to be
// removed. The mutex is held.
func (s *Studio) forget(r *reel) {
	delete(s.reels, r.name)
	s.lost += r.last.Lost
}

// Over says whether nothing will follow for a delivery: its recording has ended,
// with the reason if it did so before its time, or it goes on for others and the
// time of the part has passed, with the reason if a device gave nothing in it.
func (s *Studio) Over(delivery int64) (over bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.takers[delivery]
	switch {
	case t == nil:
		return true, nil
	case t.reel.closed:
		return true, t.reel.err
	}
	// One that nobody needs is about to end, and notes then what is missing.
	if t.part == nil || !s.past(t) || !t.reel.needed() {
		return false, nil
	}
	if t.reel.last.Reached >= t.end() {
		return true, nil
	}
	if why = t.reel.trouble(); why == nil {
		why = reason.New(reason.DeviceHung, "nothing came any more")
	}
	return true, why
}

// Silent says by track why the devices of a delivery's recording give nothing now:
// "" of one that does, and nothing at all where all do.
func (s *Studio) Silent(delivery int64) []reason.Code {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.takers[delivery]
	if t == nil || t.reel.trouble() == nil {
		return nil
	}
	var all []reason.Code
	for _, c := range t.reel.cameras {
		all = append(all, c.trouble)
	}
	return all
}

// past says whether the time of a part is over by the clock. The mutex is held.
func (s *Studio) past(t *taker) bool { return s.Clock().Sub(t.began) > t.wish.Duration+late }

// State is how it goes.
type State struct {
	Recordings, Devices int
	Lost                int64 // pictures and sound frames, since the start
	Bytes               int64 // that recordings hold for deliveries
}

// State says how it goes.
func (s *Studio) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := State{Lost: s.lost}
	for _, r := range s.reels {
		if !r.closed {
			all.Recordings++
		}
		all.Lost += r.last.Lost
		all.Bytes += max(0, r.last.End-r.hold())
	}
	for _, c := range s.cameras {
		if c.ask.Device != "" {
			all.Devices++
		}
	}
	return all
}

// files of a spool.
var fileNames = [...]string{"data", "marks", "index"}

// follower follows the spool in files, as open gives them.
func follower(files []*os.File) *spool.Follower { return spool.Follow(files[0], files[1], files[2]) }
