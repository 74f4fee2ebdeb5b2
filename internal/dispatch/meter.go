package dispatch

import "time"

// meter measures a rate over the last few seconds from the offsets that were
// acknowledged.
type meter struct {
	marks [8]mark // the latest, as a ring
	count int
}

type mark struct {
	at     time.Time
	offset int64
}

// meterSpan is how far back the meter looks; without news for so long the rate is 0.
const meterSpan = 10 * time.Second

func (m *meter) reset(at time.Time, offset int64) {
	*m = meter{}
	m.add(at, offset)
}

func (m *meter) add(at time.Time, offset int64) {
	m.marks[m.count%len(m.marks)] = mark{at, offset}
	m.count++
}

// rate is in bytes a second.
func (m *meter) rate(now time.Time) int64 {
	if m.count < 2 {
		return 0
	}
	last := m.marks[(m.count-1)%len(m.marks)]
	first := last
	for i := range min(m.count, len(m.marks)) {
		k := m.marks[(m.count-1-i)%len(m.marks)]
		if now.Sub(k.at) > meterSpan {
			break
		}
		first = k
	}
	took := max(last.at.Sub(first.at), now.Sub(last.at))
	if took <= 0 || last.offset <= first.offset {
		return 0
	}
	return int64(float64(last.offset-first.offset) / took.Seconds())
}
