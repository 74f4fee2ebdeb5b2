package depot

import (
	"fmt"
	"strconv"
	"strings"

	"videoclub/internal/reason"
)

// Key names a delivery in the depot of a reception server.
type Key struct {
	// Central is the first 8 hex digits of the central server's identity.
	Central string
	// ID is the number of the delivery there, from 1.
	ID int64
}

// ParseKey reads the text form of a key: 8 lower-case hex digits, '-', and a
// number without leading zeros.
func ParseKey(s string) (Key, error) {
	central, number, _ := strings.Cut(s, "-")
	id, err := strconv.ParseInt(number, 10, 64)
	k := Key{Central: central, ID: id}
	if err != nil || k.check() != nil || k.String() != s {
		return Key{}, fmt.Errorf("%.40q is not the key of a delivery", s)
	}
	return k, nil
}

// String is the text form, also the name of the delivery's directory.
func (k Key) String() string { return k.Central + "-" + strconv.FormatInt(k.ID, 10) }

// check keeps a path from being made of anything else than a key.
func (k Key) check() error {
	ok := len(k.Central) == 8 && k.ID > 0
	for _, c := range []byte(k.Central) {
		ok = ok && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f')
	}
	if !ok {
		return reason.New(reason.Internal, "%.20q and %d do not make the key of a delivery", k.Central, k.ID)
	}
	return nil
}
