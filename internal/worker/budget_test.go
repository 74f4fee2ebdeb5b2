package worker

import (
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	type step struct {
		progress, crash bool
		wait            time.Duration
		again           bool
	}
	const s = time.Second
	for name, c := range map[string]struct {
		budget Budget
		steps  []step
	}{
		"the waits double up to a bound": {Budget{First: s, Most: 5 * s}, []step{
			{false, false, 0, true}, {false, false, s, true}, {false, false, 2 * s, true}, {false, false, 4 * s, true}, {false, false, 5 * s, true}, {false, false, 5 * s, true},
		}},
		"progress starts anew": {Budget{First: s, Most: 5 * s}, []step{
			{false, false, 0, true}, {false, false, s, true}, {true, false, 0, true}, {true, false, 0, true}, {false, false, s, true},
		}},
		"crashes without progress come to an end": {Budget{First: s, Most: 5 * s, Max: 2}, []step{
			{false, true, 0, true}, {false, true, s, true}, {false, true, 0, false},
		}},
		"a network that fails does not": {Budget{First: s, Most: 2 * s, Max: 1}, []step{
			{false, false, 0, true}, {false, false, s, true}, {false, true, 2 * s, true}, {false, false, 2 * s, true}, {false, true, 0, false},
		}},
		"progress forgives crashes": {Budget{First: s, Most: s, Max: 1}, []step{
			{false, true, 0, true}, {true, true, 0, true}, {true, true, 0, true}, {false, true, 0, false},
		}},
		"the zero budget":               {Budget{}, []step{{false, true, 0, true}, {false, true, 0, true}, {false, true, 0, true}}},
		"a first wait beyond the bound": {Budget{First: 9 * s, Most: s}, []step{{false, false, 0, true}, {false, false, s, true}}},
	} {
		for i, step := range c.steps {
			wait, again := c.budget.Failed(step.progress, step.crash)
			if wait != step.wait || again != step.again {
				t.Errorf("%s: failure %d: %v, %v instead of %v, %v", name, i+1, wait, again, step.wait, step.again)
			}
		}
	}
}
