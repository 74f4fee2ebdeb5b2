package reception

import (
	"fmt"
	"log/slog"
	"time"

	"videoclub/internal/depot"
	"videoclub/internal/journal"
	"videoclub/internal/rate"
	"videoclub/internal/receipt"
)

// A live source has no size before its end: what is thought that it comes to
// stands for it where people are told, and nothing is taken for impossible.

// within says whether a part may have so many bytes.
func (c *connection) within(offset int64) bool { return c.offer.Live() || offset <= c.stream }

// size is how many bytes there will be, or are thought to be.
func (c *connection) size() int64 {
	if c.offer.Live() {
		return max(1, c.offer.Expected)
	}
	return c.stream
}

func (c *connection) sized() any {
	if c.offer.Live() {
		return "live"
	}
	return rate.Size(c.stream)
}

// share is how much of it offset is.
func (c *connection) share(offset int64) string {
	if c.offer.Live() {
		return "live"
	}
	return fmt.Sprintf("%d%%", journal.Percent(offset, c.stream))
}

// longest is how long the store worker may make any one file. A live source has
// no size that would say so: what there is for it is the bound.
func (c *connection) longest() (int64, error) {
	if !c.offer.Live() {
		return c.offer.LongestFile(), nil
	}
	most, err := c.r.Depot.Most(c.key)
	return max(most, depot.SlotsSize), err
}

// logGaps tells what a live source lost.
func logGaps(log *slog.Logger, r receipt.Receipt) {
	for _, g := range r.Gaps {
		log.Warn("captured with a gap", "title", r.Name, "track", g.Track, "from", time.Duration(g.From)*time.Millisecond,
			"to", time.Duration(g.To)*time.Millisecond, "missing", g.Lost, "reason", string(g.Reason))
	}
	if r.MoreGaps > 0 {
		log.Warn("captured with more gaps than the receipt lists", "title", r.Name, "gaps", r.MoreGaps)
	}
}
