package handoff

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func pair(t testing.TB) (*Producer, *Consumer) {
	t.Helper()
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	p, err := NewProducer(a)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewConsumer(b)
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func message(i int) []byte {
	sizes := []int{1, 2, SlotSize - 1, SlotSize, 4096}
	return bytes.Repeat([]byte{byte(i), byte(i >> 8), 7}, SlotSize/3+1)[:sizes[i%len(sizes)]]
}

// Many times more messages than slots arrive in order and unchanged, both ways of taking them.
func TestOrder(t *testing.T) {
	p, c := pair(t)
	const count = 20 * Slots
	var wg sync.WaitGroup
	wg.Go(func() {
		defer p.Close()
		for i := range count {
			s, err := p.Slot()
			if err != nil {
				t.Error(err)
				return
			}
			if err := p.Send(s, copy(s.Buf, message(i))); err != nil {
				t.Error(err)
				return
			}
		}
		if err := p.Finish(); err != nil {
			t.Error(err)
		}
	})
	buf := make([]byte, SlotSize)
	for i := range count {
		if i%2 == 0 {
			n, err := c.Receive(buf)
			if err != nil || !bytes.Equal(buf[:n], message(i)) {
				t.Fatalf("message %d: %v, %d bytes", i, err, n)
			}
			continue
		}
		err := c.Borrow(func(got []byte) error {
			if !bytes.Equal(got, message(i)) {
				t.Errorf("message %d: %d bytes", i, len(got))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Receive(buf); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	wg.Wait()
}

// A producer that waits for a slot is let go when the consumer leaves.
func TestConsumerGone(t *testing.T) {
	p, c := pair(t)
	for range Slots {
		s, err := p.Slot()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Send(s, 1); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { _, err := p.Slot(); done <- err }()
	c.Close()
	if err := <-done; err != io.EOF {
		t.Errorf("waiting for a slot: %v", err)
	}
}

func TestRingCannotBeResized(t *testing.T) {
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	for _, size := range []int64{0, Frames.bytes() - 1, Frames.bytes() + 1} {
		if err := unix.Ftruncate(int(a.Ring.Fd()), size); err != unix.EPERM {
			t.Errorf("resized to %d: %v", size, err)
		}
	}
	fd, err := unix.MemfdCreate("loose", unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Dup3(fd, int(b.Ring.Fd()), unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if _, err := NewConsumer(b); err == nil {
		t.Error("a ring without seals was taken")
	}
}

func full(slot, length uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, slot), length)
}

// A producer that lies about slots and lengths gets an error, and no more.
func FuzzConsumer(f *testing.F) {
	f.Add(full(0, 1))
	f.Add(full(Slots, 1))
	f.Add(full(0, SlotSize+1))
	f.Add(full(1<<32-1, 1<<32-1))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, msg []byte) {
		a, b, err := Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer b.Close()
		c, err := NewConsumer(b)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(c.ring)
		if len(msg) > 0 && len(msg) < 1000 {
			if _, err := a.Wake.Write(msg); err != nil {
				t.Fatal(err)
			}
		}
		a.Wake.Close()
		n, err := c.Receive(make([]byte, SlotSize))
		good := len(msg) == fullSize && bytes.Equal(msg[1:4], []byte{0, 0, 0}) && msg[0] < Slots && n >= 1 && n <= SlotSize
		if err == nil && !good {
			t.Fatalf("% x was taken as %d bytes", msg, n)
		}
	})
}

// A consumer that frees what it does not hold gets an error from the producer.
func FuzzProducer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{Slots, 0, 0, 0})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, msg []byte) {
		a, b, err := Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer b.Close()
		p, err := NewProducer(a)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(p.ring)
		for range Slots {
			if _, err := p.Slot(); err != nil {
				t.Fatal(err)
			}
		}
		if len(msg) > 0 && len(msg) < 1000 {
			if _, err := b.Wake.Write(msg); err != nil {
				t.Fatal(err)
			}
		}
		b.Wake.Close()
		s, err := p.Slot()
		if err == nil && (len(msg) != freeSize || s.index != int(msg[0])) {
			t.Fatalf("% x freed slot %d", msg, s.index)
		}
	})
}

func BenchmarkHandoff(b *testing.B) {
	p, c := pair(b)
	go func() {
		buf := make([]byte, SlotSize)
		for {
			if _, err := c.Receive(buf); err != nil {
				return
			}
		}
	}()
	b.SetBytes(256_000)
	for b.Loop() {
		s, err := p.Slot()
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Send(s, 256_000); err != nil {
			b.Fatal(err)
		}
	}
}

// Who does not want to wait learns at once that all slots are taken, and takes
// back what was freed; sending does not wait either.
func TestTrySlot(t *testing.T) {
	shape := Shape{mostSlots, 8192}
	a, b, err := shape.Pair()
	if err != nil {
		t.Fatal(err)
	}
	p, err := shape.Producer(a)
	if err != nil {
		t.Fatal(err)
	}
	c, err := shape.Consumer(b)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for {
		s, some, err := p.TrySlot()
		if err != nil {
			t.Fatal(err)
		}
		if !some {
			break
		}
		s.Buf[0] = byte(sent)
		if err := p.Send(s, 8192); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	if sent != mostSlots {
		t.Errorf("%d were sent", sent)
	}
	buf := make([]byte, 8192)
	if n, err := c.Receive(buf); err != nil || n != 8192 || buf[0] != 0 {
		t.Errorf("%d, %v, %v", buf[0], n, err)
	}
	if _, some, err := p.TrySlot(); err != nil || !some {
		t.Errorf("after one was freed: %v, %v", some, err)
	}
	c.Close()
	c.Unmap()
	if _, some, err := p.TrySlot(); err == nil || some {
		t.Errorf("of one that has gone: %v", some)
	}
	p.Close()
	p.Unmap()
	for _, wrong := range []Shape{{0, 4096}, {mostSlots + 1, 4096}, {1, 4095}, {1, mostSize + page}} {
		if _, _, err := wrong.Pair(); err == nil {
			t.Errorf("%v is a shape", wrong)
		}
	}
	if _, err := Frames.Consumer(b); err == nil {
		t.Error("a ring of another shape is taken")
	}
}
