package record

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
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
	keep := func(cluster []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		file.Write(cluster)
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
	tail, patches := m.End()
	file.Write(tail)
	for _, p := range patches {
		copy(file.Bytes()[p.Offset:], p.Bytes)
	}
	c, all := blocks(t, bytes.NewReader(file.Bytes()), int64(file.Len()))
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
	if counts != [3]int64{0, sounds, pictures} || (c.Duration-hour).Abs() > 100*ms || c.Cues == 0 {
		t.Errorf("%v of %d and %d blocks; it lasts %v", counts, sounds, pictures, c.Duration)
	}
}

func TestMuxCuesAreBounded(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * mostCues {
		if _, err := m.Add(1, Packet{At: time.Duration(n) * time.Second, Frames: 1, Key: true}); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.cues) < mostCues/2 || len(m.cues) > mostCues || m.cues[1].At-m.cues[0].At != 4*time.Second {
		t.Errorf("%d cues, each %v", len(m.cues), m.cues[1].At-m.cues[0].At)
	}
	last := m.cues[len(m.cues)-1]
	if err := m.Drop(last.Cluster); err != nil || m.cues[len(m.cues)-1] == last {
		t.Errorf("what was dropped is still sought: %v", err)
	}
	if err := m.Drop(1 << 50); err == nil {
		t.Error("more was kept than was made")
	}
}

func TestMuxGaps(t *testing.T) {
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 2, Height: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(mostGaps + 10) {
		at := time.Hour + time.Duration(n)*time.Second
		gap := &capture.Gap{From: at - 500*ms, To: at, Lost: 2, Code: reason.DeviceHung}
		if _, err := m.Add(1, Packet{At: at, Frames: 1, Gap: gap}); err != nil {
			t.Fatal(err)
		}
	}
	tally, gaps, unsaid := m.Report()
	if tally[0] != (Tally{mostGaps + 10, mostGaps + 10, 2*mostGaps + 20}) || len(gaps) != mostGaps || unsaid != 10 {
		t.Errorf("%+v, %d gaps and %d more", tally, len(gaps), unsaid)
	}
	if g := gaps[3]; g.From != 2500*ms || g.To != 3000*ms || g.Track != 1 || g.Code != reason.DeviceHung {
		t.Errorf("%+v", g)
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
