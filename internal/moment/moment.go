// Package moment is time as people write it: instants and deadlines, durations,
// and windows that open by the clock on the wall of some zone. The clock itself
// is always an argument.
package moment

import (
	"time"

	// Static binaries run on minimal hosts that have no zone data; what the
	// system has, being newer, is still preferred. It adds 450 kB.
	_ "time/tzdata"
)

// Clock tells the present instant: time.Now in the programs, a made one in
// tests.
type Clock func() time.Time

// day is a day of elapsed time; days of the calendar may be longer or shorter.
const day = 24 * time.Hour

// maxOffset is more than any zone, historical ones included, has ever been
// from UTC (15 h 14 min).
const maxOffset = 16 * time.Hour

// wall is a reading of date and clock, to the second, in no zone. It is kept
// as the instant at which UTC reads the same, which makes its arithmetic that
// of the calendar.
type wall struct{ asUTC time.Time }

func wallOf(t time.Time) wall {
	_, offset := t.Zone()
	return wall{t.UTC().Add(time.Duration(offset) * time.Second)}
}

// midnight is the beginning of w's date.
func (w wall) midnight() wall { return wall{w.asUTC.Truncate(day)} }

func (w wall) plusDays(n int) wall { return wall{w.asUTC.AddDate(0, 0, n)} }

func (w wall) plus(d time.Duration) wall { return wall{w.asUTC.Add(d)} }

// in is the instant, in UTC, at which clocks in zone read w. Of two such
// instants, when clocks are put back, it is the earlier. When there is none,
// clocks being put forward past w, it is the first instant that exists after
// the gap. time.Date promises neither, so the zone's periods are walked.
func (w wall) in(zone *time.Location) time.Time {
	at := w.asUTC.Add(-maxOffset).In(zone)
	for {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		read := w.asUTC.Add(-time.Duration(offset) * time.Second)
		if !start.IsZero() && read.Before(start) {
			return start.UTC() // this period begins with w already past
		}
		if end.IsZero() || read.Before(end) {
			return read.UTC()
		}
		if end.After(at) {
			at = end
			continue
		}
		// Past a zone's table, years have 365 days for ZoneBounds: on the last of a
		// leap year it gives an end that has been.
		if _, then := read.In(zone).Zone(); then == offset {
			return read.UTC()
		}
		at = at.Add(time.Hour)
	}
}
