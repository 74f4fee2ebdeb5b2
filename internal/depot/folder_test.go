package depot

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
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

// folderSource is a folder in memory.
type folderSource struct {
	entries []manifest.Entry
	content map[string][]byte
	list    []byte // the manifest
	sum     manifest.Summary
	stream  []byte
	proof   string
}

func makeFolder(t *testing.T, seed uint64) *folderSource {
	t.Helper()
	s := &folderSource{content: map[string][]byte{}}
	for i, e := range []struct {
		path string
		size int // -1: a folder
	}{
		{"ASSETMAP", 100}, {"empty", 0}, {"reels", -1}, {"reels/1", 5000}, {"reels/2", 1}, {"reels/none", 0}, {"reels/void", -1}, {"z", 3000}, {"zz", 0},
	} {
		entry := manifest.Entry{Kind: manifest.Folder, Path: e.path}
		if e.path == "ASSETMAP" {
			// A package of one packing list, which has one file.
			text := `<AssetMap><AssetList><Asset><Id>p</Id><PackingList/><ChunkList><Chunk><Path>z</Path></Chunk></ChunkList></Asset>` +
				`<Asset><Id>a</Id><ChunkList><Chunk><Path>reels/1</Path></Chunk></ChunkList></Asset><Asset><Id>b</Id><ChunkList><Chunk><Path>reels/2</Path></Chunk></ChunkList></Asset>` +
				`<Asset><Id>c</Id><ChunkList><Chunk><Path>gone</Path></Chunk></ChunkList></Asset></AssetList></AssetMap>`
			s.add(e.path, []byte(text), int64(i))
			continue
		}
		if e.path == "z" {
			hash := func(b []byte) string { sum := sha1.Sum(b); return base64.StdEncoding.EncodeToString(sum[:]) }
			s.add(e.path, fmt.Appendf(nil, `<PackingList><AssetList><Asset><Id>a</Id><Hash>%s</Hash><Size>5000</Size></Asset>`+
				`<Asset><Id>b</Id><Hash>%s</Hash><Size>1</Size></Asset><Asset><Id>c</Id><Hash>%[2]s</Hash><Size>1</Size></Asset></AssetList></PackingList>`,
				hash(s.content["reels/1"]), hash([]byte("other"))), int64(i))
			continue
		}
		if e.size >= 0 {
			entry = manifest.Entry{Kind: manifest.File, Path: e.path, Size: int64(e.size), MTime: 1_600_000_000_000_000_000 + int64(i)}
			s.content[e.path] = bytesOf(e.size, seed+uint64(i))
			s.stream = append(s.stream, s.content[e.path]...)
		}
		s.entries = append(s.entries, entry)
	}
	s.close(t)
	return s
}

// close makes the manifest of what the folder has.
func (s *folderSource) close(t *testing.T) {
	t.Helper()
	var text bytes.Buffer
	w, proof := manifest.NewWriter(&text), manifest.NewProof()
	for _, e := range s.entries {
		ok(t, w.Add(e))
		sum, err := manifest.ParseSum(digest(s.content[e.Path]))
		ok(t, err)
		proof.Add(e, sum)
	}
	var err error
	s.sum, err = w.Close()
	ok(t, err)
	s.list, s.proof = text.Bytes(), proof.SHA256()
}

func (s *folderSource) add(path string, content []byte, n int64) {
	s.entries = append(s.entries, manifest.Entry{Kind: manifest.File, Path: path, Size: int64(len(content)), MTime: 1_600_000_000_000_000_000 + n})
	s.content[path] = content
	s.stream = append(s.stream, content...)
}

// faults is what is wrong with the package that makeFolder makes.
var faults = []string{"pkl_hash reels/2", "pkl_missing gone"}

func (s *folderSource) offer() Offer {
	o := offerOf(nil)
	o.Extension, o.Name, o.SHA256 = "", "Feature_DCP", ""
	o.Size, o.MTime = s.sum.Size, s.sum.Version()
	o.Manifest, o.ManifestSHA256, o.Files = s.sum.Bytes, s.sum.SHA256, s.sum.Files
	return o
}

