package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

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
	synced       func() // called when it is durable
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
	if m.synced != nil {
		m.synced()
	}
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

// described is what the index says of a cluster of the tests.
func described(c []byte) Cluster {
	n := int64(len(c))
	return Cluster{From: time.Duration(n), To: time.Duration(2 * n), Key: c[4] > 99, Tracks: [MostTracks]Tally{{Packets: 1, Frames: n}}}
}

func whole(r io.ReaderAt, at, size int64) (Cluster, error) {
	b := make([]byte, 4)
	if _, err := r.ReadAt(b, at); err != nil {
		return Cluster{}, err
	}
	end := at + int64(binary.BigEndian.Uint32(b))
	if end-at < 5 || end > size {
		return Cluster{}, io.ErrUnexpectedEOF
	}
	b = make([]byte, end-at)
	if _, err := r.ReadAt(b, at); err != nil {
		return Cluster{}, err
	}
	if bytes.Count(b[4:], b[4:5]) != len(b)-4 || b[4] == 0 {
		return Cluster{}, errors.New("damaged")
	}
	c := described(b)
	c.Offset, c.End = at, end
	return c, nil
}

// reel is a recording and its files.
type reel struct {
	*Writer
	data, marks, index *memory
	limit              int64
}

func create(t interface{ Fatal(...any) }, limit int64) *reel {
	r := &reel{data: &memory{}, marks: &memory{}, index: &memory{}, limit: limit}
	w, err := Create(r.files(), []byte(head), limit)
	if err != nil {
		t.Fatal(err)
	}
	r.Writer = w
	return r
}

func (r *reel) files() Files { return Files{r.data, r.marks, r.index} }

func (r *reel) follow() *Follower { return Follow(r.data, r.marks, r.index) }

// add appends a cluster with the tallies that it then has.
func (r *reel) add(c []byte, gaps ...Gap) error {
	d := described(c)
	for i, t := range r.Last().Tracks {
		d.Tracks[i] = Tally{t.Packets + d.Tracks[i].Packets, t.Frames + d.Tracks[i].Frames, t.Lost}
	}
	for _, g := range gaps {
		d.Tracks[g.Track-1].Lost += g.Lost
	}
	return r.Append(c, d, gaps)
}

func (r *reel) resume() (err error) {
	r.Writer, err = Resume(r.files(), whole, r.limit)
	return err
}

// noted is what a follower should find.
type noted struct {
	clusters []Cluster
	gaps     []Gap
}

