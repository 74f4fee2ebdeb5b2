// Package capture takes pictures or sound from one device, or makes them:
// buffers with the time at which they were taken, their numbers, and what was
// lost before each. A device that fails is closed wholly and opened again, and
// the time without it is a gap.
package capture

import (
	"fmt"
	"time"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// Format is what a device gives, as it was agreed with its driver.
type Format struct {
	// Of pictures. Stride is the bytes of a line, of which Width pixels are the
	// picture; 0 in what is compressed. Rate may be zero: unknown or changing.
	Pixels        feed.Format
	Width, Height int
	Stride        int
	Rate          feed.Fraction
	// Largest is the most bytes of a picture.
	Largest int

	// Of sound: interleaved, little-endian, in 2, 3 or 4 bytes a sample.
	SampleRate, Channels, Bits int

	// Device is what the driver calls it, for people.
	Device string
}

// Picture says whether it is the format of pictures.
func (f Format) Picture() bool { return f.Pixels != "" }

// FrameBytes is the bytes of one sound frame: a sample of each channel.
func (f Format) FrameBytes() int { return f.Channels * f.Bits / 8 }

// Lasting is how long n sound frames last.
func (f Format) Lasting(n int64) time.Duration {
	rate := int64(f.SampleRate)
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

func (f Format) String() string {
	if !f.Picture() {
		return fmt.Sprintf("%d Hz, %d channels, %d bits", f.SampleRate, f.Channels, f.Bits)
	}
	rate := "a rate of its own"
	if f.Rate.Den != 0 {
		rate = f.Rate.String() + " a second"
	}
	return fmt.Sprintf("%s %dx%d, %s", f.Pixels, f.Width, f.Height, rate)
}

// Buffer is one picture, or the sound of one period.
type Buffer struct {
	// Data is valid until the next call of Next.
	Data []byte
	// At is when the picture or the first sound frame was taken, by
	// CLOCK_MONOTONIC.
	At time.Duration
	// Sequence is the number of the picture, or the position of the first sound
	// frame, from 0 at the opening, lost ones counted.
	Sequence int64
	// Lost is how many pictures or sound frames were lost right before it.
	Lost int64
}

// Device is an open source of buffers. Next and Close are for one goroutine,
// Wake for any.
type Device interface {
	Format() Format
	// Next waits for a buffer. A device that gives none for the time that was
	// set at its opening is reason.DeviceHung; after any error it can only be
	// closed. After Wake the error is ErrWoken.
	Next() (Buffer, error)
	// Wake lets go who waits in Next, now and ever after.
	Wake()
	Close() error
}

// Gap is a time without buffers.
type Gap struct {
	// From is the end of the last buffer before it, To the time of the first
	// after it, both by CLOCK_MONOTONIC; -1 where there is none.
	From, To time.Duration
	// Lost is how many pictures or sound frames there should have been.
	Lost   int64
	Code   reason.Code
	Detail string
}

// fault is what a device answered, with what was being done and what it means.
func fault(err error, what string, args ...any) error {
	return reason.Wrap(codeOf(err), err, what, args...)
}
