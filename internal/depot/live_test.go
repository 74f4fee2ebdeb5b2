package depot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// film is a recording of pictures and sound: its stream, what is filled in at
// its front, and what it has.
type film struct {
	stream   []byte
	patches  []matroska.Patch
	recorded receipt.Recorded
	head     int
}

// shot records n clusters.
func shot(t testing.TB, n int) film { return filmed(t, n, 700) }

// filmed records n clusters whose first pictures have size bytes and more.
func filmed(t testing.TB, n, size int) film {
	t.Helper()
	front, err := matroska.NewFront(matroska.Head{Title: "La cámara", Date: clock(), Tracks: []matroska.Track{
		{Codec: "V_MJPEG", Width: 160, Height: 120}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16},
	}})
	ok(t, err)
	f := film{stream: bytes.Clone(front.Bytes), head: len(front.Bytes)}
	var cues []matroska.Cue
	for i := range n {
		at := time.Duration(i) * 100 * time.Millisecond
		cues = append(cues, matroska.Cue{At: at, Track: 1, Cluster: int64(len(f.stream))})
		f.stream, err = matroska.AppendCluster(f.stream, []matroska.Block{
			{Track: 1, At: at, Key: true, Data: bytesOf(size+i, uint64(i))}, {Track: 2, At: at, Key: true, Data: bytesOf(1600, uint64(i))},
			{Track: 1, At: at + 50*time.Millisecond, Key: true, Data: bytesOf(300, uint64(i))},
		})
		ok(t, err)
	}
	tail, patches := front.End(int64(len(f.stream)), time.Duration(n)*100*time.Millisecond, cues)
	f.stream, f.patches = append(f.stream, tail...), patches
	f.recorded = receipt.Recorded{
		Duration: int64(n) * 100, Tracks: []receipt.Track{{Packets: int64(2 * n), Frames: int64(2 * n), Lost: 1}, {Packets: int64(n), Frames: int64(800 * n)}},
		Gaps: []receipt.Gap{{From: 40, To: 80, Track: 1, Lost: 1, Reason: reason.DeviceOverrun}},
	}
	return f
}

// file is what is to lie in the store.
func (f film) file() []byte {
	b := bytes.Clone(f.stream)
	for _, p := range f.patches {
		copy(b[p.Offset:], p.Bytes)
	}
	return b
}

// counted says whether tracks are what the film has.
func (f film) counted(tracks []receipt.Track) bool {
	return len(tracks) == 2 && tracks[0] == (receipt.Track{Packets: f.recorded.Tracks[0].Packets, Frames: f.recorded.Tracks[0].Frames}) &&
		tracks[1] == (receipt.Track{Packets: f.recorded.Tracks[1].Packets, Frames: f.recorded.Tracks[1].Frames})
}

func liveOffer() Offer {
	return Offer{
		Title: 7, Name: "La cámara", Extension: ".mkv", Size: -1, Expected: 10_000, MTime: clock().UnixNano() + 5, Duration: time.Minute,
		Deadline: clock().Add(time.Hour), Reception: "mateo.elo.utfsm.cl", Central: central + strings.Repeat("0", 56),
	}
}

// take does what the store worker does with the stream, in frames up to upTo,
// and gives the result when that is its end.
func (f film) take(in *Incoming, frame func() int, upTo int, synced func(int64)) (Result, error) {
	p, err := OpenLive(in.Data, in.Slots)
	if err != nil {
		return Result{}, err
	}
	defer p.Close()
	for at := int(p.Offset()); at < upTo; {
		end := min(upTo, at+frame())
		if err := p.Append(f.stream[at:end]); err != nil {
			return Result{}, err
		}
		at = end
		offset, err := p.Sync()
		if err != nil {
			return Result{}, err
		}
		synced(offset)
	}
	if upTo < len(f.stream) {
		return Result{}, nil
	}
	sum, err := p.Finish()
	if err != nil {
		return Result{}, err
	}
	tracks, err := p.Counted()
	if err != nil {
		return Result{}, err
	}
	if !f.counted(tracks) {
		return Result{}, fmt.Errorf("counted are %+v", tracks)
	}
	res := Result{Stream: sum, Size: p.Offset(), Frames: p.Frames(), Resumes: p.Resumes(), Recorded: f.recorded}
	res.SHA256, err = p.Complete(f.patches, func() {})
	return res, err
}

