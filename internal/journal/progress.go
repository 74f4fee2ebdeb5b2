package journal

import "time"

// reportEvery is after how long progress is worth a line in any case.
const reportEvery = 30 * time.Second

// Progress says when a delivery's progress is worth a line: at each tenth of
// its size, or after 30 seconds.
type Progress struct {
	at    time.Time
	tenth int64
}

// Start begins at offset, which gets no line of its own.
func (p *Progress) Start(now time.Time, offset, size int64) {
	*p = Progress{at: now, tenth: int64(Percent(offset, size) / 10)}
}

// Due says whether a line is due at offset of size bytes.
func (p *Progress) Due(now time.Time, offset, size int64) bool {
	tenth := int64(Percent(offset, size) / 10)
	if tenth <= p.tenth && now.Sub(p.at) < reportEvery {
		return false
	}
	p.at, p.tenth = now, max(tenth, p.tenth)
	return true
}

// Percent is how much of size bytes offset is, 0 to 100, rounded down; of
// nothing it is all.
func Percent(offset, size int64) int {
	if size <= 0 {
		return 100
	}
	return int(float64(offset) / float64(size) * 100)
}
