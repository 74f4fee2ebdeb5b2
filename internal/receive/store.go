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
// or a folder's own directory, and no way to others.
type Store struct {
	Data    *os.File
	Slots   *os.File
	Folder  *os.File // instead of both, for a folder
	Base    *os.File // the folder with which that may share files; nil is none
	Handoff handoff.End
	Control *control.Conn

	growing bool // the source is live
}

// part is what becomes of the stream: a depot.Part or a depot.Folder.
type part interface {
	Append(frame []byte) error
	Sync() (offset int64, err error)
	Offset() int64
	Frames() int64
	Resumes() int
	Effort() (written, hashed int64)
	Close()
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
	in, err := handoff.NewConsumer(s.Handoff)
	if err != nil {
		return err
	}
	go s.watch(in)
	if s.Folder != nil {
		return s.folder(in, fill)
	}
	if fill.Size < 0 {
		return s.live(in)
	}
	part, err := depot.OpenPart(disk.FromOS(s.Data), disk.FromOS(s.Slots), fill.Size)
	if err != nil {
		return err
	}
	defer part.Close()
	trailer, err := s.take(in, part)
	if err != nil {
		return err
	}
	sum, err := part.Finish()
	if err != nil {
		return err
	}
	return s.whole(part, trailer, control.Whole{SHA256: sum, Size: part.Offset()})
}

// take says where the part goes on and fills it with what then comes.
func (s Store) take(in *handoff.Consumer, p part) (*frame.Trailer, error) {
	folder, _ := p.(*depot.Folder)
	based := folder != nil && folder.Based()
	if err := s.Control.Send(control.Ready{Offset: p.Offset(), Base: based}); err != nil {
		return nil, err
	}
	f := &filling{part: p, control: s.Control, every: wire.AckEvery, appended: make(chan struct{}, 1), quit: make(chan struct{})}
	if live, ok := p.(*depot.Part); ok && s.growing {
		f.every, f.ends = wire.LiveAckEvery, live.Ends
	}
	return f.fill(in)
}

// same compares the digests of the stream at both ends.
func same(sum string, trailer *frame.Trailer) error {
	if sum != trailer.SHA256 {
		return reason.New(reason.DigestMismatch, "SHA-256 is %s here and %.64q at the source", sum, trailer.SHA256)
	}
	return nil
}

// whole compares the digests and tells the supervisor that all is there.
func (s Store) whole(p part, trailer *frame.Trailer, m control.Whole) error {
	sum := m.SHA256
	if s.growing {
		sum = m.Stream
	}
	if err := same(sum, trailer); err != nil {
		return err
	}
	m.Frames, m.Resumes = p.Frames(), p.Resumes()
	m.Written, m.Hashed = p.Effort()
	if err := s.Control.Send(control.Durable{Offset: p.Offset()}); err != nil {
		return err
	}
	return s.Control.Send(m)
}

// folder is run for a folder.
func (s Store) folder(in *handoff.Consumer, fill control.Fill) error {
	plan := depot.Plan{
		Size: fill.Size, Files: fill.Files, Manifest: fill.Manifest, ManifestSHA256: fill.ManifestSHA256, Name: fill.Name,
	}
	if fill.Shared > 0 {
		plan.Base = &depot.Base{
			Proven: fill.BaseProven, SHA256: fill.BaseSHA256, Facts: fill.BaseFacts, Reuse: fill.Reuse, ReuseSHA256: fill.ReuseSHA256, Shared: fill.Shared,
		}
		if s.Base != nil {
			base := disk.FromDir(s.Base)
			defer base.Close()
			plan.Base.Dir = base
		}
	}
	dir := disk.FromDir(s.Folder)
	defer dir.Close()
	part, err := depot.OpenFolder(dir, plan)
	if err != nil {
		return err
	}
	defer part.Close()
	if !part.Described() {
		left := plan.Manifest
		if part.Shares() {
			left += plan.Base.Proven + plan.Base.Reuse
		}
		if err := s.Control.Send(control.Describe{Base: part.Shares()}); err != nil {
			return err
		}
		if err := part.Describe(&manifestReader{in: in, left: left}); err != nil {
			return err
		}
	}
	if err := part.Start(); err != nil {
		return err
	}
	// What is shared is copied while the rest comes.
	shared := make(chan error, 1)
	go func() {
		err := part.Share()
		if err != nil {
			in.Close() // no more is taken
		}
		shared <- err
	}()
	alive := func() { s.Control.Send(control.Durable{Offset: part.Offset()}) }
	trailer, err := s.take(in, part)
	if err != nil {
		part.Close() // lets the copying end
		if why := <-shared; why != nil && err == io.EOF {
			err = why
		}
		return err
	}
	if err := await(shared, alive); err != nil {
		return err
	}
	done, err := part.Finish(alive)
	if err != nil {
		return err
	}
	return s.whole(part, trailer, control.Whole{SHA256: done.SHA256, Size: fill.Size, Facts: done.Facts, Warnings: done.Warnings})
}

// await waits for the end of what takes its time, and says now and then that
// this side is alive.
func await(end <-chan error, alive func()) error {
	every := time.NewTicker(wire.AckEvery)
	defer every.Stop()
	for {
		select {
		case err := <-end:
			return err
		case <-every.C:
			alive()
		}
	}
}

// manifestReader gives the manifest that comes by the handoff before the frames.
type manifestReader struct {
	in   *handoff.Consumer
	left int64
	buf  []byte // what was taken and not yet read
	all  []byte // where it lies
}

func (m *manifestReader) Read(p []byte) (int, error) {
	if len(m.buf) == 0 {
		if m.left == 0 {
			return 0, io.EOF
		}
		if m.all == nil {
			m.all = make([]byte, handoff.SlotSize)
		}
		n, err := m.in.Receive(m.all)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // the receive worker has gone
		}
		if err != nil {
			return 0, err
		}
		if int64(n) > m.left {
			return 0, reason.New(reason.Protocol, "the manifest is longer than was offered")
		}
		m.left -= int64(n)
		m.buf = m.all[:n]
	}
	n := copy(p, m.buf)
	m.buf = m.buf[n:]
	return n, nil
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
	part     part
	control  *control.Conn
	every    time.Duration // what was written is made durable
	ends     func() bool   // or at once, where this is so; nil is never
	appended chan struct{} // has a value while there is enough for a sync
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
		if at := f.part.Offset(); at >= due || f.ends != nil && f.ends() {
			due = at + wire.AckBytes
			select {
			case f.appended <- struct{}{}:
			default: // a sync is due already
			}
		}
	}
	return nil
}

// sync makes durable what was written, each wire.AckBytes or every so often, and
// tells the supervisor.
func (f *filling) sync() error {
	every := time.NewTicker(f.every)
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
		every.Reset(f.every)
	}
}
