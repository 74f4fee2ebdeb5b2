package studio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/crew/puppet"
	"videoclub/internal/encode"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
	"videoclub/internal/worker"
)

// The tests start this very program as their workers.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Capture: capturing, worker.Record: recording, worker.Encode: encoding}))
	}
	goleak.VerifyTestMain(m)
}

func capturing(in *worker.Inside) error {
	c, err := in.File("control")
	if err != nil {
		return err
	}
	if script, ok := strings.CutPrefix(os.Args[0], puppetCaptures); ok {
		return puppet.Follow(io.NopCloser(strings.NewReader(script)), c, nil)
	}
	worker := &Capturer{Control: control.New(c)}
	if asks, ok := strings.CutPrefix(os.Args[0], losing); ok && strings.Contains(os.Args[3], "video") {
		pulled := make(chan os.Signal, 1)
		signal.Notify(pulled, pull)
		d := &pluggable{gone: make(chan struct{})}
		if asks != "" {
			d.ask = worker
		}
		go func() {
			<-pulled
			close(d.gone)
		}()
		worker.device = d.open
	}
	return worker.Run()
}

// losing is the name of a program whose workers have a camera that is gone for
// good when they get the signal pull; those of asking ask for it, too, and have it
// if they are given anything.
const (
	losing = "losing"
	asking = losing + ", asking"
	pull   = syscall.SIGUSR1
)

// pluggable is such a device.
type pluggable struct {
	capture.Device
	gone chan struct{}
	ask  *Capturer
}

func (p *pluggable) open() (capture.Device, error) {
	select {
	case <-p.gone:
		return nil, reason.New(reason.DeviceAbsent, "it is gone")
	default:
	}
	if p.ask != nil {
		if err := p.ask.Control.Send(control.OpenDevice{}); err != nil {
			return nil, err
		}
		d := <-p.ask.opened
		if d.err != nil {
			return nil, d.err
		}
		d.file.Close()
	}
	f, err := feed.Parse(picture)
	if err != nil {
		return nil, err
	}
	p.Device = capture.OpenPattern(f.Picture, capture.Now)
	return p, nil
}

// Next is that of the device, while there is one.
func (p *pluggable) Next() (capture.Buffer, error) {
	select {
	case <-p.gone:
		return capture.Buffer{}, syscall.ENODEV
	default:
		return p.Device.Next()
	}
}

func encoding(in *worker.Inside) error {
	pictures, err := in.File("pictures")
	if err != nil {
		return err
	}
	c, err := in.File("control")
	if err != nil {
		return err
	}
	return encode.Worker{Pictures: pictures, Control: control.New(c), Become: in.Become}.Run()
}

func recording(in *worker.Inside) error {
	var files [4]*os.File
	var errs []error
	for i, name := range []string{"data", "marks", "index", "control"} {
		f, err := in.File(name)
		files[i], errs = f, append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if script, ok := strings.CutPrefix(os.Args[0], puppetRecords); ok {
		return puppet.Follow(io.NopCloser(strings.NewReader(script)), files[3], nil)
	}
	return (&Recorder{Data: files[0], Marks: files[1], Index: files[2], Control: control.New(files[3])}).Run()
}

const (
	ms = time.Millisecond
	// patience is how long the slowest machine may take.
	patience = 30 * time.Second

	picture = "pattern:?size=160x120&fps=25"
	sound   = "tone:?channels=1&rate=8000"
)

// place is a Studio that runs.
type place struct {
	*Studio
	t    *testing.T
	dir  string
	stop func() // ends Run, and the workers with it

	program string // as the workers see it
	mute    time.Duration

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *place) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

var settings = Settings{Live: true, Spool: 1 << 30, Quality: 60, Encoder: encode.None}

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir()}
	p.start(settings, nil)
	return p
}

// start starts a Studio in the place, after taking up what parts there were.
func (p *place) start(set Settings, before func()) {
	p.t.Helper()
	program := "test"
	if p.program != "" {
		program = p.program
	}
	spawner, err := worker.NewSpawner(program)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Studio = New(Config{Spawner: spawner, Dir: p.dir, Clock: time.Now, Log: slog.New(slog.NewTextHandler(p, nil)), Mute: p.mute}, set)
	if before != nil {
		before()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := p.Studio
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	p.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		spawner.Close()
	})
	p.t.Cleanup(func() {
		p.stop()
		if p.t.Failed() {
			p.t.Logf("%s", p.log.String())
		}
	})
}

func (p *place) join(w Wish) Part {
	p.t.Helper()
	part, err := p.Join(p.t.Context(), w)
	if err != nil {
		p.t.Fatal(err)
	}
	return part
}

