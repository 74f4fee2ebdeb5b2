package sample

import (
	"bytes"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// The sound of an MP4 film is FLAC, of which one frame goes with each picture.
const (
	flacBlock = SampleRate / FrameRate
	flacMark  = 4 // bytes of "fLaC", which only a file of its own begins with
)

// tape gives the sound as FLAC, frame by frame.
type tape struct {
	out     bytes.Buffer
	encoder *flac.Encoder
	front   []byte    // STREAMINFO, with its header
	second  [][]int32 // the samples of one second, by channel
	next    int
}

func newTape() (*tape, error) {
	t := &tape{second: make([][]int32, Channels)}
	var err error
	t.encoder, err = flac.NewEncoder(&t.out, &meta.StreamInfo{
		BlockSizeMin: flacBlock, BlockSizeMax: flacBlock, SampleRate: SampleRate, NChannels: Channels, BitsPerSample: sampleBits,
	})
	if err != nil {
		return nil, err
	}
	t.front = bytes.Clone(t.out.Bytes()[flacMark:])
	sound := beep()
	for i := 0; i < len(sound); i += sampleBytes {
		for c := range t.second {
			t.second[c] = append(t.second[c], int32(int16(uint16(sound[i+2*c])|uint16(sound[i+2*c+1])<<8)))
		}
	}
	return t, nil
}

// frame gives the next one.
func (t *tape) frame() ([]byte, error) {
	from := t.next % FrameRate * flacBlock
	t.next++
	f := &frame.Frame{Header: frame.Header{HasFixedBlockSize: true, BlockSize: flacBlock, SampleRate: SampleRate, Channels: frame.ChannelsLR, BitsPerSample: sampleBits}}
	for _, channel := range t.second {
		f.Subframes = append(f.Subframes, &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, Samples: channel[from : from+flacBlock], NSamples: flacBlock})
	}
	t.out.Reset()
	if err := t.encoder.WriteFrame(f); err != nil {
		return nil, err
	}
	return bytes.Clone(t.out.Bytes()), nil
}
