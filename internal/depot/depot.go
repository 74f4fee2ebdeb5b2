// Package depot is the store of a reception server: partial files, their
// durable offset and running digest, the space they need, and how a whole one
// is published under its name with a receipt.
package depot

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// Limits may be changed while a depot is open.
type Limits struct {
	// Quota is how many bytes published files and parts may have together;
	// 0 is no limit.
	Quota int64
	// MinFree is how many bytes are left free on the file system.
	MinFree int64
	// Parts is how many parts there may be, begun and not deposited; 0 is no
	// limit.
	Parts int
	// Expire is how long a part is kept that nobody asks for; 0 is for ever.
	Expire time.Duration
}

// Options are those of a depot.
type Options struct {
	// Clock gives the time. That of time.Now keeps a part that was asked for
	// in this run from expiring when the wall clock is set.
	Clock  func() time.Time
	Limits Limits
	// ReceiptKey is the key by which this server signs receipts, hex; of what was
	// decided in an earlier run, nothing is published that was signed by another,
	// which no receipt in the store has either. "" takes any.
	ReceiptKey string
	// Published, unless it is nil, is called for each deposit before its sender
	// hears of it: once, and after a crash perhaps a second time. With an error
	// the deposit is not done, and is tried again. It must not call the depot.
	Published func(Key, Offer, receipt.Receipt) error
}

// Depot is a store that is open. One mutex is held for each call, so a Sign
// must not call the depot. Parts are written by their processes meanwhile.
type Depot struct {
	fs    disk.FS
	clock func() time.Time
	lock  io.Closer
	told  func(Key, Offer, receipt.Receipt) error
	// signers are the keys by which receipts here are signed; none is any.
	signers map[string]bool

	mu        sync.Mutex
	closed    bool
	limits    Limits
	parts     map[Key]*part
	deposits  map[Key]deposit
	order     []Key // of deposits, the latest last; nil when it is to be made anew
	recovered Recovery
	removals  removals
}

// part is a delivery that is not yet deposited.
type part struct {
	offer   Offer
	began   time.Time // when it was first asked for
	asked   time.Time // when it was last asked for
	live    *Incoming // nil when nobody has it
	outcome *outcome  // the decision to publish, while it is not carried out
	name    string    // of a folder, under which it will be published
	grown   int64     // of a live source, the bytes that are there or reserved once it is larger than was expected
	dropped bool      // it could not be taken out of the store, and is nothing to go on with
	aside   string    // then: what its directory is called by now, if it is not under its name any more
}

// need is how many bytes of the disk the part takes.
func (p *part) need() int64 { return max(p.offer.need(), p.grown) }

// deposit is what is held in memory of a receipt.
type deposit struct {
	offer  Offer // only what tells the title and its source
	path   string
	sha256 string
	size   int64
	at     time.Time
	file   *facts
}

// Incoming is a delivery that was asked for: either deposited already, or a
// part to go on with.
type Incoming struct {
	Key Key
	// Receipt is not nil when the delivery is deposited; the rest is then zero.
	Receipt *receipt.Receipt
	// Offset is how many bytes are durable: what comes next begins there.
	Offset int64
	// Data and Slots are the files for OpenPart. They are the depot's, which
	// closes them at Release, Publish or Withdraw.
	Data, Slots disk.File
	// Of a folder there is no Data but the directory for OpenFolder, and the
	// name under which it will be published.
	Dir  disk.FS
	Name string
	Base *Base // with which it may share files
}

func (in *Incoming) close() {
	if in.Data != nil {
		in.Data.Close()
	}
	if in.Dir != nil {
		in.Dir.Close()
	}
	if in.Base != nil && in.Base.Dir != nil {
		in.Base.Dir.Close()
	}
	in.Slots.Close()
}

