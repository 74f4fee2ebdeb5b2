package studio

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/handoff"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/record"
	"videoclub/internal/spool"
)

const (
	// lastPackets is how long a recorder that is to end waits for what is still
	// on its way.
	lastPackets = 500 * time.Millisecond
	// ahead is how much later than now a packet may have been taken.
	ahead = time.Second
)

// Recorder is what the record worker is given: the files of one spool, and by
// its control connection the ends of handoffs from those who capture.
type Recorder struct {
	Data, Marks, Index *os.File
	Control            *control.Conn

	ask    control.MakeRecording
	writer *spool.Writer // of a recording that goes on, until it does
	failed chan error    // has room for one

	mu       sync.Mutex // of what follows
	tracks   []*track
	recorder *record.Recorder
	spared   int64      // up to where nobody needs the data any more
	ended    chan error // what Run gave
}

// track is one track of the recording. What captures it may be another process
// after a while.
type track struct {
	number int
	kept   *matroska.Track
	put    func(record.Packet)
	inlet  *record.Inlet
	left   chan struct{} // closed when nothing more comes by that
}

// Run records until it is told to stop, or the spool takes no more, of which the
// supervisor was told.
func (r *Recorder) Run() error {
	err := r.run()
	if err != nil && err != io.EOF {
		r.Control.Fail(err)
	}
	return err
}

func (r *Recorder) run() error {
	done := make(chan struct{})
	defer close(done)
	go beat(r.Control, done, func() control.Message { return control.Alive{} })
	m, err := r.Control.Receive()
	if err != nil {
		return err
	}
	ask, ok := m.(control.MakeRecording)
	if !ok || ask.Tracks < 0 || ask.Tracks > spool.MostTracks {
		return fmt.Errorf("studio: the supervisor says %+v instead of what to record", m)
	}
	r.ask, r.ended, r.failed = ask, make(chan error, 1), make(chan error, 1)
	for i := range ask.Tracks {
		t := &track{number: i + 1, left: make(chan struct{})}
		close(t.left)
		r.tracks = append(r.tracks, t)
	}
	if ask.Resume {
		if r.writer, err = record.Reopen(r.files(), ask.Limit); err != nil {
			return err
		}
		if err := r.tell(r.writer, r.writer.Mark().Origin); err != nil {
			return err
		}
	}
	told := make(chan error, 1)
	stop := make(chan control.StopRecording, 1)
	go func() {
		// That nothing more is listened to is no end: stop says what is to be done.
		if err := r.listen(stop); err != nil {
			told <- err
		}
	}()
	select {
	case err := <-told:
		return err
	case err := <-r.failed:
		return err
	case err := <-r.ended:
		return err
	case m := <-stop:
		return r.stop(m)
	}
}

func (r *Recorder) files() spool.Files {
	return spool.Files{Data: spool.OS(r.Data), Marks: spool.OS(r.Marks), Index: spool.OS(r.Index)}
}

// tell says how far the spool is.
func (r *Recorder) tell(w *spool.Writer, origin time.Duration) error {
	m, c := w.Mark(), w.Last()
	said := control.Appended{Head: m.Head, Offset: c.Offset, End: c.End, From: c.From, To: c.To, Reached: c.Reached, Origin: origin, Key: c.Key}
	if c.End == 0 {
		said.Offset, said.End = m.Head, m.Head
	}
	for _, t := range c.Tracks {
		said.Lost += t.Lost
	}
	return r.Control.Send(said)
}

// listen does what the supervisor says, until it has gone.
func (r *Recorder) listen(stop chan<- control.StopRecording) error {
	for {
		m, err := r.Control.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case control.Attach:
			if err := r.attach(m); err != nil {
				return err
			}
		case control.Spare:
			r.mu.Lock()
			if r.spared = m.Offset; r.recorder != nil { // else when it begins
				r.recorder.Spare(m.Offset)
			}
			r.mu.Unlock()
		case control.StopRecording:
			stop <- m
			return nil
		default:
			return fmt.Errorf("studio: the supervisor says %T to who records", m)
		}
	}
}

