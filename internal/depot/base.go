package depot

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"time"

	"videoclub/internal/atomicfile"
	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// A new version of a folder may share files with one that is published here, its
// base. Which ones, the sender says by their places in the base's proven
// manifest, whose digest is that of the base's receipt: so what a file of the
// base holds is known without reading it, as long as nothing in the base was
// touched. Shared files are copied beside the stream, which has only the others.
const (
	baseFile   = "base"       // the base's proven manifest
	reuseFile  = "reuse"      // which entries are shared; without it everything comes
	sharedFile = "shared"     // slots: how many shared bytes are there and durable
	baseHashes = "base.sha1s" // as hashesFile, of the base
)

const (
	// noteBytes and noteFiles are how much is shared between two notes of how
	// far it is.
	noteBytes = 1 << 30
	noteFiles = 2000

	// shareStep is how much is copied at once, in bytes.
	shareStep = 256 << 20

	// maxHashes bounds the file of a package's hashes that is kept for later
	// versions, in bytes: a hundred thousand entries.
	maxHashes = 2 << 20
)

// Base is where shared files are taken from.
type Base struct {
	Proven      int64  // bytes of its proven manifest
	SHA256      string // of that, as its receipt has it; "" where there is no such deposit
	Reuse       int64  // bytes of the list
	ReuseSHA256 string
	Shared      int64  // bytes of the folder that do not come
	Facts       string // by which its files are known to be untouched
	// Dir is the published folder, nil where that is not as it was published.
	// It is the caller's.
	Dir disk.FS
}

// errTouched says that the base is not what was published.
var errTouched = errors.New("what is published was touched")

// Shares says whether, of a folder that is not described yet, the base can be
// taken, so that it has to be described too.
func (f *Folder) Shares() bool { return f.plan.Base != nil && f.plan.Base.Dir != nil }

// Based says, after Start, whether the stream has only what is not shared.
func (f *Folder) Based() bool { return f.reuse != nil }

// describeBase takes from r what follows the manifest, and keeps it if it is
// what was offered and of this base. If it is not, everything comes.
func (f *Folder) describeBase(list disk.File, r io.Reader) error {
	failed := func(err error) error { return storeFailed(err, "what is shared with another folder cannot be noted") }
	if err := f.fs.Remove(reuseFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	if !f.Shares() {
		return nil
	}
	b := f.plan.Base
	proven, err := f.fs.OpenFile(baseFile, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return failed(err)
	}
	defer proven.Close()
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(sum, &writer{file: proven}), r, b.Proven); err != nil {
		return reason.Wrap(reason.Of(err), err, "the manifest of the base")
	}
	text := make([]byte, b.Reuse)
	if _, err := io.ReadFull(r, text); err != nil {
		return reason.Wrap(reason.Of(err), err, "the list of what is shared")
	}
	if hex.EncodeToString(sum.Sum(nil)) != b.SHA256 || fmt.Sprintf("%x", sha256.Sum256(text)) != b.ReuseSHA256 {
		return nil
	}
	reuse, err := manifest.ParseReuse(text)
	if err != nil {
		return nil
	}
	var shared int64
	err = reuse.Shared(section(list), section(proven), func(_ int, _ int64, e, _ manifest.Entry, _ manifest.Sum) error {
		shared += e.Size
		return nil
	})
	if err != nil || shared != b.Shared {
		return nil
	}
	out, err := f.fs.OpenFile(reuseFile, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return failed(err)
	}
	defer out.Close()
	if _, err := out.WriteAt(text, 0); err != nil {
		return failed(err)
	}
	// Its name before that of the manifest, without which it would be missed.
	if err := errors.Join(proven.Sync(), out.Sync(), f.fs.SyncDir(".")); err != nil {
		return failed(err)
	}
	return nil
}

func section(f disk.File) io.Reader { return io.NewSectionReader(f, 0, math.MaxInt64) }

// startBase finds out whether the folder goes on with its base. A base that has
// gone before all of it was taken is given up, and then everything comes.
func (f *Folder) startBase() error {
	f.stream, f.noteBytes = f.plan.Size, noteBytes
	text, err := disk.ReadFile(f.fs, reuseFile, manifest.MaxReuse)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	failed := func(err error) error { return storeFailed(err, "what is shared with another folder cannot be read") }
	if err != nil {
		return failed(err)
	}
	b := f.plan.Base
	reuse, err := manifest.ParseReuse(text)
	if err != nil || b == nil {
		return f.giveUpBase()
	}
	if f.shared.file, err = f.fs.OpenFile(sharedFile, os.O_RDWR|os.O_CREATE, filePerm); err != nil {
		return failed(err)
	}
	from, err := newest(f.shared.file, b.Shared, b.Shared)
	if err != nil {
		return failed(err)
	}
	if f.taken = from.frames > 0; !f.taken {
		if b.Dir == nil {
			return f.giveUpBase()
		}
		if f.hashes != nil {
			// The packing lists are compared with hashes that were taken as
			// the files passed: without those of the base all have to pass.
			if f.baseHashes, err = f.fs.OpenFile(baseHashes, os.O_RDONLY, 0); errors.Is(err, fs.ErrNotExist) {
				return f.giveUpBase()
			} else if err != nil {
				return failed(err)
			}
		}
	}
	f.shared.sequence, f.shared.place, f.shared.durable = from.sequence, from.place, from.slot
	f.reuse, f.stream = reuse, f.plan.Size-b.Shared
	return nil
}