func (s *folderSource) plan(name string) Plan {
	return Plan{Size: s.sum.Size, Files: s.sum.Files, Manifest: s.sum.Bytes, ManifestSHA256: s.sum.SHA256, Name: name}
}

// published says what is wrong with a published folder, nil if nothing is.
func (s *folderSource) published(fsys disk.FS, name string) error {
	found := 0
	var walk func(dir string) error
	walk = func(dir string) error {
		names, err := fsys.ReadDir(path.Join(name, dir))
		if err != nil {
			return err
		}
		for _, n := range names {
			at := path.Join(dir, n)
			i := slices.IndexFunc(s.entries, func(e manifest.Entry) bool { return e.Path == at })
			if i < 0 {
				return fmt.Errorf("%s was not in the source", at)
			}
			found++
			info, err := fsys.Stat(path.Join(name, at))
			if err != nil {
				return err
			}
			if s.entries[i].Kind == manifest.Folder {
				if err := walk(at); err != nil {
					return err
				}
				continue
			}
			data, err := disk.ReadFile(fsys, path.Join(name, at), 1<<20)
			if err != nil || !bytes.Equal(data, s.content[at]) || info.ModTime.UnixNano() != s.entries[i].MTime || info.Mode != filePerm {
				return fmt.Errorf("%s has %d bytes, %+v, %v", at, len(data), info, err)
			}
		}
		return nil
	}
	if err := walk(""); err != nil {
		return err
	}
	if found != len(s.entries) {
		return fmt.Errorf("%d of %d entries", found, len(s.entries))
	}
	return nil
}

// folderLife is a folder's delivery across crashes.
type folderLife struct {
	t       *testing.T
	where   string
	fsys    *powerloss.Disk
	source  *folderSource
	acked   int64
	receipt *receipt.Receipt
}

func (l *folderLife) fatal(format string, args ...any) {
	l.t.Helper()
	l.t.Fatalf(l.where+": "+format, args...)
}

func (l *folderLife) run() (whole bool) {
	err := l.try()
	if err != nil && !errors.Is(err, powerloss.ErrPower) {
		l.fatal("%v", err)
	}
	return err == nil
}

func (l *folderLife) try() error {
	d, err := Open(l.fsys, Options{Clock: clock})
	if err != nil {
		return err
	}
	defer d.Close()
	d.removals.running.Wait() // or the operations would be in another order each time
	in, err := d.Begin(key(1), l.source.offer(), sign)
	if err != nil {
		return err
	}
	defer d.Release(key(1))
	if in.Receipt != nil {
		return l.deposited(*in.Receipt)
	}
	if l.receipt != nil {
		l.fatal("it was deposited and is not")
	}
	if in.Offset < l.acked {
		l.fatal("goes on at %d, acknowledged was %d", in.Offset, l.acked)
	}
	done, err := l.fill(in)
	if err != nil {
		return err
	}
	r, err := d.Publish(key(1), Result{SHA256: done.SHA256, Size: l.source.sum.Size, Facts: done.Facts}, sign)
	if err != nil {
		return err
	}
	if err := l.deposited(r); err != nil {
		return err
	}
	d.removals.running.Wait()
	// What could not be removed at once is at the next start.
	if err := d.Close(); err != nil {
		return err
	}
	if d, err = Open(l.fsys, Options{Clock: clock}); err != nil {
		return err
	}
	d.removals.running.Wait()
	return d.Close()
}

