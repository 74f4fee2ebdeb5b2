package control

import "time"

// ChartQuery asks how full the uplink and the links are from one instant to
// another: of the receptions with names after After.
type ChartQuery struct {
	From  time.Time `json:"from,omitzero"` // zero is now
	To    time.Time `json:"to,omitzero"`   // zero is when all that is promised will be there
	After string    `json:"after"`
}

// ChartSteps is how many equal steps a chart divides its time into.
const ChartSteps = 96

// Chart is how full the uplink and the links are, in steps from From to To.
type Chart struct {
	Now    time.Time   `json:"now"`
	From   time.Time   `json:"from"`
	To     time.Time   `json:"to"`
	Uplink Lane        `json:"uplink"`
	Links  []LinkChart `json:"links"`
	More   bool        `json:"more"` // there are links after the last one
}

// Lane is what something carries, and what of it is reserved in each step on
// average, in bytes a second.
type Lane struct {
	Rate     int64   `json:"rate"`
	Reserved []int64 `json:"reserved"`
}

// LinkChart is the link to one reception. Slots are those that the caller may
// see; Reserved is for all. MoreSlots says that there are others.
type LinkChart struct {
	Reception string `json:"reception"`
	Lane
	Closed    []Shut `json:"closed,omitempty"` // by its windows
	Slots     []Slot `json:"slots,omitempty"`
	MoreSlots bool   `json:"more_slots,omitempty"`
}

// Shut is a time in which a link may not be used.
type Shut struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Slot is the reservation of one delivery.
type Slot struct {
	ID       int64     `json:"id"`
	Title    string    `json:"title"`
	State    string    `json:"state"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Deadline time.Time `json:"deadline"`
	AtRisk   bool      `json:"at_risk,omitempty"`
}
