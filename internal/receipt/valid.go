package receipt

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"videoclub/internal/naming"
)

// Validate says whether every field but the key and the signature is one that
// a receipt may have. Its errors have the code reason.ReceiptInvalid.
func (r Receipt) Validate() error {
	if r.Version < Version || r.Version > VersionLive {
		return invalid("version %d is not known; upgrade the older side", r.Version)
	}
	for _, c := range []struct {
		wrong bool
		what  string
	}{
		{!isHex(r.Central, 32), "central is not 64 lower-case hex digits"},
		{!isHex(r.Receiver, 32), "receiver is not 64 lower-case hex digits"},
		{!isHex(r.SHA256, 32), "sha256 is not 64 lower-case hex digits"},
		{!isDelivery(r.Delivery, r.Central), "delivery is not 8 digits of central, '-' and a number"},
		{r.Title < 0, "title is negative"},
		{!isText(r.Name), "name is empty, too long, or has what cannot be printed"},
		{!isText(r.Reception), "reception is empty, too long, or has what cannot be printed"},
		{!isText(r.Path) || !isLocal(r.Path), "path is not one below the store"},
		{r.Size < 0, "size is negative"},
		{r.Frames < 0 || r.Resumes < 0, "frames or resumes are negative"},
		{r.Version != VersionLive && !isGaps(r.Gaps), "gaps are not ascending stretches"},
		{r.Version != VersionLive && r.hasLive(), "only a live source has tracks and what goes with them"},
		{r.Version == VersionLive && (!isHex(r.Stream, 32) || r.Captured.IsZero() || !r.Recorded().valid()), "gaps, tracks, times or digest of a live source are out of range"},
		{r.Version != VersionFolder && (r.Files != 0 || len(r.Warnings) > 0), "only a folder has files and warnings"},
		{r.Version == VersionFolder && len(r.Gaps) > 0, "a folder has no gaps"},
		{r.Files < 0 || len(r.Warnings) > MaxWarnings || slices.ContainsFunc(r.Warnings, func(w string) bool { return !isText(w) }),
			"files are negative, or warnings too many or not to be shown"},
		{!isInstant(r.Captured) || !isInstant(r.Promised) || !isInstant(r.Started) || !isInstant(r.Deposited),
			"an instant is not UTC to the millisecond"},
		{r.Deposited.IsZero(), "deposited is missing"},
	} {
		if c.wrong {
			return invalid("%s", c.what)
		}
	}
	return nil
}

func isHex(s string, bytes int) bool {
	if len(s) != 2*bytes {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func isDelivery(s, central string) bool {
	if len(central) < 8 {
		return false
	}
	id, ok := strings.CutPrefix(s, central[:8]+"-")
	n, err := strconv.ParseInt(id, 10, 64)
	return ok && err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// isText lets through what shows as itself.
func isText(s string) bool {
	return s != "" && len(s) <= MaxText && utf8.ValidString(s) && naming.Shown(s) == s
}

func isLocal(p string) bool {
	return p != "." && !path.IsAbs(p) && path.Clean(p) == p && p != ".." && !strings.HasPrefix(p, "../")
}

func isGaps(gaps []Gap) bool {
	if len(gaps) > MaxGaps {
		return false
	}
	last := int64(-1)
	for _, g := range gaps {
		if g.From <= last || g.To <= g.From || g.To == math.MaxInt64 || g != (Gap{From: g.From, To: g.To}) {
			return false
		}
		last = g.To
	}
	return true
}

// hasLive says whether there is what only a live source has.
func (r Receipt) hasLive() bool {
	return r.MoreGaps != 0 || !r.Captured.IsZero() || r.Duration != 0 || len(r.Tracks) > 0 || r.Stream != ""
}

func isInstant(t time.Time) bool {
	return t == Instant(t) && t.Year() >= 1 && t.Year() <= 9999
}
