package record

import (
	"bytes"
	"math/bits"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

const (
	// flacPerSecond is how many frames there are in a second: what is kept has
	// to wait for a whole one.
	flacPerSecond = 25
	// flacLeast is the fewest sound frames of one (RFC 9639, section 8.2).
	flacLeast = 16
	// flacNumbers is when the numbers of samples begin anew: they have 36 bits,
	// which last for days.
	flacNumbers = 1 << 35
	// flacOrders are the fixed predictors that there are (section 9.2.5).
	flacOrders = 5
	// riceShort and riceLong are the largest parameters of the two ways to write
	// what is left of a prediction (section 9.2.7); the next says something else.
	riceShort, riceLong = 14, 30
)

// flacLayouts are what FLAC calls so many channels.
var flacLayouts = [...]frame.Channels{
	1: frame.ChannelsMono, 2: frame.ChannelsLR, 3: frame.ChannelsLRC, 4: frame.ChannelsLRLsRs, 5: frame.ChannelsLRCLsRs,
	6: frame.ChannelsLRCLfeLsRs, 7: frame.ChannelsLRCLfeCsSlSr, 8: frame.ChannelsLRCLfeLsRsSlSr,
}

// flacTrack says how FLAC is kept of what PCM would be kept as.
func flacTrack(t matroska.Track) (matroska.Track, error) {
	if t.Bits != 16 && t.Bits != 24 || t.Channels >= len(flacLayouts) {
		return matroska.Track{}, reason.New(reason.DeviceUnfit, "FLAC keeps up to %d channels of 16 or 24 bits, and the device gives %d of %d; ask for bits=24, or leave encode=flac out",
			len(flacLayouts)-1, t.Channels, t.Bits)
	}
	var front bytes.Buffer
	if _, err := flacEncoder(&front, t); err != nil {
		return matroska.Track{}, err
	}
	t.Codec, t.Private = codecFLAC, front.Bytes()
	return t, nil
}

// flacEncoder makes an encoder, which writes what stands before the first frame
// at once.
func flacEncoder(out *bytes.Buffer, t matroska.Track) (*flac.Encoder, error) {
	e, err := flac.NewEncoder(out, &meta.StreamInfo{
		BlockSizeMin: flacLeast, BlockSizeMax: uint16(t.SampleRate / flacPerSecond),
		SampleRate: uint32(t.SampleRate), NChannels: uint8(t.Channels), BitsPerSample: uint8(t.Bits),
	})
	if err != nil {
		return nil, reason.Wrap(reason.Internal, err, "FLAC")
	}
	e.EnablePredictionAnalysis(false) // the choice is made here, in a part of the time
	return e, nil
}

// flacSound keeps sound as FLAC. It is quick enough for whoever takes the
// buffers.
type flacSound struct {
	take   func(Packet)
	format capture.Format
	track  matroska.Track
	out    bytes.Buffer
	coder  *flac.Encoder
	done   uint64 // sound frames since the numbers began

	first   Packet // what is known of the frame that is being filled
	filled  int    // sound frames
	samples [][]int32
	mid     []int32
	side    []int32
}

func newFLAC(f capture.Format, take func(Packet)) (*flacSound, error) {
	t, err := flacTrack(matroska.Track{SampleRate: f.SampleRate, Channels: f.Channels, Bits: f.Bits})
	if err != nil {
		return nil, err
	}
	s := &flacSound{take: take, format: f, track: t, samples: make([][]int32, t.Channels)}
	for i := range s.samples {
		s.samples[i] = make([]int32, t.SampleRate/flacPerSecond)
	}
	s.mid, s.side = make([]int32, len(s.samples[0])), make([]int32, len(s.samples[0]))
	s.coder, err = flacEncoder(&s.out, t)
	return s, err
}

func (s *flacSound) Put(b capture.Buffer, gap *capture.Gap) {
	if gap != nil {
		s.first.Gap = merge(s.short(), gap)
	}
	size := s.track.Bits / 8
	n := len(b.Data) / size / s.track.Channels
	for from := 0; from < n; {
		if s.filled == 0 {
			s.first.At = b.At + s.format.Lasting(int64(from))
			s.first.Sequence = b.Sequence + int64(from)
		}
		part := min(n-from, len(s.samples[0])-s.filled)
		for c, to := range s.samples {
			to, at := to[s.filled:s.filled+part], (from*s.track.Channels+c)*size
			for i := range to {
				to[i] = sample(b.Data[at:], size)
				at += s.track.Channels * size
			}
		}
		from += part
		if s.filled += part; s.filled == len(s.samples[0]) {
			s.flush()
		}
	}
}

// sample reads a signed number of two or three bytes.
func sample(b []byte, size int) int32 {
	if size == 2 {
		return int32(int16(uint16(b[0]) | uint16(b[1])<<8))
	}
	return int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24) >> 8
}

