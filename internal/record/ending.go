package record

import (
	"bytes"
	"time"

	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

const (
	// cueEvery is the least time from one place to seek to to the next.
	cueEvery = time.Second
	// mostCues bounds how many places to seek to there are; when there are more,
	// every other is dropped.
	mostCues = 8192
	// clustersAtOnce is how much of an index is read at once.
	clustersAtOnce = 512
)

// Ending gives what completes the part of a recording that is its front and the
// clusters from base to end: what is appended to these, and what then replaces
// the front's reserved places, so that players know how long it is and where to
// go on.
func Ending(f *spool.Follower, base, end int64) (tail []byte, patches []matroska.Patch, err error) {
	mark, err := f.Mark()
	if err != nil {
		return nil, nil, err
	}
	front := make([]byte, mark.Head)
	if err := f.ReadAt(front, 0); err != nil {
		return nil, nil, err
	}
	c, err := matroska.ReadHead(bytes.NewReader(front), mark.Head)
	if err != nil {
		return nil, nil, reason.Wrap(reason.SourceUnreadable, err, "the front of the recording")
	}
	m, err := NewMux(c.Head)
	if err != nil || !bytes.Equal(m.Head(), front) {
		return nil, nil, reason.New(reason.SourceUnreadable, "the recording has another front: %v", err)
	}
	cues, lasts, err := cuesOf(f, m.lead, base, end, mark.Head)
	if err != nil {
		return nil, nil, err
	}
	tail, patches = m.front.End(mark.Head+end-base, lasts, cues)
	return tail, patches, nil
}

// cuesOf gives the places to seek to in a part, by where they are in it, and
// when it is over.
func cuesOf(f *spool.Follower, lead int, base, end, head int64) (cues []matroska.Cue, lasts time.Duration, err error) {
	apart := cueEvery
	for at := base; at < end; {
		clusters, err := f.Clusters(at, clustersAtOnce)
		if err != nil {
			return nil, 0, err
		}
		if len(clusters) == 0 {
			return nil, 0, reason.New(reason.Internal, "the recording has no cluster at %d", at)
		}
		for _, c := range clusters {
			if at = c.End; at > end {
				return cues, lasts, nil
			}
			lasts = max(lasts, c.To)
			if n := len(cues); !c.Key || n > 0 && c.From < cues[n-1].At+apart {
				continue
			}
			if cues = append(cues, matroska.Cue{At: c.From, Track: lead, Cluster: head + c.Offset - base}); len(cues) > mostCues {
				half := cues[:0]
				for i := 0; i < len(cues); i += 2 {
					half = append(half, cues[i])
				}
				cues, apart = half, 2*apart
			}
		}
	}
	return cues, lasts, nil
}
