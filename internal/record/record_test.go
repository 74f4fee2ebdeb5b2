package record

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

const ms = time.Millisecond

func asks(t testing.TB, location string) []*feed.Ask {
	t.Helper()
	f, err := feed.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return f.Asks()
}

// source is a device that is recorded, and what was asked of it.
type source struct {
	*capture.Keeper
	ask    *feed.Ask
	start  Start
	stream *Stream
}

// bubble gives the clock of a test's own time, which the devices that are made
// and the recorder go by there.
func bubble() capture.Clock {
	begin := time.Now()
	return func() time.Duration { return time.Hour + time.Since(begin) }
}

// sources opens what is made.
func sources(t testing.TB, location string, clock capture.Clock) []source {
	t.Helper()
	var all []source
	for _, a := range asks(t, location) {
		k, err := capture.Keep(func() (capture.Device, error) {
			if a.Kind == feed.Tone {
				return capture.OpenTone(a, clock), nil
			}
			return capture.OpenPattern(a, clock), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{Keeper: k, ask: a})
	}
	return all
}

// reel is the spool of a recording.
type reel struct {
	data, marks, index *os.File
	limit              int64
}

func newReel(t testing.TB, limit int64) *reel {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return &reel{open("data"), open("marks"), open("index"), limit}
}

func (r *reel) files() spool.Files {
	return spool.Files{Data: spool.OS(r.data), Marks: spool.OS(r.marks), Index: spool.OS(r.index)}
}

func (r *reel) create(head []byte) (*spool.Writer, error) {
	return spool.Create(r.files(), head, r.limit)
}

func (r *reel) follow() *spool.Follower { return spool.Follow(r.data, r.marks, r.index) }

// report is what a reel has: a tally of each track, and the gaps.
func (r *reel) report(t testing.TB) (last spool.Cluster, gaps []spool.Gap) {
	t.Helper()
	m, err := r.follow().Mark()
	if err == nil {
		last, err = r.follow().Before(m.Offset)
	}
	if err == nil {
		gaps, _, err = r.follow().Gaps(m.Head, m.Offset, 1000)
	}
	if err != nil {
		t.Fatal(err)
	}
	return last, gaps
}

// tracks opens sources, and gives their tracks.
func tracks(sources []source) (all []matroska.Track, err error) {
	for i, s := range sources {
		stream, err := Open(s.Keeper, s.ask, s.start)
		if err != nil {
			return nil, err
		}
		sources[i].stream = stream
		all = append(all, stream.Track())
	}
	return all, nil
}

// run has sources recorded until ctx is done or the spool takes no more.
func run(ctx context.Context, r *Recorder, sources []source) error {
	stop := func() {
		for _, s := range sources {
			s.Wake()
		}
	}
	defer context.AfterFunc(ctx, stop)()
	var taking sync.WaitGroup
	for i, s := range sources {
		put := r.Putter(i + 1)
		taking.Go(func() {
			if err := s.stream.Run(put); err != nil {
				panic(err)
			}
		})
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(func(spool.Cluster) {}) }()
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		taking.Wait()
	}()
	select {
	case err := <-done:
		stop()
		<-taken
		return err
	case <-taken:
		r.Stop(false, 0, nil)
		return <-done
	}
}

// record records sources from the beginning.
func record(ctx context.Context, title string, sources []source, clock capture.Clock, create func([]byte) (*spool.Writer, error)) error {
	all, err := tracks(sources)
	if err != nil {
		return err
	}
	r, err := Begin(title, all, clock, create)
	if err != nil {
		return err
	}
	return run(ctx, r, sources)
}

// resume goes on with a recording.
func resume(ctx context.Context, sources []source, clock capture.Clock, data io.ReaderAt, w *spool.Writer) error {
	all, err := tracks(sources)
	if err != nil {
		return err
	}
	r, err := Resume(data, w, reason.WorkerFailed, false, clock)
	for i, track := range all {
		if err == nil {
			err = r.Same(i+1, track)
		}
	}
	if err != nil {
		for _, s := range sources {
			s.Wake()
			err = errors.Join(err, s.stream.Run(func(Packet) {}))
		}
		return err
	}
	return run(ctx, r, sources)
}

// blocks reads a recording from its front to its end, and checks that clusters
// are short.
func blocks(t testing.TB, r io.ReaderAt, size int64) (matroska.Contents, []matroska.Block) {
	t.Helper()
	c, err := matroska.ReadHead(r, size)
	if err != nil {
		t.Fatal(err)
	}
	var all []matroska.Block
	for at := c.Clusters; ; {
		cluster, err := matroska.ReadCluster(r, at, size)
		if err == io.EOF {
			return c, all
		}
		if err != nil {
			t.Fatal(err)
		}
		first, last := cluster.Blocks[0].At, cluster.Blocks[0].At
		for _, b := range cluster.Blocks {
			first, last = min(first, b.At), max(last, b.At)
		}
		if last-first > ClusterSpan {
			t.Errorf("a cluster of %v", last-first)
		}
		all = append(all, cluster.Blocks...)
		at = cluster.End
	}
}

