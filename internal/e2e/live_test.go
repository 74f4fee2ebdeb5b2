package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/api"
	device "videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// watched is what is read back of a deposited recording of a pattern and a tone:
// the numbers of the pictures, and what there is of the tone.
type watched struct {
	matroska.Contents
	clusters int
	pictures []picture
	sound    []device.Run
	samples  int64
	// Where the last cluster begins, and up to where both tracks had come before it.
	last, reached time.Duration
}

// picture is one as it says itself, and where it stands in the file.
type picture struct {
	device.Mark
	in time.Duration
}

var tone = device.Format{SampleRate: 48_000, Channels: 2, Bits: 16}

// watch reads a deposited recording from its first byte to its last.
func watch(t *testing.T, path string) watched {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var w watched
	if w.Contents, err = matroska.ReadHead(f, info.Size()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var low []byte
	reached := make([]time.Duration, len(w.Tracks))
	for at := w.Clusters; ; w.clusters++ {
		c, err := matroska.ReadCluster(f, at, info.Size())
		if err == io.EOF {
			if at != w.Cues {
				t.Errorf("the clusters end at %d, and the places to seek to are at %d", at, w.Cues)
			}
			break
		}
		if err != nil {
			t.Fatalf("%s: at %d: %v", path, at, err)
		}
		w.last, w.reached = c.Blocks[0].At, slices.Min(reached)
		for _, b := range c.Blocks {
			w.last, reached[b.Track-1] = min(w.last, b.At), b.At
			if !w.Tracks[b.Track-1].Picture() {
				low = append(low, device.LowBits(b.Data, tone)...)
				continue
			}
			m, err := jpeg.Decode(bytes.NewReader(b.Data))
			if err != nil {
				t.Fatal(err)
			}
			mark, err := device.ReadMark(m.(*image.YCbCr))
			if err != nil {
				t.Fatal(err)
			}
			w.pictures = append(w.pictures, picture{mark, b.At})
		}
		at = c.End
	}
	w.sound, w.samples = device.ReadPositions(low), int64(len(low))
	return w
}

// unbroken checks that no picture or sound frame is missing, doubled or out of
// its order and time, save for what the machine was too slow to take where the
// receipt says so.
func (w watched) unbroken(t *testing.T, r receipt.Receipt) {
	t.Helper()
	missing := int64(0)
	for i, p := range w.pictures {
		first, before := w.pictures[0], w.pictures[max(0, i-1)]
		if off := (p.At - first.At) - (p.in - first.in); off.Abs() > 2*time.Millisecond || i > 0 && p.Number <= before.Number {
			t.Fatalf("picture %d has the number %d after %d, and is off by %v", i, p.Number, before.Number, off)
		}
		missing += max(0, p.Number-before.Number-1)
	}
	for _, g := range r.Gaps {
		if g.Track == 1 && g.From >= w.pictures[len(w.pictures)-1].in.Milliseconds() {
			missing += g.Lost // behind the last
		}
	}
	if missing != r.Tracks[0].Lost {
		t.Errorf("%d pictures are missing, the receipt has %+v", missing, r)
	}
	for i, run := range w.sound[1:] {
		if before := w.sound[i]; run.Position < before.Position+before.Frames {
			t.Errorf("sound frame %d comes after %d", run.Position, before.Position+before.Frames)
		}
	}
	if len(w.sound) != 1 && r.Tracks[1].Lost == 0 || w.sound[0].Frames < w.samples-128 && r.Tracks[1].Lost == 0 {
		t.Errorf("the sound has the runs %+v of %d sound frames", w.sound, w.samples)
	}
	for _, g := range r.Gaps {
		if g.Reason != reason.DeviceOverrun {
			t.Errorf("there is a gap: %+v", g)
		}
	}
}

// lasting checks that a recording lasts for d: what is beyond is there for the track
// that comes later than the other, on a machine that is slow.
func (w watched) lasting(t *testing.T, d time.Duration) {
	t.Helper()
	if w.Duration < d-100*time.Millisecond || w.last >= d && w.reached >= d {
		t.Errorf("of %v it is %v long, the last cluster begins at %v, before which both tracks had come to %v", d, w.Duration, w.last, w.reached)
	}
}

// end ends a live delivery.
func (c *central) end(id int64) {
	c.t.Helper()
	if d, err := c.client.Cancel(quick(c.t), id); err != nil || d.State == "cancelled" {
		c.t.Fatalf("it is %s: %v", d.State, err)
	}
}

// toCamera does something to the worker that films a live title, once there is one.
func (c *central) toCamera(do func(worker) error) {
	c.t.Helper()
	c.awaitWorkers("the camera's", "capture", func(all []worker) bool {
		i := slices.IndexFunc(all, func(w worker) bool { return w.label == "device=pattern:?size=160x120&fps=25" })
		return i >= 0 && do(all[i]) == nil
	})
}

// liveTitle is what is recorded.
const liveTitle = "pattern:?size=160x120&fps=25+tone:"

// proven checks a live delivery: its receipt, and the file by what is in it.
func (r *reception) provenLive(d control.DeliveryStory) (receipt.Receipt, watched) {
	r.t.Helper()
	signed, err := receipt.Parse(d.Receipt)
	if err == nil {
		err = receipt.Verify(signed)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.store, signed.Path)
	w := watch(r.t, path)
	info, err := os.Stat(path)
	if err != nil {
		r.t.Fatal(err)
	}
	switch {
	case signed.Version != receipt.VersionLive || signed.SHA256 != digestOf(r.t, path) || signed.Size != info.Size() || d.Size != info.Size() || d.SHA256 != signed.SHA256:
		r.t.Errorf("%d bytes lie there, the delivery says %+v, the receipt %+v", info.Size(), d.Delivery, signed)
	case signed.Tracks[0].Frames != int64(len(w.pictures)) || signed.Tracks[1].Frames != w.samples:
		r.t.Errorf("there are %d pictures and %d sound frames, the receipt has %+v", len(w.pictures), w.samples, signed.Tracks)
	case w.Duration.Milliseconds() != signed.Duration || !receipt.Instant(w.Date).Equal(signed.Captured):
		r.t.Errorf("the file lasts %v from %v on, the receipt has %+v", w.Duration, w.Date, signed)
	}
	return signed, w
}

// A live title is recorded, followed and deposited: nothing is lost, nothing
// doubled, all in its order and time. One that joins late begins at its own time
// 0, and has the same pictures from there on.
func TestLive(t *testing.T) {
	t.Parallel()
	r, other := startReception(t, ""), startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""}, link{"rex.test", other, ""})
	n := c.add("La cámara", liveTitle, 0.1)
	first := c.ask(n, "mateo.test")
	if first.Size != -1 {
		t.Errorf("it is promised with %d bytes", first.Size)
	}
	c.until(first.ID, "a while under way", func(d control.DeliveryStory) bool { return d.Offset > 300_000 })
	if workers := c.workers("record"); len(workers) != 1 {
		t.Errorf("there are %v", workers)
	}
	second := c.ask(n, "rex.test")
	got, w := r.provenLive(c.deposited(first.ID))
	w.unbroken(t, got)
	w.lasting(t, 6*time.Second)
	if got.Resumes != 0 || w.pictures[0].in != 0 {
		t.Errorf("the first is %v long, from %v on, %+v", w.Duration, w.pictures[0].in, got)
	}
	late, v := other.provenLive(c.deposited(second.ID))
	v.unbroken(t, late)
	v.lasting(t, 6*time.Second)
	if v.pictures[0].in > 100*time.Millisecond || !late.Captured.After(got.Captured) {
		t.Errorf("the second is %v long, from %v on, %+v", v.Duration, v.pictures[0].in, late)
	}
	joined := slices.IndexFunc(w.pictures, func(p picture) bool { return p.Number == v.pictures[0].Number })
	if joined < 1 || v.pictures[0].At != w.pictures[joined].At {
		t.Errorf("the second begins with picture %d, which the first has as its %dth", v.pictures[0].Number, joined)
	}
	c.awaitWorkers("the recording is over", "record", none)
	if left, err := os.ReadDir(filepath.Join(c.state(), "spool")); err != nil || len(left) > 0 {
		t.Errorf("the spool has %v, %v", left, err)
	}
}

