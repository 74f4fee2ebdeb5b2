package depot

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"videoclub/internal/atomicfile"
	"videoclub/internal/disk"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// maxTries bounds the suffixes that are tried for a name that is taken.
const maxTries = 10000

// errTaken says that another file got the name first.
var errTaken = errors.New("the name is taken")

// Publish gives a whole part its name in the store and its receipt, and both
// are durable when it returns. A name that is taken by other content gets
// " (2)" before its extension, and so on; where the same content has the name,
// that file is the delivery's. The process that wrote the part must have ended.
// Asked twice it gives the same receipt, and after a crash Open goes on where
// it was.
//
// Its errors have the codes reason.UnknownDelivery, reason.DigestMismatch (the
// offer had another digest: Withdraw it), reason.WorkerFailed (the part does
// not bear out the result), reason.Internal (sign failed), reason.NoSpace and
// reason.StoreFailed.
func (d *Depot) Publish(key Key, res Result, sign Sign) (receipt.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return receipt.Receipt{}, err
	}
	if dep, ok := d.deposits[key]; ok {
		if dep.sha256 != res.SHA256 || dep.size != res.Size {
			return receipt.Receipt{}, reason.New(reason.KeyReused, "delivery %s was deposited with other content", key)
		}
		return d.storedReceipt(key)
	}
	p := d.parts[key]
	if p == nil {
		return receipt.Receipt{}, reason.New(reason.UnknownDelivery, "there is no part of delivery %s", key)
	}
	if p.outcome == nil {
		verify := d.verify
		if p.offer.Folder() {
			verify = d.verifyFolder
		}
		if err := verify(key, p, res); err != nil {
			return receipt.Receipt{}, err
		}
		r := draft(key, p.offer, res, "", p.began, d.clock())
		if err := d.decide(key, p, r, res.Facts, sign); err != nil {
			return receipt.Receipt{}, err
		}
	}
	return d.complete(key, p, sign)
}

// verify sees that the part is what the result says, by its size and its saved
// digest, and makes it durable as it shall be published.
func (d *Depot) verify(key Key, p *part, res Result) error {
	if p.offer.SHA256 != "" && res.SHA256 != p.offer.SHA256 {
		return reason.New(reason.DigestMismatch, "delivery %s arrived with digest %.64s, offered was %s", key, res.SHA256, p.offer.SHA256)
	}
	failed := func(err error) error { return storeFailed(err, "the part of delivery %s cannot be made durable", key) }
	in, err := d.openFiles(key, p.offer, 0)
	if err != nil {
		return failed(err)
	}
	defer in.close()
	info, err := in.Data.Stat()
	if err != nil {
		return failed(err)
	}
	at, err := newest(in.Slots, info.Size, p.offer.Size)
	if err != nil {
		return failed(err)
	}
	size, sum := p.offer.Size, res.SHA256
	if p.offer.Live() {
		size, sum = res.Size, res.Stream
	}
	if res.Size != size || info.Size != size || at.offset != size || hex.EncodeToString(at.sum.Sum(nil)) != sum {
		return reason.New(reason.WorkerFailed, "the part of delivery %s has %d bytes, %d of them durable, and does not bear out the result",
			key, info.Size, at.offset)
	}
	if err := in.Data.SetMode(filePerm); err != nil {
		return failed(err)
	}
	if p.offer.MTime != 0 {
		if err := d.fs.SetModTime(key.file(dataFile), time.Unix(0, p.offer.MTime)); err != nil {
			return failed(err)
		}
	}
	if err := in.Data.Sync(); err != nil {
		return failed(err)
	}
	return nil
}

