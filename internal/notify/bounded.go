package notify

import (
	"bytes"
	"net"

	"videoclub/internal/reason"
)

// Bounds on what a mail server may say on one connection, in bytes: far more
// than any has to say, and little enough to be held in memory.
const (
	maxReplies = 2 << 20
	maxReply   = 64 << 10 // of one line
)

// bounded is a connection that fails when the other side says too much. Under
// TLS the bytes are those of its records, in which there are no lines; the bound
// of the whole holds there too.
type bounded struct {
	net.Conn
	total, line int
	failed      error // why nothing more can be read
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	b.total += n
	if end := bytes.LastIndexByte(p[:n], '\n'); end >= 0 {
		b.line = n - 1 - end
	} else {
		b.line += n
	}
	if b.total > maxReplies || b.line > maxReply {
		n, err = 0, reason.New(reason.Protocol, "the server says more than %d bytes, or than %d in one line", maxReplies, maxReply)
	}
	if err != nil {
		b.failed = err
	}
	return n, err
}
