package deliver

import (
	"context"
	"io"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/digest"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
	"videoclub/internal/source"
)

// tellEvery is how often the supervisor hears how far a live source is.
const tellEvery = time.Second

// live is run for a live source: it follows the recording to the end of its
// part, which the supervisor has written down before the other side hears that
// this was all.
func (r Reader) live(out *handoff.Producer, begin control.Begin, notes *digest.Notes) error {
	l := begin.Live
	part := source.Part{Head: l.Head, Base: l.Base, Began: l.Began, Duration: l.Duration, End: l.End, Stops: l.Stops, Silent: l.Silent, Recorded: l.Recorded}
	src, err := source.FollowRecording(r.Source, r.Marks, r.Index, part)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	finish := make(chan struct{})
	go r.follow(src, out, cancel, finish)
	// What the reception holds was sent before, so it is there.
	for reached, at := int64(0), begin.Offset; reached < at; {
		if reached, err = src.More(ctx, reached); err == io.EOF {
			return reason.New(reason.OffsetMismatch, "the reception holds %d bytes of a recording of %d", at, src.Size())
		} else if err != nil {
			return err
		}
	}
	p := &pipeline{src: &telling{Recording: src, control: r.Control}, out: out, notes: notes, sums: &fileSum{src: src, notes: notes}}
	if err := p.sums.catchUp(begin); err != nil {
		return err
	}
	if err := p.pass(ctx, begin.Offset); err != nil {
		if ctx.Err() != nil {
			return io.EOF // the supervisor has gone
		}
		return err
	}
	sum, err := p.sums.total()
	if err != nil {
		return err
	}
	recorded, err := src.Recorded()
	if err != nil {
		return err
	}
	sealed := control.Sealed{SHA256: sum, Read: notes.Read, Hashed: notes.Hashed, Size: src.Size(), End: src.End(), Recorded: &recorded}
	if err := r.Control.Send(sealed); err != nil {
		return err
	}
	select {
	case <-finish:
	case <-ctx.Done():
		return io.EOF
	}
	live := &frame.Live{Recorded: recorded}
	for _, patch := range src.Patches() {
		live.Patches = append(live.Patches, frame.Patch{Offset: patch.Offset, Bytes: patch.Bytes})
	}
	return p.finish(frame.Trailer{SHA256: sum, Frames: frame.Frames(src.Size()), Live: live})
}

// follow hears what the supervisor says of a live source, and lets the worker go
// when it does. It ends with the process.
func (r Reader) follow(src *source.Recording, out *handoff.Producer, cancel func(), finish chan<- struct{}) {
	for told := false; ; {
		m, err := r.Control.Receive()
		if err != nil {
			cancel()
			out.Close()
			return
		}
		switch m := m.(type) {
		case control.Over:
			src.Over(m.Reason, m.Silent)
		case control.Finish:
			if !told {
				told = true
				close(finish)
			}
		}
	}
}

// telling is a recording that tells the supervisor how far it is.
type telling struct {
	*source.Recording
	control *control.Conn
	told    time.Time
}

// More is source.Recording.More.
func (t *telling) More(ctx context.Context, offset int64) (int64, error) {
	upTo, err := t.Recording.More(ctx, offset)
	if now := time.Now(); err == nil && now.Sub(t.told) >= tellEvery {
		t.told = now
		err = t.control.Send(control.Recording{Size: upTo, Lasts: t.Lasts()})
	}
	return upTo, err
}