func (r *reel) check(t interface {
	Fatal(...any)
	Errorf(string, ...any)
}, want noted) {
	f := r.follow()
	var got []Cluster
	at := int64(len(head))
	for {
		some, err := f.Clusters(at, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		got = append(got, some...)
		at = got[len(got)-1].End
	}
	if !slices.Equal(got, want.clusters) {
		t.Errorf("the index has %+v, not %+v", got, want.clusters)
	}
	gaps, besides, err := f.Gaps(int64(len(head)), at, 100)
	if err != nil || besides != 0 || !slices.Equal(gaps, want.gaps) {
		t.Errorf("the gaps are %+v, not %+v: %d, %v", gaps, want.gaps, besides, err)
	}
}

// Whatever the power takes, a restart has at least what followers were shown,
// in whole clusters, and goes on there.
func TestPowerLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := create(t, 1<<20)
		file := []byte(head)
		var want noted
		keep := func() bool { return rapid.Bool().Draw(t, "page") }
		for range rapid.IntRange(1, 4).Draw(t, "losses") {
			for range rapid.IntRange(0, 5).Draw(t, "clusters") {
				c := cluster(rapid.IntRange(5, 300).Draw(t, "size"), byte(rapid.IntRange(0, 255).Draw(t, "fill")))
				var gaps []Gap
				for range rapid.IntRange(0, 2).Draw(t, "gaps") {
					gaps = append(gaps, Gap{Track: rapid.IntRange(1, 2).Draw(t, "track"), From: 3, To: 9, Lost: 7, Code: reason.DeviceHung, Detail: "nothing came"})
				}
				if err := r.add(c, gaps...); err != nil {
					t.Fatal(err)
				}
				file = append(file, c...)
				want.clusters, want.gaps = append(want.clusters, r.Last()), append(want.gaps, gaps...)
				if rapid.IntRange(0, 3).Draw(t, "let go") == 0 {
					if err := r.Release(r.Mark().Offset); err != nil {
						t.Fatal(err)
					}
				}
			}
			shown, err := r.follow().Mark()
			if err != nil || shown.Offset != int64(len(file)) {
				t.Fatalf("followers see %v, %v", shown, err)
			}
			// One more is written and cut off by the power.
			half := cluster(200, 7)
			r.data.put(half[:rapid.IntRange(0, 200).Draw(t, "half")], int64(len(file)))
			r.data.lose(keep)
			if rapid.Bool().Draw(t, "power") {
				r.marks.lose(keep)
				r.index.lose(keep)
			}
			if err := r.resume(); err != nil {
				t.Fatal(err)
			}
			if r.Mark().Offset > int64(len(file)) {
				file = append(file, half...)
				want.clusters = append(want.clusters, r.Last())
			}
			if len(r.data.now) != len(file) || r.Mark().Offset != int64(len(file)) {
				t.Fatalf("after it there are %d bytes, not %d", len(r.data.now), len(file))
			}
			r.check(t, want)
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := create(t, 1<<20)
		f := w.follow()
		begin := time.Now()
		time.AfterFunc(time.Second, func() {
			if err := w.add(cluster(100, 3)); err != nil {
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
		w.data.put([]byte{1, 2, 3}, m.Offset) // that is not shown yet
		if err := f.ReadAt(b, m.Offset-97); reason.Of(err) != reason.Internal {
			t.Errorf("beyond the mark: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.Wait(ctx, m.Offset); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("where nothing comes: %v", err)
		}
		if err := w.End(nil); err != nil {
			t.Fatal(err)
		}
		if m, err := f.Wait(t.Context(), m.Offset); err != nil || !m.Ended || m.Offset != int64(len(head))+100 {
			t.Errorf("at its end: %v, %v", m, err)
		}
		if err := w.add(cluster(10, 1)); err == nil {
			t.Error("it goes on after its end")
		}
	})
}

// The limit is for what is held; what every delivery has makes room.
func TestLimit(t *testing.T) {
	w := create(t, 20_000)
	for range 2 {
		if err := w.add(cluster(9000, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.add(cluster(9000, 3)); reason.Of(err) != reason.SpoolFull {
		t.Errorf("beyond the limit: %v", err)
	}
	if err := w.Release(int64(len(head)) + 9000); err != nil {
		t.Fatal(err)
	}
	if err := w.add(cluster(9000, 3)); err != nil {
		t.Error(err)
	}
	if len(w.data.punched) != 1 || w.data.punched[0] != [2]int64{4096, 4096} {
		t.Errorf("given back: %v", w.data.punched)
	}
	f, b := w.follow(), make([]byte, len(head))
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
	w := create(t, 1<<20)
	w.data.room = 500
	if err := w.add(cluster(400, 3)); err != nil {
		t.Fatal(err)
	}
	if err := w.add(cluster(400, 3)); reason.Of(err) != reason.SpoolFull || len(w.data.now) != len(head)+400 {
		t.Errorf("a full disk: %v, %d bytes", err, len(w.data.now))
	}
	if err := w.add(cluster(50, 3)); err != nil {
		t.Errorf("what fits: %v", err)
	}
	w.data.fails = syscall.EIO
	for range 2 {
		if err := w.add(cluster(10, 3)); reason.Of(err) != reason.StoreFailed {
			t.Errorf("a disk that fails: %v", err)
		}
		w.data.fails = nil
	}
	if err := w.End(nil); err == nil {
		t.Error("it ended well")
	}
}

func TestResumeRefused(t *testing.T) {
	if _, err := Resume(Files{&memory{}, &memory{}, &memory{}}, whole, 1); reason.Of(err) != reason.StoreFailed {
		t.Errorf("nothing: %v", err)
	}
	w := create(t, 1<<20)
	if err := w.add(cluster(100, 3)); err != nil {
		t.Fatal(err)
	}
	w.data.now = w.data.now[:50]
	if _, err := Resume(w.files(), whole, 1<<20); reason.Of(err) != reason.StoreFailed {
		t.Errorf("data that was lost: %v", err)
	}
}

// What is missing when a recording ends stays noted, as does the end of a pause.
func TestEnds(t *testing.T) {
	w := create(t, 1<<20)
	if err := w.add(cluster(100, 3)); err != nil {
		t.Fatal(err)
	}
	if err := w.Pause(); err != nil {
		t.Fatal(err)
	}
	if m, err := w.follow().Mark(); err != nil || !m.Paused || m.Ended {
		t.Errorf("%+v, %v", m, err)
	}
	if err := w.resume(); err != nil || w.Mark().Paused {
		t.Errorf("%+v, %v", w.Mark(), err)
	}
	last := Gap{Track: 1, From: 5, To: 9, Lost: 2, Code: reason.DeviceAbsent, Detail: "unplugged"}
	if err := w.End([]Gap{last}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.check(t, noted{[]Cluster{w.Last()}, []Gap{last}})
		if err := w.resume(); err != nil || !w.Mark().Ended {
			t.Errorf("%+v, %v", w.Mark(), err)
		}
	}
}

// The gap that a track is in at an offset is the one that is noted behind it
// before the track goes on, whatever the other does meanwhile.
func TestOpen(t *testing.T) {
	w := create(t, 1<<20)
	add := func(track int, gaps ...Gap) int64 {
		c := Cluster{Tracks: w.Last().Tracks}
		c.Tracks[track-1].Packets++
		if err := w.Append(cluster(100, 3), c, gaps); err != nil {
			t.Fatal(err)
		}
		return w.Mark().Offset
	}
	gap := func(track, from int) Gap {
		return Gap{Track: track, From: time.Duration(from), To: 99, Code: reason.DeviceAbsent}
	}
	add(1)
	both := add(2)
	add(2, gap(2, 5))
	back := add(1, gap(1, 7))
	add(1, gap(1, 8))
	if err := w.End([]Gap{gap(2, 9)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		offset int64
		track  int
		want   Gap
		known  bool
	}{
		{int64(len(head)), 1, Gap{}, true}, {int64(len(head)), 2, Gap{}, true}, {both, 1, gap(1, 7), true}, {both, 2, gap(2, 5), true},
		{back, 1, gap(1, 8), true}, {back, 2, gap(2, 9), true}, {w.Mark().Offset, 1, Gap{}, false}, {w.Mark().Offset, 2, gap(2, 9), true},
	} {
		got, known, err := w.follow().Open(c.offset, c.track)
		if err != nil || got != c.want || known != c.known {
			t.Errorf("track %d at %d: %+v, %v, %v", c.track, c.offset, got, known, err)
		}
	}
}

// What does not fit into a record is cut or left out, and counts all the same.
func TestGapsAreBounded(t *testing.T) {
	w := create(t, 1<<20)
	long := Gap{Track: 2, Lost: 1, Code: reason.DeviceFailed, Detail: strings.Repeat("é", 500)}
	if err := w.add(cluster(100, 3), slices.Repeat([]Gap{long}, mostGaps+5)...); err != nil {
		t.Fatal(err)
	}
	gaps, besides, err := w.follow().Gaps(int64(len(head)), w.Mark().Offset, 5)
	if err != nil || len(gaps) != 5 || besides != mostGaps-5 || w.Last().Tracks[1].Lost != mostGaps+5 {
		t.Errorf("%d gaps and %d, %v", len(gaps), besides, err)
	}
	if d := gaps[0].Detail; len(d) < 60 || !utf8.ValidString(d) || gaps[0].Code != reason.DeviceFailed {
		t.Errorf("%+v", gaps[0])
	}
}

// A part finds what is its own, wherever it begins.
func TestIndex(t *testing.T) {
	w := create(t, 1<<20)
	var want noted
	for n := range 50 {
		var gaps []Gap
		if n%3 == 0 {
			gaps = []Gap{{Track: 1, From: time.Duration(n), To: time.Duration(n + 1), Code: reason.DeviceHung}}
		}
		if err := w.add(cluster(100+n, byte(n)), gaps...); err != nil {
			t.Fatal(err)
		}
		want.clusters, want.gaps = append(want.clusters, w.Last()), append(want.gaps, gaps...)
	}
	w.check(t, want)
	for n, c := range want.clusters {
		f := w.follow()
		if got, err := f.Clusters(c.Offset, 3); err != nil || !slices.Equal(got, want.clusters[n:min(n+3, 50)]) {
			t.Errorf("from %d on: %+v, %v", n, got, err)
		}
		var before Cluster
		if n > 0 {
			before = want.clusters[n-1]
		}
		if got, err := f.Before(c.Offset); err != nil || got != before {
			t.Errorf("before %d: %+v, %v", n, got, err)
		}
		gaps, _, err := f.Gaps(c.Offset, c.End, 100)
		if some := n%3 == 0 || n%3 == 2 && n < 49; err != nil || some != (len(gaps) == 1) {
			t.Errorf("of %d: %+v, %v", n, gaps, err)
		}
		if _, err := f.Clusters(c.Offset+1, 3); reason.Of(err) != reason.SourceUnreadable {
			t.Errorf("within %d: %v", n, err)
		}
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
	w, err := Create(Files{open("data"), open("mark"), open("index")}, []byte(head), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	w.SetOrigin(time.Hour)
	for range 4 {
		if err := w.Append(cluster(5000, 9), Cluster{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Release(int64(len(head)) + 15_000); err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Error(err)
	}
	again, err := Resume(Files{open("data"), open("mark"), open("index")}, whole, 1<<20)
	if err != nil || again.Mark().Offset != int64(len(head))+20_000 || again.Mark().Released != int64(len(head))+15_000 || again.Mark().Origin != time.Hour {
		t.Errorf("%v, %v", again.Mark(), err)
	}
	if err := again.End(nil); err != nil {
		t.Error(err)
	}
	if m, err := Follow(open("data"), open("mark"), open("index")).Mark(); err != nil || !m.Ended {
		t.Errorf("%v, %v", m, err)
	}
}

// What is let go of in pieces, none of which is of whole blocks, goes wholly but for
// the block that is still needed and that of the head.
func TestReleaseInPieces(t *testing.T) {
	for _, n := range []int{1600, 5000, 10_000} {
		w := create(t, 1<<20)
		given := make(map[int64]bool)
		for range 100 {
			if err := w.add(cluster(n, 3)); err != nil {
				t.Fatal(err)
			}
			if err := w.Release(w.Mark().Offset); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range w.data.punched {
			for at := p[0]; at < p[0]+p[1]; at += block {
				given[at] = true
			}
		}
		if want := int(w.Mark().Offset/block) - 1; len(given) != want || !bytes.HasPrefix(w.data.now, []byte(head)) {
			t.Errorf("by %d bytes: %d blocks are given back, not %d", n, len(given), want)
		}
	}
}

// A disk that has no room for the index is as full as one that has none for the
// data: when there is room, the recording goes on.
func TestIndexFull(t *testing.T) {
	w := create(t, 1<<20)
	gap := Gap{Track: 1, From: 3, To: 9, Lost: 7, Code: reason.DeviceHung, Detail: "nothing came"}
	var want noted
	for room := recordSize; room <= 6*recordSize; room += 50 {
		w.index.room = room
		before := len(w.data.now)
		switch err := w.add(cluster(100, 3), gap); {
		case err == nil:
		case reason.Of(err) != reason.SpoolFull || len(w.data.now) != before || len(w.index.now) != int(w.records)*recordSize:
			t.Fatalf("%d bytes: %v, %d bytes of data and %d of the index", room, err, len(w.data.now), len(w.index.now))
		default:
			continue
		}
		want.clusters, want.gaps = append(want.clusters, w.Last()), append(want.gaps, gap)
	}
	if len(want.clusters) != 2 {
		t.Errorf("there are %d clusters", len(want.clusters))
	}
	w.check(t, want)
	w.index.room = 4 * recordSize
	if err := w.End([]Gap{gap}); reason.Of(err) != reason.SpoolFull {
		t.Errorf("no room for what is missing at the end: %v", err)
	}
	if err := w.End(nil); err != nil {
		t.Error(err)
	}
	w.check(t, want)
}

// Whoever dies between a cluster and what the index says of it has noted what is
// missing before it.
func TestGapOfTheLastCluster(t *testing.T) {
	w := create(t, 1<<20)
	if err := w.add(cluster(100, 3)); err != nil {
		t.Fatal(err)
	}
	gap := Gap{Track: 1, From: 3, To: 9, Lost: 7, Code: reason.DeviceHung, Detail: "nothing came"}
	w.data.synced = func() { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		_ = w.add(cluster(100, 3), gap)
	}()
	w.data.synced = nil
	before := w.Last()
	if err := w.resume(); err != nil {
		t.Fatal(err)
	}
	if w.Mark().Offset != before.End+100 || w.Last().Tracks[0].Lost != 7 {
		t.Errorf("after it there is %+v", w.Last())
	}
	w.check(t, noted{[]Cluster{before, w.Last()}, []Gap{gap}})
}

// A power loss after the spool let go of something leaves a mark that says so: what
// was given back is not taken for the recording, and its room is there for more.
func TestReleaseIsDurable(t *testing.T) {
	w := create(t, 16_000)
	add := func(n int) {
		t.Helper()
		for range n {
			if err := w.add(cluster(5000, 3)); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(3)
	released := w.Last().Offset
	if err := w.Release(released); err != nil || len(w.data.punched) == 0 {
		t.Fatalf("given back is %v: %v", w.data.punched, err)
	}
	add(1)
	w.marks.lose(func() bool { return false })
	if err := w.resume(); err != nil {
		t.Fatal(err)
	}
	if m := w.Mark(); m.Released != released {
		t.Errorf("what was given back up to %d is kept from %d on, as the mark has it", released, m.Released)
	}
	add(1)
}
