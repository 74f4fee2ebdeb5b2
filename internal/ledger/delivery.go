package ledger

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"videoclub/internal/reason"
)

// State is where a delivery stands.
type State string

// The states. Promised, Sending and Verifying are active; the others are
// terminal: a delivery that has reached one never changes again.
const (
	Promised  State = "promised"  // admitted and planned; nothing has been sent
	Sending   State = "sending"   // an attempt is or was under way
	Verifying State = "verifying" // all is sent; the reception has not confirmed it
	Deposited State = "deposited" // whole, verified and published at the reception
	Failed    State = "failed"    // given up; Reason says why
	Cancelled State = "cancelled" // withdrawn by its owner or an administrator
)

// Running are the states that are active, and Over those that are terminal.
var (
	Running = []State{Promised, Sending, Verifying}
	Over    = []State{Deposited, Failed, Cancelled}
)

// Ended says whether s is terminal.
func (s State) Ended() bool { return s == Deposited || s == Failed || s == Cancelled }

// Bounds on what Promise takes, in bytes. They keep one request from swelling
// the ledger; the longest location is PATH_MAX of limits.h.
const (
	MaxKey  = 512  // Key, which may have a reception's name behind it, and Fingerprint
	MaxText = 4096 // every other text
)

// Bounds, in bytes, on what is noted later.
const (
	maxDetail      = 1000     // cut, because a peer may have written it
	maxDigestState = 1 << 10  // a SHA-256 in progress marshals to 108
	maxReceipt     = 64 << 10 // a message of the conversation
)

// Delivery is one title promised to one reception. Instants are kept in whole
// milliseconds, UTC; the zero time is none.
type Delivery struct {
	ID int64 // from 1, never used twice

	// What was asked. A key is unique within its account; Fingerprint stands
	// for all parameters of the request.
	Account, Key, Fingerprint string
	Title                     int
	Name, Location            string
	Reception, Address        string
	Mail, Language            string
	Requested                 time.Time
	Earliest, Deadline        time.Time

	// The source as it was when promised: this version is sent, or none.
	Size     int64  // bytes; -1 for a live source until it has ended
	MTime    int64  // ns since 1970 UTC
	Inode    uint64 // and once it was begun with, as it was then
	Duration time.Duration
	SHA256   string // lower-case hex; empty until it is known

	// Of a folder that shares files with an earlier delivery to the same
	// reception: that one's id, the digest of the list, and how many bytes are
	// not to be sent.
	Base   int64
	Reuse  string
	Shared int64

	// What was promised. Paces are bytes a second, 0 for none.
	Pace, MaxPace int64
	Start, End    time.Time // as planned

	// What has happened.
	State             State
	Reason            reason.Code // why it ended, or what holds it up; empty while all is well
	Detail            string
	Started, Finished time.Time
	Offset            int64  // durable at the reception, as last acknowledged
	DigestState       []byte // the sender's running SHA-256 at Offset; nil if unknown
	Resumes           int
	Sent              int64  // bytes of source in all attempts
	Receipt           []byte // JSON, as the reception signed it

	// How often the promise was noted as at risk, and when the delivery was
	// expected at the last of these; zero is not known.
	Warnings int
	Expected time.Time

	Live Live
}

// acceptable says whether d can be promised.
func (d *Delivery) acceptable() error {
	for _, field := range []struct {
		name, value string
		least, most int
	}{
		{"idempotency key", d.Key, 1, MaxKey}, {"fingerprint", d.Fingerprint, 1, MaxKey},
		{"account", d.Account, 0, MaxText}, {"name", d.Name, 0, MaxText}, {"location", d.Location, 0, MaxText},
		{"reception", d.Reception, 0, MaxText}, {"address", d.Address, 0, MaxText}, {"mail address", d.Mail, 0, MaxText},
		{"language", d.Language, 0, MaxText}, {"digest", d.SHA256, 0, MaxText}, {"list of what is shared", d.Reuse, 0, MaxText},
	} {
		switch n := len(field.value); {
		case n < field.least:
			return reason.New(reason.Usage, "the %s is empty", field.name)
		case n > field.most:
			return reason.New(reason.Usage, "the %s has %d bytes; at most %d are taken", field.name, n, field.most)
		}
	}
	switch {
	case d.Size < -1:
		return reason.New(reason.Usage, "a size of %d bytes is not possible", d.Size)
	case d.Shared < 0 || d.Shared > 0 && d.Shared > d.Size:
		return reason.New(reason.Internal, "%d bytes of %d are shared with an earlier version", d.Shared, d.Size)
	case d.Requested.IsZero():
		return reason.New(reason.Internal, "a promise without the instant of its request")
	}
	return nil
}

