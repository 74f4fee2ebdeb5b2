package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"videoclub/internal/reason"
)

// memory is a file whose power can be taken away: what was not made durable
// may be lost, page by page.
type memory struct {
	mu           sync.Mutex // a follower reads while the writer appends
	now, durable []byte
	room         int // bytes that the disk has; 0 is no bound
	punched      [][2]int64
	fails        error
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.NewReader(m.now).ReadAt(p, at)
}
func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.room > 0 && int(at)+len(p) > m.room {
		part := max(0, m.room-int(at))
		m.put(p[:part], at)
		return part, syscall.ENOSPC
	}
	m.put(p, at)
	return len(p), nil
}
func (m *memory) put(p []byte, at int64) {
	if need := int(at) + len(p); need > len(m.now) {
		m.now = append(m.now, make([]byte, need-len(m.now))...)
	}
	copy(m.now[at:], p)
}
func (m *memory) Datasync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return m.fails
	}
	m.durable = bytes.Clone(m.now)
	return nil
}
func (m *memory) Truncate(n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now[:n]
	return nil
}
func (m *memory) Size() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.now)), nil
}
func (m *memory) Punch(from, n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.punched = append(m.punched, [2]int64{from, n})
	clear(m.now[from : from+n])
	return nil
}

// lose takes the power away; keep says of each page whether it was written.
func (m *memory) lose(keep func() bool) {
	after := bytes.Clone(m.durable)
	for at := 0; at < len(m.now); at += 64 {
		if keep() {
			to := min(at+64, len(m.now))
			if to > len(after) {
				after = append(after, make([]byte, to-len(after))...)
			}
			copy(after[at:to], m.now[at:to])
		}
	}
	m.now, m.durable = after, bytes.Clone(after)
}

const head = "the head of it"

// cluster is as long as it says, and all of one byte.
func cluster(n int, fill byte) []byte {
	b := bytes.Repeat([]byte{fill | 1}, n)
	binary.BigEndian.PutUint32(b, uint32(n))
	return b
}

func whole(r io.ReaderAt, at, size int64) (int64, error) {
	b := make([]byte, 4)
	if _, err := r.ReadAt(b, at); err != nil {
		return 0, err
	}
	end := at + int64(binary.BigEndian.Uint32(b))
	if end-at < 5 || end > size {
		return 0, io.ErrUnexpectedEOF
	}
	b = make([]byte, end-at)
	if _, err := r.ReadAt(b, at); err != nil {
		return 0, err
	}
	if bytes.Count(b[4:], b[4:5]) != len(b)-4 || b[4] == 0 {
		return 0, errors.New("damaged")
	}
	return end, nil
}

func create(t interface{ Fatal(...any) }, limit int64) (*Writer, *memory, *memory) {
	data, marks := &memory{}, &memory{}
	w, err := Create(data, marks, []byte(head), limit)
	if err != nil {
		t.Fatal(err)
	}
	return w, data, marks
}

// Whatever the power takes, a restart has at least what followers were shown,
// in whole clusters, and goes on there.
func TestPowerLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, data, marks := create(t, 1<<20)
		file := []byte(head)
		keep := func() bool { return rapid.Bool().Draw(t, "page") }
		for range rapid.IntRange(1, 4).Draw(t, "losses") {
			for range rapid.IntRange(0, 5).Draw(t, "clusters") {
				c := cluster(rapid.IntRange(5, 300).Draw(t, "size"), byte(rapid.IntRange(0, 255).Draw(t, "fill")))
				if err := w.Append(c); err != nil {
					t.Fatal(err)
				}
				file = append(file, c...)
			}
			shown, err := Follow(data, marks).Mark()
			if err != nil || shown.Offset != int64(len(file)) {
				t.Fatalf("followers see %v, %v", shown, err)
			}
			// One more is written and cut off by the power.
			half := cluster(200, 7)
			data.put(half[:rapid.IntRange(0, 200).Draw(t, "half")], int64(len(file)))
			data.lose(keep)
			if rapid.Bool().Draw(t, "power") {
				marks.lose(keep)
			}
			if w, err = Resume(data, marks, whole, 1<<20); err != nil {
				t.Fatal(err)
			}
			if w.Mark().Offset > int64(len(file)) {
				file = append(file, half...)
			}
			if !bytes.Equal(data.now, file) || w.Mark().Offset != int64(len(file)) {
				t.Fatalf("after it there are %d bytes, not %d", len(data.now), len(file))
			}
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, data, marks := create(t, 1<<20)
		f := Follow(data, marks)
		begin := time.Now()
		time.AfterFunc(time.Second, func() {
			if err := w.Append(cluster(100, 3)); err != nil {
				t.Error(err)
			}
		})
		m, err := f.Wait(t.Context(), int64(len(head)))
		if err != nil || m.Offset != int64(len(head))+100 || time.Since(begin) > time.Second+2*look {
			t.Errorf("after %v: %v, %v", time.Since(begin), m, err)
		}
		b := make([]byte, 100)
		if err := f.ReadAt(b, int64(len(head))); err != nil || !bytes.Equal(b, cluster(100, 3)) {
			t.Errorf("%x, %v", b, err)
		}
		data.put([]byte{1, 2, 3}, m.Offset) // that is not shown yet
		if err := f.ReadAt(b, m.Offset-97); reason.Of(err) != reason.Internal {
			t.Errorf("beyond the mark: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.Wait(ctx, m.Offset); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("where nothing comes: %v", err)
		}
		if err := w.End([]byte("tail")); err != nil {
			t.Fatal(err)
		}
		if m, err := f.Wait(t.Context(), m.Offset+4); err != nil || !m.Ended || m.Offset != int64(len(head))+104 {
			t.Errorf("at its end: %v, %v", m, err)
		}
		if err := w.Append(cluster(10, 1)); err == nil {
			t.Error("it goes on after its end")
		}
	})
}

