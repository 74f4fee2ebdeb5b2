package control

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handed is the one byte that goes with a descriptor: a message cannot be
// empty, as that would be the end of the connection.
var handed = []byte{'c'}

// Hand gives the worker a descriptor (unix(7), SCM_RIGHTS), which it takes with
// Take: the connection for which a spare worker was waiting. f stays the
// caller's.
func (c *Conn) Hand(f *os.File) error { return c.sendWith(handed, f) }

// SendFile sends m and with it a descriptor, which the worker has by
// ReceiveFile. f stays the caller's.
func (c *Conn) SendFile(m Message, f *os.File) error {
	packet, err := encode(m)
	if err != nil {
		return err
	}
	return c.sendWith(packet, f)
}

func (c *Conn) sendWith(packet []byte, f *os.File) error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	rights := unix.UnixRights(int(f.Fd()))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.file.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), packet, rights, nil, 0)
		return !errors.Is(sent, unix.EAGAIN)
	})
	if err := errors.Join(err, sent); err != nil {
		return fmt.Errorf("control: handing over a descriptor: %w", err)
	}
	return nil
}

// Take waits for a descriptor that the supervisor hands over. The error is
// io.EOF if it goes away instead.
func (c *Conn) Take() (*os.File, error) {
	buf := make([]byte, len(handed)+1)
	n, f, err := c.receiveWith(buf)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	case f == nil || n != len(handed):
		if f != nil {
			f.Close()
		}
		return nil, fmt.Errorf("control: %d bytes came instead of a descriptor", n)
	}
	return f, nil
}

// ReceiveFile is Receive for a worker that may be sent a descriptor with a
// message; nil is none.
func (c *Conn) ReceiveFile() (Message, *os.File, error) {
	if c.buf == nil {
		c.buf = make([]byte, MaxMessage+1)
	}
	n, f, err := c.receiveWith(c.buf)
	switch {
	case err != nil:
		return nil, nil, err
	case n == 0:
		return nil, nil, io.EOF
	}
	m, err := decode(c.buf[:n])
	if err != nil && f != nil {
		f.Close()
		f = nil
	}
	return m, f, err
}

// receiveWith waits for a packet, and gives its length and the descriptor that
// came with it, nil if there was none.
func (c *Conn) receiveWith(buf []byte) (int, *os.File, error) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return 0, nil, fmt.Errorf("control: %w", err)
	}
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn, flags int
	var received error
	err = raw.Read(func(fd uintptr) bool {
		n, oobn, flags, _, received = unix.Recvmsg(int(fd), buf, oob, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(received, unix.EAGAIN)
	})
	if err := errors.Join(err, received); err != nil {
		return 0, nil, fmt.Errorf("control: receiving: %w", err)
	}
	if flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0 {
		return 0, nil, fmt.Errorf("control: a message of more than %d bytes, or with several descriptors", len(buf)-1)
	}
	if oobn == 0 {
		return n, nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return 0, nil, fmt.Errorf("control: %d control messages came with %d bytes: %v", len(messages), n, err)
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		return 0, nil, fmt.Errorf("control: %d descriptors came instead of one: %v", len(files), err)
	}
	return n, os.NewFile(uintptr(files[0]), "handed"), nil
}
