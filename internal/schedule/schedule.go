// Package schedule decides which deliveries can be promised, and when each of
// them is sent: promises, capacities over time, admission and the plan.
//
// It is pure. The clock, the network and the promises are arguments, and equal
// arguments give equal answers whatever their order.
//
// The model is fluid: any number of deliveries send at once, each at a rate
// that may change at any time, as long as the rates of all of them stay within
// the uplink of the central server, those to one reception within its link,
// and those of one delivery within its own maximum. A link carries nothing
// outside its windows. Inside, time is counted in whole milliseconds and a
// capacity is never rounded up.
//
// A promise for the very moment of a counter-offer has no laxity in the model.
// So promise and plan with a [Network] a few percent below what the lines
// carry, and lease with one that has it all: then progress runs ahead of the
// plan, and a slow minute, or a byte not yet counted, does not make it late.
package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// Horizon is how far ahead the room looks, counted from now. Nothing is
// promised beyond it, and a deadline beyond it counts as one at it.
const Horizon = 400 * 24 * time.Hour

// MaxRemaining is the largest number of bytes that one delivery may have left:
// 4 PB. Above it sums of byte-milliseconds would no longer fit in 64 bits.
const MaxRemaining int64 = 4e15

// maxRate bounds every rate inside for the same reason: 1 PB a second, far
// above any line. It also stands for "no maximum".
const maxRate int64 = 1e15

// Link is what lies between the central server and one reception.
type Link struct {
	// Rate is what the link carries while open; zero or less is nothing.
	Rate rate.Rate
	// Open gives the intervals within [from, to) in which the link may be
	// used, in any order; nil is always. It is asked for stretches between
	// now and now plus Horizon, on a refusal up to Horizon itself, and has
	// to give the same answer each time.
	Open func(from, to time.Time) []moment.Interval
}

// Network is what can be carried: the central server's uplink, shared by all,
// and the link of each reception by name.
type Network struct {
	Uplink rate.Rate
	Links  map[string]Link
}

// Job is a promise, or the request for one.
type Job struct {
	// ID tells jobs apart and orders promises: of two that cannot both be
	// kept, the one with the lower ID, promised earlier, is.
	ID int64
	// Link names the link in the Network. On one that is not there nothing
	// can be sent.
	Link string
	// Remaining is the bytes not yet durable at the reception; zero is done.
	// For a live source it is what is expected: pace times what is left of
	// its duration, and what was captured and is not there yet.
	Remaining int64
	// Pace is what the plan reserves while that keeps every promise: size
	// over duration. Zero is as slow as the deadline allows.
	Pace rate.Rate
	// MaxRate bounds the job's own rate; zero is no bound. A caller who sees
	// that a job cannot use its lease may set it to what was measured.
	MaxRate rate.Rate
	// Earliest is when sending may start; zero, or any time past, is now.
	Earliest time.Time
	// Deadline is when the last byte has to be there.
	Deadline time.Time
	// Until is when the last byte of a live source is captured; zero is a file,
	// which is all there. What is captured over time cannot be sent before: so
	// the job goes evenly from Earliest to then, what it is behind spread over
	// what is left, and its rate is kept free for it.
	Until time.Time
}

// Segment is a constant rate from an instant up to, not including, another.
type Segment struct {
	From, To time.Time
	Rate     rate.Rate
}

// Reservation is when and how fast one job is to be sent. Its segments are in
// order and do not overlap; they carry the job's remaining bytes, and at most
// a millisecond's worth more.
type Reservation struct {
	ID         int64
	Start, End time.Time // of the first and the last segment; equal for a job that is done
	Segments   []Segment
}

// RateAt is what is reserved at t.
func (r Reservation) RateAt(t time.Time) rate.Rate {
	i, exact := slices.BinarySearchFunc(r.Segments, t, func(s Segment, t time.Time) int { return s.From.Compare(t) })
	if !exact {
		i--
	}
	if i < 0 || !t.Before(r.Segments[i].To) {
		return 0
	}
	return r.Segments[i].Rate
}

// Plan holds a reservation for each job that can be carried within Horizon,
// in order of ID. The zero Plan is empty.
type Plan struct{ Reservations []Reservation }

// Reservation gives the reservation of job id.
func (p Plan) Reservation(id int64) (Reservation, bool) {
	i, ok := slices.BinarySearchFunc(p.Reservations, id, func(r Reservation, id int64) int {
		return cmp.Compare(r.ID, id)
	})
	if !ok {
		return Reservation{}, false
	}
	return p.Reservations[i], true
}

// Constraint names what keeps a request from being granted.
type Constraint string

// The constraints that this room knows. Space at the reception is not its
// business; whoever knows the disk names it.
const (
	// LinkBinds: the reception's link carries no more.
	LinkBinds Constraint = "link"
	// UplinkBinds: the central uplink carries no more.
	UplinkBinds Constraint = "uplink"
	// WindowBinds: were the link always open, the request would be granted.
	WindowBinds Constraint = "window"
	// MaxPaceBinds: the job's own maximum is too slow.
	MaxPaceBinds Constraint = "max_pace"
)

// Refusal is the error of a request that cannot be promised by its deadline.
// Its reason is reason.DeadlineTooSoon.
type Refusal struct {
	Asked    time.Time  // the deadline asked for
	Binding  Constraint // what binds most at that deadline
	Link     string     // the link asked for
	Earliest time.Time  // the earliest whole second that would be granted; zero if none within Horizon
}

func (r *Refusal) Error() string {
	head := fmt.Sprintf("it cannot be at %s by %s, bound by %s", r.Link, r.Asked.UTC().Format(time.RFC3339), r.Binding)
	if r.Earliest.IsZero() {
		return fmt.Sprintf("%s, nor at any time in the next %d days", head, Horizon/(24*time.Hour))
	}
	return head + "; the earliest is " + r.Earliest.Format(time.RFC3339)
}

// Unwrap gives the reason, for reason.Of.
func (r *Refusal) Unwrap() error { return reason.New(reason.DeadlineTooSoon, "") }

// Late is a promise that cannot be kept any more.
type Late struct {
	ID int64
	By time.Time // the whole second by which it can be there; zero if not within Horizon
}