// giveUpBase goes over to a stream of everything, from its beginning.
func (f *Folder) giveUpBase() error {
	err := clearSlots(f.slots.file, []int{0, 1})
	if err == nil {
		err = f.fs.Remove(reuseFile)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = f.fs.SyncDir(".")
	}
	if err != nil {
		return storeFailed(err, "what is shared with another folder cannot be given up")
	}
	return nil
}

// Share copies what is shared, from where it was left, and makes it durable. It
// may run beside Append and Sync, and is to end before Finish. Where the base was
// touched meanwhile, it is given up: the error has reason.StoreFailed, and the
// next time everything comes. Any error is final.
func (f *Folder) Share() error {
	if f.reuse == nil || f.taken {
		return nil
	}
	err := f.share()
	if err == nil {
		return nil
	}
	f.syncing.Lock() // no slot is written from here on
	defer f.syncing.Unlock()
	touched := errors.Is(err, errTouched)
	if touched {
		err = reason.Wrap(reason.StoreFailed, err, "the folder that holds the earlier version; everything will be sent")
	}
	f.mu.Lock()
	if f.failed == nil {
		f.failed = err
	}
	f.mu.Unlock()
	if touched {
		err = errors.Join(err, f.giveUpBase())
	}
	return err
}

func (f *Folder) share() error {
	proven, err := f.fs.OpenFile(baseFile, os.O_RDONLY, 0)
	if err != nil {
		return storeFailed(err, "the manifest of the base cannot be opened again")
	}
	defer proven.Close()
	from := f.shared.durable.offset
	noted, files := from, 0
	var damaged error
	err = f.reuse.Shared(section(f.list), section(proven), func(index int, start int64, e, of manifest.Entry, sum manifest.Sum) error {
		if start+e.Size <= from {
			return nil
		}
		damaged = f.shareFile(e, of, max(0, from-start), func(within int64) error {
			if start+within-noted < f.noteBytes {
				return nil
			}
			noted, files = start+within, 0
			return f.noteShared(noted, false)
		})
		if damaged == nil {
			damaged = f.noteShare(index, sum)
		}
		if files++; damaged == nil && files >= noteFiles {
			noted, files = start+e.Size, 0
			damaged = f.noteShared(noted, false)
		}
		return damaged
	})
	switch {
	case damaged != nil:
		return damaged
	case err != nil:
		return storeFailed(err, "the manifests of the part and its base cannot be read again")
	}
	if err := f.syncAll(); err != nil {
		return storeFailed(err, "what is shared cannot be made durable")
	}
	// Whatever was written to the base since it was published would show, also
	// when it was written while its files were copied.
	if now, _, err := treeFacts(f.plan.Base.Dir, "."); err != nil || now != f.plan.Base.Facts {
		return errors.Join(errTouched, err)
	}
	return f.noteShared(f.plan.Base.Shared, true)
}

// shareFile copies one file, from within on, and says now and then how far it
// is.
func (f *Folder) shareFile(e, of manifest.Entry, within int64, far func(within int64) error) error {
	src, err := f.plan.Base.Dir.OpenFile(of.Path, os.O_RDONLY, 0)
	if err != nil {
		return errors.Join(errTouched, err)
	}
	defer src.Close()
	flag := os.O_RDWR | os.O_CREATE
	if within == 0 {
		flag |= os.O_TRUNC
	}
	failed := func(err error) error { return storeFailed(err, "%q cannot be made", e.Path) }
	name := path.Join(treeDir, e.Path)
	dst, err := f.fs.OpenFile(name, flag, filePerm)
	if err != nil {
		return failed(err)
	}
	for within < e.Size && err == nil {
		if err := f.usable(); err != nil {
			dst.Close()
			return err
		}
		n := min(shareStep, f.noteBytes, e.Size-within)
		if err = disk.Copy(dst, src, within, n); err != nil {
			break
		}
		if within += n; within < e.Size {
			err = far(within)
		}
	}
	err = errors.Join(err, dst.Close())
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.Join(errTouched, err)
	case err == nil:
		err = f.fs.SetModTime(name, time.Unix(0, e.MTime))
	}
	if err != nil {
		return failed(err)
	}
	return nil
}

