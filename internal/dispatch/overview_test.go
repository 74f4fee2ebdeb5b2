package dispatch

import (
	"testing"
	"time"
)

func TestOverviewLine(t *testing.T) {
	santiago := time.FixedZone("-03", -3*3600)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, santiago)
	for want, o := range map[string]Overview{
		"nothing to deliver":                           {},
		"1 sending, 0 promised":                        {Sending: 1},
		"3 sending, 12 promised, next 18:05":           {Sending: 3, Promised: 12, Next: time.Date(2026, 11, 23, 21, 5, 0, 0, time.UTC)},
		"0 sending, 1 promised, next 2026-11-24 00:05": {Promised: 1, Next: time.Date(2026, 11, 24, 3, 5, 0, 0, time.UTC)},
		"0 sending, 2 promised, next 12:00, 1 at risk": {Promised: 2, Next: now, AtRisk: 1},
	} {
		if got := o.Line(now); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
}
