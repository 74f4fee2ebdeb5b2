package depot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// life is what the world outside knows of a store, across crashes: what was
// acknowledged must be there after power-on.
type life struct {
	t          *testing.T
	where      string
	fsys       *powerloss.Disk
	offsets    map[Key]int64
	receipts   map[Key]receipt.Receipt
	newVersion bool // key 4 is asked for in its second version
	withdrawn  bool // key 5 is to be withdrawn
	freed      bool // and was
}

const (
	lifeFrame = 3000
	lifeSize  = 10_000
)

// content is that of a source; the third delivery is of the first one's.
func (l *life) content(n uint64) []byte { return bytesOf(lifeSize, 100+n) }

func (l *life) fatal(format string, args ...any) {
	l.t.Helper()
	l.t.Fatalf(l.where+": "+format, args...)
}

// run takes the store from wherever it is to the end: four deliveries
// deposited, one withdrawn. It ends early when the power goes, and anything
// else that fails is a fault.
func (l *life) run() (whole bool) {
	l.t.Helper()
	err := l.try()
	if err != nil && !errors.Is(err, powerloss.ErrPower) {
		l.fatal("%v", err)
	}
	return err == nil
}

func (l *life) try() error {
	d, err := Open(l.fsys, Options{Clock: clock})
	if err != nil {
		return err
	}
	defer d.Close()
	first := offerOf(l.content(1))
	if err := l.deliver(d, key(1), first, l.content(1), lifeSize/2); err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	if d, err = Open(l.fsys, Options{Clock: clock}); err != nil {
		return err
	}
	defer d.Close()
	if err := l.deliver(d, key(1), first, l.content(1), lifeSize); err != nil {
		return err
	}
	// Other content of the same name, whose digest is not known before.
	second := offerOf(l.content(2))
	second.SHA256 = ""
	if err := l.deliver(d, key(2), second, l.content(2), lifeSize); err != nil {
		return err
	}
	if err := l.deliver(d, key(3), first, l.content(1), lifeSize); err != nil {
		return err
	}
	if err := l.changeSource(d); err != nil {
		return err
	}
	return l.withdraw(d)
}

// changeSource asks for one version, then for another.
func (l *life) changeSource(d *Depot) error {
	if !l.newVersion {
		if err := l.deliver(d, key(4), offerOf(l.content(3)), l.content(3), lifeSize/2); err != nil {
			return err
		}
		l.newVersion = true
		delete(l.offsets, key(4))
	}
	return l.deliver(d, key(4), offerOf(l.content(4)), l.content(4), lifeSize)
}

func (l *life) withdraw(d *Depot) error {
	if !l.withdrawn {
		if err := l.deliver(d, key(5), offerOf(l.content(5)), l.content(5), lifeSize/2); err != nil {
			return err
		}
		l.withdrawn = true
		delete(l.offsets, key(5))
	}
	if err := d.Withdraw(key(5)); err != nil {
		return err
	}
	l.freed = true
	if err := d.Close(); err != nil {
		return err
	}
	d, err := Open(l.fsys, Options{Clock: clock})
	if err != nil {
		return err
	}
	return d.Close()
}

// deliver does what is left of a delivery up to upTo, and publishes at the end.
func (l *life) deliver(d *Depot, k Key, o Offer, content []byte, upTo int) error {
	in, err := d.Begin(k, o, sign)
	if err != nil {
		return err
	}
	defer d.Release(k)
	if in.Receipt != nil {
		return l.deposited(k, *in.Receipt, content)
	}
	if _, ok := l.receipts[k]; ok {
		l.fatal("%s was deposited and is not", k)
	}
	if in.Offset < l.offsets[k] {
		l.fatal("%s goes on at %d, acknowledged was %d", k, in.Offset, l.offsets[k])
	}
	l.offsets[k] = in.Offset // what Begin says may be acknowledged too
	prefix := make([]byte, in.Offset)
	if _, err := in.Data.ReadAt(prefix, 0); err != nil && in.Offset > 0 {
		return err
	}
	if !bytes.Equal(prefix, content[:in.Offset]) {
		l.fatal("%s has other bytes before %d", k, in.Offset)
	}
	sum, err := l.write(k, in, content, upTo)
	if err != nil || upTo < len(content) {
		return err
	}
	r, err := d.Publish(k, Result{SHA256: sum, Size: o.Size}, sign)
	if err != nil {
		return err
	}
	return l.deposited(k, r, content)
}

