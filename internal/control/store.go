package control

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// StoreQuery is what the session of a reception's console asks: exactly one of
// them is set.
type StoreQuery struct {
	Room     *RoomQuery  `json:"room,omitempty"`
	Shelf    *ShelfQuery `json:"shelf,omitempty"`
	Arriving *AfterKey   `json:"arriving,omitempty"`
	Show     *ShowKey    `json:"show,omitempty"`
	Open     *OpenQuery  `json:"open,omitempty"`
	Checked  *Checked    `json:"checked,omitempty"`
}

// StoreAnswer answers it.
type StoreAnswer struct {
	Room     *Room     `json:"room,omitempty"`
	Shelf    *Shelf    `json:"shelf,omitempty"`
	Arriving *Arriving `json:"arriving,omitempty"`
	Shown    *Shown    `json:"shown,omitempty"`
	Opened   bool      `json:"opened,omitempty"` // the file comes with it
	Done     bool      `json:"done,omitempty"`
}

// Bounds of what is asked, in bytes, and of the pages that answer.
const (
	maxStoreKey  = 40
	MaxSearch    = 200
	maxWithin    = 3072 // of a path in a folder (package manifest)
	ShelfSize    = 24   // deposits in one reply
	ArrivingSize = 24
	// maxShown bounds the texts of lists, which come from other machines.
	maxShown = 160
)

type (
	// RoomQuery asks for the space of the store.
	RoomQuery struct{}

	// ShelfQuery asks for deposits, the latest first, after the one with the key
	// Before; with a Search for those alone whose name or path has it.
	ShelfQuery struct {
		Before string `json:"before,omitempty"`
		Search string `json:"search,omitempty"`
	}

	// AfterKey asks for what is arriving, by key, after the one with the key After.
	AfterKey struct {
		After string `json:"after,omitempty"`
	}

	// ShowKey asks for one delivery, deposited or arriving.
	ShowKey struct {
		Key string `json:"key"`
	}

	// OpenQuery asks for a file, which comes with the answer, for reading.
	OpenQuery struct {
		Key    string `json:"key"`
		What   Piece  `json:"what"`
		Within string `json:"within,omitempty"` // of a file in a folder, as its list of digests has it
		// Check says that all of it is to be read, of which there may be few at once.
		Check bool `json:"check,omitempty"`
	}

	// Checked says what came of reading all of a deposit again.
	Checked struct {
		Key    string `json:"key"`
		Good   bool   `json:"good"`
		Broken bool   `json:"broken,omitempty"` // it did not come to its end
	}
)

// Piece says which file of a delivery is asked for.
type Piece string

// The files of a delivery.
const (
	OfDeposit  Piece = "deposit"  // what was deposited, or a file within it
	OfChecks   Piece = "checks"   // the list of the digests of a folder's files
	OfFolders  Piece = "folders"  // the folders below a folder, as they are now, each ended by a zero byte
	OfArriving Piece = "arriving" // what has come of a file so far
)

// Room is the space of a store, in bytes.
type Room struct {
	Free      int64 `json:"free"`
	Available int64 `json:"available"`
	Total     int64 `json:"total"`
	Quota     int64 `json:"quota"` // 0 is none
	Deposited int64 `json:"deposited"`
	Reserved  int64 `json:"reserved"`
	Deposits  int   `json:"deposits"`
	Arrivals  int   `json:"arrivals"`
}

// Shelved is a deposit in a list.
type Shelved struct {
	Key       string        `json:"key"`
	Name      string        `json:"name"`
	Title     int           `json:"title"`
	Size      int64         `json:"size"`
	Folder    bool          `json:"folder,omitempty"`
	Files     int           `json:"files,omitempty"`
	Live      bool          `json:"live,omitempty"`
	Gaps      int           `json:"gaps,omitempty"`
	Warnings  int           `json:"warnings,omitempty"`
	Duration  time.Duration `json:"duration,omitempty"`
	Promised  time.Time     `json:"promised,omitzero"`
	Deposited time.Time     `json:"deposited,omitzero"`
	Presence  string        `json:"presence"`
	Damaged   bool          `json:"damaged,omitempty"` // its receipt cannot be read
}

// Shelf is part of the list of deposits; More says that there are others.
type Shelf struct {
	Deposits []Shelved `json:"deposits"`
	More     bool      `json:"more"`
}

// Arrival is a delivery that is not deposited yet.
type Arrival struct {
	Key       string        `json:"key"`
	Name      string        `json:"name"`
	Title     int           `json:"title"`
	Extension string        `json:"extension,omitempty"`
	Size      int64         `json:"size"` // -1 of a live source
	Durable   int64         `json:"durable"`
	Written   int64         `json:"written"`
	Rate      int64         `json:"rate"` // bytes a second, measured; 0 is not known
	Resumes   int           `json:"resumes"`
	Frames    int64         `json:"frames"`
	Files     int           `json:"files,omitempty"`
	Folder    bool          `json:"folder,omitempty"`
	Receiving bool          `json:"receiving"`
	Duration  time.Duration `json:"duration,omitempty"`
	Promised  time.Time     `json:"promised,omitzero"`
	Began     time.Time     `json:"began"`
	Asked     time.Time     `json:"asked"`
}

// Arriving is part of the list of what is arriving; More says that there is more.
type Arriving struct {
	Arrivals []Arrival `json:"arrivals"`
	More     bool      `json:"more"`
}

// Shown is one delivery: deposited or arriving.
type Shown struct {
	Deposit *Shelved `json:"deposit,omitempty"`
	Path    string   `json:"path,omitempty"` // of the deposit in the store
	// Receipt is as it was signed; of a deposit whose receipt cannot be read there
	// is none. Receiver and ReceiptKey are this server's now.
	Receipt    json.RawMessage `json:"receipt,omitempty"`
	Receiver   string          `json:"receiver,omitempty"`
	ReceiptKey string          `json:"receipt_key,omitempty"`
	Check      *LastCheck      `json:"check,omitempty"`

	Arrival *Arrival `json:"arrival,omitempty"`
}

// LastCheck is what came of the last time that all of a deposit was read again.
type LastCheck struct {
	At   time.Time `json:"at"`
	Good bool      `json:"good"`
}

// Short cuts a text of another machine to what a list shows of it.
func Short(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// check says what a session would never ask.
func (q StoreQuery) check() error {
	asked := 0
	for _, set := range []bool{q.Room != nil, q.Shelf != nil, q.Arriving != nil, q.Show != nil, q.Open != nil, q.Checked != nil} {
		if set {
			asked++
		}
	}
	if asked != 1 {
		return fmt.Errorf("it asks a store for %d things at once", asked)
	}
	switch {
	case q.Shelf != nil:
		return all(short(maxStoreKey, "the key", q.Shelf.Before), short(MaxSearch, "the search", q.Shelf.Search))
	case q.Arriving != nil:
		return short(maxStoreKey, "the key", q.Arriving.After)
	case q.Show != nil:
		return short(maxStoreKey, "the key", q.Show.Key)
	case q.Open != nil:
		return all(short(maxStoreKey, "the key", q.Open.Key), short(maxStoreKey, "the file", string(q.Open.What)), short(maxWithin, "the path", q.Open.Within))
	case q.Checked != nil:
		return short(maxStoreKey, "the key", q.Checked.Key)
	}
	return nil
}
