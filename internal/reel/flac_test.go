package reel

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"videoclub/internal/matroska"
)

// pressed is frames of FLAC, as another program makes them of samples by channel.
func pressed(t testing.TB, form flacForm, layout frame.Channels, samples [][]int32, sub frame.SubHeader, size int) (frames [][]byte) {
	t.Helper()
	var out bytes.Buffer
	e, err := flac.NewEncoder(&out, &meta.StreamInfo{BlockSizeMin: 16, BlockSizeMax: 65535, SampleRate: 8000, NChannels: uint8(form.channels), BitsPerSample: uint8(form.bits)})
	if err != nil {
		t.Fatal(err)
	}
	e.EnablePredictionAnalysis(false)
	for from := 0; from < len(samples[0]); from += size {
		n := min(size, len(samples[0])-from)
		f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: 8000, Channels: layout, BitsPerSample: uint8(form.bits)}}
		for _, channel := range samples {
			f.Subframes = append(f.Subframes, &frame.Subframe{SubHeader: sub, Samples: channel[from : from+n], NSamples: n})
		}
		out.Reset()
		if err := e.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, bytes.Clone(out.Bytes()))
	}
	return frames
}

// tune is samples that begin at zero, swell and have some noise.
func tune(form flacForm, n int, constant bool) [][]int32 {
	random := rand.New(rand.NewPCG(1, 2))
	samples := make([][]int32, form.channels)
	for c := range samples {
		v := int32(-3 * c)
		for i := range n {
			if !constant {
				v = int32((i-n/2)*(i-n/2)%(1<<(form.bits-3))) - int32(random.IntN(40)) - int32(c)
			}
			samples[c] = append(samples[c], v)
		}
	}
	return samples
}

// plainOf is samples as PCM has them.
func plainOf(form flacForm, samples [][]int32) (p []byte) {
	for i := range samples[0] {
		for _, channel := range samples {
			p = append(p, binary.LittleEndian.AppendUint32(nil, uint32(channel[i]))[:form.bits/8]...)
		}
	}
	return p
}

func fixed(order int, param uint, method frame.ResidualCodingMethod) frame.SubHeader {
	return frame.SubHeader{Pred: frame.PredFixed, Order: order, ResidualCodingMethod: method,
		RiceSubframe: &frame.RiceSubframe{Partitions: []frame.RicePartition{{Param: param}}}}
}

// Whatever this program keeps as FLAC comes out as it was.
func TestFLAC(t *testing.T) {
	for _, form := range []flacForm{{1, 16}, {2, 24}, {3, 16}} {
		layouts := []frame.Channels{frame.Channels(form.channels - 1)}
		if form.channels == 2 {
			layouts = append(layouts, frame.ChannelsLeftSide, frame.ChannelsSideRight, frame.ChannelsMidSide)
		}
		subs := []frame.SubHeader{{Pred: frame.PredVerbatim}, {Pred: frame.PredConstant}}
		for order := range flacFixed {
			subs = append(subs, fixed(order, 7, frame.ResidualCodingMethodRice1), fixed(order, 20, frame.ResidualCodingMethodRice2))
		}
		for _, layout := range layouts {
			for _, sub := range subs {
				for _, size := range []int{16, 256, 257, 1000} {
					samples := tune(form, 2*size, sub.Pred == frame.PredConstant)
					var got []byte
					for _, p := range pressed(t, form, layout, samples, sub, size) {
						if n, _, _ := form.header(p); n != size {
							t.Fatalf("a frame of %d is read as one of %d", size, n)
						}
						got = append(got, form.samples(p)...)
					}
					if !bytes.Equal(got, plainOf(form, samples)) {
						t.Fatalf("%+v, layout %d, %+v, frames of %d: it comes out otherwise", form, layout, sub, size)
					}
				}
			}
		}
	}
}

// flacRecording is one of n clusters of 100 ms, each with a picture, and sound in
// frames of 40 ms, as they come: some begin in the cluster before.
func flacRecording(t testing.TB, n int) (file []byte, plain []byte) {
	t.Helper()
	form := flacForm{2, 16}
	front, err := matroska.NewFront(matroska.Head{Tracks: []matroska.Track{
		{Codec: "V_MJPEG", Width: 8, Height: 8}, {Codec: codecFLAC, Private: []byte("fLaC"), SampleRate: 8000, Channels: form.channels, Bits: form.bits},
	}})
	if err != nil {
		t.Fatal(err)
	}
	samples := tune(form, n*perCluster, false)
	frames := pressed(t, form, frame.ChannelsMidSide, samples, fixed(2, 7, frame.ResidualCodingMethodRice1), 320)
	file = bytes.Clone(front.Bytes)
	at := time.Duration(0)
	for i := range n {
		blocks := []matroska.Block{{Track: 1, At: time.Duration(i) * 100 * ms, Key: true, Data: small(i)}}
		for ; len(frames) > 0 && at < time.Duration(i+1)*100*ms; at += 40 * ms {
			blocks = append(blocks, matroska.Block{Track: 2, At: at, Key: true, Data: frames[0]})
			frames = frames[1:]
		}
		if file, err = matroska.AppendCluster(file, blocks); err != nil {
			t.Fatal(err)
		}
	}
	return file, plainOf(form, samples)
}

// A recording whose sound is FLAC has it as a WAV file, from any place on.
func TestSoundOfFLAC(t *testing.T) {
	mkv, want := flacRecording(t, 20)
	f := look(t, of(mkv))
	if f.Kind != Pictures || f.Duration != 2*time.Second || f.Sound == nil || f.Sound.Bytes != int64(len(want)) || f.Sound.Channels != 2 || f.Sound.Bits != 16 {
		t.Fatalf("it is %+v, its sound %+v", f, f.Sound)
	}
	all, err := io.ReadAll(f.Sound.Wave())
	if err != nil || !bytes.Equal(all[WaveHeader:], want) {
		t.Fatalf("%d bytes of %d, %v", len(all)-WaveHeader, len(want), err)
	}
	checkRanges(t, f.Sound, all)
	_, live := f.Sound.Live(int64(len(want) / 2))
	if p := make([]byte, 1000); true {
		if _, err := io.ReadFull(live, p); err != nil || !bytes.Equal(p, want[len(want)/2:][:1000]) {
			t.Errorf("from the middle on: %v", err)
		}
	}
}

// What is damaged is as long as it says, and no longer than can be.
func FuzzFLAC(f *testing.F) {
	form := flacForm{2, 16}
	samples := tune(form, 320, false)
	for _, sub := range []frame.SubHeader{{Pred: frame.PredVerbatim}, fixed(0, 7, frame.ResidualCodingMethodRice1), fixed(4, 12, frame.ResidualCodingMethodRice2)} {
		for _, layout := range []frame.Channels{frame.ChannelsLR, frame.ChannelsLeftSide, frame.ChannelsSideRight, frame.ChannelsMidSide} {
			f.Add(pressed(f, form, layout, samples, sub, 320)[0])
		}
	}
	f.Add([]byte{0xff, 0xf8, 0x7e, 0xa0, 0xfe, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		n, _, _ := form.header(p)
		if got := form.samples(p); len(got) != n*4 || n > 1<<16 {
			t.Errorf("%d bytes of %d samples", len(got), n)
		}
	})
}

func BenchmarkFLAC(b *testing.B) {
	form := flacForm{2, 16}
	p := pressed(b, form, frame.ChannelsLR, tune(form, 1920, false), fixed(2, 5, frame.ResidualCodingMethodRice1), 1920)[0]
	b.SetBytes(int64(len(form.samples(p))))
	for b.Loop() {
		form.samples(p)
	}
}
