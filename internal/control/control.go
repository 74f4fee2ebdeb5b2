// Package control is what a worker may ask of its supervisor or tell it, and
// what the supervisor answers: typed messages of a bounded size over a
// socketpair. A supervisor learns of a peer only through these; it never
// parses a peer's bytes.
package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"videoclub/internal/reason"
)

// MaxMessage bounds one message, in bytes. Longer lists go in pages.
const MaxMessage = 96 << 10

// sendTimeout is how long Send waits for a reader that does not read. The
// socket's buffer holds hundreds of messages, so the other side hangs by then.
const sendTimeout = 5 * time.Second

// mostMessages is how many messages a second a supervisor takes from one
// worker, after as many at once: some ten times what the busiest send, so that
// one that sends without end costs a hundredth of a core. It waits then.
const mostMessages = 1000

// Message is one of the types of messages.go.
type Message interface{ kind() string }

// Conn is one end of a control connection. Send is safe for concurrent use;
// Receive is for one goroutine.
type Conn struct {
	file *os.File
	pace *rate.Limiter // of what is received; nil is none
	mu   sync.Mutex    // orders Send
	buf  []byte
}

// Pair makes a control connection: the supervisor's end, and a descriptor to
// give to the worker, which makes its end of it with New.
func Pair() (*Conn, *os.File, error) {
	// Messages keep their boundaries (SOCK_SEQPACKET), so that a worker cannot
	// make its supervisor wait for the rest of one.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("control: socketpair: %w", err)
	}
	own := New(os.NewFile(uintptr(fds[0]), "control"))
	own.pace = rate.NewLimiter(mostMessages, mostMessages)
	return own, os.NewFile(uintptr(fds[1]), "control"), nil
}

// New takes over a descriptor of Pair.
func New(file *os.File) *Conn { return &Conn{file: file} }

// Close ends the connection; a Receive that waits returns.
func (c *Conn) Close() error { return c.file.Close() }

type envelope struct {
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// Send sends m. It fails with ErrUnsayable if m cannot be said, and if the other
// side has gone, or has read nothing for five seconds.
func (c *Conn) Send(m Message) error {
	packet, err := encode(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.file.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if _, err := c.file.Write(packet); err != nil {
		return fmt.Errorf("control: %s: %w", m.kind(), err)
	}
	return nil
}

// ErrUnsayable is why a message was not sent that cannot be written, or is longer
// than MaxMessage. The connection is as it was.
var ErrUnsayable = errors.New("it cannot be said")

// encode gives the packet of a message.
func encode(m Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w: %w", m.kind(), ErrUnsayable, err)
	}
	packet, err := json.Marshal(envelope{m.kind(), body})
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w: %w", m.kind(), ErrUnsayable, err)
	}
	if len(packet) > MaxMessage {
		return nil, fmt.Errorf("control: %s: %w: %d bytes, at most %d are allowed", m.kind(), ErrUnsayable, len(packet), MaxMessage)
	}
	return packet, nil
}

// Receive waits for the next message. The error is io.EOF once the other side
// has gone.
func (c *Conn) Receive() (Message, error) {
	if c.pace != nil {
		time.Sleep(c.pace.Reserve().Delay())
	}
	if c.buf == nil {
		c.buf = make([]byte, MaxMessage+1)
	}
	n, err := c.file.Read(c.buf)
	if errors.Is(err, unix.ECONNRESET) {
		// The other side has gone without reading all that it was told. The
		// kernel says so once, ahead of its own last words.
		n, err = c.file.Read(c.buf)
	}
	switch {
	case errors.Is(err, os.ErrClosed), errors.Is(err, unix.ECONNRESET):
		return nil, io.EOF
	case err != nil:
		return nil, err
	case n > MaxMessage:
		return nil, fmt.Errorf("control: a message of more than %d bytes", MaxMessage)
	}
	return decode(c.buf[:n])
}

func decode(packet []byte) (Message, error) {
	var e envelope
	if err := strict(packet, &e); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	unpack, ok := kinds[e.Kind]
	if !ok {
		return nil, fmt.Errorf("control: a message of unknown kind %.40q", e.Kind)
	}
	m, err := unpack(e.Body)
	if err != nil {
		return nil, fmt.Errorf("control: %s: %w", e.Kind, err)
	}
	return m, nil
}

// strict decodes exactly one value with known fields alone.
func strict(p []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(p))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// Fail tells the supervisor why the worker ends.
func (c *Conn) Fail(err error) error {
	code, detail := reason.Of(err), strings.ToValidUTF8(err.Error(), "?")
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "")
	}
	return c.Send(Failed{Code: code, Detail: detail})
}
