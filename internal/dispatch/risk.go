package dispatch

import (
	"context"
	"time"

	"videoclub/internal/ledger"
)

// certain is how long a promise has to be at risk before the person is told: a
// link that hiccups, or a worker that is started again, makes up for it. When
// the deadline is as near as that, they are told at once.
const certain = 30 * time.Second

// warn notes in the ledger the promises that cannot be kept, as far as that is
// news for those who were promised, so that they hear it before the deadline.
// The mutex is held.
func (d *Dispatcher) warn(now time.Time) {
	var risks []ledger.Risk
	for _, j := range d.sorted() {
		if !j.atRisk {
			continue
		}
		expected := j.expected
		if !expected.IsZero() {
			expected = expected.Add(settle)
		}
		if j.riskFrom.IsZero() {
			j.riskFrom = now
		}
		if sure := now.Sub(j.riskFrom).Abs() >= certain || j.Deadline.Sub(now) <= certain; sure && j.Warn(expected) {
			risks = append(risks, ledger.Risk{ID: j.ID, Expected: expected})
		}
	}
	if len(risks) == 0 {
		return
	}
	if err := d.Ledger.AtRisk(context.Background(), risks, now); err != nil {
		d.Log.Warn("promises at risk are not noted in the ledger, trying again", "deliveries", len(risks), "error", err)
		return
	}
	for _, r := range risks {
		j := d.jobs[r.ID]
		j.Warnings, j.Expected = j.Warnings+1, r.Expected
		j.touch(now)
	}
}
