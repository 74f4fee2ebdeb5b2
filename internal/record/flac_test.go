package record

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mewkiz/flac"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// sounds are kinds of sound that are coded in different ways: values from -1 to 1
// of a sound frame and a channel.
var sounds = map[string]func(i, channel int) float64{
	"silence":  func(int, int) float64 { return 0 },
	"tone":     func(i, channel int) float64 { return 0.3 * math.Sin(float64(i)/17+float64(channel)) },
	"the same": func(i, _ int) float64 { return 0.5*math.Sin(float64(i)/29) + 0.02*rand.Float64() },
	"noise":    func(int, int) float64 { return 2*rand.Float64() - 1 },
	"clipped":  func(i, channel int) float64 { return max(-1, min(1, 9*math.Sin(float64(i)/50+3*float64(channel)))) },
	"steps":    func(i, channel int) float64 { return float64((i/7+channel)%2)*2 - 1 },
}

// sound makes n sound frames in periods of 10 ms.
func sound(f capture.Format, n int, of func(i, channel int) float64) []byte {
	var b []byte
	most := float64(int64(1) << (f.Bits - 1))
	for i := range n {
		for c := range f.Channels {
			v := int32(max(-most, min(most-1, most*of(i, c))))
			for j := range f.Bits / 8 {
				b = append(b, byte(v>>(8*j)))
			}
		}
	}
	return b
}

