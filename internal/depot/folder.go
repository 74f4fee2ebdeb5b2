package depot

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"sync"
	"time"

	"videoclub/internal/dcp"
	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
)

// The files of a folder's part, in workDir.
const (
	manifestFile = "manifest"
	newManifest  = "manifest.new" // while it arrives
	sumsFile     = "sums"         // the SHA-256 of each file, 32 bytes for each entry of the manifest
	treeDir      = "tree"
	checksFile   = "SHA256SUMS"
)

// allocateFrom is from which size on, in bytes, a file's blocks are reserved
// before they are written: smaller ones would only cost a call each.
const allocateFrom = 1 << 20

// Plan is what a folder's part is to become.
type Plan struct {
	Size           int64 // bytes of all files, which are the stream
	Files          int
	Manifest       int64 // bytes
	ManifestSHA256 string
	Name           string // under which it will be published
	Base           *Base  // with which it may share files; nil is none
}

// Folder is the part of one folder as it grows: its files below tree, with the
// digest of each as it passes. It needs the part's directory and nothing else.
// Describe, if it is not yet Described, and Start come first; then Append and
// Sync may be called by two goroutines, as those of a Part.
type Folder struct {
	fs    disk.FS
	plan  Plan
	slots slotWriter
	sums  disk.File
	list  disk.File // the manifest, nil until it is whole

	packages []string  // the maps of the cinema packages in the folder
	hashes   disk.File // the SHA-1 of each file, where there are packages

	reuse      *manifest.Reuse // which files are shared with the base; nil is none
	stream     int64           // bytes that come: all but those
	noteBytes  int64
	shared     slotWriter
	baseHashes disk.File // as hashes, of the base, while it is needed
	taken      bool      // all that is shared is there

	mu     sync.Mutex
	cursor *manifest.Cursor
	file   disk.File // that of cursor, nil while it is not open
	sum    hash.Hash // over what is there of it
	sha1   hash.Hash // the same, where there are packages
	at     slot
	whole  bool // all blocks of file are allocated
	spread bool // more than the bytes of file is not durable
	failed error

	syncing sync.Mutex

	settling sync.Mutex
	lost     error // what a sync of everything has met
}

// OpenFolder takes up the part of a folder in its directory. The caller keeps
// dir and closes it after Close. Its errors have the code reason.StoreFailed.
func OpenFolder(dir disk.FS, plan Plan) (*Folder, error) {
	f := &Folder{fs: dir, plan: plan}
	slots, err := dir.OpenFile(slotsFile, os.O_RDWR, filePerm)
	if err != nil {
		return nil, storeFailed(err, "the slots cannot be opened")
	}
	f.slots.file = slots
	if f.sums, err = dir.OpenFile(sumsFile, os.O_RDWR|os.O_CREATE, filePerm); err != nil {
		f.Close()
		return nil, storeFailed(err, "the digests of the files cannot be opened")
	}
	if f.list, err = dir.OpenFile(manifestFile, os.O_RDONLY, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.Close()
		return nil, storeFailed(err, "the manifest cannot be opened")
	}
	return f, nil
}

// Described says whether the manifest is there.
func (f *Folder) Described() bool { return f.list != nil }

// Describe takes the manifest from r, sees that it is the one of the plan, and
// makes it durable; and where the folder Shares, what follows on it of its base.
// What is wrong with it gives reason.Protocol.
func (f *Folder) Describe(r io.Reader) error {
	failed := func(err error) error { return storeFailed(err, "the manifest cannot be written") }
	list, err := f.fs.OpenFile(newManifest, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return failed(err)
	}
	defer list.Close()
	// What comes is written as it is read, so that it need not be held.
	read, rest := manifest.NewReader(io.TeeReader(io.LimitReader(r, f.plan.Manifest), &writer{file: list})), r
	for {
		_, err = read.Next()
		if err != nil {
			break
		}
	}
	if err != io.EOF {
		return reason.Wrap(reason.Protocol, err, "the manifest")
	}
	if err := f.plan.fits(read.Summary()); err != nil {
		return err
	}
	if err := f.describeBase(list, rest); err != nil {
		return err
	}
	if err := list.Sync(); err != nil {
		return failed(err)
	}
	if err := f.fs.Rename(newManifest, manifestFile); err != nil {
		return failed(err)
	}
	if err := f.fs.SyncDir("."); err != nil {
		return failed(err)
	}
	if f.list, err = f.fs.OpenFile(manifestFile, os.O_RDONLY, 0); err != nil {
		return failed(err)
	}
	return nil
}

// writer is a file as an io.Writer from its beginning on.
type writer struct {
	file disk.File
	at   int64
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.file.WriteAt(p, w.at)
	w.at += int64(n)
	return n, err
}