// until waits until something is so.
func (p *place) until(what string, is func() bool) {
	p.t.Helper()
	end := time.Now().Add(patience)
	for ticker := time.NewTicker(10 * ms); !is(); <-ticker.C {
		if time.Now().After(end) {
			p.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// taken is what a delivery has of a recording in the end.
type taken struct {
	t        *testing.T
	clusters []spool.Cluster
	tracks   []spool.Tally
	gaps     []spool.Gap
	pictures []pictured
	low      []byte // of the sound
	begins   time.Duration
}

// pictured is a picture by what it carries, and when it stands in the file.
type pictured struct {
	capture.Mark
	in time.Duration
}

// follow opens the recording that a part is of, until the test ends.
func (p *place) follow(part Part) (data *os.File, f *spool.Follower) {
	p.t.Helper()
	data, marks, index, err := p.Files(part.Recording)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, opened := range []*os.File{data, marks, index} {
		p.t.Cleanup(func() { opened.Close() })
	}
	return data, spool.Follow(data, marks, index)
}

// take follows a delivery's part to its end, as a read worker does.
func (p *place) take(w Wish, part Part) taken {
	p.t.Helper()
	data, f := p.follow(part)
	got := taken{t: p.t, begins: part.At}
	at, end := part.Base, part.At+w.Duration
	p.until("the part is whole", func() bool {
		some, err := f.Clusters(at, 100)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, c := range some {
			if c.From >= end && c.Reached >= end {
				return true
			}
			got.clusters = append(got.clusters, c)
			at = c.End
		}
		over, _ := p.Over(w.Delivery)
		m, err := f.Mark()
		return err != nil || len(some) == 0 && (over || m.Ended) && m.Offset <= at
	})
	before, err := f.Before(part.Base)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(got.clusters) == 0 {
		p.t.Fatal("the part has nothing")
	}
	for i, tally := range got.clusters[len(got.clusters)-1].Tracks {
		got.tracks = append(got.tracks, tally.Less(before.Tracks[i]))
	}
	if got.gaps, _, err = f.Gaps(part.Base, at, 100); err != nil {
		p.t.Fatal(err)
	}
	front := make([]byte, part.Head)
	if err := f.ReadAt(front, 0); err != nil {
		p.t.Fatal(err)
	}
	head, err := matroska.ReadHead(bytes.NewReader(front), part.Head)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range got.clusters {
		read, err := matroska.ReadCluster(data, c.Offset, c.End)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, b := range read.Blocks {
			got.block(head.Tracks[b.Track-1], b)
		}
	}
	return got
}

func (g *taken) block(track matroska.Track, b matroska.Block) {
	if track.Codec == "V_MPEG4/ISO/AVC" || track.Codec == "A_FLAC" {
		return // for others to decode
	}
	if !track.Picture() {
		g.low = append(g.low, capture.LowBits(b.Data, capture.Format{Channels: track.Channels, Bits: track.Bits})...)
		return
	}
	m, err := jpeg.Decode(bytes.NewReader(b.Data))
	if err != nil {
		g.t.Fatal(err)
	}
	mark, err := capture.ReadMark(m.(*image.YCbCr))
	if err != nil {
		g.t.Fatal(err)
	}
	g.pictures = append(g.pictures, pictured{mark, b.At})
}

// breaks are where the numbers of the pictures do not follow each other.
func (g *taken) breaks() (all []int) {
	for i := 1; i < len(g.pictures); i++ {
		if g.pictures[i].Number != g.pictures[i-1].Number+1 {
			all = append(all, i)
		}
	}
	return all
}

// broken gives the one gap for a reason, and where the pictures go on after it,
// besides the gaps that tell of a machine that was too slow, and the breaks there.
func (g *taken) broken(code reason.Code) (spool.Gap, int) {
	g.t.Helper()
	var all []spool.Gap
	lost := int64(0)
	for _, gap := range g.gaps {
		lost += gap.Lost
		if gap.Code != reason.DeviceOverrun {
			all = append(all, gap)
		}
	}
	if len(all) != 1 || all[0].Code != code || all[0].Track != 1 || g.tracks[0].Lost != lost {
		g.t.Fatalf("the gaps are %+v, not one for %s; the index says %+v", g.gaps, code, g.tracks[0])
	}
	breaks := g.breaks()
	for i := 1; i < len(g.pictures); i++ {
		// Who is killed when all was written may go on so soon that nothing is lost.
		broken := slices.Contains(breaks, i) || all[0].Lost == 0
		if broken && (g.pictures[i].in-all[0].To).Abs() <= 2*ms && len(breaks) <= len(g.gaps) {
			return all[0], i
		}
	}
	g.t.Fatalf("the gaps are %+v, and there are breaks at %v", g.gaps, breaks)
	return spool.Gap{}, 0
}

// whole checks that a part of a recording of picture and sound has everything,
// but for what the machine was too slow for and the gaps say so: it is there
// once, in order, and the counts are those of the index.
func (g *taken) whole(lasts time.Duration) {
	g.t.Helper()
	var lost [2]int64
	var late [2]int // gaps
	for _, gap := range g.gaps {
		if gap.Code != reason.DeviceOverrun {
			g.t.Errorf("there is the gap %+v", gap)
		}
		lost[gap.Track-1] += gap.Lost
		late[gap.Track-1]++
	}
	n, want := int64(len(g.pictures)), int64(lasts/(40*ms))
	if all := n + lost[0]; all < want-1 || all > want+4 || len(g.breaks()) > late[0] || g.pictures[n-1].Number-g.pictures[0].Number+1 != all ||
		g.tracks[0] != (spool.Tally{Packets: n, Frames: n, Lost: lost[0]}) {
		g.t.Errorf("%d pictures, not %d, with breaks at %v and the gaps %+v; the index says %+v", n, want, g.breaks(), g.gaps, g.tracks[0])
	}
	runs := capture.ReadPositions(g.low)
	frames := int64(0)
	for _, r := range runs {
		frames += r.Frames
	}
	// A word of 64 sound frames says where one is: those that are not whole, at
	// the ends of a run, do not.
	if heard := int64(len(g.low)); len(runs) == 0 || len(runs) > 1+late[1] || frames < heard-128*int64(len(runs)) ||
		runs[len(runs)-1].Position-runs[len(runs)-1].At-(runs[0].Position-runs[0].At) != lost[1] || g.tracks[1].Frames != heard || g.tracks[1].Lost != lost[1] {
		g.t.Errorf("the sound has the runs %v of %d and the gaps %+v; the index says %+v", runs, len(g.low), g.gaps, g.tracks[1])
	}
}

// pids are the workers of a kind that are started for something.
func (p *place) pids(kind worker.Kind, what string) (all []int) {
	own := os.Getpid()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", own))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", own, e.Name()))
		for _, word := range strings.Fields(string(text)) {
			line, _ := os.ReadFile("/proc/" + word + "/cmdline")
			var pid int
			if args := strings.Split(string(line), "\x00"); len(args) > 3 && args[2] == string(kind) && strings.Contains(args[3], what) {
				fmt.Sscan(word, &pid)
				all = append(all, pid)
			}
		}
	}
	return all
}

