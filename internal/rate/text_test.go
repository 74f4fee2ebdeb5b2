package rate

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"videoclub/internal/reason"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"100Mbit/s":                12_500_000,
		"1 Gbit/s":                 125_000_000,
		" 1  Gbit/s ":              125_000_000,
		"12.5MB/s":                 12_500_000,
		"800 kbit/s":               100_000,
		"800 Kbit/s":               100_000,
		"64KiB/s":                  65_536,
		"1 Mibit/s":                131_072,
		"8bit/s":                   1,
		"4bit/s":                   1, // half a byte is rounded up
		"12 bit/s":                 2,
		"1B/s":                     1,
		"0.5 B/s":                  1,
		"0001.50 kB/s":             1500,
		"1 TB/s":                   Max,
		"8Tbit/s":                  Max,
		"1000000000000 B/s":        Max,
		"0.000000000001 TB/s":      1,
		"1.000000000000000000TB/s": Max,
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v, want %d", text, int64(got), err, int64(want))
		}
	}
}

func TestParseRateRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "100", "Mbit/s", "100 Mbit", "100 Mb/s", "100 Mbps", "100 bps", "unlimited", "0 Mbit/s", "0.0B/s",
		"3bit/s", "0.4 B/s", "-1 MB/s", "+1 MB/s", "1e6 B/s", "1,5 MB/s", "1.5.2 MB/s", ".5 MB/s", "5. MB/s", ". MB/s",
		"1000000000001 B/s", "1.1 TB/s", "8.1 Tbit/s", "99999999999999999999 B/s", "9999999999999999999 TB/s",
		"1.0000000000000000000 TB/s", "1 PB/s", "1 iB/s", "1 kkB/s", "1 MB / s", "1 MB/s x", "1 mB/S", "1\tMB/s", "١ MB/s",
		strings.Repeat("9", 1000) + "B/s",
	} {
		got, err := ParseRate(text)
		if err == nil {
			t.Errorf("ParseRate(%q) = %d, want an error", text, int64(got))
			continue
		}
		if reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), `"100 Mbit/s"`) || len(err.Error()) > 400 {
			t.Errorf("ParseRate(%q): error does not say what is accepted, or is too long: %v", text, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0":                      0,
		"0 B":                    0,
		"500B":                   500,
		"500":                    500,
		"250KB":                  250_000,
		"250kB":                  250_000,
		"10GB":                   10_000_000_000,
		"4GiB":                   4 << 30,
		"64 MiB":                 64 << 20,
		"1.5 GB":                 1_500_000_000,
		"0.1 KiB":                102,
		"0.5 B":                  1,
		"9223372036854775806":    math.MaxInt64 - 1,
		"8388607 TiB":            8388607 << 40,
		"9223372.036854775806TB": math.MaxInt64 - 1,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, int64(got), err, int64(want))
		}
	}
}

func TestParseSizeRefuses(t *testing.T) {
	for _, text := range []string{
		"", "GB", "1.5", "1.", "-1", "10 G", "10 Gb", "10 gb", "10 GB/s", "10 Gbit", "1,5 GB", "1 0 GB", "0x10", "1_000",
		"9223372036854775807", "9223372036854775808", "99999999999999999999", "8388608 TiB", "9223372.036854775808 TB",
	} {
		got, err := ParseSize(text)
		if err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, int64(got))
			continue
		}
		if reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), `"4 GiB"`) {
			t.Errorf("ParseSize(%q): error does not say what is accepted: %v", text, err)
		}
	}
}

