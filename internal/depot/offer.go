package depot

import (
	"encoding/json"
	"path"
	"strings"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// Offer is what a central server wants to deliver. Every field may come from a
// peer.
type Offer struct {
	// Title is the number of the title, Name its name.
	Title int    `json:"title"`
	Name  string `json:"name"`
	// Extension is that of the source, with its dot, or empty.
	Extension string `json:"extension"`
	// Size is the length of the stream in bytes, from 0; -1 of a live source.
	// MTime is when the source was last modified, in nanoseconds since 1970; of a
	// live one, when the first of it was captured. SHA256 is its digest in hex, empty
	// where it is not known before the end. These three tell one version of a
	// source from every other.
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime"`
	SHA256 string `json:"sha256,omitempty"`
	// Duration is how long the title lasts, Deadline what was promised.
	Duration time.Duration `json:"duration"`
	Deadline time.Time     `json:"deadline,omitzero"`
	// Reception is the name by which this server was asked for, Central the
	// identity of the central server, 64 hex digits.
	Reception string `json:"reception"`
	Central   string `json:"central"`
	// Of a folder: the length and the digest of its manifest, and how many
	// files it has.
	Manifest       int64  `json:"manifest,omitempty"`
	ManifestSHA256 string `json:"manifest_sha256,omitempty"`
	Files          int    `json:"files,omitempty"`
	// Of a live source: how many bytes it is thought to come to.
	Expected int64 `json:"expected,omitempty"`
	// Of a folder that shares files with an earlier delivery of the same
	// central server: its number, the length of its proven manifest, the list
	// of what is shared, and how many bytes that is.
	Base        int64  `json:"base,omitempty"`
	BaseProven  int64  `json:"base_proven,omitempty"`
	Reuse       int64  `json:"reuse,omitempty"`
	ReuseSHA256 string `json:"reuse_sha256,omitempty"`
	Shared      int64  `json:"shared,omitempty"`
}

// Live says whether a live source is offered.
func (o Offer) Live() bool { return o.Size < 0 }

// Folder says whether a folder is offered.
func (o Offer) Folder() bool { return o.Manifest > 0 }

// block is what a file of a folder may take beyond its bytes.
const block = 4096

// need is how many bytes of the disk the offer takes, as far as it says.
func (o Offer) need() int64 {
	if o.Live() {
		return o.Expected
	}
	return o.Size + int64(o.Files)*block
}

// LongestFile is how long the worker that stores it may make any one file. Of a
// folder that is one of its files, or what is noted of them all: a line of the
// manifest has four bytes at least and is noted in 32, and a file stands in the
// list of digests with its path, 64 digits and the name of the folder.
func (o Offer) LongestFile() int64 {
	return o.Size + SlotsSize + 8*o.Manifest + int64(o.Files)*(64+maxName+16) + o.BaseProven + o.Reuse
}

// SameSource says whether two offers are of the same version of a source.
func (o Offer) SameSource(other Offer) bool {
	return o.Size == other.Size && o.MTime == other.MTime && o.ManifestSHA256 == other.ManifestSHA256 &&
		(o.SHA256 == "" || other.SHA256 == "" || o.SHA256 == other.SHA256)
}

// Result is what the process that received a delivery says at its end.
type Result struct {
	// SHA256 is the digest of the whole in hex, Size its length in bytes.
	SHA256 string
	Size   int64
	// Frames and Resumes are as in the receipt.
	Frames  int64
	Resumes int
	// Of a folder: what its files are known by again, and what is wrong with
	// the source.
	Facts    string
	Warnings []string
	// Of a live source: the digest of the stream, of which the file differs by
	// what was filled in at its front; and what was recorded.
	Stream   string
	Recorded receipt.Recorded
}

// Sign completes a receipt: it sets Receiver and signs.
type Sign func(receipt.Receipt) (receipt.Receipt, error)

// draft is the receipt for an offer before it is signed: of a delivery that
// began then, and is decided now.
func draft(key Key, o Offer, res Result, path string, began, now time.Time) receipt.Receipt {
	version := receipt.Version
	if o.Folder() {
		version = receipt.VersionFolder
	}
	r := receipt.Receipt{
		Version: version, Files: o.Files, Warnings: res.Warnings, Delivery: key.String(), Title: o.Title, Name: o.Name,
		Reception: o.Reception, Path: path, Size: res.Size, SHA256: res.SHA256,
		Frames: res.Frames, Resumes: res.Resumes,
		Promised: receipt.Instant(o.Deadline), Started: receipt.Instant(began),
		Deposited: receipt.Instant(now), Central: o.Central,
	}
	if o.Live() {
		r.Version, r.Stream, r.Captured = receipt.VersionLive, res.Stream, receipt.Instant(time.Unix(0, o.MTime))
		r.Duration, r.Tracks, r.Gaps, r.MoreGaps = res.Recorded.Duration, res.Recorded.Tracks, res.Recorded.Gaps, res.Recorded.MoreGaps
	}
	return r
}

// checkOffer refuses what could not stand in the receipt in the end, before a
// byte is accepted.
func checkOffer(key Key, o Offer, now time.Time) error {
	if err := key.check(); err != nil {
		return err
	}
	if o.Size < -1 || o.Expected < 0 || o.Live() && (o.Folder() || o.SHA256 != "") {
		return reason.New(reason.Protocol, "delivery %s is offered with a size of %d, of which %d are expected", key, o.Size, o.Expected)
	}
	if o.Files < 0 || o.Files > manifest.MaxEntries || o.Manifest < 0 || o.Manifest > manifest.MaxBytes || o.Folder() && o.Size > manifest.MaxSize {
		return reason.New(reason.Protocol, "delivery %s is offered as a folder that cannot be", key)
	}
	if err := o.checkShares(key); err != nil {
		return err
	}
	zeros := strings.Repeat("0", 64)
	least := receipt.Recorded{Tracks: make([]receipt.Track, 1)}
	r := draft(key, o, Result{SHA256: zeros, Size: max(0, o.Size), Stream: zeros, Recorded: least}, SafeName(o.Name, o.Extension, o.Title), now, now)
	r.Receiver = zeros
	if o.SHA256 != "" {
		r.SHA256 = o.SHA256
	}
	if err := r.Validate(); err != nil {
		return reason.Wrap(reason.Protocol, err, "the offer of delivery %s cannot be accepted", key)
	}
	return nil
}

// seal has a draft signed and sees that nothing else became of it.
func seal(r receipt.Receipt, sign Sign) (receipt.Receipt, error) {
	signed, err := sign(r)
	if err != nil {
		return receipt.Receipt{}, reason.Wrap(reason.Internal, err, "the receipt of delivery %s cannot be signed", r.Delivery)
	}
	if err := receipt.Verify(signed); err != nil {
		return receipt.Receipt{}, reason.Wrap(reason.Internal, err, "the receipt of delivery %s is not signed well", r.Delivery)
	}
	r.Receiver, r.Key = signed.Receiver, signed.Key
	if string(r.Canonical()) != string(signed.Canonical()) {
		return receipt.Receipt{}, reason.New(reason.Internal, "the receipt of delivery %s was changed when it was signed", r.Delivery)
	}
	return signed, nil
}

// The files of the depot below its store. A delivery's directory exists with
// an offer, or with an outcome, or is a leftover.
const (
	metaDir     = ".vc"
	lockName    = ".vc/lock"
	receiptsDir = ".vc/receipts"
	offerFile   = "offer.json"
	dataFile    = "data.part"
	slotsFile   = "slots"
	outcomeFile = "outcome.json"

	filePerm = 0o640
	dirPerm  = 0o750
	// fileLimit bounds each JSON file when it is read. A receipt in another
	// object is a little longer than one alone.
	fileLimit = receipt.MaxSize + 4096
	// format is the version of the JSON files.
	format = 1
)

func (k Key) dir() string              { return path.Join(metaDir, k.String()) }
func (k Key) file(name string) string  { return path.Join(metaDir, k.String(), name) }
func (k Key) receiptFile() string      { return path.Join(receiptsDir, k.String()+".json") }
func receiptKey(s string) (Key, error) { return ParseKey(strings.TrimSuffix(s, ".json")) }

type storedOffer struct {
	Version int       `json:"version"`
	Began   time.Time `json:"began"` // when the part was first asked for
	// Name is under which a folder will be published: the list of digests
	// beside it speaks of it.
	Name  string `json:"name,omitempty"`
	Offer Offer  `json:"offer"`
}

// outcome is the decision to publish. Once it is durable the delivery is
// deposited, whatever happens.
type outcome struct {
	Version int `json:"version"`
	// Inode is that of the file to be published, under whatever name.
	Inode uint64 `json:"inode"`
	// Adopt says that Path is a file that is already published and the same.
	Adopt   bool            `json:"adopt,omitempty"`
	Facts   string          `json:"facts,omitempty"` // of a folder, as in facts.Tree
	Offer   Offer           `json:"offer"`
	Receipt json.RawMessage `json:"receipt"`
}

// record is a receipt and the file that it is about.
type record struct {
	Version int   `json:"version"`
	Offer   Offer `json:"offer"`
	// File is nil when the published file was gone before it could be noted.
	File    *facts          `json:"file,omitempty"`
	Receipt json.RawMessage `json:"receipt"`
}

// facts are those by which a file is known to be as it was published, without
// reading it: any write changes the change time.
type facts struct {
	Size    int64  `json:"size"`
	MTime   int64  `json:"mtime"`
	Inode   uint64 `json:"inode"`
	Changed int64  `json:"changed"`
	Tree    string `json:"tree,omitempty"` // of a folder, for which Inode alone stands beside it
}

func factsOf(info disk.Info) facts {
	return facts{Size: info.Size, MTime: info.ModTime.UnixNano(), Inode: info.Inode, Changed: info.ChangeTime.UnixNano()}
}