func (l *folderLife) fill(in *Incoming) (Finished, error) {
	f, err := OpenFolder(in.Dir, l.source.plan(in.Name))
	if err != nil {
		return Finished{}, err
	}
	defer f.Close()
	if !f.Described() {
		if in.Offset > 0 {
			l.fatal("goes on at %d without a manifest", in.Offset)
		}
		if err := f.Describe(iotest.HalfReader(bytes.NewReader(l.source.list))); err != nil {
			return Finished{}, err
		}
	}
	if err := f.Start(); err != nil {
		return Finished{}, err
	}
	if f.Offset() != in.Offset {
		l.fatal("the part goes on at %d, the depot said %d", f.Offset(), in.Offset)
	}
	l.acked = in.Offset
	for at := f.Offset(); at < l.source.sum.Size; {
		end := min(at+1700, l.source.sum.Size)
		if err := f.Append(l.source.stream[at:end]); err != nil {
			return Finished{}, err
		}
		at = end
		if l.acked, err = f.Sync(); err != nil {
			return Finished{}, err
		}
	}
	done, err := f.Finish(func() {})
	if err == nil && done.SHA256 != l.source.proof {
		l.fatal("the digest is %s, want %s", done.SHA256, l.source.proof)
	}
	// However often it went on, within a file or between two.
	if err == nil && !slices.Equal(done.Warnings, faults) {
		l.fatal("warnings %q, want %q", done.Warnings, faults)
	}
	return done, err
}

func (l *folderLife) deposited(r receipt.Receipt) error {
	if err := receipt.Verify(r); err != nil || r.SHA256 != l.source.proof || r.Version != receipt.VersionFolder {
		l.fatal("%v: %+v", err, r)
	}
	if l.receipt != nil && l.receipt.Signature != r.Signature {
		l.fatal("it has another receipt")
	}
	l.receipt = &r
	return nil
}

// look sees what holds at any moment: a folder under a final name is whole.
func (l *folderLife) look() {
	l.t.Helper()
	names, err := l.fsys.ReadDir(".")
	ok(l.t, err)
	for _, name := range names {
		if name == metaDir || strings.Contains(name, ".SHA256SUMS") || strings.Contains(name, ".receipt.json") {
			continue
		}
		if err := l.source.published(l.fsys, name); err != nil {
			l.fatal("%s: %v", name, err)
		}
	}
	if l.receipt != nil && !slices.Contains(names, l.receipt.Path) {
		l.fatal("there was a receipt for %s, the store has %q", l.receipt.Path, names)
	}
}

func (l *folderLife) end() {
	l.t.Helper()
	l.look()
	names, err := l.fsys.ReadDir(".")
	ok(l.t, err)
	if strings.Join(names, " ") != ".vc Feature_DCP Feature_DCP.SHA256SUMS Feature_DCP.receipt.json" {
		l.fatal("the store has %q", names)
	}
	sums, err := disk.ReadFile(l.fsys, "Feature_DCP.SHA256SUMS", 1<<20)
	ok(l.t, err)
	for _, e := range l.source.entries {
		if line := digest(l.source.content[e.Path]) + "  Feature_DCP/" + e.Path + "\n"; e.Kind == manifest.File && !bytes.Contains(sums, []byte(line)) {
			l.fatal("SHA256SUMS has no %q", line)
		}
	}
	beside, err := disk.ReadFile(l.fsys, "Feature_DCP.receipt.json", 1<<20)
	ok(l.t, err)
	if r, err := receipt.Parse(beside); err != nil || r.Signature != l.receipt.Signature {
		l.fatal("the receipt beside it: %v", err)
	}
	d, err := Open(l.fsys, Options{Clock: clock})
	ok(l.t, err)
	defer d.Close()
	d.removals.running.Wait()
	if names, err = l.fsys.ReadDir(metaDir); err != nil || strings.Join(names, " ") != "lock receipts" {
		l.fatal(".vc has %q, %v", names, err)
	}
	again := l.source.offer()
	again.SHA256 = l.source.proof
	if in, err := d.Begin(key(2), again, sign); err != nil || in.Receipt == nil || in.Receipt.Path != "Feature_DCP" {
		l.fatal("offered again: %v, not deposited at once", err)
	}
}

func newFolderLife(t *testing.T, source *folderSource, fsys *powerloss.Disk, where string) *folderLife {
	return &folderLife{t: t, where: where, source: source, fsys: fsys}
}

func (l *folderLife) copy(where string, loss powerloss.Loss) *folderLife {
	c := *l
	c.where, c.fsys = where, l.fsys.Survivors(loss)
	return &c
}

