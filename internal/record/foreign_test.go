package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/avc"
	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// encoder is an encoder that takes pictures apart as ffmpeg would, and gives for
// each one of a film, at its time.
type encoder struct {
	t    testing.TB
	conn net.Conn
	// does says what comes of picture n, from 0: whether it is given back, and
	// whether the encoder lives.
	does func(n int) (gives, lives bool)
	took [][]byte // the pictures
}

// pictures gives each cluster's picture and its time, as they come.
func (e *encoder) pictures(each func(ms int64, data []byte) bool) error {
	var all []byte
	at := int64(0)
	buf := make([]byte, 4096)
	for {
		n, err := e.conn.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			return err
		}
		for {
			r, size := bytes.NewReader(all), int64(len(all))
			if at == 0 {
				c, err := matroska.ReadHead(r, size)
				if err != nil {
					break
				}
				at = c.Clusters
			}
			c, err := matroska.ReadCluster(r, at, size)
			if err != nil {
				break
			}
			at = c.End
			if !each(c.Blocks[0].At.Milliseconds(), c.Blocks[0].Data) {
				return nil
			}
		}
	}
}

func tag(kind byte, ms uint32, body []byte) []byte {
	b := []byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)), byte(ms >> 16), byte(ms >> 8), byte(ms), byte(ms >> 24), 0, 0, 0}
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, uint32(len(b)))
}

func (e *encoder) run() {
	defer e.conn.Close()
	f := film(e.t)
	var r avc.Reader
	var units [][]byte
	for _, p := range f {
		u, _, err := r.ByteStream(nil, p)
		if err != nil {
			e.t.Error(err)
		}
		units = append(units, u)
	}
	sets := r.Parameters()
	private, err := sets.Record()
	if err != nil {
		e.t.Error(err)
	}
	e.conn.Write(slices.Concat([]byte("FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00"), tag(18, 0, []byte("what it says of itself")), tag(9, 0, append([]byte{0x17, 0, 0, 0, 0}, private...))))
	n := 0
	e.pictures(func(ms int64, data []byte) bool {
		e.took = append(e.took, bytes.Clone(data))
		gives, lives := e.does(n)
		if gives && lives {
			head, unit := byte(0x27), units[1]
			if n < 2 || n%10 == 1 {
				head, unit = 0x17, units[0]
			}
			e.conn.Write(tag(9, uint32(ms), append([]byte{head, 1, 0, 0, 0}, unit...)))
		}
		n++
		return lives
	})
}

// picture is picture n of a camera of 160 by 120 in YUYV.
func picture(n int64, f capture.Format) capture.Buffer {
	return capture.Buffer{Data: bytes.Repeat([]byte{byte(n)}, f.Stride*f.Height), At: time.Hour + time.Duration(n)*40*ms + time.Duration(n)*13*time.Microsecond, Sequence: n}
}

var yuyv = capture.Format{Pixels: feed.YUYV, Width: 160, Height: 120, Stride: 352}

// foreignRun gives pictures to encoders, each after the one before has ended,
// one in 40 ms, and says what came out of them.
func foreignRun(t *testing.T, pictures int64, encoders ...func(n int) (bool, bool)) (all []got, used []*encoder) {
	t.Helper()
	var running sync.WaitGroup
	start := func() (io.ReadWriteCloser, error) {
		if len(used) == len(encoders) {
			return nil, errors.New("there are no more")
		}
		ours, its := net.Pipe()
		e := &encoder{t: t, conn: its, does: encoders[len(used)]}
		used = append(used, e)
		running.Go(e.run)
		return ours, nil
	}
	e, err := newForeign(yuyv, start, func(p Packet) {
		b := picture(p.Sequence, yuyv)
		if p.At != b.At || p.Frames != 1 {
			t.Errorf("picture %d is at %v, not %v", p.Sequence, p.At, b.At)
		}
		if p.Key != (Complete(&matroska.Track{Codec: codecAVC}, p)) {
			t.Errorf("picture %d: key %v and its data are not alike", p.Sequence, p.Key)
		}
		if p.Gap != nil && p.Gap.To != p.At {
			t.Errorf("the gap %+v before %v", p.Gap, p.At)
		}
		all = append(all, gotOf(p))
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range pictures {
		begin := time.Now()
		e.Put(picture(n, yuyv), nil)
		if time.Since(begin) != 0 {
			t.Errorf("picture %d had to wait", n)
		}
		time.Sleep(40 * ms)
		synctest.Wait()
	}
	e.Close()
	running.Wait()
	return all, used
}

func all(int) (bool, bool) { return true, true }

// What another program encodes comes out with the numbers and times that it went
// in with; it is given what is seen of a line; the first picture warms it up.
func TestForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, used := foreignRun(t, 100, all)
		for i, g := range out {
			want := got{sequence: int64(i) + 1, key: i%10 == 0}
			if i == 0 {
				want.lost, want.code = 1, reason.EncoderFailed
			}
			if g != want {
				t.Fatalf("%d: %v instead of %v", i, g, want)
			}
		}
		if len(out) != 99 || len(used) != 1 {
			t.Errorf("%d pictures of %d encoders", len(out), len(used))
		}
		if took := used[0].took[5]; len(took) != 2*160*120 || took[0] != 5 {
			t.Errorf("it was given %d bytes of %d", len(took), took[0])
		}
	})
}

