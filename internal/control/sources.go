package control

import "videoclub/internal/reason"

// SourceKind is what a live source is.
type SourceKind string

// The kinds of live sources.
const (
	SourceCamera     SourceKind = "camera"
	SourceMicrophone SourceKind = "microphone"
	SourcePattern    SourceKind = "pattern"
	SourceTone       SourceKind = "tone"
)

// SourcesQuery asks which live sources the server has. Administrators alone may.
type SourcesQuery struct{}

// Range is from the least to the most that there can be.
type Range struct {
	Least int `json:"least"`
	Most  int `json:"most"`
}

// LiveSource is a camera, a microphone, or what the program makes.
type LiveSource struct {
	// Location is how a title names it, by a name that stays if there is one;
	// Node is its path now.
	Location string     `json:"location"`
	Node     string     `json:"node,omitempty"`
	Kind     SourceKind `json:"kind"`
	Name     string     `json:"name,omitempty"` // what its driver calls it

	// What it can do.
	Shapes      []DeviceShape `json:"forms,omitempty"`
	SampleRates *Range        `json:"rates,omitempty"`
	Channels    *Range        `json:"channels,omitempty"`
	Bits        []int         `json:"bits,omitempty"`

	// Titles are those for which it is captured now, and Gives what it gives
	// them.
	Titles []string `json:"titles,omitempty"`
	Gives  string   `json:"gives,omitempty"`

	Reason  reason.Code `json:"reason,omitempty"` // why it cannot be captured now
	Problem string      `json:"problem,omitempty"`
}

// SourceList answers a SourcesQuery.
type SourceList struct {
	Sources []LiveSource `json:"sources"`
}
