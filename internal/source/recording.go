package source

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/spool"
)

// Part is what a delivery takes of a recording.
type Part struct {
	// Head is how many bytes stand before the first cluster of the recording,
	// Base where the first cluster of the part begins.
	Head, Base int64
	// Began is when that was captured.
	Began time.Time
	// Duration is how long the part lasts: what comes when every track has reached
	// that is not of it.
	Duration time.Duration
	// End is where the part ends, if that is known already; else 0.
	End int64
	// Stops is when somebody ended the part, from its beginning, if somebody did
	// and that is known; what is missing at its end counts up to there. Silent
	// says by track why there was nothing then.
	Stops  time.Duration
	Silent []reason.Code
	// Recorded is what the part has, if that was written down already; else it
	// is what the index says.
	Recorded *receipt.Recorded
}

// Recording is a part of a recording that is made by another process, as one
// stream that grows: the front, the clusters, and places to seek to. The stream
// begins at time 0, whatever the time in the recording; what it has at an offset
// is the same whenever it is read. Not safe for concurrent use, but for Over.
type Recording struct {
	data   io.ReaderAt
	follow *spool.Follower
	part   Part
	before spool.Cluster // the one before the part

	front matroska.Front
	lead  int           // the track that is sought by
	kept  int           // how many tracks there are
	base  time.Duration // the time in the recording at which the stream begins
	over  atomic.Pointer[ending]

	starts []int64 // of each cluster of the part that is there, in the data
	end    int64   // of the last of them
	last   spool.Cluster
	lasts  time.Duration   // what is there, in time
	ends   []time.Duration // when the last cluster that has something of each track is over
	cues   cues

	waits   int  // for why a track has nothing at the end
	whole   bool // nothing follows
	ended   bool // the recording has ended: what is missing at its end is noted
	tail    []byte
	patches []matroska.Patch

	cluster []byte // the one that was read last, at its new time
	from    int64  // where that begins in the data
}

// ending is why nothing follows: for all tracks, and of each by itself.
type ending struct {
	why    reason.Code
	silent []reason.Code
}

// FollowRecording makes a Recording of the three files of a spool.
func FollowRecording(data, marks, index *os.File, p Part) (*Recording, error) {
	r := &Recording{data: data, follow: spool.Follow(data, marks, index), part: p, end: p.Base, lead: 1, from: -1, cues: newCues()}
	m, err := r.follow.Mark()
	if err != nil {
		return nil, err
	}
	c, err := matroska.ReadHead(data, m.Offset)
	if err != nil {
		return nil, reason.Wrap(reason.SourceUnreadable, err, "the front of the recording")
	}
	if r.before, err = r.follow.Before(p.Base); err != nil {
		return nil, err
	}
	first, err := r.follow.Clusters(p.Base, 1)
	if err != nil {
		return nil, err
	}
	if len(first) == 0 || p.Head != m.Head || p.Base < p.Head {
		return nil, reason.New(reason.SourceUnreadable, "the recording has no part that begins at %d behind %d", p.Base, p.Head)
	}
	r.base, r.kept, r.ends = first[0].From.Round(matroska.Scale), len(c.Tracks), make([]time.Duration, min(len(c.Tracks), spool.MostTracks))
	for i, t := range c.Tracks {
		if t.Picture() && !c.Tracks[r.lead-1].Picture() {
			r.lead = i + 1
		}
	}
	c.Head.Date = p.Began
	if r.front, err = matroska.NewFront(c.Head); err != nil || int64(len(r.front.Bytes)) != p.Head {
		return nil, reason.New(reason.SourceUnreadable, "the recording has a front of another form, of %d bytes: %v", p.Head, err)
	}
	return r, nil
}

// Over says that nothing follows that is not there, and why, if that is known;
// and by track why there is nothing now, where that is so.
func (r *Recording) Over(why reason.Code, silent []reason.Code) {
	r.over.Store(&ending{why, silent})
}

// Size is the length of the stream in bytes as far as it is there.
func (r *Recording) Size() int64 { return r.part.Head + r.end - r.part.Base + int64(len(r.tail)) }

// Lasts is how much time of it is there.
func (r *Recording) Lasts() time.Duration { return min(r.lasts, r.part.Duration) }