func TestRateString(t *testing.T) {
	for rate, want := range map[Rate]string{
		0:                         "0 bit/s",
		1:                         "8 bit/s",
		124:                       "992 bit/s",
		125:                       "1 kbit/s",
		126:                       "1.008 kbit/s",
		124_999:                   "999.992 kbit/s",
		125_000:                   "1 Mbit/s",
		12_500_000:                "100 Mbit/s",
		124_999_937:               "999.999 Mbit/s",
		124_999_938:               "1 Gbit/s", // rounding must not give "1000 Mbit/s"
		125_000_000:               "1 Gbit/s",
		187_500_000:               "1.5 Gbit/s",
		Max:                       "8 Tbit/s",
		-12_500_000:               "-100 Mbit/s",
		math.MaxInt64:             "73786976.295 Tbit/s",
		math.MinInt64:             "-73786976.295 Tbit/s",
		2_305_843_009_213_693_952: "18446744.074 Tbit/s", // 2^61: eight times it has no place in 64 bits
	} {
		if got := rate.String(); got != want {
			t.Errorf("Rate(%d) reads %q, want %q", int64(rate), got, want)
		}
	}
}

func TestSizeString(t *testing.T) {
	for size, want := range map[Size]string{
		0:             "0 B",
		999:           "999 B",
		1000:          "1 kB",
		1001:          "1.001 kB",
		1024:          "1.024 kB",
		999_999:       "999.999 kB",
		1_000_001:     "1 MB",
		1_500_000_000: "1.5 GB",
		1_234_567:     "1.235 MB",
		999_999_499:   "999.999 MB",
		999_999_500:   "1 GB",
		64 << 20:      "64 MiB",
		1023 << 20:    "1023 MiB",
		64<<20 + 1:    "67.109 MB",
		4 << 30:       "4 GiB",
		1 << 50:       "1125.9 TB",
		-5:            "-5 B",
		math.MaxInt64: "9223372.037 TB",
		math.MinInt64: "-9223372.037 TB",
	} {
		if got := size.String(); got != want {
			t.Errorf("Size(%d) reads %q, want %q", int64(size), got, want)
		}
	}
}

// near says whether got is want within the rounding of three decimals of the
// unit that want is written in, which is at most a 2000th of it.
func near(got, want int64) bool {
	diff := got - want
	if diff < 0 {
		diff = -diff
	}
	return diff <= want/2000
}

func TestStringIsParsedBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate(rapid.Int64Range(1, int64(Max)).Draw(t, "rate"))
		if got, err := ParseRate(r.String()); err != nil || !near(int64(got), int64(r)) {
			t.Errorf("Rate(%d) reads %q, which parses to %d, %v", int64(r), r, int64(got), err)
		}
		s := Size(rapid.Int64Range(0, math.MaxInt64-1e10).Draw(t, "size"))
		if got, err := ParseSize(s.String()); err != nil || !near(int64(got), int64(s)) {
			t.Errorf("Size(%d) reads %q, which parses to %d, %v", int64(s), s, int64(got), err)
		}
		kib := Size(rapid.Int64Range(0, 1023).Draw(t, "KiB") << 10)
		if got, err := ParseSize(kib.String()); err != nil || got != kib {
			t.Errorf("Size(%d) reads %q, which parses to %d, %v", int64(kib), kib, int64(got), err)
		}
	})
}

// Whatever is read, what is printed of it is read to the same thing, printed.
func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"100Mbit/s", "1 Gbit/s", "12.5MB/s", "64KiB/s", "0.000000000001 TB/s", "9999999999999999999TB/s", "1..2B/s", "100"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			return
		}
		if r <= 0 || r > Max {
			t.Fatalf("ParseRate(%q) = %d, out of range", text, int64(r))
		}
		again, err := ParseRate(r.String())
		if err != nil || again.String() != r.String() || !near(int64(again), int64(r)) {
			t.Fatalf("%q is %d, printed %q, which is %d, %v", text, int64(r), r, int64(again), err)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"0", "500B", "250KB", "4GiB", "1.5 GB", "9223372036854775806", "8388608TiB", "1.5", "B"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSize(text)
		if err != nil {
			return
		}
		if s < 0 {
			t.Fatalf("ParseSize(%q) = %d", text, int64(s))
		}
		if s > math.MaxInt64-1e10 {
			return // three decimals of TB may round it beyond an int64
		}
		again, err := ParseSize(s.String())
		if err != nil || again.String() != s.String() || !near(int64(again), int64(s)) {
			t.Fatalf("%q is %d, printed %q, which is %d, %v", text, int64(s), s, int64(again), err)
		}
	})
}
