package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/spool"
)

const ms = time.Millisecond

// reel is a spool that is written cluster by cluster: a picture each 50 ms, 100
// of sound, both in one cluster; the sound begins 10 ms before the picture.
type reel struct {
	t                  *testing.T
	data, marks, index *os.File
	w                  *spool.Writer
	front              matroska.Front
	n                  int
	ends               []int64 // of each cluster
}

var began = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newReel(t *testing.T) *reel {
	t.Helper()
	r := &reel{t: t}
	for name, f := range map[string]**os.File{"data": &r.data, "marks": &r.marks, "index": &r.index} {
		var err error
		if *f, err = os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*f).Close() })
	}
	var err error
	r.front, err = matroska.NewFront(matroska.Head{Title: "La cámara", Date: began, Tracks: []matroska.Track{
		{Codec: "V_MJPEG", Width: 160, Height: 120}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16},
	}})
	if err == nil {
		files := spool.Files{Data: spool.OS(r.data), Marks: spool.OS(r.marks), Index: spool.OS(r.index)}
		r.w, err = spool.Create(files, r.front.Bytes, 1<<30)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shoot appends n clusters, with gaps before the first of them.
func (r *reel) shoot(n int, gaps ...spool.Gap) {
	r.t.Helper()
	for range n {
		at := time.Duration(r.n) * 100 * ms
		sound := max(0, at-10*ms)
		b, err := matroska.AppendCluster(nil, []matroska.Block{
			{Track: 2, At: sound, Key: true, Data: make([]byte, 1600)},
			{Track: 1, At: at, Key: true, Data: bytes.Repeat([]byte{byte(r.n)}, 500+r.n%7)},
			{Track: 1, At: at + 50*ms, Key: true, Data: bytes.Repeat([]byte{byte(r.n)}, 400)},
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.n++
		c := spool.Cluster{From: sound, To: at + 100*ms, Reached: at + 90*ms, Key: true}
		lost := r.w.Last().Tracks[0].Lost
		for _, g := range gaps {
			lost += g.Lost
		}
		c.Tracks[0] = spool.Tally{Packets: int64(2 * r.n), Frames: int64(2 * r.n), Lost: lost}
		c.Tracks[1] = spool.Tally{Packets: int64(r.n), Frames: int64(800 * r.n)}
		if err := r.w.Append(b, c, gaps); err != nil {
			r.t.Fatal(err)
		}
		gaps = nil
		r.ends = append(r.ends, r.w.Mark().Offset)
	}
}

// hear appends n clusters of sound alone, with gaps before the first of them: the
// camera is gone, and is waited for no longer than a second.
func (r *reel) hear(n int, gaps ...spool.Gap) {
	r.t.Helper()
	pictures := r.w.Last()
	for range n {
		at := time.Duration(r.n)*100*ms - 10*ms
		b, err := matroska.AppendCluster(nil, []matroska.Block{{Track: 2, At: at, Key: true, Data: make([]byte, 1600)}})
		if err != nil {
			r.t.Fatal(err)
		}
		r.n++
		c := spool.Cluster{From: at, To: at + 100*ms, Reached: max(pictures.Reached, at-900*ms), Tracks: r.w.Last().Tracks}
		c.Tracks[1].Packets++
		c.Tracks[1].Frames += 800
		if err := r.w.Append(b, c, gaps); err != nil {
			r.t.Fatal(err)
		}
		gaps = nil
		r.ends = append(r.ends, r.w.Mark().Offset)
	}
}

func (r *reel) part(cluster int, lasts time.Duration) Part {
	base := int64(len(r.front.Bytes))
	if cluster > 0 {
		base = r.ends[cluster-1]
	}
	return Part{Head: int64(len(r.front.Bytes)), Base: base, Began: began.Add(time.Duration(cluster) * 100 * ms), Duration: lasts}
}

// end ends the recording, of which nothing came any more for a while until at.
func (r *reel) end(at time.Duration) {
	r.t.Helper()
	var gaps []spool.Gap
	for i, t := range r.w.Last().Tracks {
		last := time.Duration(t.Packets) * 100 * ms
		if i == 0 {
			last /= 2
		}
		gaps = append(gaps, spool.Gap{Track: i + 1, From: last, To: at, Lost: int64(t.Frames) * int64(at-last) / int64(last), Code: reason.DeviceBusy})
	}
	if err := r.w.End(gaps); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reel) follow(p Part) *Recording {
	r.t.Helper()
	f, err := FollowRecording(r.data, r.marks, r.index, p)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// all reads a recording to its end, from an offset on, in pieces of any length.
func all(t *testing.T, f *Recording, offset int64) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []byte
	for reached := int64(0); ; {
		upTo, err := f.More(ctx, max(reached, offset))
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if reached = upTo; reached <= offset {
			continue
		}
		p := make([]byte, min(reached-offset, 1+rand.Int64N(3000)))
		if err := f.ReadAt(p, offset); err != nil {
			t.Fatal(err)
		}
		out, offset = append(out, p...), offset+int64(len(p))
		reached = offset
	}
}

// file fills in what the final frame would.
func file(stream []byte, patches []matroska.Patch) (*bytes.Reader, int64) {
	b := bytes.Clone(stream)
	for _, p := range patches {
		copy(b[p.Offset:], p.Bytes)
	}
	return bytes.NewReader(b), int64(len(b))
}

// A part has the clusters of its time, begins at time 0, ends in places to seek
// to, and is the same from whatever offset it is read, by whom and when.
func TestRecordingPart(t *testing.T) {
	r := newReel(t)
	r.shoot(60)
	for name, test := range map[string]struct {
		first, clusters int
		lasts           time.Duration
		end             bool
	}{
		"from the beginning": {0, 20, 2 * time.Second, false},
		"joined late":        {25, 10, time.Second, false},
		"to the end":         {50, 10, time.Hour, true},
		"ended early":        {30, 5, time.Hour, true},
	} {
		p := r.part(test.first, test.lasts)
		if test.first == 0 {
			p.Duration -= 11 * ms // the sound of the next cluster begins sooner
		}
		if test.end {
			p.End = r.ends[test.first+test.clusters-1]
		}
		f := r.follow(p)
		stream := all(t, f, 0)
		if int64(len(stream)) != f.Size() || f.End() != r.ends[test.first+test.clusters-1] {
			t.Errorf("%s: %d bytes of %d, up to %d", name, len(stream), f.Size(), f.End())
		}
		in, size := file(stream, f.Patches())
		c, err := matroska.ReadHead(in, size)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		base := time.Duration(test.first)*100*ms - 10*ms
		if test.first == 0 {
			base = 0
		}
		if want := time.Duration(test.first+test.clusters)*100*ms - base; !c.Date.Equal(p.Began) || c.Duration != want || c.Cues == 0 {
			t.Errorf("%s: the head says %+v, want %v", name, c, want)
		}
		n := 0
		for at := c.Clusters; ; n++ {
			cluster, err := matroska.ReadCluster(in, at, size)
			if err == io.EOF {
				if at != c.Cues {
					t.Errorf("%s: the cues are at %d, and the clusters end at %d", name, c.Cues, at)
				}
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := time.Duration(test.first+n)*100*ms - base
			if b := cluster.Blocks[1]; b.At != want || b.Data[0] != byte(test.first+n) {
				t.Errorf("%s: the picture of cluster %d is at %v, want %v", name, n, b.At, want)
			}
			at = cluster.End
		}
		if n != test.clusters {
			t.Errorf("%s: %d clusters, want %d", name, n, test.clusters)
		}
		recorded, err := f.Recorded()
		if err != nil || recorded.Tracks[0] != (receipt.Track{Packets: int64(2 * n), Frames: int64(2 * n)}) ||
			recorded.Tracks[1] != (receipt.Track{Packets: int64(n), Frames: int64(800 * n)}) || recorded.Duration != c.Duration.Milliseconds() {
			t.Errorf("%s: recorded is %+v, %v", name, recorded, err)
		}
		for range 20 {
			offset := rand.Int64N(size)
			if got := all(t, r.follow(p), offset); !bytes.Equal(got, stream[offset:]) {
				t.Errorf("%s: from %d on it is another", name, offset)
			}
		}
	}
}

// What grows is read as it comes, by who goes back in it too, until nothing
// follows.
func TestRecordingGrows(t *testing.T) { synctest.Test(t, grows) }

func grows(t *testing.T) {
	r := newReel(t)
	r.shoot(1)
	f, done := r.follow(r.part(0, time.Hour)), make(chan []byte)
	go func() { done <- all(t, f, 0) }()
	for range 30 {
		r.shoot(1)
	}
	var stream []byte
	select {
	case <-done:
		t.Fatal("it ended before it was over")
	case <-time.After(3 * overEvery):
		f.Over("", nil)
		stream = <-done
	}
	if f.End() != r.ends[30] || f.Lasts() != 3100*ms {
		t.Errorf("it ends at %d, after %v", f.End(), f.Lasts())
	}
	p := make([]byte, 10)
	if err := f.ReadAt(p, 5000); err != nil || !bytes.Equal(p, stream[5000:5010]) {
		t.Errorf("going back: %v", err)
	}
	// The same, once the recording has ended by itself.
	if err := r.w.End(nil); err != nil {
		t.Fatal(err)
	}
	if again := all(t, r.follow(r.part(0, time.Hour)), 0); sha256.Sum256(again) != sha256.Sum256(stream) {
		t.Error("it is another when it is read again")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r = newReel(t)
	r.shoot(1)
	f = r.follow(r.part(0, time.Hour))
	if _, err := f.More(ctx, f.Size()+5000); !errors.Is(err, context.Canceled) {
		t.Errorf("of a recording that does not go on: %v", err)
	}
}

// Pictures that come later than the sound of their time are of the part too, also
// where sound from beyond it is before them.
func TestRecordingLate(t *testing.T) {
	r := newReel(t)
	r.shoot(9)
	late := func(at, reached time.Duration, blocks ...matroska.Block) {
		b, err := matroska.AppendCluster(nil, blocks)
		if err != nil {
			t.Fatal(err)
		}
		c := spool.Cluster{From: at, To: 1200 * ms, Reached: reached, Tracks: r.w.Last().Tracks}
		if err := r.w.Append(b, c, nil); err != nil {
			t.Fatal(err)
		}
		r.ends = append(r.ends, r.w.Mark().Offset)
	}
	sound := matroska.Block{Track: 2, At: 1000 * ms, Key: true, Data: make([]byte, 1600)}
	picture := matroska.Block{Track: 1, At: 950 * ms, Key: true, Data: make([]byte, 400)}
	late(1000*ms, 900*ms, sound)
	late(950*ms, 1000*ms, picture)
	sound.At = 1100 * ms
	late(1100*ms, 1000*ms, sound)
	f := r.follow(r.part(0, time.Second))
	all(t, f, 0)
	if f.End() != r.ends[10] {
		t.Errorf("it ends at %d of %v", f.End(), r.ends[9:])
	}
}

// Gaps are those of the part, by its time; of one that reaches beyond it, what
// is within.
func TestRecordingGaps(t *testing.T) {
	r := newReel(t)
	r.shoot(10, spool.Gap{Track: 1, From: 0, To: 1, Lost: 1, Code: reason.DeviceOverrun})
	r.n = 20 // nothing for a second
	r.shoot(10, spool.Gap{Track: 1, From: 1000 * ms, To: 2000 * ms, Lost: 20, Code: reason.WorkerFailed})
	r.n = 40
	r.shoot(1, spool.Gap{Track: 1, From: 3000 * ms, To: 4000 * ms, Lost: 20, Code: reason.DeviceAbsent})
	f := r.follow(r.part(0, 3500*ms))
	all(t, f, 0)
	got, err := f.Recorded()
	want := []receipt.Gap{
		{From: 0, To: 1, Track: 1, Lost: 1, Reason: reason.DeviceOverrun},
		{From: 1000, To: 2000, Track: 1, Lost: 20, Reason: reason.WorkerFailed},
		{From: 3000, To: 3500, Track: 1, Lost: 10, Reason: reason.DeviceAbsent},
	}
	if err != nil || !slices.Equal(got.Gaps, want) || got.Tracks[0].Lost != 31 || got.Duration != 3000 {
		t.Errorf("recorded is %+v, %v", got, err)
	}
	// One that begins after the second gap has nothing of it.
	f = r.follow(r.part(10, 2110*ms))
	f.Over("", nil)
	all(t, f, 0)
	if got, err = f.Recorded(); err != nil || len(got.Gaps) != 1 || got.Gaps[0].From != 1010 || got.Gaps[0].To != 2010 || got.Gaps[0].Lost != 20 || got.Tracks[0].Lost != 20 {
		t.Errorf("joined late: %+v, %v", got, err)
	}
	// What was written down counts.
	p := r.part(0, 3500*ms)
	p.Recorded = &receipt.Recorded{Duration: 7}
	f = r.follow(p)
	all(t, f, 0)
	if got, err := f.Recorded(); err != nil || got.Duration != 7 {
		t.Errorf("written down: %+v, %v", got, err)
	}
}

// What is missing at the end of a part is of it up to its end: as the recording
// notes it, or where that goes on for others, as it is told.
func TestRecordingEndsInAGap(t *testing.T) { synctest.Test(t, endsInAGap) }

func endsInAGap(t *testing.T) {
	whole := receipt.Gap{From: 2000, To: 3000, Track: 1, Lost: 20, Reason: reason.DeviceAbsent}
	for name, c := range map[string]struct {
		noted []spool.Gap // when the recording ends; nil is that it does not
		part  time.Duration
		why   reason.Code
		want  []receipt.Gap
		lost  [2]int64
	}{
		"noted": {[]spool.Gap{{Track: 1, From: 2000 * ms, To: 3000 * ms, Lost: 20, Code: reason.DeviceAbsent}}, 3 * time.Second, "",
			[]receipt.Gap{whole}, [2]int64{20, 0}},
		"noted beyond the part": {[]spool.Gap{{Track: 1, From: 2000 * ms, To: 5000 * ms, Lost: 60, Code: reason.DeviceAbsent}}, 3 * time.Second, "",
			[]receipt.Gap{whole}, [2]int64{20, 0}},
		"nothing is noted": {[]spool.Gap{}, 3 * time.Second, "", nil, [2]int64{}},
		"it goes on for others": {nil, 3 * time.Second, reason.DeviceAbsent,
			[]receipt.Gap{whole, {From: 2000, To: 3000, Track: 2, Lost: 8000, Reason: reason.DeviceAbsent}}, [2]int64{20, 8000}},
		"why is not known": {nil, 3 * time.Second, "",
			[]receipt.Gap{{From: 2000, To: 3000, Track: 1, Lost: 20, Reason: reason.DeviceHung}, {From: 2000, To: 3000, Track: 2, Lost: 8000, Reason: reason.DeviceHung}}, [2]int64{20, 8000}},
		"one of two is known": {nil, 3 * time.Second, reason.DeviceAbsent,
			[]receipt.Gap{whole, {From: 2000, To: 3000, Track: 2, Lost: 8000, Reason: reason.DeviceHung}}, [2]int64{20, 8000}},
		"only just": {nil, 2500 * ms, reason.DeviceAbsent, nil, [2]int64{}},
	} {
		r := newReel(t)
		r.shoot(20)
		if c.noted != nil {
			if err := r.w.End(c.noted); err != nil {
				t.Fatal(err)
			}
		}
		f := r.follow(r.part(0, c.part))
		var silent []reason.Code
		if name == "one of two is known" {
			silent = []reason.Code{c.why, ""}
		}
		f.Over(c.why, silent)
		all(t, f, 0)
		got, err := f.Recorded()
		if err != nil || got.Duration != 2000 || !slices.Equal(got.Gaps, c.want) || got.Tracks[0].Lost != c.lost[0] || got.Tracks[1].Lost != c.lost[1] {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// What is heard beyond the part's time, while its last pictures are late, does
	// not make its camera one that is gone.
	r := newReel(t)
	r.shoot(20)
	r.hear(12)
	f := r.follow(r.part(0, 2100*ms))
	f.Over("", nil)
	all(t, f, 0)
	if got, err := f.Recorded(); err != nil || got.Duration < 3000 || len(got.Gaps) != 0 || got.Tracks[0].Lost != 0 {
		t.Errorf("heard beyond its time: %+v, %v", got, err)
	}
	// A microphone that goes on does not hide a camera that is gone: the time is
	// that of the recording's end, not that of the camera's.
	r = newReel(t)
	r.shoot(20)
	if err := r.w.End([]spool.Gap{{Track: 1, From: 500 * ms, To: 1900 * ms, Lost: 28, Code: reason.DeviceAbsent}}); err != nil {
		t.Fatal(err)
	}
	f = r.follow(r.part(0, 2*time.Second))
	all(t, f, 0)
	if got, err := f.Recorded(); err != nil || got.Tracks[0].Lost != 28 || len(got.Gaps) != 1 || got.Gaps[0].To != 1900 {
		t.Errorf("beside a microphone: %+v, %v", got, err)
	}
}

// A part whose time is over while its camera is gone and its microphone goes on
// waits until it is known why: the recording notes it, or it is told.
func TestRecordingEndsBesideAMicrophone(t *testing.T) { synctest.Test(t, endsBesideAMicrophone) }

func endsBesideAMicrophone(t *testing.T) {
	for name, c := range map[string]struct {
		then func(r *reel, f *Recording)
		why  reason.Code
	}{
		"it is told":          {func(_ *reel, f *Recording) { f.Over("", []reason.Code{reason.DeviceAbsent}) }, reason.DeviceAbsent},
		"nobody knows":        {func(_ *reel, f *Recording) { f.Over("", nil) }, reason.DeviceHung},
		"it was only late":    {func(r *reel, f *Recording) { f.Over("", nil); r.shoot(1) }, reason.DeviceOverrun},
		"the recording ended": {func(r *reel, _ *Recording) { r.end(5 * time.Second) }, reason.DeviceBusy},
		"it was noted meanwhile": {func(r *reel, f *Recording) {
			r.shoot(1, spool.Gap{Track: 1, From: 2000 * ms, To: 5500 * ms, Lost: 70, Code: reason.WorkerFailed})
			f.Over("", nil)
		}, reason.WorkerFailed},
		"another gap was noted": {func(r *reel, f *Recording) {
			r.shoot(1)
			r.shoot(1, spool.Gap{Track: 1, From: 5600 * ms, To: 5700 * ms, Lost: 2, Code: reason.WorkerFailed})
			f.Over("", []reason.Code{reason.DeviceAbsent})
		}, reason.DeviceAbsent},
	} {
		r := newReel(t)
		r.shoot(20)
		r.hear(35)
		f := r.follow(r.part(0, 3*time.Second))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var err error
		for err == nil {
			_, err = f.More(ended, f.Size())
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: it does not wait to hear why: %v", name, err)
		}
		c.then(r, f)
		all(t, f, 0)
		// The time is over for a camera that has been silent for a second.
		want := []receipt.Gap{{From: 2000, To: 3990, Track: 1, Lost: 39, Reason: c.why}}
		if got, err := f.Recorded(); err != nil || !slices.Equal(got.Gaps, want) || got.Tracks[0].Lost != 39 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A part that somebody ended in the middle of an outage lacks what was missing up
// to then, for the reason that was known then, or that the recording notes later.
func TestRecordingStopped(t *testing.T) { synctest.Test(t, stoppedInAnOutage) }

func stoppedInAnOutage(t *testing.T) {
	camera := func(to int64, why reason.Code) receipt.Gap {
		return receipt.Gap{From: 2000, To: to, Track: 1, Lost: (to - 2000) / 50, Reason: why}
	}
	microphone := receipt.Gap{From: 2000, To: 3500, Track: 2, Lost: 12_000, Reason: reason.DeviceFailed}
	away := []reason.Code{reason.DeviceAbsent, reason.DeviceFailed}
	for name, c := range map[string]struct {
		heard  int // clusters of sound, while the camera was gone
		stops  time.Duration
		silent []reason.Code
		after  func(r *reel) // what the recording has beyond
		want   []receipt.Gap
	}{
		"the camera is gone":        {heard: 15, stops: 3500 * ms, silent: away[:1], want: []receipt.Gap{camera(3500, reason.DeviceAbsent)}},
		"both are gone":             {stops: 3500 * ms, silent: away, want: []receipt.Gap{camera(3500, reason.DeviceAbsent), microphone}},
		"why is not known":          {heard: 15, stops: 3500 * ms, want: []receipt.Gap{camera(3500, reason.DeviceHung)}},
		"just now":                  {heard: 8, stops: 2900 * ms, silent: away},
		"later than it was to last": {stops: time.Hour, silent: away, want: []receipt.Gap{camera(5000, reason.DeviceAbsent), {From: 2000, To: 5000, Track: 2, Lost: 24_000, Reason: reason.DeviceFailed}}},
		"when nobody noted when":    {heard: 15, want: []receipt.Gap{camera(3490, reason.DeviceHung)}},
		"and the recording goes on": {heard: 15, stops: 3500 * ms, silent: away[:1], after: func(r *reel) { r.hear(20) }, want: []receipt.Gap{camera(3500, reason.DeviceAbsent)}},
		"it was on its way":         {heard: 15, stops: 3500 * ms, after: func(r *reel) { r.hear(1); r.shoot(1) }},
		"and the camera came back": {heard: 15, stops: 3500 * ms, after: func(r *reel) {
			r.hear(20)
			r.shoot(1, spool.Gap{Track: 1, From: 2000 * ms, To: 5500 * ms, Lost: 70, Code: reason.WorkerFailed})
		}, want: []receipt.Gap{camera(3500, reason.WorkerFailed)}},
		"and the recording ended": {stops: 3500 * ms, after: func(r *reel) { r.end(6 * time.Second) },
			want: []receipt.Gap{camera(3500, reason.DeviceBusy), {From: 2000, To: 3500, Track: 2, Lost: 12_000, Reason: reason.DeviceBusy}}},
		"and the recording ended late": {heard: 15, stops: 3500 * ms, after: func(r *reel) { r.hear(20); r.end(6 * time.Second) }, want: []receipt.Gap{camera(3500, reason.DeviceBusy)}},
		// After a restart of the server it does not know why.
		"and it ended for another reason": {stops: 3500 * ms, silent: away, after: func(r *reel) { r.end(6 * time.Second) },
			want: []receipt.Gap{camera(3500, reason.DeviceAbsent), microphone}},
		"and it ended late for another": {heard: 15, stops: 3500 * ms, silent: away, after: func(r *reel) { r.hear(20); r.end(6 * time.Second) },
			want: []receipt.Gap{camera(3500, reason.DeviceAbsent)}},
	} {
		r := newReel(t)
		r.shoot(20)
		r.hear(c.heard)
		p := r.part(0, 5*time.Second)
		p.End, p.Stops, p.Silent = r.w.Mark().Offset, c.stops, c.silent
		if c.after != nil {
			c.after(r)
		}
		f := r.follow(p)
		all(t, f, 0)
		got, err := f.Recorded()
		if err != nil || f.End() != p.End || !slices.Equal(got.Gaps, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// One whose time was over long before ends where that was written down.
	r := newReel(t)
	r.shoot(30)
	p := r.part(0, 2*time.Second)
	p.End, p.Stops = r.w.Mark().Offset, 3*time.Second
	f := r.follow(p)
	all(t, f, 0)
	if got, err := f.Recorded(); err != nil || f.End() != p.End || got.Duration != 2100 || len(got.Gaps) != 0 {
		t.Errorf("after its time: %+v, up to %d, %v", got, f.End(), err)
	}
}

// What the spool has let go cannot be read, and a part that is none is not taken.
func TestRecordingGone(t *testing.T) {
	r := newReel(t)
	r.shoot(30)
	if err := r.w.Release(r.ends[9]); err != nil {
		t.Fatal(err)
	}
	f := r.follow(r.part(5, 2*time.Second))
	if _, err := f.More(t.Context(), f.Size()); err != nil {
		t.Fatal(err)
	}
	if err := f.ReadAt(make([]byte, 1), int64(len(r.front.Bytes))); reason.Of(err) != reason.SourceUnreadable {
		t.Errorf("what was let go: %v", err)
	}
	at := int64(len(r.front.Bytes)) + r.ends[9] - r.ends[4] + 7
	for f.Size() < at+9 {
		if _, err := f.More(t.Context(), f.Size()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.ReadAt(make([]byte, 9), at); err != nil {
		t.Errorf("what is kept: %v", err)
	}
	for name, p := range map[string]Part{
		"within a cluster": {Head: int64(len(r.front.Bytes)), Base: r.ends[3] + 1},
		"not there yet":    {Head: int64(len(r.front.Bytes)), Base: r.ends[29]},
		"another head":     {Head: int64(len(r.front.Bytes)) - 1, Base: r.ends[3]},
	} {
		if _, err := FollowRecording(r.data, r.marks, r.index, p); reason.Of(err) != reason.SourceUnreadable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCuesAreBounded(t *testing.T) {
	c := newCues()
	for i := range 3 * mostCues {
		c.add(matroska.Cue{At: time.Duration(i) * cueEvery / 2})
		c.add(matroska.Cue{At: time.Duration(i)*cueEvery/2 + 1})
	}
	if n := len(c.all); n > mostCues || n < mostCues/2 {
		t.Errorf("%d places to seek to", n)
	}
}
