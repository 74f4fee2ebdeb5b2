package depot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// version is a folder that may share files with another.
type version struct {
	*folderSource
	base   *version
	reuse  []byte // the list
	shared int64
	list   *manifest.Reuse
	rest   []byte // the stream without what is shared
}

// proven is the text of the version's proven manifest.
func (v *version) proven(t *testing.T) []byte {
	t.Helper()
	var text bytes.Buffer
	proof := manifest.NewProofTo(&text)
	for _, e := range v.entries {
		sum, err := manifest.ParseSum(digest(v.content[e.Path]))
		ok(t, err)
		proof.Add(e, sum)
	}
	if proof.SHA256() != v.proof {
		t.Fatal("the proof is another")
	}
	return text.Bytes()
}

// newVersion makes a version of which one file differs from base, and another
// folder with files of its own is there.
func newVersion(t *testing.T, base *version, change string) *version {
	t.Helper()
	v := &version{folderSource: &folderSource{content: map[string][]byte{}}, base: base}
	for i, e := range base.entries {
		e.MTime += int64(i) // it was copied
		v.entries = append(v.entries, e)
		if content, ok := base.content[e.Path]; ok {
			v.content[e.Path] = slices.Clone(content)
		}
		if e.Path == change {
			v.content[e.Path][len(v.content[e.Path])/2] ^= 1
		}
	}
	if change != "" {
		v.entries = slices.DeleteFunc(v.entries, func(e manifest.Entry) bool { return e.Path == "reels/none" })
	}
	v.complete(t)
	list, shared, err := manifest.Compare(bytes.NewReader(v.proven(t)), bytes.NewReader(base.proven(t)))
	ok(t, err)
	v.list, v.reuse, v.shared = list, list.Append(nil), shared
	for i, e := range v.entries {
		if _, shared := list.Of(i); !shared {
			v.rest = append(v.rest, v.content[e.Path]...)
		}
	}
	if int64(len(v.rest)) != v.sum.Size-shared {
		t.Fatalf("%d bytes do not share %d of %d", len(v.rest), shared, v.sum.Size)
	}
	return v
}

func (v *version) complete(t *testing.T) {
	t.Helper()
	var text bytes.Buffer
	w, proof := manifest.NewWriter(&text), manifest.NewProof()
	for _, e := range v.entries {
		ok(t, w.Add(e))
		sum, err := manifest.ParseSum(digest(v.content[e.Path]))
		ok(t, err)
		proof.Add(e, sum)
		v.stream = append(v.stream, v.content[e.Path]...)
	}
	var err error
	v.sum, err = w.Close()
	ok(t, err)
	v.folderSource.list, v.proof = text.Bytes(), proof.SHA256()
}

func (v *version) offerOf(t *testing.T) Offer {
	o := v.offer()
	o.SHA256 = v.proof
	if v.base != nil {
		o.Base, o.BaseProven, o.Reuse, o.Shared = 1, int64(len(v.base.proven(t))), int64(len(v.reuse)), v.shared
		o.ReuseSHA256 = fmt.Sprintf("%x", sha256.Sum256(v.reuse))
	}
	return o
}

// versionLife is the delivery of a version as number 2, over the deposit of its
// base as number 1.
type versionLife struct {
	t       *testing.T
	where   string
	fsys    *powerloss.Disk
	version *version
	acked   int64
	sent    int64
	shared  bool // the latest attempt had the base
	receipt *receipt.Receipt
}

func (l *versionLife) run() (whole bool) {
	l.t.Helper()
	err := l.try()
	if err != nil && !errors.Is(err, powerloss.ErrPower) {
		l.t.Fatalf("%s: %v", l.where, err)
	}
	return err == nil
}

func (l *versionLife) try() error {
	d, err := Open(l.fsys, Options{Clock: clock})
	if err != nil {
		return err
	}
	defer d.Close()
	d.removals.running.Wait() // or the operations would be in another order each time
	in, err := d.Begin(key(2), l.version.offerOf(l.t), sign)
	if err != nil {
		return err
	}
	defer d.Release(key(2))
	if in.Receipt == nil {
		done, err := l.fill(in)
		if err != nil {
			return err
		}
		r, err := d.Publish(key(2), Result{SHA256: done.SHA256, Size: l.version.sum.Size, Facts: done.Facts}, sign)
		if err != nil {
			return err
		}
		in.Receipt = &r
	}
	if err := receipt.Verify(*in.Receipt); err != nil || in.Receipt.SHA256 != l.version.proof || l.receipt != nil && l.receipt.Signature != in.Receipt.Signature {
		l.t.Fatalf("%s: %v: %+v", l.where, err, in.Receipt)
	}
	l.receipt = in.Receipt
	d.removals.running.Wait()
	if err := d.Close(); err != nil {
		return err
	}
	if d, err = Open(l.fsys, Options{Clock: clock}); err != nil {
		return err
	}
	d.removals.running.Wait()
	return d.Close()
}

