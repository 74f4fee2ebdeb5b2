package moment

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"videoclub/internal/reason"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s":            time.Second,
		"90s":           90 * time.Second,
		"1h30m":         90 * time.Minute,
		"1h 30m":        90 * time.Minute,
		" 1H30M ":       90 * time.Minute,
		"7d":            7 * day,
		"2d12h":         60 * time.Hour,
		"2d3h4m5s":      51*time.Hour + 4*time.Minute + 5*time.Second,
		"0d1s":          time.Second,
		"3650d":         MaxDuration,
		"315360000s":    MaxDuration,
		"000000001s":    time.Second,
		"3649d23h60m0s": MaxDuration,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseDurationRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "0", "90", "0s", "0d0h", "-1s", "+1s", "1.5h", "1,5h", "1 h", "1h  30", "30m1h", "1h1h", "1w", "1ms", "1µs", "h", "hm", "1x",
		"3650d1s", "3651d", "315360001s", "999999999d", "9999999999s", "99999999999999999999d", "one hour", "١s", "\xff", strings.Repeat("1", 1<<16) + "s",
	} {
		got, err := ParseDuration(text)
		if err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
			continue
		}
		if reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), `"1h30m"`) || len(err.Error()) > 1000 {
			t.Errorf("ParseDuration(%.100q): the error does not say what is accepted, or is too long: %v", text, err)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                     "0s",
		1:                                     "0s",
		-1:                                    "0s",
		time.Millisecond/2 - 1:                "0s",
		time.Millisecond / 2:                  "1ms",
		350 * time.Millisecond:                "350ms",
		-350 * time.Millisecond:               "-350ms",
		time.Second - time.Microsecond:        "1s",
		time.Second:                           "1s",
		1499 * time.Millisecond:               "1s",
		59*time.Second + 500*time.Millisecond: "1m",
		45 * time.Second:                      "45s",
		90 * time.Minute:                      "1h30m",
		51 * time.Hour:                        "2d3h",
		day + time.Second:                     "1d1s",
		-90 * time.Second:                     "-1m30s",
		MaxDuration:                           "3650d",
		math.MaxInt64:                         "106751d23h47m16s",
		math.MinInt64:                         "-106751d23h47m16s",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestDurationPrintedIsParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, int64(MaxDuration/time.Second)).Draw(t, "seconds")) * time.Second
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("%v reads %q, which is %v, %v", d, FormatDuration(d), got, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"90s", "1h30m", "7d", "2d 12h", "2d3h4m5s", "3650d", "315360000s", "30m1h", "0s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d <= 0 || d > MaxDuration {
			t.Fatalf("ParseDuration(%q) = %v, out of range", text, d)
		}
		if again, err := ParseDuration(FormatDuration(d)); err != nil || again != d {
			t.Fatalf("%q is %v, printed %q, which is %v, %v", text, d, FormatDuration(d), again, err)
		}
	})
}
