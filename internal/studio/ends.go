package studio

import (
	"videoclub/internal/control"
	"videoclub/internal/handoff"
	"videoclub/internal/reason"
)

// refusal is an error that came by control.
func refusal(code reason.Code, detail string) error { return reason.New(code, "%s", detail) }

// A handoff of packets has room for a second and more of what is usual. Its
// memory is taken only as it is used.
const (
	fewSlots, mostSlots = 16, 128
	leastSlot           = 64 << 10
	ringBytes           = 32 << 20
	page                = 4096
)

// shapeFor is the shape of a handoff of packets that have at most so many bytes
// with all that goes with them.
func shapeFor(largest int) handoff.Shape {
	size := (max(largest, leastSlot) + page - 1) / page * page
	return handoff.Shape{Slots: min(max(ringBytes/size, fewSlots), mostSlots), Size: size}
}

// takeEnd takes the two descriptors of a handoff's end, after Attach.
func takeEnd(c *control.Conn) (handoff.End, error) {
	ring, err := c.Take()
	if err != nil {
		return handoff.End{}, err
	}
	wake, err := c.Take()
	if err != nil {
		ring.Close()
		return handoff.End{}, err
	}
	return handoff.End{Ring: ring, Wake: wake}, nil
}

func producer(c *control.Conn, m control.Attach) (*handoff.Producer, error) {
	e, err := takeEnd(c)
	if err != nil {
		return nil, err
	}
	p, err := handoff.Shape{Slots: m.Slots, Size: m.Size}.Producer(e)
	if err != nil {
		e.Close()
	}
	return p, err
}

func consumer(c *control.Conn, m control.Attach) (*handoff.Consumer, error) {
	e, err := takeEnd(c)
	if err != nil {
		return nil, err
	}
	s, err := handoff.Shape{Slots: m.Slots, Size: m.Size}.Consumer(e)
	if err != nil {
		e.Close()
	}
	return s, err
}