func (f *Folder) usable() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// noteShare notes the digests of a shared file.
func (f *Folder) noteShare(index int, sum manifest.Sum) error {
	if err := f.noteSum(index, sum); err != nil || f.baseHashes == nil {
		return err
	}
	base, _ := f.reuse.Of(index)
	var hash [sha1.Size]byte
	if _, err := f.baseHashes.ReadAt(hash[:], int64(base)*sha1.Size); err != nil {
		return storeFailed(err, "a hash of the base cannot be read")
	}
	if _, err := f.hashes.WriteAt(hash[:], int64(index)*sha1.Size); err != nil {
		return storeFailed(err, "a hash cannot be noted")
	}
	return nil
}

// noteShared makes durable what is shared up to offset, and notes that.
func (f *Folder) noteShared(offset int64, all bool) error {
	at := slot{offset: offset}
	at.state, _ = (&Folder{sum: sha256.New()}).states() // of nothing: newest asks for one
	if all {
		at.frames = 1
	}
	err := f.syncAll()
	if err == nil {
		err = f.shared.write(at)
	}
	if err != nil {
		return storeFailed(err, "what is shared cannot be made durable")
	}
	f.mu.Lock()
	f.taken = all
	f.mu.Unlock()
	return nil
}

// base gives where the files are that an offer shares with an earlier deposit,
// for a part whose directory is there; nil where it shares none.
func (d *Depot) base(key Key, o Offer) (*Base, error) {
	if !o.Shares() {
		return nil, nil
	}
	b := &Base{Proven: o.BaseProven, Reuse: o.Reuse, ReuseSHA256: o.ReuseSHA256, Shared: o.Shared}
	from := Key{Central: key.Central, ID: o.Base}
	dep, ok := d.deposits[from]
	if !ok || !dep.offer.Folder() || dep.file == nil || !d.asPublished(dep) {
		return b, nil
	}
	b.SHA256, b.Facts = dep.sha256, dep.file.Tree
	hashes, err := disk.ReadFile(d.fs, from.hashesFile(), maxHashes)
	if err == nil {
		err = atomicfile.Write(d.fs, key.work(baseHashes), hashes, filePerm)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		b.Dir, err = d.fs.Sub(dep.path)
	}
	if err != nil {
		return nil, storeFailed(err, "the folder %s cannot be opened for delivery %s", dep.path, key)
	}
	return b, nil
}

// based says whether a part has only what it does not share, and how much of
// the rest is durable.
func (d *Depot) based(key Key, o Offer) (based bool, shared slot, err error) {
	if !o.Shares() {
		return false, slot{}, nil
	}
	_, err = d.fs.Stat(key.work(reuseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, slot{}, nil
	}
	if err != nil {
		return false, slot{}, err
	}
	f, err := d.fs.OpenFile(key.work(sharedFile), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, slot{}, nil
	}
	if err != nil {
		return false, slot{}, err
	}
	defer f.Close()
	at, err := newest(f, o.Shared, o.Shared)
	return true, at.slot, err
}

// hashesFile is where the SHA-1s of a package that is deposited are kept.
func (k Key) hashesFile() string { return path.Join(receiptsDir, k.String()+".sha1s") }

// keepHashes keeps those of a part that is published, for later versions.
func (d *Depot) keepHashes(key Key) error {
	info, err := d.fs.Stat(key.work(hashesFile))
	if err == nil && info.Mode.IsRegular() && info.Size <= maxHashes {
		err = d.fs.RenameNoReplace(key.work(hashesFile), key.hashesFile())
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Shares says whether the offer shares files with an earlier delivery.
func (o Offer) Shares() bool { return o.Shared > 0 }

// checkShares refuses what cannot be shared.
func (o Offer) checkShares(key Key) error {
	zero := o
	zero.Base, zero.BaseProven, zero.Reuse, zero.ReuseSHA256, zero.Shared = 0, 0, 0, "", 0
	switch {
	case !o.Shares() && o == zero:
		return nil
	case !o.Folder() || o.Shared < 1 || o.Shared > o.Size || o.Base < 1 || o.Base == key.ID, o.BaseProven < 1 || o.BaseProven > manifest.MaxProven,
		o.Reuse < 1 || o.Reuse > manifest.MaxReuse || len(o.ReuseSHA256) != 2*sha256.Size || bytes.ContainsFunc([]byte(o.ReuseSHA256), notHex):
		return reason.New(reason.Protocol, "delivery %s is offered with a base that cannot be", key)
	}
	return nil
}

func notHex(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
