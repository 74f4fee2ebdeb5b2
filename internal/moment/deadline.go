package moment

import (
	"strings"
	"time"

	"videoclub/internal/reason"
)

// MaxAhead is the furthest that a relative deadline reaches.
const MaxAhead = 400 * day

// The years of an instant that somebody gives: those within which one counted in
// nanoseconds since 1970 fits an int64 with room to add to it.
const (
	firstYear = 1970
	lastYear  = 2200
)

const deadlineForms = `write "18:30", "tomorrow 08:00", "friday 18:00" (also in Spanish), "+2h", "+1h30m" or "+2d" (at most 400 days), "2026-11-22 18:00", or RFC 3339 such as "2026-11-22T18:00:00Z"`

// maxText is more than any deadline, duration or window needs; longer text is
// neither looked at nor repeated in an error.
const maxText = 160

// ParseDeadline reads the instant that a person means at now, whose location
// is where the clock that the person looks at hangs. It accepts
//
//   - a time, 18:30 or 18:30:15: today's, or tomorrow's when that is not after now;
//   - today, tomorrow, hoy or mañana and a time;
//   - a day of the week, in English or Spanish, and a time: the first after now;
//   - a date and a time, 2026-11-22 18:00 (a T may stand for the space);
//   - + and a duration as ParseDuration reads it, at most MaxAhead, of elapsed
//     time: +1d is 24 hours;
//   - RFC 3339 with its own offset.
//
// 24:00 is the end of a day. A time that does not exist, as clocks are put
// forward past it, is the first instant after the gap; of a time that comes
// twice, as they are put back, the earlier is meant. Capitals, accents and
// further spaces make no difference. The result is truncated to the second, in
// UTC. A form that names its day may give an instant in the past, which is for
// the caller to refuse; its year must be 1970 to 2200. The error has reason.Usage and says what is accepted.
func ParseDeadline(text string, now time.Time) (time.Time, error) {
	if len(text) > maxText {
		return time.Time{}, reason.New(reason.Usage, "the deadline is %d bytes long: %s", len(text), deadlineForms)
	}
	if at, ok := deadline(fold(text), now); ok {
		return at.UTC().Truncate(time.Second), nil
	}
	return time.Time{}, reason.New(reason.Usage, "%q is not a deadline: %s", text, deadlineForms)
}

func deadline(text string, now time.Time) (time.Time, bool) {
	if ahead, ok := strings.CutPrefix(text, "+"); ok {
		d, ok := duration(ahead)
		return now.Add(d), ok && d <= MaxAhead
	}
	if at, ok := absolute(strings.ToUpper(text)); ok {
		return at, yearAccepted(at)
	}
	if len(text) > 10 && text[10] == 't' {
		text = text[:10] + " " + text[11:]
	}
	dayText, clockText, two := strings.Cut(text, " ")
	if !two {
		dayText, clockText = "", text
	}
	clock, ok := clockTime(clockText, true)
	if !ok {
		return time.Time{}, false
	}
	zone := now.Location()
	today := wallOf(now).midnight()
	// next is the first of the days from w on, every so many, whose clock comes
	// after now. Two are enough but where a gap swallows a whole day.
	next := func(w wall, every int) (time.Time, bool) {
		at := w.plus(clock).in(zone)
		for !at.After(now) {
			w = w.plusDays(every)
			at = w.plus(clock).in(zone)
		}
		return at, true
	}
	switch dayText {
	case "":
		return next(today, 1)
	case "today", "hoy":
		return today.plus(clock).in(zone), true
	case "tomorrow", "manana":
		return today.plusDays(1).plus(clock).in(zone), true
	}
	if weekday, ok := weekdayOf(dayText); ok {
		ahead := int(weekday-today.asUTC.Weekday()+7) % 7
		return next(today.plusDays(ahead), 7)
	}
	date, err := time.Parse(time.DateOnly, dayText)
	if err != nil {
		return time.Time{}, false
	}
	at := wall{date}.plus(clock).in(zone)
	return at, yearAccepted(at)
}

// absolute reads RFC 3339, section 5.6, and not what time.Parse takes beyond
// it: hours of one digit, and a comma for the point.
func absolute(text string) (time.Time, bool) {
	const toSeconds = "2006-01-02T15:04:05"
	at, err := time.Parse(time.RFC3339, text)
	ok := err == nil && strings.HasPrefix(text, at.Format(toSeconds)) && text[len(toSeconds)] != ','
	return at, ok
}

func yearAccepted(t time.Time) bool {
	year := t.UTC().Year()
	return firstYear <= year && year <= lastYear
}

// Check refuses an instant that a program was given for what, unless its year in
// UTC is 1970 to 2200, as that of a deadline which ParseDeadline reads; the zero
// time is none, and passes. The error has reason.Usage. With an offset RFC 3339
// reaches into years before 1 and after 9999, which it cannot write in UTC.
func Check(what string, at time.Time) error {
	if at.IsZero() || yearAccepted(at) {
		return nil
	}
	return reason.New(reason.Usage, "%s is %s: give an instant of the years %d to %d", what, at.UTC().Format(time.RFC3339), firstYear, lastYear)
}
