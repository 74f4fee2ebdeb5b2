package lobby

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

const (
	// mostChecks is how many deposits are read again at once, for all browsers:
	// each takes a core and what the disk gives.
	mostChecks = 2

	// mostNoted is how many results of that are remembered.
	mostNoted = 10_000

	// sampleEvery is over which time the rate of what is arriving is measured at
	// least, and sampleFor how long it stands while nobody looks.
	sampleEvery = 500 * time.Millisecond
	sampleFor   = 5 * time.Second
)

// store answers what is asked of the store. The file, where there is one, goes
// with the reply to the worker, for reading.
func (v *visitor) store(q control.StoreQuery) (a control.StoreAnswer, file *os.File, err error) {
	l := v.lobby
	switch {
	case q.Room != nil:
		a.Room, err = l.room()
	case q.Shelf != nil:
		a.Shelf, err = l.shelf(*q.Shelf)
	case q.Arriving != nil:
		a.Arriving, err = l.arriving(*q.Arriving)
	case q.Show != nil:
		a.Shown, err = l.show(q.Show.Key)
	case q.Open != nil:
		file, err = v.open(*q.Open)
		a.Opened = err == nil
	case q.Checked != nil:
		err = v.checked(*q.Checked)
		a.Done = err == nil
	default:
		err = reason.New(reason.Internal, "an empty call")
	}
	return a, file, err
}

// keyOf reads the key of a delivery; what is none is that of no delivery.
func keyOf(text string) (depot.Key, error) {
	key, err := depot.ParseKey(text)
	if err != nil {
		return key, reason.New(reason.UnknownDelivery, "%v", err)
	}
	return key, nil
}

func (l *Lobby) room() (*control.Room, error) {
	r, err := l.Depot.Room()
	if err != nil {
		return nil, err
	}
	return &control.Room{Free: r.Free, Available: r.Available, Total: r.Total, Quota: r.Quota, Deposited: r.Deposited, Reserved: r.Reserved,
		Deposits: r.Deposits, Arrivals: r.Arrivals}, nil
}

func (l *Lobby) shelf(q control.ShelfQuery) (*control.Shelf, error) {
	var before depot.Key
	if q.Before != "" {
		var err error
		if before, err = keyOf(q.Before); err != nil {
			return nil, err
		}
	}
	list, more, err := l.Depot.Shelf(before, q.Search, control.ShelfSize)
	if err != nil {
		return nil, err
	}
	page := &control.Shelf{Deposits: []control.Shelved{}, More: more}
	for _, s := range list {
		page.Deposits = append(page.Deposits, listed(s))
	}
	return page, nil
}

// listed is a deposit as a list has it.
func listed(s depot.Shelved) control.Shelved {
	r := s.Receipt
	d := control.Shelved{
		Key: s.Key.String(), Name: control.Short(r.Name), Title: r.Title, Size: r.Size, Folder: s.Folder, Files: r.Files, Live: r.Version == receipt.VersionLive,
		Gaps: len(r.Gaps), Warnings: len(r.Warnings), Duration: s.Duration, Promised: r.Promised, Deposited: r.Deposited, Presence: string(s.Presence), Damaged: s.Damaged,
	}
	if d.Live {
		d.Duration = time.Duration(r.Duration) * time.Millisecond
	}
	return d
}

func (l *Lobby) arriving(q control.AfterKey) (*control.Arriving, error) {
	var after depot.Key
	if q.After != "" {
		var err error
		if after, err = keyOf(q.After); err != nil {
			return nil, err
		}
	}
	list, more, err := l.Depot.Arriving(after, control.ArrivingSize)
	if err != nil {
		return nil, err
	}
	page := &control.Arriving{Arrivals: []control.Arrival{}, More: more}
	for _, a := range list {
		page.Arrivals = append(page.Arrivals, l.arrival(a))
	}
	return page, nil
}

func (l *Lobby) arrival(a depot.Arrival) control.Arrival {
	o := a.Offer
	return control.Arrival{
		Key: a.Key.String(), Name: control.Short(o.Name), Title: o.Title, Extension: o.Extension, Size: o.Size, Durable: a.Durable, Written: a.Written,
		Rate: l.rates.of(a, l.Clock()), Resumes: a.Resumes, Frames: a.Frames, Files: o.Files, Folder: o.Folder(), Receiving: a.Receiving, Duration: o.Duration,
		Promised: o.Deadline, Began: a.Began.UTC(), Asked: a.Asked.UTC(),
	}
}

