package control

import "time"

// Digest says how far the digest of a title's source is.
type Digest string

// What there is to say of a digest.
const (
	DigestKnown     Digest = "known"
	DigestComputing Digest = "computing" // Hashed bytes so far
	DigestWaiting   Digest = "waiting"   // for its turn
	DigestNone      Digest = "none"      // its first delivery will compute it
)

// Kind is what a title is to people, by the name of its source.
type Kind string

// The kinds.
const (
	KindVideo   Kind = "video"
	KindSound   Kind = "sound"
	KindPicture Kind = "picture"
	KindFolder  Kind = "folder"
	KindLive    Kind = "live"
)

// TitleSource is what administrators see of a title.
type TitleSource struct {
	Location string `json:"location"` // as it stands in the file of titles
	Size     int64  `json:"size"`     // bytes; -1 where it cannot be read, or was not looked through
	Folder   bool   `json:"folder,omitempty"`
	Digest   Digest `json:"digest"`
	Hashed   int64  `json:"hashed,omitempty"`
	SHA256   string `json:"sha256,omitempty"`
	Problem  string `json:"problem,omitempty"` // why it cannot be delivered
}

// AddTitle asks for a new title. Administrators alone may.
type AddTitle struct {
	Number      int    `json:"number,omitempty"` // 0: the next one
	Name        string `json:"name"`
	Location    string `json:"location"`
	Description string `json:"description,omitempty"`
	Duration    int64  `json:"duration_ms,omitempty"` // 0: as its source says
}

// RemoveTitle asks for the end of a title; with Force, also where a promise
// depends on it, whose delivery is then cancelled. Administrators alone may.
type RemoveTitle struct {
	Number int  `json:"number"`
	Force  bool `json:"force"`
}

// MaxListed bounds the lists of a TitleChange.
const MaxListed = 100

// TitleChange says what became of a title that was added or removed.
type TitleChange struct {
	Title Title `json:"title"`
	// Same are other titles of the same location, Cancelled the deliveries
	// that were withdrawn; of each at most MaxListed.
	Same      []int   `json:"same_location,omitempty"`
	Cancelled []int64 `json:"cancelled,omitempty"`
}

// SeeQuery asks what is to be seen of a title. With Film, where it is a live source
// that is not captured now, it is for a moment: administrators alone may.
type SeeQuery struct {
	Number int  `json:"number"`
	Film   bool `json:"film,omitempty"`
}

// Seen answers it. Version is another when the rest is.
type Seen struct {
	Sight
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since,omitzero"` // since when a live source is captured; zero where it is not
}
