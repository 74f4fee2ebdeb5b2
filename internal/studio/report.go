package studio

import (
	"os"
	"sync"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/spool"
)

// mostGaps is how many gaps a report lists.
const mostGaps = 100

// Report is how a delivery's part of a recording does.
type Report struct {
	Recorded int64         // bytes of the part, as it is sent
	Behind   time.Duration // of what is recorded, how much the delivery has yet to get
	Gaps     []receipt.Gap // with times from the part's beginning, in ms
	MoreGaps int           // that are not listed
	Trouble  reason.Code   // why a device gives nothing now
}

// noted is what is known of a part's gaps, so that each is looked for once.
type noted struct {
	mu   sync.Mutex
	upTo int64 // clusters before are looked through
	gaps []receipt.Gap
	more int
}

// Report says how the part of a delivery does that has the first so many bytes of
// it; nothing, where it has no part that is being recorded or sent.
func (s *Studio) Report(delivery, has int64) (r Report, ok bool) {
	s.mu.Lock()
	t := s.takers[delivery]
	if t == nil || t.part == nil || t.reel.last.End == 0 {
		s.mu.Unlock()
		return r, false
	}
	part, last, lasts, reel := *t.part, t.reel.last, t.wish.Duration, t.reel
	for _, c := range reel.cameras {
		if c.trouble != "" {
			r.Trouble = c.trouble
		}
	}
	s.mu.Unlock()
	files, err := reel.open(os.O_RDONLY)
	if err != nil {
		return r, false
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	f := follower(files)
	r.Recorded = part.Head + max(0, last.End-part.Base)
	r.Behind = behind(f, part, last.To, has)
	t.noted.look(f, part, last.Offset, last.End, lasts)
	t.noted.mu.Lock()
	defer t.noted.mu.Unlock()
	r.Gaps, r.MoreGaps = t.noted.gaps, t.noted.more
	return r, true
}

// behind is from the end of what a delivery has to a time of the recording.
func behind(f *spool.Follower, part Part, to time.Duration, has int64) time.Duration {
	from := part.At
	if has > part.Head {
		at, err := f.Floor(part.Base + has - part.Head)
		if err != nil {
			return 0
		}
		c, err := f.Before(at)
		if err != nil {
			return 0
		}
		from = max(from, c.To)
	}
	return max(0, to-from)
}

// look notes the gaps of the clusters that were not looked through, up to the one
// at an offset, which ends at another.
func (n *noted) look(f *spool.Follower, part Part, offset, end int64, lasts time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from := max(part.Base, n.upTo)
	if offset < from {
		return
	}
	gaps, more, err := f.Gaps(from, offset, mostGaps)
	if err != nil {
		return // the next look sees them
	}
	n.upTo, n.more = end, n.more+more
	for _, g := range gaps {
		// What is missing before the part begins or after its end is not its gap.
		g.From, g.To = max(g.From-part.At, 0), min(g.To-part.At, lasts)
		switch {
		case g.From >= g.To:
		case len(n.gaps) < mostGaps:
			n.gaps = append(n.gaps, receipt.Gap{From: g.From.Milliseconds(), To: g.To.Milliseconds(), Track: g.Track, Lost: g.Lost, Reason: g.Code})
		default:
			n.more++
		}
	}
}