// show gives one delivery, deposited or arriving.
func (l *Lobby) show(text string) (*control.Shown, error) {
	key, err := keyOf(text)
	if err != nil {
		return nil, err
	}
	s, err := l.Depot.Shelved(key)
	if reason.Of(err) == reason.UnknownDelivery {
		a, err := l.Depot.Arrival(key)
		if err != nil {
			return nil, err
		}
		public := l.arrival(a)
		return &control.Shown{Arrival: &public}, nil
	}
	if err != nil {
		return nil, err
	}
	d := listed(s)
	d.Name = s.Receipt.Name
	shown := &control.Shown{Deposit: &d, Path: s.Receipt.Path, Receiver: l.Receiver, ReceiptKey: l.ReceiptKey, Check: l.checks.last(key)}
	if !s.Damaged {
		if shown.Receipt, err = receipt.Marshal(s.Receipt); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// open opens a file for reading.
func (v *visitor) open(q control.OpenQuery) (_ *os.File, err error) {
	key, err := keyOf(q.Key)
	if err != nil {
		return nil, err
	}
	if q.Check {
		var begun bool
		if begun, err = v.beginCheck(); err != nil {
			return nil, err
		}
		defer func() {
			if begun && err != nil { // nothing is read
				v.endCheck()
			}
		}()
	}
	var f disk.File
	switch q.What {
	case control.OfFolders:
		if !q.Check { // it takes a walk through all of the folder
			return nil, reason.New(reason.Usage, "its folders are listed for who reads all of it again")
		}
		return v.folders(key)
	case control.OfDeposit:
		f, err = v.lobby.Depot.OpenShelved(key, q.Within)
	case control.OfChecks:
		f, err = v.lobby.Depot.OpenChecks(key)
	case control.OfArriving:
		f, err = v.lobby.Depot.OpenArriving(key)
	default:
		err = reason.New(reason.UnknownDelivery, "there is nothing called %.20q of a delivery", q.What)
	}
	if err != nil {
		return nil, err
	}
	file, ok := disk.OSFile(f)
	if !ok {
		f.Close()
		return nil, errors.New("it is no file of this machine")
	}
	return file, nil
}

// folders gives the folders below a deposit as a file in memory.
func (v *visitor) folders(key depot.Key) (*os.File, error) {
	names, err := v.lobby.Depot.Folders(key)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("folders", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, reason.Wrap(reason.Internal, err, "memfd_create")
	}
	file := os.NewFile(uintptr(fd), "folders")
	out := bufio.NewWriter(file)
	for _, name := range names {
		out.WriteString(name) // what fails is told by Flush
		out.WriteByte(0)
	}
	err = out.Flush()
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, reason.Wrap(reason.Internal, err, "the list of folders")
	}
	return file, nil
}

// beginCheck takes one of the places for reading all of a deposit, which the
// visitor has until it says what came of it, or is gone; begun is whether it had
// none before.
func (v *visitor) beginCheck() (begun bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.checking {
		return false, nil
	}
	select {
	case v.lobby.checking <- struct{}{}:
		// Each file, its list and that of its folders.
		v.checking, v.free = true, manifest.MaxEntries+2
		return true, nil
	default:
		return false, reason.New(reason.Busy, "%d deposits are being read again, no more than that are at once", mostChecks)
	}
}

// ofCheck says whether a call opens what is being read again: how many files a
// folder has is not for the bound on what a browser asks, but for one of its own.
func (v *visitor) ofCheck(c control.Call) bool {
	if c.Store == nil || c.Store.Open == nil || !c.Store.Open.Check {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.checking || v.free == 0 {
		return false
	}
	v.free--
	return true
}

// endCheck gives the place back, and says whether the visitor had it.
func (v *visitor) endCheck() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.checking {
		return false
	}
	v.checking = false
	<-v.lobby.checking
	return true
}

// checked notes what came of reading a deposit again: the word of a worker, to be
// shown to people and nothing else.
func (v *visitor) checked(c control.Checked) error {
	if !v.endCheck() {
		return reason.New(reason.Usage, "nothing is being read again here")
	}
	key, err := keyOf(c.Key)
	if err != nil || c.Broken {
		return err
	}
	if _, err := v.lobby.Depot.Shelved(key); err != nil {
		return err
	}
	v.lobby.Log.Info("a deposit was read again", "delivery", key.ID, "central", key.Central, "good", c.Good, "peer", v.peer)
	v.lobby.checks.note(key, control.LastCheck{At: v.lobby.Clock().UTC(), Good: c.Good})
	return nil
}

// checks are the results of reading deposits again, as long as the server runs.
type checks struct {
	mu    sync.Mutex
	known map[depot.Key]control.LastCheck
}

func (c *checks) note(key depot.Key, last control.LastCheck) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= mostNoted {
		c.known = make(map[depot.Key]control.LastCheck)
	}
	c.known[key] = last
}

func (c *checks) last(key depot.Key) *control.LastCheck {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.known[key]; ok {
		return &last
	}
	return nil
}

// rates are those of what is arriving, measured from one look to the next.
type rates struct {
	mu    sync.Mutex
	known map[depot.Key]sample
}

type sample struct {
	at      time.Time
	written int64
	rate    int64
}

// of gives the rate of an arrival in bytes a second, 0 while it is not known.
func (r *rates) of(a depot.Arrival, now time.Time) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = make(map[depot.Key]sample)
	}
	last, ok := r.known[a.Key]
	apart := now.Sub(last.at)
	switch {
	case !a.Receiving:
		delete(r.known, a.Key)
		return 0
	case !ok || apart > sampleFor || apart < 0 || a.Written < last.written:
		for key, s := range r.known {
			if now.Sub(s.at) > sampleFor {
				delete(r.known, key)
			}
		}
		last = sample{at: now, written: a.Written}
	case apart >= sampleEvery:
		// Half of what it was before, so that it can be read.
		fresh := int64(float64(a.Written-last.written) / apart.Seconds())
		if last.rate > 0 {
			fresh = (fresh + last.rate) / 2
		}
		last = sample{at: now, written: a.Written, rate: fresh}
	}
	r.known[a.Key] = last
	return last.rate
}
