package record

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"math"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// during records for a while, of the test's own time.
func during(t *testing.T, lasts time.Duration, record func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	if err := record(ctx); err != nil {
		t.Fatal(err)
	}
}

// brokenOff makes the spool of a recording whose process was killed in the
// middle of a write, after the first half of its clusters. It was recorded for
// 1.5 s, of the test's own time.
func brokenOff(t *testing.T, location string, clock capture.Clock) (*reel, time.Duration) {
	t.Helper()
	whole := newReel(t, 1<<30)
	during(t, 1500*ms, func(ctx context.Context) error {
		return record(ctx, "", sources(t, location, clock), clock, whole.create)
	})
	all, err := os.ReadFile(whole.data.Name())
	if err != nil {
		t.Fatal(err)
	}
	mark, err := whole.follow().Mark()
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := whole.follow().Clusters(mark.Head, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	broken := newReel(t, 1<<30)
	w, err := broken.create(all[:mark.Head])
	if err != nil {
		t.Fatal(err)
	}
	w.SetOrigin(mark.Origin)
	at := mark.Head
	for _, c := range clusters[:len(clusters)/2] {
		if err := w.Append(all[at:c.End], c, nil); err != nil {
			t.Fatal(err)
		}
		at = c.End
	}
	if _, err := broken.data.WriteAt(all[at:at+1000], at); err != nil {
		t.Fatal(err)
	}
	return broken, mark.Origin
}

// A recording whose process was killed goes on in the same file: what was whole
// is there, what comes after has its true time, and what is missing is a gap of
// each track.
func TestResume(t *testing.T) { synctest.Test(t, goesOn) }

func goesOn(t *testing.T) {
	const location = "pattern:?size=160x120&fps=50+tone:?channels=1&rate=16000"
	clock := bubble()
	again, origin := brokenOff(t, location, clock)
	resumed, err := Reopen(again.files(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	during(t, 1500*ms, func(ctx context.Context) error {
		return resume(ctx, sources(t, location, clock), clock, again.data, resumed)
	})
	last, gaps := again.report(t)
	r, size := again.patched(t)
	head, list := blocks(t, r, size)
	if head.Cues == 0 || head.Duration < 500*ms {
		t.Errorf("it lasts %v, cues at %d", head.Duration, head.Cues)
	}
	counted := make([]spool.Tally, 2)
	before, after := time.Duration(0), time.Duration(math.MaxInt64)
	broke := list[0].At
	for _, b := range list {
		tally := &counted[b.Track-1]
		tally.Packets++
		if b.Track == 2 {
			tally.Frames += int64(len(b.Data) / 2)
			continue
		}
		tally.Frames++
		m, err := jpeg.Decode(bytes.NewReader(b.Data))
		if err != nil {
			t.Fatal(err)
		}
		seen, err := capture.ReadMark(m.(*image.YCbCr))
		if err != nil {
			t.Fatal(err)
		}
		if off := (seen.At - origin - b.At).Abs(); off > ms {
			t.Errorf("picture %d at %v is off by %v", seen.Number, b.At, off)
		}
		if seen.Number == 0 && b.At > broke+100*ms {
			after = b.At
		}
		if after == math.MaxInt64 {
			before = b.At
		}
	}
	var torn []spool.Gap
	for _, g := range gaps {
		if g.Code == reason.WorkerFailed {
			torn = append(torn, g)
		}
		counted[g.Track-1].Lost += g.Lost
	}
	if len(torn) != 2 || torn[0].Track == torn[1].Track {
		t.Fatalf("the gaps are %+v", gaps)
	}
	for _, g := range torn {
		expect := int64((g.To - g.From).Seconds() * map[int]float64{1: 50, 2: 16_000}[g.Track])
		// How often there are pictures is known by those that there were.
		about := map[int]int64{1: 1 + expect/5, 2: 1}[g.Track]
		if g.From < before-200*ms || g.From > after || (g.To-after).Abs() > 300*ms || g.Lost < expect-about || g.Lost > expect+about {
			t.Errorf("from %v to %v: the gap %+v, of about %d", before, after, g, expect)
		}
	}
	for i, tally := range last.Tracks {
		if tally != counted[i] || tally.Packets == 0 {
			t.Errorf("track %d has %+v and is told as %+v", i+1, counted[i], tally)
		}
	}
}

func TestResumeRefused(t *testing.T) { synctest.Test(t, goesOnRefused) }

func goesOnRefused(t *testing.T) {
	clock := bubble()
	broken, _ := brokenOff(t, "tone:", clock)
	w, err := Reopen(broken.files(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{"tone:?channels=1", "pattern:", "pattern:+tone:"} {
		if err := resume(t.Context(), sources(t, location, clock), clock, broken.data, w); reason.Of(err) != reason.DeviceUnfit {
			t.Errorf("with %s: %v", location, err)
		}
	}
	if err := broken.data.Truncate(100); err != nil {
		t.Fatal(err)
	}
	if err := resume(t.Context(), sources(t, "tone:", clock), clock, broken.data, w); reason.Of(err) != reason.StoreFailed {
		t.Errorf("a front that is not there: %v", err)
	}
}

// The index is made anew from the clusters where power took it.
func TestReopenWithoutIndex(t *testing.T) { synctest.Test(t, reopensWithoutIndex) }

func reopensWithoutIndex(t *testing.T) {
	broken, _ := brokenOff(t, "pattern:?size=160x120&fps=50+tone:?channels=1&rate=16000", bubble())
	m, err := broken.follow().Mark()
	if err != nil {
		t.Fatal(err)
	}
	want, err := broken.follow().Clusters(m.Head, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.index.Truncate(int64(len(want)/2)*128 + 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Reopen(broken.files(), 1<<30); err != nil {
		t.Fatal(err)
	}
	got, err := broken.follow().Clusters(m.Head, 10_000)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d clusters, not %d: %v", len(got), len(want), err)
	}
	for i, g := range got {
		// A block's time is in the file as a whole millisecond.
		w := want[i]
		if (g.From-w.From).Abs() > ms || (g.To-w.To).Abs() > 25*ms {
			t.Errorf("cluster %d is from %v to %v, not from %v to %v", i, g.From, g.To, w.From, w.To)
		}
		if (g.Reached - w.Reached).Abs() > 25*ms {
			t.Errorf("cluster %d reached %v, not %v", i, g.Reached, w.Reached)
		}
		if g.From, g.To, g.Reached = w.From, w.To, w.Reached; g != w {
			t.Errorf("cluster %d is %+v, not %+v", i, g, w)
		}
	}
}

// A part of a recording is a recording: it begins with its own first cluster,
// and its places to seek to are where they are in it.
func TestPart(t *testing.T) {
	reel := newReel(t, 1<<30)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		clock := bubble()
		if err := record(ctx, "", sources(t, "pattern:?size=160x120+tone:?channels=1&rate=8000", clock), clock, reel.create); err != nil {
			t.Fatal(err)
		}
	})
	m, err := reel.follow().Mark()
	if err != nil {
		t.Fatal(err)
	}
	all, err := reel.follow().Clusters(m.Head, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	base := all[len(all)/2]
	part := reel.delivered(t, base.Offset)
	c, list := blocks(t, bytes.NewReader(part), int64(len(part)))
	first := list[0].At
	for _, b := range list {
		first = min(first, b.At)
	}
	if c.Cues == 0 || (first-base.From).Abs() > ms || !base.Key {
		t.Errorf("it begins at %v, not %v: %+v", first, base.From, c)
	}
	before, err := reel.follow().Before(base.Offset)
	if err != nil || before != all[len(all)/2-1] {
		t.Errorf("before it there is %+v, %v", before, err)
	}
	if pictures := all[len(all)-1].Tracks[0].Less(before.Tracks[0]).Frames; pictures < 80 || pictures > 100 {
		t.Errorf("it has %d pictures", pictures)
	}
}

// The same machine goes on by its clock, even if its date was set a little; one
// that was started anew goes by the date.
func TestOrigin(t *testing.T) {
	date := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ noted, now, elapsed, want time.Duration }{
		{time.Hour, time.Hour + 5*time.Minute, 5 * time.Minute, time.Hour},
		{time.Hour, time.Hour + 5*time.Minute, 5*time.Minute + 30*time.Second, time.Hour},
		{time.Hour, 20 * time.Second, 5 * time.Minute, 20*time.Second - 5*time.Minute},
	} {
		if got := origin(c.noted, date, c.now, date.Add(c.elapsed)); got != c.want {
			t.Errorf("%v gives %v", c, got)
		}
	}
}

// newRecording is one of which only the front is there.
func newRecording(t *testing.T, head matroska.Head) (*reel, *Mux, *spool.Writer) {
	t.Helper()
	r := newReel(t, 1<<20)
	m, err := NewMux(head)
	if err != nil {
		t.Fatal(err)
	}
	w, err := r.create(m.Head())
	if err != nil {
		t.Fatal(err)
	}
	return r, m, w
}

// Where the machine is known to have run since, its date may have been set by
// anything: a recording that broke off goes on at its true time.
func TestResumeAfterTheDateWasSet(t *testing.T) {
	for _, set := range []time.Duration{0, time.Hour, -time.Hour} {
		r, m, w := newRecording(t, matroska.Head{Title: "Tone", Date: time.Now().Add(-set).Truncate(ms), Tracks: []matroska.Track{{Codec: codecPCM, SampleRate: 8000, Channels: 1, Bits: 16}}})
		const origin = 5 * time.Hour
		if _, err := m.Add(1, Packet{Data: make([]byte, 1600), At: origin, Frames: 800, Key: true}); err != nil {
			t.Fatal(err)
		}
		d, err := m.Flush()
		if err != nil {
			t.Fatal(err)
		}
		w.SetOrigin(origin)
		if err := w.Append(d.Bytes, d.Cluster, nil); err != nil {
			t.Fatal(err)
		}
		again, err := Resume(r.data, w, reason.WorkerFailed, true, func() time.Duration { return origin + time.Second })
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Origin(); got != origin {
			t.Errorf("the date was set by %v: it goes on from %v, not from %v", set, got, origin)
		}
	}
}

// A track that has had nothing for so long that its last cluster was let go of is
// missing from there on, also for who goes on with the recording.
func TestResumeWithoutTheLastOfATrack(t *testing.T) {
	r, m, w := newRecording(t, matroska.Head{Title: "Yard", Date: time.Now().Truncate(ms), Tracks: []matroska.Track{{Codec: codecMJPEG, Width: 2, Height: 2}, {Codec: codecPCM, SampleRate: 8000, Channels: 1, Bits: 16}}})
	const origin = 5 * time.Hour
	put := func(d *Done, err error) {
		t.Helper()
		if err == nil && d != nil {
			w.SetOrigin(origin)
			err = w.Append(d.Bytes, d.Cluster, d.Gaps)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for at := time.Duration(0); at < 5*time.Second; at += 40 * ms {
		if at < time.Second {
			put(m.Add(1, Packet{Data: []byte{0xff, 0xd8, 0xff, 0xd9}, At: origin + at, Frames: 1, Key: true}))
		}
		put(m.Add(2, Packet{Data: make([]byte, 640), At: origin + at, Frames: 320, Key: true}))
	}
	put(m.Flush())
	if err := w.Release(w.Last().Offset); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]bool{"it ends": true, "it goes on": false} {
		again, err := resumeMux(r.data, w, reason.WorkerFailed, true, origin+5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var gaps []spool.Gap
		if end {
			gaps = again.Missing(origin+7*time.Second, 0, nil)
		} else if _, err := again.Add(1, Packet{Data: []byte{0xff, 0xd8, 0xff, 0xd9}, At: origin + 7*time.Second, Frames: 1, Key: true}); err != nil {
			t.Fatal(err)
		} else {
			gaps = again.gaps
		}
		if len(gaps) == 0 || gaps[0].Track != 1 || (gaps[0].From-time.Second).Abs() > ClusterSpan || gaps[0].To != 7*time.Second || gaps[0].Lost < 140 || gaps[0].Lost > 155 {
			t.Errorf("%s: the gaps are %+v", name, gaps)
		}
	}
}
