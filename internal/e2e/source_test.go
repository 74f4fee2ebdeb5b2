package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// begun is a delivery that is under way.
type begun struct {
	*central
	r      *reception
	source title
	control.DeliveryStory
}

// begin starts a delivery that is slow enough to be broken.
func begin(t *testing.T, seed uint64) begun {
	t.Helper()
	r := startReception(t, "")
	c := startCentral(t, `uplink = "64 Mbit/s"`+"\n", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(seed, 32<<20))
	d := c.past(c.ask(c.add("Feature", source.path, 10), "cinema.test").ID, 0)
	return begun{c, r, source, d}
}

// gone checks that a reception let go of the delivery and published nothing.
func (b begun) gone(t *testing.T) {
	t.Helper()
	b.r.log.await(t, 0, saying("withdrawn by its sender"))
	if files, parts := b.r.files(), b.r.parts(); len(files) > 0 || len(parts) > 0 {
		t.Errorf("the store has %q and the parts %q, want nothing", files, parts)
	}
	b.r.awaitWorkers("nothing is left", "", none)
	for _, kind := range []string{"read", "send"} {
		b.awaitWorkers("nothing is left", kind, none)
	}
}

func TestSourceThatChangesIsNotDelivered(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"appended to": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("more")
			return err
		},
		"truncated": func(path string) error { return os.Truncate(path, 1<<20) },
		"other time": func(path string) error {
			return os.Chtimes(path, time.Time{}, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := begin(t, 5)
			if err := change(b.source.path); err != nil {
				t.Fatal(err)
			}
			b.failed(b.ID, reason.SourceChanged)
			b.gone(t)
		})
	}
}

// replace puts another file of the same size and time in the place of a source.
func (b begun) replace(t *testing.T) {
	t.Helper()
	info, err := os.Stat(b.source.path)
	if err != nil {
		t.Fatal(err)
	}
	other := makeTitle(t, t.TempDir(), "other.bin", noise(99, b.source.size))
	if err := os.Chtimes(other.path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other.path, b.source.path); err != nil {
		t.Fatal(err)
	}
}

// A file that was replaced is still open in the read worker: the version that
// was promised is delivered, whatever has its name now.
func TestReplacedSourceIsDeliveredAsPromised(t *testing.T) {
	t.Parallel()
	b := begin(t, 6)
	b.replace(t)
	d := b.deposited(b.ID)
	if d.Resumes != 0 {
		t.Fatalf("resumed %d times: the test needs one attempt", d.Resumes)
	}
	b.r.proven(d, b.source)
}

// After a break the file is opened anew. One that took its place would be mixed
// with what has arrived, so it is refused, though size and time are the same.
func TestReplacedSourceIsNotMixed(t *testing.T) {
	t.Parallel()
	b := begin(t, 7)
	b.replace(t)
	b.r.proxy.cut(true)
	b.failed(b.ID, reason.SourceChanged)
	b.gone(t)
}

// A source that is away for a while is waited for.
func TestSourceThatComesBackIsDelivered(t *testing.T) {
	t.Parallel()
	b := begin(t, 8)
	away := filepath.Join(b.dir, "away")
	if err := os.Rename(b.source.path, away); err != nil {
		t.Fatal(err)
	}
	b.r.proxy.cut(false)
	b.until(b.ID, "without its source", func(d control.DeliveryStory) bool { return d.Reason == reason.TitleUnreadable })
	if err := os.Rename(away, b.source.path); err != nil {
		t.Fatal(err)
	}
	b.r.proven(b.deposited(b.ID), b.source)
}
