package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/deliver"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/source"
)

// Boundary lengths of a frame, and one that takes many.
func TestEverySizeArrives(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	sources := make(map[int64]title)
	for i, size := range []int64{0, 1, frame.SourceSize - 1, frame.SourceSize, frame.SourceSize + 1, 100 << 20} {
		content := noise(uint64(i), size)
		if size > 1<<20 {
			content = prose(size)
		}
		source := makeTitle(t, c.dir, fmt.Sprintf("%d.bin", size), content)
		d := c.ask(c.add(fmt.Sprint("Title of ", size), source.path, 1), "cinema.test")
		sources[d.ID] = source
	}
	for id, source := range sources {
		d := c.deposited(id)
		signed := r.proven(d, source)
		if signed.Frames != frame.Frames(source.size) || d.Sent != source.size {
			t.Errorf("%d bytes: %d frames, %d bytes sent", source.size, signed.Frames, d.Sent)
		}
	}
	if parts := r.parts(); len(parts) > 0 || len(r.files()) != len(sources) {
		t.Errorf("the store has %q and the parts %q", r.files(), parts)
	}
	if n := r.proxy.total(up); n > 60<<20 {
		t.Errorf("%d bytes were sent for 100 MiB that compress well", n)
	}
}

func TestWhatIsThereIsDepositedAtOnce(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(3, 4<<20))
	n := c.add("Feature", source.path, 1)
	first := r.proven(c.deposited(c.ask(n, "cinema.test").ID), source)

	before := r.proxy.total(up)
	d := c.deposited(c.ask(n, "Cinema.TEST").ID)
	if d.Sent != 0 || r.proxy.total(up)-before > 16<<10 {
		t.Errorf("%d bytes of the title were sent again, %d in all", d.Sent, r.proxy.total(up)-before)
	}
	if again := r.proven(d, source); again.Path != first.Path || again.Delivery == first.Delivery {
		t.Errorf("deposited as %s for %s, before as %s for %s", again.Path, again.Delivery, first.Path, first.Delivery)
	}

	// What somebody has changed since is not the title any more.
	if err := os.WriteFile(filepath.Join(r.store, first.Path), []byte("mine"), 0o640); err != nil {
		t.Fatal(err)
	}
	d = c.deposited(c.ask(n, "cinema.test").ID)
	if third := r.proven(d, source); third.Path == first.Path || d.Sent != source.size {
		t.Errorf("deposited as %s over what was changed, %d bytes sent", third.Path, d.Sent)
	}
	if mine, err := os.ReadFile(filepath.Join(r.store, first.Path)); string(mine) != "mine" {
		t.Errorf("what was changed reads %q, %v", mine, err)
	}
}

// What crosses the wire is a .gz file: the gzip of the distribution reads it
// from wherever the delivery goes on.
func TestFramesAreGzip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const big = 100 << 20
	for _, test := range []struct {
		name    string
		content io.Reader
		offset  int64
	}{
		{"empty", noise(1, 0), 0},
		{"one byte", noise(1, 1), 0},
		{"less than a frame", noise(1, frame.SourceSize-1), 0},
		{"a frame", noise(1, frame.SourceSize), 0},
		{"more than a frame", noise(1, frame.SourceSize+1), 0},
		{"nothing left", noise(1, frame.SourceSize+1), frame.SourceSize + 1},
		{"compressible", prose(big), 0},
		{"compressible, resumed", prose(big), 123 * frame.SourceSize},
		{"incompressible", noise(2, big), 0},
		{"incompressible, resumed", noise(2, big), 123 * frame.SourceSize},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := makeTitle(t, dir, "source", test.content)
			want, err := os.Open(source.path)
			if err != nil {
				t.Fatal(err)
			}
			defer want.Close()
			if _, err := want.Seek(test.offset, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			zcat := exec.CommandContext(t.Context(), "zcat")
			var complaint bytes.Buffer
			zcat.Stderr = &complaint
			in, err := zcat.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			got, err := zcat.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := zcat.Start(); err != nil {
				t.Fatal(err)
			}
			captured := make(chan error, 1)
			go func() { captured <- capture(dir, source.path, test.offset, in) }()
			if at, err := differ(got, want); err != nil {
				t.Errorf("at %d from offset %d: %v", at, test.offset, err)
				io.Copy(io.Discard, got)
			}
			if err := <-captured; err != nil {
				t.Error(err)
			}
			if err := zcat.Wait(); err != nil || complaint.Len() > 0 {
				t.Errorf("zcat: %v %s", err, complaint.String())
			}
		})
	}
}

// capture runs a read worker's work from offset on and writes its frames to
// out, as the send worker would to the connection.
func capture(dir, path string, offset int64, out io.WriteCloser) error {
	defer out.Close()
	f, facts, err := source.Opener{}.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	notes, err := os.Create(filepath.Join(dir, "notes"))
	if err != nil {
		return err
	}
	defer notes.Close()
	producer, consumer, err := handoff.Pair()
	if err != nil {
		return err
	}
	own, theirs, err := control.Pair()
	if err != nil {
		return err
	}
	defer own.Close()
	done := make(chan error, 1)
	go func() {
		done <- deliver.Reader{Source: f, Digests: notes, Handoff: producer, Control: control.New(theirs)}.Run()
	}()
	if err := own.Send(control.Begin{Offset: offset, Size: facts.Size, MTime: facts.MTime}); err != nil {
		return err
	}
	frames, err := handoff.NewConsumer(consumer)
	if err != nil {
		return err
	}
	defer frames.Close()
	member := make([]byte, handoff.SlotSize)
	for {
		n, err := frames.Receive(member)
		if err != nil {
			return err
		}
		if _, err := out.Write(member[:n]); err != nil {
			return err
		}
		h, err := frame.ParsePrefix(member[:n])
		if err != nil {
			return err
		}
		if h.Final {
			return <-done
		}
	}
}

// differ compares two streams to their ends and says where they differ.
func differ(got, want io.Reader) (at int64, err error) {
	a, b := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(got, a)
		m, errB := io.ReadFull(want, b)
		switch {
		case !bytes.Equal(a[:n], b[:m]):
			return at, fmt.Errorf("%d bytes came that are not the source's %d", n, m)
		case errA != nil && errB != nil && n == m:
			return at, nil
		case errA != nil && errA != io.ErrUnexpectedEOF && errA != io.EOF:
			return at, errA
		}
		at += int64(n)
	}
}

// A daemon that is told to stop does so in order, and what was under way goes
// on after the next start.
func TestStoppingBreaksNoPromise(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, `uplink = "64 Mbit/s"`+"\n", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(4, 24<<20))
	d := c.past(c.ask(c.add("Feature", source.path, 10), "cinema.test").ID, 0)

	began := time.Now()
	if status := c.stop(); status != 0 {
		t.Errorf("vccs ends with status %d", status)
	}
	if status := r.stop(); status != 0 {
		t.Errorf("vcvrs ends with status %d", status)
	}
	t.Logf("both took %v", time.Since(began))
	for _, line := range append(c.log.all(0), r.log.all(0)...) {
		if strings.Contains(line, "error: ") || strings.Contains(line, "reason=internal") {
			t.Errorf("a stop is no failure: %s", line)
		}
	}
	r.start()
	c.start()
	if again := c.deposited(d.ID); again.Resumes != 1 {
		t.Errorf("resumed %d times, want once", again.Resumes)
	} else {
		r.proven(again, source)
	}
}
