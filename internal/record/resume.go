package record

import (
	"errors"
	"io"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// Reopen opens the spool of a recording that broke off, up to its last whole
// cluster.
func Reopen(f spool.Files, limit int64) (*spool.Writer, error) {
	size, err := f.Data.Size()
	if err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "the recording that broke off")
	}
	c, err := matroska.ReadHead(f.Data, size)
	if err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "the recording that broke off")
	}
	m, err := NewMux(c.Head)
	if err != nil {
		return nil, err
	}
	return spool.Resume(f, m.whole, limit)
}

// whole is a spool.Whole of the recording that m is of.
func (m *Mux) whole(r io.ReaderAt, offset, size int64) (spool.Cluster, error) {
	read, err := matroska.ReadCluster(r, offset, size)
	if err != nil {
		return spool.Cluster{}, err
	}
	before := m.tally
	if err := m.again(read.Blocks); err != nil {
		return spool.Cluster{}, err
	}
	c := m.describe(read.Blocks)
	c.Offset, c.End = read.Offset, read.End
	for i := range c.Tracks {
		c.Tracks[i] = m.tally[i].Less(before[i])
	}
	return c, nil
}

// again takes blocks into account that were read back.
func (m *Mux) again(blocks []matroska.Block) error {
	if len(blocks) == 0 {
		return errors.New("a cluster without blocks")
	}
	for _, b := range blocks {
		if b.Track < 1 || b.Track > len(m.tracks) {
			return reason.New(reason.StoreFailed, "the recording that broke off has a block of track %d", b.Track)
		}
		m.count(b.Track, b.At, m.tracks[b.Track-1].Frames(b.Data))
	}
	return nil
}

// stepsFrom is how many clusters are read again to know how often there are
// pictures.
const stepsFrom = 20

// resumeMux makes the Mux that a recording had, by its index and its last
// clusters.
func resumeMux(data io.ReaderAt, w *spool.Writer, torn reason.Code, ran bool, now time.Duration) (*Mux, error) {
	mark := w.Mark()
	if mark.Ended {
		return nil, reason.New(reason.Internal, "the recording has ended")
	}
	c, err := matroska.ReadHead(data, mark.Offset)
	if err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "the recording that broke off")
	}
	m, err := NewMux(c.Head)
	if err != nil || int64(len(m.Head())) != c.Clusters || c.Clusters != mark.Head {
		return nil, reason.New(reason.StoreFailed, "the recording that broke off has another front, of %d bytes: %v", c.Clusters, err)
	}
	if w.Last().End == 0 {
		return m, nil // nothing of it is there
	}
	m.started, m.base = true, mark.Origin
	if !ran { // else the date, which may have been set, tells nothing more
		m.base = origin(mark.Origin, c.Date, now, time.Now())
	}
	recent, err := m.recent(w)
	if err != nil {
		return nil, err
	}
	for i := len(recent) - 1; i >= 0; i-- {
		read, err := matroska.ReadCluster(data, recent[i].Offset, mark.Offset)
		if err == nil {
			err = m.again(read.Blocks)
		}
		if err != nil {
			return nil, reason.Wrap(reason.StoreFailed, err, "the recording that broke off, at %d", recent[i].Offset)
		}
	}
	if err := m.recall(w); err != nil {
		return nil, err
	}
	m.tally = w.Last().Tracks
	for i := range m.torn {
		m.torn[i] = torn
	}
	return m, nil
}

// recent gives the clusters, the last first, from which is known when each
// track had its last block, and how often there are pictures.
func (m *Mux) recent(w *spool.Writer) ([]spool.Cluster, error) {
	var all []spool.Cluster
	last := w.Last()
	for c, err := range w.Backwards() {
		seen := len(all) >= stepsFrom
		for i := range m.tracks {
			// The cluster after this one, or another since, had the last of it.
			seen = seen && (c.Tracks[i].Packets < last.Tracks[i].Packets || last.Tracks[i].Packets == 0)
		}
		switch {
		case err != nil:
			return nil, err
		case seen || c.Offset < w.Mark().Released:
			return all, nil
		}
		all = append(all, c)
	}
	return all, nil
}

