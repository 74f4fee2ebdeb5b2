package sample

import (
	"encoding/binary"
	"io"
)

// The film is a RIFF file of form AVI, as "AVI RIFF File Reference" of
// Microsoft's DirectShow documentation lays it out: a list of headers, a list
// of chunks in the order in which they are played, and an index of these.
// Everything is little-endian; a chunk of odd length is followed by one byte.
const (
	videoChunk = "00dc" // stream 0, compressed picture
	audioChunk = "01wb" // stream 1, sound
)

// Flags of the headers.
const (
	hasIndex     = 0x10  // AVIF_HASINDEX
	interleaved  = 0x100 // AVIF_ISINTERLEAVED
	keyFrame     = 0x10  // AVIIF_KEYFRAME: every picture and sound stands alone
	pcmFormat    = 1     // WAVE_FORMAT_PCM
	sampleBits   = 16
	sampleBytes  = Channels * sampleBits / 8 // of all channels
	anyQuality   = 0xffffffff
	riffOverhead = 8 // a chunk's name and length
)

// mainHeader is AVIMAINHEADER without its own name and length.
type mainHeader struct {
	MicrosPerFrame, MaxBytesPerSecond, Padding, Flags     uint32
	Frames, InitialFrames, Streams, Buffer, Width, Height uint32
	_                                                     [4]uint32
}

// streamHeader is AVISTREAMHEADER without its own name and length.
type streamHeader struct {
	Type, Handler                        [4]byte
	Flags                                uint32
	Priority, Language                   uint16
	InitialFrames, Scale, Rate, Start    uint32
	Length, Buffer, Quality, SampleBytes uint32
	Left, Top, Right, Bottom             uint16
}

// bitmapHeader is BITMAPINFOHEADER.
type bitmapHeader struct {
	Size, Width, Height                       uint32
	Planes, Bits                              uint16
	Compression                               [4]byte
	Bytes, XPerMeter, YPerMeter, Used, Needed uint32
}

// waveFormat is PCMWAVEFORMAT.
type waveFormat struct {
	Tag, Channels          uint16
	Rate, BytesPerSecond   uint32
	FrameBytes, SampleBits uint16
}

// avi writes one film. Chunks gather until flush.
type avi struct {
	w       io.WriteSeeker
	start   int64 // where the film begins in w
	frames  int
	movi    int // bytes of chunks so far, gathered ones included
	pending []byte
	index   []byte

	largest       [2]int // chunk of each stream
	busiestSecond int    // bytes of the largest flush
}

// newAVI begins a film of so many pictures. Its header is written as it can be
// now, so that the chunks go where they belong.
func newAVI(w io.WriteSeeker, frames int) (*avi, error) {
	start, err := w.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	a := &avi{w: w, start: start, frames: frames}
	_, err = w.Write(a.header())
	return a, err
}

// chunk appends one picture or the sound that goes with it.
func (a *avi) chunk(name string, data []byte) {
	a.index = append(a.index, name...)
	a.index = binary.LittleEndian.AppendUint32(a.index, keyFrame)
	// The index counts from the word "movi", which the chunks follow.
	a.index = binary.LittleEndian.AppendUint32(a.index, uint32(4+a.movi))
	a.index = binary.LittleEndian.AppendUint32(a.index, uint32(len(data)))
	before := len(a.pending)
	a.pending = appendChunk(a.pending, name, data)
	a.movi += len(a.pending) - before
	stream := 0
	if name == audioChunk {
		stream = 1
	}
	a.largest[stream] = max(a.largest[stream], len(data))
}

// flush writes the chunks of one second.
func (a *avi) flush() error {
	a.busiestSecond = max(a.busiestSecond, len(a.pending))
	_, err := a.w.Write(a.pending)
	a.pending = a.pending[:0]
	return err
}

// finish writes the index, and the header again now that all is known. It
// leaves w at the end of the film.
func (a *avi) finish() error {
	if _, err := a.w.Write(appendChunk(nil, "idx1", a.index)); err != nil {
		return err
	}
	if _, err := a.w.Seek(a.start, io.SeekStart); err != nil {
		return err
	}
	header := a.header()
	if _, err := a.w.Write(header); err != nil {
		return err
	}
	_, err := a.w.Seek(a.start+int64(len(header)+a.movi+riffOverhead+len(a.index)), io.SeekStart)
	return err
}

// header is all that stands before the first chunk; its length is always the
// same.
func (a *avi) header() []byte {
	headers := list("hdrl",
		appendChunk(nil, "avih", raw(mainHeader{
			MicrosPerFrame: 1_000_000 / FrameRate, MaxBytesPerSecond: uint32(a.busiestSecond),
			Flags: hasIndex | interleaved, Frames: uint32(a.frames), Streams: 2,
			Buffer: uint32(max(a.largest[0], a.largest[1]) + riffOverhead), Width: Width, Height: Height,
		})),
		list("strl",
			appendChunk(nil, "strh", raw(streamHeader{
				Type: fourCC("vids"), Handler: fourCC("MJPG"), Scale: 1, Rate: FrameRate,
				Length: uint32(a.frames), Buffer: uint32(a.largest[0]), Quality: anyQuality,
				Right: Width, Bottom: Height,
			})),
			appendChunk(nil, "strf", raw(bitmapHeader{
				Size: 40, Width: Width, Height: Height, Planes: 1, Bits: 24,
				Compression: fourCC("MJPG"), Bytes: Width * Height * 3,
			}))),
		list("strl",
			appendChunk(nil, "strh", raw(streamHeader{
				Type: fourCC("auds"), Scale: sampleBytes, Rate: SampleRate * sampleBytes,
				Length: uint32(a.frames * SampleRate / FrameRate), Buffer: uint32(a.largest[1]),
				Quality: anyQuality, SampleBytes: sampleBytes,
			})),
			appendChunk(nil, "strf", raw(waveFormat{
				Tag: pcmFormat, Channels: Channels, Rate: SampleRate,
				BytesPerSecond: SampleRate * sampleBytes, FrameBytes: sampleBytes, SampleBits: sampleBits,
			}))))
	body := 4 + len(headers) + riffOverhead + 4 + a.movi + riffOverhead + len(a.index)
	h := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(body))
	h = append(append(h, "AVI "...), headers...)
	h = binary.LittleEndian.AppendUint32(append(h, "LIST"...), uint32(4+a.movi))
	return append(h, "movi"...)
}

// list is a LIST chunk of that kind with those chunks, all of even length.
func list(kind string, chunks ...[]byte) []byte {
	body := []byte(kind)
	for _, c := range chunks {
		body = append(body, c...)
	}
	return appendChunk(nil, "LIST", body)
}

func appendChunk(b []byte, name string, data []byte) []byte {
	b = append(b, name...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	if len(data)%2 != 0 {
		b = append(b, 0)
	}
	return b
}

// raw is a header structure as it stands in the file.
func raw(header any) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, header)
	if err != nil {
		panic("sample: a header of variable size: " + err.Error()) // a fault of this file alone
	}
	return b
}

func fourCC(name string) [4]byte { return [4]byte([]byte(name)) }