// What is wrong with a package stands in the receipt of every delivery of it, also
// of one for which nothing came.
func TestFolderDepositedAtOnce(t *testing.T) {
	source, fsys, now := makeFolder(t, 1), powerloss.New(clock, 1<<22), clock()
	d, err := Open(fsys, Options{Clock: func() time.Time { now = now.Add(time.Second); return now }})
	ok(t, err)
	defer d.Close()
	l := newFolderLife(t, source, fsys, "at once")
	in, err := d.Begin(key(2), source.offer(), sign)
	ok(t, err)
	done, err := l.fill(in)
	ok(t, err)
	r, err := d.Publish(key(2), Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts, Warnings: done.Warnings}, sign)
	ok(t, err)
	ok(t, l.deposited(r))
	again := source.offer()
	again.SHA256 = source.proof
	// Earlier versions left them out of a receipt like this one.
	_, err = d.depositAtOnce(key(1), again, receipt.Receipt{Path: r.Path}, sign)
	ok(t, err)
	in, err = d.Begin(key(3), again, sign)
	ok(t, err)
	if in.Receipt == nil || in.Receipt.Path != r.Path || !slices.Equal(in.Receipt.Warnings, faults) || receipt.Verify(*in.Receipt) != nil {
		t.Errorf("offered again, it has %+v", in.Receipt)
	}
	// Without the receipt that has them, all of it comes again.
	damaged, err := fsys.OpenFile(key(2).receiptFile(), os.O_RDWR|os.O_TRUNC, 0)
	ok(t, err)
	ok(t, damaged.Close())
	in, err = d.Begin(key(4), again, sign)
	ok(t, err)
	if in.Receipt != nil {
		t.Errorf("by a receipt that cannot be read, it has %+v", in.Receipt)
	}
}

// The power goes at every operation in turn of a folder's delivery, then again
// at some moment of what follows, then never more.
func TestFolderPowerLoss(t *testing.T) {
	source := makeFolder(t, 1)
	calm := newFolderLife(t, source, powerloss.New(clock, 1<<22), "calm")
	if !calm.run() {
		t.Fatal("the power went without being cut")
	}
	total := calm.fsys.Operations()
	calm.end()
	if total < 80 {
		t.Fatalf("a life of %d operations is too short", total)
	}
	chance := rand.New(rand.NewPCG(3, 4))
	losses := map[string]func() powerloss.Loss{
		"all":    powerloss.Everything,
		"some":   func() powerloss.Loss { return powerloss.Some(chance.Uint64()) },
		"killed": func() powerloss.Loss { return powerloss.Nothing(chance.IntN(2) == 0) },
	}
	for cut := 1; cut <= total; cut++ {
		l := newFolderLife(t, source, powerloss.New(clock, 1<<22), "")
		l.fsys.CutAt(cut)
		if l.run() {
			t.Fatalf("cut %d of %d was not felt", cut, total)
		}
		for _, name := range []string{"all", "some", "killed"} {
			again := l.copy(fmt.Sprintf("cut %d, lost %s", cut, name), losses[name]())
			again.look()
			second := 1 + chance.IntN(total)
			again.fsys.CutAt(second)
			if !again.run() {
				again = again.copy(fmt.Sprintf("cut %d and then %d, lost %s and some", cut, second, name), losses["some"]())
				again.look()
			}
			again.fsys.CutAt(0)
			if !again.run() {
				again.fatal("the power went without being cut")
			}
			again.end()
		}
	}
}

// begun is a folder's part that has a manifest and some bytes.
func begun(t *testing.T, source *folderSource, upTo int64) (*powerloss.Disk, *Depot, *Incoming) {
	t.Helper()
	fsys := powerloss.New(clock, 1<<22)
	d, err := Open(fsys, Options{Clock: clock})
	ok(t, err)
	t.Cleanup(func() { d.Close() })
	in, err := d.Begin(key(1), source.offer(), sign)
	ok(t, err)
	f, err := OpenFolder(in.Dir, source.plan(in.Name))
	ok(t, err)
	defer f.Close()
	ok(t, f.Describe(bytes.NewReader(source.list)))
	ok(t, f.Start())
	ok(t, f.Append(source.stream[:upTo]))
	_, err = f.Sync()
	ok(t, err)
	return fsys, d, in
}

