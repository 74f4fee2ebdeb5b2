package record

import (
	"context"
	"errors"
	"io"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// Whole finds the end of a cluster, for spool.Resume.
func Whole(r io.ReaderAt, offset, size int64) (int64, error) {
	c, err := matroska.ReadCluster(r, offset, size)
	return c.End, err
}

// Resume goes on with a recording that broke off for a reason, in the spool that
// w is of and data has, from the same devices as before. In each track, the time
// from what it had last to what comes next is a gap. What was let go at the
// front of the spool is not in the report.
func Resume(ctx context.Context, sources []Source, data io.ReaderAt, w *spool.Writer, torn reason.Code) (Report, error) {
	m, err := resumeMux(data, w.Mark(), torn)
	if err == nil {
		err = sameTracks(m.tracks, sources)
	}
	if err != nil {
		return Report{}, errors.Join(err, closeAll(sources))
	}
	return (&recording{mux: m, writer: w, sources: sources, items: make(chan item, itemsQueued)}).run(ctx)
}

// sameTracks refuses devices that give something else than what is recorded.
func sameTracks(tracks []matroska.Track, sources []Source) error {
	if len(tracks) != len(sources) {
		return reason.New(reason.DeviceUnfit, "the recording has %d tracks, and there are %d devices", len(tracks), len(sources))
	}
	for i, s := range sources {
		t, err := TrackOf(s.Keeper.Format(), s.Ask)
		if err != nil {
			return err
		}
		was := tracks[i]
		if t.Codec != was.Codec || t.FourCC != was.FourCC || t.Width != was.Width || t.Height != was.Height ||
			t.SampleRate != was.SampleRate || t.Channels != was.Channels || t.Bits != was.Bits {
			return reason.New(reason.DeviceUnfit, "the recording has %+v, and the device gives %v", was, s.Keeper.Format())
		}
	}
	return nil
}

// resumeMux makes the Mux that a recording had, by reading it.
func resumeMux(data io.ReaderAt, mark spool.Mark, torn reason.Code) (*Mux, error) {
	if mark.Ended {
		return nil, reason.New(reason.Internal, "the recording has ended")
	}
	c, err := matroska.ReadHead(data, mark.Offset)
	if err != nil {
		return nil, reason.Wrap(reason.StoreFailed, err, "the recording that broke off")
	}
	m, err := NewMux(c.Head)
	if err != nil || m.offset != c.Clusters || m.offset != mark.Head {
		return nil, reason.New(reason.StoreFailed, "the recording that broke off has another front: %d bytes, not %d: %v", c.Clusters, m.offset, err)
	}
	m.started, m.base, m.torn = true, origin(mark.Origin, c.Date, capture.Now(), time.Now()), make([]reason.Code, len(c.Tracks))
	for m.offset = max(c.Clusters, mark.Released); m.offset < mark.Offset; {
		cluster, err := matroska.ReadCluster(data, m.offset, mark.Offset)
		if err != nil {
			return nil, reason.Wrap(reason.StoreFailed, err, "the recording that broke off, at %d", m.offset)
		}
		for _, b := range cluster.Blocks {
			if b.Track > len(c.Tracks) {
				return nil, reason.New(reason.StoreFailed, "the recording that broke off has a block of track %d", b.Track)
			}
			m.count(b.Track, b.At, m.framesOf(b))
		}
		m.noteCue(cluster.Blocks)
		m.offset = cluster.End
	}
	for i := range m.torn {
		m.torn[i] = torn
	}
	return m, nil
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

// framesOf is how many pictures or sound frames a block has.
func (m *Mux) framesOf(b matroska.Block) int64 {
	t := m.tracks[b.Track-1]
	if t.Picture() {
		return 1
	}
	return int64(len(b.Data) / (t.Channels * t.Bits / 8))
}

// mend gives the gap before the first packet of a track after the recording
// broke off, with what the device says besides.
func (m *Mux) mend(track int, p Packet) *capture.Gap {
	if m.torn == nil || m.torn[track-1] == "" {
		return p.Gap
	}
	code := m.torn[track-1]
	m.torn[track-1] = ""
	from := m.ends[track-1]
	missing := p.At - m.base - from
	if from < 0 || missing <= 0 {
		return p.Gap
	}
	gap := &capture.Gap{From: m.base + from, To: p.At, Code: code, Detail: "the recording broke off and went on"}
	if rate := m.tracks[track-1].SampleRate; rate > 0 {
		gap.Lost = int64(missing.Seconds() * float64(rate))
	} else if m.steps[track-1] > 0 {
		gap.Lost = int64((missing + m.steps[track-1]/2) / m.steps[track-1])
	}
	return gap
}