// End is where the part ends in the data, once all is there; what was written
// down of it stays, where its time was over before.
func (r *Recording) End() int64 { return cmp.Or(r.part.End, r.end) }

// Patches is what is to be filled in at the front, once all is there.
func (r *Recording) Patches() []matroska.Patch { return r.patches }

// Unchanged and OneVersion are asked of what can change, which a recording does
// not: its clusters have checksums.
func (r *Recording) Unchanged() error { return nil }

// OneVersion is as Unchanged.
func (r *Recording) OneVersion() error { return nil }

const (
	// atOnce is how many clusters of the index are read at once.
	atOnce = 256
	// overEvery is how often is looked whether nothing follows.
	overEvery = 100 * time.Millisecond
	// mostWaits is how often it is waited to learn why a track has nothing at the
	// end of a part that is over, where nobody said so: on a machine that is busy it
	// may be no more than late.
	mostWaits = 30
)

// More waits until there is something at offset, and says up to where the
// stream is there. The error is io.EOF when the stream ends at offset.
func (r *Recording) More(ctx context.Context, offset int64) (int64, error) {
	for offset >= r.Size() {
		if r.whole {
			return 0, io.EOF
		}
		if err := r.grow(ctx); err != nil {
			return 0, err
		}
	}
	return r.Size(), nil
}

// grow takes in what has come since, or waits a little.
func (r *Recording) grow(ctx context.Context) error {
	// First whether anything follows, then what is there: not the other way.
	over := r.over.Load() != nil
	m, err := r.follow.Mark()
	if err != nil {
		return err
	}
	clusters, err := r.follow.Clusters(r.end, atOnce)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		if r.part.End > 0 && c.Offset >= r.part.End || r.beyond(c) {
			return r.close(ctx, m.Ended)
		}
		r.take(c)
	}
	switch {
	case len(clusters) > 0:
		return nil
	case m.Ended:
		r.ended = true
		return r.finish()
	case over || r.part.End > 0 && r.end >= r.part.End:
		return r.close(ctx, false)
	}
	wait, cancel := context.WithTimeout(ctx, overEvery)
	defer cancel()
	if _, err := r.follow.Wait(wait, r.end); err != nil && (ctx.Err() != nil || wait.Err() == nil) {
		return err
	}
	return nil
}