func (l *life) write(k Key, in *Incoming, content []byte, upTo int) (sum string, err error) {
	p, err := OpenPart(in.Data, in.Slots, int64(len(content)))
	if err != nil {
		return "", err
	}
	defer p.Close()
	if p.Offset() != in.Offset {
		l.fatal("%s: the part goes on at %d, the depot said %d", k, p.Offset(), in.Offset)
	}
	for at := int(in.Offset); at < upTo; {
		for range 2 {
			end := min(at+lifeFrame, upTo)
			if err := p.Append(content[at:end]); err != nil {
				return "", err
			}
			at = end
		}
		offset, err := p.Sync()
		if err != nil {
			return "", err
		}
		l.offsets[k] = offset
	}
	if upTo < len(content) {
		return "", nil
	}
	return p.Finish()
}

func (l *life) deposited(k Key, r receipt.Receipt, content []byte) error {
	if err := receipt.Verify(r); err != nil {
		l.fatal("%s: %v", k, err)
	}
	if was, ok := l.receipts[k]; ok && was.Signature != r.Signature {
		l.fatal("%s has another receipt, for %s and not %s", k, r.Path, was.Path)
	}
	l.receipts[k] = r
	data, err := disk.ReadFile(l.fsys, r.Path, 1<<20)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, content) || r.SHA256 != digest(content) {
		l.fatal("%s is published as %s with other bytes", k, r.Path)
	}
	return nil
}

// look sees what holds at any moment, before anything is recovered: a file
// under a final name is whole, and no content is there twice. Only then is a
// store that was left opened, with what was acknowledged.
func (l *life) look() {
	l.t.Helper()
	names, err := l.fsys.ReadDir(".")
	ok(l.t, err)
	seen := map[string]bool{}
	for _, name := range names {
		if name == metaDir {
			continue
		}
		data, err := disk.ReadFile(l.fsys, name, 1<<20)
		ok(l.t, err)
		info, err := l.fsys.Stat(name)
		ok(l.t, err)
		if info.Mode != 0o640 || info.ModTime.UnixNano() != offerOf(nil).MTime {
			l.fatal("%s is published as %+v", name, info)
		}
		known := false
		for n := range uint64(5) {
			known = known || bytes.Equal(data, l.content(n+1))
		}
		if !known || !strings.HasPrefix(name, "La Piedra") || seen[string(data)] {
			l.fatal("%s is not whole, or there twice", name)
		}
		seen[string(data)] = true
	}
	if _, err := l.fsys.Stat(key(5).dir()); l.freed && !errors.Is(err, fs.ErrNotExist) {
		l.fatal("what was withdrawn is back: %v", err)
	}
	for k, r := range l.receipts {
		data, err := disk.ReadFile(l.fsys, r.Path, 1<<20)
		if err != nil || digest(data) != r.SHA256 {
			l.fatal("%s had a receipt for %s: %v", k, r.Path, err)
		}
	}
}

// end sees that a life that ran to its end left what it should and no more.
func (l *life) end() {
	l.t.Helper()
	l.look()
	if len(l.receipts) != 4 {
		l.fatal("%d receipts", len(l.receipts))
	}
	names, err := l.fsys.ReadDir(".")
	ok(l.t, err)
	if len(names) != 4 { // .vc and three contents
		l.fatal("the store has %q", names)
	}
	// What could not be removed at once is at the next start.
	d, err := Open(l.fsys, Options{Clock: clock})
	ok(l.t, err)
	ok(l.t, d.Close())
	names, err = l.fsys.ReadDir(metaDir)
	ok(l.t, err)
	if strings.Join(names, " ") != "lock receipts" {
		l.fatal(".vc has %q", names)
	}
	if names, err = l.fsys.ReadDir(receiptsDir); err != nil || len(names) != 4 {
		l.fatal("receipts %q, %v", names, err)
	}
}

