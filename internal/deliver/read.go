// Package deliver has the two workers of the sender: read turns a source into
// frames, send puts frames on the connection and tells what was acknowledged.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"videoclub/internal/control"
	"videoclub/internal/digest"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
	"videoclub/internal/source"
)

// checkEvery is after how many frames the source is looked at for a change; it
// is looked at after the last one in any case.
const checkEvery = 64

// Reader is what the read worker is given.
type Reader struct {
	Source   *os.File
	Manifest *os.File // of a folder, which Source then is
	Marks    *os.File // of a recording, which Source then is the data of
	Index    *os.File // of it, too
	Proof    *os.File // of a folder: its proven manifest is written there; nil for none
	Base     *os.File // of a folder that shares files with an earlier delivery: that one's proven manifest
	Reuse    *os.File // and the list of what is shared
	Digests  *os.File // what outlives the worker of the running digest
	Handoff  handoff.End
	Control  *control.Conn
}

// Run reads the source from the offset that the supervisor names, digests and
// compresses it and hands the frames over in order. It returns when all is
// handed over, or with the reason why not, of which the supervisor was told.
func (r Reader) Run() error {
	err := r.run()
	if err != nil && err != io.EOF {
		r.Control.Fail(err)
	}
	return err
}

func (r Reader) run() error {
	out, err := handoff.NewProducer(r.Handoff)
	if err != nil {
		return err
	}
	begin, err := r.begin(out)
	if err != nil {
		return err
	}
	step := int64(frame.SourceSize)
	if begin.Live != nil {
		step = 0 // its frames have any length
	}
	notes, err := digest.Open(r.Digests, step)
	if err != nil {
		return err
	}
	if begin.Live != nil {
		return r.live(out, begin, notes)
	}
	src, sums, err := r.open(begin, notes)
	if err != nil {
		return err
	}
	if begin.Offset < 0 || begin.Offset > src.Size() {
		return reason.New(reason.OffsetMismatch, "the reception holds %d bytes of %d", begin.Offset, src.Size())
	}
	p := &pipeline{src: src, out: out, notes: notes, sums: sums}
	go r.watch(p)
	if err := p.sums.catchUp(begin); err != nil {
		return err
	}
	if err := p.pass(context.Background(), begin.Offset); err != nil {
		return err
	}
	// The bytes have been read; they are one version only if the source is
	// still the one that was promised.
	if err := src.OneVersion(); err != nil {
		return err
	}
	sum, err := p.sums.total()
	if err != nil {
		return err
	}
	if err := r.Control.Send(control.Sealed{SHA256: sum, Read: notes.Read, Hashed: notes.Hashed}); err != nil {
		return err
	}
	return p.finish(frame.Trailer{SHA256: sum, Frames: frame.Frames(src.Size())})
}

// begin waits to hear where to begin. Until then it hands over the manifest of
// a folder, if the other side has to be told.
func (r Reader) begin(out *handoff.Producer) (control.Begin, error) {
	for {
		m, err := r.Control.Receive()
		if err != nil {
			return control.Begin{}, err
		}
		switch m := m.(type) {
		case control.Begin:
			return m, nil
		case control.Describe:
			if r.Manifest == nil {
				return control.Begin{}, errors.New("read: a file has no manifest")
			}
			lists := []*os.File{r.Manifest}
			if m.Base && r.Base != nil {
				lists = append(lists, r.Base, r.Reuse)
			}
			for _, list := range lists {
				if err := describe(list, out); err != nil {
					return control.Begin{}, err
				}
			}
		default:
			return control.Begin{}, fmt.Errorf("read: the supervisor says %T instead of where to begin", m)
		}
	}
}

// stream is what is read: a file, the files of a folder, or a recording.
type stream interface {
	// Size is how long it is, as far as that is known.
	Size() int64
	// More waits until there is something at offset, and says up to where; io.EOF
	// when the stream ends there.
	More(ctx context.Context, offset int64) (upTo int64, err error)
	ReadAt(p []byte, offset int64) error
	Unchanged() error
	OneVersion() error
}

// summer digests a stream as it passes.
type summer interface {
	// catchUp brings the digest to the offset where the stream goes on.
	catchUp(begin control.Begin) error
	// take digests the bytes from offset on and gives the state to be noted,
	// nil where nothing is digested.
	take(b []byte, offset int64) (state []byte, err error)
	// total is the digest of the whole, in hex.
	total() (string, error)
}

func (r Reader) open(begin control.Begin, notes *digest.Notes) (stream, summer, error) {
	switch {
	case begin.Base:
		reuse, err := r.reuse()
		if err != nil {
			return nil, nil, err
		}
		return source.TakeFolder(r.Source, r.Manifest, reuse, begin.Size), knownSum(begin.Known), nil
	case r.Manifest != nil:
		src := source.TakeFolder(r.Source, r.Manifest, nil, begin.Size)
		return src, newFolderSum(src, r.Manifest, r.Proof, notes), nil
	}
	src, err := source.Take(r.Source, source.Facts{Size: begin.Size, MTime: begin.MTime})
	if err != nil {
		return nil, nil, err
	}
	return src, &fileSum{src: src, notes: notes, known: begin.Known}, nil
}