func TestFolderManifestIsChecked(t *testing.T) {
	source := makeFolder(t, 1)
	other := makeFolder(t, 2)
	other.list = bytes.Replace(other.list, []byte("zz"), []byte("zy"), 1)
	for name, list := range map[string][]byte{
		"short": source.list[:len(source.list)-1], "no line": source.list[:len(source.list)-20], "other": other.list, "none": nil,
		"outside": bytes.Replace(source.list, []byte("reels/1"), []byte("../els/"), 1),
	} {
		fsys := powerloss.New(clock, 1<<22)
		d, err := Open(fsys, Options{Clock: clock})
		ok(t, err)
		in, err := d.Begin(key(1), source.offer(), sign)
		ok(t, err)
		f, err := OpenFolder(in.Dir, source.plan(in.Name))
		ok(t, err)
		if err := f.Describe(bytes.NewReader(list)); reason.Of(err) != reason.Protocol || f.Described() {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
		ok(t, d.Close())
	}
}

func TestFolderThatWasDamagedBeginsAnew(t *testing.T) {
	source := makeFolder(t, 1)
	fsys, _, in := begun(t, source, 3000)
	f, err := fsys.OpenFile(key(1).work(treeDir+"/reels/1"), os.O_RDWR, 0)
	ok(t, err)
	ok(t, f.Truncate(10))
	part, err := OpenFolder(in.Dir, source.plan(in.Name))
	ok(t, err)
	defer part.Close()
	if ok(t, part.Start()); part.Offset() != 0 {
		t.Errorf("it goes on at %d", part.Offset())
	}
	ok(t, part.Append(source.stream))
	if done, err := part.Finish(func() {}); err != nil || done.SHA256 != source.proof {
		t.Errorf("the digest is %s, want %s, %v", done.SHA256, source.proof, err)
	}
}

// failingTree is a part's directory in which the files of the folder fail to sync.
type failingTree struct {
	disk.FS
	sync error
}

func (f *failingTree) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err == nil && path.Dir(name) != "." {
		file = &failing{File: file, sync: f.sync}
	}
	return file, err
}

// What a sync that failed had to make durable, a later one of everything does not
// prove.
func TestFolderFailures(t *testing.T) {
	source := makeFolder(t, 1)
	for _, c := range []struct {
		err  error
		want reason.Code
	}{{syscall.EIO, reason.StoreFailed}, {syscall.ENOSPC, reason.NoSpace}} {
		_, _, in := begun(t, source, 3000) // within a file
		f, err := OpenFolder(&failingTree{in.Dir, c.err}, source.plan(in.Name))
		ok(t, err)
		ok(t, f.Start())
		ok(t, f.Append(source.stream[3000:3100]))
		_, err = f.Sync() // of everything: it was just taken up
		ok(t, err)
		ok(t, f.Append(source.stream[3100:3200]))
		for range 2 {
			if at, err := f.Sync(); reason.Of(err) != c.want {
				t.Errorf("%v: durable up to %d, %v", c.err, at, err)
			}
		}
		f.Close()
	}
}

func TestFolderNameTakenMeanwhile(t *testing.T) {
	source := makeFolder(t, 1)
	fsys, d, in := begun(t, source, source.sum.Size)
	in.Offset = source.sum.Size
	ok(t, fsys.Mkdir("Feature_DCP", 0o755))
	l := newFolderLife(t, source, fsys, "taken")
	done, err := l.fill(in)
	ok(t, err)
	res := Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts}
	if _, err := d.Publish(key(1), res, sign); reason.Of(err) != reason.StoreFailed || reason.Of(err).Permanent() {
		t.Fatalf("published over a name that is taken: %v", err)
	}
	d.Release(key(1))
	in, err = d.Begin(key(1), source.offer(), sign)
	ok(t, err)
	if done, err = l.fill(in); err != nil || in.Offset != source.sum.Size {
		t.Fatalf("goes on at %d, %v", in.Offset, err)
	}
	res.Facts = done.Facts
	r, err := d.Publish(key(1), res, sign)
	ok(t, err)
	ok(t, source.published(fsys, "Feature_DCP (2)"))
	sums, err := disk.ReadFile(fsys, "Feature_DCP (2).SHA256SUMS", 1<<20)
	if err != nil || r.Path != "Feature_DCP (2)" || !bytes.Contains(sums, []byte("  Feature_DCP (2)/ASSETMAP\n")) {
		t.Errorf("%+v, %v, %s", r, err, sums)
	}
}

