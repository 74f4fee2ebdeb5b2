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
func (c *Conn) Hand(f *os.File) error {
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
		sent = unix.Sendmsg(int(fd), handed, rights, nil, 0)
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
	raw, err := c.file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	buf, oob := make([]byte, len(handed)+1), make([]byte, unix.CmsgSpace(4))
	var n, oobn, flags int
	var received error
	err = raw.Read(func(fd uintptr) bool {
		n, oobn, flags, _, received = unix.Recvmsg(int(fd), buf, oob, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(received, unix.EAGAIN)
	})
	if err := errors.Join(err, received); err != nil {
		return nil, fmt.Errorf("control: taking a descriptor: %w", err)
	}
	if n == 0 {
		return nil, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 || n != len(handed) || flags&unix.MSG_CTRUNC != 0 {
		return nil, fmt.Errorf("control: no descriptor came: %d bytes and %d control messages: %v", n, len(messages), err)
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("control: %d descriptors came instead of one: %v", len(files), err)
	}
	return os.NewFile(uintptr(files[0]), "handed"), nil
}