// recorded waits until so much of a part is recorded.
func (p *place) recorded(part Part, d time.Duration) {
	p.t.Helper()
	_, f := p.follow(part)
	at := part.Base
	p.until("enough is recorded", func() bool {
		some, err := f.Clusters(at, 100)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, c := range some {
			if at = c.End; c.To >= part.At+d {
				return true
			}
		}
		return false
	})
}

// kill kills the workers of a kind that are started for something, after they have
// stood still for some pictures: what is on its way to them then is lost. Tests run
// side by side, so what it is no other may have: of a recording, the delivery's number.
func (p *place) kill(kind worker.Kind, what string) {
	p.t.Helper()
	p.signal(kind, what, syscall.SIGSTOP)
	time.Sleep(200 * ms)
	p.signal(kind, what, syscall.SIGKILL)
}

// signal sends a signal to the workers of a kind that are started for something.
func (p *place) signal(kind worker.Kind, what string, s syscall.Signal) {
	p.t.Helper()
	all := p.pids(kind, what)
	if len(all) == 0 {
		p.t.Fatalf("there is no %s worker", kind)
	}
	for _, pid := range all {
		if err := syscall.Kill(pid, s); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Picture and sound of one delivery: nothing is lost or doubled. When it has
// left, nothing is left of the recording, and nobody works for it.
func TestOne(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := Wish{Delivery: 7, Location: "pattern:?size=160x122&fps=25+" + sound, Title: "Bars", Duration: 2 * time.Second}
	part := p.join(w)
	if part.At != 0 || part.Base != part.Head || time.Since(part.Began) > patience || time.Since(part.Began) < 0 {
		t.Errorf("the part is %+v", part)
	}
	got := p.take(w, part)
	got.whole(w.Duration)
	p.until("the recording ends", func() bool { return p.State().Recordings == 0 })
	if over, err := p.Over(7); !over || err != nil {
		t.Errorf("%v, %v", over, err)
	}
	p.Leave(7)
	if left, err := os.ReadDir(p.dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	p.until("nobody works", func() bool { return len(p.pids(worker.Capture, "160x122"))+len(p.pids(worker.Record, "-7-")) == 0 })
}

// A delivery that joins later has its own whole part of the recording, which goes
// on until the last has its own. One that is cancelled ends it for itself alone.
func TestJoin(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := Wish{Delivery: 1, Location: picture + "+" + sound, Title: "Bars", Duration: 2 * time.Second}
	second, third := first, first
	second.Delivery, third.Delivery, third.Duration = 2, 3, time.Hour
	thirdPart := p.join(third) // however late the others are, the recording goes on
	firstPart := p.join(first)
	p.recorded(firstPart, 700*ms)
	secondPart := p.join(second)
	if secondPart.Recording != firstPart.Recording || thirdPart.Recording != firstPart.Recording || secondPart.At < firstPart.At+500*ms ||
		secondPart.Base <= firstPart.Base || firstPart.Base < thirdPart.Base {
		t.Errorf("the parts are %+v, %+v and %+v", firstPart, secondPart, thirdPart)
	}
	p.Stop(3)
	for _, d := range []struct {
		Wish
		Part
	}{{first, firstPart}, {second, secondPart}} {
		got := p.take(d.Wish, d.Part)
		got.whole(d.Duration)
		if off := got.clusters[0].From - d.At; off != 0 {
			t.Errorf("delivery %d begins %v later than was said", d.Delivery, off)
		}
	}
	p.until("the recording ends", func() bool { over, _ := p.Over(3); return over && p.State().Recordings == 0 })
	for n := range int64(3) {
		p.Leave(n + 1)
	}
	if left, err := os.ReadDir(p.dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// Whoever is killed, the recording goes on in the same spool: all before and
// after is there, and what is missing is a gap with its times and its reason.
func TestKilled(t *testing.T) {
	t.Parallel()
	for kind, what := range map[worker.Kind]string{worker.Capture: "160x124", worker.Record: "-126-"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			height := map[worker.Kind]int64{worker.Capture: 124, worker.Record: 126}[kind]
			w := Wish{Delivery: height, Location: fmt.Sprintf("pattern:?size=160x%d&fps=25", height), Title: "Bars", Duration: time.Hour}
			part := p.join(w)
			p.recorded(part, time.Second)
			p.kill(kind, what)
			p.until("it goes on", func() bool {
				r, _ := p.Report(height, 0)
				for _, g := range r.Gaps {
					if g.Reason == reason.WorkerFailed {
						w.Duration = time.Duration(g.To)*ms + time.Second
					}
				}
				return w.Duration < time.Hour
			})
			p.recorded(part, w.Duration)
			got := p.take(w, part)
			p.Leave(height)
			g, at := got.broken(reason.WorkerFailed)
			before, after := got.pictures[at-1], got.pictures[at]
			if (g.From - min(before.in+40*ms, after.in)).Abs() > 3*ms {
				t.Errorf("the gap is from %v to %v, and the pictures are from %v to %v", g.From, g.To, before.in, after.in)
			}
			missing := int64((after.in - before.in - 20*ms) / (40 * ms))
			if g.Lost < missing-1 || g.Lost > missing+1 {
				t.Errorf("%d are lost, not %d", g.Lost, missing)
			}
			// The times are true over the gap.
			if off := (after.Mark.At - before.Mark.At) - (after.in - before.in); kind == worker.Record && off.Abs() > 2*ms {
				t.Errorf("what comes after is off by %v", off)
			}
			if total, want := int64(len(got.pictures))+got.tracks[0].Lost, int64(w.Duration/(40*ms)); total < want-2 || total > want+4 {
				t.Errorf("%d pictures in all, not %d", total, want)
			}
		})
	}
}

// Who captures is killed, and the device is gone when it is opened again: that
// explains most of what is missing.
func TestKilledAndGone(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), program: asking}
	p.start(settings, nil)
	var gone atomic.Bool
	p.device(func(*feed.Ask) (*os.File, error) {
		if gone.Load() {
			return nil, reason.New(reason.DeviceAbsent, "it is gone")
		}
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	})
	w := Wish{Delivery: 1, Location: "v4l2:/dev/video95?size=160x120", Title: "Bars", Duration: time.Hour}
	part := p.join(w)
	p.recorded(part, time.Second)
	gone.Store(true)
	p.kill(worker.Capture, "video95")
	killed := time.Now()
	p.until("it is known to be gone", func() bool { return slices.Equal(p.Silent(1), []reason.Code{reason.DeviceAbsent}) })
	known := time.Since(killed)
	p.until("it is gone for most of the time", func() bool { return time.Since(killed) > 2*known+time.Second })
	gone.Store(false)
	p.until("it goes on", func() bool {
		r, _ := p.Report(1, 0)
		for _, g := range r.Gaps {
			if g.Reason != reason.DeviceOverrun {
				w.Duration = time.Duration(g.To)*ms + 500*ms
			}
		}
		return w.Duration < time.Hour
	})
	p.recorded(part, w.Duration)
	got := p.take(w, part)
	p.Leave(1)
	if g, _ := got.broken(reason.DeviceAbsent); g.To-g.From < known {
		t.Errorf("the gap is %+v", g)
	}
}

// A device that is gone and does not come back before the end: what is missing is
// a gap up to there, for its reason; a delivery whose time is over while another's
// is not is told of it.
func TestLostForGood(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), program: losing}
	p.start(settings, nil)
	w := Wish{Delivery: 1, Location: "v4l2:/dev/video97?size=160x120", Title: "Bars", Duration: 3 * time.Second}
	part := p.join(w)
	p.recorded(part, 500*ms)
	p.signal(worker.Capture, "video97", pull)
	got := p.take(w, part)
	// Of a machine that is too slow there may be others.
	got.gaps = slices.DeleteFunc(got.gaps, func(g spool.Gap) bool { return g.Code == reason.DeviceOverrun })
	if len(got.gaps) != 1 || len(got.pictures) == 0 {
		t.Fatalf("the gaps are %+v, of %d pictures", got.gaps, len(got.pictures))
	}
	g, last := got.gaps[0], got.pictures[len(got.pictures)-1]
	if g.Code != reason.DeviceAbsent || g.Track != 1 || g.To != w.Duration || g.From < last.in || g.From > last.in+500*ms {
		t.Errorf("the gap is %+v, and the last picture at %v", g, last.in)
	}
	if missing := int64((g.To - g.From) / (40 * ms)); g.Lost < missing/2 || g.Lost > missing+2 {
		t.Errorf("%d are lost, not %d", g.Lost, missing)
	}
	p.until("the recording ends", func() bool { over, _ := p.Over(1); return over })
	p.Leave(1)

	long, short := w, w
	long.Delivery, long.Duration, short.Delivery = 2, time.Hour, 3
	p.join(long)
	p.join(short)
	p.signal(worker.Capture, "video97", pull)
	var why error
	p.until("the short one is over", func() (over bool) { over, why = p.Over(3); return over })
	if over, _ := p.Over(2); over || reason.Of(why) != reason.DeviceAbsent || p.State().Recordings != 1 {
		t.Errorf("the long one is over: %v; the short one for %v", over, why)
	}
	p.Leave(3)
	p.Leave(2)
}

