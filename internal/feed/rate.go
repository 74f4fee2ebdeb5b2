package feed

import "videoclub/internal/rate"

// What is asked for where the location leaves it to the device, to have an
// estimate.
const (
	usualWidth, usualHeight = 1280, 720
	usualPictures           = 30
	usualRate, usualSound   = 48_000, 2
	usualBits               = 16
)

// Bytes that a pixel takes, in thousandths: of pictures that a camera takes,
// which have noise, on the large side. What a recording really takes is learned
// while it is made.
const (
	rawPixel   = 2000
	mjpegPixel = 250
	h264Pixel  = 20
	// flacSample is how many thousandths of sound FLAC leaves.
	flacSample = 700
	// container is what Matroska adds, in thousandths, and containerRate at least.
	container     = 5
	containerRate = 2_000
)

// Rate is about how many bytes a second a recording of f takes.
func (f Feed) Rate() rate.Rate {
	var total int64
	for _, a := range f.Asks() {
		total += a.bytes()
	}
	return rate.Rate(total + total*container/1000 + containerRate)
}

func (a *Ask) bytes() int64 {
	if !a.Kind.Picture() {
		sound := int64(or(a.SampleRate, usualRate)) * int64(or(a.Channels, usualSound)) * int64(or(a.Bits, usualBits)) / 8
		if a.Coding == CodeFLAC {
			sound = sound * flacSample / 1000
		}
		return sound
	}
	pixel := map[Coding]int64{CodeRaw: rawPixel, CodeH264: h264Pixel}[a.Coding]
	if pixel == 0 {
		pixel = mjpegPixel
	}
	pixels := int64(or(a.Width, usualWidth)) * int64(or(a.Height, usualHeight))
	if a.Rate.Den == 0 {
		return pixels * pixel / 1000 * usualPictures
	}
	return pixels * pixel / 1000 * int64(a.Rate.Num) / int64(a.Rate.Den)
}

func or(n, usual int) int {
	if n == 0 {
		return usual
	}
	return n
}
