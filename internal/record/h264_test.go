package record

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/avc"
	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// film is a small film in H.264 of 50 by 38 pixels, as its pictures: of each four
// the first is one to begin at.
func film(t testing.TB) [][]byte {
	t.Helper()
	b, err := os.ReadFile("../avc/testdata/film.h264")
	if err != nil {
		t.Fatal(err)
	}
	begin := []byte{0, 0, 0, 1, 9} // an access unit delimiter
	var pictures [][]byte
	for _, p := range bytes.Split(b, begin)[1:] {
		pictures = append(pictures, append(bytes.Clone(begin), p...))
	}
	return pictures
}

// filmCamera is a camera that gives H.264: pictures at a rate, as each says which,
// with numbers that leave out what it says is lost.
type filmCamera struct {
	format capture.Format
	give   func(n int64) (data []byte, lost int64)
	n      int64
	number int64
	woken  chan struct{}
}

func newFilmCamera(give func(n int64) ([]byte, int64)) *filmCamera {
	return &filmCamera{format: capture.Format{Pixels: feed.H264, Width: 50, Height: 38, Rate: feed.Fraction{Num: 10, Den: 1}, Device: "film"}, give: give, woken: make(chan struct{})}
}

func (c *filmCamera) Format() capture.Format { return c.format }
func (c *filmCamera) Wake() {
	select {
	case <-c.woken:
	default:
		close(c.woken)
	}
}
func (c *filmCamera) Close() error { return nil }
func (c *filmCamera) Next() (capture.Buffer, error) {
	select {
	case <-c.woken:
		return capture.Buffer{}, capture.ErrWoken
	case <-time.After(100 * ms):
	}
	data, lost := c.give(c.n)
	c.number += lost
	b := capture.Buffer{Data: data, At: time.Hour + time.Duration(c.number)*100*ms, Sequence: c.number, Lost: lost}
	c.n++
	c.number++
	return b, nil
}

func keep(t testing.TB, d capture.Device) *capture.Keeper {
	t.Helper()
	k, err := capture.Keep(func() (capture.Device, error) { return d, nil })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// got is what came of a picture.
type got struct {
	sequence int64
	key      bool
	lost     int64 // in the gap before it
	code     reason.Code
}

func gotOf(p Packet) got {
	g := got{sequence: p.Sequence, key: p.Key}
	if p.Gap != nil {
		g.lost, g.code = p.Gap.Lost, p.Gap.Code
	}
	return g
}

// What a camera encodes is kept from the first picture that one can begin at;
// after a loss, from the next of these.
func TestCameraH264(t *testing.T) {
	f := film(t)
	synctest.Test(t, func(t *testing.T) {
		camera := newFilmCamera(func(n int64) ([]byte, int64) {
			n += 2 // it was filming before
			switch n {
			case 9: // two are lost, of which one could be begun at
				return f[3], 2
			case 15:
				return []byte("what is this"), 0
			}
			if n > 9 {
				n += 2
			}
			return f[n%12], 0
		})
		k := keep(t, camera)
		s, err := Open(k, asks(t, "v4l2:/dev/video0?encode=h264")[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		track := s.Track()
		sets, err := avc.ParseRecord(track.Private)
		if w, h, sizeErr := sets.Size(); err != nil || sizeErr != nil || w != 50 || h != 38 || track.Width != 50 || track.Height != 38 || track.Codec != "V_MPEG4/ISO/AVC" {
			t.Errorf("the track is %+v, %v, %v", track, err, sizeErr)
		}
		var all []got
		time.AfterFunc(3050*ms-300*ms, k.Wake)
		if err := s.Run(func(p Packet) {
			if p.At != time.Hour+time.Duration(p.Sequence)*100*ms || p.Frames != 1 {
				t.Errorf("picture %d is at %v", p.Sequence, p.At)
			}
			all = append(all, gotOf(p))
		}); err != nil {
			t.Fatal(err)
		}
		var want []got
		for n := int64(2); n < 32; n++ {
			g := got{sequence: n, key: (n+2)%4 == 0}
			switch n {
			case 7, 8, 9: // lost by the device, and what needed it
				continue
			case 2:
				g.lost, g.code = 2, reason.DeviceFailed // nothing to begin with before
			case 10:
				g.lost, g.code = 3, reason.DeviceOverrun
			case 15, 16, 17:
				continue
			case 18:
				g.lost, g.code = 3, reason.DeviceFailed
			}
			want = append(want, g)
		}
		if n := min(len(all), len(want)); n < 20 || !slices.Equal(all[:n], want[:n]) {
			t.Errorf("got  %v\nwant %v", all, want)
		}
	})
}

// A camera that gives nothing to begin with is not waited for without end, and
// pictures of another size are not taken for those of the track.
func TestCameraH264Refused(t *testing.T) {
	f := film(t)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		k := keep(t, newFilmCamera(func(n int64) ([]byte, int64) { return f[1+n%3], 0 }))
		if _, err := Open(k, asks(t, "v4l2:/dev/video0?encode=h264")[0], nil); reason.Of(err) != reason.DeviceUnfit || time.Since(begin) > headWithin+time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		small := bytes.Replace(f[0], []byte{0, 0, 0, 1, 0x67}, append([]byte{0, 0, 0, 1}, anotherSPS(t)...), 1)
		var all []got
		c := &camera{take: func(p Packet) { all = append(all, gotOf(p)) }}
		for n, p := range [][]byte{f[0], f[1], small, f[1], f[4], f[5]} {
			c.Put(capture.Buffer{Data: p, Sequence: int64(n)}, nil)
		}
		want := []got{{0, true, 0, ""}, {1, false, 0, ""}, {4, true, 2, reason.DeviceUnfit}, {5, false, 0, ""}}
		if !slices.Equal(all, want) {
			t.Errorf("got  %v\nwant %v", all, want)
		}
	})
}

// anotherSPS is a parameter set of pictures of 16 by 16, and what separates it
// from the next.
func anotherSPS(t *testing.T) []byte {
	t.Helper()
	// Baseline, number 0, 1 by 1 macroblocks, no cropping.
	return []byte{0x67, 66, 0xc0, 10, 0xda, 0x71, 0, 0, 0, 1, 0x0c}
}

// A cluster begins with what a player can begin with, wherever that comes, and
// each can be joined at.
func TestMuxOpens(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MPEG4/ISO/AVC", Width: 2, Height: 2}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for n := range 100 {
		for track, p := range map[int]Packet{1: {Key: n%7 == 0, Frames: 1}, 2: {Key: true, Frames: 264}} {
			p.At = time.Duration(n) * 33 * ms
			d, err := m.Add(track, p)
			if err != nil {
				t.Fatal(err)
			}
			if d != nil && d.Key {
				keys++
			}
		}
	}
	if keys != 14 { // and one that is not whole yet
		t.Errorf("%d clusters to begin at, of 15", keys)
	}
}