// Whatever breaks between the spool and the deposit, nothing of the recording is
// lost or doubled.
func TestLiveFaults(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	d := c.ask(c.add("La cámara", liveTitle, 30), "mateo.test")
	reached := int64(0)
	further := func() {
		t.Helper()
		reached = c.past(d.ID, reached+100_000).Offset
	}
	further()
	for i := range 3 {
		r.proxy.cut(i != 1)
		further()
	}
	for _, victim := range []struct {
		kind string
		of   *daemon
	}{{"read", c.daemon}, {"send", c.daemon}, {"receive", r.daemon}, {"store", r.daemon}} {
		victim.of.awaitWorkers("there is one", victim.kind, func(all []worker) bool { return len(all) > 0 && all[0].kill() == nil })
		further()
	}
	c.end(d.ID)
	got, w := r.provenLive(c.deposited(d.ID))
	w.unbroken(t, got)
	if got.Resumes < 5 {
		t.Errorf("it is %v long: %+v", w.Duration, got)
	}
}

// What a capture worker that is killed did not capture is a gap of its track, at
// its time and for its reason; all before and after it is there.
func TestLiveGap(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	d := c.ask(c.add("La cámara", liveTitle, 30), "mateo.test")
	c.past(d.ID, 300_000)
	// Another worker begins in less than the time of a picture: this one films
	// nothing for half a second of sound before it dies.
	var dying worker
	c.toCamera(func(w worker) error {
		dying = w
		return syscall.Kill(w.pid, syscall.SIGSTOP)
	})
	reached := c.recorded()
	c.until(d.ID, "heard for a while", func(d control.DeliveryStory) bool { return d.Offset > reached+100_000 })
	from := c.log.mark()
	if err := dying.kill(); err != nil {
		t.Fatal(err)
	}
	// However long it takes until another films: sound alone is there meanwhile.
	c.log.await(t, from, saying("a device is captured", "pattern:"))
	reached = c.recorded()
	c.until(d.ID, "filmed again", func(d control.DeliveryStory) bool { return d.Offset > reached+600_000 })
	c.end(d.ID)
	got, w := r.provenLive(c.deposited(d.ID))
	i := slices.IndexFunc(got.Gaps, func(g receipt.Gap) bool { return g.Track == 1 && g.Reason == reason.WorkerFailed })
	if i < 0 {
		t.Fatalf("the receipt has %+v", got)
	}
	gap := got.Gaps[i]
	if len(w.sound) != 1 && got.Tracks[1].Lost == 0 {
		t.Errorf("the sound has the runs %+v of %d", w.sound, w.samples)
	}
	// Before and after it the pictures follow each other, each at its time; the
	// pattern was begun anew, and counts from 0.
	breaks := 0
	for i, p := range w.pictures[1:] {
		was := w.pictures[i]
		if off := (p.At - was.At) - (p.in - was.in); off.Abs() > 2*time.Millisecond {
			t.Errorf("picture %d is off by %v", p.Number, off)
		}
		if p.Number > was.Number {
			continue
		}
		breaks++
		from, to := time.Duration(gap.From)*time.Millisecond, time.Duration(gap.To)*time.Millisecond
		if p.Number > 50 || (p.in-to).Abs() > 100*time.Millisecond || (was.in+40*time.Millisecond-from).Abs() > 100*time.Millisecond {
			t.Errorf("between picture %d at %v and %d at %v something is missing, the receipt has %+v", was.Number, was.in, p.Number, p.in, gap)
		}
	}
	if breaks != 1 {
		t.Errorf("the pictures begin anew %d times", breaks)
	}
}

