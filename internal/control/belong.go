package control

import (
	"time"

	"videoclub/internal/reason"
)

// Administrators alone may ask for what stands here, except for Login.
type (
	// Login shows the token of an account. A session is told it once.
	Login struct {
		Token string `json:"token"`
	}

	// AddReception asks for a reception to be added, or for a new code.
	AddReception struct {
		Name    string `json:"name"`
		Address string `json:"address,omitempty"` // HOST:PORT
		Link    int64  `json:"link,omitempty"`    // bytes a second
	}

	// ReceptionName names a reception, to be removed or checked.
	ReceptionName struct {
		Name string `json:"name"`
	}

	// AddAccount asks for an account to be made, or with Renew for a new login
	// link of one that is there.
	AddAccount struct {
		Name  string `json:"name"`
		Mail  string `json:"mail"`
		Admin bool   `json:"admin,omitempty"`
		Renew bool   `json:"renew,omitempty"`
	}

	// AccountName names an account, to be removed.
	AccountName struct {
		Name string `json:"name"`
	}
)

// PairingCode is a reception that was added: what is to be run there until when.
type PairingCode struct {
	Reception string    `json:"reception"`
	Address   string    `json:"address,omitempty"`
	Link      int64     `json:"link"`
	Code      string    `json:"code"` // a secret
	Expires   time.Time `json:"expires"`
	Again     bool      `json:"again"` // it was known before
}

// KnownReception is a reception as administrators see it.
type KnownReception struct {
	Name       string      `json:"name"`
	Address    string      `json:"address"`
	Link       int64       `json:"link"`
	Configured bool        `json:"configured"` // in the configuration; else it was added
	Identity   string      `json:"identity,omitempty"`
	Paired     time.Time   `json:"paired,omitzero"`
	Expires    time.Time   `json:"expires,omitzero"` // of the code that waits
	Reason     reason.Code `json:"reason,omitempty"` // why it waits
	Detail     string      `json:"detail,omitempty"`
	Free       *int64      `json:"free,omitempty"` // bytes that another delivery could have, as it last said; nil is not known
	Owed       int64       `json:"owed"`           // bytes that are promised and not there yet
	// Of its deliveries of the last 90 days: those deposited, and those in time.
	Deposited int `json:"deposited"`
	InTime    int `json:"in_time"`
}

// ReceptionPage is part of the list of receptions; More says that there are
// others.
type ReceptionPage struct {
	Receptions []KnownReception `json:"receptions"`
	More       bool             `json:"more"`
}

// What is looked at of a reception.
type What string

// What is looked at, in this order.
const (
	FoundName       What = "name"
	FoundConnection What = "connection"
	FoundIdentity   What = "identity"
	FoundClock      What = "clock"
	FoundSpace      What = "space"
	FoundRate       What = "rate"
)

// Finding is what was found of one thing. Of the values, those are set that
// belong to What.
type Finding struct {
	What      What        `json:"what"`
	OK        bool        `json:"ok"`
	Code      reason.Code `json:"reason,omitempty"`
	Detail    string      `json:"detail,omitempty"`
	Name      string      `json:"name,omitempty"`      // that was looked up, the address, or the identity
	Addresses []string    `json:"addresses,omitempty"` // of the name
	Ahead     int64       `json:"ahead_ms,omitempty"`  // the reception's clock
	Free      int64       `json:"free,omitempty"`
	Needed    int64       `json:"needed,omitempty"` // by what is promised
	Rate      int64       `json:"rate,omitempty"`   // measured
	Link      int64       `json:"link,omitempty"`   // configured
}

// Findings answers the question whether a reception is well.
type Findings struct {
	Findings []Finding `json:"findings"`
}

// KnownAccount is an account as administrators see it.
type KnownAccount struct {
	Name    string    `json:"name"`
	Mail    string    `json:"mail"`
	Admin   bool      `json:"admin"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen,omitzero"` // last login, to the minute
}

// AccountPage is part of the list of accounts; More says that there are others.
type AccountPage struct {
	Accounts []KnownAccount `json:"accounts"`
	More     bool           `json:"more"`
}

// MadeAccount is an account with its login link. Socket is where the
// administrator of this machine is answered without one.
type MadeAccount struct {
	KnownAccount
	Link   string `json:"link"` // a secret
	Socket string `json:"socket,omitempty"`
}

// Removed says what was removed; Stays that a reception is configured all the
// same.
type Removed struct {
	Name  string `json:"name"`
	Stays bool   `json:"stays,omitempty"`
}
