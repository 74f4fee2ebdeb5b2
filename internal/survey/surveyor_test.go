package survey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/crew/puppet"
	"videoclub/internal/folders"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/worker"
)

// The tests start this very program as their survey workers.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Survey: serve}))
	}
	os.Exit(m.Run())
}

// dies, as a source's content, has the worker die.
const dies = "a film that kills who reads it"

// puppets, as the beginning of a source, has the worker say the rest of it to its
// supervisor.
const puppets = "a film for puppets\n"

func serve(in *worker.Inside) error {
	f, errSource := in.File("source")
	c, errControl := in.File("control")
	if err := errors.Join(errSource, errControl); err != nil {
		return err
	}
	head := make([]byte, len(dies))
	if n, _ := f.ReadAt(head, 0); string(head[:n]) == dies {
		panic("as it was told")
	}
	if strings.HasPrefix(string(head), puppets) {
		if _, err := f.Seek(int64(len(puppets)), io.SeekStart); err != nil {
			return err
		}
		return puppet.Follow(f, c, nil)
	}
	w := Worker{Source: f, Control: control.New(c)}
	if in.Has("manifest") {
		var err error
		if w.Manifest, err = in.File("manifest"); err != nil {
			return err
		}
	}
	return w.Run()
}

// place is a Surveyor with its ledger, and a folder for sources.
type place struct {
	*Surveyor
	dir string

	mu    sync.Mutex
	clock time.Duration // ahead of the real one
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	book, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "ledger", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { spawner.Close(); book.Close() })
	shelf, err := folders.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.Surveyor, err = New(t.Context(), Config{
		Ledger: book, Spawner: spawner, Shelf: shelf, Open: source.Opener{}.Open, Log: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return time.Now().Add(p.clock) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write makes a source.
func (p *place) write(t *testing.T, name string, content []byte) ledger.Source {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return p.source(t, path)
}

func (p *place) source(t *testing.T, path string) ledger.Source {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Source{Location: path, Size: info.Size(), MTime: info.ModTime().UnixNano()}
}

func (p *place) duration(t *testing.T, s ledger.Source) (time.Duration, error) {
	t.Helper()
	f, err := os.Open(s.Location)
	if err != nil {
		t.Fatal(err)
	}
	return p.Duration(t.Context(), f, source.Facts{Size: s.Size, MTime: s.MTime})
}

// tried waits until a task has been tried without success.
func (p *place) tried(t *testing.T, location string) {
	t.Helper()
	p.until(t, func() bool {
		p.Surveyor.mu.Lock()
		defer p.Surveyor.mu.Unlock()
		for _, task := range p.tasks {
			if task.Location == location {
				return task.offset < 0 && !task.next.IsZero()
			}
		}
		return false
	})
}

func (p *place) until(t *testing.T, true func() bool) {
	t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for late := time.After(20 * time.Second); !true(); {
		select {
		case <-look.C:
		case <-late:
			t.Fatal("it does not come about")
		}
	}
}

func (p *place) settled(location string) func() bool {
	return func() bool { _, wanted := p.Progress(location); return !wanted }
}

func (p *place) digestOf(t *testing.T, s ledger.Source) string {
	t.Helper()
	sum, _, err := p.Ledger.DigestOf(t.Context(), s.Location, s.Size, s.MTime)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// running runs the Surveyor until the test ends, or until stop is called.
func (p *place) running(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func TestSurveyorDuration(t *testing.T) {
	p := newPlace(t)
	film := p.write(t, "a.mp4", join(atom("ftyp"), atom("moov", mvhd(1000, 90_500))))
	if d, err := p.duration(t, film); err != nil || d != 90_500*time.Millisecond {
		t.Errorf("%v, %v", d, err)
	}
	text := p.write(t, "a.txt", []byte("no film at all"))
	if _, err := p.duration(t, text); reason.Of(err) != reason.DurationUnknown || !strings.Contains(err.Error(), "it is no MP4") {
		t.Errorf("a text: %v", err)
	}
	if _, err := p.duration(t, p.write(t, "dies", []byte(dies))); reason.Of(err) != reason.WorkerFailed {
		t.Errorf("one that kills: %v", err)
	}
	film.Size++
	if _, err := p.duration(t, film); reason.Of(err) != reason.SourceChanged {
		t.Errorf("another version: %v", err)
	}
}

// While one waits for a duration, another waits for its turn, and not for ever.
func TestSurveyorBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Surveyor{looking: make(chan struct{}, 1)}
		s.looking <- struct{}{}
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Duration(t.Context(), f, source.Facts{}); reason.Of(err) != reason.Busy {
			t.Errorf("%v", err)
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("the source was left open: %v", err)
		}
	})
}

// Digests are found out one after another, and what nobody wants any more, or
// cannot be read, is in nobody's way.
func TestSurveyorDigests(t *testing.T) {
	p := newPlace(t)
	ctx := t.Context()
	content := bytes.Repeat([]byte("film"), 1<<20)
	one, two := p.write(t, "one", content), p.write(t, "two", nil)
	gone, dropped, kills := p.write(t, "gone", nil), p.write(t, "dropped", nil), p.write(t, "kills", []byte(dies))
	for _, s := range []ledger.Source{gone, kills, dropped, one, two, one} {
		if err := p.Want(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Remove(gone.Location), p.Drop(ctx, dropped.Location)); err != nil {
		t.Fatal(err)
	}
	if offset, wanted := p.Progress(one.Location); offset != -1 || !wanted {
		t.Errorf("before its turn: %d, %t", offset, wanted)
	}
	stop := p.running(t)
	for _, s := range []ledger.Source{one, two, gone} {
		p.until(t, p.settled(s.Location))
	}
	if got, want := p.digestOf(t, one), fmt.Sprintf("%x", sha256.Sum256(content)); got != want {
		t.Errorf("the digest is %q, want %s", got, want)
	}
	if got, want := p.digestOf(t, two), fmt.Sprintf("%x", sha256.Sum256(nil)); got != want {
		t.Errorf("of nothing it is %q", got)
	}
	// One whose workers die is given up after a few.
	for range maxCrashes {
		p.tried(t, kills.Location)
		p.mu.Lock()
		p.clock += mostWait
		p.mu.Unlock()
		p.Surveyor.mu.Lock()
		for _, task := range p.tasks {
			task.offset = 0 // not tried since the clock went on
		}
		p.nudge()
		p.Surveyor.mu.Unlock()
	}
	p.until(t, p.settled(kills.Location))
	stop()
	if wanted, err := p.Ledger.WantedDigests(ctx); err != nil || len(wanted) != 0 {
		t.Errorf("still wanted: %v, %v", wanted, err)
	}
}

// What changes while it is read is discarded and read again later; what is not
// done when the server stops is done after the next start.
func TestSurveyorChangedAndStopped(t *testing.T) {
	p := newPlace(t)
	ctx := t.Context()
	s := p.write(t, "changing", []byte("first"))
	open := p.Open
	p.Open = func(location string) (*os.File, source.Facts, error) {
		f, facts, err := open(location)
		facts.Size++ // as if it had changed since
		return f, facts, err
	}
	if err := p.Want(ctx, s); err != nil {
		t.Fatal(err)
	}
	stop := p.running(t)
	p.tried(t, s.Location)
	stop()
	if got := p.digestOf(t, s); got != "" {
		t.Errorf("the digest of what changed is %q", got)
	}

	p.Open = open
	again, err := New(ctx, p.Config)
	if err != nil {
		t.Fatal(err)
	}
	p.Surveyor = again
	p.running(t)
	p.until(t, p.settled(s.Location))
	if got, want := p.digestOf(t, s), fmt.Sprintf("%x", sha256.Sum256([]byte("first"))); got != want {
		t.Errorf("after the next start: %q", got)
	}
}

func TestDescribe(t *testing.T) {
	p := newPlace(t)
	p.write(t, "a", []byte("12345"))
	open := func() *os.File {
		t.Helper()
		f, facts, err := p.Open(p.dir)
		if err != nil || !facts.Folder {
			t.Fatalf("%+v, %v", facts, err)
		}
		return f
	}
	if size := p.FolderSize(p.dir); size != -1 {
		t.Errorf("%d bytes before it was looked through", size)
	}
	size, version, release, err := p.Describe(t.Context(), p.dir, open())
	if err != nil || size != 5 || p.FolderSize(p.dir) != 5 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	release()
	list, sum, err := p.Shelf.Get(version)
	if err != nil || sum.Files != 1 || sum.Size != 5 {
		t.Fatalf("%+v, %v", sum, err)
	}
	list.Close()
	if err := os.Symlink("a", filepath.Join(p.dir, "b")); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := p.Describe(t.Context(), p.dir, open()); reason.Of(err) != reason.TitleUnreadable || !strings.Contains(err.Error(), `"b": it is a symbolic link`) {
		t.Errorf("refused for %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := p.Describe(ctx, p.dir, open()); err == nil {
		t.Error("described for nobody")
	}
}

// A version that was deposited while another one's digest was wanted gives its
// digest to no other: the file may change back.
func TestDigestOfAnotherVersionThatIsKnown(t *testing.T) {
	p := newPlace(t)
	first := p.write(t, "film", []byte("first"))
	if err := p.Want(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := p.write(t, "film", []byte("the second"))
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("the second")))
	if err := p.Ledger.RememberDigest(t.Context(), second, sum); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	defer running.Wait()
	defer cancel()
	p.until(t, p.settled(first.Location))
	if got := p.digestOf(t, first); got != "" {
		t.Errorf("the digest of the first version is %s, that of the second %s", got, sum)
	}
	if got := p.digestOf(t, second); got != sum {
		t.Errorf("the digest of the second version is %q", got)
	}
}