// A camera that is gone while the microphone goes on: a delivery whose time is over
// is told what is silent and why, and the recording notes it when it ends.
func TestLostBesideAMicrophone(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), program: losing}
	p.start(settings, nil)
	long := Wish{Delivery: 1, Location: "v4l2:/dev/video96?size=160x120+" + sound, Title: "Bars", Duration: time.Hour}
	short := long
	short.Delivery, short.Duration = 2, 3*time.Second
	p.join(long)
	part := p.join(short)
	p.recorded(part, 500*ms)
	if silent := p.Silent(2); silent != nil {
		t.Errorf("silent are %v", silent)
	}
	p.signal(worker.Capture, "video96", pull)
	got := p.take(short, part)
	p.until("the short one is over", func() bool { over, _ := p.Over(2); return over })
	if silent := p.Silent(2); !slices.Equal(silent, []reason.Code{reason.DeviceAbsent, ""}) {
		t.Errorf("silent are %v", silent)
	}
	_, f := p.follow(part)
	end := got.clusters[len(got.clusters)-1].End
	if g, known, err := f.Open(end, 1); known || err != nil {
		t.Errorf("noted is %+v, %v", g, err)
	}
	p.Stop(1)
	p.until("the recording ends", func() bool { over, _ := p.Over(1); return over })
	if g, _, err := f.Open(end, 1); g.Code != reason.DeviceAbsent || err != nil {
		t.Errorf("noted is %+v, %v", g, err)
	}
	if silent := p.Silent(2); silent != nil {
		t.Errorf("after the end silent are %v", silent)
	}
	p.Leave(1)
	p.Leave(2)
}