func (l *versionLife) fill(in *Incoming) (Finished, error) {
	plan := l.version.plan(in.Name)
	plan.Base = in.Base
	f, err := OpenFolder(in.Dir, plan)
	if err != nil {
		return Finished{}, err
	}
	defer f.Close()
	if !f.Described() {
		text := slices.Clone(l.version.folderSource.list)
		if f.Shares() {
			text = slices.Concat(text, l.version.base.proven(l.t), l.version.reuse)
		}
		rest := bytes.NewReader(text)
		if err := f.Describe(iotest.HalfReader(rest)); err != nil {
			return Finished{}, err
		}
		if rest.Len() > 0 {
			l.t.Fatalf("%s: %d bytes of the description are left", l.where, rest.Len())
		}
	}
	if err := f.Start(); err != nil {
		return Finished{}, err
	}
	f.noteBytes = 1300
	stream := l.version.stream
	if l.shared = f.Based(); l.shared {
		stream = l.version.rest
	}
	if f.Offset() < l.acked && l.shared {
		l.t.Fatalf("%s: goes on at %d, acknowledged was %d", l.where, f.Offset(), l.acked)
	}
	l.acked = f.Offset()
	half := true
	for at := f.Offset(); at < int64(len(stream)); {
		end := min(at+700, int64(len(stream)))
		if err := f.Append(stream[at:end]); err != nil {
			return Finished{}, err
		}
		l.sent += end - at
		at = end
		if l.acked, err = f.Sync(); err != nil {
			return Finished{}, err
		}
		if half { // some of the stream before, some after
			half = false
			if err := f.Share(); err != nil {
				return Finished{}, err
			}
		}
	}
	if half {
		if err := f.Share(); err != nil {
			return Finished{}, err
		}
	}
	done, err := f.Finish(func() {})
	// A file that was changed and one that was taken are both compared with
	// the packing list.
	if want := append([]string{"pkl_hash reels/1"}, faults...); err == nil && !slices.Equal(done.Warnings, want) {
		l.t.Fatalf("%s: warnings %q, want %q", l.where, done.Warnings, want)
	}
	return done, err
}

// end sees that both versions are there, and nothing besides.
func (l *versionLife) end() {
	l.t.Helper()
	for name, v := range map[string]*version{"Feature_DCP": l.version.base, "Feature_DCP (2)": l.version} {
		if err := v.published(l.fsys, name); err != nil {
			l.t.Fatalf("%s: %s: %v", l.where, name, err)
		}
	}
	names, err := l.fsys.ReadDir(metaDir)
	if err != nil || fmt.Sprint(names) != "[lock receipts]" || l.receipt == nil || l.receipt.Path != "Feature_DCP (2)" {
		l.t.Fatalf("%s: .vc has %q, %v, the receipt is %+v", l.where, names, err, l.receipt)
	}
}

// withBase makes a store in which the base is deposited.
func withBase(t *testing.T, base *version) *powerloss.Disk {
	t.Helper()
	fsys := powerloss.New(clock, 1<<22)
	first := newFolderLife(t, base.folderSource, fsys, "the base")
	if !first.run() {
		t.Fatal("the power went without being cut")
	}
	return fsys
}

// Whenever the power goes while a version is taken from its base and the stream,
// and again in what follows, it ends as the version that it is, and the base as
// it was; what was acknowledged does not come again.
func TestSharedPowerLoss(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	v := newVersion(t, base, "reels/1")
	before := withBase(t, base)
	life := func(where string) *versionLife {
		return &versionLife{t: t, where: where, fsys: before.Survivors(powerloss.Nothing(true)), version: v}
	}
	calm := life("calm")
	began := calm.fsys.Operations()
	if !calm.run() || !calm.shared || calm.sent != int64(len(v.rest)) {
		t.Fatalf("%d bytes came of %d that are not shared", calm.sent, len(v.rest))
	}
	total := calm.fsys.Operations() - began
	calm.end()
	chance := rand.New(rand.NewPCG(5, 6))
	for cut := 1; cut <= total; cut++ {
		for _, loss := range []powerloss.Loss{powerloss.Everything(), powerloss.Nothing(true), powerloss.Some(chance.Uint64())} {
			l := life(fmt.Sprintf("cut %d of %d", cut, total))
			l.fsys.CutAt(cut)
			if l.run() {
				t.Fatalf("cut %d of %d was not felt", cut, total)
			}
			l.fsys = l.fsys.Survivors(loss)
			l.fsys.CutAt(1 + chance.IntN(total))
			if !l.run() {
				l.fsys = l.fsys.Survivors(powerloss.Everything())
				l.run()
			}
			l.fsys.CutAt(0)
			if l.receipt == nil {
				l.run()
			}
			if !l.shared {
				t.Fatalf("%s: everything came", l.where)
			}
			l.end()
		}
	}
}

