package dispatch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
	"videoclub/internal/studio"
)

// still is a studio in which nothing happens.
type still struct{}

func (still) Check(string) error { return nil }
func (still) Join(context.Context, studio.Wish) (studio.Part, error) {
	return studio.Part{}, reason.New(reason.DeviceAbsent, "there is none")
}
func (still) Take(studio.Wish, studio.Part) error { return nil }
func (still) Files(string) (data, marks, index *os.File, err error) {
	return nil, nil, nil, os.ErrNotExist
}
func (still) Hold(int64, int64)          {}
func (still) Stop(int64)                 {}
func (still) Leave(int64)                {}
func (still) Over(int64) (bool, error)   { return false, nil }
func (still) Silent(int64) []reason.Code { return nil }

// away is a studio whose camera is away, and has recorded what lies in dir.
type away struct {
	still
	dir string
}

func (away) Silent(int64) []reason.Code { return []reason.Code{reason.DeviceAbsent, ""} }

func (a away) Files(string) (data, marks, index *os.File, err error) {
	var files [3]*os.File
	for i := range files {
		f, wrong := os.OpenFile(filepath.Join(a.dir, strconv.Itoa(i)), os.O_RDWR|os.O_CREATE, 0o600)
		files[i], err = f, errors.Join(err, wrong)
	}
	return files[0], files[1], files[2], err
}

// strict is a studio that captures nothing, and says of what.
type strict struct {
	still
	err error
}

func (s strict) Check(string) error { return s.err }
func (s strict) Join(context.Context, studio.Wish) (studio.Part, error) {
	return studio.Part{}, s.err
}