// Who captures or records and says nothing any more is replaced, and the time
// without is a gap.
func TestHung(t *testing.T) {
	t.Parallel()
	const mute = 3 * time.Second
	for kind, height := range map[worker.Kind]int64{worker.Capture: 130, worker.Record: 132} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := &place{t: t, dir: t.TempDir(), mute: mute}
			p.start(settings, nil)
			w := Wish{Delivery: height, Location: fmt.Sprintf("pattern:?size=160x%d&fps=25", height), Title: "Bars", Duration: time.Hour}
			part := p.join(w)
			p.recorded(part, time.Second)
			p.signal(kind, map[worker.Kind]string{worker.Capture: "160x130", worker.Record: "-132-"}[kind], syscall.SIGSTOP)
			p.recorded(part, mute+2*time.Second)
			w.Duration = mute + 2*time.Second
			got := p.take(w, part)
			if !slices.ContainsFunc(got.gaps, func(g spool.Gap) bool { return g.Code == reason.WorkerFailed && g.To-g.From >= mute/2 }) {
				t.Errorf("the gaps are %+v", got.gaps)
			}
			if breaks := got.breaks(); len(breaks) == 0 || got.tracks[0].Lost < 25 {
				t.Errorf("breaks at %v; the index says %+v", breaks, got.tracks[0])
			}
			p.Leave(height)
		})
	}
}

// Who records is at work while its device gives nothing, and is left alone.
func TestSilentIsNotHung(t *testing.T) {
	t.Parallel()
	const mute = 3 * time.Second
	p := &place{t: t, dir: t.TempDir(), program: losing, mute: mute}
	p.start(settings, nil)
	w := Wish{Delivery: 134, Location: "v4l2:/dev/video94?size=160x120", Title: "Bars", Duration: time.Hour}
	part := p.join(w)
	p.recorded(part, 500*ms)
	before := p.pids(worker.Record, "-134-")
	p.signal(worker.Capture, "video94", pull)
	gone := time.Now()
	p.until("it was silent for long", func() bool { return time.Since(gone) > 2*mute })
	if after := p.pids(worker.Record, "-134-"); len(before) != 1 || !slices.Equal(before, after) {
		t.Errorf("first %v recorded, then %v", before, after)
	}
	p.Leave(134)
}

