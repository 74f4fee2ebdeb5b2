package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"videoclub/internal/control"
)

// handshake is more than what a sender says before its first frame, in bytes.
const handshake = 16 * kiB

// resume cuts the connection of a delivery of size bytes at its middle, several
// times in a row, and shows how long it took from each cut until the next new
// bytes of the source crossed.
func (b *bench) resume(ctx context.Context, disk string, size int64) error {
	dir, remove, err := scratch(disk)
	if err != nil {
		return err
	}
	defer remove()
	source := filepath.Join(dir, "film.bin")
	// Sparse up to the middle, so that it is soon there; then noise, so that
	// bytes on the wire are bytes of the source.
	if err := noise(source, 512*miB); err != nil {
		return err
	}
	if err := insertHole(source, size-512*miB); err != nil {
		return err
	}
	cutter, err := newCutter()
	if err != nil {
		return err
	}
	defer cutter.close()
	club, err := b.newClub(ctx, dir, cutter.address(), "", source)
	if err != nil {
		return err
	}
	defer club.stop()
	cutter.to.Store("127.0.0.1:" + club.reception.Port("listen"))
	id, err := club.request(ctx, 1)
	if err != nil {
		return err
	}
	var took []time.Duration
	at := size - 512*miB
	for range b.runs {
		d, err := club.follow(ctx, id, func(d control.DeliveryStory) bool { return d.Offset > at })
		if err != nil {
			return err
		}
		if d.State == "deposited" {
			return errors.New("it was deposited before it was cut")
		}
		took = append(took, cutter.cut())
		at = d.Offset
	}
	if _, err := club.follow(ctx, id, func(control.DeliveryStory) bool { return false }); err != nil {
		return err
	}
	most := slices.Max(took)
	fmt.Printf("%d MiB cut %d times near its end: next new bytes after %v, at most %v\n", size/miB, len(took),
		median(took).Round(time.Millisecond), most.Round(time.Millisecond))
	return nil
}

// insertHole moves the content of a file behind a hole of n bytes.
func insertHole(path string, n int64) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path + ".hole")
	if err != nil {
		return err
	}
	if _, err := out.Seek(n, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), os.Rename(path+".hole", path))
}

// cutter passes connections on and can cut them.
type cutter struct {
	listener net.Listener
	to       atomic.Value // string: where to
	current  atomic.Pointer[net.TCPConn]
	crossed  chan time.Time // when a connection had passed more than the handshake
}

func newCutter() (*cutter, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cutter{listener: l, crossed: make(chan time.Time, 16)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(conn.(*net.TCPConn))
		}
	}()
	return c, nil
}

func (c *cutter) address() string { return c.listener.Addr().String() }
func (c *cutter) close()          { c.listener.Close() }

func (c *cutter) pass(from *net.TCPConn) {
	defer from.Close()
	conn, err := net.Dial("tcp", c.to.Load().(string))
	if err != nil {
		return
	}
	to := conn.(*net.TCPConn)
	defer to.Close()
	c.current.Store(from)
	go func() {
		io.Copy(from, to)
		from.Close()
	}()
	if _, err := io.CopyN(to, from, handshake); err != nil {
		return
	}
	c.crossed <- time.Now()
	io.Copy(to, from)
}

// cut resets the connection and waits until the next one has new bytes.
func (c *cutter) cut() time.Duration {
	for len(c.crossed) > 0 {
		<-c.crossed
	}
	begun := time.Now()
	conn := c.current.Load()
	conn.SetLinger(0)
	conn.Close()
	return (<-c.crossed).Sub(begun)
}

// freePort is a TCP port of loopback that was free a moment ago, for a program
// that cannot be told to take any.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