// short ends the frame so far. What is too little for one is the gap that it
// returns.
func (s *flacSound) short() *capture.Gap {
	if s.filled >= flacLeast {
		s.flush()
	}
	if s.filled == 0 {
		return s.first.Gap
	}
	gap := merge(s.first.Gap, &capture.Gap{From: s.first.At, To: s.first.At, Lost: int64(s.filled), Code: reason.DeviceOverrun, Detail: "it was too little to be kept"})
	s.filled = 0
	return gap
}

func (s *flacSound) Close() { s.short() }

// flush encodes the frame and passes it on.
func (s *flacSound) flush() {
	n := s.filled
	f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: uint32(s.track.SampleRate), Channels: flacLayouts[s.track.Channels], BitsPerSample: uint8(s.track.Bits)}}
	s.choose(f, n)
	p := s.first
	s.first, s.filled = Packet{}, 0
	var err error
	if s.done += uint64(n); s.done > flacNumbers {
		s.done = uint64(n)
		s.coder, err = flacEncoder(&s.out, s.track)
	}
	s.out.Reset()
	if err == nil {
		err = s.coder.WriteFrame(f)
	}
	if err != nil { // it refuses no sound; what it would refuse is a gap
		s.first.Gap = merge(p.Gap, &capture.Gap{From: p.At, To: p.At, Lost: int64(n), Code: reason.Internal, Detail: err.Error()})
		return
	}
	if p.Data, p.Frames, p.Key = s.out.Bytes(), int64(n), true; p.Gap != nil {
		p.Gap.To = p.At
	}
	s.take(p)
}

// choose chooses how each channel is predicted, and of two whether one of them
// is kept as the difference.
func (s *flacSound) choose(f *frame.Frame, n int) {
	width := s.track.Bits
	cost := make([]int, len(s.samples))
	for i, samples := range s.samples {
		sub, bits := predicted(samples[:n], width)
		f.Subframes, cost[i] = append(f.Subframes, sub), bits
	}
	if len(s.samples) != 2 {
		return
	}
	left, right := s.samples[0], s.samples[1]
	for i := range n {
		s.side[i], s.mid[i] = left[i]-right[i], (left[i]+right[i])>>1
	}
	mid, midBits := predicted(s.mid[:n], width)
	side, sideBits := predicted(s.side[:n], width+1)
	best := cost[0] + cost[1]
	l, r := f.Subframes[0], f.Subframes[1]
	for _, way := range []struct {
		channels frame.Channels
		bits     int
		subs     [2]*frame.Subframe
	}{
		{frame.ChannelsLeftSide, cost[0] + sideBits, [2]*frame.Subframe{l, side}},
		{frame.ChannelsSideRight, sideBits + cost[1], [2]*frame.Subframe{side, r}},
		{frame.ChannelsMidSide, midBits + sideBits, [2]*frame.Subframe{mid, side}},
	} {
		if way.bits < best {
			best, f.Channels = way.bits, way.channels
			// The encoder takes the difference itself, of what it is given as left
			// and right.
			f.Subframes[0] = &frame.Subframe{SubHeader: way.subs[0].SubHeader, Samples: left[:n], NSamples: n}
			f.Subframes[1] = &frame.Subframe{SubHeader: way.subs[1].SubHeader, Samples: right[:n], NSamples: n}
		}
	}
}

// predicted chooses the fixed predictor of which the least is left, and says how
// many bits that takes, about.
func predicted(samples []int32, width int) (*frame.Subframe, int) {
	sub := &frame.Subframe{Samples: samples, NSamples: len(samples)}
	var left [flacOrders]uint64
	var a [flacOrders]int64 // the last difference of each order
	constant := true
	for i, v := range samples {
		d := int64(v)
		constant = constant && v == samples[0]
		for order := range flacOrders {
			if i >= flacOrders {
				left[order] += uint64(max(d, -d))
			}
			d, a[order] = d-a[order], d
		}
	}
	if constant {
		sub.Pred = frame.PredConstant
		return sub, width
	}
	order := 0
	for o := range left {
		if left[o] < left[order] {
			order = o
		}
	}
	// Of what is left, each takes its sign, its lowest k bits, and the rest as so
	// many bits: best with k at about the logarithm of the mean.
	n := len(samples) - order
	k := max(0, bits.Len64(2*left[order]/uint64(max(1, n)))-1)
	cost := order*width + n*(k+1) + int(2*left[order]>>k)
	if cost >= len(samples)*width || k > riceLong || len(samples) <= flacOrders {
		sub.Pred = frame.PredVerbatim
		return sub, len(samples) * width
	}
	sub.Pred, sub.Order, sub.ResidualCodingMethod = frame.PredFixed, order, frame.ResidualCodingMethodRice1
	if k > riceShort {
		sub.ResidualCodingMethod = frame.ResidualCodingMethodRice2
	}
	sub.RiceSubframe = &frame.RiceSubframe{Partitions: []frame.RicePartition{{Param: uint(k)}}}
	return sub, cost
}