// Open takes the lock of the store, so that one reception has it, and recovers
// what an earlier run left: what was decided is published, what was
// acknowledged is kept, leftovers are removed.
// Its errors have the codes reason.Busy (the lock is taken) and
// reason.StoreFailed.
func Open(fsys disk.FS, opts Options) (*Depot, error) {
	d := &Depot{fs: fsys, clock: opts.Clock, limits: opts.Limits, told: opts.Published,
		parts: map[Key]*part{}, deposits: map[Key]deposit{}, signers: map[string]bool{}}
	if opts.ReceiptKey != "" {
		d.signers[opts.ReceiptKey] = true
	}
	if err := d.makeDir(metaDir); err != nil {
		return nil, storeFailed(err, "the store cannot be prepared; check that it is writable")
	}
	var err error
	if d.lock, err = fsys.Lock(lockName); err != nil {
		if errors.Is(err, disk.ErrLocked) {
			return nil, reason.Wrap(reason.Busy, err, "another reception has this store; stop it or use another store")
		}
		return nil, storeFailed(err, "the store cannot be locked; check that it is writable")
	}
	d.removals.begin(fsys)
	if err := d.recover(); err != nil {
		d.removals.end()
		d.lock.Close()
		return nil, storeFailed(err, "the store cannot be recovered; nothing was given up, try again once its disk is well")
	}
	return d, nil
}

// Close gives up the files and the lock. What is not removed yet is left to the
// next start. The processes that write parts must have ended.
func (d *Depot) Close() error {
	if !d.shut() {
		return nil
	}
	d.removals.end()
	return d.lock.Close()
}

// shut has nothing more be begun, and says whether that is new.
func (d *Depot) shut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.closed = true
	for _, p := range d.parts {
		p.release()
	}
	return true
}

// SetLimits changes the limits. They hold for what is asked from now on.
func (d *Depot) SetLimits(l Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits = l
}

// Recovered says what Open found and did.
func (d *Depot) Recovered() Recovery { return d.recovered }

// Receipt gives the stored receipt of a delivery, or reason.UnknownDelivery.
func (d *Depot) Receipt(key Key) (receipt.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return receipt.Receipt{}, err
	}
	if _, ok := d.deposits[key]; !ok {
		return receipt.Receipt{}, reason.New(reason.UnknownDelivery, "delivery %s is not deposited here", key)
	}
	return d.storedReceipt(key)
}

// Release takes the part of key back from whoever has it, so that it can be
// asked for again. The process that wrote it must have ended.
func (d *Depot) Release(key Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.parts[key]; p != nil && p.live != nil {
		if p.offer.Live() {
			// What was written since the last look is there too.
			if info, err := p.live.Data.Stat(); err == nil {
				p.grown = max(p.grown, info.Size)
			}
		}
		p.release()
		p.asked = d.clock()
	}
}

func (p *part) release() {
	if p.live != nil {
		p.live.close()
		p.live = nil
	}
}

// Withdraw gives up a delivery and frees its space. One that is not here is
// nothing to do; one that is deposited stays: reason.AlreadyEnded. The process
// that wrote it must have ended.
func (d *Depot) Withdraw(key Key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return err
	}
	if err := key.check(); err != nil {
		return err
	}
	p := d.parts[key]
	_, deposited := d.deposits[key]
	if deposited || p != nil && p.outcome != nil {
		return reason.New(reason.AlreadyEnded, "delivery %s is deposited", key)
	}
	return d.drop(key)
}

// Dropped is a part that expired.
type Dropped struct {
	Key   Key
	Offer Offer
}

// Expire drops the parts that nobody asked for or wrote to since Limits.Expire
// before now, and says which. A time in the future counts as now: a clock that
// went back makes a part stay longer, never shorter.
func (d *Depot) Expire(now time.Time) ([]Dropped, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	var dropped []Dropped
	for key, p := range d.parts {
		if p.live != nil || p.outcome != nil || d.limits.Expire <= 0 {
			continue
		}
		idle := now.Sub(p.asked)
		if idle < 0 {
			p.asked = now
		}
		if idle < d.limits.Expire {
			continue
		}
		if err := d.drop(key); err != nil {
			return dropped, err
		}
		dropped = append(dropped, Dropped{Key: key, Offer: p.offer})
	}
	return dropped, nil
}

// makeDir makes a directory durable, whether it was there or not.
func (d *Depot) makeDir(name string) error {
	if err := d.fs.Mkdir(name, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.fs.SyncDir(path.Dir(name))
}

func (d *Depot) usable() error {
	if d.closed {
		return reason.New(reason.ShuttingDown, "the store is closed")
	}
	return nil
}