// flacOf encodes sound, and gives what stands before it and its packets.
func flacOf(t testing.TB, f capture.Format, samples []byte) (front []byte, packets []Packet) {
	t.Helper()
	e, err := newFLAC(f, func(p Packet) {
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	period := f.SampleRate / 100 * f.FrameBytes()
	for at := 0; at < len(samples); at += period {
		n := int64(at / f.FrameBytes())
		e.Put(capture.Buffer{Data: samples[at:min(at+period, len(samples))], At: time.Hour + f.Lasting(n), Sequence: n}, nil)
	}
	e.Close()
	return e.track.Private, packets
}

// unflac decodes a stream of FLAC.
func unflac(t testing.TB, f capture.Format, stream []byte) []byte {
	t.Helper()
	s, err := flac.New(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	if i := s.Info; int(i.SampleRate) != f.SampleRate || int(i.NChannels) != f.Channels || int(i.BitsPerSample) != f.Bits {
		t.Errorf("it says %+v", i)
	}
	var out []byte
	for {
		frame, err := s.ParseNext()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(frame.BlockSize) {
			for _, sub := range frame.Subframes {
				for j := range f.Bits / 8 {
					out = append(out, byte(sub.Samples[i]>>(8*j)))
				}
			}
		}
	}
}

// All sound comes back bit by bit, at its time, with a short delay.
func TestFLAC(t *testing.T) {
	track := matroska.Track{Codec: codecFLAC}
	for _, f := range []capture.Format{
		{SampleRate: 48_000, Channels: 2, Bits: 16}, {SampleRate: 48_000, Channels: 2, Bits: 24}, {SampleRate: 8_000, Channels: 1, Bits: 16},
		{SampleRate: 48_000, Channels: 8, Bits: 24}, {SampleRate: 192_000, Channels: 2, Bits: 24}, {SampleRate: 44_100, Channels: 6, Bits: 16}, {SampleRate: 11_025, Channels: 3, Bits: 24},
	} {
		for name, of := range sounds {
			samples := sound(f, f.SampleRate/4+77, of)
			front, packets := flacOf(t, f, samples)
			stream := bytes.Clone(front)
			next := int64(0)
			for i, p := range packets {
				stream = append(stream, p.Data...)
				if p.Sequence != next || (p.At-time.Hour-f.Lasting(next)).Abs() > time.Microsecond || !p.Key || track.Frames(p.Data) != p.Frames || p.Gap != nil {
					t.Fatalf("%v, %s: packet %d is %d at %v of %d frames; its head says %d", f, name, i, p.Sequence, p.At, p.Frames, track.Frames(p.Data))
				}
				if next += p.Frames; f.Lasting(p.Frames) > 40*ms {
					t.Errorf("%v, %s: a packet of %v", f, name, f.Lasting(p.Frames))
				}
			}
			if got := unflac(t, f, stream); !bytes.Equal(got, samples) {
				t.Errorf("%v, %s: %d bytes became %d, others", f, name, len(samples), len(got))
			}
			if ratio := float64(len(stream)-len(front)) / float64(len(samples)); ratio > 1.02 || name == "silence" && ratio > 0.05 || name == "tone" && ratio > 0.85 {
				t.Errorf("%v, %s: %.3f of what it was", f, name, ratio)
			}
		}
	}
}

// A gap ends a packet, and is before the next; what is too little for one is of
// the gap.
func TestFLACGap(t *testing.T) {
	f := capture.Format{SampleRate: 48_000, Channels: 2, Bits: 16}
	samples := sound(f, 480, sounds["tone"])
	for _, early := range []int{100, 5} {
		var all []Packet
		e, err := newFLAC(f, func(p Packet) { all = append(all, p) })
		if err != nil {
			t.Fatal(err)
		}
		put := func(n int64, data []byte, gap *capture.Gap) {
			e.Put(capture.Buffer{Data: data, At: time.Hour + f.Lasting(n), Sequence: n}, gap)
		}
		put(0, samples[:4*early], nil)
		put(10_000, samples, &capture.Gap{From: time.Hour + f.Lasting(int64(early)), To: time.Hour + f.Lasting(10_000), Lost: int64(10_000 - early), Code: reason.DeviceHung})
		put(10_480, samples, nil)
		e.Close()
		first, lost := all[0], int64(0)
		if early >= flacLeast {
			if first.Frames != int64(early) || first.At != time.Hour || first.Gap != nil || len(all) != 2 {
				t.Errorf("before the gap: %+v of %d", first, len(all))
			}
			lost = 10_000 - int64(early)
			first = all[1]
		} else {
			lost = 10_000
		}
		if first.Sequence != 10_000 || first.Frames != 960 || first.Gap == nil || first.Gap.Lost != lost || first.Gap.To != first.At {
			t.Errorf("after %d frames and a gap: %+v, %+v", early, first, first.Gap)
		}
	}
}

func TestFLACNumbersBeginAnew(t *testing.T) {
	f := capture.Format{SampleRate: 48_000, Channels: 1, Bits: 16}
	n := 0
	e, err := newFLAC(f, func(p Packet) { n++ })
	if err != nil {
		t.Fatal(err)
	}
	e.done = flacNumbers - 1000
	samples := sound(f, 480, sounds["tone"])
	for range 12 {
		e.Put(capture.Buffer{Data: samples}, nil)
	}
	if n != 3 || e.done != 3*1920 {
		t.Errorf("%d packets, %d since", n, e.done)
	}
}

func TestFLACRefused(t *testing.T) {
	for _, f := range []capture.Format{{SampleRate: 48_000, Channels: 2, Bits: 32}, {SampleRate: 48_000, Channels: 9, Bits: 16}} {
		if _, err := TrackOf(f, &feed.Ask{Coding: feed.CodeFLAC}); reason.Of(err) != reason.DeviceUnfit {
			t.Errorf("%v: %v", f, err)
		}
	}
}

// The share of one core is the time of an operation, which is a second of sound.
func BenchmarkFLAC(b *testing.B) {
	for _, f := range []capture.Format{{SampleRate: 48_000, Channels: 2, Bits: 16}, {SampleRate: 48_000, Channels: 8, Bits: 24}, {SampleRate: 192_000, Channels: 2, Bits: 24}} {
		b.Run(fmt.Sprintf("%dHz-%dch-%dbit", f.SampleRate, f.Channels, f.Bits), func(b *testing.B) {
			samples := sound(f, f.SampleRate, func(i, channel int) float64 {
				return 0.3*math.Sin(float64(i)/17+float64(channel)) + 0.1*math.Sin(float64(i)/2.5) + 0.003*rand.NormFloat64()
			})
			bytes := 0
			e, err := newFLAC(f, func(p Packet) { bytes += len(p.Data) })
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				for at, period := 0, f.SampleRate/100*f.FrameBytes(); at < len(samples); at += period {
					e.Put(capture.Buffer{Data: samples[at : at+period]}, nil)
				}
				n++
			}
			b.ReportMetric(float64(bytes)/float64(n)/float64(len(samples)), "ratio")
		})
	}
}
