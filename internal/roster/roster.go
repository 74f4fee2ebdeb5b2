// Package roster is the receptions that a central server knows: those that are
// configured and those that an administrator added, how they are paired by a
// code that is used once, and whether they are well.
package roster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/wire"
)

const (
	// A reception that is to be paired is visited each firstPause at first, then
	// less often as its code grows older, and each mostPause at last.
	firstPause = 2 * time.Second
	mostPause  = time.Minute
	slower     = 20 // of the code's age

	// visitWithin bounds a visit that somebody waits for.
	visitWithin = 30 * time.Second
)

// Config is what a Roster needs.
type Config struct {
	Ledger     *ledger.Ledger
	Dispatcher *dispatch.Dispatcher
	Clock      moment.Clock
	Log        *slog.Logger
	// Changed is called after receptions were added or removed: who has the
	// settings brings the dispatcher's up to date.
	Changed func()
}

// Settings are what a reload may change.
type Settings struct {
	Expire     time.Duration                 // of a pairing code
	Configured map[string]dispatch.Reception // in the configuration, by name
}

// Roster knows the receptions.
type Roster struct {
	Config
	wake chan struct{}

	mu       sync.Mutex
	settings Settings
	troubles map[string]error // why a pairing has not come about, by name
	visits   map[string]*sync.Mutex
}

// New makes a Roster.
func New(c Config, s Settings) *Roster {
	return &Roster{Config: c, wake: make(chan struct{}, 1), settings: s, troubles: make(map[string]error), visits: make(map[string]*sync.Mutex)}
}

// SetSettings changes the settings. The codes that were given keep their time.
func (r *Roster) SetSettings(s Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settings = s
}

func (r *Roster) current() Settings {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settings
}

// name is a host name as users write it (RFC 1123 section 2.1); the last label
// is not of digits alone, which would read as an IP address.
var name = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Added is a reception that was added, and the code that pairs it.
type Added struct {
	Name    string
	Code    identity.Code
	Address string
	Link    rate.Rate
	Again   bool // it was known before
}

