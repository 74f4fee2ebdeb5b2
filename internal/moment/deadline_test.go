package moment

import (
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// Sunday 22 November 2026, 15:04:05 and a bit in Chile.
func sunday(t testing.TB) time.Time {
	return utc(t, "2026-11-22T18:04:05Z").Add(678 * time.Millisecond).In(zone(t, "America/Santiago"))
}

func TestParseDeadline(t *testing.T) {
	now := sunday(t)
	for text, want := range map[string]string{
		"18:30":                     "2026-11-22T21:30:00Z",
		" 18:30 ":                   "2026-11-22T21:30:00Z",
		"15:04":                     "2026-11-23T18:04:00Z", // has passed
		"15:04:05":                  "2026-11-23T18:04:05Z", // by less than a second
		"15:04:06":                  "2026-11-22T18:04:06Z",
		"9:00":                      "2026-11-23T12:00:00Z",
		"00:00":                     "2026-11-23T03:00:00Z",
		"24:00":                     "2026-11-23T03:00:00Z",
		"today 18:30":               "2026-11-22T21:30:00Z",
		"hoy 08:00":                 "2026-11-22T11:00:00Z", // names its day, so it may be past
		"tomorrow 08:00":            "2026-11-23T11:00:00Z",
		"Tomorrow   08:00:30":       "2026-11-23T11:00:30Z",
		"mañana 08:00":              "2026-11-23T11:00:00Z",
		"man\u0303ana 08:00":        "2026-11-23T11:00:00Z",
		"MAÑANA 08:00":              "2026-11-23T11:00:00Z",
		"manana\u00a008:00":         "2026-11-23T11:00:00Z",
		"friday 18:00":              "2026-11-27T21:00:00Z",
		"viernes 18:00":             "2026-11-27T21:00:00Z",
		"miércoles 18:00":           "2026-11-25T21:00:00Z",
		"miercoles 18:00":           "2026-11-25T21:00:00Z",
		"Sáb 18:00":                 "2026-11-28T21:00:00Z",
		"sun 18:00":                 "2026-11-22T21:00:00Z", // today, still to come
		"domingo 15:00":             "2026-11-29T18:00:00Z", // today's has passed
		"monday 24:00":              "2026-11-24T03:00:00Z",
		"+2h":                       "2026-11-22T20:04:05Z",
		"+90m":                      "2026-11-22T19:34:05Z",
		"+1h30m":                    "2026-11-22T19:34:05Z",
		"+ 1h 30m":                  "2026-11-22T19:34:05Z",
		"+2d":                       "2026-11-24T18:04:05Z",
		"+1s":                       "2026-11-22T18:04:06Z",
		"+400d":                     "2027-12-27T18:04:05Z",
		"2026-11-22 18:00":          "2026-11-22T21:00:00Z",
		"2026-11-22T18:00":          "2026-11-22T21:00:00Z",
		"2026-11-22 18:00:59":       "2026-11-22T21:00:59Z",
		"2026-07-01 18:00":          "2026-07-01T22:00:00Z", // past, and winter
		"2028-02-29 12:00":          "2028-02-29T15:00:00Z",
		"2026-11-22T18:00:00Z":      "2026-11-22T18:00:00Z",
		"2026-11-22t18:00:00z":      "2026-11-22T18:00:00Z",
		"2026-11-22T18:00:00.9Z":    "2026-11-22T18:00:00Z",
		"2026-11-22T18:00:00+05:30": "2026-11-22T12:30:00Z",
		"1970-01-01T00:00:00Z":      "1970-01-01T00:00:00Z",
		"2200-12-31T23:59:59Z":      "2200-12-31T23:59:59Z",
	} {
		got, err := ParseDeadline(text, now)
		if err != nil || got != utc(t, want) {
			t.Errorf("ParseDeadline(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseDeadlineRefuses(t *testing.T) {
	now := sunday(t)
	for _, text := range []string{
		"", " ", "soon", "18", "18:3", "18:60", "24:01", "24:00:01", "25:00", "018:00", "18:30:60", "18:30:5", "18:30:00:00", "-1:00", "+1:00",
		"18.30", "6pm", "tomorrow", "friday", "friday 18", "next friday 18:00", "tomorrow 08:00 UTC", "frid 18:00", "mañana",
		"+", "+0s", "+0h", "+2", "+2w", "+-2h", "++2h", "-2h", "2h", "+401d", "+400d1s", "+9999999999h", "+1.5h", "+30m1h", "+1h1h",
		"2026-11-22", "2026-02-29 12:00", "2026-13-01 12:00", "2026-11-22 18", "22/11/2026 18:00", "2026-1-2 18:00", "26-11-22 18:00",
		"2026-11-22T18:00Z", "2026-11-22 18:00:00Z", "2026-11-22T8:00:00Z", "2026-11-22T18:00:60Z", "2026-11-22T18:00:00,5Z",
		"1969-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z", "2201-06-01 12:00",
		"\x00", "\xff:\xff", strings.Repeat("9", 1<<16),
	} {
		got, err := ParseDeadline(text, now)
		if err == nil {
			t.Errorf("ParseDeadline(%q) = %v, want an error", text, got)
			continue
		}
		if reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), `"tomorrow 08:00"`) || len(err.Error()) > 1000 {
			t.Errorf("ParseDeadline(%.100q): the error does not say what is accepted, or is too long: %v", text, err)
		}
	}
}

// What is given by a program is of the years that a person may give, as UTC counts
// them.
func TestCheck(t *testing.T) {
	for text, ok := range map[string]bool{
		"1969-12-31T23:59:59Z": false, "1970-01-01T00:00:00Z": true, "1970-01-01T00:00:00+00:01": false,
		"2200-12-31T23:59:59Z": true, "2201-01-01T00:00:00Z": false, "2200-12-31T23:59:59-00:01": false, "2201-01-01T00:00:00+00:01": true,
		"9999-12-31T23:59:59-23:59": false, "0000-01-01T00:00:00Z": false, "0001-01-01T00:00:00+23:59": false,
		"0001-01-01T00:00:00Z": true, // none
	} {
		err := Check("the deadline", utc(t, text))
		if (err == nil) != ok || err != nil && (reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), "years 1970 to 2200")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A bare time on the days on which clocks change.
func TestParseDeadlineOverClockChanges(t *testing.T) {
	for _, c := range []struct{ zone, now, text, want string }{
		// Does not exist today: the first instant that does.
		{"Europe/Madrid", "2026-03-29T00:00:00Z", "02:30", "2026-03-29T01:00:00Z"},
		{"Europe/Madrid", "2026-03-28T12:00:00Z", "tomorrow 02:30", "2026-03-29T01:00:00Z"},
		{"Europe/Madrid", "2026-03-29T01:00:00Z", "02:30", "2026-03-30T00:30:00Z"},
		{"America/Santiago", "2026-09-05T12:00:00Z", "24:00", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-09-05T12:00:00Z", "sunday 00:15", "2026-09-06T04:00:00Z"},
		{"Australia/Lord_Howe", "2026-10-03T12:00:00Z", "02:15", "2026-10-03T15:30:00Z"},
		// Comes twice: the earlier, and once that has passed the next day's.
		{"Europe/Madrid", "2026-10-25T00:00:00Z", "02:30", "2026-10-25T00:30:00Z"},
		{"Europe/Madrid", "2026-10-25T00:30:00Z", "02:30", "2026-10-26T01:30:00Z"},
		{"America/Santiago", "2026-04-04T12:00:00Z", "saturday 23:30", "2026-04-05T02:30:00Z"},
		{"Australia/Lord_Howe", "2026-04-04T12:00:00Z", "01:45", "2026-04-04T14:45:00Z"},
		// Tomorrow at the same time is 23 or 25 hours away; +1d is 24.
		{"Europe/Madrid", "2026-03-28T12:00:00Z", "tomorrow 13:00", "2026-03-29T11:00:00Z"},
		{"Europe/Madrid", "2026-03-28T12:00:00Z", "+1d", "2026-03-29T12:00:00Z"},
		// A day that was left out altogether is gone over.
		{"Pacific/Apia", "2011-12-30T09:59:00Z", "12:00", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "12:00", "2011-12-30T22:00:00Z"},
		// The last day of a leap year that a zone's table does not reach.
		{"America/Santiago", "2072-12-30T12:00:00Z", "2072-12-31 12:00", "2072-12-31T15:00:00Z"},
		{"America/Santiago", "2072-12-31T12:00:00Z", "24:00", "2073-01-01T03:00:00Z"},
		{"Europe/Madrid", "2072-12-31T12:00:00Z", "23:30", "2072-12-31T22:30:00Z"},
		{"Europe/Madrid", "2072-12-31T23:10:00Z", "00:20", "2072-12-31T23:20:00Z"},
	} {
		got, err := ParseDeadline(c.text, utc(t, c.now).In(zone(t, c.zone)))
		if err != nil || got != utc(t, c.want) {
			t.Errorf("%q at %s in %s is %v, %v, want %s", c.text, c.now, c.zone, got, err, c.want)
		}
	}
}

// A deadline read is a whole second in UTC, and printed it reads the same at
// any other time and place.
func FuzzParseDeadline(f *testing.F) {
	now := sunday(f)
	for _, text := range []string{
		"18:30", "18:30:15", "tomorrow 08:00", "mañana 08:00", "+2h", "+1h30m", "+2d", "friday 18:00", "viernes 18:00",
		"2026-11-22 18:00", "2026-11-22T18:00:00Z", "2026-11-22T18:00:00.5+05:30", "24:00", "+400d", "9999-12-31T23:59:59-14:00",
	} {
		f.Add(text, now.Unix())
	}
	santiago, lordHowe := zone(f, "America/Santiago"), zone(f, "Australia/Lord_Howe")
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		// From 1970 until 2179: a clock may be wrong, but not by more.
		now := time.Unix(seconds&(1<<32-1)*3/2, 999_999_999)
		at, err := ParseDeadline(text, now.In(santiago))
		if err != nil {
			return
		}
		if at.Location() != time.UTC || at.Nanosecond() != 0 {
			t.Fatalf("ParseDeadline(%q) = %v", text, at)
		}
		again, err := ParseDeadline(at.Format(time.RFC3339), now.In(lordHowe))
		if err != nil || again != at {
			t.Fatalf("%q is %v, which reads %v, %v", text, at, again, err)
		}
	})
}
