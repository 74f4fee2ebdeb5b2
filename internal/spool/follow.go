package spool

import (
	"context"
	"io"
	"time"

	"videoclub/internal/reason"
)

// look is how often a follower looks for more: a fraction of what a cluster
// lasts, for a read of 128 bytes.
const look = 10 * time.Millisecond

// Follower reads a recording that another process makes.
type Follower struct{ data, marks io.ReaderAt }

// Follow makes a Follower of the two files.
func Follow(data, marks io.ReaderAt) *Follower { return &Follower{data, marks} }

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
