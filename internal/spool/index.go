package spool

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"iter"
	"strings"
	"time"

	"videoclub/internal/reason"
)

// MostTracks is the most tracks of a recording that can be followed: a picture
// and a sound.
const MostTracks = 2

// Tally is what a track has.
type Tally struct {
	// Packets and Frames are how many there are: pictures, or sound frames. Lost
	// is how many of these are missing.
	Packets, Frames, Lost int64
}

// Less gives what t has more than before, an earlier tally of the same track.
func (t Tally) Less(before Tally) Tally {
	return Tally{t.Packets - before.Packets, t.Frames - before.Frames, t.Lost - before.Lost}
}

// Cluster is what the index says of a cluster.
type Cluster struct {
	// Offset and End are where it begins and ends in the data.
	Offset, End int64
	// From is the time of its first block and To the end of its last, both from
	// time 0 of the recording.
	From, To time.Duration
	// Reached is up to where every track of the recording has come by its end, as
	// far as each goes on: what follows has nothing from before.
	Reached time.Duration
	// Key says that a player may begin here.
	Key bool
	// Tracks are what each has from the beginning of the recording to the end
	// of this cluster.
	Tracks [MostTracks]Tally
}

// Gap is a time that is missing in one track.
type Gap struct {
	Track    int           // from 1
	From, To time.Duration // from time 0 of the recording
	Lost     int64         // pictures or sound frames
	Code     reason.Code
	Detail   string // cut to what there is room for
}

// The index has records of one size: of each cluster, and before it of the gaps
// that end in it; and at the end of the recording of those that do not end.
//
//	cluster: 1 u8 · key u8 · 0 u48 · offset u64 · end u64 · from i64 · to i64 · MostTracks × (packets u64 · frames u64 · lost u64) · reached i64
//	gap:     2 u8 · track u8 · bytes of the code u8 · bytes of the detail u8 · 0 u32 · offset u64 · from i64 · to i64 · lost u64 · code · detail
//
// little-endian, each filled up with zeros and followed by the CRC-32C of what
// stands before. The offset of a gap is that of the cluster in which it ends.
const (
	recordSize = 128
	recordUsed = recordSize - 4
	gapText    = 40

	ofCluster, ofGap = 1, 2

	// mostGaps is how many gaps are noted of one cluster. Those beyond count as
	// lost in its tallies alone.
	mostGaps = 8
	// mostCode is how long a code may be (package reason).
	mostCode = 40
)

func seal(b []byte) []byte {
	b = append(b, make([]byte, recordUsed-len(b))...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func words(b []byte, all ...int64) []byte {
	for _, n := range all {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func (c Cluster) record() []byte {
	b := append(make([]byte, 0, recordSize), ofCluster, 0, 0, 0, 0, 0, 0, 0)
	if c.Key {
		b[1] = 1
	}
	b = words(b, c.Offset, c.End, int64(c.From), int64(c.To))
	for _, t := range c.Tracks {
		b = words(b, t.Packets, t.Frames, t.Lost)
	}
	return seal(words(b, int64(c.Reached)))
}

func (g Gap) record(offset int64) []byte {
	code, detail := string(g.Code), g.Detail
	if len(code) > mostCode {
		code = string(reason.Internal)
	}
	if most := recordUsed - gapText - len(code); len(detail) > most {
		detail = strings.ToValidUTF8(detail[:most], "")
	}
	b := append(make([]byte, 0, recordSize), ofGap, byte(g.Track), byte(len(code)), byte(len(detail)), 0, 0, 0, 0)
	b = words(b, offset, int64(g.From), int64(g.To), g.Lost)
	return seal(append(append(b, code...), detail...))
}

// record is one of the index: of a cluster, or of a gap.
type record struct {
	kind    byte
	offset  int64
	cluster Cluster
	gap     Gap
}

// parseRecord reads a record; false if it is none.
func parseRecord(b []byte) (record, bool) {
	if len(b) < recordSize || crc32.Checksum(b[:recordUsed], castagnoli) != binary.LittleEndian.Uint32(b[recordUsed:]) {
		return record{}, false
	}
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8+8*i:])) }
	r := record{kind: b[0], offset: at(0)}
	switch r.kind {
	case ofCluster:
		r.cluster = Cluster{Offset: at(0), End: at(1), From: time.Duration(at(2)), To: time.Duration(at(3)), Reached: time.Duration(at(4 + 3*MostTracks)), Key: b[1] == 1}
		for i := range r.cluster.Tracks {
			r.cluster.Tracks[i] = Tally{at(4 + 3*i), at(5 + 3*i), at(6 + 3*i)}
		}
		return r, r.offset >= 0 && r.cluster.End > r.offset
	case ofGap:
		code, detail := int(b[2]), int(b[3])
		if code > mostCode || gapText+code+detail > recordUsed {
			return record{}, false
		}
		r.gap = Gap{Track: int(b[1]), From: time.Duration(at(1)), To: time.Duration(at(2)), Lost: at(3),
			Code: reason.Code(b[gapText : gapText+code]), Detail: string(b[gapText+code : gapText+code+detail])}
		return r, r.offset >= 0
	}
	return record{}, false
}