// fits sees that a manifest is the one that was offered.
func (p Plan) fits(s manifest.Summary) error {
	if s.Bytes != p.Manifest || s.SHA256 != p.ManifestSHA256 || s.Size != p.Size || s.Files != p.Files {
		return reason.New(reason.Protocol, "the manifest has %d files of %d bytes and is %.16s…; offered were %d of %d and %.16s…",
			s.Files, s.Size, s.SHA256, p.Files, p.Size, p.ManifestSHA256)
	}
	return nil
}

func (f *Folder) newCursor() *manifest.Cursor {
	return manifest.NewCursor(section(f.list), f.reuse)
}

// Start makes the folders and goes to where the part goes on: what was written
// after it is discarded, and nothing is read again.
func (f *Folder) Start() error {
	read := manifest.NewReader(io.NewSectionReader(f.list, 0, math.MaxInt64))
	if err := f.fs.Mkdir(treeDir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return storeFailed(err, "the folder cannot be made")
	}
	for {
		e, err := read.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return storeFailed(err, "the manifest of the part cannot be read again")
		}
		if e.Kind != manifest.Folder {
			if dcp.IsAssetMap(e.Path) && len(f.packages) < maxPackages {
				f.packages = append(f.packages, e.Path)
			}
			continue
		}
		if err := f.fs.Mkdir(path.Join(treeDir, e.Path), dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
			return storeFailed(err, "%q cannot be made", e.Path)
		}
	}
	if err := f.plan.fits(read.Summary()); err != nil {
		return err
	}
	if err := f.startHashes(); err != nil {
		return err
	}
	if err := f.startBase(); err != nil {
		return err
	}
	from, err := newest(f.slots.file, f.stream, f.stream)
	if err != nil {
		return storeFailed(err, "the slots cannot be read")
	}
	f.slots.sequence, f.slots.place, f.slots.durable = from.sequence, from.place, from.slot
	f.at, f.sum, f.spread = from.slot, from.sum, true
	if f.at.offset > 0 {
		f.at.resumes++
	}
	f.cursor = f.newCursor()
	err = f.restoreHash(from.slot)
	if err == nil {
		err = f.find()
	}
	if errors.Is(err, errDamaged) {
		// Somebody else was at the part: nothing of it counts any more.
		if err := clearSlots(f.slots.file, []int{0, 1}); err != nil {
			return storeFailed(err, "slots that do not fit the part cannot be cleared")
		}
		f.at, f.sum, f.cursor = slot{}, sha256.New(), f.newCursor()
		_ = f.restoreHash(f.at) // of nothing there is nothing to be restored
		f.slots.sequence, f.slots.place, f.slots.durable = 0, 1, slot{}
		err = nil
	}
	return err
}

// find opens the file in which the part goes on, if that is begun.
func (f *Folder) find() error {
	if f.at.offset == 0 {
		return nil
	}
	if err := f.cursor.Find(f.at.offset); err == io.EOF {
		return nil
	} else if err != nil {
		return storeFailed(err, "the manifest of the part cannot be read again")
	}
	within := f.at.offset - f.cursor.Start
	if within == 0 {
		f.sum = sha256.New()
		return nil
	}
	file, err := f.fs.OpenFile(f.path(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return errDamaged
	}
	if err != nil {
		return storeFailed(err, "%q cannot be opened again", f.cursor.Entry.Path)
	}
	info, err := file.Stat()
	if err == nil && info.Size < within {
		file.Close() // it begins anew, with the first of the files
		return errDamaged
	}
	f.file = file
	if err == nil {
		f.at.written += info.Size - within
		f.at.hashed += info.Size - within
		err = file.Truncate(within)
	}
	if err != nil {
		return storeFailed(err, "what is beyond the durable offset cannot be discarded")
	}
	f.allocate()
	return nil
}

func (f *Folder) path() string { return path.Join(treeDir, f.cursor.Entry.Path) }

// allocate reserves the blocks of the open file where that is worth it. Where
// it cannot be done a write will say what is wrong. Some file systems say that it
// is done and take nothing, which is for the disk to know.
func (f *Folder) allocate() {
	size := f.cursor.Entry.Size
	if f.whole = false; size < allocateFrom || f.file.Allocate(size) != nil {
		return
	}
	info, err := f.file.Stat()
	f.whole = err == nil && info.Allocated >= size
}

// Close gives up what is open. What was not synced may be lost.
func (f *Folder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = reason.New(reason.Internal, "the part is closed")
	}
	for _, file := range []disk.File{f.slots.file, f.sums, f.hashes, f.list, f.file, f.shared.file, f.baseHashes} {
		if file != nil {
			file.Close()
		}
	}
}

