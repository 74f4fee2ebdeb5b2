package record

import (
	"bytes"
	"runtime"
	"sync"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// spare and mostSpare are how many pictures may wait beyond those that are being
// encoded, and spareBytes what they may take: a machine that is busy with
// something else for a third of a second costs no picture.
const (
	spare, mostSpare = 4, 32
	spareBytes       = 16 << 20
)

// spares is how many may wait of a format.
func spares(f capture.Format) int {
	return max(spare, min(mostSpare, spareBytes/max(1, 2*f.Width*f.Height)))
}

// Press encodes pictures on all cores and passes them on in order.
type Press struct {
	free  chan *sheet
	todo  chan *sheet
	order chan *sheet
	all   sync.WaitGroup

	gap *capture.Gap // of Put's goroutine: before the next picture that is taken
}

// sheet is one picture on its way.
type sheet struct {
	packet Packet
	raw    []byte
	out    bytes.Buffer
	good   bool
	done   chan struct{} // has a value when it is encoded
}

// NewPress starts a press for pictures of a format. take is called for each
// picture, in order, by one goroutine; the packet's data is its own only until
// it returns.
func NewPress(f capture.Format, a *feed.Ask, take func(Packet)) *Press {
	cores := runtime.GOMAXPROCS(0)
	if f.Pixels == feed.MJPEG || a.Coding == feed.CodeRaw {
		cores = 1 // there is nothing to compute
	}
	n := cores + spares(f)
	p := &Press{free: make(chan *sheet, n), todo: make(chan *sheet, n), order: make(chan *sheet, n)}
	for range n {
		p.free <- &sheet{done: make(chan struct{}, 1)}
	}
	for range cores {
		p.all.Go(func() {
			c := newCoder(f, a)
			for s := range p.todo {
				s.out.Reset()
				s.good = c.code(&s.out, s.raw)
				s.done <- struct{}{}
			}
		})
	}
	p.all.Go(func() { p.deliver(take) })
	return p
}

// deliver passes the pictures on. One that could not be encoded is missing
// before the next.
func (p *Press) deliver(take func(Packet)) {
	damaged := int64(0)
	var gap *capture.Gap
	for s := range p.order {
		<-s.done
		if gap = merge(gap, s.packet.Gap); !s.good {
			damaged++
			gap = merge(gap, &capture.Gap{From: s.packet.At, To: s.packet.At, Lost: 1, Code: reason.DeviceFailed, Detail: "the device gave a damaged picture"})
		} else {
			packet := s.packet
			packet.Data, packet.Gap = s.out.Bytes(), gap
			if gap != nil {
				gap.To = packet.At
			}
			take(packet)
			gap = nil
		}
		p.free <- s
	}
}

// merge makes one gap of two that follow each other, whose reason is that of the
// one with more lost: a picture less before the camera is unplugged does not
// explain the seconds for which it is gone.
func merge(a, b *capture.Gap) *capture.Gap {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	why := a
	if b.Lost > a.Lost {
		why = b
	}
	return &capture.Gap{From: a.From, To: b.To, Lost: a.Lost + b.Lost, Code: why.Code, Detail: why.Detail}
}

// Put takes a picture over, which it copies, and the gap before it. It never
// waits: while all cores are busy and as many pictures wait as may, it is lost.
func (p *Press) Put(b capture.Buffer, gap *capture.Gap) {
	p.gap = merge(p.gap, gap)
	var s *sheet
	select {
	case s = <-p.free:
	default:
		p.gap = merge(p.gap, &capture.Gap{From: b.At, To: b.At, Lost: 1, Code: reason.DeviceOverrun, Detail: "encoding was too slow"})
		return
	}
	s.raw = append(s.raw[:0], b.Data...)
	s.packet = Packet{At: b.At, Sequence: b.Sequence, Frames: 1, Key: true, Gap: p.gap}
	p.gap = nil
	p.order <- s // there is room: it has as much as free
	p.todo <- s
}

// Close waits until all pictures are passed on.
func (p *Press) Close() {
	close(p.todo)
	close(p.order)
	p.all.Wait()
}
