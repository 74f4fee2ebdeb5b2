// Package sample makes small playable films, for trying Video Club without one:
// a moving test card with a clock and a beep each second, as AVI and as the MP4
// that browsers play.
package sample

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// What the film is made of. It takes about a megabyte a second.
const (
	// Width and Height of the picture in pixels.
	Width  = 640
	Height = 360
	// FrameRate is in pictures a second.
	FrameRate = 25
	// SampleRate is in samples a second, each of 16 bits for every channel.
	SampleRate = 48_000
	// Channels of the sound: left and right.
	Channels = 2
	// MaxSeconds is the longest film. It stays far below the 2 GiB up to which
	// every player follows an index of these kinds.
	MaxSeconds = 900
)

// quality of the pictures, 1 to 100: enough for the edges to be clean.
const quality = 88

// Write makes a film of so many seconds, 1 to MaxSeconds, in w, beginning
// where w stands. It is an AVI file with an index, with pictures in JPEG
// (baseline, 4:2:0) and sound in PCM. The same seconds give the same bytes
// (with one release of Go, whose JPEG encoder it uses). It seeks back once, at
// the end, for the sizes that are known only then.
//
// An error is one of w, or says that seconds is out of range; what w then
// holds is no film.
func Write(w io.WriteSeeker, seconds int) error {
	if seconds < 1 || seconds > MaxSeconds {
		return fmt.Errorf("a sample of %d seconds cannot be made: it takes 1 to %d", seconds, MaxSeconds)
	}
	film, err := newAVI(w, seconds*FrameRate)
	if err != nil {
		return fmt.Errorf("begin the sample: %w", err)
	}
	press := newPress(seconds * FrameRate)
	sound := beep()
	step := len(sound) / FrameRate
	for second := range seconds {
		if err := press.encode(second * FrameRate); err != nil {
			return fmt.Errorf("encode second %d of the sample: %w", second, err)
		}
		for i := range press.pictures {
			film.chunk(videoChunk, press.pictures[i].Bytes())
			film.chunk(audioChunk, sound[i*step:(i+1)*step])
		}
		if err := film.flush(); err != nil {
			return fmt.Errorf("write second %d of the sample: %w", second, err)
		}
	}
	if err := film.finish(); err != nil {
		return fmt.Errorf("finish the sample: %w", err)
	}
	return nil
}

// press encodes the pictures of one second on all processors, in order.
type press struct {
	card     *card
	canvases []*image.YCbCr // one for each goroutine
	pictures [FrameRate]bytes.Buffer
}

func newPress(frames int) *press {
	p := &press{card: newCard(frames)}
	for range min(runtime.GOMAXPROCS(0), FrameRate) {
		p.canvases = append(p.canvases, p.card.canvas())
	}
	return p
}

// encode fills pictures with the frames from first on.
func (p *press) encode(first int) error {
	var (
		taken atomic.Int64
		all   sync.WaitGroup
		errs  [FrameRate]error
	)
	for _, canvas := range p.canvases {
		all.Go(func() {
			for i := taken.Add(1) - 1; i < FrameRate; i = taken.Add(1) - 1 {
				p.card.draw(canvas, first+int(i))
				p.pictures[i].Reset()
				errs[i] = jpeg.Encode(&p.pictures[i], canvas, &jpeg.Options{Quality: quality})
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