// Restarts of the server: one in order and one by power. Both parts go on in the
// same recording; one whose time was over by then has what there was.
func TestTakenUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	long := Wish{Delivery: 1, Location: picture, Title: "Bars", Duration: 6 * time.Second}
	short := long
	short.Delivery, short.Duration = 2, 1200*ms
	longPart, shortPart := p.join(long), p.join(short)
	p.recorded(shortPart, time.Second) // which may have joined late
	p.stop()
	p.until("the short one's time passes", func() bool { return time.Since(shortPart.Began) > short.Duration+500*ms })
	p.start(settings, func() {
		if err := errors.Join(p.Take(long, longPart), p.Take(short, shortPart)); err != nil {
			t.Fatal(err)
		}
		if err := p.Take(Wish{Delivery: 3, Location: picture, Duration: time.Hour}, Part{Recording: "none"}); reason.Of(err) != reason.SourceUnreadable {
			t.Errorf("what is not there: %v", err)
		}
	})
	if got := p.take(short, shortPart); len(got.pictures) < 15 || len(got.pictures) > 32 {
		t.Errorf("the short one has %d pictures", len(got.pictures))
	}
	got := p.take(long, longPart)
	if g, _ := got.broken(reason.ShuttingDown); g.From < 900*ms || g.To < short.Duration+500*ms {
		t.Errorf("the gap is %+v", g)
	}
	if total := int64(len(got.pictures)) + got.tracks[0].Lost; total < 147 || total > 155 {
		t.Errorf("%d pictures in all", total)
	}
}

// What every delivery has makes room; a spool that is full all the same ends the
// recording with what is there.
func TestSpoolBound(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"released": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &place{t: t, dir: t.TempDir()}
			// There is room for 3 s, within which a slow machine must have let go of some.
			p.start(Settings{Live: true, Spool: 48_000, Quality: 85, Keep: keep}, nil)
			w := Wish{Delivery: 1, Location: sound, Title: "Tone", Duration: 6 * time.Second} // of 16,000 bytes a second
			part := p.join(w)
			data, marks, index, err := p.Files(part.Recording)
			if err != nil {
				t.Fatal(err)
			}
			defer data.Close()
			defer marks.Close()
			defer index.Close()
			f, ended := spool.Follow(data, marks, index), spool.Mark{}
			p.until("the recording ends", func() bool {
				m, err := f.Mark()
				if err != nil {
					t.Fatal(err)
				}
				p.Hold(1, m.Offset)
				ended = m
				return m.Ended
			})
			p.until("that is told", func() bool { over, _ := p.Over(1); return over })
			_, why := p.Over(1)
			switch {
			case keep && (reason.Of(why) != reason.SpoolFull || ended.Offset > 48_000 || ended.Offset < 40_000):
				t.Errorf("kept: %v, %v", ended, why)
			case !keep && (why != nil || ended.Offset < 80_000 || ended.Released < 40_000):
				t.Errorf("released: %v, %v", ended, why)
			}
		})
	}
}

// device pretends that a device is there, or not.
func (p *place) device(open func(*feed.Ask) (*os.File, error)) { p.Open = open }

// A device that opens when nobody wants it any more is closed, and whoever wants it
// next has it opened after that.
func TestOpenedLate(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), mute: patience}
	p.start(settings, nil)
	asked, release := make(chan struct{}), make(chan struct{})
	var late *os.File
	p.device(func(*feed.Ask) (*os.File, error) {
		if late != nil {
			_, err := late.Stat()
			return nil, reason.New(reason.DeviceAbsent, "the one before: %v", err)
		}
		asked <- struct{}{}
		<-release
		var err error
		late, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
		return late, err
	})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := p.Join(ctx, Wish{Delivery: 1, Location: "/dev/video9", Title: "x", Duration: time.Second})
		left <- err
	}()
	<-asked
	cancel()
	<-left
	p.until("the worker has ended", func() bool { return len(p.pids(worker.Capture, "video9")) == 0 })
	next := make(chan error)
	go func() {
		_, err := p.Join(t.Context(), Wish{Delivery: 2, Location: "/dev/video9", Title: "y", Duration: time.Second})
		next <- err
	}()
	p.until("it is captured for the next", func() bool {
		p.Studio.mu.Lock()
		defer p.Studio.mu.Unlock()
		return len(p.cameras) == 1
	})
	close(release)
	if err := <-next; reason.Of(err) != reason.DeviceAbsent || !strings.Contains(err.Error(), os.ErrClosed.Error()) {
		t.Errorf("the next is told: %v", err)
	}
}

