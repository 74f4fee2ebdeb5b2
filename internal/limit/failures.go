package limit

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// freeFailures is how many logins may fail from an address before it has to
	// wait, unless that is set: people mistype.
	freeFailures = 5
	// firstWait is how long it then waits, twice as long after each that fails
	// again, and mostWait at most.
	firstWait = time.Second
	mostWait  = 5 * time.Minute
	// forgetAfter is after how long without a failure an address is as new.
	forgetAfter = 15 * time.Minute
	// mostAddresses bounds how many are remembered; of more, those that are
	// closest to being forgotten make room.
	mostAddresses = 10_000
)

// Failures counts what failed from each address, to make those wait who try
// again and again. Safe for concurrent use.
type Failures struct {
	mu   sync.Mutex
	free int
	from map[netip.Addr]failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time // it waits
}

// NewFailures makes a Failures.
func NewFailures() *Failures {
	return &Failures{free: freeFailures, from: make(map[netip.Addr]failures)}
}

// SetFree says how many may fail from an address before it has to wait.
func (f *Failures) SetFree(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = n
}

// Failed counts a failure from addr and gives how long it has to wait now.
func (f *Failures) Failed(addr netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	addr = of(addr)
	known := f.from[addr]
	if now.Sub(known.last).Abs() > forgetAfter {
		known = failures{}
	}
	known.count++
	known.last = now
	wait := time.Duration(0)
	if over := known.count - f.free; over > 0 {
		// More doublings than reach mostWait change nothing.
		wait = min(firstWait<<min(over-1, 16), mostWait)
	}
	known.until = now.Add(wait)
	if _, there := f.from[addr]; !there && len(f.from) >= mostAddresses {
		f.makeRoom(now)
	}
	f.from[addr] = known
	return wait
}

// makeRoom drops those that are as new, and if there are none, the oldest.
func (f *Failures) makeRoom(now time.Time) {
	var oldest netip.Addr
	for addr, known := range f.from {
		if now.Sub(known.last).Abs() > forgetAfter {
			delete(f.from, addr)
		} else if !oldest.IsValid() || known.last.Before(f.from[oldest].last) {
			oldest = addr
		}
	}
	if len(f.from) >= mostAddresses {
		delete(f.from, oldest)
	}
}

// Blocked says whether addr has to wait still. A clock that was set back makes
// nobody wait longer than it would have.
func (f *Failures) Blocked(addr netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait := f.from[of(addr)].until.Sub(now)
	return wait > 0 && wait <= mostWait
}

// Forget forgets the failures from addr, from where something succeeded.
func (f *Failures) Forget(addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.from, of(addr))
}
