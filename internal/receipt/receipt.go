// Package receipt is what a reception server signs when a delivery is
// deposited: its fields, their canonical form, and verification.
package receipt

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/reason"
)

// The versions of the receipts that this package makes and reads.
const (
	Version       = 1 // of a file
	VersionFolder = 2 // of a folder
	VersionLive   = 3 // of a live source
)

// Receipt says that a delivery is deposited whole. The JSON form is that of
// Marshal and Parse.
type Receipt struct {
	Version int `json:"version"`
	// Delivery is the key of the delivery in the depot: the first 8 hex digits
	// of Central, '-', and the delivery's number at the central server.
	Delivery string `json:"delivery"`
	// Title is the number of the title, Name its name in the catalogue.
	Title int    `json:"title"`
	Name  string `json:"name"`
	// Reception is the name by which the reception server was asked for.
	Reception string `json:"reception"`
	// Path is the name in the store, relative to it, slash separated.
	Path string `json:"path"`
	// Size is the length in bytes, SHA256 the digest of the bytes in hex: of a
	// live source, of the file as it lies in the store.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Frames is how many frames were written, Resumes how often the delivery
	// went on after a break. Both are 0 when the title was already there.
	Frames  int64 `json:"frames"`
	Resumes int   `json:"resumes"`
	// Gaps are what a live source lost, ascending; a file has none. MoreGaps is
	// how many there were besides.
	Gaps     []Gap `json:"gaps,omitempty"`
	MoreGaps int64 `json:"more_gaps,omitzero"`
	// Of a live source: when what was delivered was captured, from Captured on
	// for Duration milliseconds; what each of its tracks has, counted at both
	// ends; and the digest of the stream, of which the file differs in what is
	// filled in at its front (docs/PROTOCOL.md, section 3).
	Captured time.Time `json:"captured,omitzero"`
	Duration int64     `json:"duration_ms,omitzero"`
	Tracks   []Track   `json:"tracks,omitempty"`
	Stream   string    `json:"stream_sha256,omitempty"`
	// Files is how many files a folder has, Warnings what is wrong with its
	// source as it was delivered: one sentence each, with the path. Of a folder
	// Size is that of all files together, and SHA256 that of the manifest with
	// their digests (docs/PROTOCOL.md, section 3).
	Files    int      `json:"files,omitzero"`
	Warnings []string `json:"warnings,omitempty"`
	// Promised is the deadline that was promised; zero where there was none.
	// Started is when the first byte was accepted, Deposited when the whole
	// was decided to be published. All are UTC, to the millisecond.
	Promised  time.Time `json:"promised,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Deposited time.Time `json:"deposited"`
	// Central and Receiver are the identities of the two servers: SHA-256 of
	// their public keys, in hex.
	Central  string `json:"central"`
	Receiver string `json:"receiver"`
	// Key is the Ed25519 public key of receipts, Signature what it signed; hex.
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// Gap is a stretch of a live stream that was never captured, in milliseconds
// from its beginning: From is lost, To is the first that is there again.
type Gap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Track is in which it is missing, from 1; Lost how many pictures or sound
	// frames there should have been; Reason why there are none.
	Track  int         `json:"track,omitzero"`
	Lost   int64       `json:"lost,omitzero"`
	Reason reason.Code `json:"reason,omitzero"`
}

// Track is what a stream of pictures or sound has: Packets in which Frames are,
// which are pictures or sound frames, and how many of these were Lost.
type Track struct {
	Packets int64 `json:"packets"`
	Frames  int64 `json:"frames"`
	Lost    int64 `json:"lost"`
}

// Bounds of the fields, so that the JSON form of any valid receipt is shorter
// than MaxSize.
const (
	// MaxText is how many bytes Name, Reception and Path may each have.
	MaxText = 512
	// MaxGaps is how many gaps a receipt may list; of a live source, where more
	// is said of each, MaxLosses. MaxTracks is how many tracks.
	MaxGaps   = 800
	MaxLosses = 300
	MaxTracks = 16
	// MaxTime bounds the times of a live source, in milliseconds, and MaxCount
	// what is counted of it.
	MaxTime  = 1e13
	MaxCount = 1e15
	// MaxWarnings is how many warnings a receipt may list, each of at most
	// MaxText bytes.
	MaxWarnings = 12
)

// Sign gives r with the key and its signature in it, the version set unless it
// is that of a folder or a live source, and the instants in UTC and cut to the
// millisecond. It does not look whether r is valid; Verify does.
func Sign(r Receipt, key ed25519.PrivateKey) Receipt {
	if r.Version != VersionFolder && r.Version != VersionLive {
		r.Version = Version
	}
	for _, t := range []*time.Time{&r.Captured, &r.Promised, &r.Started, &r.Deposited} {
		*t = Instant(*t)
	}
	r.Key = hex.EncodeToString(key.Public().(ed25519.PublicKey))
	r.Signature = hex.EncodeToString(ed25519.Sign(key, r.Canonical()))
	return r
}

// Instant is t as a receipt has it: UTC, cut to the millisecond.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Verify says whether r is valid and signed by r.Key. Whether that is the key
// of the reception server that was asked is the caller's to compare.
// Its errors have the code reason.ReceiptInvalid.
func Verify(r Receipt) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if !isHex(r.Key, ed25519.PublicKeySize) || !isHex(r.Signature, ed25519.SignatureSize) {
		return invalid("its key or signature is not lower-case hex of the right length")
	}
	key, _ := hex.DecodeString(r.Key)
	signature, _ := hex.DecodeString(r.Signature)
	if !ed25519.Verify(key, r.Canonical(), signature) {
		return invalid("the signature of delivery %s does not match its fields", r.Delivery)
	}
	return nil
}

// Canonical gives the bytes that are signed. They are the line
//
//	vc receipt v1
//
// and then for each field, in the order of the struct, one line
//
//	NAME LENGTH:VALUE
//
// where NAME is the field's JSON name, LENGTH the number of bytes of VALUE in
// decimal, and VALUE the text as it is, a number in decimal, or an instant as
// 2006-01-02T15:04:05.000Z (nothing for a zero instant). The gaps are
// FROM-TO,FROM-TO,… in one value. Every line ends with a line feed; signature
// has none. The length makes two different receipts differ whatever stands in
// their texts, and the first line a receipt from anything else that is signed.
// Only a folder's receipt, which begins with v2, has the lines files and
// warnings; there each warning is followed by a line feed. Only that of a live
// source, which begins with v3, has the lines from more_gaps to stream_sha256;
// there a gap is TRACK:FROM-TO:LOST:REASON, and a track PACKETS:FRAMES:LOST.
func (r Receipt) Canonical() []byte {
	b := fmt.Appendf(nil, "vc receipt v%d\n", r.Version)
	line := func(name, value string) {
		b = append(b, name...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(len(value)), 10)
		b = append(b, ':')
		b = append(b, value...)
		b = append(b, '\n')
	}
	number := func(name string, value int64) { line(name, strconv.FormatInt(value, 10)) }
	number("version", int64(r.Version))
	line("delivery", r.Delivery)
	number("title", int64(r.Title))
	line("name", r.Name)
	line("reception", r.Reception)
	line("path", r.Path)
	number("size", r.Size)
	line("sha256", r.SHA256)
	number("frames", r.Frames)
	number("resumes", int64(r.Resumes))
	gaps := make([]string, len(r.Gaps))
	for i, g := range r.Gaps {
		gaps[i] = fmt.Sprintf("%d-%d", g.From, g.To)
		if r.Version == VersionLive {
			gaps[i] = fmt.Sprintf("%d:%s:%d:%s", g.Track, gaps[i], g.Lost, g.Reason)
		}
	}
	line("gaps", strings.Join(gaps, ","))
	if r.Version == VersionLive {
		number("more_gaps", r.MoreGaps)
		line("captured", instant(r.Captured))
		number("duration_ms", r.Duration)
		tracks := make([]string, len(r.Tracks))
		for i, t := range r.Tracks {
			tracks[i] = fmt.Sprintf("%d:%d:%d", t.Packets, t.Frames, t.Lost)
		}
		line("tracks", strings.Join(tracks, ","))
		line("stream_sha256", r.Stream)
	}
	if r.Version == VersionFolder {
		number("files", int64(r.Files))
		text := ""
		for _, w := range r.Warnings {
			text += w + "\n"
		}
		line("warnings", text)
	}
	line("promised", instant(r.Promised))
	line("started", instant(r.Started))
	line("deposited", instant(r.Deposited))
	line("central", r.Central)
	line("receiver", r.Receiver)
	line("key", r.Key)
	return b
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func invalid(format string, args ...any) error {
	return reason.New(reason.ReceiptInvalid, "receipt: "+format, args...)
}