// What hinders a recording from beginning is told at once, and leaves nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p.device(func(a *feed.Ask) (*os.File, error) {
		if a.Device == "/dev/video9" {
			return nil, reason.New(reason.DeviceAbsent, "there is none")
		}
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	})
	for location, want := range map[string]reason.Code{
		"/dev/video9": reason.DeviceAbsent, "pattern:?size=1x1": reason.Usage, "alsa:hw:0,0": reason.DeviceUnfit,
		picture + "+alsa:hw:0,0": reason.DeviceUnfit, "pattern:?encode=h264": reason.EncoderAbsent,
	} {
		_, err := p.Join(t.Context(), Wish{Delivery: 1, Location: location, Title: "x", Duration: time.Second})
		if reason.Of(err) != want {
			t.Errorf("%s: %v", location, err)
		}
	}
	p.SetSettings(Settings{Live: true, Devices: []string{"/dev/video7"}, Quality: 85, Spool: 1 << 20})
	if err := p.Check("/dev/video9"); reason.Of(err) != reason.NotPermitted {
		t.Errorf("a device that is not permitted: %v", err)
	}
	if err := errors.Join(p.Check("/dev/video7"), p.Check(picture)); err != nil {
		t.Error(err)
	}
	p.SetSettings(Settings{})
	if err := p.Check(picture); reason.Of(err) != reason.NotPermitted {
		t.Errorf("where there are no live sources: %v", err)
	}
	p.until("nothing is left", func() bool {
		left, err := os.ReadDir(p.dir)
		return err == nil && len(left) == 0 && len(p.pids(worker.Capture, "hw:0,0")) == 0
	})
}

// Who waits for a file system that hangs, waits alone.
func TestHungFileSystem(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	hangs, asked := make(chan struct{}), make(chan struct{}, 1)
	p.node = func(a *feed.Ask) string {
		asked <- struct{}{}
		<-hangs
		return a.Device
	}
	p.device(func(*feed.Ask) (*os.File, error) { return nil, reason.New(reason.DeviceAbsent, "there is none") })
	joined := make(chan error)
	go func() {
		_, err := p.Join(t.Context(), Wish{Delivery: 1, Location: "/dev/video9", Title: "x", Duration: time.Second})
		joined <- err
	}()
	<-asked
	p.join(Wish{Delivery: 2, Location: picture, Title: "Bars", Duration: time.Hour})
	if n := p.State(); n.Recordings != 1 {
		t.Errorf("%+v", n)
	}
	p.Leave(2)
	select {
	case err := <-joined:
		t.Errorf("it did not hang: %v", err)
	default:
	}
	close(hangs)
	if err := <-joined; reason.Of(err) != reason.DeviceAbsent {
		t.Errorf("afterwards: %v", err)
	}
}