// Wherever the disk is full while a version is taken from its base and the stream,
// that is said; once there is room it goes on from what was acknowledged, with the
// base.
func TestSharedDiskFull(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	v := newVersion(t, base, "reels/1")
	full := 0
	for room := int64(1 << 10); ; room += 1 << 10 {
		l := &versionLife{t: t, where: fmt.Sprintf("room for %d bytes", room), fsys: withBase(t, base), version: v}
		l.fsys.SetCapacity(room)
		err := l.try()
		if err == nil {
			l.end()
			break
		}
		full++
		if code := reason.Of(err); code != reason.NoSpace {
			t.Fatalf("%s: %v", l.where, err)
		}
		l.fsys.SetCapacity(1 << 22)
		if !l.run() || !l.shared || l.sent > int64(len(v.rest))+700 {
			t.Fatalf("%s: %d bytes came of %d that are not shared", l.where, l.sent, len(v.rest))
		}
		l.end()
	}
	if full < 10 {
		t.Errorf("it was full %d times", full)
	}
}

// A base that was touched, or has gone, or of which no hashes were kept, is not
// taken, whenever that is found: everything comes, and arrives.
func TestTouchedBaseIsNotTaken(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	v := newVersion(t, base, "reels/1")
	touch := func(l *versionLife) {
		f, err := l.fsys.OpenFile("Feature_DCP/reels/2", os.O_RDWR, 0)
		ok(t, err)
		_, err = f.WriteAt([]byte("?"), 0)
		ok(t, errors.Join(err, f.Close()))
	}
	for name, spoil := range map[string]func(*versionLife){
		"touched":   touch,
		"gone":      func(l *versionLife) { ok(t, disk.RemoveTree(t.Context(), l.fsys, "Feature_DCP")) },
		"no hashes": func(l *versionLife) { ok(t, l.fsys.Remove(key(1).hashesFile())) },
	} {
		l := &versionLife{t: t, where: name, fsys: withBase(t, base), version: v}
		spoil(l)
		if !l.run() || l.shared || l.sent != v.sum.Size {
			t.Errorf("%s: %d bytes came of %d", name, l.sent, v.sum.Size)
		}
	}
}

