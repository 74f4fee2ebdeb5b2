package moment

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"videoclub/internal/reason"
)

func TestParseWindow(t *testing.T) {
	for text, want := range map[string]string{
		"mon-fri 22:00-06:00 America/Santiago":       "mon-fri 22:00-06:00 America/Santiago",
		"daily 00:00-24:00 UTC":                      "daily 00:00-24:00 UTC",
		"sat,sun 10:00-14:00 Europe/Madrid":          "sat,sun 10:00-14:00 Europe/Madrid",
		"sat-sun 10:00-14:00 Europe/Madrid":          "sat,sun 10:00-14:00 Europe/Madrid",
		" Mon-Fri   9:00-5:00\tUTC ":                 "mon-fri 09:00-05:00 UTC",
		"lunes-viernes 22:00-06:00 America/Santiago": "mon-fri 22:00-06:00 America/Santiago",
		"miércoles,sáb 10:00-11:00 UTC":              "wed,sat 10:00-11:00 UTC",
		"mon-sun 10:00-11:00 UTC":                    "daily 10:00-11:00 UTC",
		"thu-wed 10:00-11:00 UTC":                    "daily 10:00-11:00 UTC",
		"fri-mon 10:00-11:00 UTC":                    "mon,fri-sun 10:00-11:00 UTC",
		"sun-tue 10:00-11:00 UTC":                    "mon,tue,sun 10:00-11:00 UTC",
		"sun,mon,mon,tue,wed,fri 10:00-11:00 UTC":    "mon-wed,fri,sun 10:00-11:00 UTC",
		"wed-wed 10:00-11:00 UTC":                    "wed 10:00-11:00 UTC",
		"daily 22:00-00:00 UTC":                      "daily 22:00-24:00 UTC",
		"daily 00:00-00:00 UTC":                      "daily 00:00-24:00 UTC",
		"daily 23:59-00:01 Etc/GMT+4":                "daily 23:59-00:01 Etc/GMT+4",
	} {
		w, err := ParseWindow(text)
		if err != nil || w.String() != want {
			t.Errorf("ParseWindow(%q) reads %q, %v, want %q", text, w, err, want)
			continue
		}
		again, err := ParseWindow(want)
		if err != nil || again.String() != want || again.days != w.days || again.from != w.from || again.to != w.to {
			t.Errorf("ParseWindow(%q) = %+v, %v, want %+v", want, again, err, w)
		}
	}
}

func TestParseWindowRefuses(t *testing.T) {
	for _, text := range []string{
		"", "daily", "daily 00:00-24:00", "00:00-24:00 UTC", "daily 00:00-24:00 UTC x", "daily 00:00 - 24:00 UTC",
		"weekly 00:00-24:00 UTC", "mon- 00:00-24:00 UTC", "-mon 00:00-24:00 UTC", ", 00:00-24:00 UTC", "mon, 00:00-24:00 UTC", "mon-tue-wed 00:00-24:00 UTC", "daily,mon 00:00-24:00 UTC",
		"daily 24:00-06:00 UTC", "daily 06:00-06:00 UTC", "daily 06:00-24:01 UTC", "daily 06:00-25:00 UTC", "daily 06:00 UTC", "daily 06-07 UTC", "daily 06:00:00-07:00:00 UTC", "daily 6:0-7:0 UTC", "daily 06:00-07:60 UTC",
		"daily 00:00-24:00 Local", "daily 00:00-24:00 Santiago", "daily 00:00-24:00 ../../etc/passwd", "daily 00:00-24:00 /etc/localtime", "daily 00:00-24:00 America", "daily 00:00-24:00 -03:00",
		strings.Repeat("mon,", 100) + "mon 00:00-24:00 UTC", "\xff \xff \xff",
	} {
		w, err := ParseWindow(text)
		if err == nil {
			t.Errorf("ParseWindow(%q) = %v, want an error", text, w)
			continue
		}
		if reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), "America/Santiago") || len(err.Error()) > 1000 {
			t.Errorf("ParseWindow(%.100q): the error does not say what is accepted, or is too long: %v", text, err)
		}
	}
}