func newLife(t *testing.T, where string) *life {
	return &life{t: t, where: where, fsys: powerloss.New(clock, 1<<22),
		offsets: map[Key]int64{}, receipts: map[Key]receipt.Receipt{}}
}

func (l *life) copy(loss powerloss.Loss) *life {
	c := newLife(l.t, l.where)
	c.fsys = l.fsys.Survivors(loss)
	for k, v := range l.offsets {
		c.offsets[k] = v
	}
	for k, v := range l.receipts {
		c.receipts[k] = v
	}
	c.newVersion, c.withdrawn, c.freed = l.newVersion, l.withdrawn, l.freed
	return c
}

// The power goes at every operation in turn of a whole life; then again at
// some moment of what follows; then never more.
func TestPowerLoss(t *testing.T) {
	calm := newLife(t, "calm")
	if !calm.run() {
		t.Fatal("the power went without being cut")
	}
	total := calm.fsys.Operations()
	calm.end()
	if total < 150 {
		t.Fatalf("a life of %d operations is too short", total)
	}
	chance := rand.New(rand.NewPCG(1, 2))
	some := func() powerloss.Loss { return powerloss.Some(chance.Uint64()) }
	killed := func() powerloss.Loss { return powerloss.Nothing(chance.IntN(2) == 0) }
	losses := []struct {
		name          string
		first, second func() powerloss.Loss
	}{
		{"all that was not synced, twice", powerloss.Everything, powerloss.Everything},
		{"nothing (killed), then all", killed, powerloss.Everything},
		{"some, then all", some, powerloss.Everything},
		{"some, then some", some, some},
	}
	for cut := 1; cut <= total; cut++ {
		l := newLife(t, "")
		l.fsys.CutAt(cut)
		if l.run() {
			t.Fatalf("cut %d of %d was not felt", cut, total)
		}
		for _, lost := range losses {
			again := l.copy(lost.first())
			again.where = fmt.Sprintf("cut %d, lost %s", cut, lost.name)
			again.look()
			second := 1 + chance.IntN(total)
			again.fsys.CutAt(second)
			if !again.run() {
				again = again.copy(lost.second())
				again.where = fmt.Sprintf("cut %d and then %d, lost %s", cut, second, lost.name)
				again.look()
				again.run()
			}
			again.fsys.CutAt(0)
			again.end()
		}
	}
}

// The offset that Begin tells may be acknowledged, so it is durable, even where
// a process was killed between writing the slot and syncing it.
func TestBeginTellsWhatIsDurable(t *testing.T) {
	content := bytesOf(lifeSize, 1)
	fsys := powerloss.New(clock, 1<<20)
	d := mustOpen(t, fsys, Limits{})
	in, err := d.Begin(key(1), offerOf(content), nil)
	ok(t, err)
	p, err := OpenPart(in.Data, in.Slots, lifeSize)
	ok(t, err)
	defer p.Close()
	ok(t, p.Append(content[:lifeFrame]))
	fsys.CutAt(3) // data synced, slot written, slot synced
	if _, err := p.Sync(); !errors.Is(err, powerloss.ErrPower) {
		t.Fatalf("error %v", err)
	}
	fsys = fsys.Survivors(powerloss.Nothing(true))
	in, err = mustOpen(t, fsys, Limits{}).Begin(key(1), offerOf(content), nil)
	ok(t, err)
	told := in.Offset
	if told != lifeFrame {
		t.Fatalf("goes on at %d", told)
	}
	in, err = mustOpen(t, fsys.Survivors(powerloss.Everything()), Limits{}).Begin(key(1), offerOf(content), nil)
	ok(t, err)
	if in.Offset != told {
		t.Errorf("goes on at %d, told was %d", in.Offset, told)
	}
}

// racing puts another file where the part is to be published, at the last
// moment.
type racing struct {
	*powerloss.Disk
	t *testing.T
}

