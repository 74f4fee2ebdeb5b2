//go:build root

package e2e

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
)

// flakyDisk is a disk with a cache, for a guest: what was written and not
// flushed is there for the guest and is lost with the power. qemu reaches it by
// the NBD protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md).
type flakyDisk struct {
	file   *os.File // what is on the platters
	size   int64
	listen net.Listener

	mu    sync.Mutex
	conn  net.Conn
	cache []cached      // written and not flushed, in order
	off   bool          // the power is: nothing is taken any more
	lost  int           // writes that were lost so far
	asked chan struct{} // closed when the guest asks to flush something, if not nil
	power *sync.Cond    // of mu: it has gone
}

type cached struct {
	offset int64
	data   []byte
}

// newFlakyDisk makes a disk of the file at path, which listens at socket.
func newFlakyDisk(path, socket string) (*flakyDisk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	d := &flakyDisk{file: f, size: info.Size()}
	d.power = sync.NewCond(&d.mu)
	if d.listen, err = net.Listen("unix", socket); err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := d.listen.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conn = conn
			d.mu.Unlock()
			go d.serve(conn)
		}
	}()
	return d, nil
}

func (d *flakyDisk) close() {
	d.listen.Close()
	d.file.Close()
}

// powerLoss takes the power away: of what was not flushed all is lost, or what
// chance decides.
func (d *flakyDisk) powerLoss(chance *rand.Rand, all bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off, d.asked = true, nil
	d.power.Broadcast()
	kept := slices.DeleteFunc(slices.Clone(d.cache), func(cached) bool { return all || chance.IntN(2) == 0 })
	d.lost += len(d.cache) - len(kept)
	d.cache = nil
	if d.conn != nil {
		d.conn.Close()
	}
	return d.write(kept)
}

// nextFlush gives what is closed once the guest asks to flush what it wrote. It
// gets no answer: it waits until the power goes.
func (d *flakyDisk) nextFlush() <-chan struct{} {
	asked := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = asked
	return asked
}

// powerOn is for the next guest.
func (d *flakyDisk) powerOn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = false
}

func (d *flakyDisk) write(all []cached) error {
	for _, c := range all {
		if _, err := d.file.WriteAt(c.data, c.offset); err != nil {
			return err
		}
	}
	return nil
}

// The numbers of the protocol that are used here.
const (
	nbdMagic, nbdOptions             = 0x4e42444d41474943, 0x49484156454f5054
	nbdOptionReply                   = 0x3e889045565a9
	nbdRequest, nbdReply             = 0x25609513, 0x67446698
	nbdGo, nbdInfo, nbdAck           = 7, 3, 1
	nbdUnsupported                   = 1<<31 + 1
	nbdRead, nbdWrite, nbdBye        = 0, 1, 2
	nbdFlush                         = 3
	nbdForceAccess                   = 1 // of a write's flags: through the cache
	nbdFlags                  uint16 = 1 | 4 | 8
)

// serve speaks with a guest until it ends or the power goes.
func (d *flakyDisk) serve(conn net.Conn) {
	defer conn.Close()
	if err := d.greet(conn); err != nil {
		return
	}
	header := make([]byte, 28)
	for {
		if _, err := io.ReadFull(conn, header); err != nil || binary.BigEndian.Uint32(header) != nbdRequest {
			return
		}
		flags, kind := binary.BigEndian.Uint16(header[4:]), binary.BigEndian.Uint16(header[6:])
		offset, length := int64(binary.BigEndian.Uint64(header[16:])), int64(binary.BigEndian.Uint32(header[24:]))
		if kind == nbdBye || offset < 0 || length > 64<<20 || offset+length > d.size {
			return
		}
		var data []byte
		if kind == nbdRead || kind == nbdWrite {
			data = make([]byte, length)
		}
		if kind == nbdWrite {
			if _, err := io.ReadFull(conn, data); err != nil {
				return
			}
		}
		if err := d.do(kind, flags, offset, data); err != nil {
			return
		}
		reply := binary.BigEndian.AppendUint32(nil, nbdReply)
		reply = append(binary.BigEndian.AppendUint32(reply, 0), header[8:16]...)
		if kind == nbdRead {
			reply = append(reply, data...)
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

var errOff = errors.New("the power is off")

func (d *flakyDisk) do(kind, flags uint16, offset int64, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.off:
		return errOff
	case kind == nbdRead:
		if _, err := d.file.ReadAt(data, offset); err != nil {
			return err
		}
		for _, c := range d.cache {
			from, to := max(offset, c.offset), min(offset+int64(len(data)), c.offset+int64(len(c.data)))
			if from < to {
				copy(data[from-offset:to-offset], c.data[from-c.offset:to-c.offset])
			}
		}
		return nil
	case kind == nbdWrite:
		d.cache = append(d.cache, cached{offset, data})
		if flags&nbdForceAccess == 0 {
			return nil
		}
	case kind != nbdFlush:
		return errors.New("it was not offered")
	}
	if d.asked != nil && len(d.cache) > 0 {
		close(d.asked)
		d.asked = nil
		for !d.off {
			d.power.Wait()
		}
		return errOff
	}
	// A write through the cache takes what was before it along, which a disk may do.
	err := d.write(d.cache)
	d.cache = nil
	return err
}

// greet is the handshake: the fixed new style, with its option GO alone.
func (d *flakyDisk) greet(conn net.Conn) error {
	hello := binary.BigEndian.AppendUint64(nil, nbdMagic)
	hello = binary.BigEndian.AppendUint64(hello, nbdOptions)
	if _, err := conn.Write(binary.BigEndian.AppendUint16(hello, 3)); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		return err
	}
	for {
		head := make([]byte, 16)
		if _, err := io.ReadFull(conn, head); err != nil {
			return err
		}
		option, length := binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:])
		if length > 4096 {
			return errors.New("an option too long")
		}
		if _, err := io.ReadFull(conn, make([]byte, length)); err != nil {
			return err
		}
		answer := func(kind uint32, data []byte) error {
			b := binary.BigEndian.AppendUint64(nil, nbdOptionReply)
			b = binary.BigEndian.AppendUint32(b, option)
			b = binary.BigEndian.AppendUint32(b, kind)
			b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
			_, err := conn.Write(append(b, data...))
			return err
		}
		if option != nbdGo {
			if err := answer(nbdUnsupported, nil); err != nil {
				return err
			}
			continue
		}
		info := binary.BigEndian.AppendUint16(nil, 0)
		info = binary.BigEndian.AppendUint64(info, uint64(d.size))
		info = binary.BigEndian.AppendUint16(info, nbdFlags)
		return errors.Join(answer(nbdInfo, info), answer(nbdAck, nil))
	}
}