// windows parses texts or fails the test.
func windows(t testing.TB, texts ...string) []Window {
	t.Helper()
	var ws []Window
	for _, text := range texts {
		w, err := ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	return ws
}

func TestIntervals(t *testing.T) {
	type list = []string
	for _, c := range []struct {
		name     string
		windows  list
		from, to string
		want     list // from/to pairs
	}{
		{"no windows", nil, "2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z", list{"2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"}},
		{"nothing asked", nil, "2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z", nil},
		{"backwards", list{"daily 00:00-24:00 UTC"}, "2026-11-22T12:00:00Z", "2026-11-21T12:00:00Z", nil},
		{"whole days merge", list{"daily 00:00-24:00 UTC"}, "2026-11-22T12:00:00Z", "2026-12-22T12:00:00Z", list{"2026-11-22T12:00:00Z", "2026-12-22T12:00:00Z"}},
		{"opened yesterday, clipped", list{"sat 22:00-06:00 UTC"}, "2026-11-22T01:00:00Z", "2026-11-22T02:00:00Z", list{"2026-11-22T01:00:00Z", "2026-11-22T02:00:00Z"}},
		{"the day is that of opening", list{"fri 22:00-06:00 UTC"}, "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z", list{"2026-11-20T22:00:00Z", "2026-11-21T06:00:00Z"}},
		{"the bounds are [from, to)", list{"daily 10:00-11:00 UTC"}, "2026-11-22T11:00:00Z", "2026-11-23T10:00:00Z", nil},
		{"overlap, touch, contain", list{"sun 14:00-15:00 UTC", "sun 10:00-12:00 UTC", "sun 11:00-13:00 UTC", "sun 13:00-14:00 UTC", "sun 10:30-10:45 UTC", "sun 20:00-21:00 UTC"},
			"2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z",
			list{"2026-11-22T10:00:00Z", "2026-11-22T15:00:00Z", "2026-11-22T20:00:00Z", "2026-11-22T21:00:00Z"}},
		{"zones far apart", list{"daily 00:00-01:00 Pacific/Kiritimati", "daily 00:00-01:00 Pacific/Pago_Pago"}, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z",
			list{"2026-11-22T10:00:00Z", "2026-11-22T12:00:00Z"}},

		// Chile: seven hours in the night of spring, nine in that of autumn.
		{"Santiago, ordinary", list{"daily 22:00-06:00 America/Santiago"}, "2026-09-04T12:00:00Z", "2026-09-05T12:00:00Z", list{"2026-09-05T02:00:00Z", "2026-09-05T10:00:00Z"}},
		{"Santiago, spring", list{"daily 22:00-06:00 America/Santiago"}, "2026-09-05T12:00:00Z", "2026-09-06T12:00:00Z", list{"2026-09-06T02:00:00Z", "2026-09-06T09:00:00Z"}},
		{"Santiago, autumn", list{"daily 22:00-06:00 America/Santiago"}, "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z", list{"2026-04-05T01:00:00Z", "2026-04-05T10:00:00Z"}},
		{"Santiago, until the midnight that is not", list{"sat 20:00-24:00 America/Santiago", "sun 00:00-02:00 America/Santiago"}, "2026-09-05T12:00:00Z", "2026-09-06T12:00:00Z", list{"2026-09-06T00:00:00Z", "2026-09-06T05:00:00Z"}},
		{"Santiago, until the midnight that is late", list{"sat 23:00-24:00 America/Santiago"}, "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z", list{"2026-04-05T02:00:00Z", "2026-04-05T04:00:00Z"}},
		// Spain: an hour that is not there, and one that comes twice.
		{"Madrid, in the gap", list{"daily 02:15-02:45 Europe/Madrid"}, "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", nil},
		{"Madrid, out of the gap", list{"daily 02:30-04:00 Europe/Madrid"}, "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", list{"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		{"Madrid, the hour twice", list{"daily 02:00-03:00 Europe/Madrid"}, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", list{"2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"}},
		{"Madrid, half of it once", list{"daily 02:00-02:30 Europe/Madrid"}, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", list{"2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"}},
		{"Madrid, meeting in it", list{"daily 01:00-02:30 Europe/Madrid", "daily 02:30-04:00 Europe/Madrid"}, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", list{"2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"}},
		// Lord Howe: seven and a half hours, and eight and a half.
		{"Lord Howe, spring", list{"daily 22:00-06:00 Australia/Lord_Howe"}, "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z", list{"2026-10-03T11:30:00Z", "2026-10-03T19:00:00Z"}},
		{"Lord Howe, autumn", list{"daily 22:00-06:00 Australia/Lord_Howe"}, "2026-04-04T00:00:00Z", "2026-04-05T00:00:00Z", list{"2026-04-04T11:00:00Z", "2026-04-04T19:30:00Z"}},
		// Over the date line: the Friday that was not.
		{"Apia", list{"fri 10:00-14:00 Pacific/Apia", "thu 22:00-06:00 Pacific/Apia"}, "2011-12-29T12:00:00Z", "2011-12-31T12:00:00Z", list{"2011-12-30T08:00:00Z", "2011-12-30T10:00:00Z"}},
		// Newfoundland: Sunday had begun for a minute when it was Saturday again.
		{"St. John's", list{"sun 00:00-02:00 America/St_Johns"}, "2009-11-01T02:40:00Z", "2009-11-01T12:00:00Z", list{"2009-11-01T02:40:00Z", "2009-11-01T05:30:00Z"}},
	} {
		var got list
		for _, i := range Intervals(windows(t, c.windows...), utc(t, c.from), utc(t, c.to)) {
			got = append(got, i.From.Format(time.RFC3339), i.To.Format(time.RFC3339))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestOpen(t *testing.T) {
	w := windows(t, "mon-fri 22:00-06:00 America/Santiago")[0]
	for at, want := range map[string]bool{
		"2026-11-28T00:59:59Z": false, // Friday, before ten at night
		"2026-11-28T01:00:00Z": true,
		"2026-11-28T08:59:59Z": true,
		"2026-11-28T09:00:00Z": false, // Saturday, six in the morning
		"2026-11-29T01:00:00Z": false, // Saturday, ten at night
	} {
		if got := w.Open(utc(t, at).In(zone(t, "Asia/Tokyo"))); got != want {
			t.Errorf("at %s open is %v, want %v", at, got, want)
		}
	}
}

func TestZeroWindow(t *testing.T) {
	var w Window
	now := sunday(t)
	if w.Open(now) || w.String() != "" || len(Intervals([]Window{w}, now, now.Add(day))) != 0 {
		t.Error("the zero window opens")
	}
}

// Intervals are in order, apart, in UTC and within bounds, and say the same as
// the wall does at instants whose reading does not come twice.
func TestIntervalsAgreeWithTheWall(t *testing.T) {
	zones := []string{"UTC", "America/Santiago", "Europe/Madrid", "Australia/Lord_Howe"}
	start := utc(t, "2026-01-01T00:00:00Z")
	rapid.Check(t, func(t *rapid.T) {
		var ws []Window
		for range rapid.IntRange(1, 3).Draw(t, "windows") {
			name := rapid.SampledFrom(zones).Draw(t, "zone")
			z, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			w := Window{zone: z, name: name, from: time.Duration(rapid.IntRange(0, 95).Draw(t, "from")) * 15 * time.Minute}
			w.to = time.Duration(rapid.IntRange(1, 96).Draw(t, "to")) * 15 * time.Minute
			if w.to == w.from {
				w.to += 15 * time.Minute
			}
			copy(w.days[:], rapid.SliceOfN(rapid.Bool(), 7, 7).Draw(t, "days"))
			ws = append(ws, w)
		}
		from := start.Add(time.Duration(rapid.IntRange(0, 365*24).Draw(t, "hour")) * time.Hour)
		to := from.Add(time.Duration(rapid.IntRange(1, 24*10).Draw(t, "hours")) * time.Hour)
		got := Intervals(ws, from, to)
		for i, interval := range got {
			if !interval.From.Before(interval.To) || interval.From.Before(from) || interval.To.After(to) ||
				i > 0 && !got[i-1].To.Before(interval.From) {
				t.Fatalf("%v within %v to %v", got, from, to)
			}
		}
		for at := from; at.Before(to); at = at.Add(15 * time.Minute) {
			want, sure := false, true
			for _, w := range ws {
				open, once := readsOpen(w, at)
				want = want || open
				sure = sure && once
			}
			open := slices.ContainsFunc(got, func(i Interval) bool { return !at.Before(i.From) && at.Before(i.To) })
			if sure && open != want {
				t.Fatalf("%v at %v: open is %v, the wall says %v", ws, at, open, want)
			}
		}
	})
}

// readsOpen says by the reading of the clock alone whether w is open at t, and
// whether that reading comes once.
func readsOpen(w Window, t time.Time) (open, once bool) {
	read := wallOf(t.In(w.zone))
	clock := read.asUTC.Sub(read.midnight().asUTC)
	today, yesterday := read.asUTC.Weekday(), read.plusDays(-1).asUTC.Weekday()
	if w.from < w.to {
		open = w.days[today] && w.from <= clock && clock < w.to
	} else {
		open = w.days[today] && clock >= w.from || w.days[yesterday] && clock < w.to
	}
	for _, other := range []time.Duration{-time.Hour, -time.Hour / 2, time.Hour / 2, time.Hour} {
		if wallOf(t.Add(other).In(w.zone)) == read {
			return open, false
		}
	}
	return open, true
}

func FuzzParseWindow(f *testing.F) {
	for _, text := range []string{
		"mon-fri 22:00-06:00 America/Santiago", "daily 00:00-24:00 UTC", "sat,sun 10:00-14:00 Europe/Madrid",
		"fri-mon 00:00-00:00 Australia/Lord_Howe", "lun,mié 9:00-10:00 UTC", "daily 1:00-2:00 Local",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWindow(text)
		if err != nil {
			return
		}
		again, err := ParseWindow(w.String())
		if err != nil || again.String() != w.String() || again.days != w.days || again.from != w.from || again.to != w.to {
			t.Fatalf("%q is %q, which is %q, %v", text, w, again, err)
		}
		from := sunday(t)
		if open := Intervals([]Window{w}, from, from.Add(8*day)); len(open) == 0 {
			t.Fatalf("%q does not open in a week", w)
		}
	})
}
