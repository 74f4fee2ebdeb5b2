package record

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// queued bounds the bytes of packets that wait for a slow disk: at 8 MB a
// second, 4 s.
const queued = 32 << 20

// itemsQueued bounds how many packets wait, besides their bytes.
const itemsQueued = 4096

// quiet is how long a track that ends has been without anything for that to be
// a gap.
const quiet = time.Second

// item is a packet on its way to the mux, or word that its track broke off, or
// what kept its device away, or what is missing at its end.
type item struct {
	track int
	Packet
	torn    reason.Code
	away    *capture.Gap
	missing *capture.Gap
}

// Recorder is a recording under way: packets of its tracks come from several
// goroutines, and one muxes and writes them.
type Recorder struct {
	mux     *Mux
	clock   capture.Clock
	writer  *spool.Writer
	items   chan item
	waiting atomic.Int64 // bytes in items
	release atomic.Int64 // up to where every delivery has what there is
	stop    chan struct{}
	once    sync.Once
	pause   bool // pause, until and silent are of who closes stop
	until   time.Duration
	silent  []capture.Gap
}

// Begin begins a recording of tracks whose packets have their times by clock.
// create is given what stands at the front.
func Begin(title string, tracks []matroska.Track, clock capture.Clock, create func(head []byte) (*spool.Writer, error)) (*Recorder, error) {
	m, err := NewMux(matroska.Head{Title: title, Date: time.Now().Truncate(time.Millisecond), Tracks: tracks})
	if err != nil {
		return nil, err
	}
	w, err := create(m.Head())
	if err != nil {
		return nil, err
	}
	return newRecorder(m, w, clock), nil
}

// Resume goes on with a recording that broke off for a reason, in the spool that
// w is of and data has; before a track goes on, Same says whether it can. In each,
// the time from what it had last to what comes next is a gap. ran says that the
// machine is known to have run since.
func Resume(data io.ReaderAt, w *spool.Writer, torn reason.Code, ran bool, clock capture.Clock) (*Recorder, error) {
	m, err := resumeMux(data, w, torn, ran, clock())
	if err != nil {
		return nil, err
	}
	return newRecorder(m, w, clock), nil
}

func newRecorder(m *Mux, w *spool.Writer, clock capture.Clock) *Recorder {
	return &Recorder{mux: m, clock: clock, writer: w, items: make(chan item, itemsQueued), stop: make(chan struct{})}
}

// Same refuses a track, from 1, that is kept otherwise than it was when the
// recording began.
func (r *Recorder) Same(track int, t matroska.Track) error {
	if has := len(r.mux.tracks); track > has {
		return reason.New(reason.DeviceUnfit, "the recording has %d tracks, and there is a device for track %d", has, track)
	}
	was := r.mux.tracks[track-1]
	if t.Codec != was.Codec || t.FourCC != was.FourCC || t.Width != was.Width || t.Height != was.Height ||
		t.SampleRate != was.SampleRate || t.Channels != was.Channels || t.Bits != was.Bits {
		return reason.New(reason.DeviceUnfit, "the recording has %+v, and the device gives %+v", was, t)
	}
	return nil
}

// Origin is time 0 of the recording, by CLOCK_MONOTONIC; to be called within
// what Run calls, or when it has not been called.
func (r *Recorder) Origin() time.Duration { return r.mux.base }

// Putter gives what takes packets of a track, from 1, without ever waiting: what
// finds no room is lost. Their data is copied. It is for one goroutine.
func (r *Recorder) Putter(track int) func(Packet) {
	var gap *capture.Gap // before the next that finds room
	return func(p Packet) {
		if gap = merge(gap, p.Gap); gap != nil {
			upTo := *gap // who muxes has its own
			upTo.To = p.At
			p.Gap = &upTo
		}
		p.Data = append([]byte(nil), p.Data...)
		if r.waiting.Add(int64(len(p.Data))) <= queued {
			select {
			case r.items <- item{track: track, Packet: p}:
				gap = nil
				return
			default:
			}
		}
		r.waiting.Add(-int64(len(p.Data)))
		gap = merge(gap, &capture.Gap{From: p.At, To: p.At, Lost: p.Frames, Code: reason.DeviceOverrun, Detail: "writing was too slow"})
	}
}