// close finishes the part, or waits a little: why a track has nothing at the end is
// noted when it goes on or the recording ends, and told when the time is over.
func (r *Recording) close(ctx context.Context, ended bool) error {
	wait := false
	switch over := r.over.Load() != nil; {
	case ended:
	case r.part.End == 0 && !over:
		wait = r.isSilent()
	case (over || r.part.Stops > 0) && r.waits < mostWaits:
		var err error
		if wait, err = r.isUnsure(); err != nil {
			return err
		}
	}
	if !wait {
		return r.finish()
	}
	r.waits++
	timer := time.NewTimer(overEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// beyond says whether a cluster is not of the part any more: nor is what follows,
// even if a track comes later than another.
func (r *Recording) beyond(c spool.Cluster) bool {
	end := r.base + r.part.Duration
	return c.From >= end && c.Reached >= end
}

// take takes in a cluster.
func (r *Recording) take(c spool.Cluster) {
	if c.Key {
		r.cues.add(matroska.Cue{At: max(0, c.From-r.base), Track: r.lead, Cluster: r.streamed(c.Offset)})
	}
	r.starts = append(r.starts, c.Offset)
	was := r.last
	if was.End == 0 {
		was = r.before
	}
	for i := range r.ends {
		if c.Tracks[i].Packets > was.Tracks[i].Packets {
			r.ends[i] = c.To - r.base
		}
	}
	r.end, r.last, r.lasts = c.End, c, max(r.lasts, c.To-r.base)
}

// streamed is where what stands at offset in the data does in the stream.
func (r *Recording) streamed(offset int64) int64 { return offset - r.part.Base + r.part.Head }

// finish adds what stands behind the last cluster.
func (r *Recording) finish() error {
	r.tail, r.patches = r.front.End(r.streamed(r.end), r.lasts, r.cues.all)
	r.whole = true
	return nil
}

// ReadAt fills p from offset of the stream on, which must be there. What the
// spool has let go is reason.SourceUnreadable.
func (r *Recording) ReadAt(p []byte, offset int64) error {
	for len(p) > 0 {
		part, err := r.at(offset)
		if err != nil {
			return err
		}
		n := copy(p, part)
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}

// at gives what stands at offset of the stream, as far as it is at hand.
func (r *Recording) at(offset int64) ([]byte, error) {
	if offset < r.part.Head {
		return r.front.Bytes[offset:], nil
	}
	at := offset - r.part.Head + r.part.Base
	if at >= r.end {
		if beyond := at - r.end; beyond < int64(len(r.tail)) {
			return r.tail[beyond:], nil
		}
		return nil, reason.New(reason.Internal, "the recording is read at %d of %d", offset, r.Size())
	}
	i := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > at }) - 1
	from, to := r.starts[i], r.end
	if i+1 < len(r.starts) {
		to = r.starts[i+1]
	}
	if r.from != from {
		r.from = -1
		if int64(cap(r.cluster)) < to-from {
			r.cluster = make([]byte, to-from)
		}
		r.cluster = r.cluster[:to-from]
		if err := r.follow.ReadAt(r.cluster, from); err != nil {
			return nil, err
		}
		if err := matroska.Rebase(r.cluster, r.base); err != nil {
			return nil, reason.Wrap(reason.SourceUnreadable, err, "the recording at %d", from)
		}
		r.from = from
	}
	return r.cluster[at-from:], nil
}

// Recorded is what the part has, once all of it is there.
func (r *Recording) Recorded() (receipt.Recorded, error) {
	if r.part.Recorded != nil {
		return *r.part.Recorded, nil
	}
	noted, besides, err := r.follow.Gaps(r.part.Base, r.last.Offset, receipt.MaxLosses)
	if err != nil {
		return receipt.Recorded{}, err
	}
	tallied := len(noted) // the others end behind the last cluster
	open, more, err := r.follow.Gaps(r.end, r.end, receipt.MaxLosses-tallied)
	if err != nil {
		return receipt.Recorded{}, err
	}
	noted, besides = append(noted, open...), besides+more
	out := receipt.Recorded{Duration: r.lasts.Milliseconds(), Tracks: make([]receipt.Track, r.kept), MoreGaps: int64(besides)}
	for i := range out.Tracks {
		t := r.last.Tracks[i].Less(r.before.Tracks[i])
		out.Tracks[i] = receipt.Track{Packets: t.Packets, Frames: t.Frames, Lost: t.Lost}
	}
	lasts := r.wholeTime()
	for i, g := range noted {
		if g.Track < 1 || g.Track > r.kept {
			continue
		}
		// Of one that reaches beyond the part, what is within.
		from, to := max(g.From-r.base, 0), min(g.To-r.base, lasts)
		lost := g.Lost
		if whole := g.To - g.From; to < from {
			lost = 0
		} else if to-from < whole {
			lost = int64(float64(g.Lost) * float64(to-from) / float64(whole))
		}
		counted := g.Lost
		if i >= tallied {
			counted = 0
		}
		out.Tracks[g.Track-1].Lost = max(0, out.Tracks[g.Track-1].Lost+lost-counted)
		if to < from || lost == 0 && (to == from || g.Lost > 0) {
			continue // of what is missing nothing is within
		}
		code := g.Code
		if i >= tallied { // what was known then counts more than what a restart makes of it
			code = cmp.Or(of(r.part.Silent, g.Track-1), code)
		}
		if !code.Valid() {
			code = reason.Internal
		}
		out.Gaps = append(out.Gaps, receipt.Gap{From: from.Milliseconds(), To: ceilMillis(to), Track: g.Track, Lost: lost, Reason: code})
	}
	if err := r.silent(&out); err != nil {
		return receipt.Recorded{}, err
	}
	slices.SortStableFunc(out.Gaps, func(a, b receipt.Gap) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Track, b.Track)) })
	return out, out.Validate()
}

