package record

import (
	"slices"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

const (
	// ClusterSpan is how long a cluster lasts at most: what is recorded can be
	// read only when its cluster is whole.
	ClusterSpan = 100 * time.Millisecond
	// clusterBytes is how many bytes end a cluster sooner.
	clusterBytes = 32 << 20
	// cueEvery is the least time from one place to seek to to the next.
	cueEvery = time.Second
	// mostCues bounds how many places to seek to are kept; when there are more,
	// every other is dropped.
	mostCues = 8192
	// mostGaps bounds how many gaps are kept; those after them are only counted.
	mostGaps = 1000
)

// Tally is what a track has.
type Tally struct {
	// Packets and Frames are how many there are: pictures, or sound frames. Lost
	// is how many of these are missing.
	Packets, Frames, Lost int64
}

// Gap is a time that is missing in one track.
type Gap struct {
	Track int // from 1
	capture.Gap
}

// Mux joins the packets of several devices by their times and makes clusters
// of them. It is for one goroutine.
type Mux struct {
	front  matroska.Front
	offset int64 // of the next cluster

	started bool
	base    time.Duration // CLOCK_MONOTONIC at time 0 of the file
	blocks  []matroska.Block
	bytes   []byte // the blocks' data
	tracks  []matroska.Track
	last    []time.Duration // the time of each track's last block, -1 before the first
	ends    []time.Duration // when that is over
	steps   []time.Duration // between the last two pictures
	torn    []reason.Code   // of each track that was broken off and has not gone on

	cues   []matroska.Cue
	apart  time.Duration // from one cue to the next
	lead   int           // the track that is sought by
	tally  []Tally
	gaps   []Gap
	unsaid int64
}

// NewMux begins a recording with a head as it is in the file.
func NewMux(h matroska.Head) (*Mux, error) {
	front, err := matroska.NewFront(h)
	if err != nil {
		return nil, err
	}
	n := len(h.Tracks)
	m := &Mux{front: front, offset: int64(len(front.Bytes)), apart: cueEvery, lead: 1,
		tracks: h.Tracks, last: make([]time.Duration, n), ends: make([]time.Duration, n), steps: make([]time.Duration, n), tally: make([]Tally, n)}
	for i, t := range h.Tracks {
		m.last[i], m.ends[i] = -1, -1
		if t.Picture() && !h.Tracks[m.lead-1].Picture() {
			m.lead = i + 1
		}
	}
	return m, nil
}

// Head is what stands before the first cluster.
func (m *Mux) Head() []byte { return m.front.Bytes }

// Add takes a packet of a track, from 1, whose data it copies. When the cluster
// so far cannot take it, that is returned whole, to be appended at once.
// Packets of one track must come in the order of their times; those of
// different tracks need not wait for each other.
func (m *Mux) Add(track int, p Packet) ([]byte, error) {
	if !m.started {
		m.started, m.base = true, p.At
	}
	at := p.At - m.base
	if at < 0 {
		return nil, nil // before the recording began
	}
	// A device whose clock was set, or that lies: the order counts.
	at = max(at, m.last[track-1])
	var cluster []byte
	if len(m.blocks) > 0 && (m.spans(at) || len(m.bytes)+len(p.Data) > clusterBytes) {
		var err error
		if cluster, err = m.Flush(); err != nil {
			return nil, err
		}
	}
	if gap := m.mend(track, p); gap != nil {
		m.missing(track, *gap)
	}
	from := len(m.bytes)
	m.bytes = append(m.bytes, p.Data...)
	m.blocks = append(m.blocks, matroska.Block{Track: track, At: at, Key: p.Key, Data: m.bytes[from:len(m.bytes):len(m.bytes)]})
	m.count(track, at, p.Frames)
	return cluster, nil
}

// count takes a block into account.
func (m *Mux) count(track int, at time.Duration, frames int64) {
	i := track - 1
	m.tally[i].Packets++
	m.tally[i].Frames += frames
	if rate := m.tracks[i].SampleRate; rate > 0 {
		m.ends[i] = at + time.Duration(frames)*time.Second/time.Duration(rate)
	} else { // a picture is seen until the next would be there
		if m.last[i] >= 0 {
			m.steps[i] = step(m.steps[i], min(at-m.last[i], time.Second))
		}
		m.ends[i] = at + m.steps[i]
	}
	m.last[i] = at
}

// step follows the time from one picture to the next: soon when it varies, and
// slowly when it is so much longer that one may have been lost.
func step(was, now time.Duration) time.Duration {
	switch {
	case was == 0:
		return now
	case 2*now < 3*was:
		return was + (now-was)/8
	}
	return was + (now-was)/64
}

// spans says whether a block at that time would make the cluster too long.
func (m *Mux) spans(at time.Duration) bool {
	first, last := at, at
	for _, b := range m.blocks {
		first, last = min(first, b.At), max(last, b.At)
	}
	return last-first >= ClusterSpan
}

// missing notes a gap by the times of the file.
func (m *Mux) missing(track int, g capture.Gap) {
	m.tally[track-1].Lost += g.Lost
	if len(m.gaps) == mostGaps {
		m.unsaid++
		return
	}
	g.From, g.To = max(0, g.From-m.base), max(0, g.To-m.base)
	m.gaps = append(m.gaps, Gap{track, g})
}

// Flush ends the cluster so far and returns it whole; nil if there is none.
func (m *Mux) Flush() ([]byte, error) {
	if len(m.blocks) == 0 {
		return nil, nil
	}
	cluster, err := matroska.AppendCluster(nil, m.blocks)
	if err != nil {
		return nil, err
	}
	m.noteCue(m.blocks)
	m.offset += int64(len(cluster))
	m.blocks, m.bytes = m.blocks[:0], m.bytes[:0]
	return cluster, nil
}

// noteCue notes that the next cluster, which has these blocks, can be sought.
func (m *Mux) noteCue(blocks []matroska.Block) {
	for _, b := range blocks {
		if b.Track == m.lead && b.Key {
			m.cue(b.At)
			return
		}
	}
}

// cue notes a place to seek to.
func (m *Mux) cue(at time.Duration) {
	if n := len(m.cues); n > 0 && at < m.cues[n-1].At+m.apart {
		return
	}
	m.cues = append(m.cues, matroska.Cue{At: at, Track: m.lead, Cluster: m.offset})
	if len(m.cues) <= mostCues {
		return
	}
	half := m.cues[:0]
	for i := 0; i < len(m.cues); i += 2 {
		half = append(half, m.cues[i])
	}
	m.cues, m.apart = half, 2*m.apart
}

// End gives what is appended after the last cluster, and what then replaces
// the reserved places. All must have been flushed.
func (m *Mux) End() (tail []byte, patches []matroska.Patch) {
	return m.front.End(m.offset, max(0, slices.Max(m.ends)), m.cues)
}

// Report is what was recorded: a tally of each track, the gaps in the order in
// which they ended, and how many more there were.
func (m *Mux) Report() (tally []Tally, gaps []Gap, unsaid int64) { return m.tally, m.gaps, m.unsaid }

// Drop forgets what was not appended after all: what would stand at offset and
// beyond.
func (m *Mux) Drop(offset int64) error {
	if offset > m.offset {
		return reason.New(reason.Internal, "the recording has %d bytes, of which %d are known", offset, m.offset)
	}
	m.offset, m.blocks = offset, nil
	for n := len(m.cues); n > 0 && m.cues[n-1].Cluster >= offset; n-- {
		m.cues = m.cues[:n-1]
	}
	return nil
}
