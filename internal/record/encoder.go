package record

import (
	"io"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// Encoder makes packets of what one device gives, and passes them on in order,
// from one goroutine at a time. A packet's data is its own only until what it is
// passed to returns.
type Encoder interface {
	// Put takes a buffer over, which it copies, and the gap before it. It never
	// waits: what there is no room for is lost, and a gap. It is for one
	// goroutine.
	Put(b capture.Buffer, gap *capture.Gap)
	// Close waits until what was put is passed on.
	Close()
}

// Start starts the program that encodes, and gives its end of what joins the
// two: pictures are written there, and read as the program made them
// (Arguments). Closing it ends the program. What hinders the start is the error.
type Start func() (io.ReadWriteCloser, error)

// NewEncoder starts what encodes a format as it is asked. start is needed where
// another program does (Foreign).
func NewEncoder(f capture.Format, a *feed.Ask, start Start, take func(Packet)) (Encoder, error) {
	switch {
	case a.Coding == feed.CodeFLAC:
		return newFLAC(f, take)
	case !f.Picture():
		return &plain{frame: f.FrameBytes(), take: take}, nil
	case f.Pixels == feed.H264:
		return &camera{take: take}, nil
	case Foreign(f, a):
		return newForeign(f, start, take)
	}
	return NewPress(f, a, take), nil
}

// Foreign says whether another program is needed to encode a format as it is
// asked.
func Foreign(f capture.Format, a *feed.Ask) bool {
	return f.Picture() && a.Coding == feed.CodeH264 && f.Pixels != feed.H264
}

// TrackOf says how a device's format is kept in a file. What cannot be is
// reason.DeviceUnfit. Of H.264, what a decoder begins with is not known yet
// (Complete).
func TrackOf(f capture.Format, a *feed.Ask) (matroska.Track, error) {
	if !f.Picture() {
		t := matroska.Track{Codec: codecPCM, SampleRate: f.SampleRate, Channels: f.Channels, Bits: f.Bits}
		if a.Coding == feed.CodeFLAC {
			return flacTrack(t)
		}
		return t, nil
	}
	t := matroska.Track{Width: f.Width, Height: f.Height}
	switch {
	case a.Coding == feed.CodeMJPEG && f.Pixels != feed.H264:
		t.Codec = codecMJPEG
	case a.Coding == feed.CodeH264:
		t.Codec = codecAVC
	case a.Coding == feed.CodeRaw && f.Pixels == feed.YUYV:
		t.Codec, t.FourCC = codecRaw, "YUY2"
	case a.Coding == feed.CodeRaw && f.Pixels == feed.NV12:
		t.Codec, t.FourCC = codecRaw, "NV12"
	default:
		return matroska.Track{}, reason.New(reason.DeviceUnfit, "pictures in %s cannot be kept as %s", f.Pixels, a.Coding)
	}
	return t, nil
}

// The codecs that there are (draft-ietf-cellar-codec).
const (
	codecMJPEG = "V_MJPEG"
	codecAVC   = "V_MPEG4/ISO/AVC"
	codecRaw   = "V_UNCOMPRESSED"
	codecPCM   = "A_PCM/INT/LIT"
	codecFLAC  = "A_FLAC"
)

// plain keeps sound as it comes.
type plain struct {
	frame int // bytes
	take  func(Packet)
}

func (p *plain) Put(b capture.Buffer, gap *capture.Gap) {
	p.take(Packet{Data: b.Data, At: b.At, Sequence: b.Sequence, Frames: int64(len(b.Data) / p.frame), Key: true, Gap: gap})
}

func (p *plain) Close() {}