// A live delivery that is cancelled ends there, and what was captured is
// deposited as complete; one that has not begun is cancelled.
func TestLiveCancelled(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	n := c.add("La cámara", liveTitle, 30)
	d := c.ask(n, "mateo.test")
	c.past(d.ID, 300_000)
	// Also when nothing can be sent.
	r.proxy.setTarget("")
	r.proxy.cut(true)
	c.end(d.ID)
	c.kill()
	c.start()
	r.proxy.setTarget(field(r.log.all(0)[slices.IndexFunc(r.log.all(0), saying("ready ", "listen="))], "listen"))
	got, w := r.provenLive(c.deposited(d.ID))
	w.unbroken(t, got)

	later := control.Request{Key: "later", Number: n, Reception: "mateo.test", From: time.Now().Add(time.Hour).UTC(), By: time.Now().Add(3 * time.Hour).UTC()}
	waiting, err := c.client.Request(quick(t), later)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.client.Cancel(quick(t), waiting.ID); err != nil {
		t.Fatal(err)
	}
	c.until(waiting.ID, "cancelled", inState("cancelled"))
}

// One that is cancelled while its camera is silent and its microphone goes on lacks
// in its receipt what was missing up to then.
func TestLiveCancelledInAnOutage(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	d := c.ask(c.add("La cámara", liveTitle, 30), "mateo.test")
	c.past(d.ID, 300_000)
	c.toCamera(func(w worker) error { return syscall.Kill(w.pid, syscall.SIGSTOP) })
	// Three seconds of sound that were recorded since, whatever was on its way then.
	reached := c.recorded()
	heard := c.until(d.ID, "heard for a while", func(d control.DeliveryStory) bool { return d.Offset > reached+600_000 })
	c.end(d.ID)
	got, w := r.provenLive(c.deposited(d.ID))
	i := slices.IndexFunc(got.Gaps, func(g receipt.Gap) bool { return g.Track == 1 && g.Reason == reason.DeviceHung })
	if i < 0 || heard.Offset > got.Size {
		t.Fatalf("the receipt has %+v", got)
	}
	g, last := got.Gaps[i], w.pictures[len(w.pictures)-1].in
	if g.To-g.From < 2000 || g.To < got.Duration || g.From < last.Milliseconds() || g.From > last.Milliseconds()+200 || g.Lost < 40 || g.Lost > got.Tracks[0].Lost {
		t.Errorf("the gap is %+v of %v, and the last picture at %v", g, got.Duration, last)
	}
}

