package worker

import "time"

// Budget says when a failed attempt may be made again, and when to give up
// (STYLE 19). It counts failures without durable progress: a delivery that
// moves is never given up. The zero Budget does not wait and never gives up.
type Budget struct {
	First time.Duration // wait after the second failure in a row; it doubles from there
	Most  time.Duration // bound of the wait
	Max   int           // crashes of workers without progress before giving up; 0 means never

	failures int
	crashes  int
}

// Failed notes a failed attempt: whether it made durable progress, and whether
// a worker crashed, as opposed to a network or a disk that failed. It returns
// how long to wait before the next attempt, or false to give up. The first
// attempt after progress is made at once.
func (b *Budget) Failed(progress, crash bool) (time.Duration, bool) {
	if progress {
		b.failures, b.crashes = 0, 0
	}
	if crash {
		b.crashes++
	}
	if b.Max > 0 && b.crashes > b.Max {
		return 0, false
	}
	b.failures++
	if b.failures == 1 {
		return 0, true
	}
	wait := b.First
	for i := 2; i < b.failures && wait < b.Most; i++ {
		wait *= 2
	}
	return min(wait, b.Most), true
}
