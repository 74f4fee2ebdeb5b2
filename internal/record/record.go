// Package record makes a recording of what devices give: it encodes pictures on
// all cores, keeps sound as it is, joins both by their times, and writes whole
// clusters of Matroska. Nothing in it makes a device wait: what cannot be
// encoded in time is lost, and counted.
package record

import (
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// Packet is what one device gave, encoded.
type Packet struct {
	Data []byte
	// At is by CLOCK_MONOTONIC.
	At time.Duration
	// Sequence is the number of the picture, or the position of the first sound
	// frame; Frames how many of these there are: 1, or sound frames.
	Sequence, Frames int64
	Key              bool
	// Gap is what is missing before it.
	Gap *capture.Gap
}

// TrackOf says how a device's format is kept in a file. What cannot be is
// reason.DeviceUnfit.
func TrackOf(f capture.Format, a *feed.Ask) (matroska.Track, error) {
	if !f.Picture() {
		if a.Coding != feed.CodePCM {
			return matroska.Track{}, reason.New(reason.DeviceUnfit, "sound is kept as %s alone, not as %s", feed.CodePCM, a.Coding)
		}
		return matroska.Track{Codec: "A_PCM/INT/LIT", SampleRate: f.SampleRate, Channels: f.Channels, Bits: f.Bits}, nil
	}
	t := matroska.Track{Width: f.Width, Height: f.Height}
	switch {
	case a.Coding == feed.CodeMJPEG && f.Pixels != feed.H264:
		t.Codec = "V_MJPEG"
	case a.Coding == feed.CodeRaw && f.Pixels == feed.YUYV:
		t.Codec, t.FourCC = "V_UNCOMPRESSED", "YUY2"
	case a.Coding == feed.CodeRaw && f.Pixels == feed.NV12:
		t.Codec, t.FourCC = "V_UNCOMPRESSED", "NV12"
	default:
		return matroska.Track{}, reason.New(reason.DeviceUnfit, "pictures in %s cannot be kept as %s", f.Pixels, a.Coding)
	}
	return t, nil
}