// recorded is how many bytes of the only recording there can be, sent or not.
func (c *central) recorded() (most int64) {
	c.t.Helper()
	err := filepath.WalkDir(filepath.Join(c.state(), "spool"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			most = max(most, info.Size())
		}
		return err
	})
	if err != nil || most == 0 {
		c.t.Fatalf("the spool has %d bytes, %v", most, err)
	}
	return most
}

// A restart of either server in the middle costs the time of the restart, and
// no more.
func TestLiveRestart(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	d := c.ask(c.add("La cámara", liveTitle, 30), "mateo.test")
	reached := c.past(d.ID, 200_000).Offset
	r.kill()
	r.start()
	c.past(d.ID, reached+100_000)
	if status := c.stop(); status != 0 {
		t.Errorf("it stops with %d", status)
	}
	// Of each of its two lives something is to be there: else both ends are one gap.
	before := c.recorded()
	c.start()
	c.past(d.ID, before+100_000)
	c.kill()
	before = c.recorded()
	c.start()
	c.past(d.ID, before+100_000)
	c.end(d.ID)
	got, w := r.provenLive(c.deposited(d.ID))
	why := map[reason.Code]bool{}
	for _, g := range got.Gaps {
		why[g.Reason] = true
	}
	if !why[reason.ShuttingDown] || !why[reason.WorkerFailed] {
		t.Errorf("it is %v long: %+v", w.Duration, got)
	}
	// Where no pictures are, the receipt says so.
	for i, p := range w.pictures[1:] {
		was := w.pictures[i]
		if p.in-was.in <= 60*time.Millisecond {
			continue
		}
		if !slices.ContainsFunc(got.Gaps, func(g receipt.Gap) bool {
			return g.Track == 1 && time.Duration(g.From)*time.Millisecond < p.in && time.Duration(g.To)*time.Millisecond > was.in
		}) {
			t.Errorf("nothing is said of what is missing from %v to %v: %+v", was.in, p.in, got.Gaps)
		}
	}
}

// A recording is not over before its time, whatever the links carry, and a
// device that is not there is tried as long as it is time.
func TestLiveRefused(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	n := c.add("La cámara", liveTitle, 10)
	ask := control.Request{Key: "soon", Number: n, Reception: "mateo.test", By: time.Now().Add(5 * time.Minute).UTC()}
	_, err := c.client.Request(quick(t), ask)
	var refused *api.Refused
	if !errors.As(err, &refused) || refused.Code != reason.DeadlineTooSoon || refused.Constraint != "live" || time.Until(refused.Earliest) < 10*time.Minute || time.Until(refused.Earliest) > 11*time.Minute {
		t.Fatalf("refused with %+v", refused)
	}
	ask.Key, ask.By = "then", refused.Earliest.Add(time.Second)
	if _, err := c.client.Request(quick(t), ask); err != nil {
		t.Errorf("at the time of the counter-offer: %v", err)
	}
	absent := c.ask(c.add("Absent", fmt.Sprintf("v4l2:/dev/video%d", 63), 0.1), "mateo.test")
	c.failed(absent.ID, reason.DeviceAbsent)
}