// watch lets the pipeline go when the supervisor does.
func (r Reader) watch(p *pipeline) {
	for {
		if _, err := r.Control.Receive(); err != nil {
			p.out.Close()
			return
		}
	}
}

// pipeline is the way of the source's bytes: one goroutine reads, one on each
// core compresses what that makes smaller, and one digests and hands over in
// order. What does not compress skips the second step: waking another core
// costs more than storing it.
type pipeline struct {
	src   stream
	out   *handoff.Producer
	notes *digest.Notes
	sums  summer
	skip  atomic.Int32 // frames that are still to be stored without trying
}

// skipped is how many frames are stored after one that compression did not make
// smaller. Video that is already encoded costs one trial in 16 frames this way.
const skipped = 15

// chunk is one frame under way.
type chunk struct {
	offset int64
	buf    []byte // the frame's source bytes
	slot   handoff.Slot
	member int           // length of the frame in slot
	coded  chan struct{} // has a value when member is set
}

// pass sends everything from offset to the end of the source through the
// pipeline. What does not grow is not waited for, whatever ctx is.
func (p *pipeline) pass(ctx context.Context, offset int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	// Enough to keep every core busy while one chunk waits for its turn.
	ahead := 2*workers + 2
	free := make(chan *chunk, ahead)
	for range ahead {
		free <- &chunk{buf: make([]byte, frame.SourceSize), coded: make(chan struct{}, 1)}
	}
	compress, order := make(chan *chunk, ahead), make(chan *chunk, ahead)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { p.compress(compress) })
	}
	var readErr error
	wg.Go(func() {
		defer close(compress)
		defer close(order)
		readErr = p.read(ctx, offset, free, compress, order)
	})
	err := p.handOver(order, free)
	cancel()
	if err != nil {
		p.out.Close() // the reader may wait for a slot
	}
	for range order { // let the reader end; its chunks are not handed over any more
	}
	wg.Wait()
	if err == nil {
		err = readErr
	}
	return err
}

func (p *pipeline) compress(todo <-chan *chunk) {
	e := frame.NewEncoder()
	for c := range todo {
		member, paid := e.Append(c.slot.Buf[:0], c.offset, c.buf)
		c.member = len(member)
		if !paid {
			p.skip.Store(skipped)
		}
		c.coded <- struct{}{}
	}
}

// read fills free chunks in order and passes them on.
func (p *pipeline) read(ctx context.Context, offset int64, free <-chan *chunk, compress, order chan<- *chunk) error {
	for n := 0; ; n++ {
		upTo, err := p.src.More(ctx, offset)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.offset = offset
		c.buf = c.buf[:min(frame.SourceSize, upTo-offset)]
		if err := p.src.ReadAt(c.buf, offset); err != nil {
			return err
		}
		if n%checkEvery == 0 {
			if err := p.src.Unchanged(); err != nil {
				return err
			}
		}
		// Taken here, in the stream's order: were it taken by who compresses,
		// later frames could hold all slots while an earlier one waits.
		if c.slot, err = p.out.Slot(); err != nil {
			return err
		}
		offset += int64(len(c.buf))
		if p.skip.Load() > 0 {
			p.skip.Add(-1)
			c.member = len(frame.AppendStored(c.slot.Buf[:0], c.offset, c.buf))
			c.coded <- struct{}{}
		} else {
			compress <- c
		}
		order <- c
	}
}

// handOver digests the frames and passes them on in order. The digest's state
// is noted before its frame leaves, so that it is there for every offset that
// can be acknowledged.
func (p *pipeline) handOver(order <-chan *chunk, free chan<- *chunk) error {
	for c := range order {
		state, err := p.sums.take(c.buf, c.offset)
		if err != nil {
			return err
		}
		if err := p.notes.Put(c.offset+int64(len(c.buf)), int64(len(c.buf)), state); err != nil {
			return err
		}
		<-c.coded
		if err := p.out.Send(c.slot, c.member); err != nil {
			return err
		}
		free <- c
	}
	return nil
}

// finish hands over the final frame and waits until the send worker has all.
func (p *pipeline) finish(t frame.Trailer) error {
	slot, err := p.out.Slot()
	if err != nil {
		return err
	}
	member, err := frame.AppendFinal(slot.Buf[:0], p.src.Size(), t)
	if err != nil {
		return err
	}
	if err := p.out.Send(slot, len(member)); err != nil {
		return err
	}
	return p.out.Finish()
}