// The base is touched while files are taken from it, after the supervisor has
// looked: that attempt fails, and the next one has everything come.
func TestBaseTouchedMeanwhile(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	v := newVersion(t, base, "reels/1")
	for name, spoil := range map[string]func(*powerloss.Disk) error{
		"written": func(fsys *powerloss.Disk) error {
			f, err := fsys.OpenFile("Feature_DCP/reels/2", os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("?"), 0)
			return err
		},
		"removed": func(fsys *powerloss.Disk) error { return fsys.Remove("Feature_DCP/reels/2") },
		"shorter": func(fsys *powerloss.Disk) error {
			f, err := fsys.OpenFile("Feature_DCP/reels/2", os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Truncate(0)
		},
	} {
		fsys := withBase(t, base)
		d, err := Open(fsys, Options{Clock: clock})
		ok(t, err)
		in, err := d.Begin(key(2), v.offerOf(t), sign)
		ok(t, err)
		plan := v.plan(in.Name)
		plan.Base = in.Base
		f, err := OpenFolder(in.Dir, plan)
		ok(t, err)
		ok(t, f.Describe(io.MultiReader(bytes.NewReader(v.folderSource.list), bytes.NewReader(base.proven(t)), bytes.NewReader(v.reuse))))
		ok(t, f.Start())
		ok(t, f.Append(v.rest[:700]))
		_, err = f.Sync()
		ok(t, err)
		ok(t, spoil(fsys))
		if err := f.Share(); !errors.Is(err, errTouched) {
			t.Fatalf("%s: shared with %v", name, err)
		}
		if err := f.Append(v.rest[700:701]); err == nil {
			t.Errorf("%s: the stream goes on", name)
		}
		f.Close()
		d.Release(key(2))
		ok(t, d.Close())
		l := &versionLife{t: t, where: name, fsys: fsys.Survivors(powerloss.Everything()), version: v}
		if !l.run() || l.shared || l.sent != v.sum.Size {
			t.Errorf("%s: %d bytes came of %d", name, l.sent, v.sum.Size)
		}
	}
}

// What does not fit the base is no error of the delivery: everything comes.
func TestListThatDoesNotFit(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	for name, spoil := range map[string]func(*version){
		"another base": func(v *version) { v.base = newVersion(t, base, "reels/2") },
		"no list":      func(v *version) { v.reuse = []byte("something else\n") },
		"other bytes":  func(v *version) { v.shared-- },
		"other files":  func(v *version) { v.reuse = []byte("vc reuse v1\n0 1 3\n") },
		"beyond":       func(v *version) { v.reuse = []byte("vc reuse v1\n0 3 800000\n") },
	} {
		v := newVersion(t, base, "reels/1")
		spoil(v)
		l := &versionLife{t: t, where: name, fsys: withBase(t, base), version: v}
		if !l.run() || l.shared || l.sent != v.sum.Size {
			t.Errorf("%s: %d bytes came of %d", name, l.sent, v.sum.Size)
		}
	}
}

// A version that differs in nothing but times has no byte in its stream.
func TestAllIsShared(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	v := newVersion(t, base, "")
	fsys := withBase(t, base)
	// The receipt says that all is there: so it is deposited at once.
	l := &versionLife{t: t, where: "known", fsys: fsys, version: v}
	if !l.run() || l.sent != 0 || l.receipt.Path != "Feature_DCP" {
		t.Errorf("%d bytes came, deposited as %v", l.sent, l.receipt)
	}
}

// losing is a part's directory on a disk that loses what was written: as syncfs(2)
// does, one sync of everything tells of it, and those after it do not.
type losing struct {
	disk.FS
	lost   error
	shared func() // is called when a file has been made
}

func (l *losing) SyncAll() error {
	err := l.lost
	if l.lost = nil; err != nil {
		return err
	}
	return l.FS.SyncAll()
}

func (l *losing) SetModTime(name string, at time.Time) error {
	if l.shared != nil {
		l.shared()
	}
	return l.FS.SetModTime(name, at)
}

// The stream and what is shared are made durable at the same time. What the disk
// has lost is told to one of both, and neither is durable.
func TestLostWhileShared(t *testing.T) {
	base := &version{folderSource: makeFolder(t, 1)}
	v := newVersion(t, base, "reels/1")
	start := func(d *Depot) (*Folder, *losing) {
		in, err := d.Begin(key(2), v.offerOf(t), sign)
		ok(t, err)
		plan, dir := v.plan(in.Name), &losing{FS: in.Dir}
		plan.Base = in.Base
		f, err := OpenFolder(dir, plan)
		ok(t, err)
		t.Cleanup(f.Close)
		if !f.Described() {
			ok(t, f.Describe(io.MultiReader(bytes.NewReader(v.folderSource.list), bytes.NewReader(base.proven(t)), bytes.NewReader(v.reuse))))
		}
		ok(t, f.Start())
		return f, dir
	}

	// Share hears of it, and has not said so yet.
	f, dir := start(mustOpen(t, withBase(t, base), Limits{}))
	ok(t, f.Append(v.rest[:700]))
	dir.lost = syscall.EIO
	if err := f.noteShared(1, false); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if at, err := f.Sync(); err == nil {
		t.Errorf("%d bytes are acknowledged, of which the disk has lost some", at)
	}

	// Sync hears of it when all of the shared files have been made.
	d := mustOpen(t, withBase(t, base), Limits{})
	f, dir = start(d)
	ok(t, f.Append(v.rest[:700]))
	made := 0
	dir.shared = func() {
		if made++; made == 3 { // the last
			dir.lost = syscall.EIO
			if _, err := f.Sync(); !errors.Is(err, syscall.EIO) {
				t.Error(err)
			}
		}
	}
	if err := f.Share(); err == nil {
		t.Error("shared, though the disk has lost some of it")
	}
	if made != 3 {
		t.Fatalf("%d files are shared", made)
	}
	f.Close()
	d.Release(key(2))
	if f, _ = start(d); f.taken || f.shared.durable.offset > 0 || f.Offset() > 0 {
		t.Errorf("it goes on at %d, with %d bytes that are shared", f.Offset(), f.shared.durable.offset)
	}
}