// attach takes packets of a track from another handoff than before.
func (r *Recorder) attach(m control.Attach) error {
	c, err := consumer(r.Control, m)
	if err != nil {
		return err
	}
	if m.Track < 1 || m.Track > len(r.tracks) {
		return fmt.Errorf("studio: the supervisor says track %d of %d", m.Track, len(r.tracks))
	}
	t := r.tracks[m.Track-1]
	if t.inlet != nil {
		t.inlet.Cut()
	}
	before, left := t.left, make(chan struct{})
	in := record.NewInlet(c, handoff.Shape{Slots: m.Slots, Size: m.Size})
	r.mu.Lock()
	t.inlet, t.left = in, left
	r.mu.Unlock()
	go func() {
		defer close(left)
		<-before
		if err := r.take(t, in, m.Away); err != nil {
			select {
			case r.failed <- err:
			default:
			}
		}
	}()
	return nil
}

// take takes what comes of a track whose device was away before, until who captures
// it has gone. An error is what ends the recording.
func (r *Recorder) take(t *track, in *record.Inlet, away *control.Outage) error {
	defer in.Close()
	said := false // what is missing at the end
	var putter func(record.Packet)
	for {
		m, err := in.Next()
		if err == io.EOF {
			if rec := r.under(); rec != nil && !said {
				rec.Tear(t.number, reason.WorkerFailed)
			}
			return nil
		}
		if err != nil {
			return reason.Wrap(reason.WorkerFailed, err, "who captures")
		}
		switch {
		case m.Track != nil:
			if err := r.begin(t, *m.Track); err != nil {
				return err
			}
		case m.Packet != nil:
			if putter == nil {
				if putter = r.putter(t); putter == nil {
					continue // the other track is not there yet
				}
				if away != nil {
					r.under().Blame(t.number, kept(*away))
				}
			}
			// A device whose clock is wrong must not end the recording.
			m.Packet.At = min(m.Packet.At, capture.Now()+ahead)
			putter(*m.Packet)
		default:
			said = true
			if rec := r.under(); rec != nil {
				rec.Miss(t.number, m.Missing)
			}
		}
	}
}

// under gives the recorder, nil before the recording began.
func (r *Recorder) under() *record.Recorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recorder
}

func (r *Recorder) putter(t *track) func(record.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.put
}

// begin begins the recording once it is known how each track is kept, or goes
// on with it.
func (r *Recorder) begin(t *track, kept matroska.Track) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.kept = &kept
	if r.recorder == nil && r.ask.Resume { // the other device may not come back
		if err := r.start(nil); err != nil {
			return err
		}
	}
	if r.recorder != nil { // who captures was started again
		return r.recorder.Same(t.number, kept)
	}
	var all []matroska.Track
	for _, t := range r.tracks {
		if t.kept == nil {
			return nil
		}
		all = append(all, *t.kept)
	}
	return r.start(all)
}

// start starts the recorder, with tracks where the recording begins. The mutex is
// held.
func (r *Recorder) start(tracks []matroska.Track) (err error) {
	w := r.writer
	if r.ask.Resume {
		r.recorder, err = record.Resume(r.Data, w, r.ask.Torn, r.ask.Ran, capture.Now)
	} else {
		r.recorder, err = record.Begin(r.ask.Title, tracks, capture.Now, func(head []byte) (*spool.Writer, error) {
			var err error
			w, err = spool.Create(r.files(), head, r.ask.Limit)
			return w, err
		})
	}
	if err != nil {
		return err
	}
	r.recorder.Spare(r.spared)
	for _, t := range r.tracks {
		t.put = r.recorder.Putter(t.number)
	}
	go func() {
		r.ended <- r.recorder.Run(func(spool.Cluster) {
			// A supervisor that has gone is seen by who listens.
			_ = r.tell(w, r.recorder.Origin())
		})
	}()
	return nil
}

// stop ends the recording with what is still on its way.
func (r *Recorder) stop(m control.StopRecording) error {
	timer := time.NewTimer(lastPackets)
	defer timer.Stop()
	for _, t := range r.tracks {
		select {
		case <-t.left:
		case <-timer.C:
			timer.Reset(0)
		}
	}
	r.mu.Lock()
	if r.recorder == nil && r.ask.Resume { // no device came
		if err := r.start(nil); err != nil {
			r.mu.Unlock()
			return err
		}
	}
	rec := r.recorder
	r.mu.Unlock()
	if rec == nil {
		return nil // nothing was recorded
	}
	var silent []capture.Gap
	for _, o := range m.Silent {
		silent = append(silent, kept(o))
	}
	rec.Stop(m.Pause, m.Until, silent)
	return <-r.ended
}

// kept is what kept a device away, as a gap that is not over.
func kept(o control.Outage) capture.Gap { return capture.Gap{From: o.Since, To: -1, Code: o.Reason} }