// A live source of unknown size is counted as it passes, also over many
// beginnings, and published with its front filled in and what was reserved given
// back.
func TestLive(t *testing.T) {
	f, chance := shot(t, 40), rand.New(rand.NewPCG(3, 4))
	for name, make := range stores() {
		t.Run(name, func(t *testing.T) {
			fsys := make(t)
			d, o := mustOpen(t, fsys, Limits{}), liveOffer()
			for from := 0; from < len(f.stream); {
				in, err := d.Begin(key(1), o, sign)
				ok(t, err)
				if in.Offset != int64(from) {
					t.Fatalf("it goes on at %d, not at %d", in.Offset, from)
				}
				from = min(len(f.stream), from+1+chance.IntN(20_000))
				if from > 60_000 {
					from = len(f.stream)
				}
				res, err := f.take(in, func() int { return 1 + chance.IntN(3000) }, from, func(offset int64) {
					if err := d.Grow(key(1), offset); err != nil {
						t.Fatal(err)
					}
				})
				ok(t, err)
				if from == len(f.stream) {
					r, err := d.Publish(key(1), res, sign)
					ok(t, err)
					if err := receipt.Verify(r); err != nil || r.Version != receipt.VersionLive || !r.Recorded().Equal(f.recorded) || r.Size != int64(from) ||
						r.SHA256 != digest(f.file()) || r.Stream != digest(f.stream) || !r.Captured.Equal(clock()) || r.Path != "La cámara.mkv" {
						t.Errorf("the receipt is %+v, %v", r, err)
					}
				}
				d.Release(key(1))
			}
			if !bytes.Equal(read(t, fsys, "La cámara.mkv"), f.file()) {
				t.Error("other bytes than were sent")
			}
			info, err := fsys.Stat("La cámara.mkv")
			ok(t, err)
			if info.Allocated > info.Size+64<<10 {
				t.Errorf("%d bytes are kept for %d", info.Allocated, info.Size)
			}
			// Asked for again, it is there.
			if in, err := d.Begin(key(1), o, sign); err != nil || in.Receipt == nil {
				t.Errorf("asked for again: %+v, %v", in, err)
			}
		})
	}
}

// While a long recording is digested, the worker says how far it is: the other side
// would give it up.
func TestLongLiveStaysAlive(t *testing.T) {
	f := filmed(t, 2*hashedAtOnce>>20+3, 1<<20)
	data, slots := open(t, osRoot(t))
	p, err := OpenLive(data, slots)
	ok(t, err)
	defer p.Close()
	for at := 0; at < len(f.stream); at += 250_000 {
		ok(t, p.Append(f.stream[at:min(at+250_000, len(f.stream))]))
	}
	_, err = p.Finish()
	ok(t, err)
	told := 0
	sum, err := p.Complete(f.patches, func() {
		told++
		if at := p.Offset(); at != int64(len(f.stream)) {
			t.Errorf("it says that it has %d of %d bytes", at, len(f.stream))
		}
	})
	if err != nil || sum != digest(f.file()) || told != 2 {
		t.Errorf("it has %s, %v, and said %d times that it goes on", sum, err, told)
	}
}

