package spool

import (
	"context"
	"io"
	"sort"
	"time"

	"videoclub/internal/reason"
)

// look is how often a follower looks for more: a fraction of what a cluster
// lasts, for a read of 128 bytes.
const look = 5 * time.Millisecond

// Follower reads a recording that another process makes. It is for one
// goroutine.
type Follower struct {
	data, marks, index io.ReaderAt

	next   int64 // the record behind those that Clusters gave last
	behind int64 // where the last of them ends in the data
}

// Follow makes a Follower of the three files.
func Follow(data, marks, index io.ReaderAt) *Follower {
	return &Follower{data: data, marks: marks, index: index, behind: -1}
}

// Mark is how far the recording is.
func (f *Follower) Mark() (Mark, error) {
	m, found, err := readMark(f.marks)
	if err != nil || !found {
		return Mark{}, reason.Wrap(reason.SourceUnreadable, err, "the recording has no mark")
	}
	return m, nil
}

// Wait waits until there is more than offset, or nothing follows any more.
func (f *Follower) Wait(ctx context.Context, offset int64) (Mark, error) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		m, err := f.Mark()
		if err != nil || m.Offset > offset || m.Ended {
			return m, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return m, ctx.Err()
		}
	}
}

// ReadAt fills p from offset on, which must lie before the mark. What was let
// go is reason.SourceUnreadable.
func (f *Follower) ReadAt(p []byte, offset int64) error {
	if _, err := f.data.ReadAt(p, offset); err != nil {
		return reason.Wrap(reason.SourceUnreadable, err, "reading the recording at %d", offset)
	}
	// Looked at after reading: what was let go meanwhile was perhaps zeros.
	m, err := f.Mark()
	switch end := offset + int64(len(p)); {
	case err != nil:
		return err
	case end > m.Offset:
		return reason.New(reason.Internal, "the recording was read up to %d, beyond its mark at %d", end, m.Offset)
	case end > m.Head && offset < m.Released:
		return reason.New(reason.SourceUnreadable, "the recording is kept from %d on, not from %d", m.Released, offset)
	}
	return nil
}

// Clusters gives what the index says of the clusters from offset on, where one
// begins or the mark is, up to the mark; at most most of them.
func (f *Follower) Clusters(offset int64, most int) ([]Cluster, error) {
	m, err := f.Mark()
	if err != nil {
		return nil, err
	}
	if offset >= m.Offset {
		return nil, nil
	}
	n := f.next
	if offset != f.behind {
		if n, err = f.find(offset); err != nil {
			return nil, err
		}
	}
	var all []Cluster
	for ; len(all) < most && offset < m.Offset; n++ {
		r, err := f.record(n)
		switch {
		case err != nil:
			return nil, err
		case r.offset != offset:
			return nil, reason.New(reason.SourceUnreadable, "the index of the recording has no cluster that begins at %d", offset)
		case r.kind == ofCluster:
			all = append(all, r.cluster)
			offset = r.cluster.End
		}
	}
	f.next, f.behind = n, offset
	return all, nil
}

// Before gives what the index says of the cluster that ends at offset; the zero
// Cluster where none does, because the first one begins there.
func (f *Follower) Before(offset int64) (Cluster, error) {
	m, err := f.Mark()
	if err != nil || offset <= m.Head {
		return Cluster{}, err
	}
	n, err := f.find(offset)
	if err != nil {
		return Cluster{}, err
	}
	r, err := f.record(n - 1)
	if err == nil && (r.kind != ofCluster || r.cluster.End != offset) {
		err = reason.New(reason.SourceUnreadable, "the index of the recording has no cluster that ends at %d", offset)
	}
	return r.cluster, err
}

// Floor gives where the cluster begins that has the byte at offset of the data,
// or that begins there.
func (f *Follower) Floor(offset int64) (int64, error) {
	n, err := f.find(offset)
	if err != nil || n == 0 {
		return offset, err
	}
	r, err := f.record(n - 1)
	if err == nil && r.kind == ofCluster && r.cluster.End > offset {
		return r.offset, nil
	}
	return offset, err
}

// Gaps gives the gaps that are noted of the clusters that begin from from on up
// to to, that one included, or behind the last cluster where the recording ends
// at to; so a gap that reaches beyond either end is among them. At most most are
// given, and how many there are besides.
func (f *Follower) Gaps(from, to int64, most int) (all []Gap, besides int, err error) {
	n, err := f.find(from)
	if err != nil {
		return nil, 0, err
	}
	for ; ; n++ {
		r, ok, err := readRecord(f.index, n)
		switch {
		case err != nil:
			return nil, 0, reason.Wrap(reason.SourceUnreadable, err, "reading the index of the recording")
		case !ok || r.offset > to:
			return all, besides, nil
		case r.kind != ofGap:
		case len(all) < most:
			all = append(all, r.gap)
		default:
			besides++
		}
	}
}

// Open gives the gap in which a track is at offset, where a cluster ends: it is
// noted where the track goes on, or when the recording ends. known is false until
// then; the gap of a track that goes on without one is the zero Gap.
func (f *Follower) Open(offset int64, track int) (g Gap, known bool, err error) {
	before, err := f.Before(offset)
	if err != nil {
		return Gap{}, false, err
	}
	n, err := f.find(offset)
	if err != nil {
		return Gap{}, false, err
	}
	for ; ; n++ {
		r, ok, err := readRecord(f.index, n)
		switch {
		case err != nil:
			return Gap{}, false, reason.Wrap(reason.SourceUnreadable, err, "reading the index of the recording")
		case !ok:
			return Gap{}, false, nil
		case r.kind == ofCluster && r.cluster.Tracks[track-1].Packets > before.Tracks[track-1].Packets:
			return Gap{}, true, nil
		case r.kind == ofGap && r.gap.Track == track:
			return r.gap, true, nil
		}
	}
}

// find gives the first record of offset or beyond.
func (f *Follower) find(offset int64) (int64, error) {
	records, err := f.records()
	if err != nil {
		return 0, err
	}
	n := sort.Search(records, func(i int) bool {
		r, wrong := f.record(int64(i))
		if wrong != nil {
			err = wrong
		}
		return wrong != nil || r.offset >= offset
	})
	return int64(n), err
}

// records counts those that are there whole: an index grows by whole ones, of
// which the last may be on its way.
func (f *Follower) records() (int, error) {
	low, high := int64(0), int64(1) // low are there; high may be
	for ; ; low, high = high, 2*high {
		if _, ok, err := readRecord(f.index, high-1); err != nil {
			return 0, reason.Wrap(reason.SourceUnreadable, err, "reading the index of the recording")
		} else if !ok {
			break
		}
	}
	var err error
	n := sort.Search(int(high-low), func(i int) bool {
		_, ok, wrong := readRecord(f.index, low+int64(i))
		if wrong != nil {
			err = wrong
		}
		return !ok
	})
	return int(low) + n, err
}

// record reads a record that is there.
func (f *Follower) record(n int64) (record, error) {
	r, ok, err := readRecord(f.index, n)
	if err != nil || !ok {
		return record{}, reason.Wrap(reason.SourceUnreadable, err, "the index of the recording has no record %d", n)
	}
	return r, nil
}
