package survey

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/folders"
	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/worker"
)

const (
	// answerWithin bounds how long somebody waits for a duration.
	answerWithin = 10 * time.Second

	// grace is how long a worker that has answered may take to end.
	grace = 3 * time.Second

	// Between two tries, which are for files that still change and for disks
	// that come back. One whose workers die is given up.
	firstWait, mostWait = 10 * time.Second, time.Hour
	maxCrashes          = 3
)

// Config is what a Surveyor needs.
type Config struct {
	Ledger  *ledger.Ledger
	Spawner *worker.Spawner
	// Open opens the file or folder at an absolute location.
	Open func(location string) (*os.File, source.Facts, error)
	// Shelf keeps the manifests of folders, Proofs those with their digests.
	Shelf  *folders.Shelf
	Proofs *folders.Proofs
	Clock  moment.Clock
	Log    *slog.Logger
}

// Surveyor has sources surveyed: durations for those who wait for them, one at
// a time, and digests in the background, one at a time.
type Surveyor struct {
	Config
	looking chan struct{} // full while somebody's duration is looked for
	walking chan struct{} // full while a folder is looked through
	showing chan struct{} // full while as many sights are made as may be
	sights  sights
	wake    chan struct{}

	mu    sync.Mutex
	tasks []*task          // those whose digest is wanted, in the order in which they came
	sizes map[string]int64 // of folders, when they were last looked through
}

// task is a source whose digest is wanted. The fields are guarded by the
// Surveyor's mutex.
type task struct {
	ledger.Source
	offset int64 // hashed so far; -1 before and between tries
	next   time.Time
	budget worker.Budget
	drop   bool // nobody wants it any more
}

// New makes a Surveyor and takes up again the digests that are still wanted.
func New(ctx context.Context, c Config) (*Surveyor, error) {
	s := &Surveyor{Config: c, looking: make(chan struct{}, 1), walking: make(chan struct{}, 1), showing: make(chan struct{}, mostShowing), wake: make(chan struct{}, 1), sizes: make(map[string]int64)}
	wanted, err := c.Ledger.WantedDigests(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range wanted {
		s.tasks = append(s.tasks, newTask(w))
	}
	return s, nil
}

func newTask(s ledger.Source) *task {
	return &task{Source: s, offset: -1, budget: worker.Budget{First: firstWait, Most: mostWait, Max: maxCrashes}}
}

// Duration gives how long the source in f lasts, which it closes. That it cannot
// be found out is reason.DurationUnknown; that many others wait for the same, reason.Busy.
func (s *Surveyor) Duration(ctx context.Context, f *os.File, facts source.Facts) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		f.Close()
		return 0, reason.New(reason.Busy, "the durations of other sources are being looked for")
	}
	m, err := s.ask(ctx, f, "duration", control.Survey{Size: facts.Size, MTime: facts.MTime}, nil)
	if err != nil {
		return 0, err
	}
	lasts, ok := m.(control.Lasts)
	switch {
	case !ok:
		return 0, reason.New(reason.WorkerFailed, "the survey worker says %T", m)
	case lasts.Millis <= 0:
		return 0, reason.New(reason.DurationUnknown, "%s", lasts.Why)
	case lasts.Millis > int64(1<<63-1)/int64(time.Millisecond):
		return 0, reason.New(reason.WorkerFailed, "the survey worker says %d ms", lasts.Millis)
	}
	return time.Duration(lasts.Millis) * time.Millisecond, nil
}

// Want has the digest of a source found out in the background, if it is not
// known. It is remembered through restarts.
func (s *Surveyor) Want(ctx context.Context, w ledger.Source) error {
	if _, known, err := s.Ledger.DigestOf(ctx, w.Location, w.Size, w.MTime); err != nil || known {
		return err
	}
	if err := s.Ledger.WantDigest(ctx, w); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(w.Location)
	s.tasks = append(s.tasks, newTask(w))
	s.nudge()
	return nil
}

// Drop takes back what Want asked for at a location.
func (s *Surveyor) Drop(ctx context.Context, location string) error {
	s.mu.Lock()
	s.drop(location)
	s.nudge()
	s.mu.Unlock()
	return s.Ledger.UnwantDigest(ctx, location)
}

// drop takes the task of a location out. The mutex is held.
func (s *Surveyor) drop(location string) {
	s.tasks = slices.DeleteFunc(s.tasks, func(t *task) bool {
		t.drop = t.drop || t.Location == location
		return t.Location == location
	})
}

// Progress says whether the digest of a location is wanted, and how many bytes
// of it are hashed; -1 while its turn has not come.
func (s *Surveyor) Progress(location string) (offset int64, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tasks {
		if t.Location == location {
			return t.offset, true
		}
	}
	return 0, false
}