func TestFolderWithdrawnAndSpace(t *testing.T) {
	source := makeFolder(t, 1)
	fsys, d, _ := begun(t, source, 3000)
	d.Release(key(1))
	ok(t, d.Withdraw(key(1)))
	if _, err := fsys.Stat(key(1).dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("withdrawn and still there: %v", err)
	}
	d.removals.running.Wait()
	d.SetLimits(Limits{Quota: source.sum.Size + int64(source.sum.Files)*block - 1})
	if _, err := d.Begin(key(1), source.offer(), sign); reason.Of(err) != reason.NoSpace {
		t.Errorf("begun beyond the quota: %v", err)
	}
	d.SetLimits(Limits{Quota: source.sum.Size + int64(source.sum.Files)*block})
	_, err := d.Begin(key(1), source.offer(), sign)
	ok(t, err)
}

// folding takes names for the same that a manifest does not, as a directory of
// ext4 with casefold does.
type folding struct{ disk.FS }

func folded(name string) string {
	return strings.NewReplacer("ß", "ss", "e\u0301", "é").Replace(name)
}

func (f folding) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	return f.FS.OpenFile(folded(name), flag, perm)
}
func (f folding) Mkdir(name string, perm fs.FileMode) error { return f.FS.Mkdir(folded(name), perm) }
func (f folding) Stat(name string) (disk.Info, error)       { return f.FS.Stat(folded(name)) }
func (f folding) SetModTime(name string, at time.Time) error {
	return f.FS.SetModTime(folded(name), at)
}

// Where a store has one name for two of the folder, what is there is not what was
// sent, however well each of them was written.
func TestTwoNamesThatAreOneInTheStore(t *testing.T) {
	for name, c := range map[string]struct {
		twins []string // a folder ends in "/", an empty file in "-"
		want  reason.Code
	}{
		"none":    {[]string{"cafe.txt", "café.txt", "strase.txt", "straße.txt"}, ""},
		"accents": {[]string{"cafe\u0301.txt", "caf\u00e9.txt"}, reason.StoreFailed},
		"letters": {[]string{"strasse.txt", "straße.txt"}, reason.StoreFailed},
		"empty":   {[]string{"strasse-", "straße-"}, reason.StoreFailed},
		"folders": {[]string{"strasse/", "straße/"}, reason.StoreFailed},
	} {
		s := &folderSource{content: map[string][]byte{}}
		for i, twin := range c.twins {
			if folder, ok := strings.CutSuffix(twin, "/"); ok {
				s.entries = append(s.entries, manifest.Entry{Kind: manifest.Folder, Path: folder})
				continue
			}
			s.add(twin, bytesOf(len(twin)*(1-strings.Count(twin, "-")), uint64(i)), int64(i))
		}
		s.add("~", []byte("the last"), 99)
		s.close(t)
		d := mustOpen(t, powerloss.New(clock, 1<<22), Limits{})
		in, err := d.Begin(key(1), s.offer(), sign)
		ok(t, err)
		f, err := OpenFolder(folding{in.Dir}, s.plan(in.Name))
		ok(t, err)
		ok(t, f.Describe(bytes.NewReader(s.list)))
		ok(t, f.Start())
		ok(t, f.Append(s.stream))
		for range 2 {
			if _, err := f.Finish(func() {}); reason.Of(err) != c.want {
				t.Errorf("%s: finished with %v", name, err)
			}
		}
		f.Close()
	}
}
