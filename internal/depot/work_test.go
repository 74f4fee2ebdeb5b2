package depot

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// receiptKeyOfTests is the public half of that by which sign signs.
var receiptKeyOfTests = hex.EncodeToString(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey))

func putFile(t *testing.T, fsys disk.FS, name string, content []byte) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	ok(t, err)
	_, err = f.WriteAt(content, 0)
	ok(t, errors.Join(err, f.Close()))
}

// decision is a decision to publish as it is kept, for a receipt that is changed.
func decision(t *testing.T, o Offer, change func(*receipt.Receipt), sign Sign) []byte {
	t.Helper()
	r := draft(key(1), o, Result{SHA256: digest(nil), Size: o.Size}, "Feature_DCP", clock(), clock())
	change(&r)
	r, err := sign(r)
	ok(t, err)
	text, err := receipt.Marshal(r)
	ok(t, err)
	kept, err := json.Marshal(outcome{Version: format, Offer: o, Receipt: text})
	ok(t, err)
	return kept
}

// The process that writes a folder can write whatever it likes in the directory
// that it is handed: what the store goes by after a restart is not there.
func TestOfferAndDecisionAreOutOfReach(t *testing.T) {
	source := makeFolder(t, 1)
	fsys, d, in := begun(t, source, 3000)
	d.SetLimits(Limits{Quota: 1 << 20})
	putFile(t, in.Dir, outcomeFile, decision(t, source.offer(), func(*receipt.Receipt) {}, sign))
	forged := source.offer()
	forged.Manifest, forged.ManifestSHA256, forged.Files, forged.Size, forged.Expected = 0, "", 0, -1, 1<<62
	text, err := json.Marshal(storedOffer{Version: format, Began: clock(), Offer: forged})
	ok(t, err)
	putFile(t, in.Dir, offerFile, text)
	ok(t, d.Close())

	d, err = Open(fsys, Options{Clock: clock, Limits: Limits{Quota: 1 << 20}, ReceiptKey: receiptKeyOfTests, Published: func(k Key, _ Offer, r receipt.Receipt) error {
		t.Errorf("told that %s is deposited as %s", k, r.Path)
		return nil
	}})
	ok(t, err)
	defer d.Close()
	if got := d.Recovered(); !slices.Equal(got.Parts, []Key{key(1)}) || len(got.Published)+len(got.Damaged)+len(got.Removed) > 0 {
		t.Errorf("recovered %+v", got)
	}
	if free, err := d.Free(); err != nil || free != 1<<20-source.offer().need() {
		t.Errorf("%d bytes of the quota are free, %v", free, err)
	}
	if in, err = d.Begin(key(1), source.offer(), sign); err != nil || in.Offset != 3000 {
		t.Errorf("goes on at %+v, %v", in, err)
	}
}

// What an earlier run is said to have decided is carried out only where this
// store decided it.
func TestDecisionsOfOthers(t *testing.T) {
	other := func(r receipt.Receipt) (receipt.Receipt, error) {
		r.Receiver = digest(nil)
		return receipt.Sign(r, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))), nil
	}
	spoiled := func(r receipt.Receipt) (receipt.Receipt, error) {
		r, err := sign(r)
		r.Title++
		return r, err
	}
	for name, c := range map[string]struct {
		change func(*receipt.Receipt)
		sign   Sign
	}{
		"not signed":       {func(*receipt.Receipt) {}, spoiled},
		"another's":        {func(*receipt.Receipt) {}, other},
		"another delivery": {func(r *receipt.Receipt) { r.Delivery = key(2).String() }, sign},
		"another's part":   {func(r *receipt.Receipt) { r.Path = key(2).dir() }, sign},
		"below":            {func(r *receipt.Receipt) { r.Path = "somewhere/else" }, sign},
		"hidden":           {func(r *receipt.Receipt) { r.Path = ".Feature" }, sign},
	} {
		source := makeFolder(t, 1)
		fsys, d, _ := begun(t, source, 3000)
		putFile(t, fsys, key(1).file(outcomeFile), decision(t, source.offer(), c.change, c.sign))
		ok(t, d.Close())
		d, err := Open(fsys, Options{Clock: clock, ReceiptKey: receiptKeyOfTests})
		ok(t, err)
		if got := d.Recovered(); len(got.Published) > 0 || len(got.Damaged) != 1 || !slices.Equal(got.Parts, []Key{key(1)}) {
			t.Errorf("%s: recovered %+v", name, got)
		}
		// It goes on, and is published as if nothing had been said.
		l := newFolderLife(t, source, fsys, name)
		in, err := d.Begin(key(1), source.offer(), sign)
		ok(t, err)
		done, err := l.fill(in)
		ok(t, err)
		r, err := d.Publish(key(1), Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts}, sign)
		ok(t, err)
		l.receipt = &r
		ok(t, d.Close())
		l.end()
	}
}

