package control

import (
	"time"
)

// ReplaceTitle gives a title another source, its number, name and description
// staying as they are. Administrators alone may.
type ReplaceTitle struct {
	Number   int    `json:"number"`
	Location string `json:"location"`
	Duration int64  `json:"duration_ms,omitempty"` // 0: as its source says
}

// OlderQuery asks which receptions hold an earlier version of a title, or await
// one, with names after After. Administrators alone may.
type OlderQuery struct {
	Number int    `json:"number"`
	After  string `json:"after"`
}

// OlderPage answers it; More says that there are receptions after the last one.
type OlderPage struct {
	Deliveries []Older `json:"deliveries"`
	More       bool    `json:"more"`
}

// Older is a delivery of an earlier version, deposited or on its way.
type Older struct {
	Delivery
	Location string `json:"location"` // of that version
	Present  bool   `json:"present"`  // its source is still as it was promised
}

// Redeliver asks for the version of a title that is there now, at receptions, in
// the place of earlier ones that have not arrived. Administrators alone may.
type Redeliver struct {
	Key        string    `json:"key"` // idempotency key
	Number     int       `json:"number"`
	Receptions []string  `json:"receptions"`
	By         time.Time `json:"by,omitzero"`
	ByEarliest bool      `json:"by_earliest"` // instead of By: as early as can be promised, for each
}

// Comparing answers a Redeliver that cannot be promised yet: the new version is
// read first, to be compared with the earlier one.
type Comparing struct {
	Hashed int64 `json:"hashed"` // bytes so far
	Size   int64 `json:"size"`
}
