package dispatch

import (
	"cmp"
	"context"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// Where says for each of the receptions asked about whether the title could be
// there by the deadline, as things are and for itself alone. Nothing is
// promised, noted or kept free by it.
func (d *Dispatcher) Where(ctx context.Context, ask Ask) ([]Prospect, error) {
	ask = ask.canonical()
	if err := ask.inTime(d.Clock()); err != nil {
		return nil, err
	}
	drafts, errs, release, err := d.draft(ctx, ask)
	if err != nil {
		return nil, err
	}
	release()
	if err := d.question(ctx); err != nil {
		return nil, err
	}
	defer d.answered()
	b, err := d.bookOf(ctx, receptionsOf(drafts))
	if err != nil {
		return nil, err
	}
	prospects := make([]Prospect, len(drafts))
	for i, l := range drafts {
		if ctx.Err() != nil {
			return nil, reason.Wrap(reason.ConnectionLost, ctx.Err(), "looking into the plan")
		}
		prospects[i] = Prospect{Reception: l.Reception, Err: errs[i]}
		if errs[i] == nil {
			prospects[i] = b.prospect(l)
		}
	}
	return prospects, nil
}

// question waits until this may look into the plan without promising anything.
// Among a thousand promises that takes a while: one core at most is busy with
// what commits nobody.
func (d *Dispatcher) question(ctx context.Context) error { return turn(ctx, d.questions) }

// turn waits for a place that one has at a time.
func turn(ctx context.Context, place chan<- struct{}) error {
	select {
	case place <- struct{}{}:
		return nil
	case <-ctx.Done():
		return reason.Wrap(reason.ConnectionLost, ctx.Err(), "waiting to look into the plan")
	}
}

// answered lets the next question be answered.
func (d *Dispatcher) answered() { <-d.questions }

// prospect says whether l could be promised.
func (b *book) prospect(l ledger.Delivery) Prospect {
	p, trial := Prospect{Reception: l.Reception}, b.trial(l.Reception)
	admitted, err := trial.admit(&l)
	switch {
	case err != nil:
		p.Err = err
	case !admitted:
		p.Err = trial.refusal(l)
	default:
		if r, ok := trial.Plan().Reservation(l.ID); ok {
			p.Start, p.End = r.Start, r.End
		}
	}
	return p
}

// Receptions gives the names of the receptions that are known, in order: those
// that are configured, and where any name is reached, those that were met.
func (d *Dispatcher) Receptions(ctx context.Context) ([]string, error) {
	d.mu.Lock()
	names, anyName := slices.Collect(maps.Keys(d.settings.Receptions)), d.settings.Port != 0
	d.mu.Unlock()
	if anyName {
		met, err := d.Ledger.Receptions(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range met {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// resolveTimeout bounds the look-up of receptions' names while somebody waits
// for the answer.
const resolveTimeout = 3 * time.Second

// hostName is an RFC 1123 host name or an address literal; whether it exists
// is for the resolver.
var hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z.:-]{0,251}[0-9A-Za-z])?$`)

// locateAll gives the addresses of receptions by their names, or why not. The
// names are looked up at once, as somebody waits for all of them.
func (d *Dispatcher) locateAll(ctx context.Context, names []string) (addresses []string, errs []error) {
	addresses, errs = make([]string, len(names)), make([]error, len(names))
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { addresses[i], errs[i] = d.locate(ctx, name) })
	}
	all.Wait()
	return addresses, errs
}

// Locate gives the address of a reception by its name, and what its link
// carries.
func (d *Dispatcher) Locate(ctx context.Context, name string) (address string, link rate.Rate, err error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	address, err = d.locate(ctx, name)
	d.mu.Lock()
	defer d.mu.Unlock()
	return address, cmp.Or(d.settings.Receptions[name].Link, d.settings.Link), err
}

// Known is Locate without asking whether the name resolves.
func (d *Dispatcher) Known(name string) (address string, link rate.Rate, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.settings.Receptions[name]
	link = cmp.Or(r.Link, d.settings.Link)
	switch {
	case ok:
		return r.Address, link, nil
	case d.settings.Port == 0 || !hostName.MatchString(name):
		return "", link, reason.New(reason.UnknownReception, "no reception is called %.260q", name)
	}
	return net.JoinHostPort(name, strconv.Itoa(d.settings.Port)), link, nil
}

// Owed is how many bytes are promised to a reception and not there yet.
func (d *Dispatcher) Owed(reception string) (total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.jobs {
		if j.Reception == reception {
			total += max(0, j.bytes(d.Clock())-j.acked)
		}
	}
	return total
}

// Unreserved is how many bytes are promised to a reception that has not reserved
// them: what it says to be free for another delivery has to hold these.
func (d *Dispatcher) Unreserved(reception string) (total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.jobs {
		if j.Reception == reception && !j.held {
			total += j.bytes(d.Clock())
		}
	}
	return total
}

// locate gives the address of a reception by its name.
func (d *Dispatcher) locate(ctx context.Context, name string) (string, error) {
	d.mu.Lock()
	r, ok := d.settings.Receptions[name]
	port, loopback := d.settings.Port, d.settings.Loopback
	d.mu.Unlock()
	if ok {
		return r.Address, nil
	}
	if port == 0 || !hostName.MatchString(name) {
		return "", reason.New(reason.UnknownReception, "no reception is called %.260q", name)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return "", reason.Wrap(reason.UnknownReception, err, "the name %q", name)
	}
	if loopback && !slices.ContainsFunc(ips, func(ip netip.Addr) bool { return ip.Unmap().IsLoopback() }) {
		return "", reason.New(reason.RemotePeer, "%s is at %v, not on this machine", name, ips[0].Unmap())
	}
	return net.JoinHostPort(name, strconv.Itoa(port)), nil
}
