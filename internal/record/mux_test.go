package record

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// An hour of a camera and a microphone whose clocks are not the machine's: what
// happened at once is at the same time in both tracks, to the last minute.
func TestHour(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "A_PCM/INT/LIT", SampleRate: 48000, Channels: 1, Bits: 16}, {Codec: "V_MJPEG", Width: 2, Height: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const hour = 3600 * time.Second
	var file bytes.Buffer
	file.Write(m.Head())
	var lasts time.Duration
	keep := func(d *Done, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			file.Write(d.Bytes)
			lasts = d.To
		}
	}
	// Each device stamps by the machine's clock; its own is fast or slow, and
	// sound arrives up to 50 ms before the pictures of its time are encoded.
	picture := func(n int64) time.Duration { return time.Duration(float64(n) * 1e9 / 30 * (1 + 50e-6)) }
	sound := func(n int64) time.Duration { return time.Duration(float64(n) * 1e9 / 100 * (1 - 80e-6)) }
	pictures, sounds := int64(0), int64(0)
	for at := time.Duration(0); at < hour; at += 10 * time.Millisecond {
		for sound(sounds) < at {
			keep(m.Add(1, Packet{Data: []byte{0, 0}, At: time.Hour + sound(sounds), Frames: 480, Key: true}))
			sounds++
		}
		late := 20*time.Millisecond + time.Duration(random.IntN(30))*time.Millisecond
		for picture(pictures)+late < at {
			keep(m.Add(2, Packet{Data: []byte{1}, At: time.Hour + picture(pictures), Frames: 1, Key: true}))
			pictures++
		}
	}
	keep(m.Flush())
	_, all := blocks(t, bytes.NewReader(file.Bytes()), int64(file.Len()))
	counts := [3]int64{}
	for _, b := range all {
		want := sound(counts[b.Track])
		if b.Track == 2 {
			want = picture(counts[b.Track])
		}
		if off := (b.At - want).Abs(); off > ms {
			t.Fatalf("block %d of track %d is off by %v", counts[b.Track], b.Track, off)
		}
		counts[b.Track]++
	}
	if counts != [3]int64{0, sounds, pictures} || (lasts-hour).Abs() > 100*ms {
		t.Errorf("%v of %d and %d blocks; it lasts %v", counts, sounds, pictures, lasts)
	}
}

// A gap is told with the cluster in which it ends; one before the recording
// began is none of it.
func TestMuxGaps(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(5) {
		at := time.Hour + time.Duration(n)*time.Second
		gap := &capture.Gap{From: at - 500*ms, To: at, Lost: 2, Code: reason.DeviceHung}
		d, err := m.Add(1, Packet{At: at, Frames: 1, Key: true, Gap: gap})
		if err != nil {
			t.Fatal(err)
		}
		if n < 2 {
			if d != nil && len(d.Gaps) > 0 {
				t.Errorf("before it: %+v", d.Gaps)
			}
			continue
		}
		before := time.Duration(n-1) * time.Second
		want := spool.Gap{Track: 1, From: before - 500*ms, To: before, Lost: 2, Code: reason.DeviceHung}
		if len(d.Gaps) != 1 || d.Gaps[0] != want || d.Tracks[0] != (spool.Tally{Packets: n, Frames: n, Lost: 2 * (n - 1)}) || !d.Key {
			t.Errorf("%d: %+v", n, d)
		}
	}
}

// Of a track that was broken off and whose device was away then, the gap has the
// reason that explains more of it, when it goes on or at the end.
func TestMuxBlames(t *testing.T) {
	const broke = time.Hour + time.Second // when the last picture was over
	for name, c := range map[string]struct {
		away  capture.Gap
		lasts time.Duration
		want  reason.Code
	}{
		"nothing else is known":         {capture.Gap{}, 10 * time.Second, reason.WorkerFailed},
		"gone for most of it":           {capture.Gap{From: broke + time.Second, To: -1, Code: reason.DeviceAbsent}, 10 * time.Second, reason.DeviceAbsent},
		"gone at last":                  {capture.Gap{From: broke + 9*time.Second, To: -1, Code: reason.DeviceAbsent}, 10 * time.Second, reason.WorkerFailed},
		"gone before it was broken off": {capture.Gap{From: broke - time.Minute, To: -1, Code: reason.DeviceBusy}, 10 * time.Second, reason.DeviceBusy},
	} {
		make := func() *Mux {
			m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}}})
			if err != nil {
				t.Fatal(err)
			}
			for at := time.Hour; at < broke; at += 100 * ms {
				if _, err := m.Add(1, Packet{At: at, Frames: 1, Key: true}); err != nil {
					t.Fatal(err)
				}
			}
			m.Tear(1, reason.WorkerFailed)
			return m
		}
		m := make()
		m.Blame(1, c.away)
		var gaps []spool.Gap
		for _, at := range []time.Duration{broke + c.lasts, broke + c.lasts + 10*time.Second} {
			d, err := m.Add(1, Packet{At: at, Frames: 1, Key: true})
			if err != nil || d == nil {
				t.Fatalf("%+v, %v", d, err)
			}
			gaps = append(gaps, d.Gaps...)
			// What was is over.
			m.Blame(1, capture.Gap{Code: reason.DeviceUnfit})
		}
		want := spool.Gap{Track: 1, From: time.Second, To: time.Second + c.lasts, Lost: 100, Code: c.want}
		for i := range gaps {
			gaps[i].Detail = ""
		}
		if len(gaps) != 1 || gaps[0] != want {
			t.Errorf("%s: when it goes on: %+v", name, gaps)
		}
		m = make()
		if _, err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		if gaps = m.Missing(broke+c.lasts, 0, []capture.Gap{c.away}); len(gaps) == 1 {
			gaps[0].Detail = ""
		}
		if len(gaps) != 1 || gaps[0] != want {
			t.Errorf("%s: at the end: %+v", name, gaps)
		}
	}
}

