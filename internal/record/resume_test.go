package record

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"math"
	"os"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// until records until the file has so many bytes.
func until(t *testing.T, f *os.File, bytes int64, record func(context.Context) (Report, error)) Report {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ticker := time.NewTicker(5 * ms)
	defer ticker.Stop()
	done := make(chan struct{})
	var report Report
	go func() {
		defer close(done)
		var err error
		if report, err = record(ctx); err != nil {
			t.Error(err)
		}
	}()
	for {
		select {
		case <-ticker.C:
			if info, err := f.Stat(); err != nil || info.Size() > bytes {
				cancel()
				<-done
				return report
			}
		case <-done:
			t.Error("it ended by itself")
			return report
		}
	}
}

// brokenOff makes the files of a recording whose process was killed in the
// middle of a write, after some 150 kB of whole clusters.
func brokenOff(t *testing.T, location string) (data, marks *os.File, origin time.Duration) {
	t.Helper()
	whole, wholeMarks, create := files(t, 1<<30)
	until(t, whole, 200_000, func(ctx context.Context) (Report, error) { return Record(ctx, "", sources(t, location), create) })
	all, err := os.ReadFile(whole.Name())
	if err != nil {
		t.Fatal(err)
	}
	c, err := matroska.ReadHead(bytes.NewReader(all), int64(len(all)))
	if err != nil {
		t.Fatal(err)
	}
	mark, err := spool.Follow(whole, wholeMarks).Mark()
	if err != nil {
		t.Fatal(err)
	}
	data, marks, create = files(t, 1<<30)
	w, err := create(all[:c.Clusters])
	if err != nil {
		t.Fatal(err)
	}
	w.SetOrigin(mark.Origin)
	at := c.Clusters
	for at < 150_000 {
		cluster, err := matroska.ReadCluster(bytes.NewReader(all), at, int64(len(all)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(all[at:cluster.End]); err != nil {
			t.Fatal(err)
		}
		at = cluster.End
	}
	if _, err := data.WriteAt(all[at:at+1000], at); err != nil {
		t.Fatal(err)
	}
	return data, marks, mark.Origin
}

// A recording whose process was killed goes on in the same file: what was whole
// is there, what comes after has its true time, and what is missing is a gap of
// each track.
func TestResume(t *testing.T) {
	const location = "pattern:?size=160x120&fps=50+tone:?channels=1&rate=16000"
	again, againMarks, origin := brokenOff(t, location)
	resumed, err := spool.Resume(spool.OS(again), spool.OS(againMarks), Whole, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	report := until(t, again, 350_000, func(ctx context.Context) (Report, error) {
		return Resume(ctx, sources(t, location), again, resumed, reason.WorkerFailed)
	})
	r, size := patched(t, again, report.Patches)
	head, list := blocks(t, r, size)
	if head.Cues == 0 || head.Duration < 500*ms {
		t.Errorf("it lasts %v, cues at %d", head.Duration, head.Cues)
	}
	counted := make([]Tally, 2)
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
	var torn []Gap
	for i, g := range report.Gaps {
		if g.Code == reason.WorkerFailed {
			torn = append(torn, g)
		}
		counted[g.Track-1].Lost += report.Gaps[i].Lost
	}
	if len(torn) != 2 || torn[0].Track == torn[1].Track {
		t.Fatalf("the gaps are %+v", report.Gaps)
	}
	for _, g := range torn {
		expect := int64((g.To - g.From).Seconds() * map[int]float64{1: 50, 2: 16_000}[g.Track])
		// How often there are pictures is known by those that there were.
		about := map[int]int64{1: 1 + expect/5, 2: 1}[g.Track]
		if g.From < before-200*ms || g.From > after || (g.To-after).Abs() > 300*ms || g.Lost < expect-about || g.Lost > expect+about {
			t.Errorf("from %v to %v: the gap %+v, of about %d", before, after, g, expect)
		}
	}
	for i, tally := range report.Tracks {
		if tally != counted[i] || tally.Packets == 0 {
			t.Errorf("track %d has %+v and is told as %+v", i+1, counted[i], tally)
		}
	}
}

func TestResumeRefused(t *testing.T) {
	data, marks, _ := brokenOff(t, "tone:")
	w, err := spool.Resume(spool.OS(data), spool.OS(marks), Whole, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{"tone:?channels=1", "pattern:", "pattern:+tone:"} {
		if _, err := Resume(t.Context(), sources(t, location), data, w, reason.WorkerFailed); reason.Of(err) != reason.DeviceUnfit {
			t.Errorf("with %s: %v", location, err)
		}
	}
	if err := data.Truncate(100); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(t.Context(), sources(t, "tone:"), data, w, reason.WorkerFailed); reason.Of(err) != reason.StoreFailed {
		t.Errorf("a front that is not there: %v", err)
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
