package record

import (
	"sync"

	"videoclub/internal/capture"
	"videoclub/internal/handoff"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// Outlet passes a device's packets on to one recorder, without ever waiting for
// it: what finds no room is lost. It is for one goroutine at a time.
type Outlet struct {
	producer *handoff.Producer
	gap      *capture.Gap // before the next that finds room
	begun    bool
}

// NewOutlet takes over the producer's end of a handoff, and says first how the
// packets to come are kept.
func NewOutlet(p *handoff.Producer, t matroska.Track) (*Outlet, error) {
	o := &Outlet{producer: p}
	_, err := o.say(Message{Track: &t})
	return o, err
}

// say says a message, or not, where there is no room.
func (o *Outlet) say(m Message) (bool, error) {
	s, some, err := o.producer.TrySlot()
	if err != nil || !some {
		return false, err
	}
	b, err := m.Append(s.Buf[:0])
	if err != nil {
		return false, err
	}
	// What has more bytes than a slot is somewhere else now.
	return true, o.producer.Send(s, len(b))
}

// Put passes a packet on. The error is that the recorder has gone.
func (o *Outlet) Put(p Packet) error {
	if !o.begun {
		o.begun, p.Gap = true, nil // that was before
	}
	o.gap = merge(o.gap, p.Gap)
	if p.Gap = o.gap; p.Gap != nil {
		p.Gap.To = p.At
	}
	lost := &capture.Gap{From: p.At, To: p.At, Lost: p.Frames, Code: reason.DeviceOverrun, Detail: "the recorder was too slow"}
	if Overhead+len(p.Data) > o.producer.Room() {
		lost.Code, lost.Detail = reason.DeviceFailed, "the device gave more at once than it can"
		o.gap = merge(o.gap, lost)
		return nil
	}
	said, err := o.say(Message{Packet: &p})
	if said {
		o.gap = nil
	} else {
		o.gap = merge(o.gap, lost)
	}
	return err
}

// End says what is missing at the end, if anything, and ends the handoff once
// the recorder has taken all.
func (o *Outlet) End(missing *capture.Gap) error {
	defer o.producer.Unmap()
	defer o.producer.Close()
	s, err := o.producer.Slot()
	if err != nil {
		return err
	}
	b, err := Message{Missing: merge(o.gap, missing)}.Append(s.Buf[:0])
	if err == nil {
		err = o.producer.Send(s, len(b))
	}
	if err == nil {
		err = o.producer.Finish()
	}
	return err
}

// Cut ends the handoff at once.
func (o *Outlet) Cut() {
	o.producer.Close()
	o.producer.Unmap()
}

// Inlet takes what an Outlet passes on, for one track of a recorder at a time.
type Inlet struct {
	consumer *handoff.Consumer
	buf      []byte
	cut      sync.Once
}

// NewInlet takes over the consumer's end of a handoff of that shape.
func NewInlet(c *handoff.Consumer, s handoff.Shape) *Inlet {
	return &Inlet{consumer: c, buf: make([]byte, s.Size)}
}

// Next waits for a message, whose bytes are valid until the next call. The error
// is io.EOF once who captures has gone.
func (i *Inlet) Next() (Message, error) {
	n, err := i.consumer.Receive(i.buf)
	if err != nil {
		return Message{}, err
	}
	return ParseMessage(i.buf[:n])
}

// Cut lets go who waits in Next.
func (i *Inlet) Cut() { i.cut.Do(i.consumer.Close) }

// Close gives the memory back, when nobody is in Next.
func (i *Inlet) Close() {
	i.Cut()
	i.consumer.Unmap()
}
