// Package letter is the mail that people get: what it says in their language,
// and its form as a message of RFC 5322. It takes values and gives bytes.
package letter

import (
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// Kind says what a letter tells of.
type Kind string

// The kinds of letter.
const (
	Deposited Kind = "deposited" // the title has arrived
	Failed    Kind = "failed"    // it was given up
	Broken    Kind = "broken"    // it will be there later than promised
)

// MaxSize bounds a message, in bytes. One whose receipt would not fit goes
// without it.
const MaxSize = 64 << 10

// maxText is how much of a name or detail is written, in bytes.
const maxText = 1024

// Letter is what a letter is made of. Texts may hold anything: what would steer
// a header, a terminal or the direction of the writing becomes a space.
type Letter struct {
	Kind     Kind
	Language string // "es", or English for anything else
	Zone     *time.Location

	// From and To are addresses that mailbox.Check accepts; MessageID has its
	// angle brackets. Date is when the letter came to be, not when it is sent,
	// so that it is the same at every attempt.
	From, To  string
	MessageID string
	Date      time.Time

	Delivery        int64
	Name, Reception string
	Promised        time.Time // the deadline

	Receipt     *receipt.Receipt // of Deposited
	ReceiptJSON []byte           // as it was signed, which is attached

	Reason reason.Code // of Failed: why
	Detail string

	Expected time.Time // of Broken: the new time; zero is not known
}

// Subject is the sentence that the letter brings: its subject and first line.
func (l *Letter) Subject() string {
	return fill(wordsIn(l.Language).subject[l.Kind], plain(l.Name), plain(l.Reception))
}

// Message gives the letter as it is sent: lines end with CRLF and have at most
// 78 characters, but for an address that is longer. Equal letters give equal
// messages. It fails for addresses that mailbox.Check does not accept.
func (l *Letter) Message() ([]byte, error) {
	message, err := l.compose(l.ReceiptJSON)
	if err == nil && len(message) > MaxSize {
		message, err = l.compose(nil)
	}
	return message, err
}
