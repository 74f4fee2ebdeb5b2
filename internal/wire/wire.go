// Package wire is the conversation around the frames: one JSON object a line,
// at most 64 KiB (docs/PROTOCOL.md, section 3). The sender says hello and then
// offer or withdraw; the receiver answers accept, deposited, refused or
// withdrawn, or asks first for a folder's manifest. After an accept, frames go one way and ack, deposited or refused
// come back.
package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

const (
	// ALPN names the protocol in the TLS handshake (RFC 7301).
	ALPN = "vctp/1"

	// Version is the version of the conversation that hello states. A receiver
	// refuses another one; fields that it does not know are ignored.
	Version = 1

	// MaxLine bounds a message, its newline included.
	MaxLine = 64 << 10

	// Window is the most that may be sent beyond the last acknowledged
	// offset, in source bytes.
	Window = 64 << 20

	// AckBytes and AckEvery say when the receiver makes what arrived durable and
	// acknowledges it: whichever is reached first.
	AckBytes = 16 << 20
	AckEvery = time.Second

	// LiveAckEvery is AckEvery of a live source, of which besides each cluster is
	// made durable as soon as it is whole.
	LiveAckEvery = 100 * time.Millisecond

	// KeepAlive is how often the receiver repeats its last ack while there is
	// no news, so that a slow disk is told from a dead network. It is half of
	// the shortest silence that can be configured.
	KeepAlive = 500 * time.Millisecond
)

// Message is one of the types below.
type Message interface {
	kind() string
	check() error
}

// Hello is the first message of a connection.
type Hello struct {
	Version int    `json:"version"`
	Program string `json:"program"` // for the log alone
}

// Offer asks the receiver to take a title. ID is the sender's own number for
// the delivery; with the sender's identity, which TLS has proved, it names the
// delivery for ever.
type Offer struct {
	ID        int64     `json:"id"`
	Title     int       `json:"title"`
	Name      string    `json:"name"`             // of the title, for people; the receiver makes a safe file name of it
	Extension string    `json:"extension"`        // of the source, such as ".mp4", or ""
	Reception string    `json:"reception"`        // the name under which the receiver was asked for
	Size      int64     `json:"size"`             // -1 of a live source, which has none yet
	MTime     int64     `json:"mtime_ns"`         // of the source, nanoseconds since 1970; of a live one, when its first picture was captured
	SHA256    string    `json:"sha256,omitempty"` // of the source when known, lower-case hex
	Duration  int64     `json:"duration_ms"`
	Pace      int64     `json:"pace"` // bytes a second that the promise reserves
	Promised  time.Time `json:"promised"`

	// Of a folder: how long its manifest is, in bytes, and its SHA-256; and how
	// many files it has. MTime is then the version that follows from the manifest.
	Manifest       int64  `json:"manifest_size,omitempty"`
	ManifestSHA256 string `json:"manifest_sha256,omitempty"`
	Files          int    `json:"files,omitempty"`

	// Of a live source: how many bytes it is thought to come to.
	Expected int64 `json:"expected,omitempty"`

	// Of a folder that shares files with an earlier delivery of the sender, the
	// base: its number, how long its proven manifest is, and the list of what is
	// shared, in bytes, that list's SHA-256, and how many bytes of the folder
	// that is.
	Base        int64  `json:"base,omitempty"`
	BaseProven  int64  `json:"base_manifest_size,omitempty"`
	Reuse       int64  `json:"reuse_size,omitempty"`
	ReuseSHA256 string `json:"reuse_sha256,omitempty"`
	Shared      int64  `json:"shared,omitempty"`
}

// Live says whether a live source is offered.
func (m Offer) Live() bool { return m.Size < 0 }

// Describe asks for the manifest of the folder that was offered; with Base, for
// the proven manifest of its base and the list of what is shared besides.
type Describe struct {
	Base bool `json:"base,omitempty"`
}

// Manifest is the next piece of a folder's manifest, and of what was asked for
// besides. They follow each other until all its bytes are there.
type Manifest struct {
	Text string `json:"text"`
}

// Withdraw says that a delivery was cancelled: what was kept of it may go.
type Withdraw struct {
	ID int64 `json:"id"`
}