// counted checks that each picture that went in is out, or lost in a gap.
func counted(t *testing.T, out []got) {
	t.Helper()
	next := int64(0)
	for _, g := range out {
		if g.sequence != next+g.lost {
			t.Errorf("picture %d after %d, %d lost", g.sequence, next, g.lost)
		}
		if (g.lost > 0) != (g.code == reason.EncoderFailed) {
			t.Errorf("a gap of %d for %s", g.lost, g.code)
		}
		next = g.sequence + 1
	}
}

// An encoder that dies, leaves pictures out or falls silent costs a gap, and is
// started again, later each time.
func TestForeignFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		out, used := foreignRun(t, 1000,
			func(n int) (bool, bool) { return true, n < 20 },
			func(n int) (bool, bool) { return n != 7 && n != 8, n < 50 },
			func(n int) (bool, bool) { return n < 100, true }, // then silent
			func(n int) (bool, bool) { return false, false },  // does not even begin
			all)
		counted(t, out)
		if len(used) != 5 || len(out) < 500 {
			t.Errorf("%d encoders, %d pictures in %v", len(used), len(out), time.Since(begin))
		}
		var gaps []int64
		for _, g := range out {
			if g.lost > 0 {
				gaps = append(gaps, g.lost)
				if !g.key && g.lost != 2 {
					t.Errorf("after a gap of %d there is nothing to begin with", g.lost)
				}
			}
		}
		// At 25 a second: the start; one in flight, 0.5 s and a start; two that were
		// left out; one in flight, 1 s and a start; 10 s of silence, 2 s, one that
		// does not begin, 4 s.
		for i, least := range []int64{1, 13, 2, 25, 400} {
			if len(gaps) != 5 || gaps[i] < least || gaps[i] > least+least/4+6 {
				t.Fatalf("the gaps are %v", gaps)
			}
		}
	})
}

// One that cannot be started is no encoder; nor is none.
func TestForeignAbsent(t *testing.T) {
	absent := reason.New(reason.EncoderAbsent, "/usr/bin/ffmpeg is not there")
	if _, err := newForeign(yuyv, func() (io.ReadWriteCloser, error) { return nil, absent }, nil); !errors.Is(err, absent) {
		t.Error(err)
	}
	if _, err := newForeign(yuyv, nil, nil); reason.Of(err) != reason.EncoderAbsent {
		t.Error(err)
	}
}

// An encoder that is slow makes nobody wait: what it cannot take is lost.
func TestForeignSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, _ := foreignRun(t, 200, func(n int) (bool, bool) {
			time.Sleep(100 * ms)
			return true, true
		})
		next, overrun := int64(0), int64(0)
		for _, g := range out {
			if g.sequence != next+g.lost {
				t.Errorf("picture %d after %d, %d lost", g.sequence, next, g.lost)
			}
			if next = g.sequence + 1; g.code == reason.DeviceOverrun {
				overrun += g.lost
			}
		}
		if len(out) < 75 || len(out) > 125 || overrun < 60 {
			t.Errorf("%d of 200 came, %d were lost", len(out), overrun)
		}
	})
}

// What is no FLV of H.264, or is cut off, is an error and no more.
func FuzzFLV(f *testing.F) {
	ours, its := net.Pipe()
	e := &encoder{t: f, conn: its, does: func(n int) (bool, bool) { return true, n < 3 }}
	go e.run()
	go func() {
		front, _ := matroska.NewFront(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}}})
		ours.Write(front.Bytes)
		for n := range 4 {
			c, _ := matroska.AppendCluster(nil, []matroska.Block{{Track: 1, At: time.Duration(n) * 40 * ms, Data: []byte{1}}})
			ours.Write(c)
		}
	}()
	seed, _ := io.ReadAll(ours)
	if len(seed) < 500 {
		f.Fatalf("the seed has %d bytes", len(seed))
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := newFLVReader(bytes.NewReader(b))
		for err == nil {
			var data []byte
			if _, data, _, err = r.next(); err == nil {
				var again avc.Reader
				again.Begin(r.avc.Parameters())
				if same, _, err := again.Prefixed(nil, data); err != nil || !bytes.Equal(same, data) {
					t.Fatalf("%x is read as %x, %v", data, same, err)
				}
			}
		}
	})
}

// An encoder that is started again where a picture is damaged waits for one that it
// can begin with, which costs the damaged one alone.
func TestForeignAgainAtDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		start := func() (io.ReadWriteCloser, error) {
			starts++
			ours, its := net.Pipe()
			its.Close() // it ends at once
			return ours, nil
		}
		e, err := newForeign(capture.Format{Pixels: feed.MJPEG, Width: 160, Height: 120}, start, func(Packet) {})
		if err != nil {
			t.Fatal(err)
		}
		whole := []byte{0xff, 0xd8, 0xff, 0xd9}
		for n, data := range [][]byte{whole, whole, []byte("damaged"), whole} {
			e.Put(capture.Buffer{Data: data, At: time.Duration(n) * time.Second, Sequence: int64(n)}, nil)
			time.Sleep(time.Second)
		}
		e.Close()
		if starts != 2 {
			t.Errorf("it was started %d times", starts)
		}
		if e.gap == nil || e.gap.Lost != 4 || e.gap.Code != reason.EncoderFailed {
			t.Errorf("what is missing is %+v", e.gap)
		}
	})
}