// Add adds a reception, or makes a new code for one that is known, which ends an
// earlier one. An address or a link that is not given stays as it is known.
func (r *Roster) Add(ctx context.Context, host, address string, link rate.Rate) (Added, error) {
	host = strings.ToLower(host)
	if len(host) > 253 || !name.MatchString(host) || strings.Trim(host[strings.LastIndexByte(host, '.')+1:], "0123456789") == "" {
		return Added{}, reason.New(reason.Usage, "%.260q is not a host name: letters, digits, hyphens and dots; an IP address belongs in --address", host)
	}
	if at, port, err := net.SplitHostPort(address); address != "" && (err != nil || at == "" || !isPort(port)) {
		return Added{}, reason.New(reason.Usage, "%.260q is not HOST:PORT", address)
	}
	s := r.current()
	places, err := r.Ledger.Places(ctx)
	if err != nil {
		return Added{}, err
	}
	now := r.Clock()
	place := &ledger.Place{Name: host, Added: now}
	known := slices.IndexFunc(places, func(p ledger.Place) bool { return p.Name == host })
	if known >= 0 {
		*place = places[known]
	}
	_, configured := s.Configured[host]
	switch {
	case configured && (address != "" || link != 0):
		return Added{}, reason.New(reason.Usage, "%s is in the configuration of the central server, where its address and link are set", host)
	case configured:
		place = nil
	default:
		if address != "" {
			place.Address = address
		}
		if link != 0 {
			place.Link = int64(link)
		}
	}
	code, err := identity.NewCode(r.Dispatcher.Central(), now.Add(s.Expire))
	if err != nil {
		return Added{}, err
	}
	if err := r.Ledger.AddPairing(ctx, ledger.Pairing{Name: host, Secret: code.Secret[:], Made: now, Expires: code.Expires}, place); err != nil {
		return Added{}, err
	}
	r.trouble(host, nil)
	r.Changed()
	r.nudge()
	added := Added{Name: host, Code: code, Again: configured || known >= 0}
	// A name that does not resolve yet is no hindrance: check says so.
	added.Address, added.Link, _ = r.Dispatcher.Locate(ctx, host)
	r.Log.Info("reception added, waiting for vcvrs pair there", "reception", host, "address", added.Address, "link", added.Link, "expires", code.Expires)
	return added, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// Remove forgets a reception and its pairing. One that is configured stays so,
// and has to be paired again; stays says so.
func (r *Roster) Remove(ctx context.Context, host string) (stays bool, err error) {
	host = strings.ToLower(host)
	_, stays = r.current().Configured[host]
	// It is not promised anything between the look whether it is and its end.
	err = r.Dispatcher.Apart(ctx, func() error {
		err := r.Ledger.RemoveReception(ctx, host)
		if err == nil {
			r.Changed()
		}
		return err
	})
	if stays && reason.Of(err) == reason.UnknownReception {
		return stays, reason.New(reason.Usage, "%.64q is not paired; it is of the configuration, and leaves with its lines there", host)
	}
	if err != nil {
		return stays, err
	}
	r.trouble(host, nil)
	r.Log.Info("reception removed, its pairing is over", "reception", host)
	return stays, nil
}

// Entry is a reception as it is known.
type Entry struct {
	Name, Address string
	Link          rate.Rate
	Configured    bool      // else added
	Identity      string    // "" until it is known
	Paired        time.Time // zero: never
	Expires       time.Time // of the code that waits; zero: none waits
	Trouble       error     // why that has not come about yet
}

// List gives the receptions that are configured, added, or were met, by name.
func (r *Roster) List(ctx context.Context) ([]Entry, error) {
	s := r.current()
	places, errPlaces := r.Ledger.Places(ctx)
	pairings, errPairings := r.Ledger.Pairings(ctx)
	met, errMet := r.Ledger.Receptions(ctx)
	if err := errors.Join(errPlaces, errPairings, errMet); err != nil {
		return nil, err
	}
	all := make(map[string]*Entry)
	entry := func(name string) *Entry {
		if all[name] == nil {
			_, configured := s.Configured[name]
			all[name] = &Entry{Name: name, Configured: configured}
		}
		return all[name]
	}
	for name := range s.Configured {
		entry(name)
	}
	for _, p := range places {
		entry(p.Name)
	}
	for _, m := range met {
		e := entry(m.Name)
		e.Identity, e.Paired, e.Address = m.Identity, m.Paired, m.Address
	}
	r.mu.Lock()
	for _, p := range pairings {
		e := entry(p.Name)
		e.Expires, e.Trouble = p.Expires, r.troubles[p.Name]
	}
	r.mu.Unlock()
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := all[name]
		address, link, err := r.Dispatcher.Known(name)
		if e.Link = link; err == nil {
			e.Address = address
		}
		entries = append(entries, *e)
	}
	return entries, nil
}

// trouble notes why a pairing has not come about, and says whether that is news:
// another reason, or another host that shows a wrong proof.
func (r *Roster) trouble(name string, err error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.troubles[name]
	news = err != nil && (reason.Of(err) != reason.Of(before) || reason.Of(err) == reason.PairingInvalid && err.Error() != before.Error())
	if r.troubles[name] = err; err == nil {
		delete(r.troubles, name)
	}
	return news
}

// visiting gives the lock of the visits to one reception.
func (r *Roster) visiting(name string) *sync.Mutex {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.visits[name] == nil {
		r.visits[name] = &sync.Mutex{}
	}
	return r.visits[name]
}

func (r *Roster) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run visits the receptions whose codes wait, until ctx ends.
func (r *Roster) Run(ctx context.Context) {
	tried := make(map[string]time.Time)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var visits sync.WaitGroup
	defer visits.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		timer.Reset(r.round(ctx, tried, &visits))
	}
}

