package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

// Clean shows as an escape whatever in s would not show as itself: names come
// from other machines, and a control character or a mark that turns the
// direction of the text could make the screen show what is not there.
func Clean(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case hidden(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

// hidden says whether r does not show as itself. The two joiners stay: some
// scripts and many pictographs cannot be written without them.
func hidden(r rune) bool {
	if r == '\u200c' || r == '\u200d' {
		return false
	}
	return r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}

// Quote writes arg so that a POSIX shell reads it as one word.
func Quote(arg string) string {
	safe := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:@+,=", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !safe(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// SecondsUp rounds t up to the second, so that what is promised by it is not
// late for a fraction that is not shown.
func SecondsUp(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second)
}

// Running writes how long a title runs: "1:52 h", "12 min", "30 s".
func Running(seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3570: // what rounds to less than an hour
		return fmt.Sprintf("%d min", (seconds+30)/60)
	}
	minutes := (seconds + 30) / 60
	return fmt.Sprintf("%d:%02d h", minutes/60, minutes%60)
}

// Span writes a length of time no finer than matters to a person.
func Span(d time.Duration) string {
	switch {
	case d.Abs() >= 24*time.Hour:
		d = d.Round(time.Hour)
	case d.Abs() >= time.Hour:
		d = d.Round(time.Minute)
	default:
		d = d.Round(time.Second)
	}
	return moment.FormatDuration(d)
}

// Roughly writes bytes with the three digits that somebody who watches can read.
func Roughly(bytes int64) string { return rate.Size(threeDigits(bytes)).String() }

// Speed writes bytes a second in the same way.
func Speed(bytes int64) string {
	bits := min(bytes, int64(rate.Max)) * 8
	return rate.Rate(threeDigits(bits) / 8).String()
}

func threeDigits(n int64) int64 {
	unit := int64(1)
	for n/unit >= 1000 {
		unit *= 10
	}
	digits := n / unit
	if rest := n % unit; rest >= unit-rest && rest > 0 {
		digits++
	}
	return digits * unit
}