// The limit is for what is held; what every delivery has makes room.
func TestLimit(t *testing.T) {
	w, data, marks := create(t, 20_000)
	for range 2 {
		if err := w.Append(cluster(9000, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(cluster(9000, 3)); reason.Of(err) != reason.SpoolFull {
		t.Errorf("beyond the limit: %v", err)
	}
	if err := w.Release(int64(len(head)) + 9000); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(cluster(9000, 3)); err != nil {
		t.Error(err)
	}
	if len(data.punched) != 1 || data.punched[0] != [2]int64{4096, 4096} {
		t.Errorf("given back: %v", data.punched)
	}
	f, b := Follow(data, marks), make([]byte, len(head))
	if err := f.ReadAt(b, 0); err != nil || string(b) != head {
		t.Errorf("the head is %q, %v", b, err)
	}
	if err := f.ReadAt(b, 5000); reason.Of(err) != reason.SourceUnreadable {
		t.Errorf("what was let go: %v", err)
	}
	if err := f.ReadAt(b, int64(len(head))+9000); err != nil {
		t.Errorf("what is still there: %v", err)
	}
	if err := w.Release(1 << 40); err != nil || w.Mark().Released != w.Mark().Offset {
		t.Errorf("%v, %v", w.Mark(), err)
	}
}

// A full disk ends the recording as it was; one that fails is not trusted again.
func TestDisk(t *testing.T) {
	w, data, _ := create(t, 1<<20)
	data.room = 500
	if err := w.Append(cluster(400, 3)); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(cluster(400, 3)); reason.Of(err) != reason.SpoolFull || len(data.now) != len(head)+400 {
		t.Errorf("a full disk: %v, %d bytes", err, len(data.now))
	}
	if err := w.Append(cluster(50, 3)); err != nil {
		t.Errorf("what fits: %v", err)
	}
	data.fails = syscall.EIO
	for range 2 {
		if err := w.Append(cluster(10, 3)); reason.Of(err) != reason.StoreFailed {
			t.Errorf("a disk that fails: %v", err)
		}
		data.fails = nil
	}
	if err := w.End(nil); err == nil {
		t.Error("it ended well")
	}
}

func TestResumeRefused(t *testing.T) {
	if _, err := Resume(&memory{}, &memory{}, whole, 1); reason.Of(err) != reason.StoreFailed {
		t.Errorf("nothing: %v", err)
	}
	w, data, marks := create(t, 1<<20)
	if err := w.Append(cluster(100, 3)); err != nil {
		t.Fatal(err)
	}
	data.now = data.now[:50]
	if _, err := Resume(data, marks, whole, 1<<20); reason.Of(err) != reason.StoreFailed {
		t.Errorf("data that was lost: %v", err)
	}
}

// The same on real files.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return OS(f)
	}
	w, err := Create(open("data"), open("mark"), []byte(head), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	w.SetOrigin(time.Hour)
	for range 4 {
		if err := w.Append(cluster(5000, 9)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Release(int64(len(head)) + 15_000); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Error(err)
	}
	again, err := Resume(open("data"), open("mark"), whole, 1<<20)
	if err != nil || again.Mark().Offset != int64(len(head))+20_000 || again.Mark().Released != int64(len(head))+15_000 || again.Mark().Origin != time.Hour {
		t.Errorf("%v, %v", again.Mark(), err)
	}
	if err := again.End(nil); err != nil {
		t.Error(err)
	}
	if m, err := Follow(open("data"), open("mark")).Mark(); err != nil || !m.Ended {
		t.Errorf("%v, %v", m, err)
	}
}
