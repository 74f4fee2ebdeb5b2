package moment

import (
	"math"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/reason"
)

// MaxDuration is the longest duration that is accepted, ten years.
const MaxDuration = 3650 * day

const durationForms = `write days, hours, minutes and seconds in that order, such as "90s", "1h30m", "7d" or "2d12h" (more than nothing, at most 3650d)`

// ParseDuration reads a length of time: whole numbers with the units d (24
// hours), h, m and s, each at most once and in that order, with or without
// spaces between them: "90s", "1h30m", "2d 12h". It is positive and at most
// MaxDuration. The error has reason.Usage and says what is accepted.
func ParseDuration(text string) (time.Duration, error) {
	if len(text) > maxText {
		return 0, reason.New(reason.Usage, "the duration is %d bytes long: %s", len(text), durationForms)
	}
	d, ok := duration(fold(text))
	if !ok {
		return 0, reason.New(reason.Usage, "%q is not a duration: %s", text, durationForms)
	}
	return d, nil
}

func duration(text string) (total time.Duration, ok bool) {
	text = strings.TrimSpace(text)
	for _, unit := range durationUnits() {
		digits, rest, found := strings.Cut(text, unit.name)
		if !found {
			continue
		}
		// Nine digits hold ten years of seconds. Another unit before this one
		// is out of order, and no number.
		n, ok := number(digits, 1, 9)
		if !ok || time.Duration(n) > MaxDuration/unit.length {
			return 0, false
		}
		total += time.Duration(n) * unit.length
		text = strings.TrimPrefix(rest, " ")
	}
	return total, text == "" && 0 < total && total <= MaxDuration
}

// FormatDuration writes d for people: "1h30m", "45s", "2d3h". It is rounded to
// the second, or below one to the millisecond: "350ms"; nothing is "0s". What
// it writes of whole seconds up to MaxDuration, ParseDuration gives back.
func FormatDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		// The most negative Duration has no positive one; a nanosecond less
		// makes no difference to what is written.
		sign, d = "-", -max(d, -math.MaxInt64)
	}
	if d < time.Second {
		d = d.Round(time.Millisecond)
		if 0 < d && d < time.Second {
			return sign + strconv.FormatInt(d.Milliseconds(), 10) + "ms"
		}
	}
	d = d.Round(time.Second)
	if d == 0 {
		return "0s"
	}
	var text strings.Builder
	text.WriteString(sign)
	for _, unit := range durationUnits() {
		if n := d / unit.length; n > 0 {
			text.WriteString(strconv.FormatInt(int64(n), 10) + unit.name)
			d %= unit.length
		}
	}
	return text.String()
}

type durationUnit struct {
	name   string
	length time.Duration
}

func durationUnits() [4]durationUnit {
	return [4]durationUnit{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
}
