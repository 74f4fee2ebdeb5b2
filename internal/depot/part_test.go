package depot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/reason"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(t *testing.T, err error, want reason.Code) {
	t.Helper()
	if got := reason.Of(err); got != want {
		t.Errorf("error %v (%s), want %s", err, got, want)
	}
}

func clock() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// bytesOf gives n bytes that a seed decides.
func bytesOf(n int, seed uint64) []byte {
	b := make([]byte, n)
	chance := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	chance.Read(b)
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// open gives the two files of a part.
func open(t testing.TB, fsys disk.FS) (data, slots disk.File) {
	t.Helper()
	var files [2]disk.File
	for i, name := range []string{"data", "slots"} {
		f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		ok(t, err)
		t.Cleanup(func() { f.Close() })
		files[i] = f
	}
	return files[0], files[1]
}

func osRoot(t testing.TB) *disk.Root {
	t.Helper()
	return osRootAt(t, t.TempDir())
}

// osRootAt is a real directory, for a test that also reaches into it by itself.
func osRootAt(t testing.TB, dir string) *disk.Root {
	t.Helper()
	r, err := disk.OS(dir)
	ok(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestPartWhole(t *testing.T) {
	for _, size := range []int{0, 1, parallelFrom - 1, parallelFrom, parallelFrom + 1, 3*parallelFrom + 5} {
		for _, frame := range []int{1000, parallelFrom - 1, parallelFrom, 256_000} {
			want := bytesOf(size, uint64(size))
			data, slots := open(t, osRoot(t))
			p, err := OpenPart(data, slots, int64(size))
			ok(t, err)
			for from := 0; from < size; from += frame {
				ok(t, p.Append(want[from:min(size, from+frame)]))
			}
			got, err := p.Finish()
			ok(t, err)
			p.Close()
			if got != digest(want) {
				t.Errorf("size %d frame %d: digest %s", size, frame, got)
			}
			file := make([]byte, size)
			if n, err := data.ReadAt(file, 0); n != size || !bytes.Equal(file, want) {
				t.Errorf("size %d frame %d: %d bytes, %v", size, frame, n, err)
			}
		}
	}
}

// A part that goes on hashes and writes nothing twice that was durable.
func TestPartResumes(t *testing.T) {
	fsys := osRoot(t)
	want := bytesOf(500_000, 1)
	data, slots := open(t, fsys)
	const frame, lost = 50_000, 20_000
	for at := 0; at < len(want); at += frame {
		p, err := OpenPart(data, slots, int64(len(want)))
		ok(t, err)
		if p.Offset() != int64(at) {
			t.Fatalf("goes on at %d, durable was %d", p.Offset(), at)
		}
		ok(t, p.Append(want[at:at+frame]))
		if offset, err := p.Sync(); err != nil || offset != int64(at+frame) {
			t.Fatalf("durable %d, %v", offset, err)
		}
		if at+frame < len(want) {
			ok(t, p.Append(want[at:at+lost])) // wrong bytes, never durable
		}
		p.Close()
	}
	p, err := OpenPart(data, slots, int64(len(want)))
	ok(t, err)
	defer p.Close()
	if got, err := p.Finish(); err != nil || got != digest(want) {
		t.Errorf("digest %s, %v", got, err)
	}
	attempts := int64(len(want) / frame)
	effort := int64(len(want)) + (attempts-1)*lost
	if written, hashed := p.Effort(); written != effort || hashed != effort || p.Frames() != attempts {
		t.Errorf("%d written, %d hashed of %d; %d frames of %d", written, hashed, effort, p.Frames(), attempts)
	}
}

// Sync goes on beside Append, and what it says is durable ends with a frame.
func TestPartSyncsBesideAppend(t *testing.T) {
	want := bytesOf(4_000_000, 2)
	const frame = 40_000
	data, slots := open(t, osRoot(t))
	p, err := OpenPart(data, slots, int64(len(want)))
	ok(t, err)
	defer p.Close()
	var syncing sync.WaitGroup
	stop := make(chan struct{})
	syncing.Go(func() {
		last := int64(0)
		for {
			offset, err := p.Sync()
			if err != nil || offset < last || offset%frame != 0 {
				t.Errorf("durable %d after %d, %v", offset, last, err)
				return
			}
			last = offset
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for at := 0; at < len(want); at += frame {
		ok(t, p.Append(want[at:at+frame]))
	}
	close(stop)
	syncing.Wait()
	if got, err := p.Finish(); err != nil || got != digest(want) {
		t.Errorf("digest %s, %v", got, err)
	}
}

func TestPartRefuses(t *testing.T) {
	data, slots := open(t, powerloss.New(clock, 1<<20))
	p, err := OpenPart(data, slots, 10)
	ok(t, err)
	ok(t, p.Append(make([]byte, 6)))
	ok(t, p.Append(nil))
	_, err = p.Finish()
	code(t, err, reason.Protocol)
	code(t, p.Append(make([]byte, 5)), reason.Protocol)
	code(t, p.Append(make([]byte, 4)), reason.Protocol) // an error is final
	_, err = p.Sync()
	code(t, err, reason.Protocol)
	p.Close()
	p.Close()

	p, err = OpenPart(data, slots, -1) // nobody knows the size
	ok(t, err)
	ok(t, p.Append(make([]byte, 100)))
	_, err = p.Finish()
	ok(t, err)
	p.Close()
	code(t, p.Append([]byte("x")), reason.Internal)
}

// failing is a file whose syncs or writes fail.
type failing struct {
	disk.File
	sync, write error
}

func (f *failing) Datasync() error {
	if f.sync != nil {
		return f.sync
	}
	return f.File.Datasync()
}

func (f *failing) WriteAt(p []byte, off int64) (int, error) {
	if f.write != nil {
		return 0, f.write
	}
	return f.File.WriteAt(p, off)
}

// After a sync that failed a later one proves nothing, so there is none.
func TestPartFailures(t *testing.T) {
	for _, c := range []struct {
		err  error
		want reason.Code
	}{{syscall.EIO, reason.StoreFailed}, {syscall.ENOSPC, reason.NoSpace}} {
		for _, large := range []int{1, parallelFrom} {
			for name, spoil := range map[string]func(data, slots *failing){
				"data sync":   func(data, _ *failing) { data.sync = c.err },
				"slots sync":  func(_, slots *failing) { slots.sync = c.err },
				"data write":  func(data, _ *failing) { data.write = c.err },
				"slots write": func(_, slots *failing) { slots.write = c.err },
			} {
				d, s := open(t, powerloss.New(clock, 1<<20))
				data, slots := &failing{File: d}, &failing{File: s}
				p, err := OpenPart(data, slots, -1)
				ok(t, err)
				ok(t, p.Append([]byte("durable")))
				_, err = p.Sync()
				ok(t, err)
				spoil(data, slots)
				err = p.Append(make([]byte, large))
				if err == nil {
					_, err = p.Sync()
				}
				if reason.Of(err) != c.want {
					t.Errorf("%s: %v", name, err)
				}
				*data, *slots = failing{File: d}, failing{File: s}
				if _, err := p.Sync(); reason.Of(err) != c.want {
					t.Errorf("%s: a later sync gives %v", name, err)
				}
				p.Close()
				p, err = OpenPart(data, slots, -1)
				ok(t, err)
				if at := p.Offset(); at != 7 && at != 7+int64(large) {
					t.Errorf("%s: goes on at %d", name, at)
				}
				p.Close()
			}
		}
	}
}

// A slot that vouches for more than there is must not count later, when the
// part is longer again but not durable.
func TestPartForgetsStaleSlots(t *testing.T) {
	data, slots := open(t, powerloss.New(clock, 1<<20))
	p, err := OpenPart(data, slots, 30)
	ok(t, err)
	for range 2 {
		ok(t, p.Append(make([]byte, 10)))
		_, err := p.Sync()
		ok(t, err)
	}
	p.Close()
	for _, c := range []struct{ length, goesOn int64 }{{15, 10}, {5, 0}} {
		ok(t, data.Truncate(c.length))
		p, err := OpenPart(data, slots, 30)
		ok(t, err)
		if p.Offset() != c.goesOn {
			t.Fatalf("of %d bytes goes on at %d", c.length, p.Offset())
		}
		ok(t, p.Append(make([]byte, 30-c.goesOn)))
		p.Close()
		p, err = OpenPart(data, slots, 30)
		ok(t, err)
		if p.Offset() != c.goesOn {
			t.Errorf("of %d bytes goes on at %d though nothing was synced", c.length, p.Offset())
		}
		p.Close()
	}
}

// A slot whose write was cut off or whose sector went bad costs what came since
// the other, and no more.
func TestPartFallsBackToTheOtherSlot(t *testing.T) {
	want := bytesOf(40, 5)
	for bad, goesOn := range map[int64]int64{0: 20, slotStride: 30} {
		data, slots := open(t, powerloss.New(clock, 1<<20))
		p, err := OpenPart(data, slots, 40)
		ok(t, err)
		for at := 0; at < 30; at += 10 {
			ok(t, p.Append(want[at:at+10]))
			_, err := p.Sync()
			ok(t, err)
		}
		p.Close()
		_, err = slots.WriteAt([]byte("damage"), bad+20)
		ok(t, err)
		p, err = OpenPart(data, slots, 40)
		ok(t, err)
		if p.Offset() != goesOn {
			t.Errorf("without the slot at %d goes on at %d", bad, p.Offset())
		}
		ok(t, p.Append(want[p.Offset():]))
		if sum, err := p.Finish(); err != nil || sum != digest(want) {
			t.Errorf("digest %s, %v", sum, err)
		}
		p.Close()
	}
}

func TestPartSlotsUnreadable(t *testing.T) {
	data, slots := open(t, powerloss.New(clock, 1<<20))
	ok(t, slots.Close())
	_, err := OpenPart(data, slots, 30)
	code(t, err, reason.StoreFailed)
	if !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// Append alone, on a file in memory, so that a disk is not what is measured.
func BenchmarkAppend(b *testing.B) {
	dir := "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		dir = b.TempDir()
	}
	dir, err := os.MkdirTemp(dir, "part")
	ok(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	r, err := disk.OS(dir)
	ok(b, err)
	b.Cleanup(func() { r.Close() })
	data, slots := open(b, r)
	frame := bytesOf(256_000, 3)
	const most = 1 << 30 // then from the beginning again
	p, err := OpenPart(data, slots, -1)
	ok(b, err)
	defer func() { p.Close() }()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if p.Offset() > most {
			p.Close()
			p, err = OpenPart(data, slots, -1)
			ok(b, err)
		}
		ok(b, p.Append(frame))
	}
}

// Digested while it is written, as where there are many cores, a part is the same.
func TestDigestAside(t *testing.T) {
	content := bytesOf(5*parallelFrom, 9)
	for _, parallel := range []bool{false, true} {
		d := mustOpen(t, powerloss.New(clock, 1<<24), Limits{})
		in, err := d.Begin(key(1), offerOf(content), nil)
		ok(t, err)
		p, err := OpenPart(in.Data, in.Slots, int64(len(content)))
		ok(t, err)
		p.parallel = parallel
		for at := 0; at < len(content); at += 2 * parallelFrom {
			ok(t, p.Append(content[at:min(at+2*parallelFrom, len(content))]))
		}
		if sum, err := p.Finish(); err != nil || sum != digest(content) {
			t.Errorf("parallel %v: %s, %v", parallel, sum, err)
		}
		p.Close()
	}
}