// That a source may not be captured is told without naming its device, in a refusal
// and in what becomes of a delivery.
func TestNotCaptured(t *testing.T) {
	for _, code := range []reason.Code{reason.NotPermitted, reason.Usage} {
		settings := three()
		settings.Receptions["hall"] = Reception{Address: "127.0.0.1:0", Link: 100_000} // nobody can be told
		s := newStand(t, settings, films{})
		s.Studio = still{}
		ask := asking("live", 2*time.Hour, "hall")
		ask.Title = whisper
		made, err := s.Promise(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		s.Studio = strict{err: reason.New(code, "/dev/video7 may not be captured")}
		ask.Key = "again"
		if _, err := s.Promise(t.Context(), ask); reason.Of(err) != code || strings.Contains(err.Error(), "video7") {
			t.Errorf("%s: refused for %v", code, err)
		}
		s.join(s.jobs[made[0].ID])
		s.endAll()
		s.attempts.Wait()
		l, err := s.Ledger.Get(t.Context(), made[0].ID)
		if err != nil || l.State != ledger.Failed || l.Reason != code || strings.Contains(l.Detail, "video7") {
			t.Errorf("%s: %s for %s, %q, %v", code, l.State, l.Reason, l.Detail, err)
		}
	}
}

// voice is a sound of some 195,000 bytes a second; a link of three carries 95,000.
var voice = Title{Number: 2, Name: "Voice", Location: "tone:", Duration: time.Minute}

// whisper is one of a sixth of that, for ten minutes.
var whisper = Title{Number: 3, Name: "Whisper", Location: "tone:?channels=1&rate=8000", Duration: 10 * time.Minute}

func liveStand(t *testing.T) *stand {
	t.Helper()
	s := newStand(t, three(), films{"/night": 9_500_000})
	s.Studio = still{}
	return s
}

// A live source is not promised before it is over, nor where its rate is not
// free while it lasts, unless it may come later; and what was promised to it
// stays its own.
func TestPromiseLive(t *testing.T) {
	s, ctx := liveStand(t), t.Context()
	ask := func(key string, title Title, by time.Duration) Ask {
		a := asking(key, by, "hall")
		a.Title = title
		return a
	}
	var refused *Refusal
	_, err := s.Promise(ctx, ask("soon", whisper, 9*time.Minute))
	if !errors.As(err, &refused) || refused.Constraint != liveBinds || !refused.Earliest.Equal(noon.Add(10*time.Minute+liveSettle)) || refused.Code != reason.DeadlineTooSoon {
		t.Fatalf("before it is over: %+v, %v", refused, err)
	}
	made, err := s.Promise(ctx, ask("then", whisper, refused.Earliest.Sub(noon)))
	if err != nil {
		t.Fatal(err)
	}
	l := made[0]
	if l.Size != -1 || !l.Live.Asked || !l.Start.Equal(noon) || l.End.Sub(noon.Add(10*time.Minute)).Abs() > time.Second {
		t.Errorf("promised is %+v", l)
	}
	// What is left of the link in the time, and not one kilobyte more.
	left := (95_000 - l.Pace) * 600
	if _, err := s.Promise(ctx, Ask{Key: "large", Title: Title{Number: 1, Name: "N", Location: "/night"}, Receptions: []string{"hall"}, By: noon.Add(9_500_000 / time.Duration(95_000-l.Pace) * time.Second)}); err == nil {
		t.Error("a file was promised what is the live source's")
	}
	if _, err := s.Promise(ctx, asking("fits", time.Duration(9_500_000/(95_000-l.Pace)+4)*time.Second, "hall")); err != nil {
		t.Errorf("a file that fits into the %d bytes that are left: %v", left, err)
	}
	// More than the link carries while it lasts comes later, out of its spool.
	_, err = s.Promise(ctx, Ask{Key: "loud", Title: voice, Receptions: []string{"attic"}, By: noon.Add(time.Minute + liveSettle)})
	if !errors.As(err, &refused) || refused.Constraint != "link" || refused.Earliest.IsZero() {
		t.Fatalf("more than the link carries: %+v, %v", refused, err)
	}
	if made, err = s.Promise(ctx, Ask{Key: "later", Title: voice, Receptions: []string{"attic"}, By: refused.Earliest}); err != nil {
		t.Fatalf("at the time of the counter-offer: %v", err)
	}
	s.mu.Lock()
	s.replan(noon)
	atRisk := s.jobs[made[0].ID].atRisk
	s.mu.Unlock()
	if atRisk {
		t.Error("what was promised for later is at risk")
	}
	// As early as can be.
	early, err := s.Promise(ctx, Ask{Key: "early", Title: whisper, Receptions: []string{"studio"}, ByEarliest: true, From: noon.Add(time.Hour)})
	if err != nil || !early[0].Deadline.Equal(noon.Add(70*time.Minute+liveSettle)) || !early[0].Earliest.Equal(noon.Add(time.Hour)) {
		t.Errorf("as early as can be: %+v, %v", early, err)
	}
	if s.Studio = nil; true {
		if _, err := s.Promise(ctx, ask("none", whisper, time.Hour)); reason.Of(err) != reason.NotPermitted {
			t.Errorf("without a studio: %v", err)
		}
	}
}

// spoolOf opens the recording of a studio to write to, until the end of the test.
func spoolOf(t *testing.T, studio Studio) spool.Files {
	t.Helper()
	data, marks, index, err := studio.Files("r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { data.Close(); marks.Close(); index.Close() })
	return spool.Files{Data: spool.OS(data), Marks: spool.OS(marks), Index: spool.OS(index)}
}

// recordedStand has a live delivery that is being recorded, in an outage.
func recordedStand(t *testing.T) (*stand, int64) {
	t.Helper()
	s, ctx := liveStand(t), t.Context()
	studio := away{dir: t.TempDir()}
	s.Studio = studio
	if _, err := spool.Create(spoolOf(t, studio), make([]byte, 300), 1<<20); err != nil {
		t.Fatal(err)
	}
	made, err := s.Promise(ctx, Ask{Key: "live", Title: whisper, Receptions: []string{"hall"}, By: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	part := ledger.Live{Asked: true, Recording: "r", Head: 300, Base: 300, Lasts: whisper.Duration, Began: noon}
	if err := s.Ledger.Joined(ctx, made[0].ID, part, noon); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs[made[0].ID].Live = part
	return s, made[0].ID
}

// A live delivery that is cancelled in the middle of an outage remembers when that
// was, and what was away: it is missing up to then.
func TestStopRemembersTheOutage(t *testing.T) {
	s, id := recordedStand(t)
	ctx, part := t.Context(), s.jobs[id].Live
	s.clock = noon.Add(90 * time.Second)
	if err := s.Cancel(ctx, id); err != nil {
		t.Fatal(err)
	}
	part.End, part.Stopped, part.Stops, part.Silent = 300, true, 90*time.Second, []reason.Code{reason.DeviceAbsent, ""}
	l, err := s.Ledger.Get(ctx, id)
	if err != nil || !reflect.DeepEqual(l.Live, part) {
		t.Errorf("the ledger has %+v, %v", l.Live, err)
	}
	// The read worker hears it.
	p := (&attempt{delivery: l}).livePart()
	if p.End != 300 || p.Stops != 90*time.Second || !slices.Equal(p.Silent, part.Silent) {
		t.Errorf("the read worker is told %+v", p)
	}
}

// hanging is a studio that whoever cancels waits for no longer, once it is told.
type hanging struct {
	away
	up context.CancelFunc
}

func (h hanging) Stop(int64) { h.up() }

// Whoever cancels a live delivery may go when it is written down where that ends: it
// ends there.
func TestStopOutlastsWhoAsked(t *testing.T) {
	s, id := recordedStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Studio = hanging{s.Studio.(away), cancel}
	s.clock = noon.Add(90 * time.Second)
	err := s.Cancel(ctx, id)
	l, errGet := s.Ledger.Get(t.Context(), id)
	if errGet != nil || l.Live.End != 300 {
		t.Fatalf("the ledger has %+v, %v", l.Live, errGet)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[id]; err != nil || !reflect.DeepEqual(j.Live, l.Live) {
		t.Errorf("%v; the next attempt is told %+v, and the ledger has %+v", err, j.Live, l.Live)
	}
}

// Of two that cancel a live delivery, one that goes before its attempt has ended lets
// none begin while the other still chooses where the delivery ends.
func TestStopOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, id := recordedStand(t)
		s.settings.Deliveries = 1
		a := &attempt{done: make(chan struct{}), cancel: func(error) {}}
		s.mu.Lock()
		j := s.jobs[id]
		j.attempt = a
		s.mu.Unlock()
		ctx, hangUp := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if err := s.Cancel(ctx, id); !errors.Is(err, context.Canceled) {
				t.Errorf("who goes is told %v", err)
			}
		})
		both.Go(func() {
			if err := s.Cancel(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		hangUp()
		synctest.Wait()
		s.mu.Lock()
		j.attempt = nil // as it ends
		sooner := time.Hour
		if able := s.runnable(noon, &sooner); len(able) > 0 {
			t.Error("an attempt may begin that does not know where it ends")
		}
		s.mu.Unlock()
		close(a.done)
		both.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		sooner = time.Hour
		if able := s.runnable(noon, &sooner); len(able) != 1 || able[0].Live.End != 300 {
			t.Errorf("what may begin then is %+v", able)
		}
	})
}

// Several may cancel a live delivery at once.
func TestStopOfSeveral(t *testing.T) {
	s, id := recordedStand(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := s.Cancel(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.jobs[id].Live; l.End != 300 || !l.Stopped {
		t.Errorf("it ends at %d", l.End)
	}
}

// How much there is of a recording, and is to come, is learned from it.
func TestLiveLearns(t *testing.T) {
	began := noon
	j := &job{Delivery: ledger.Delivery{
		ID: 1, Size: -1, Pace: 1000, Duration: 100 * time.Second, Deadline: noon.Add(time.Hour),
		Live: ledger.Live{Asked: true, Recording: "r", Head: 10, Base: 500, Lasts: 100 * time.Second, Began: began},
	}}
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	if n := j.bytes(at(0)); n != 100_000 {
		t.Errorf("at first it is thought to come to %d", n)
	}
	j.live.produced, j.acked = control.Recording{Size: 30_000, Lasts: 10 * time.Second}, 20_000
	if n := j.bytes(at(10)); n != 300_000 {
		t.Errorf("after 10 s it is thought to come to %d", n)
	}
	if s := j.scheduled(at(10)); s.Remaining != 280_000 || s.Pace != 3000 || !s.Until.Equal(at(100)) || !s.Deadline.Equal(at(100)) {
		t.Errorf("it is scheduled as %+v", s)
	}
	// On time it is leased some times its rate, behind all there is.
	j.acked = 29_000
	if s := j.leased(at(10)); s.MaxRate != burst*leastLive {
		t.Errorf("on time it is leased %v", s.MaxRate)
	}
	j.live.produced, j.acked = control.Recording{Size: 4_000_000, Lasts: 10 * time.Second}, 29_000
	if s := j.leased(at(10)); s.MaxRate != 0 {
		t.Errorf("behind it is leased %v", s.MaxRate)
	}
	// When it is over, it is as a file with something to come.
	j.acked = 4_000_000 * 10
	if s := j.scheduled(at(101)); !s.Until.IsZero() || s.Remaining != leastLive || !s.Deadline.Equal(j.Deadline.Add(-settle)) {
		t.Errorf("when it is over: %+v", s)
	}
	j.Size = 50_000_000
	if s := j.scheduled(at(101)); s.Remaining != 10_000_000 {
		t.Errorf("when its size is known: %+v", s)
	}
}

// letting is a studio that remembers up to where a delivery lets go.
type letting struct {
	away
	upTo *int64
}

func (l letting) Hold(_, offset int64) { *l.upTo = offset }

// What a reception has by the ledger the spool may let go of from the start on: the
// reception may not be reached until there is no room for more.
func TestTakenUpLetsGo(t *testing.T) {
	s, id := recordedStand(t)
	upTo := int64(0)
	studio := letting{s.Studio.(away), &upTo}
	s.Studio = studio
	w, err := spool.Resume(spoolOf(t, studio), nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 { // at 300, 400 and 500
		if err := w.Append(make([]byte, 100), spool.Cluster{From: time.Duration(n), To: time.Duration(n + 1), Key: true}, nil); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.Ledger.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	l.Offset = 450
	s.takeUp(l) // whose digest would be taken of all of it again
	if upTo != 0 {
		t.Errorf("it lets go up to %d of what it needs", upTo)
	}
	l.DigestState = []byte{1}
	if s.takeUp(l); upTo != 400 {
		t.Errorf("it lets go up to %d, and not of the cluster before the one at 400", upTo)
	}
}

// Whoever withdraws a live delivery while it is being stopped has what is told to its
// reception to themselves: what the stop reads anew changes nothing of it.
func TestWithdrawnWhileStopped(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // who tells the reception comes last, mostly
	for range 8 {
		s, id := recordedStand(t)
		s.endAll() // nobody can be told
		s.Studio = hanging{s.Studio.(away), func() {
			if err := s.Withdraw(t.Context(), id); err != nil {
				t.Error(err)
			}
		}}
		s.clock = noon.Add(90 * time.Second)
		if err := s.Cancel(t.Context(), id); err != nil {
			t.Error(err)
		}
		s.attempts.Wait()
		if l, err := s.Ledger.Get(t.Context(), id); err != nil || l.State != ledger.Cancelled {
			t.Errorf("%+v, %v", l, err)
		}
	}
}