// A cluster is told with the last picture that it has room for, not with the one
// after it; sound beside it changes nothing.
func TestMuxTellsSoon(t *testing.T) {
	for rate, each := range map[int64]int64{60: 6, 50: 5, 30: 3, 25: 3, 15: 2, 10: 1, 5: 1} {
		m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
		if err != nil {
			t.Fatal(err)
		}
		told := int64(0)
		for n := range 10 * each {
			at := time.Hour + time.Duration(n)*time.Second/time.Duration(rate)
			if d, err := m.Add(2, Packet{At: at, Frames: 8, Key: true}); d != nil && n > each || err != nil {
				t.Fatalf("%d a second: sound ends a cluster: %+v, %v", rate, d, err)
			}
			d, err := m.Add(1, Packet{At: at, Frames: 1, Key: true})
			if err != nil {
				t.Fatal(err)
			}
			if d == nil {
				continue
			}
			if d.Tracks[0].Packets != n+1 || n > each && n+1-told != each {
				t.Errorf("%d a second: a cluster has pictures %d to %d, and picture %d is there", rate, told, d.Tracks[0].Packets, n)
			}
			told = n + 1
		}
		if told < 9*each {
			t.Errorf("%d a second: only %d pictures are told", rate, told)
		}
	}
}

// A recording begins with what a player can begin with.
func TestMuxBegins(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}, {Codec: "V_MPEG4/ISO/AVC", Width: 2, Height: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		track int
		Packet
	}{{1, Packet{At: 1 * ms, Frames: 8, Key: true}}, {2, Packet{At: 2 * ms, Frames: 1}}, {2, Packet{At: 9 * ms, Frames: 1, Key: true}}, {1, Packet{At: 10 * ms, Frames: 8, Key: true}}} {
		if _, err := m.Add(p.track, p.Packet); err != nil {
			t.Fatal(err)
		}
	}
	d, err := m.Flush()
	if err != nil || !d.Key || d.From != 0 || d.To != 2*ms || d.Tracks != [2]spool.Tally{{Packets: 1, Frames: 8}, {Packets: 1, Frames: 1}} {
		t.Errorf("%+v, %v", d, err)
	}
}

// A picture that is lost changes little of what is expected; a camera that has
// become slower changes it in the end.
func TestStep(t *testing.T) {
	s := step(0, 40*ms)
	for range 50 {
		s = step(s, 20*ms)
	}
	if s < 20*ms || s > 21*ms {
		t.Errorf("after 50 of 20 ms: %v", s)
	}
	if s = step(s, 60*ms); s > 22*ms {
		t.Errorf("after one of 60 ms: %v", s)
	}
	for range 500 {
		s = step(s, 60*ms)
	}
	if s < 59*ms {
		t.Errorf("after 500 of 60 ms: %v", s)
	}
}

// The picture that a recording begins with came half a second late: the sound
// since then is with it, and that from before is not there.
func TestMuxBeginsLate(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
	if err != nil {
		t.Fatal(err)
	}
	m.Tear(1, reason.WorkerFailed)
	sound := Packet{Key: true, Frames: 80, Data: make([]byte, 160)}
	for n := range 60 {
		sound.At = time.Hour + time.Duration(n-10)*10*ms
		if d, err := m.Add(2, sound); d != nil || err != nil {
			t.Fatal(d, err)
		}
	}
	if d, err := m.Add(1, Packet{At: time.Hour, Key: true, Frames: 1, Data: []byte{1}, Gap: &capture.Gap{Lost: 3}}); d != nil || err != nil {
		t.Fatal(d, err)
	}
	sound.At = time.Hour + 500*ms
	d, err := m.Add(2, sound)
	if err != nil || d == nil || !d.Key || d.From != 0 || d.To != 500*ms || len(d.Gaps) != 0 || d.Tracks[0].Packets != 1 || d.Tracks[1].Packets != 50 {
		t.Errorf("the first cluster is %+v, %v", d, err)
	}
}

// A recording of which one track has nothing yet has reached its beginning: a time
// below that would be taken for what no worker says.
func TestReachedAtFirst(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Add(1, Packet{At: time.Hour, Key: true, Frames: 1, Data: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if d, err := m.Flush(); err != nil || d == nil || d.Reached != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

// A camera whose times are far behind, as those of some drivers are, begins a
// recording all the same, whatever sound was there before its first picture.
func TestMuxBeginsWithAWrongClock(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
	if err != nil {
		t.Fatal(err)
	}
	const behind = 40 * time.Second
	sounds := int64(0)
	for n := range time.Duration(100) {
		at := time.Hour + n*10*ms
		d, err := m.Add(2, Packet{Data: make([]byte, 160), At: at, Frames: 80, Key: true})
		if err == nil && d == nil && n%4 == 3 {
			d, err = m.Add(1, Packet{Data: []byte{1}, At: at - behind, Frames: 1, Key: true})
		}
		if err != nil {
			t.Fatalf("after %d: %v", n, err)
		}
		if d != nil {
			sounds = d.Tracks[1].Packets
		}
	}
	if sounds < 90 {
		t.Errorf("%d pieces of sound are kept", sounds)
	}
}
