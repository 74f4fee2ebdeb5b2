package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"videoclub/internal/reason"
)

// leastScrape is how long a token of metrics is at least, in bytes.
const leastScrape = 16

// ScrapeToken is what who reads the metrics of a server from another machine has
// to show: chosen by the operator, and kept as its hash. The zero ScrapeToken lets
// nobody in.
type ScrapeToken struct {
	set  bool
	hash [sha256.Size]byte
}

// NewScrapeToken makes one of the operator's text.
func NewScrapeToken(text string) (ScrapeToken, error) {
	if len(text) < leastScrape {
		return ScrapeToken{}, fmt.Errorf("a token of %d bytes can be guessed: give at least %d, as openssl rand -hex 20 makes them", len(text), leastScrape)
	}
	return ScrapeToken{true, sha256.Sum256([]byte(text))}, nil
}

// Check refuses what is not the token, in a time that says nothing of it.
func (t ScrapeToken) Check(shown string) error {
	sum := sha256.Sum256([]byte(shown))
	switch {
	case !t.set:
		return reason.New(reason.NotPermitted, "metrics are for this machine alone, until metrics_token is set")
	case shown == "":
		return reason.New(reason.LoginNeeded, "metrics need the token of metrics_token, as Authorization: Bearer TOKEN")
	case subtle.ConstantTimeCompare(sum[:], t.hash[:]) != 1:
		return reason.New(reason.LoginInvalid, "that is not the token of metrics_token")
	}
	return nil
}