// recall takes from the index when the tracks had their last block whose clusters
// were let go of, and how often there were pictures: without that, what is missing
// since would be no gap.
func (m *Mux) recall(w *spool.Writer) error {
	last := w.Last()
	unknown := func(i int) bool { return m.ends[i] < 0 && last.Tracks[i].Packets > 0 }
	know := func(i int, c spool.Cluster) {
		if t := last.Tracks[i]; m.tracks[i].Picture() {
			m.steps[i] = c.To / time.Duration(t.Packets+t.Lost)
		}
		m.ends[i], m.last[i] = c.To, max(0, c.To-m.steps[i])
	}
	after, left := last, 0
	for i := range m.tracks {
		if unknown(i) {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	for c, err := range w.Backwards() {
		if err != nil {
			return err
		}
		for i := range m.tracks {
			if unknown(i) && c.Tracks[i].Packets < last.Tracks[i].Packets {
				know(i, after)
				left--
			}
		}
		if after = c; left == 0 {
			return nil
		}
	}
	for i := range m.tracks { // the first cluster had all of it
		if unknown(i) {
			know(i, after)
		}
	}
	return nil
}

// apart is by how much the two clocks may differ on the way from the beginning
// of a recording to now, for both to be of one running machine.
const apart = time.Minute

// origin gives time 0 of a recording by CLOCK_MONOTONIC. What was noted is right
// until the machine starts anew, which begins that clock anew: then the date
// tells.
func origin(noted time.Duration, date time.Time, now time.Duration, wall time.Time) time.Duration {
	byDate := now - wall.Round(0).Sub(date)
	if (noted - byDate).Abs() < apart {
		return noted
	}
	return byDate
}

// Tear notes that a track was broken off for a reason: what is missing until its
// next packet is a gap.
func (m *Mux) Tear(track int, code reason.Code) {
	if m.torn[track-1] == "" {
		m.torn[track-1] = code
	}
}

// Blame says what kept the device of a track away that was broken off, and from
// when on.
func (m *Mux) Blame(track int, away capture.Gap) {
	if m.torn[track-1] != "" {
		m.away[track-1] = away
	}
}

// explains gives the reason that explains more of the time from from to to, in
// which a track was broken off for one and then its device was away for another:
// a worker that was killed does not explain the hour for which the camera is not
// there when the next one opens it.
func explains(torn reason.Code, away capture.Gap, from, to time.Duration) reason.Code {
	since := max(from, away.From)
	if away.Code != "" && to-since > since-from {
		return away.Code
	}
	return torn
}

// mend gives the gap before the first packet of a track after it was broken
// off, with what the device says besides.
func (m *Mux) mend(track int, p Packet) *capture.Gap {
	code := m.torn[track-1]
	if code == "" {
		return p.Gap
	}
	away := m.away[track-1]
	m.torn[track-1], m.away[track-1] = "", capture.Gap{}
	from := m.ends[track-1]
	if from < 0 {
		return p.Gap
	}
	// Where it went on so soon that nothing is missing, that is noted too: what
	// comes is of another beginning.
	from = min(from, p.At-m.base)
	missing := p.At - m.base - from
	code = explains(code, away, m.base+from, p.At)
	return &capture.Gap{From: m.base + from, To: p.At, Lost: m.expected(track, missing), Code: code, Detail: "the recording broke off and went on"}
}

// expected is how many pictures or sound frames a track should have had in a
// time.
func (m *Mux) expected(track int, missing time.Duration) int64 {
	if rate := m.tracks[track-1].SampleRate; rate > 0 {
		return int64(missing.Seconds() * float64(rate))
	} else if step := m.steps[track-1]; step > 0 {
		return int64((missing + step/2) / step)
	}
	return 0
}
