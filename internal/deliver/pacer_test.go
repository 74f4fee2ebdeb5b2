package deliver

import (
	"context"
	"testing"

	"videoclub/internal/frame"
)

// A slow sender writes little at a time, so that it is never silent for long; a
// fast one up to a whole frame.
func TestPacerChunks(t *testing.T) {
	for _, test := range []struct {
		rate int64
		want int
	}{
		{1, 1}, {10, 5}, {1000, 500}, {4096, 2048}, {100_000, 2048}, {1_000_000, 20_000}, {1_000_000_000, frame.MaxMember},
	} {
		p := newPacer(test.rate)
		got, err := p.take(context.Background(), frame.MaxMember)
		if err != nil || got != test.want {
			t.Errorf("at %d bytes a second it may send %d at once, %v, want %d", test.rate, got, err, test.want)
		}
	}
}