// A key that was changed since is known by the receipts that it signed.
func TestDecisionBeforeTheKeyWasChanged(t *testing.T) {
	content := bytesOf(1000, 1)
	for _, known := range []bool{true, false} {
		fsys := powerloss.New(clock, 1<<22)
		d := mustOpen(t, fsys, Limits{})
		if known {
			deliver(t, d, key(2), offerOf(bytesOf(10, 2)), bytesOf(10, 2))
		}
		in, err := d.Begin(key(1), offerOf(content), sign)
		ok(t, err)
		write(t, in, 1000, content, 1000)
		ok(t, d.decide(key(1), d.parts[key(1)], draft(key(1), offerOf(content), resultOf(content), "", clock(), clock()), "", sign))
		ok(t, d.Close())
		d, err = Open(fsys, Options{Clock: clock, ReceiptKey: digest(nil)})
		ok(t, err)
		if got := d.Recovered(); (len(got.Published) == 1) != known || (len(got.Parts) == 1) == known {
			t.Errorf("known %v: recovered %+v", known, got)
		}
		ok(t, d.Close())
	}
}

// Nothing but a folder gets a receipt as one.
func TestFolderThatIsALink(t *testing.T) {
	source := makeFolder(t, 1)
	dir := t.TempDir()
	fsys := osRootAt(t, dir)
	d := mustOpen(t, fsys, Limits{})
	in, err := d.Begin(key(1), source.offer(), sign)
	ok(t, err)
	done, err := newFolderLife(t, source, nil, "a link").fill(in)
	ok(t, err)
	tree := filepath.Join(dir, key(1).body(source.offer()))
	ok(t, os.Rename(tree, tree+".away"))
	ok(t, os.Symlink("/etc", tree))
	r, err := d.Publish(key(1), Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts}, sign)
	if reason.Of(err) != reason.WorkerFailed {
		t.Errorf("published as %q, %v", r.Path, err)
	}
	gone(t, fsys, "Feature_DCP")
	// Nor is it given a name by a decision that stands.
	d.parts[key(1)].outcome = &outcome{Version: format, Offer: source.offer(), Receipt: signedFor(t, source)}
	if _, err := d.Publish(key(1), Result{}, sign); err == nil {
		t.Error("published")
	}
	gone(t, fsys, "Feature_DCP")
}

// What was put in the place of a file that has its name, and no receipt yet, is not
// what was deposited, and keeps nobody from the store.
func TestPublishedThatIsReplaced(t *testing.T) {
	content, failing := bytesOf(1000, 1), errors.New("not now")
	for name, put := range map[string]func(name string) error{
		"a link":   func(name string) error { return os.Symlink("elsewhere", name) },
		"a socket": func(name string) error { return syscall.Mknod(name, syscall.S_IFSOCK|0o600, 0) },
		"a folder": func(name string) error { return os.Mkdir(name, 0o700) },
		"nothing":  func(string) error { return nil },
	} {
		dir := t.TempDir()
		fsys := osRootAt(t, dir)
		d, err := Open(fsys, Options{Clock: clock, Published: func(Key, Offer, receipt.Receipt) error { return failing }})
		ok(t, err)
		in, err := d.Begin(key(1), offerOf(content), sign)
		ok(t, err)
		write(t, in, 1000, content, 1000)
		_, err = d.Publish(key(1), resultOf(content), sign)
		code(t, err, reason.StoreFailed)
		ok(t, d.Close())
		published := filepath.Join(dir, "La Piedra.mp4")
		ok(t, os.Rename(published, filepath.Join(dir, "elsewhere")))
		ok(t, put(published))
		d, err = Open(fsys, Options{Clock: clock})
		if err != nil || len(d.Recovered().Published) != 1 || d.deposits[key(1)].file != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			ok(t, d.Close())
		}
	}
}

func signedFor(t *testing.T, source *folderSource) json.RawMessage {
	t.Helper()
	r, err := sign(draft(key(1), source.offer(), Result{SHA256: source.proof, Size: source.sum.Size}, "Feature_DCP", clock(), clock()))
	ok(t, err)
	text, err := receipt.Marshal(r)
	ok(t, err)
	return text
}

// older has a folder's part as versions made it that kept all beside the offer.
func older(t *testing.T, fsys disk.FS) {
	t.Helper()
	names, err := fsys.ReadDir(key(1).work(""))
	ok(t, err)
	for _, name := range names {
		ok(t, fsys.Rename(key(1).work(name), key(1).file(name)))
	}
	ok(t, fsys.Remove(key(1).work("")))
	ok(t, fsys.SyncAll())
}