// A device that is captured is shared with who asks for the same of it, and busy
// for who asks for something else.
func TestSuits(t *testing.T) {
	ask := func(location string) *feed.Ask {
		f, err := feed.ParseWith(location, 70)
		if err != nil {
			t.Fatal(err)
		}
		return f.Asks()[0]
	}
	c := newCamera(New(Config{}, Settings{}), "", ask("/dev/video0?size=640x480"))
	defer c.cancel()
	c.users[&reel{title: "The yard"}] = 1
	for location, shared := range map[string]bool{
		"/dev/video0": true, "/dev/video0?size=640x480": true, "/dev/video0?size=320x240": false, "/dev/video0?quality=71": false, "/dev/video0?encode=raw": false,
		"/dev/video0?fps=30": false,
	} {
		if err := c.suits(ask(location)); shared != (err == nil) || !shared && (reason.Of(err) != reason.DeviceBusy || !strings.Contains(err.Error(), "The yard")) {
			t.Errorf("%s: %v", location, err)
		}
	}
	c.gives = &control.Capturing{Pixels: "yuyv", Width: 640, Height: 480, RateNum: 30, RateDen: 1}
	for location, shared := range map[string]bool{"/dev/video0?fps=30": true, "/dev/video0?fps=25": false, "/dev/video0?format=yuyv": true, "/dev/video0?format=mjpeg": false} {
		if err := c.suits(ask(location)); shared != (err == nil) {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// A title with sound and one without are two recordings.
func TestTwoRecordings(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	a := Wish{Delivery: 1, Location: picture, Title: "A", Duration: time.Second}
	b := Wish{Delivery: 2, Location: picture + "+" + sound, Title: "B", Duration: time.Second}
	partA, partB := p.join(a), p.join(b)
	if partA.Recording == partB.Recording {
		t.Error("they are one recording")
	}
	if got := p.take(a, partA); len(got.breaks()) > len(got.gaps) || len(got.low) != 0 {
		t.Errorf("breaks at %v, the gaps %+v", got.breaks(), got.gaps)
	}
	got := p.take(b, partB)
	got.whole(b.Duration)
	if n := p.State(); n.Devices != 0 || n.Lost != 0 {
		t.Errorf("%+v", n)
	}
	if names, err := filepath.Glob(filepath.Join(p.dir, "*", "index")); err != nil || len(names) != 2 || !slices.IsSorted(names) {
		t.Errorf("%v, %v", names, err)
	}
}

// What is there is said with who has it; of a device that cannot be looked at,
// with the reason.
func TestSources(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Find = func() []capture.Found {
		return []capture.Found{
			{Kind: feed.V4L2, Node: "/dev/video77", Location: "v4l2:/dev/video77"},
			{Kind: feed.V4L2, Node: "/dev/null", Location: "v4l2:/dev/null"}, // no camera
			{Kind: feed.ALSA, Node: "/dev/null", Location: "alsa:hw:7,7"},
		}
	}
	p.join(Wish{Delivery: 1, Location: "tone:", Title: "Tone", Duration: time.Hour})
	got := p.Sources(t.Context())
	want := []control.LiveSource{
		{Location: "v4l2:/dev/video77", Node: "/dev/video77", Kind: control.SourceCamera, Reason: reason.DeviceAbsent},
		{Location: "alsa:hw:7,7", Node: "/dev/null", Kind: control.SourceMicrophone, Reason: reason.DeviceUnfit},
		{Location: "pattern:", Kind: control.SourcePattern},
		{Location: "tone:", Kind: control.SourceTone, Titles: []string{"Tone"}},
	}
	for i := range got {
		if got[i].Reason != "" && got[i].Problem == "" {
			t.Errorf("%s has no words", got[i].Location)
		}
		got[i].Problem = ""
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	p.Leave(1)
}

// A device that another recording had until just now is there for the next one as
// soon as who captured it has gone.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), program: asking}
	p.start(settings, nil)
	p.device(func(*feed.Ask) (*os.File, error) {
		if len(p.pids(worker.Capture, "video92")) > 1 {
			return nil, reason.New(reason.DeviceBusy, "another worker has it")
		}
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	})
	w := Wish{Delivery: 1, Location: "v4l2:/dev/video92?size=160x120", Title: "Bars", Duration: time.Hour}
	p.join(w)
	p.Leave(1)
	p.until("the recording has ended", func() bool { return p.State().Recordings == 0 })
	w.Delivery, w.Title = 2, "Others"
	p.join(w)
	p.Leave(2)
}

// A camera that is not there after a restart keeps nobody from recording the sound.
func TestTakenUpWithout(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), program: asking}
	var gone atomic.Bool
	open := func(*feed.Ask) (*os.File, error) {
		if gone.Load() {
			return nil, reason.New(reason.DeviceAbsent, "it is gone")
		}
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	p.start(settings, nil)
	p.device(open)
	w := Wish{Delivery: 1, Location: sound + "+v4l2:/dev/video93?size=160x120", Title: "Bars", Duration: 6 * time.Second}
	part := p.join(w)
	p.recorded(part, time.Second)
	p.stop()
	gone.Store(true)
	p.start(settings, func() {
		p.device(open)
		if err := p.Take(w, part); err != nil {
			t.Fatal(err)
		}
	})
	got := p.take(w, part)
	if heard := len(got.low); heard < 3*8000 {
		t.Errorf("there are %d sound frames of 48000, and the gaps are %+v", heard, got.gaps)
	}
	p.until("the recording ends", func() bool { over, _ := p.Over(1); return over })
	_, f := p.follow(part)
	if g, _, err := f.Open(got.clusters[len(got.clusters)-1].End, 1); g.Code != reason.DeviceAbsent || g.To < w.Duration-100*ms || err != nil {
		t.Errorf("noted is %+v, %v", g, err)
	}
	p.Leave(1)
}

// What deliveries have makes room in a spool, even if the worker that was told so is
// killed and nobody has more by the time that there is none left.
func TestSpoolBoundAfterKilled(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir()}
	p.start(Settings{Live: true, Spool: 80_000, Quality: 85}, nil)
	w := Wish{Delivery: 140, Location: sound, Title: "Tone", Duration: time.Hour} // of 16,000 bytes a second
	part := p.join(w)
	_, f := p.follow(part)
	offset := func() int64 {
		m, err := f.Mark()
		if err != nil {
			t.Fatal(err)
		}
		return m.Offset
	}
	p.until("there is something to let go of", func() bool { return offset() > part.Base+16_000 })
	p.Hold(w.Delivery, offset())
	p.kill(worker.Record, part.Recording)
	p.until("there is more than there is room for", func() bool {
		over, why := p.Over(w.Delivery)
		if over {
			t.Fatalf("it ends at %d: %v", offset(), why)
		}
		return offset() > 88_000
	})
}

// Who records is killed after the date of the machine was set: the recording goes on at
// its true time all the same.
func TestKilledAfterTheDateWasSet(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := Wish{Delivery: 142, Location: sound, Title: "Tone", Duration: 10 * time.Hour}
	part := p.join(w)
	p.recorded(part, 500*ms)
	// An hour more since it began, by the date.
	data, err := os.OpenFile(filepath.Join(p.dir, part.Recording, "data"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	front, err := matroska.ReadHead(data, part.Head)
	if err != nil {
		t.Fatal(err)
	}
	front.Head.Date = front.Head.Date.Add(-time.Hour)
	earlier, err := matroska.NewFront(front.Head)
	if err != nil || int64(len(earlier.Bytes)) != part.Head {
		t.Fatalf("a front of %d bytes, not %d: %v", len(earlier.Bytes), part.Head, err)
	}
	if _, err := data.WriteAt(earlier.Bytes, 0); err != nil {
		t.Fatal(err)
	}
	p.kill(worker.Record, part.Recording)
	p.until("it goes on", func() bool {
		r, _ := p.Report(w.Delivery, 0)
		for _, g := range r.Gaps {
			if g.To-g.From >= patience.Milliseconds() {
				t.Fatalf("the gap is %+v", g)
			}
		}
		return len(r.Gaps) > 0
	})
}