// deliveryColumns are the columns in the order of Delivery.fields.
const deliveryColumns = `id, account, request_key, fingerprint, title, name, location, reception, address, mail, language,
	requested, earliest, deadline, size, mtime_ns, inode, duration_ns, sha256, pace, max_pace, plan_start, plan_end,
	state, reason, detail, started, finished, durable, digest_state, resumes, sent, receipt, warnings, expected,
	base, reuse, shared, ` + liveColumns

// insertDelivery takes all fields but the id, which the database gives.
var insertDelivery = "INSERT INTO deliveries (" + strings.TrimPrefix(deliveryColumns, "id, ") + ") VALUES (?" +
	strings.Repeat(", ?", strings.Count(deliveryColumns, ",")-1) + ") RETURNING id"

// fields are where the columns go to and come from.
func (d *Delivery) fields() []any {
	return append([]any{
		&d.ID, &d.Account, &d.Key, &d.Fingerprint, &d.Title, &d.Name, &d.Location, &d.Reception, &d.Address, &d.Mail, &d.Language,
		(*instant)(&d.Requested), (*instant)(&d.Earliest), (*instant)(&d.Deadline),
		&d.Size, &d.MTime, (*inode)(&d.Inode), &d.Duration, &d.SHA256, &d.Pace, &d.MaxPace, (*instant)(&d.Start), (*instant)(&d.End),
		&d.State, &d.Reason, &d.Detail, (*instant)(&d.Started), (*instant)(&d.Finished),
		&d.Offset, &d.DigestState, &d.Resumes, &d.Sent, &d.Receipt,
		&d.Warnings, (*instant)(&d.Expected),
		&d.Base, &d.Reuse, &d.Shared,
	}, d.Live.fields()...)
}

// instant is a time in a column of whole milliseconds since 1970 UTC, of which
// 0 is none. Whole numbers sort, and mean the same in every database.
type instant time.Time

// Value rounds down to the millisecond.
func (i *instant) Value() (driver.Value, error) { return millis(time.Time(*i)), nil }

// Scan is the inverse of Value, in UTC. What is outside the years that RFC 3339 can
// write is read as the nearest that it can: earlier versions promised deadlines of
// the year 10000, and a delivery that cannot be written down cannot be listed,
// offered or mailed.
func (i *instant) Scan(column any) error {
	ms, ok := column.(int64)
	if !ok {
		return fmt.Errorf("an instant of type %T", column)
	}
	*i = instant{}
	if ms != 0 {
		*i = instant(time.UnixMilli(min(max(ms, firstInstant), lastInstant)).UTC())
	}
	return nil
}

// firstInstant and lastInstant are the ends of the years that RFC 3339 can write,
// in milliseconds since 1970: the zero time, which is none, and the last second of
// the year 9999.
var (
	firstInstant = time.Time{}.UnixMilli()
	lastInstant  = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC).UnixMilli()
)

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// inode keeps all 64 bits in a column that is signed.
type inode uint64

// Value gives the same bits, signed.
func (n *inode) Value() (driver.Value, error) { return int64(*n), nil }

// Scan is the inverse of Value.
func (n *inode) Scan(column any) error {
	bits, ok := column.(int64)
	if !ok {
		return fmt.Errorf("an inode of type %T", column)
	}
	*n = inode(bits)
	return nil
}

// brief cuts a detail to its bound at a character, and makes it valid UTF-8.
func brief(detail string) string {
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	return strings.ToValidUTF8(detail, "")
}