func (s *Surveyor) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run finds out digests until ctx ends, and returns when no worker is left.
func (s *Surveyor) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		t, wait := s.due()
		if t != nil {
			s.survey(ctx, t)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// due gives the first task that may be tried now, or how long there is none.
func (s *Surveyor) due() (*task, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := s.Clock(), mostWait
	for _, t := range s.tasks {
		left := t.next.Sub(now)
		if left <= 0 {
			t.offset = 0
			return t, 0
		}
		wait = min(wait, left)
	}
	return nil, wait
}

// survey makes one try at a digest and draws the consequences.
func (s *Surveyor) survey(ctx context.Context, t *task) {
	sum, err := s.digest(ctx, t)
	if ctx.Err() != nil {
		return // it is still wanted at the next start
	}
	if err == nil {
		err = s.Ledger.RememberDigest(ctx, t.Source, sum)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.offset = -1
	log := s.Log.With("location", t.Location)
	switch code := reason.Of(err); {
	case t.drop:
		return
	case err == nil:
		s.drop(t.Location)
		log.Info("the digest of a title is known", "sha256", sum, "size", t.Size)
		return
	case code == reason.TitleUnreadable:
		s.giveUp(ctx, t, err)
		return
	default:
		wait, again := t.budget.Failed(false, code == reason.WorkerFailed)
		if !again {
			s.giveUp(ctx, t, err)
			return
		}
		// The first one too waits: a file that changes is being written.
		wait = max(wait, firstWait)
		t.next = s.Clock().Add(wait)
		log.Info("the digest of a title is not known yet, trying again", "reason", string(code), "error", err, "wait", wait)
	}
}

// giveUp ends a task without a digest: the first delivery will compute it. The
// mutex is held.
func (s *Surveyor) giveUp(ctx context.Context, t *task, why error) {
	s.drop(t.Location)
	if err := s.Ledger.UnwantDigest(ctx, t.Location); err != nil {
		s.Log.Warn("not noted in the ledger, going on", "location", t.Location, "error", err)
	}
	s.Log.Warn("the digest of a title is left to its first delivery", "location", t.Location, "reason", string(reason.Of(why)), "error", why)
}

// digest hashes the source of a task, which becomes the version that is there
// now.
func (s *Surveyor) digest(ctx context.Context, t *task) (string, error) {
	f, facts, err := s.Open(t.Location)
	if err != nil {
		return "", err
	}
	if facts.Folder {
		return s.digestFolder(ctx, t, f)
	}
	now := ledger.Source{Location: t.Location, Size: facts.Size, MTime: facts.MTime}
	s.becomes(t, now)
	known, found, err := s.Ledger.DigestOf(ctx, now.Location, now.Size, now.MTime)
	if err == nil && !found {
		err = s.Ledger.WantDigest(ctx, now)
	}
	if err != nil || found { // a deposit may have told meanwhile
		f.Close()
		return known, err
	}
	m, err := s.ask(ctx, f, "digest", control.Survey{Size: facts.Size, MTime: facts.MTime, Digest: true}, t)
	if err != nil {
		return "", err
	}
	surveyed, ok := m.(control.Surveyed)
	if !ok {
		return "", reason.New(reason.WorkerFailed, "the survey worker says %T", m)
	}
	return surveyed.SHA256, nil
}

// becomes has a task be for the version that is there, so that its digest is kept
// for no other, whoever knows it.
func (s *Surveyor) becomes(t *task, now ledger.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Source = now
}

// ask starts a worker on f, which is closed, and waits for its answer or its
// end; none outlives the question. Of a task, it follows the progress.
func (s *Surveyor) ask(ctx context.Context, f *os.File, label string, q control.Survey, t *task, more ...worker.File) (control.Message, error) {
	var w crew.Member
	defer w.Close()
	if err := w.Start(s.Spawner, worker.Survey, label, append(more, worker.File{Name: "source", File: f})...); err != nil {
		return nil, err
	}
	defer w.ExitWithin(grace)
	defer context.AfterFunc(ctx, w.Kill)()
	if err := w.Tell(q); err != nil {
		w.Kill()
		return nil, err
	}
	for {
		m, err := w.Control.Receive()
		switch {
		case ctx.Err() != nil:
			return nil, reason.Wrap(reason.Busy, ctx.Err(), "looking at the source")
		case err == io.EOF:
			return nil, reason.New(reason.WorkerFailed, "the survey worker (pid %d) %v", w.PID, w.ExitWithin(grace))
		case err != nil:
			w.Kill()
			return nil, reason.Wrap(reason.WorkerFailed, err, "the survey worker")
		}
		switch m := m.(type) {
		case control.Failed:
			return nil, reason.New(m.Code, "%s", m.Detail)
		case control.Surveying:
			if s.follow(t, m.Offset) {
				w.Kill()
				return nil, reason.New(reason.Cancelled, "nobody wants it any more")
			}
		default:
			return m, nil
		}
	}
}

// follow notes how far a task is and says whether it is still wanted.
func (s *Surveyor) follow(t *task, offset int64) (dropped bool) {
	if t == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.offset = offset
	return t.drop
}