// Offset, Frames, Resumes and Effort are as those of a Part.
func (f *Folder) Offset() int64 { return f.now().offset }

// Frames is how many frames the bytes came in, over all attempts.
func (f *Folder) Frames() int64 { return f.now().frames }

// Resumes is how often the part went on.
func (f *Folder) Resumes() int { return int(f.now().resumes) }

// Effort is how many bytes were written and hashed, as far as it is known.
func (f *Folder) Effort() (written, hashed int64) {
	at := f.now()
	return at.written, at.hashed
}

func (f *Folder) now() slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

// Append writes the source bytes of one frame, which may end one file and begin
// others. Its errors are those of Part.Append, and as final.
func (f *Folder) Append(frame []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	if int64(len(frame)) > f.stream-f.at.offset {
		f.failed = reason.New(reason.Protocol, "a frame of %d bytes at offset %d goes beyond the %d that were offered", len(frame), f.at.offset, f.stream)
		return f.failed
	}
	for rest := frame; len(rest) > 0; {
		n, err := f.write(rest)
		if err != nil {
			f.failed = err
			return err
		}
		rest = rest[n:]
	}
	f.at.frames++
	return nil
}

// write writes what belongs to one file.
func (f *Folder) write(p []byte) (n int, err error) {
	if f.file == nil {
		if err := f.create(); err != nil {
			return 0, err
		}
	}
	n = int(min(int64(len(p)), f.cursor.End()-f.at.offset))
	f.sum.Write(p[:n])
	if f.sha1 != nil {
		f.sha1.Write(p[:n])
	}
	if _, err := f.file.WriteAt(p[:n], f.at.offset-f.cursor.Start); err != nil {
		return 0, storeFailed(err, "%q cannot be written", f.cursor.Entry.Path)
	}
	f.at.offset += int64(n)
	f.at.written += int64(n)
	f.at.hashed += int64(n)
	if f.at.offset == f.cursor.End() {
		return n, f.complete()
	}
	return n, nil
}

// create begins the next file that has bytes.
func (f *Folder) create() error {
	if err := f.cursor.Find(f.at.offset); err != nil {
		return storeFailed(err, "the manifest of the part cannot be read again")
	}
	file, err := f.fs.OpenFile(f.path(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return storeFailed(err, "%q cannot be made", f.cursor.Entry.Path)
	}
	f.file, f.spread = file, true
	f.sum.Reset()
	if f.sha1 != nil {
		f.sha1.Reset()
	}
	f.allocate()
	return nil
}

// complete ends a file whose last byte was written.
func (f *Folder) complete() error {
	var sum manifest.Sum
	f.sum.Sum(sum[:0])
	if err := errors.Join(f.noteSum(f.cursor.Index, sum), f.noteHash(f.cursor.Index)); err != nil {
		return err
	}
	err := f.file.Close()
	f.file, f.spread = nil, true
	if err == nil {
		err = f.fs.SetModTime(f.path(), time.Unix(0, f.cursor.Entry.MTime))
	}
	if err != nil {
		return storeFailed(err, "%q cannot be completed", f.cursor.Entry.Path)
	}
	return nil
}

func (f *Folder) noteSum(index int, sum manifest.Sum) error {
	if _, err := f.sums.WriteAt(sum[:], int64(index)*int64(len(sum))); err != nil {
		return storeFailed(err, "a digest cannot be noted")
	}
	return nil
}

// Sync makes durable what was appended before the call, as Part.Sync does.
// Small files are made durable together.
func (f *Folder) Sync() (offset int64, err error) {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	at, file, spread, err := f.snapshot()
	if err != nil {
		return 0, err
	}
	if at.offset == f.slots.durable.offset && f.slots.sequence > 0 {
		return at.offset, nil
	}
	err = f.flush(file, spread)
	if err == nil {
		err = f.slots.write(at)
	}
	if err != nil {
		err = storeFailed(err, "the folder cannot be made durable up to offset %d", at.offset)
		f.mu.Lock()
		f.failed = err
		f.mu.Unlock()
		return 0, err
	}
	return at.offset, nil
}

func (f *Folder) snapshot() (at slot, file disk.File, spread bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return at, nil, false, f.failed
	}
	state, err := f.states()
	if err != nil {
		f.failed = reason.Wrap(reason.Internal, err, "the state of the digest cannot be saved")
		return at, nil, false, f.failed
	}
	at, file, spread = f.at, f.file, f.spread
	at.state, at.ahead = state, 0
	if file != nil && f.whole {
		at.ahead = f.cursor.End() - at.offset
	}
	f.spread = false
	return at, file, spread, nil
}