// readRecord reads record n; false if it is not there, or not whole.
func readRecord(index io.ReaderAt, n int64) (record, bool, error) {
	b := make([]byte, recordSize)
	if got, err := index.ReadAt(b, n*recordSize); got < recordSize {
		if err == io.EOF {
			err = nil
		}
		return record{}, false, err
	}
	r, ok := parseRecord(b)
	return r, ok, nil
}

// list notes gaps, and the cluster in which they end if there is one.
func (w *Writer) list(gaps []Gap, c *Cluster) error {
	var b []byte
	for _, g := range gaps[:min(len(gaps), mostGaps)] {
		b = append(b, g.record(w.mark.Offset)...)
	}
	if c != nil {
		b = append(b, c.record()...)
	}
	if len(b) == 0 {
		return nil
	}
	_, err := w.Index.WriteAt(b, w.records*recordSize)
	if noRoom(err) {
		return reason.Wrap(reason.SpoolFull, err, "writing the index of the recording")
	}
	if err == nil && len(gaps) > 0 {
		// A gap cannot be known again from what is there.
		err = w.Index.Datasync()
	}
	if err != nil {
		w.broken = reason.Wrap(reason.StoreFailed, err, "writing the index of the recording")
		return w.broken
	}
	w.records += int64(len(b) / recordSize)
	if c != nil {
		w.last = *c
	}
	return nil
}

// restore brings the index in line with data of size bytes, and the mark with
// both: what the index lacks is read from the clusters.
func (w *Writer) restore(whole Whole, size int64) error {
	at, gaps, err := w.reread(size)
	if err != nil {
		return err
	}
	if at < w.mark.Offset && at < w.mark.Released {
		return reason.New(reason.StoreFailed, "spool: the index ends at %d, and the recording is kept from %d on", at, w.mark.Released)
	}
	for at < size && (!w.mark.Ended || at < w.mark.Offset) {
		c, err := whole(w.Data, at, size)
		if err != nil || c.End <= at || c.End > size {
			break
		}
		c.Offset = at
		for i, t := range w.last.Tracks {
			c.Tracks[i] = Tally{t.Packets + c.Tracks[i].Packets, t.Frames + c.Tracks[i].Frames, t.Lost}
		}
		for _, g := range gaps {
			if g.Track >= 1 && g.Track <= MostTracks {
				c.Tracks[g.Track-1].Lost += g.Lost
			}
		}
		gaps = nil // they stand in the index already
		if err := w.list(nil, &c); err != nil {
			return err
		}
		at = c.End
	}
	if at < w.mark.Offset {
		return reason.New(reason.StoreFailed, "spool: the recording is damaged at %d, before its mark at %d", at, w.mark.Offset)
	}
	w.mark.Offset = at
	if w.mark.Ended {
		return nil // what is missing at its end stays noted
	}
	w.records -= int64(len(gaps)) // of a cluster that is not there
	if err := w.Index.Truncate(w.records * recordSize); err != nil {
		return reason.Wrap(reason.StoreFailed, err, "spool: cutting the index")
	}
	return nil
}

// reread reads the index as far as it is whole and fits data of size bytes. It
// gives where the last of its clusters ends, and the gaps noted behind that.
func (w *Writer) reread(size int64) (at int64, gaps []Gap, err error) {
	at = w.mark.Head
	for {
		r, ok, err := readRecord(w.Index, w.records)
		if err != nil {
			return 0, nil, reason.Wrap(reason.StoreFailed, err, "spool: reading the index")
		}
		if !ok || r.offset != at || r.kind == ofCluster && r.cluster.End > size {
			return at, gaps, nil
		}
		w.records++
		if r.kind == ofGap {
			gaps = append(gaps, r.gap)
			continue
		}
		at, gaps, w.last = r.cluster.End, nil, r.cluster
	}
}

// Backwards gives what the index says of the clusters, the last first.
func (w *Writer) Backwards() iter.Seq2[Cluster, error] {
	return func(yield func(Cluster, error) bool) {
		for n := w.records - 1; n >= 0; n-- {
			r, ok, err := readRecord(w.Index, n)
			if err != nil || !ok {
				yield(Cluster{}, reason.Wrap(reason.StoreFailed, err, "spool: the index has no record %d", n))
				return
			}
			if r.kind == ofCluster && !yield(r.cluster, nil) {
				return
			}
		}
	}
}