// Accept says from which offset to send, and which key signs the receipt.
type Accept struct {
	Offset     int64  `json:"offset"`
	ReceiptKey string `json:"receipt_key"` // Ed25519 public key, lower-case hex
	// Free is how many bytes another delivery could have; nil is not known.
	Free *int64 `json:"free,omitempty"`
	// Base says that what is shared with the base is not to be sent.
	Base bool `json:"base,omitempty"`
}

// Ack says that all bytes before Offset are on disk.
type Ack struct {
	Offset int64 `json:"offset"`
}

// Deposited ends a delivery: it is whole, under its name, and signed for.
type Deposited struct {
	Receipt receipt.Receipt `json:"receipt"`
}

// Refused ends a connection with a reason.
type Refused struct {
	Code   reason.Code `json:"reason"`
	Detail string      `json:"detail,omitempty"`
}

// Withdrawn answers Withdraw.
type Withdrawn struct{}

func (Hello) kind() string     { return "hello" }
func (Offer) kind() string     { return "offer" }
func (Withdraw) kind() string  { return "withdraw" }
func (Accept) kind() string    { return "accept" }
func (Ack) kind() string       { return "ack" }
func (Deposited) kind() string { return "deposited" }
func (Refused) kind() string   { return "refused" }
func (Withdrawn) kind() string { return "withdrawn" }
func (Describe) kind() string  { return "describe" }
func (Manifest) kind() string  { return "manifest" }

// Limits on the fields of a message.
const (
	maxName   = 1024
	maxExt    = 32
	maxHost   = 253 // RFC 1035 section 2.3.4
	maxDetail = 4096
	hexSHA256 = 64
)

// MaxText bounds the text of a Manifest, in bytes: however JSON escapes it, the
// message is shorter than MaxLine.
const MaxText = 10_000

func (m Hello) check() error {
	if m.Version < 1 || len(m.Program) > maxHost {
		return errors.New("version or program is out of range")
	}
	return nil
}

func (m Offer) check() error {
	switch {
	case m.ID < 1 || m.Title < 0:
		return fmt.Errorf("id %d or title %d is out of range", m.ID, m.Title)
	case m.Size < -1:
		return fmt.Errorf("size %d is out of range", m.Size)
	case m.Expected < 0 || m.Expected > 0 && !m.Live():
		return fmt.Errorf("expected are %d bytes, of %d", m.Expected, m.Size)
	case m.Live() && (m.SHA256 != "" || m.Manifest != 0):
		return errors.New("a live source has neither digest nor manifest")
	case len(m.Name) > maxName || len(m.Extension) > maxExt || len(m.Reception) > maxHost:
		return errors.New("name, extension or reception is too long")
	case m.SHA256 != "" && !isHex(m.SHA256, hexSHA256):
		return errors.New("sha256 is not 64 lower-case hex digits")
	case m.Duration < 0 || m.Pace < 0:
		return errors.New("duration or pace is negative")
	}
	return m.checkFolder()
}

// checkFolder looks at what only a folder has.
func (m Offer) checkFolder() error {
	switch {
	case m.Shared == 0 && (m.Base != 0 || m.BaseProven != 0 || m.Reuse != 0 || m.ReuseSHA256 != ""):
		return errors.New("a base is offered with which nothing is shared")
	case m.Shared != 0 && (m.Manifest == 0 || m.Shared < 0 || m.Shared > m.Size || m.Base < 1 || m.Base == m.ID ||
		m.BaseProven < 1 || m.BaseProven > manifest.MaxProven || m.Reuse < 1 || m.Reuse > manifest.MaxReuse || !isHex(m.ReuseSHA256, hexSHA256)):
		return errors.New("the base or what is shared with it is out of range")
	case m.Manifest == 0 && (m.ManifestSHA256 != "" || m.Files != 0):
		return errors.New("a folder is offered without its manifest")
	case m.Manifest == 0:
		return nil
	case m.Manifest < 0 || m.Manifest > manifest.MaxBytes || !isHex(m.ManifestSHA256, hexSHA256):
		return errors.New("the size or digest of the manifest is out of range")
	case m.Files < 0 || m.Files > manifest.MaxEntries:
		return fmt.Errorf("%d files are out of range", m.Files)
	}
	return nil
}

