package receive

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
	"videoclub/internal/wire"
)

// Store is what the store worker is given: the two open files of one delivery,
// and no way to others.
type Store struct {
	Data    *os.File
	Slots   *os.File
	Handoff handoff.End
	Control *control.Conn
}

// Run checks the frames of the handoff and writes what they carry, tells the
// supervisor what became durable, and at the end that the stream is whole. It
// returns then, or with the reason why not, of which the supervisor was told.
func (s Store) Run() error {
	err := s.run()
	if err != nil && err != io.EOF {
		s.Control.Fail(err)
	}
	return err
}

func (s Store) run() error {
	m, err := s.Control.Receive()
	if err != nil {
		return err
	}
	fill, ok := m.(control.Fill)
	if !ok {
		return fmt.Errorf("store: the supervisor says %T instead of what to fill", m)
	}
	part, err := depot.OpenPart(disk.FromOS(s.Data), disk.FromOS(s.Slots), fill.Size)
	if err != nil {
		return err
	}
	defer part.Close()
	in, err := handoff.NewConsumer(s.Handoff)
	if err != nil {
		return err
	}
	go s.watch(in)
	if err := s.Control.Send(control.Ready{Offset: part.Offset()}); err != nil {
		return err
	}
	f := &filling{part: part, control: s.Control, appended: make(chan struct{}, 1), quit: make(chan struct{})}
	trailer, err := f.fill(in)
	if err != nil {
		return err
	}
	sum, err := part.Finish()
	if err != nil {
		return err
	}
	if sum != trailer.SHA256 {
		return reason.New(reason.DigestMismatch, "SHA-256 is %s here and %.64q at the source", sum, trailer.SHA256)
	}
	written, hashed := part.Effort()
	if err := s.Control.Send(control.Durable{Offset: part.Offset()}); err != nil {
		return err
	}
	return s.Control.Send(control.Whole{SHA256: sum, Size: part.Offset(), Frames: part.Frames(), Resumes: part.Resumes(), Written: written, Hashed: hashed})
}

// watch lets the worker go when the supervisor does. It ends with the process.
func (s Store) watch(in *handoff.Consumer) {
	for {
		if _, err := s.Control.Receive(); err != nil {
			in.Close()
			return
		}
	}
}

// filling is the way of the frames into the part: one goroutine takes and
// checks them, one writes and digests, one makes durable.
type filling struct {
	part     *depot.Part
	control  *control.Conn
	appended chan struct{} // has a value while enough for a sync has come
	quit     chan struct{}
}

// block is the source bytes of a frame.
type block struct {
	buf []byte
	n   int
}

// ahead is how many blocks may wait between checking and writing.
const ahead = 4

func (f *filling) fill(in *handoff.Consumer) (*frame.Trailer, error) {
	free, ready := make(chan *block, ahead), make(chan *block, ahead)
	for range ahead {
		free <- &block{buf: make([]byte, frame.SourceSize)}
	}
	var trailer *frame.Trailer
	var checked, written, synced error
	var wg sync.WaitGroup
	// Whoever fails closes the handoff, so that the others come to an end too.
	wg.Go(func() {
		defer close(ready)
		trailer, checked = f.check(in, free, ready)
	})
	wg.Go(func() {
		written = f.write(ready, free)
		if written != nil {
			in.Close()
			for b := range ready { // what was checked is not written any more
				free <- b
			}
		}
		close(f.quit)
	})
	wg.Go(func() {
		if synced = f.sync(); synced != nil {
			in.Close()
		}
	})
	wg.Wait()
	for _, err := range []error{written, synced, checked} {
		if err != nil {
			return nil, err
		}
	}
	return trailer, nil
}

// check takes frames from the handoff, in order and without gaps, until the
// final one.
func (f *filling) check(in *handoff.Consumer, free <-chan *block, ready chan<- *block) (*frame.Trailer, error) {
	member, next, d := make([]byte, handoff.SlotSize), f.part.Offset(), frame.NewDecoder()
	for {
		n, err := in.Receive(member)
		if err != nil {
			return nil, err
		}
		b := <-free
		h, src, trailer, err := d.Decode(member[:n], b.buf)
		if err != nil {
			return nil, err
		}
		if h.Offset != next {
			return nil, reason.New(reason.OffsetMismatch, "a frame at %d instead of %d", h.Offset, next)
		}
		if h.Final {
			return trailer, nil
		}
		next = h.Next()
		b.n = len(src)
		ready <- b
	}
}

func (f *filling) write(ready <-chan *block, free chan<- *block) error {
	due := f.part.Offset() + wire.AckBytes
	for b := range ready {
		if err := f.part.Append(b.buf[:b.n]); err != nil {
			return err
		}
		free <- b
		if at := f.part.Offset(); at >= due {
			due = at + wire.AckBytes
			select {
			case f.appended <- struct{}{}:
			default: // a sync is due already
			}
		}
	}
	return nil
}

// sync makes durable what was written, each wire.AckBytes or wire.AckEvery, and
// tells the supervisor.
func (f *filling) sync() error {
	every := time.NewTicker(wire.AckEvery)
	defer every.Stop()
	told := f.part.Offset()
	for {
		select {
		case <-f.quit:
			return nil
		case <-f.appended:
		case <-every.C:
		}
		if f.part.Offset() == told {
			continue
		}
		offset, err := f.part.Sync()
		if err != nil {
			return err
		}
		told = offset
		if err := f.control.Send(control.Durable{Offset: offset}); err != nil {
			return err
		}
		every.Reset(wire.AckEvery)
	}
}
