package main

import (
	"log/slog"

	"videoclub/internal/identity"
)

// trustWatch logs which central server may deliver, and when that changes: vcvrs
// pair and unpair are other processes, and who looks for why deliveries stopped
// looks into the journal.
type trustWatch struct {
	trust      identity.Central
	positional bool
	open       bool
	log        *slog.Logger

	known string
	err   error
}

func newTrustWatch(trust identity.Central, s settings, log *slog.Logger) *trustWatch {
	w := &trustWatch{trust: trust, positional: s.positional, open: s.open, log: log}
	w.known, w.err = trust.Identity()
	return w
}

// say logs it at the start.
func (w *trustWatch) say() {
	switch {
	case w.err != nil:
		w.unreadable()
	case w.known != "":
		w.log.Info("one central server may deliver", "identity", identity.Short(w.known))
	case !w.positional:
		w.log.Info("not paired yet, central servers of this machine alone may deliver; run here what vcadmin reception add prints there")
	}
}

func (w *trustWatch) unreadable() {
	w.log.Warn("which central server is trusted cannot be read, refusing all until it can", "error", w.err)
}

// look logs what has changed since the last look. It is called by one goroutine.
func (w *trustWatch) look() {
	known, err := w.trust.Identity()
	before, failed := w.known, w.err != nil
	switch w.err = err; {
	case err != nil:
		if !failed {
			w.unreadable()
		}
		return
	case known == before && !failed:
		return
	}
	switch w.known = known; {
	case known == "" && w.open:
		w.log.Info("unpaired, the next central server that delivers is the only one from then on", "before", identity.Short(before))
	case known == "":
		w.log.Info("unpaired, central servers of this machine alone may deliver", "before", identity.Short(before))
	case before == "" || before == known:
		w.log.Info("one central server may deliver", "identity", identity.Short(known))
	default:
		w.log.Info("another central server may deliver, and the one before no more", "identity", identity.Short(known), "before", identity.Short(before))
	}
}