// Tear says that a track broke off, behind what was put so far: what is missing
// until its next packet is a gap.
func (r *Recorder) Tear(track int, code reason.Code) {
	select {
	case r.items <- item{track: track, torn: code}:
	case <-r.stop:
	}
}

// Blame says what kept the device of a track away that broke off, and from when
// on, before the next packet is put. It is as that of Putter for one goroutine.
func (r *Recorder) Blame(track int, away capture.Gap) {
	select {
	case r.items <- item{track: track, away: &away}:
	case <-r.stop:
	}
}

// Miss says what is missing in a track behind what was put so far, where nothing
// more comes. It is as that of Putter for one goroutine.
func (r *Recorder) Miss(track int, gap *capture.Gap) {
	if gap == nil {
		return
	}
	select {
	case r.items <- item{track: track, missing: gap}:
	case <-r.stop:
	}
}

// Spare says that what lies before offset in the spool is needed by nobody any
// more: it is let go of when there is no room.
func (r *Recorder) Spare(offset int64) { r.release.Store(offset) }

// Stop ends the recording with what was put so far, or for a pause. What is
// missing at its end counts up to until, from its time 0, if that is not 0, and
// silent says by track why it is, and from when on, where that is known to nobody
// else.
func (r *Recorder) Stop(pause bool, until time.Duration, silent []capture.Gap) {
	r.once.Do(func() {
		r.pause, r.until, r.silent = pause, until, silent
		close(r.stop)
	})
}

// Run muxes and appends what is put, until the recording is stopped, which is no
// error, or the spool takes no more. tell is called with each cluster that is
// durable.
func (r *Recorder) Run(tell func(spool.Cluster)) error {
	// A cluster whose devices fall silent is written all the same.
	silence := time.NewTimer(ClusterSpan)
	defer silence.Stop()
	for {
		select {
		case i := <-r.items:
			if err := r.take(i, tell); err != nil {
				return r.full(err)
			}
			silence.Reset(ClusterSpan)
		case <-silence.C:
			d, err := r.mux.Flush()
			if err := r.append(d, err, tell); err != nil {
				return r.full(err)
			}
		case <-r.stop:
			return r.full(r.end(tell))
		}
	}
}

// take takes what was put.
func (r *Recorder) take(i item, tell func(spool.Cluster)) error {
	switch {
	case i.torn != "":
		r.mux.Tear(i.track, i.torn)
		return nil
	case i.away != nil:
		r.mux.Blame(i.track, *i.away)
		return nil
	case i.missing != nil:
		r.mux.Miss(i.track, *i.missing, r.clock())
		return nil
	}
	r.waiting.Add(-int64(len(i.Data)))
	d, err := r.mux.Add(i.track, i.Packet)
	return r.append(d, err, tell)
}

func (r *Recorder) append(d *Done, err error, tell func(spool.Cluster)) error {
	if d == nil || err != nil {
		return err
	}
	r.writer.SetOrigin(r.mux.base)
	err = r.writer.Append(d.Bytes, d.Cluster, d.Gaps)
	if reason.Of(err) == reason.SpoolFull && r.release.Load() > r.writer.Mark().Released {
		if err := r.writer.Release(r.release.Load()); err != nil {
			return err
		}
		err = r.writer.Append(d.Bytes, d.Cluster, d.Gaps)
	}
	if err == nil {
		tell(r.writer.Last())
	}
	return err
}

// end takes what was put before, and says that nothing follows for now.
func (r *Recorder) end(tell func(spool.Cluster)) error {
	for {
		select {
		case i := <-r.items:
			if err := r.take(i, tell); err != nil {
				return err
			}
			continue
		default:
		}
		d, err := r.mux.Flush()
		if err := r.append(d, err, tell); err != nil {
			return err
		}
		if r.pause {
			return r.writer.Pause()
		}
		return r.writer.End(r.mux.Missing(r.clock(), r.until, r.silent))
	}
}

// full ends a recording that the spool does not take any more: what is there
// stays.
func (r *Recorder) full(err error) error {
	if reason.Of(err) == reason.SpoolFull {
		if err := r.writer.End(nil); err != nil {
			return err
		}
	}
	return err
}
