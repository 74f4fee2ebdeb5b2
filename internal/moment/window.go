package moment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"videoclub/internal/reason"
)

const windowForms = `write days, hours and zone, such as "mon-fri 22:00-06:00 America/Santiago", "sat,sun 10:00-14:00 Europe/Madrid" or "daily 00:00-24:00 UTC"`

// Window is hours of the week during which something is allowed, as the clock
// on the wall of a zone tells them: 22:00-06:00 is 22:00-06:00 in winter and
// in summer, and seven or nine hours in the night in which the clocks change.
// The zero Window never opens.
type Window struct {
	days     [7]bool       // by time.Weekday: the days on which it opens
	from, to time.Duration // since midnight; to, at most a day, is of the next day when it is before from
	name     string        // of the zone
	zone     *time.Location
}

// Interval is the time from From on until just before To, both in UTC.
type Interval struct{ From, To time.Time }

// ParseWindow reads a window: days ("daily", or names and ranges of them in
// English or Spanish, joined by commas without spaces: "mon-wed,fri"; a range
// may pass over Sunday), the hours HH:MM-HH:MM, and an IANA zone or UTC. The
// days are those on which it opens; when it closes before the hour at which it
// opens it does so on the next day. A whole day is 00:00-24:00. The error has
// reason.Usage and says what is accepted.
func ParseWindow(text string) (Window, error) {
	if len(text) > maxText {
		return Window{}, reason.New(reason.Usage, "the window is %d bytes long: %s", len(text), windowForms)
	}
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return Window{}, reason.New(reason.Usage, "%q is not a window: %s", text, windowForms)
	}
	w := Window{name: fields[2]}
	var ok bool
	if w.days, ok = daysOf(fold(fields[0])); !ok {
		return Window{}, reason.New(reason.Usage, "%q does not name days of the week: %s", fields[0], windowForms)
	}
	if w.from, w.to, ok = hoursOf(fields[1]); !ok {
		return Window{}, reason.New(reason.Usage, "%q does not name hours that differ: %s", fields[1], windowForms)
	}
	// "Local" would be wherever this runs, which is no zone to promise by.
	zone, err := time.LoadLocation(w.name)
	if err != nil || w.name == "Local" {
		return Window{}, reason.New(reason.Usage, "%q is not a zone of the IANA database: %s", w.name, windowForms)
	}
	w.zone = zone
	return w, nil
}

func daysOf(text string) (days [7]bool, ok bool) {
	if text == "daily" {
		return [7]bool{true, true, true, true, true, true, true}, true
	}
	for part := range strings.SplitSeq(text, ",") {
		firstName, lastName, isRange := strings.Cut(part, "-")
		if !isRange {
			lastName = firstName
		}
		first, ok1 := weekdayOf(firstName)
		last, ok2 := weekdayOf(lastName)
		if !ok1 || !ok2 {
			return days, false
		}
		days[last] = true
		for d := first; d != last; d = (d + 1) % 7 {
			days[d] = true
		}
	}
	return days, true
}

func hoursOf(text string) (from, to time.Duration, ok bool) {
	fromText, toText, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, false
	}
	from, ok1 := clockTime(fromText, false)
	to, ok2 := clockTime(toText, false)
	if to == 0 {
		to = day // the same midnight, on whichever day
	}
	return from, to, ok1 && ok2 && from != to && from < day
}

// String is the canonical text of w, which ParseWindow gives back: short
// English names from Monday on, three and more together as a range. It is ""
// for the zero Window.
func (w Window) String() string {
	if w.zone == nil {
		return ""
	}
	return w.daysText() + " " + clockText(w.from) + "-" + clockText(w.to) + " " + w.name
}

func (w Window) daysText() string {
	if !slices.Contains(w.days[:], false) {
		return "daily"
	}
	name := func(i int) string { return strings.ToLower(time.Weekday(i % 7).String()[:3]) }
	var parts []string
	const monday, sunday = 1, 7
	for first := monday; first <= sunday; first++ {
		if !w.days[first%7] {
			continue
		}
		last := first
		for last < sunday && w.days[(last+1)%7] {
			last++
		}
		if last-first < 2 {
			parts = append(parts, name(first))
			continue
		}
		parts = append(parts, name(first)+"-"+name(last))
		first = last
	}
	return strings.Join(parts, ",")
}

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute)
}

// Open says whether w is open at t.
func (w Window) Open(t time.Time) bool {
	return len(w.appendTo(nil, t, t.Add(1))) > 0
}

// Intervals is when any of ws is open from from on until just before to: in
// order, with a gap between each and the next. Without windows it is always
// open. What it costs grows with the days between the two and with ws.
//
// A window bounded by a time that does not exist, or that comes twice, is
// bounded by the instant that ParseDeadline takes for it; so windows that meet
// on the wall always meet, and never overlap.
func Intervals(ws []Window, from, to time.Time) []Interval {
	from, to = from.UTC(), to.UTC()
	if !from.Before(to) {
		return nil
	}
	if len(ws) == 0 {
		return []Interval{{from, to}}
	}
	var all []Interval
	for _, w := range ws {
		all = w.appendTo(all, from, to)
	}
	slices.SortFunc(all, func(a, b Interval) int { return a.From.Compare(b.From) })
	merged := all[:0]
	for _, next := range all {
		if n := len(merged); n == 0 || merged[n-1].To.Before(next.From) {
			merged = append(merged, next)
		} else if merged[n-1].To.Before(next.To) {
			merged[n-1].To = next.To
		}
	}
	return merged
}

// appendTo appends the intervals of w within [from, to), none of them empty.
func (w Window) appendTo(all []Interval, from, to time.Time) []Interval {
	if w.zone == nil {
		return all
	}
	from, to = from.UTC(), to.UTC()
	closing := w.to
	if closing < w.from {
		closing += day
	}
	// One opened yesterday may be open still; one more day on either side is
	// for zones that have put their clocks back, or forward, over midnight.
	date := wallOf(from.In(w.zone)).midnight().plusDays(-2)
	end := wallOf(to.In(w.zone)).midnight().plusDays(1)
	for ; !date.asUTC.After(end.asUTC); date = date.plusDays(1) {
		if !w.days[date.asUTC.Weekday()] {
			continue
		}
		opens, closes := date.plus(w.from).in(w.zone), date.plus(closing).in(w.zone)
		if opens.Before(from) {
			opens = from
		}
		if closes.After(to) {
			closes = to
		}
		if opens.Before(closes) {
			all = append(all, Interval{opens, closes})
		}
	}
	return all
}
