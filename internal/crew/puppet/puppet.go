// Package puppet is a worker in the hands of its peer: it says to its supervisor,
// word for word, what it reads. It is for tests alone, which see by it that a
// supervisor is not harmed by a worker that was taken over.
package puppet

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"sync/atomic"
)

// Words that are not said but done.
var (
	// Hear waits for the next message of the supervisor.
	Hear = []byte("hear")
	// Beside passes the rest of the line to the worker at the other end of the
	// handoff, which is a puppet that follows it.
	Beside = []byte("beside ")
	// Deaf has it hear nothing any more.
	Deaf = []byte("deaf")
	// Bye ends the puppet.
	Bye = []byte("bye")
)

// refusal is in the message by which a supervisor has a worker tell its peer
// that it is refused, and end. A puppet does the latter.
var refusal = []byte(`"kind":"refuse"`)

// Follow says each line of script on control, the descriptor of a control
// connection, until its end, or until the supervisor refuses. What that says is
// heard and forgotten otherwise.
// wake, the socket of a handoff, may be nil.
func Follow(script io.ReadCloser, control, wake *os.File) error {
	heard := make(chan struct{}, 1<<16)
	var deaf atomic.Bool
	go func() {
		for buf := make([]byte, 1<<17); !deaf.Load(); {
			n, err := control.Read(buf)
			if err != nil || n == 0 || bytes.Contains(buf[:n], refusal) {
				close(heard)
				script.Close()
				return
			}
			heard <- struct{}{}
		}
	}()
	for r := bufio.NewReader(script); ; {
		line, err := r.ReadBytes('\n')
		line = bytes.TrimSuffix(line, []byte("\n"))
		rest, beside := bytes.CutPrefix(line, Beside)
		switch {
		case bytes.Equal(line, Hear):
			<-heard
		case bytes.Equal(line, Deaf):
			deaf.Store(true)
		case bytes.Equal(line, Bye):
			return nil
		case beside && wake != nil:
			_, err = wake.Write(rest)
		case len(line) > 0:
			_, err = control.Write(line)
		}
		if err != nil {
			for range heard { // until the supervisor has gone
			}
			return err
		}
	}
}

// Packets reads a seqpacket socket as lines, one for each packet.
func Packets(f *os.File) io.ReadCloser { return &packets{from: f} }

type packets struct {
	from *os.File
	rest []byte
}

func (p *packets) Close() error { return p.from.Close() }

func (p *packets) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		buf := make([]byte, 1<<17)
		n, err := p.from.Read(buf)
		if err != nil {
			return 0, err
		}
		p.rest = append(buf[:n], '\n')
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
