package control

import "time"

// MaxFollowed is the most deliveries that can be followed by their ids.
const MaxFollowed = 32

// NewsQuery asks for the deliveries that have changed after the revision After: of
// IDs, or without any of all that the caller may see. With Wait it is answered as
// soon as there is one, or when Wait is over.
type NewsQuery struct {
	After int64         `json:"after"` // 0 is all that have not ended, and all of IDs
	IDs   []int64       `json:"ids,omitempty"`
	Wait  time.Duration `json:"wait"`
}

// Change is a delivery as it stands, and the revision of its latest change. They
// rise through all deliveries of a server.
type Change struct {
	Revision int64    `json:"revision"`
	Delivery Delivery `json:"delivery"`
}

// News answers a NewsQuery, in the order of the revisions. What has changed after
// After is known when it is asked again with After; More says that something has
// already.
type News struct {
	Changes []Change `json:"changes"`
	After   int64    `json:"after"`
	More    bool     `json:"more"`
}
