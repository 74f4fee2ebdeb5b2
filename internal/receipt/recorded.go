package receipt

import "slices"

// Recorded is what a live source gave, as far as one delivery took it: what the
// sender's final frame says, what the receiver counts, and what the receipt has.
type Recorded struct {
	// Duration is how long it lasts, in milliseconds.
	Duration int64 `json:"duration_ms"`
	// Tracks is what each track has, in their order.
	Tracks []Track `json:"tracks"`
	// Gaps is what is missing, by its beginning; MoreGaps how many there were
	// besides.
	Gaps     []Gap `json:"gaps,omitempty"`
	MoreGaps int64 `json:"more_gaps,omitzero"`
}

// Recorded is what r says of a live source.
func (r Receipt) Recorded() Recorded { return Recorded{r.Duration, r.Tracks, r.Gaps, r.MoreGaps} }

// Validate says whether a receipt may say this. Its error has the code
// reason.ReceiptInvalid.
func (r Recorded) Validate() error {
	if !r.valid() {
		return invalid("gaps, tracks or times of a live source are out of range")
	}
	return nil
}

// Equal says whether both say the same.
func (r Recorded) Equal(other Recorded) bool {
	return r.Duration == other.Duration && r.MoreGaps == other.MoreGaps && slices.Equal(r.Tracks, other.Tracks) && slices.Equal(r.Gaps, other.Gaps)
}

// valid looks at the bounds. Gaps of different tracks may overlap.
func (r Recorded) valid() bool {
	if len(r.Tracks) < 1 || len(r.Tracks) > MaxTracks || len(r.Gaps) > MaxLosses || !within(r.MoreGaps, MaxCount) || !within(r.Duration, MaxTime) {
		return false
	}
	for _, t := range r.Tracks {
		if !within(t.Packets, MaxCount) || !within(t.Frames, MaxCount) || !within(t.Lost, MaxCount) {
			return false
		}
	}
	last := int64(0)
	for _, g := range r.Gaps {
		if g.From < last || g.To < g.From || g.To > MaxTime || g.Track < 1 || g.Track > len(r.Tracks) || !within(g.Lost, MaxCount) || !g.Reason.Valid() {
			return false
		}
		last = g.From
	}
	return true
}

func within(n, most int64) bool { return n >= 0 && n <= most }
