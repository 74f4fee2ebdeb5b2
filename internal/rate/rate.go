// Package rate is bytes a second and sizes: the arithmetic between the two and
// time, and both as people write them.
package rate

import (
	"math"
	"math/bits"
	"time"
)

// Rate is a speed in bytes a second. Zero and less carry nothing.
type Rate int64

// Size is a number of bytes.
type Size int64

// Max is the fastest Rate that a person may give, 1 TB/s: far above any link,
// and low enough that sums of many rates stay within an int64.
const Max Rate = 1e12

// Over is how many bytes pass at r within d, rounded down, so that nothing is
// counted on that does not fit. It is 0 when r or d is not positive, and stays
// at math.MaxInt64 where it would be more.
func (r Rate) Over(d time.Duration) int64 {
	if r <= 0 || d <= 0 {
		return 0
	}
	n, _ := mulDiv(uint64(r), uint64(d), uint64(time.Second))
	return n
}

// Time is how long n bytes take at r, rounded up, so that whoever waits that
// long has them all. It is 0 when n is not positive, and stays at the longest
// Duration (292 years) where it would be more or r is not positive.
func (r Rate) Time(n int64) time.Duration {
	switch {
	case n <= 0:
		return 0
	case r <= 0:
		return math.MaxInt64
	}
	return time.Duration(mulDivUp(uint64(n), uint64(time.Second), uint64(r)))
}

// PaceOf is the rate at which size bytes pass within d, rounded up and at
// least 1. It stays at math.MaxInt64 where it would be more or, with size
// bytes left to pass, d is not positive; the result may thus be above Max.
func PaceOf(size int64, d time.Duration) Rate {
	switch {
	case size <= 0:
		return 1
	case d <= 0:
		return math.MaxInt64
	}
	return Rate(mulDivUp(uint64(size), uint64(time.Second), uint64(d)))
}

// mulDiv is a*b/c rounded down, at most math.MaxInt64, and the remainder
// (meaningless where the quotient was cut). The product has 128 bits, so
// nothing overflows on the way.
func mulDiv(a, b, c uint64) (quotient int64, remainder uint64) {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return math.MaxInt64, 0
	}
	q, rem := bits.Div64(hi, lo, c)
	if q > math.MaxInt64 {
		return math.MaxInt64, 0
	}
	return int64(q), rem
}

// mulDivUp is mulDiv rounded up.
func mulDivUp(a, b, c uint64) int64 {
	q, rem := mulDiv(a, b, c)
	if rem > 0 && q < math.MaxInt64 {
		q++
	}
	return q
}
