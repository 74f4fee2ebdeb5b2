package roster

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/wire"
)

const (
	// tolerance is how far the clock of a reception may be from this one: a
	// receipt says when it was deposited by the reception's clock.
	tolerance = 5 * time.Second

	// enough is the part of a link, in percent, that has to be measured for the
	// link to be what is configured.
	enough = 80
)

// Check looks at a reception: its name, the way to it, who it is, its clock, its
// space, and how fast the way is. What comes after something that is not well
// may not be known. A code that waits is proved on the way.
func (r *Roster) Check(ctx context.Context, host string) ([]control.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, visitWithin)
	defer cancel()
	host = strings.ToLower(host)
	address, link, err := r.Dispatcher.Known(host)
	if err != nil {
		return nil, err
	}
	var found []control.Finding
	place, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, reason.Wrap(reason.UnknownReception, err, "%s", host)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", place)
	f := control.Finding{What: control.FoundName, Name: place}
	if f.OK = err == nil; err != nil {
		f.Code, f.Detail = reason.UnknownReception, err.Error()
		return append(found, f), nil
	}
	for _, ip := range ips[:min(len(ips), 8)] {
		f.Addresses = append(f.Addresses, ip.Unmap().String())
	}
	found = append(found, f)
	if p, waits, err := r.waits(ctx, host); err != nil {
		return nil, err
	} else if waits {
		// What came of it, the visit says better.
		if err := r.pair(ctx, p); reason.Of(err) == reason.PairingInvalid {
			return append(found, control.Finding{What: control.FoundConnection, OK: true, Name: address}, failed(control.FoundIdentity, err)), nil
		}
	}
	seen, err := r.visit(ctx, host, address, int64(link))
	return append(found, seen...), err
}

func failed(what control.What, err error) control.Finding {
	return control.Finding{What: what, Code: reason.Of(err), Detail: err.Error()}
}

// waits gives the pairing of a reception that waits and has not expired.
func (r *Roster) waits(ctx context.Context, host string) (ledger.Pairing, bool, error) {
	all, err := r.Ledger.Pairings(ctx)
	for _, p := range all {
		if p.Name == host && r.Clock().Before(p.Expires) {
			return p, true, nil
		}
	}
	return ledger.Pairing{}, false, err
}

// visit says what a visit shows.
func (r *Roster) visit(ctx context.Context, host, address string, link int64) ([]control.Finding, error) {
	var seen control.Looked
	err := r.Dispatcher.Converse(ctx, address, dispatch.Conversation{
		Protocol: wire.VisitALPN, Label: "check=" + host, First: control.LookAt{},
		Expect: func(here bool) (string, error) { return r.Dispatcher.Expected(ctx, host, address, here) },
		Answer: func(m control.Message) (control.Message, bool, error) {
			switch m := m.(type) {
			case control.Looked:
				seen = m
				return nil, false, nil
			case control.Visited:
				return nil, true, nil
			}
			return nil, false, errors.New("the send worker says what belongs to no visit")
		},
	})
	connected := control.Finding{What: control.FoundConnection, OK: true, Name: address}
	switch code := reason.Of(err); {
	case code == reason.NotPaired, code == reason.IdentityChanged, code == reason.NotPermitted, code == reason.PairingExpired:
		return []control.Finding{connected, failed(control.FoundIdentity, err)}, nil
	case err != nil:
		return []control.Finding{failed(control.FoundConnection, err)}, nil
	}
	who, err := r.recognise(ctx, host, seen)
	if err != nil {
		return nil, err
	}
	needed := r.Dispatcher.Unreserved(host) // what is free is besides the rest
	space := control.Finding{What: control.FoundSpace, OK: seen.Free > 0 && seen.Free >= needed, Free: seen.Free, Needed: needed}
	if !space.OK {
		space.Code = reason.NoSpace
	}
	return []control.Finding{
		connected,
		who,
		{What: control.FoundClock, OK: seen.Ahead.Abs() <= tolerance, Ahead: seen.Ahead.Milliseconds()},
		space,
		{What: control.FoundRate, OK: seen.Rate >= link/100*enough, Rate: seen.Rate, Link: link},
	}, nil
}

// recognise says whether a reception that has proved its identity is the one that
// was paired, by the key too by which its receipts will be verified.
func (r *Roster) recognise(ctx context.Context, host string, seen control.Looked) (control.Finding, error) {
	known, err := r.Ledger.ReceptionByName(ctx, host)
	switch {
	case err != nil && reason.Of(err) != reason.UnknownReception:
		return control.Finding{}, err
	case err == nil && !known.Paired.IsZero() && known.ReceiptKey != seen.ReceiptKey:
		return failed(control.FoundIdentity, reason.New(reason.IdentityChanged, "%s signs receipts with another key than when it was paired; pair it again", host)), nil
	}
	return control.Finding{What: control.FoundIdentity, OK: true, Name: identity.Short(seen.Identity)}, nil
}