// What is no recording, ends within a cluster, or would fill in more than the
// front, is refused.
func TestLiveRefused(t *testing.T) {
	f := shot(t, 3)
	for name, test := range map[string]struct {
		stream  []byte
		patches []matroska.Patch
	}{
		"no recording":          {bytesOf(5000, 9), nil},
		"another cluster":       {append(bytes.Clone(f.stream[:f.head]), bytesOf(5000, 9)...), nil},
		"a damaged cluster":     {append(append(bytes.Clone(f.stream[:f.head+500]), 0xff), f.stream[f.head+501:]...), nil},
		"half a cluster":        {f.stream[:f.head+500], nil},
		"half a front":          {f.stream[:f.head-5], nil},
		"beyond the front":      {f.stream, []matroska.Patch{{Offset: int64(f.head) - 3, Bytes: []byte("four")}}},
		"before the front":      {f.stream, []matroska.Patch{{Offset: -1, Bytes: []byte("four")}}},
		"far beyond everything": {f.stream, []matroska.Patch{{Offset: 1<<63 - 2, Bytes: []byte("four")}}},
	} {
		data, slots := open(t, osRoot(t))
		p, err := OpenLive(data, slots)
		ok(t, err)
		err = p.Append(test.stream)
		if err == nil {
			_, err = p.Finish()
		}
		if err == nil {
			_, err = p.Counted()
		}
		if err == nil {
			_, err = p.Complete(test.patches, func() {})
		}
		if reason.Of(err) != reason.Protocol {
			t.Errorf("%s: %v", name, err)
		}
		p.Close()
	}
	d := mustOpen(t, osRoot(t), Limits{})
	for name, o := range map[string]Offer{
		"a digest":        func() Offer { o := liveOffer(); o.SHA256 = digest(nil); return o }(),
		"a manifest":      func() Offer { o := liveOffer(); o.Manifest = 5; return o }(),
		"less than none":  func() Offer { o := liveOffer(); o.Expected = -1; return o }(),
		"less than live":  func() Offer { o := liveOffer(); o.Size = -2; return o }(),
		"no central, too": func() Offer { o := liveOffer(); o.Central = ""; return o }(),
	} {
		if _, err := d.Begin(key(1), o, nil); reason.Of(err) != reason.Protocol {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// It takes no more of the disk than there is for it, and what it has grown to is
// not promised to others.
func TestLiveSpace(t *testing.T) {
	fsys := powerloss.New(clock, 64<<20)
	d := mustOpen(t, fsys, Limits{MinFree: 16 << 20, Quota: 40 << 20})
	o := liveOffer()
	o.Expected = 41 << 20
	_, err := d.Begin(key(1), o, nil)
	code(t, err, reason.NoSpace)
	o.Expected = 20 << 20
	_, err = d.Begin(key(1), o, nil)
	ok(t, err)
	if most, err := d.Most(key(1)); err != nil || most != 40<<20 {
		t.Errorf("it may have %d bytes, %v", most, err)
	}
	ok(t, d.Grow(key(1), 10<<20))
	if free, err := d.Free(); err != nil || free != 20<<20 {
		t.Errorf("others may have %d bytes, %v", free, err)
	}
	ok(t, d.Grow(key(1), 30<<20))
	if free, err := d.Free(); err != nil || free != 6<<20 {
		t.Errorf("others may have %d bytes then, %v", free, err)
	}
	code(t, d.Grow(key(1), 39<<20), reason.NoSpace)
	code(t, d.Grow(key(2), 1), reason.UnknownDelivery)
}

// What a live part holds counts for the quota also when nobody has it, after a
// restart, and once it goes on.
func TestLiveQuota(t *testing.T) {
	const quota, has = 16 << 20, 10 << 20
	f, fsys := filmed(t, 11, 1<<20), powerloss.New(clock, 1<<30)
	d := mustOpen(t, fsys, Limits{Quota: quota})
	in, err := d.Begin(key(1), liveOffer(), sign)
	ok(t, err)
	look := func(when string) {
		t.Helper()
		room, err := d.Room()
		if err != nil || room.Free > quota-has || room.Reserved != quota-room.Free {
			t.Errorf("%s it is %d bytes, reserved are %d, and others may have %d of %d, %v", when, has, room.Reserved, room.Free, quota, err)
		}
		other := offerOf(nil)
		other.Size, other.SHA256 = quota-has+1, ""
		_, err = d.Begin(key(2), other, sign)
		code(t, err, reason.NoSpace)
	}
	_, err = f.take(in, func() int { return 250_000 }, has/2, func(offset int64) { ok(t, d.Grow(key(1), offset)) })
	ok(t, err)
	d.Release(key(1))
	in, err = d.Begin(key(1), liveOffer(), sign)
	ok(t, err)
	// Its process ends before it was looked how far it is.
	_, err = f.take(in, func() int { return 250_000 }, has, func(int64) {})
	ok(t, err)
	d.Release(key(1))
	look("away,")
	ok(t, d.Close())
	d = mustOpen(t, fsys, Limits{Quota: quota})
	look("after a restart")
	in, err = d.Begin(key(1), liveOffer(), sign)
	if err != nil || in.Offset != has {
		t.Errorf("it goes on at %+v, %v", in, err)
	}
	look("again")
}

// The power goes at every operation of a live delivery in turn, and what was
// acknowledged is there; the end is the same, also when it goes between filling
// in and publishing.
func TestLivePowerLoss(t *testing.T) {
	f := shot(t, 5)
	life := func(fsys disk.FS, safe *int64) error {
		d, err := Open(fsys, Options{Clock: clock})
		if err != nil {
			return err
		}
		defer d.Close()
		in, err := d.Begin(key(1), liveOffer(), sign)
		if err != nil || in.Receipt != nil {
			return err
		}
		if in.Offset < *safe {
			return fmt.Errorf("it goes on at %d, acknowledged was %d", in.Offset, *safe)
		}
		res, err := f.take(in, func() int { return 4000 }, len(f.stream), func(offset int64) { *safe = offset })
		if err != nil {
			return err
		}
		_, err = d.Publish(key(1), res, sign)
		return err
	}
	look := func(fsys disk.FS, where string) {
		t.Helper()
		b, err := disk.ReadFile(fsys, "La cámara.mkv", 1<<24)
		if err != nil || !bytes.Equal(b, f.file()) {
			t.Errorf("%s: %d bytes of %d, or others, %v", where, len(b), len(f.stream), err)
		}
	}
	calm, none := powerloss.New(clock, 1<<22), int64(0)
	ok(t, life(calm, &none))
	look(calm, "calm")
	losses := []powerloss.Loss{powerloss.Everything(), powerloss.Nothing(true), powerloss.Some(1), powerloss.Some(2)}
	for cut := 1; cut <= calm.Operations(); cut++ {
		for i, loss := range losses {
			fsys, safe := powerloss.New(clock, 1<<22), int64(0)
			fsys.CutAt(cut)
			// What is only tidied up may fail without a word.
			if err := life(fsys, &safe); err != nil && !errors.Is(err, powerloss.ErrPower) {
				t.Fatalf("cut %d: %v", cut, err)
			}
			after := fsys.Survivors(loss)
			if err := life(after, &safe); err != nil {
				t.Fatalf("cut %d, loss %d: %v", cut, i, err)
			}
			look(after, fmt.Sprintf("cut %d, loss %d", cut, i))
		}
	}
}

// A census goes on from any state as if it had never stopped, and takes no state
// that is none.
func FuzzCensus(f *testing.F) {
	film := shot(f, 4)
	f.Add(film.stream, uint16(2000), []byte{})
	f.Add(film.stream[:film.head], uint16(5), []byte("0123456789"))
	f.Fuzz(func(t *testing.T, stream []byte, half uint16, state []byte) {
		restoreCensus(state).advance(bytes.NewReader(stream), int64(len(stream)))
		at := min(int64(half), int64(len(stream)))
		var once, twice census
		first, second := twice.advance(bytes.NewReader(stream[:at]), at), error(nil)
		again := restoreCensus(twice.state(nil))
		if first == nil {
			second = again.advance(bytes.NewReader(stream), int64(len(stream)))
		}
		err := once.advance(bytes.NewReader(stream), int64(len(stream)))
		if first == nil && (err == nil) != (second == nil) || first != nil && err == nil && !errors.Is(first, io.EOF) {
			t.Fatalf("at once: %v; in two steps: %v, %v", err, first, second)
		}
		if err == nil && first == nil && (once.next != again.next || !slices.Equal(once.counted, again.counted)) {
			t.Fatalf("at once %+v, in two steps %+v", once, again)
		}
	})
}
