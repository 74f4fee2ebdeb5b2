package record

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// queued bounds the bytes of packets that wait for a slow disk: at 8 MB a
// second, 4 s.
const queued = 32 << 20

// itemsQueued bounds how many packets wait, besides their bytes.
const itemsQueued = 4096

// Source is a device that is recorded, and what was asked of it.
type Source struct {
	Keeper *capture.Keeper
	Ask    *feed.Ask
}

// Report is what was recorded.
type Report struct {
	Tracks []Tally
	Gaps   []Gap
	Unsaid int64 // gaps beyond those that are kept
	// Patches are what completes the recording's front, now that it has ended.
	Patches []matroska.Patch
}

// item is a packet on its way to the mux.
type item struct {
	track int
	Packet
}

// Record records sources, a track each, until ctx is done or the spool takes no
// more, which is the error. create is given what stands at the front. The
// sources are closed, whatever comes.
func Record(ctx context.Context, title string, sources []Source, create func(head []byte) (*spool.Writer, error)) (Report, error) {
	h := matroska.Head{Title: title, Date: time.Now().Truncate(time.Millisecond)}
	var errs []error
	for _, s := range sources {
		t, err := TrackOf(s.Keeper.Format(), s.Ask)
		h.Tracks, errs = append(h.Tracks, t), append(errs, err)
	}
	err := errors.Join(errs...)
	var m *Mux
	var w *spool.Writer
	if err == nil {
		m, err = NewMux(h)
	}
	if err == nil {
		w, err = create(m.Head())
	}
	if err != nil {
		return Report{}, errors.Join(err, closeAll(sources))
	}
	return (&recording{mux: m, writer: w, sources: sources, items: make(chan item, itemsQueued)}).run(ctx)
}

func closeAll(sources []Source) error {
	var errs []error
	for _, s := range sources {
		errs = append(errs, s.Keeper.Close())
	}
	return errors.Join(errs...)
}

// recording is one under way: a goroutine for each source, those of the
// presses, and the one that muxes and writes.
type recording struct {
	mux     *Mux
	writer  *spool.Writer
	sources []Source
	items   chan item
	waiting atomic.Int64 // bytes in items
}

func (r *recording) run(ctx context.Context) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		for _, s := range r.sources {
			s.Keeper.Wake()
		}
	})
	defer stop()
	var all sync.WaitGroup
	for i, s := range r.sources {
		all.Go(func() { r.take(i+1, s) })
	}
	go func() {
		all.Wait()
		close(r.items)
	}()
	err := r.write()
	cancel()
	for range r.items { // what comes after a disk that failed is let go
	}
	report := Report{}
	if end := r.end(&report); err == nil {
		err = end
	}
	report.Tracks, report.Gaps, report.Unsaid = r.mux.Report()
	return report, errors.Join(err, closeAll(r.sources))
}

// take passes on what one source gives, until it is woken.
func (r *recording) take(track int, s Source) {
	put := r.putter(track)
	press := (*Press)(nil)
	if s.Keeper.Format().Picture() {
		press = NewPress(s.Keeper.Format(), s.Ask, put)
		defer press.Close()
	}
	frame := int64(s.Keeper.Format().FrameBytes())
	for {
		b, gap, err := s.Keeper.Next()
		if err != nil {
			return // woken: it has no other error
		}
		if press != nil {
			press.Put(b, gap)
			continue
		}
		put(Packet{Data: b.Data, At: b.At, Sequence: b.Sequence, Frames: int64(len(b.Data)) / frame, Key: true, Gap: gap})
	}
}

// putter passes packets of a track on, without ever waiting: what finds no room
// is lost.
func (r *recording) putter(track int) func(Packet) {
	var gap *capture.Gap // before the next that finds room
	return func(p Packet) {
		gap = merge(gap, p.Gap)
		p.Gap = gap
		p.Data = append([]byte(nil), p.Data...)
		if r.waiting.Add(int64(len(p.Data))) <= queued {
			select {
			case r.items <- item{track, p}:
				if gap != nil {
					gap.To = p.At
				}
				gap = nil
				return
			default:
			}
		}
		r.waiting.Add(-int64(len(p.Data)))
		gap = merge(gap, &capture.Gap{From: p.At, To: p.At, Lost: p.Frames, Code: reason.DeviceOverrun, Detail: "writing was too slow"})
	}
}

// write muxes what comes and appends it, until nothing more comes.
func (r *recording) write() error {
	// A cluster whose devices fall silent is written all the same.
	silence := time.NewTimer(ClusterSpan)
	defer silence.Stop()
	for {
		var cluster []byte
		var err error
		select {
		case i, ok := <-r.items:
			if !ok {
				cluster, err = r.mux.Flush()
				return errors.Join(err, r.append(cluster))
			}
			r.waiting.Add(-int64(len(i.Data)))
			cluster, err = r.mux.Add(i.track, i.Packet)
			silence.Reset(ClusterSpan)
		case <-silence.C:
			cluster, err = r.mux.Flush()
		}
		if err := errors.Join(err, r.append(cluster)); err != nil {
			return err
		}
	}
}

func (r *recording) append(cluster []byte) error {
	if len(cluster) == 0 {
		return nil
	}
	r.writer.SetOrigin(r.mux.base)
	return r.writer.Append(cluster)
}

// end writes what stands at the end, also after a spool that is full.
func (r *recording) end(report *Report) error {
	// What the spool did not take is not in the file.
	if err := r.mux.Drop(r.writer.Mark().Offset); err != nil {
		return err
	}
	tail, patches := r.mux.End()
	report.Patches = patches
	return r.writer.End(tail)
}
