package dispatch

import (
	"fmt"
	"path/filepath"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/naming"
)

// offer is what the reception is asked to take.
func (a *attempt) offer() control.Offer {
	l := a.delivery
	offer := control.Offer{
		ID: l.ID, Title: l.Title, Name: offeredName(l), Extension: naming.Extension(filepath.Ext(l.Location)), Reception: l.Reception,
		Size: l.Size, MTime: l.MTime, SHA256: l.SHA256, Duration: l.Duration.Milliseconds(), Pace: l.Pace, Promised: l.Deadline.UTC(),
	}
	if a.folder != nil {
		sum := a.folder.sum
		offer.Extension, offer.Manifest, offer.ManifestSHA256, offer.Files = "", sum.Bytes, sum.SHA256, sum.Files
		if s := a.shared; s != nil {
			offer.Base, offer.BaseProven, offer.Reuse, offer.ReuseSHA256, offer.Shared = l.Base, s.Proven, s.List, s.Reuse, s.Bytes
		}
	}
	if l.Live.Asked {
		// Its size is no part of what it is known by: it may be found out between
		// two attempts.
		a.d.mu.Lock()
		offer.Size, offer.Extension, offer.Expected = -1, ".mkv", a.job.bytes(a.d.Clock())
		a.d.mu.Unlock()
	}
	return offer
}

// offeredName is a title's name as receptions take it. Earlier versions of this
// program promised titles under names with characters that do not show.
func offeredName(l ledger.Delivery) string {
	if name := naming.Shown(l.Name); name != "" {
		return name
	}
	return fmt.Sprintf("title-%d", l.Title)
}