// decide chooses the name, has the receipt signed and makes both durable.
func (d *Depot) decide(key Key, p *part, r receipt.Receipt, facts string, sign Sign) error {
	var name string
	var adopt bool
	var err error
	if p.offer.Folder() {
		name, err = d.decidedName(key, p)
	} else {
		name, adopt, err = d.freeName(p.offer, r)
	}
	if err != nil {
		return err
	}
	r.Path = name
	file := key.body(p.offer)
	if adopt {
		file = name
	}
	info, err := d.fs.Stat(file)
	if err != nil {
		return storeFailed(err, "%s cannot be looked at", file)
	}
	if !p.offer.fits(info.Mode) {
		return reason.New(reason.WorkerFailed, "the part of delivery %s is neither a file nor a folder", key)
	}
	signed, err := seal(r, sign)
	if err != nil {
		return err
	}
	text, err := receipt.Marshal(signed)
	if err != nil {
		return reason.Wrap(reason.Internal, err, "the receipt of delivery %s cannot be written", key)
	}
	if p.offer.Folder() {
		if err := atomicfile.Write(d.fs, key.file(receiptFile), append(text, '\n'), filePerm); err != nil {
			return storeFailed(err, "the receipt of delivery %s cannot be written", key)
		}
	}
	o := &outcome{Version: format, Inode: info.Inode, Adopt: adopt, Facts: facts, Offer: p.offer, Receipt: text}
	if err := d.writeJSON(key.file(outcomeFile), o); err != nil {
		return storeFailed(err, "the publishing of delivery %s cannot be decided", key)
	}
	p.outcome = o
	return nil
}

// freeName gives the first name that nothing has, or that the same content has.
func (d *Depot) freeName(o Offer, r receipt.Receipt) (name string, adopt bool, err error) {
	wanted := SafeName(o.Name, o.Extension, o.Title)
	for n := 1; n <= maxTries; n++ {
		name = numbered(wanted, n)
		_, err := d.fs.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, false, nil
		}
		if err != nil {
			return "", false, storeFailed(err, "%s cannot be looked at", name)
		}
		if _, same := d.intact(r.SHA256, r.Size, func(dep deposit) bool { return dep.path == name }); same {
			return name, true, nil
		}
	}
	return "", false, reason.New(reason.StoreFailed, "%q and %d numbered names are taken; move some away", wanted, maxTries-1)
}

// complete carries the decision out. Where another file got the name since, it
// decides again; nobody has seen the receipt yet. Without sign the decision is
// taken back, and the part waits to be asked for.
func (d *Depot) complete(key Key, p *part, sign Sign) (receipt.Receipt, error) {
	for range maxTries {
		signed, err := d.finish(key, p)
		if !errors.Is(err, errTaken) {
			return signed, err
		}
		if sign == nil || p.offer.Folder() {
			break // what lies beside a folder has its name in it
		}
		if err := d.decide(key, p, unsigned(signed), p.outcome.Facts, sign); err != nil {
			return receipt.Receipt{}, err
		}
	}
	if err := d.undecide(key, p); err != nil {
		return receipt.Receipt{}, err
	}
	return receipt.Receipt{}, reason.New(reason.StoreFailed, "the name for delivery %s was taken meanwhile; it is published when it is asked for again", key)
}

func unsigned(r receipt.Receipt) receipt.Receipt {
	r.Receiver, r.Key, r.Signature = "", "", ""
	return r
}

// undecide takes a decision back that was never carried out.
func (d *Depot) undecide(key Key, p *part) error {
	err := d.fs.Remove(key.file(outcomeFile))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = d.fs.SyncDir(key.dir())
	}
	if err != nil {
		return storeFailed(err, "the decision to publish delivery %s cannot be taken back", key)
	}
	p.outcome = nil
	return nil
}

// finish does what is left of a decided publish, however far it came before.
// With errTaken it gives the receipt that cannot be.
func (d *Depot) finish(key Key, p *part) (receipt.Receipt, error) {
	r, err := receipt.Parse(p.outcome.Receipt)
	if err != nil {
		return r, err
	}
	if !p.outcome.Adopt {
		rename := d.rename
		if p.outcome.Offer.Folder() {
			rename = d.renameFolder
		}
		if err := rename(key, r.Path); err != nil {
			if errors.Is(err, errTaken) {
				return r, err
			}
			return r, storeFailed(err, "delivery %s cannot be published as %s", key, r.Path)
		}
	}
	settle := d.settle
	if p.outcome.Offer.Folder() {
		settle = func(r receipt.Receipt, inode uint64) (*facts, error) { return d.settleFolder(key, r, p.outcome) }
	}
	file, err := settle(r, p.outcome.Inode)
	if err != nil {
		return r, storeFailed(err, "%s cannot be made durable", r.Path)
	}
	if err := d.storeReceipt(key, p.outcome.Offer, file, r); err != nil {
		return r, err
	}
	_ = d.drop(key) // deposited all the same: Open removes what stays
	return r, nil
}