// round begins the visits to those that are due and says when to look again. It
// waits for none: one that says nothing would keep the others waiting.
func (r *Roster) round(ctx context.Context, tried map[string]time.Time, visits *sync.WaitGroup) time.Duration {
	waiting, err := r.Ledger.Pairings(ctx)
	if err != nil {
		r.Log.Warn("the pairings cannot be read, trying again", "error", err, "wait", mostPause)
		return mostPause
	}
	again := time.Duration(1<<63 - 1) // until there is one
	now := r.Clock()
	for _, p := range waiting {
		if !now.Before(p.Expires) {
			again = min(again, mostPause) // by a clock that may be put right yet
			continue
		}
		pause := min(max(firstPause, now.Sub(p.Made)/slower), mostPause)
		if wait := tried[p.Name].Add(pause).Sub(now); wait > 0 && wait <= pause {
			again = min(again, wait)
			continue
		}
		again = min(again, pause)
		one := r.visiting(p.Name)
		if !one.TryLock() {
			continue // the visit before is not over
		}
		tried[p.Name] = now
		visits.Go(func() {
			defer one.Unlock()
			r.pairAlone(ctx, p)
		})
	}
	return again
}

// pair visits a reception to see it proved that it knows the secret of the code.
func (r *Roster) pair(ctx context.Context, p ledger.Pairing) error {
	// One visit at a time: of two, the second would find the code used.
	one := r.visiting(p.Name)
	one.Lock()
	defer one.Unlock()
	return r.pairAlone(ctx, p)
}

// pairAlone is pair for who holds the lock of the visits.
func (r *Roster) pairAlone(ctx context.Context, p ledger.Pairing) error {
	if waiting, waits, err := r.waits(ctx, p.Name); err != nil || !waits || !bytes.Equal(waiting.Secret, p.Secret) {
		return err // the other visit has used it up, or there is a newer one
	}
	ctx, cancel := context.WithTimeout(ctx, visitWithin)
	defer cancel()
	var refused error
	address, _, err := r.Dispatcher.Locate(ctx, p.Name)
	if err == nil {
		err = r.Dispatcher.Converse(ctx, address, dispatch.Conversation{
			Protocol: wire.VisitALPN, Label: "pair=" + p.Name, First: control.PairWith{Reception: p.Name},
			Expect: func(bool) (string, error) { return "", nil }, // it is what is to be found out
			Answer: func(m control.Message) (control.Message, bool, error) {
				switch m := m.(type) {
				case control.Visited:
					return nil, true, nil
				case control.PairProof:
					if refused = r.prove(ctx, p, address, m); refused != nil {
						return control.Refuse{Code: reason.Of(refused), Detail: refused.Error()}, false, nil
					}
					return control.PairTaken{}, false, nil
				}
				return nil, false, errors.New("the send worker says what belongs to no pairing")
			},
		})
	}
	if refused != nil {
		err = refused
	}
	if !r.trouble(p.Name, err) || errors.Is(err, context.Canceled) {
		return err
	}
	log := r.Log.Info // it may just not have been told yet
	if code := reason.Of(err); code == reason.PairingInvalid || code == reason.Protocol {
		log = r.Log.Warn
	}
	log("not paired yet, trying again", "reception", p.Name, "peer", address, "reason", string(reason.Of(err)), "error", err, "expires", p.Expires)
	return err
}

// prove uses up the code for a proof that is good.
func (r *Roster) prove(ctx context.Context, p ledger.Pairing, address string, m control.PairProof) error {
	shown := identity.Pairing{
		Exporter: m.Exporter, Central: r.Dispatcher.Central(), Reception: m.Identity, ReceiptKey: m.ReceiptKey, Name: p.Name,
	}
	if len(p.Secret) != identity.SecretSize || !identity.ValidID(m.Identity) || !shown.Proves([identity.SecretSize]byte(p.Secret), m.Proof) {
		return reason.New(reason.PairingInvalid, "%s, which shows %s, does not prove that it knows the code of %s", address, identity.Short(m.Identity), p.Name)
	}
	before, err := r.Ledger.ReceptionByName(ctx, p.Name)
	if err != nil && reason.Of(err) != reason.UnknownReception {
		return err
	}
	if err := r.Ledger.Pair(ctx, ledger.Reception{Name: p.Name, Address: address, Identity: m.Identity, ReceiptKey: m.ReceiptKey}, p.Secret, r.Clock()); err != nil {
		return err
	}
	args := []any{"reception", p.Name, "peer", address, "identity", identity.Short(m.Identity)}
	if before.Identity != "" && before.Identity != m.Identity {
		args = append(args, "before", identity.Short(before.Identity))
	}
	r.Log.Info("paired, the code is used up", args...)
	r.Changed() // what waited for it goes on
	return nil
}
