package capture

import "time"

// steady gives the times of sound blocks that follow each other. What a driver
// says of the time is uncertain by as much as a period, while its samples come
// evenly, at a rate that is not quite the one that it states: so the time goes
// on by the samples and gives way slowly to what is measured.
type steady struct {
	rate    int // sound frames a second, as the device states it
	started bool
	due     time.Duration // of the next block
}

const (
	// giving is the part of the difference that each block gives way by: with
	// periods of 10 ms, clocks apart by 500 ppm differ by 80 µs.
	giving = 16
	// slip is the difference beyond which samples must have been lost.
	slip = 80 * time.Millisecond
)

// length is how long n sound frames last.
func (s *steady) length(n int64) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(s.rate)
}

// next says when a block of n frames began, of which the driver says measured,
// and how many frames were lost before it. After an overrun the clock begins
// anew.
func (s *steady) next(measured time.Duration, n int, overrun bool) (at time.Duration, lost int64) {
	off := measured - s.due
	switch {
	case !s.started:
		s.due, s.started = measured, true
	case overrun || off > slip:
		// Never backwards: what is measured is uncertain.
		if off > 0 {
			rate := int64(s.rate)
			lost = int64(off/time.Second)*rate + int64(off%time.Second)*rate/int64(time.Second)
			s.due = measured
		}
	default:
		// Less than a block, so that times never go back.
		s.due += max(off, -slip) / giving
	}
	at = s.due
	s.due += s.length(int64(n))
	return at, lost
}