// flush makes one file durable where nothing else was touched, else everything
// together.
func (f *Folder) flush(file disk.File, spread bool) error {
	if !spread && file != nil {
		// It may have been completed and closed meanwhile. Any other error is one:
		// what the kernel gave up is not there for a later sync to miss.
		if err := file.Datasync(); !errors.Is(err, fs.ErrClosed) {
			return err
		}
	}
	return f.syncAll()
}

// syncAll makes everything durable, for the stream and what is shared alike. What
// the disk has lost the kernel tells once, to either: the other hears of it here.
func (f *Folder) syncAll() error {
	f.settling.Lock()
	defer f.settling.Unlock()
	if f.lost == nil {
		f.lost = f.fs.SyncAll()
	}
	return f.lost
}

// Finished is a folder that is whole and durable.
type Finished struct {
	SHA256   string // of its proven manifest
	Facts    string // by which its files are known again
	Warnings []string
}

// Finish makes the rest: empty files, and the list of digests. alive is called
// now and then while that takes its time. It fails with reason.Protocol when
// the stream is shorter than its size.
func (f *Folder) Finish(alive func()) (Finished, error) {
	if _, err := f.Sync(); err != nil {
		return Finished{}, err
	}
	if at := f.Offset(); at != f.stream {
		return Finished{}, reason.New(reason.Protocol, "the end came at offset %d of %d", at, f.stream)
	}
	if f.reuse != nil && !f.taken {
		return Finished{}, reason.New(reason.Internal, "what is shared with another folder is not there yet")
	}
	sum, entries, err := f.conclude(alive)
	if err != nil {
		return Finished{}, err
	}
	warnings, err := f.inspect()
	if err != nil {
		return Finished{}, err
	}
	if err := f.syncAll(); err != nil {
		return Finished{}, storeFailed(err, "the folder cannot be made durable")
	}
	facts, there, err := treeFacts(f.fs, treeDir)
	if err != nil {
		return Finished{}, storeFailed(err, "the folder cannot be looked at")
	}
	if there < entries {
		// Each was written without an error, and one over the other: a file system
		// may fold names that are two to a manifest.
		return Finished{}, reason.New(reason.StoreFailed,
			"two names of the folder are one in this store, where %d of %d files and folders are; rename one at the source, or have the store on a file system that keeps them apart",
			there, entries)
	}
	return Finished{SHA256: sum, Facts: facts, Warnings: warnings}, nil
}

// aliveEvery is how many files are made between two signs of life.
const aliveEvery = 1000

// conclude goes through the whole manifest once more, and counts its entries.
func (f *Folder) conclude(alive func()) (sha256 string, entries int, err error) {
	checks, err := f.fs.OpenFile(checksFile, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return "", 0, storeFailed(err, "the list of digests cannot be made")
	}
	defer checks.Close()
	out := bufio.NewWriterSize(&writer{file: checks}, 64<<10)
	proof, cursor := manifest.NewProof(), f.newCursor()
	sums := bufio.NewReaderSize(io.NewSectionReader(f.sums, 0, math.MaxInt64), 64<<10)
	var line []byte
	for {
		if err := cursor.Next(); err == io.EOF {
			break
		} else if err != nil {
			return "", 0, storeFailed(err, "the manifest of the part cannot be read again")
		}
		if cursor.Index%aliveEvery == 0 {
			alive()
		}
		// A sum that was never written, at the end, is that of no file with bytes.
		var sum manifest.Sum
		if _, err := io.ReadFull(sums, sum[:]); err != nil && err != io.EOF {
			return "", 0, storeFailed(err, "the digests of the files cannot be read")
		}
		e := cursor.Entry
		entries++
		if e.Kind == manifest.File && e.Size == 0 {
			if sum, err = f.empty(e); err != nil {
				return "", 0, err
			}
		}
		proof.Add(e, sum)
		if e.Kind != manifest.Folder {
			line = e.AppendCheck(line[:0], sum, f.plan.Name)
			out.Write(line) // what fails is told by Flush
		}
	}
	if err := out.Flush(); err != nil {
		return "", 0, storeFailed(err, "the list of digests cannot be written")
	}
	return proof.SHA256(), entries, nil
}

// empty makes a file that has no bytes.
func (f *Folder) empty(e manifest.Entry) (manifest.Sum, error) {
	name := path.Join(treeDir, e.Path)
	file, err := f.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = f.fs.SetModTime(name, time.Unix(0, e.MTime))
	}
	if err != nil {
		return manifest.Sum{}, storeFailed(err, "%q cannot be made", e.Path)
	}
	return sha256.Sum256(nil), nil
}