// Whenever the power goes while a part of an older version is taken up, it goes
// on where it was, or what was decided of it is carried out.
func TestOlderFolderIsTakenUp(t *testing.T) {
	source := makeFolder(t, 1)
	for _, decided := range []bool{false, true} {
		before, d, in := begun(t, source, 3000)
		if decided {
			in.Offset = 3000
			done, err := newFolderLife(t, source, before, "whole").fill(in)
			ok(t, err)
			res := Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts}
			ok(t, d.decide(key(1), d.parts[key(1)], draft(key(1), source.offer(), res, "", clock(), clock()), res.Facts, sign))
		}
		ok(t, d.Close())
		older(t, before)
		total := 0
		for cut := 0; cut <= total; cut++ {
			for seed := range uint64(4) {
				where := fmt.Sprintf("decided %v, cut %d of %d, seed %d", decided, cut, total, seed)
				l := newFolderLife(t, source, before.Survivors(powerloss.Nothing(true)), where)
				l.acked = 3000
				start := l.fsys.Operations()
				if cut > 0 {
					l.fsys.CutAt(cut)
				}
				if d, err := Open(l.fsys, Options{Clock: clock, ReceiptKey: receiptKeyOfTests}); cut == 0 {
					ok(t, err)
					total = l.fsys.Operations() - start
					if got := d.Recovered(); len(got.Removed) > 0 || len(got.Damaged) > 0 || (len(got.Published) == 1) != decided {
						t.Fatalf("%s: recovered %+v", where, got)
					}
					ok(t, d.Close())
				} else {
					l.fsys = l.fsys.Survivors(powerloss.Some(seed))
				}
				if !l.run() {
					t.Fatalf("%s: the power went without being cut", where)
				}
				l.end()
			}
		}
		if total < 20 {
			t.Fatalf("it was taken up in %d operations", total)
		}
	}
}

// Where names are changed by links, an older part that is taken up has both names of
// a file when that ends in between, and an empty folder where a full one was to be.
func TestOlderFolderWithBothNames(t *testing.T) {
	source := makeFolder(t, 1)
	for _, decided := range []bool{false, true} {
		for _, name := range []string{treeDir, manifestFile, sumsFile, slotsFile} {
			dir := t.TempDir()
			fsys := osRootAt(t, dir)
			d := mustOpen(t, fsys, Limits{})
			in, err := d.Begin(key(1), source.offer(), sign)
			ok(t, err)
			done, err := newFolderLife(t, source, nil, name).fill(in)
			ok(t, err)
			if decided {
				res := Result{SHA256: done.SHA256, Size: source.sum.Size, Facts: done.Facts}
				ok(t, d.decide(key(1), d.parts[key(1)], draft(key(1), source.offer(), res, "", clock(), clock()), res.Facts, sign))
			}
			ok(t, d.Close())
			older(t, fsys)
			ok(t, fsys.Mkdir(key(1).work(""), dirPerm))
			for _, moved := range workFiles {
				from, to := filepath.Join(dir, key(1).file(moved)), filepath.Join(dir, key(1).work(moved))
				if moved == name && name == treeDir {
					ok(t, os.Mkdir(to, dirPerm))
				} else if moved == name {
					ok(t, os.Link(from, to))
				}
				if moved == name {
					break
				}
				if err := os.Rename(from, to); !errors.Is(err, os.ErrNotExist) {
					ok(t, err)
				}
			}
			d = mustOpen(t, fsys, Limits{})
			if got := d.Recovered(); len(got.Removed)+len(got.Damaged) > 0 || len(got.Published) == 1 != decided {
				t.Errorf("%s, decided %v: recovered %+v", name, decided, got)
				continue
			}
			if in, err := d.Begin(key(1), source.offer(), sign); err != nil || (in.Receipt != nil) != decided || !decided && in.Offset != source.sum.Size {
				t.Errorf("%s, decided %v: goes on at %+v, %v", name, decided, in, err)
			}
			ok(t, d.Close())
		}
	}
}

// What a process of an older version put in the way costs its delivery what had
// come, and nobody else anything.
func TestOlderFolderThatIsInTheWay(t *testing.T) {
	source := makeFolder(t, 1)
	for name, plant := range map[string]func(disk.FS) error{
		"a file": func(fsys disk.FS) error { putFile(t, fsys, key(1).work(""), []byte("x")); return nil },
		"a file, and no slots": func(fsys disk.FS) error {
			putFile(t, fsys, key(1).work(""), []byte("x"))
			return fsys.Remove(key(1).file(slotsFile))
		},
		"a folder": func(fsys disk.FS) error {
			return errors.Join(fsys.Mkdir(key(1).work(""), dirPerm), fsys.Mkdir(key(1).work(treeDir), dirPerm))
		},
	} {
		fsys, d, _ := begun(t, source, 3000)
		ok(t, d.Close())
		older(t, fsys)
		ok(t, plant(fsys))
		l := newFolderLife(t, source, fsys, name)
		if !l.run() {
			t.Fatal("the power went without being cut")
		}
		l.end()
	}
}

// A name that a part of an older version says it will have is not taken for one
// that the store chose.
func TestNameThatNobodyChose(t *testing.T) {
	source := makeFolder(t, 1)
	fsys, d, _ := begun(t, source, 3000)
	ok(t, d.Close())
	for _, name := range []string{path.Join(receiptsDir, "x"), ".hidden", "../x", ""} {
		text, err := json.Marshal(storedOffer{Version: format, Began: clock(), Name: name, Offer: source.offer()})
		ok(t, err)
		putFile(t, fsys, key(1).file(offerFile), text)
		d := mustOpen(t, fsys, Limits{})
		in, err := d.Begin(key(1), source.offer(), sign)
		if err != nil || in.Name != "Feature_DCP" || in.Offset != 3000 {
			t.Errorf("%q: %+v, %v", name, in, err)
		}
		ok(t, d.Close())
	}
}
