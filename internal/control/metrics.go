package control

import "fmt"

// MaxSamples is the most samples in one reply, so that it stays within MaxMessage
// whatever their labels are.
const MaxSamples = 250

// MetricsQuery asks for what the server counts. Where the console is open to
// other machines, Token has to be the one that is configured. After is the last
// reception of the reply before.
type MetricsQuery struct {
	Token string `json:"token,omitempty"`
	After string `json:"after,omitempty"`
}

// Metrics is part of what a server counts; More says that there is more after
// the last reception.
type Metrics struct {
	Samples []Sample `json:"samples"`
	After   string   `json:"after,omitempty"`
	More    bool     `json:"more,omitempty"`
}

// Sample is a number, by its name in package metrics, and which one of several it
// is.
type Sample struct {
	Name  string  `json:"name"`
	Label string  `json:"label,omitempty"`
	Value float64 `json:"value"`
}

// maxToken bounds what is shown as a token, in bytes.
const maxToken = 1 << 10

func (q MetricsQuery) check() error {
	if len(q.Token) > maxToken || len(q.After) > maxHost {
		return fmt.Errorf("a token of %d bytes, or a reception's name of %d", len(q.Token), len(q.After))
	}
	return nil
}