// wholeTime is how long the part lasts, with what is missing at its end. Of one
// that somebody ended that is up to then, or what there is where nobody knows.
func (r *Recording) wholeTime() time.Duration {
	switch {
	case r.part.Stops > 0:
		return max(r.lasts, min(r.part.Stops, r.part.Duration))
	case r.part.End > 0:
		return r.lasts
	}
	return max(r.lasts, r.part.Duration)
}

// until is up to when what is missing at the end counts: not beyond the part's
// time, whatever came of another track while this one was late.
func (r *Recording) until() time.Duration { return min(r.wholeTime(), r.part.Duration) }

// silence is how long a track has nothing at the end for that to be a gap.
const silence = time.Second

// isSilent says whether a track has nothing at the end for so long.
func (r *Recording) isSilent() bool {
	return slices.ContainsFunc(r.ends, func(end time.Duration) bool { return r.until()-end >= silence })
}

// isUnsure says whether it is yet to be known why a track is silent.
func (r *Recording) isUnsure() (bool, error) {
	for i, end := range r.ends {
		if r.until()-end < silence || r.told(i) != "" {
			continue
		}
		if _, known, err := r.follow.Open(r.end, i+1); err != nil || !known {
			return true, err
		}
	}
	return false, nil
}

// silent adds what is missing at the end of a part that is over while the
// recording goes on for others, or went on for a while: it is not noted within
// the part.
func (r *Recording) silent(out *receipt.Recorded) error {
	if r.ended {
		return nil
	}
	lasts := r.wholeTime()
	for i, end := range r.ends {
		noted := slices.ContainsFunc(out.Gaps, func(g receipt.Gap) bool { return g.Track == i+1 && g.To > ceilMillis(end) })
		if noted || r.until()-end < silence || len(out.Gaps) == receipt.MaxLosses {
			continue
		}
		g, known, err := r.follow.Open(r.end, i+1)
		if err != nil {
			return err
		}
		if known && g.Track == 0 && r.part.Stops > 0 {
			continue // what it gave was on its way when somebody ended the part
		}
		why := of(r.part.Silent, i)
		switch noted := known && g.From-r.base < lasts && g.Code.Valid(); {
		case why != "":
		case noted:
			why = g.Code
		case r.told(i) != "":
			why = r.told(i)
		case known && g.Track == 0:
			why = reason.DeviceOverrun // it came when the part was over
		default:
			why = reason.DeviceHung
		}
		t := &out.Tracks[i]
		lost := int64(0)
		if end > 0 {
			lost = int64(float64(t.Frames+t.Lost) * float64(lasts-end) / float64(end))
		}
		t.Lost += lost
		out.Gaps = append(out.Gaps, receipt.Gap{From: end.Milliseconds(), To: ceilMillis(lasts), Track: i + 1, Lost: lost, Reason: why})
	}
	return nil
}

// of is why a track is silent, as far as that was told.
func of(silent []reason.Code, i int) reason.Code {
	if i < len(silent) {
		return silent[i]
	}
	return ""
}

// told is what was told of why a track has nothing: when somebody ended the part, or
// when its time was over; "" where nobody knew.
func (r *Recording) told(i int) reason.Code {
	if why := of(r.part.Silent, i); why != "" {
		return why
	}
	over := r.over.Load()
	switch {
	case over == nil:
		return ""
	case len(over.silent) > 0: // why is that of one of them
		return of(over.silent, i)
	}
	return over.why
}

func ceilMillis(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// cues are places to seek to, of which there is a bound.
type cues struct {
	all   []matroska.Cue
	apart time.Duration // from one to the next
}

const (
	// cueEvery is the least time from one place to seek to to the next.
	cueEvery = time.Second
	// mostCues bounds how many are kept; when there are more, every other is
	// dropped.
	mostCues = 8192
)

func newCues() cues { return cues{apart: cueEvery} }

func (c *cues) add(cue matroska.Cue) {
	if n := len(c.all); n > 0 && cue.At < c.all[n-1].At+c.apart {
		return
	}
	if c.all = append(c.all, cue); len(c.all) <= mostCues {
		return
	}
	half := c.all[:0]
	for i := 0; i < len(c.all); i += 2 {
		half = append(half, c.all[i])
	}
	c.all, c.apart = half, 2*c.apart
}