// delivered gives the part of a recording from base to its end as it is
// delivered.
func (r *reel) delivered(t testing.TB, base int64) []byte {
	t.Helper()
	all, err := os.ReadFile(r.data.Name())
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.follow().Mark()
	if err != nil {
		t.Fatal(err)
	}
	if base == 0 {
		base = m.Head
	}
	tail, patches, err := Ending(r.follow(), base, m.Offset)
	if err != nil {
		t.Fatal(err)
	}
	b := slices.Concat(all[:m.Head], all[base:m.Offset], tail)
	for _, p := range patches {
		copy(b[p.Offset:], p.Bytes)
	}
	return b
}

func (r *reel) patched(t testing.TB) (*bytes.Reader, int64) {
	t.Helper()
	b := r.delivered(t, 0)
	return bytes.NewReader(b), int64(len(b))
}

// What a pattern and a tone give is read back from the file: none lost, none
// doubled, in order, at the right times, and picture and sound belong together.
func TestRecord(t *testing.T) {
	reel := newReel(t, 1<<30)
	synctest.Test(t, func(t *testing.T) {
		clock := bubble()
		s := sources(t, "pattern:?size=160x120&fps=30000/1001+tone:?channels=1", clock)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := record(ctx, "A pattern", s, clock, reel.create); err != nil {
			t.Fatal(err)
		}
	})
	r, size := reel.patched(t)
	c, all := blocks(t, r, size)
	if c.Title != "A pattern" || c.Duration < 4900*ms || c.Duration > 5100*ms || c.Cues == 0 || c.Cues >= size {
		t.Errorf("the head says %+v", c)
	}
	var low []byte
	pictures, base := int64(0), time.Duration(-1)
	var sound time.Duration
	for _, b := range all {
		if b.Track == 2 {
			if len(low) == 0 {
				sound = b.At
			}
			if off := (b.At - sound - time.Duration(len(low))*time.Second/48_000).Abs(); off > 2*ms {
				t.Fatalf("sound frame %d is off by %v", len(low), off)
			}
			low = append(low, capture.LowBits(b.Data, capture.Format{SampleRate: 48_000, Channels: 1, Bits: 16})...)
			continue
		}
		m, err := jpeg.Decode(bytes.NewReader(b.Data))
		if err != nil {
			t.Fatal(err)
		}
		mark, err := capture.ReadMark(m.(*image.YCbCr))
		if err != nil {
			t.Fatal(err)
		}
		if pictures == 0 {
			base = mark.At - b.At
		}
		if off := (mark.At - b.At - base).Abs(); mark.Number != pictures || off > ms || !b.Key {
			t.Errorf("picture %d has the number %d and is off by %v", pictures, mark.Number, off)
		}
		pictures++
	}
	last, gaps := reel.report(t)
	runs := capture.ReadPositions(low)
	if len(runs) != 1 || runs[0].Frames < int64(len(low))-128 {
		t.Errorf("the sound has the runs %v of %d", runs, len(low))
	}
	if pictures != 150 || last.Tracks[0] != (spool.Tally{Packets: 150, Frames: 150}) || last.Tracks[1].Frames != int64(len(low)) || len(gaps) != 0 {
		t.Errorf("%d pictures and %d sound frames; the index says %+v, %+v", pictures, len(low), last, gaps)
	}
	// Both began at the same time: what the tone had before the first picture
	// was taken is not there, and nothing else is missing.
	if first := runs[0].Position - runs[0].At; (sound - time.Duration(first)*time.Second/48_000).Abs() > 2*ms {
		t.Errorf("the sound begins at %v with frame %d", sound, first)
	}
}

// A spool that is full ends the recording with what is there.
func TestRecordFull(t *testing.T) {
	reel := newReel(t, 200_000)
	synctest.Test(t, func(t *testing.T) {
		clock := bubble()
		err := record(t.Context(), "", sources(t, "tone:", clock), clock, reel.create)
		if reason.Of(err) != reason.SpoolFull {
			t.Errorf("%v", err)
		}
	})
	r, size := reel.patched(t)
	_, all := blocks(t, r, size)
	if m, err := reel.follow().Mark(); err != nil || !m.Ended || m.Offset > size || len(all) < 90 || len(all) > 110 {
		t.Errorf("%v, %v, %d blocks of 10 ms", m, err, len(all))
	}
}

func TestRecordRefused(t *testing.T) {
	for location, code := range map[string]reason.Code{
		"pattern:?encode=h264":       reason.EncoderAbsent, // there is none
		"pattern:?encode=h264+tone:": reason.EncoderAbsent,
	} {
		err := record(t.Context(), "", sources(t, location, capture.Now), capture.Now, func([]byte) (*spool.Writer, error) { return nil, errors.New("it begins") })
		if reason.Of(err) != code {
			t.Errorf("%s: %v", location, err)
		}
	}
}