// rename gives the part its name and makes that durable, the new name before
// the loss of the old one: an old name that came back would have to be removed,
// and that changes the file's facts.
func (d *Depot) rename(key Key, name string) error {
	part := key.file(dataFile)
	err := d.fs.RenameNoReplace(part, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// It was renamed before: nothing else takes a decided part away.
	case errors.Is(err, fs.ErrExist):
		// A crash may leave both names.
		same, err := d.sameFile(part, name)
		if err != nil {
			return err
		}
		if !same {
			return errTaken
		}
		if err := d.fs.Remove(part); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if err := d.fs.SyncDir(path.Dir(name)); err != nil {
		return err
	}
	return d.fs.SyncDir(key.dir())
}

func (d *Depot) sameFile(a, b string) (bool, error) {
	x, err := d.fs.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := d.fs.Stat(b)
	return x.Inode == y.Inode, err
}

// settle makes a published file's change time durable with the rest, so that
// its facts agree after a crash too, and gives them: nil when somebody took the
// file away or put another there meanwhile.
func (d *Depot) settle(r receipt.Receipt, inode uint64) (*facts, error) {
	info, err := d.fs.Stat(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode.IsRegular() || info.Inode != inode {
		return nil, nil // another may be one that cannot be opened
	}
	f, err := d.fs.OpenFile(r.Path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if info.Inode != inode || info.Size != r.Size {
		return nil, nil
	}
	file := factsOf(info)
	return &file, nil
}

// storeReceipt makes a receipt durable and known, once whoever is to be told of
// the deposit has been: with a receipt, nothing of it is done again.
func (d *Depot) storeReceipt(key Key, offer Offer, file *facts, r receipt.Receipt) error {
	if d.told != nil {
		if err := d.told(key, offer, r); err != nil {
			return storeFailed(err, "what is to happen after delivery %s cannot be noted", key)
		}
	}
	text, err := receipt.Marshal(r)
	if err != nil {
		return reason.Wrap(reason.Internal, err, "the receipt of delivery %s cannot be written", key)
	}
	rec := record{Version: format, Offer: offer, File: file, Receipt: text}
	if err := d.writeJSON(key.receiptFile(), rec); err != nil {
		return storeFailed(err, "the receipt of delivery %s cannot be kept", key)
	}
	d.deposits[key], d.order = rec.deposit(r), nil
	return nil
}

// deposit is what is held in memory of a record.
func (rec record) deposit(r receipt.Receipt) deposit {
	return deposit{
		offer: Offer{Name: rec.Offer.Name, Extension: rec.Offer.Extension, Size: rec.Offer.Size, MTime: rec.Offer.MTime, SHA256: r.SHA256,
			Manifest: rec.Offer.Manifest, ManifestSHA256: rec.Offer.ManifestSHA256},
		path: r.Path, sha256: r.SHA256, size: r.Size, at: r.Deposited, file: rec.File,
	}
}

// storedReceipt reads a receipt again; they are too many to be held.
func (d *Depot) storedReceipt(key Key) (receipt.Receipt, error) {
	_, r, err := d.readRecord(key)
	if err == nil {
		err = receipt.Verify(r)
	}
	if err != nil {
		return receipt.Receipt{}, storeFailed(err, "the receipt of delivery %s cannot be read", key)
	}
	return r, nil
}

func (d *Depot) readRecord(key Key) (record, receipt.Receipt, error) {
	var rec record
	if err := d.readJSON(key.receiptFile(), &rec, &rec.Version); err != nil {
		return rec, receipt.Receipt{}, err
	}
	r, err := receipt.Parse(rec.Receipt)
	return rec, r, err
}

// errDamaged says that a file is there and is not what it should be.
var errDamaged = errors.New("it is damaged or of a newer version")

func (d *Depot) readJSON(name string, into any, version *int) error {
	data, err := disk.ReadFile(d.fs, name, fileLimit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil || *version != format {
		return errDamaged
	}
	return nil
}