func (r *racing) RenameNoReplace(from, to string) error {
	if r.t != nil {
		f, err := r.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		ok(r.t, err)
		ok(r.t, f.Close())
		r.t = nil
	}
	return r.Disk.RenameNoReplace(from, to)
}

func TestNameTakenAfterDecision(t *testing.T) {
	content := bytesOf(lifeSize, 1)
	fsys := &racing{Disk: powerloss.New(clock, 1<<20), t: t}
	r := deliver(t, mustOpen(t, fsys, Limits{}), key(1), offerOf(content), content)
	if r.Path != "La Piedra (2).mp4" || !bytes.Equal(read(t, fsys, r.Path), content) {
		t.Errorf("published as %s", r.Path)
	}
	ok(t, receipt.Verify(r))
}

// The same, but found at the next start: nobody there can sign, so the part
// waits to be asked for again.
func TestNameTakenBeforeRecovery(t *testing.T) {
	content := bytesOf(lifeSize, 1)
	fsys := &flaky{Disk: powerloss.New(clock, 1<<20)}
	d := mustOpen(t, fsys, Limits{})
	in, err := d.Begin(key(1), offerOf(content), sign)
	ok(t, err)
	write(t, in, lifeSize, content, lifeSize)
	fsys.dir = key(1).dir() // the decision is on the disk, and then it ends
	_, err = d.Publish(key(1), resultOf(content), sign)
	code(t, err, reason.StoreFailed)
	after := fsys.Survivors(powerloss.Nothing(true))
	f, err := after.OpenFile("La Piedra.mp4", os.O_RDWR|os.O_CREATE, 0o600)
	ok(t, err)
	ok(t, f.Close())
	for range 2 {
		d = mustOpen(t, after, Limits{})
		if got := d.Recovered(); len(got.Parts) != 1 || len(got.Published) != 0 {
			t.Fatalf("recovered %+v", got)
		}
		ok(t, d.Close())
	}
	d = mustOpen(t, after, Limits{})
	in, err = d.Begin(key(1), offerOf(content), sign)
	ok(t, err)
	if in.Offset != lifeSize {
		t.Errorf("goes on at %d", in.Offset)
	}
	r, err := d.Publish(key(1), resultOf(content), sign)
	if err != nil || r.Path != "La Piedra (2).mp4" {
		t.Errorf("published as %s, %v", r.Path, err)
	}
}

// flaky fails to sync one directory once.
type flaky struct {
	*powerloss.Disk
	dir string
}

func (f *flaky) SyncDir(name string) error {
	if name == f.dir {
		f.dir = ""
		return syscall.EIO
	}
	return f.Disk.SyncDir(name)
}

// A decision that failed half-way must not come back and say that a delivery
// is published that was withdrawn since.
func TestWithdrawAfterFailedDecision(t *testing.T) {
	content := bytesOf(lifeSize, 1)
	withdraw := func(cut int) (*powerloss.Disk, error) {
		fsys := &flaky{Disk: powerloss.New(clock, 1<<20)}
		d := mustOpen(t, fsys, Limits{})
		in, err := d.Begin(key(1), offerOf(content), sign)
		ok(t, err)
		write(t, in, lifeSize, content, lifeSize)
		fsys.dir = key(1).dir()
		_, err = d.Publish(key(1), resultOf(content), sign)
		code(t, err, reason.StoreFailed)
		fsys.CutAt(cut)
		return fsys.Disk, d.Withdraw(key(1))
	}
	for cut := 1; ; cut++ {
		fsys, err := withdraw(cut)
		if err == nil {
			break
		}
		for seed := range uint64(30) {
			after := fsys.Survivors(powerloss.Some(seed))
			d := mustOpen(t, after, Limits{})
			if _, err := d.Receipt(key(1)); err != nil {
				continue
			}
			if _, err := after.Stat("La Piedra.mp4"); err != nil {
				t.Errorf("cut %d, seed %d: a receipt for what is not there", cut, seed)
			}
		}
	}
}
