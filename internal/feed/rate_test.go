package feed

import (
	"testing"

	"videoclub/internal/rate"
)

// What is exact is so but for the container, and the rest is not far off.
func TestRate(t *testing.T) {
	for location, want := range map[string][2]rate.Rate{
		"tone:":                                 {192_000, 200_000},
		"tone:?rate=8000&channels=1":            {16_000, 20_000},
		"tone:?encode=flac":                     {100_000, 192_000},
		"pattern:?size=640x480&fps=30":          {1_000_000, 4_000_000},
		"pattern:?encode=raw":                   {18_432_000, 18_600_000},
		"pattern:?encode=h264":                  {100_000, 500_000},
		"v4l2:/dev/video0+alsa:hw:0,0":          {5_000_000, 10_000_000},
		"pattern:?size=160x120&fps=1/10+tone:":  {192_000, 200_000},
		"pattern:?size=160x120&fps=30000/1001":  {120_000, 200_000},
		"v4l2:/dev/video0?size=8192x8192&fps=9": {100_000_000, 200_000_000},
	} {
		f, err := Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		if r := f.Rate(); r < want[0] || r > want[1] {
			t.Errorf("%s: %v, want %v to %v", location, r, want[0], want[1])
		}
	}
}
