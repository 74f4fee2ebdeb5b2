package record

import (
	"cmp"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

const (
	// ClusterSpan is how long a cluster lasts at most: what is recorded can be
	// read only when its cluster is whole.
	ClusterSpan = 100 * time.Millisecond
	// clusterBytes is how many bytes end a cluster sooner.
	clusterBytes = 32 << 20
	// mostHeld is how many packets are kept until a recording begins.
	mostHeld = 64
)

// Done is a cluster that is whole: its bytes, what the index is to say of it,
// and the gaps that end in it.
type Done struct {
	Bytes []byte
	spool.Cluster
	Gaps []spool.Gap
}

// Mux joins the packets of several devices by their times and makes clusters
// of them. It is for one goroutine.
type Mux struct {
	front matroska.Front

	started bool
	held    []item        // until then
	base    time.Duration // CLOCK_MONOTONIC at time 0 of the file
	blocks  []matroska.Block
	bytes   []byte // the blocks' data
	tracks  []matroska.Track
	last    []time.Duration // the time of each track's last block, -1 before the first
	ends    []time.Duration // when that is over
	steps   []time.Duration // between the last two pictures
	torn    []reason.Code   // of each track that was broken off and has not gone on
	away    []capture.Gap   // of each of these, what kept its device away since

	lead  int // the track that is sought by
	tally [spool.MostTracks]spool.Tally
	gaps  []spool.Gap // that end in the cluster so far
}

// NewMux begins a recording with a head as it is in the file.
func NewMux(h matroska.Head) (*Mux, error) {
	n := len(h.Tracks)
	if n > spool.MostTracks {
		return nil, reason.New(reason.Internal, "a recording of %d tracks", n)
	}
	front, err := matroska.NewFront(h)
	if err != nil {
		return nil, err
	}
	m := &Mux{front: front, lead: 1, tracks: h.Tracks,
		last: make([]time.Duration, n), ends: make([]time.Duration, n), steps: make([]time.Duration, n), torn: make([]reason.Code, n), away: make([]capture.Gap, n)}
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
// so far cannot take it, or can take no more of the track that is sought by, that
// is returned whole, to be appended at once.
// Packets of one track must come in the order of their times; those of
// different tracks need not wait for each other. The recording begins with what
// a player can begin with.
func (m *Mux) Add(track int, p Packet) (*Done, error) {
	if !m.started {
		if track != m.lead || !p.Key {
			m.hold(track, p)
			return nil, nil
		}
		m.begin(p)
		return nil, nil
	}
	at := p.At - m.base
	if at < 0 {
		return nil, nil // before the recording began
	}
	// A device whose clock was set, or that lies: the order counts.
	at = max(at, m.last[track-1])
	var cluster *Done
	if len(m.blocks) > 0 && (m.spans(at) || m.opens(track, p) || len(m.bytes)+len(p.Data) > clusterBytes) {
		var err error
		if cluster, err = m.Flush(); err != nil {
			return nil, err
		}
	}
	if gap := m.mend(track, p); gap != nil {
		m.missing(track, *gap)
	}
	m.put(track, at, p)
	if cluster == nil && track == m.lead && m.filled() {
		return m.Flush()
	}
	return cluster, nil
}

// filled says whether the next packet of the track that is sought by would, as
// far as can be told, not be of the cluster so far: who waits for it waits for
// nothing.
func (m *Mux) filled() bool {
	first := m.blocks[0].At
	for _, b := range m.blocks {
		first = min(first, b.At)
	}
	return m.ends[m.lead-1]-first >= ClusterSpan*9/10
}

// put adds a packet to the cluster so far.
func (m *Mux) put(track int, at time.Duration, p Packet) {
	from := len(m.bytes)
	m.bytes = append(m.bytes, p.Data...)
	m.blocks = append(m.blocks, matroska.Block{Track: track, At: at, Key: p.Key, Data: m.bytes[from:len(m.bytes):len(m.bytes)]})
	m.count(track, at, p.Frames)
}

// hold keeps what comes before the recording begins: sound is there sooner than
// the picture of its time is encoded.
func (m *Mux) hold(track int, p Packet) {
	if track == m.lead {
		return // a picture that needs others
	}
	if len(m.held) == mostHeld {
		m.held = m.held[1:]
	}
	p.Data, p.Gap = append([]byte(nil), p.Data...), nil
	m.held = append(m.held, item{track: track, Packet: p})
}

// begin begins the recording with a packet of the lead, and takes what was held
// and is not from before that: all in one cluster, however long it was waited
// for, so that whoever begins with the packet has the rest too. What is later than
// a cluster can have is of a device whose clock is wrong.
func (m *Mux) begin(p Packet) {
	m.started, m.base = true, p.At
	m.torn[m.lead-1] = "" // that, and a gap before it, was before
	m.put(m.lead, 0, p)
	for _, h := range m.held {
		if at := h.At - m.base; at >= 0 && at <= matroska.MaxSpan {
			m.put(h.track, max(at, m.last[h.track-1]), h.Packet)
		}
	}
	m.held = nil
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

// opens says whether a packet is one that a player can begin with where most are
// not: it is the first of its track in its cluster then, as players, and
// deliveries that join, begin at clusters.
func (m *Mux) opens(track int, p Packet) bool {
	return track == m.lead && p.Key && m.tracks[track-1].Codec == codecAVC
}

// missing notes a gap by the times of the file.
func (m *Mux) missing(track int, g capture.Gap) {
	m.tally[track-1].Lost += g.Lost
	m.gaps = append(m.gaps, spool.Gap{Track: track, From: max(0, g.From-m.base), To: max(0, g.To-m.base), Lost: g.Lost, Code: g.Code, Detail: g.Detail})
}

// Flush ends the cluster so far and returns it whole; nil if there is none.
func (m *Mux) Flush() (*Done, error) {
	if len(m.blocks) == 0 {
		return nil, nil
	}
	bytes, err := matroska.AppendCluster(nil, m.blocks)
	if err != nil {
		return nil, err
	}
	d := &Done{Bytes: bytes, Cluster: m.describe(m.blocks), Gaps: m.gaps}
	d.Tracks = m.tally
	m.blocks, m.bytes, m.gaps = m.blocks[:0], m.bytes[:0], nil
	return d, nil
}

// describe says what the index is to say of a cluster with these blocks, which
// have been counted, save for its tallies.
func (m *Mux) describe(blocks []matroska.Block) spool.Cluster {
	c := spool.Cluster{From: blocks[0].At, Reached: m.reached()}
	lead := false
	for _, b := range blocks {
		c.From, c.To = min(c.From, b.At), max(c.To, m.ends[b.Track-1])
		if b.Track == m.lead && !lead {
			lead, c.Key = true, b.Key
		}
	}
	return c
}

// Miss notes what is missing behind the last packet of a track up to now, by
// CLOCK_MONOTONIC, as far as nothing comes any more.
func (m *Mux) Miss(track int, g capture.Gap, now time.Duration) {
	end := m.ends[track-1]
	if end < 0 {
		return
	}
	if g.To < 0 {
		g.To = now
	}
	g.From = max(g.From, m.base+end)
	if g.Lost == 0 {
		g.Lost = m.expected(track, g.To-g.From)
	}
	m.missing(track, g)
	m.ends[track-1] = max(end, g.To-m.base)
	m.torn[track-1], m.away[track-1] = "", capture.Gap{}
}

// reached is the time of the file up to where every track has come that goes on:
// the pictures of a time may be there later than its sound. One that is so late
// that it is missing is not waited for.
func (m *Mux) reached() time.Duration {
	var least, most time.Duration
	some := false
	for i, end := range m.ends {
		most = max(most, end)
		if m.torn[i] == "" && (!some || end < least) {
			least, some = end, true
		}
	}
	return max(0, least, most-quiet) // one that has had nothing is at the beginning
}

// Missing gives the gaps at the end: those that Miss noted, and of the tracks that
// have had nothing for a while now, by CLOCK_MONOTONIC; up to the time until of
// the file, if that is not 0 and sooner. silent says by track why one may have had
// nothing, from when on, as far as that is not known here.
func (m *Mux) Missing(now, until time.Duration, silent []capture.Gap) []spool.Gap {
	at := now - m.base
	if until > 0 {
		at = min(at, until)
	}
	var all []spool.Gap
	for _, g := range m.gaps {
		if g.To > at {
			g.To = max(g.From, at)
			g.Lost = m.expected(g.Track, g.To-g.From)
		}
		all = append(all, g)
	}
	for i, end := range m.ends {
		if !m.started || end < 0 || at-end < quiet {
			continue
		}
		var told capture.Gap
		if i < len(silent) {
			told = silent[i]
		}
		code, detail := m.torn[i], "it did not go on"
		if code != "" {
			code = explains(code, told, m.base+end, m.base+at)
		} else {
			code, detail = cmp.Or(told.Code, reason.DeviceHung), "nothing came any more"
		}
		all = append(all, spool.Gap{Track: i + 1, From: end, To: at, Lost: m.expected(i+1, at-end), Code: code, Detail: detail})
	}
	return all
}
