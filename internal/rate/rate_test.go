package rate

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOver(t *testing.T) {
	for _, c := range []struct {
		rate Rate
		d    time.Duration
		want int64
	}{
		{0, time.Second, 0},
		{-1, time.Second, 0},
		{1, 0, 0},
		{1, -time.Second, 0},
		{1, time.Second - 1, 0},
		{1, time.Second, 1},
		{1, time.Second + 1, 1},
		{125_000_000, time.Millisecond, 125_000},
		{3, time.Second / 2, 1},
		{math.MaxInt64, time.Second - 1, 9223372027631403770},
		{math.MaxInt64, time.Second, math.MaxInt64},
		{math.MaxInt64, time.Second + 1, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{Max, 365 * 24 * time.Hour, math.MaxInt64},
	} {
		if got := c.rate.Over(c.d); got != c.want {
			t.Errorf("Rate(%d).Over(%v) = %d, want %d", int64(c.rate), c.d, got, c.want)
		}
	}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		rate Rate
		n    int64
		want time.Duration
	}{
		{100, 0, 0},
		{100, -5, 0},
		{0, 0, 0},
		{0, 1, math.MaxInt64},
		{-4, 1, math.MaxInt64},
		{1, 1, time.Second},
		{3, 1, 333_333_334},
		{3, 3, time.Second},
		{1e9, 1, 1},
		{1e9 + 1, 1, 1},
		{Max, 1, 1},
		{1, 9_223_372_036, 9_223_372_036 * time.Second},
		{1, 9_223_372_037, math.MaxInt64},
		{1, math.MaxInt64, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64, time.Second},
	} {
		if got := c.rate.Time(c.n); got != c.want {
			t.Errorf("Rate(%d).Time(%d) = %d, want %d", int64(c.rate), c.n, got, c.want)
		}
	}
}

func TestPaceOf(t *testing.T) {
	for _, c := range []struct {
		size int64
		d    time.Duration
		want Rate
	}{
		{0, time.Second, 1},
		{0, 0, 1},
		{-1, time.Second, 1},
		{1, 0, math.MaxInt64},
		{1, -1, math.MaxInt64},
		{1, time.Hour, 1},
		{10, 3 * time.Second, 4},
		{9, 3 * time.Second, 3},
		{math.MaxInt64, 1, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64, 1e9},
	} {
		if got := PaceOf(c.size, c.d); got != c.want {
			t.Errorf("PaceOf(%d, %v) = %d, want %d", c.size, c.d, int64(got), int64(c.want))
		}
	}
}

// The three agree with exact arithmetic everywhere.
func TestAgainstExactArithmetic(t *testing.T) {
	second := big.NewInt(int64(time.Second))
	limit := big.NewInt(math.MaxInt64)
	fraction := func(a, b *big.Int, c int64, up bool) int64 {
		n := new(big.Int).Mul(a, b)
		if up {
			n.Add(n, big.NewInt(c-1))
		}
		n.Div(n, big.NewInt(c))
		if n.Cmp(limit) > 0 {
			n = limit
		}
		return n.Int64()
	}
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(1, math.MaxInt64).Draw(t, "a")
		b := rapid.Int64Range(1, math.MaxInt64).Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		if got, want := Rate(a).Over(time.Duration(b)), fraction(x, y, int64(time.Second), false); got != want {
			t.Errorf("Rate(%d).Over(%d) = %d, want %d", a, b, got, want)
		}
		if got, want := int64(Rate(b).Time(a)), fraction(x, second, b, true); got != want {
			t.Errorf("Rate(%d).Time(%d) = %d, want %d", b, a, got, want)
		}
		if got, want := int64(PaceOf(a, time.Duration(b))), fraction(x, second, b, true); got != want {
			t.Errorf("PaceOf(%d, %d) = %d, want %d", a, b, got, want)
		}
	})
}