func (m Describe) check() error { return nil }

func (m Manifest) check() error {
	if m.Text == "" || len(m.Text) > MaxText {
		return fmt.Errorf("a piece of %d bytes, 1 to %d are allowed", len(m.Text), MaxText)
	}
	return nil
}

func (m Withdraw) check() error {
	if m.ID < 1 {
		return fmt.Errorf("id %d is out of range", m.ID)
	}
	return nil
}

func (m Accept) check() error {
	if m.Offset < 0 || !isHex(m.ReceiptKey, 64) || m.Free != nil && *m.Free < 0 {
		return errors.New("offset, receipt key or free space is out of range")
	}
	return nil
}

func (m Ack) check() error {
	if m.Offset < 0 {
		return fmt.Errorf("offset %d is out of range", m.Offset)
	}
	return nil
}

func (m Deposited) check() error { return m.Receipt.Validate() }

func (m Refused) check() error {
	switch {
	case !m.Code.Valid():
		return fmt.Errorf("reason %.40q is no code", m.Code)
	case len(m.Detail) > maxDetail || !utf8.ValidString(m.Detail):
		return errors.New("the detail is too long or not UTF-8")
	}
	return nil
}

func (m Withdrawn) check() error { return nil }

func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Write writes m as one line. It refuses what Read of the other side would, with
// reason.Internal: that such a message was made is no fault of the connection.
func Write(w io.Writer, m Message) error {
	if err := m.check(); err != nil {
		return reason.Wrap(reason.Internal, err, "wire: %s", m.kind())
	}
	body, err := json.Marshal(m)
	if err != nil {
		return reason.Wrap(reason.Internal, err, "wire: %s", m.kind())
	}
	line := append([]byte(`{"type":"`+m.kind()+`"`), ',')
	if len(body) > 2 {
		line = append(line, body[1:]...)
	} else {
		line[len(line)-1] = '}'
	}
	if len(line)+1 > MaxLine {
		return reason.New(reason.Internal, "wire: %s: %d bytes, at most %d are allowed", m.kind(), len(line)+1, MaxLine)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Read reads one message. r must have a buffer of at least MaxLine bytes, so
// that a line is bounded by it; what follows the line stays in r. The error is
// io.EOF where the stream ends before a message.
func Read(r *bufio.Reader) (Message, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull || len(line) > MaxLine:
		return nil, reason.New(reason.Protocol, "a message longer than %d bytes", MaxLine)
	case err == io.EOF && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return parse(line)
}

func parse(line []byte) (Message, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, reason.New(reason.Protocol, "a message that is not JSON: %v", err)
	}
	var m Message
	var err error
	switch head.Type {
	case "hello":
		m, err = decode[Hello](line)
	case "offer":
		m, err = decode[Offer](line)
	case "withdraw":
		m, err = decode[Withdraw](line)
	case "accept":
		m, err = decode[Accept](line)
	case "ack":
		m, err = decode[Ack](line)
	case "deposited":
		m, err = decode[Deposited](line)
	case "refused":
		m, err = decode[Refused](line)
	case "withdrawn":
		m, err = decode[Withdrawn](line)
	case "describe":
		m, err = decode[Describe](line)
	case "manifest":
		m, err = decode[Manifest](line)
	case "pair":
		m, err = decode[Pair](line)
	case "proof":
		m, err = decode[Proof](line)
	case "paired":
		m, err = decode[Paired](line)
	case "look":
		m, err = decode[Look](line)
	case "condition":
		m, err = decode[Condition](line)
	case "probe":
		m, err = decode[Probe](line)
	case "measured":
		m, err = decode[Measured](line)
	default:
		return nil, reason.New(reason.Protocol, "a message of unknown type %.40q", head.Type)
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, reason.New(reason.Protocol, "%s: %v", head.Type, err)
	}
	return m, nil
}

func decode[M Message](line []byte) (M, error) {
	var m M
	err := json.Unmarshal(line, &m)
	return m, err
}
