package client

import "time"

// Instant writes t to the second, on the clock on the person's wall. The form
// is the same in every language.
func (p *Program) Instant(t time.Time) string {
	return t.In(p.Zone).Format("2006-01-02 15:04:05 -07:00")
}

// Minute writes t to the minute.
func (p *Program) Minute(t time.Time) string { return t.In(p.Zone).Format("2006-01-02 15:04") }

// Clock writes the time of the day alone.
func (p *Program) Clock(t time.Time) string { return t.In(p.Zone).Format("15:04:05") }

// Period writes from when to when; its end has a date only where that is another.
func (p *Program) Period(from, to time.Time) string {
	end := p.Clock(to)
	if from.In(p.Zone).Format(time.DateOnly) != to.In(p.Zone).Format(time.DateOnly) {
		end = p.Instant(to)
	}
	return p.Instant(from) + " – " + end
}
