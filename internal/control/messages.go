package control

import (
	"crypto"
	"encoding/json"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// From any worker.
type (
	// Sign asks for a signature over the TLS handshake of the worker's
	// connection, which is answered once, with Signed. Hash is of what is signed
	// for a browser, by a key that signs digests.
	Sign struct {
		Message []byte      `json:"message"`
		Hash    crypto.Hash `json:"hash,omitempty"`
	}

	// Failed says why the worker ends. It is its last message.
	Failed struct {
		Code   reason.Code `json:"code"`
		Detail string      `json:"detail"`
	}
)

// To any worker.
type (
	// Start is the first message to a worker that has a connection: the
	// certificate to show, in DER, how long the handshake may take, after how long
	// a silent peer is dropped then, what to speak where the worker knows several
	// protocols, and the identity that the peer has to prove where only one will do.
	Start struct {
		Certificate []byte        `json:"certificate"`
		Handshake   time.Duration `json:"handshake"`
		Silence     time.Duration `json:"silence"`
		Protocol    string        `json:"protocol,omitempty"`
		Peer        string        `json:"peer,omitempty"`
		Browser     *Browser      `json:"browser,omitempty"`
		Bounds      *Bounds       `json:"bounds,omitempty"`
	}

	// Bounds tells a session worker what its client may have: how long it may be
	// idle between two requests, and how many bytes the header and the body of one,
	// and all that it sends, may have.
	Bounds struct {
		Idle   time.Duration `json:"idle"`
		Header int           `json:"header"`
		Body   int64         `json:"body"`
		Bytes  int64         `json:"bytes"`
	}

	// Browser tells a session worker that its connection is one of a console:
	// the certificates to show, in DER and the worker's own first, in the place
	// of Start.Certificate; none where it is served without TLS.
	Browser struct {
		Chain [][]byte `json:"chain,omitempty"`
	}

	// Signed answers Sign.
	Signed struct {
		Signature []byte `json:"signature"`
	}
)

// Offer is a delivery as one side offers it to the other. The fields are those
// of wire.Offer.
type Offer struct {
	ID        int64     `json:"id"`
	Title     int       `json:"title"`
	Name      string    `json:"name"`
	Extension string    `json:"extension"`
	Reception string    `json:"reception"`
	Size      int64     `json:"size"`
	MTime     int64     `json:"mtime_ns"`
	SHA256    string    `json:"sha256"`
	Duration  int64     `json:"duration_ms"`
	Pace      int64     `json:"pace"`
	Promised  time.Time `json:"promised"`

	Manifest       int64  `json:"manifest_size,omitempty"`
	ManifestSHA256 string `json:"manifest_sha256,omitempty"`
	Files          int    `json:"files,omitempty"`

	Expected int64 `json:"expected,omitempty"`

	Base        int64  `json:"base,omitempty"`
	BaseProven  int64  `json:"base_manifest_size,omitempty"`
	Reuse       int64  `json:"reuse_size,omitempty"`
	ReuseSHA256 string `json:"reuse_sha256,omitempty"`
	Shared      int64  `json:"shared,omitempty"`
}

// Live is where a live delivery's part of a recording lies: the recording's
// first Head bytes, and its clusters from Base on that begin within Duration, but
// none from End on, if that is known. It was captured from Began on. Where somebody
// ended it, Stops is when, from its beginning, and Silent why each track had
// nothing then. Recorded is what it has, if that was written down already.
type Live struct {
	Head     int64             `json:"head"`
	Base     int64             `json:"base"`
	Began    time.Time         `json:"began"`
	Duration time.Duration     `json:"duration"`
	End      int64             `json:"end,omitempty"`
	Stops    time.Duration     `json:"stops,omitempty"`
	Silent   []reason.Code     `json:"silent,omitempty"`
	Recorded *receipt.Recorded `json:"recorded,omitempty"`
}

// Describe asks for a folder's manifest, and with Base for what there is of its
// base besides, which goes the way of the frames and
// before them: the store worker asks its supervisor, that the receive worker,
// that the sender; there the send worker asks its supervisor, and that the read
// worker.
type Describe struct {
	Base bool `json:"base,omitempty"`
}

// From and to the sender's workers.
type (
	// Deliver tells the send worker what to offer, and how many bytes a second
	// it may send.
	Deliver struct {
		Offer Offer `json:"offer"`
		Rate  int64 `json:"rate"`
	}

	// Withdraw tells the send worker to withdraw a delivery instead.
	Withdraw struct {
		ID int64 `json:"id"`
	}

	// Accepted says that the reception took the offer and holds Offset bytes.
	Accepted struct {
		Offset     int64  `json:"offset"`
		Identity   string `json:"identity"`       // of the reception, proved by TLS
		ReceiptKey string `json:"receipt_key"`    // hex
		Free       *int64 `json:"free"`           // bytes that another delivery could have there; nil is not known
		Base       bool   `json:"base,omitempty"` // what is shared with the base is not to be sent
	}

	// Acked says that the reception has made all bytes before Offset durable,
	// and how many source bytes this worker has sent.
	Acked struct {
		Offset int64 `json:"offset"`
		Sent   int64 `json:"sent"`
	}

	// Settled says that the reception calls the delivery deposited; the
	// receipt is JSON, still to be verified.
	Settled struct {
		Receipt  json.RawMessage `json:"receipt"`
		Identity string          `json:"identity"`
		Sent     int64           `json:"sent"`
	}

	// Withdrawn says that the reception has let go of a cancelled delivery.
	Withdrawn struct{}

	// Begin tells the read worker where to start. State is the running digest
	// there if the supervisor has it; Known is the stream's digest if it is known.
	Begin struct {
		Offset int64  `json:"offset"`
		Size   int64  `json:"size"`     // of the source as promised
		MTime  int64  `json:"mtime_ns"` // of the source as promised
		State  []byte `json:"state,omitempty"`
		Known  string `json:"known,omitempty"`
		Live   *Live  `json:"live,omitempty"`
		Base   bool   `json:"base,omitempty"` // what is shared with the base is not sent
	}

	// Recording says how far a live source is, each second: how many bytes of
	// its stream there are, and how much time these last.
	Recording struct {
		Size  int64         `json:"size"`
		Lasts time.Duration `json:"lasts"`
	}

	// Over tells the read worker of a live source that nothing follows what is
	// there, and why, if there is more to it than that its time is over. Silent
	// says by track why there is nothing now, where that is so.
	Over struct {
		Reason reason.Code   `json:"reason,omitempty"`
		Silent []reason.Code `json:"silent,omitempty"`
	}

	// Finish answers the Sealed of a live source, once what that says is in the
	// ledger: now the receiver may be told that this was all.
	Finish struct{}

	// Sealed says that the read worker has read all, that the source was still
	// the same then, and what its digest is.
	Sealed struct {
		SHA256 string `json:"sha256"`
		Read   int64  `json:"read"`   // bytes read by this worker
		Hashed int64  `json:"hashed"` // bytes hashed by this worker

		// Of a live source: how long the stream is, where it ends in the
		// recording, and what was recorded.
		Size     int64             `json:"size,omitempty"`
		End      int64             `json:"end,omitempty"`
		Recorded *receipt.Recorded `json:"recorded,omitempty"`
	}

	// Lease tells the send worker how many bytes a second it may send from
	// now on.
	Lease struct {
		Rate int64 `json:"rate"`
	}
)

// From and to the receiver's workers.
type (
	// Offered is a delivery that a peer wants to make: its words, checked
	// against their limits and otherwise not to be trusted.
	Offered struct {
		Identity string `json:"identity"` // of the peer, proved by TLS
		Offer    Offer  `json:"offer"`
	}

	// WithdrawAsked is a delivery that a peer has cancelled.
	WithdrawAsked struct {
		Identity string `json:"identity"`
		ID       int64  `json:"id"`
	}

	// Accept tells the receive worker to take the offer, from Offset on.
	Accept struct {
		Offset     int64  `json:"offset"`
		ReceiptKey string `json:"receipt_key"`
		Free       *int64 `json:"free"` // bytes that another delivery could have; nil is not known
		Base       bool   `json:"base,omitempty"`
	}

	// Refuse tells it to refuse, at once or at the end.
	Refuse struct {
		Code   reason.Code `json:"code"`
		Detail string      `json:"detail"`
	}

	// Deposit tells it that the delivery is deposited: the signed receipt.
	Deposit struct {
		Receipt json.RawMessage `json:"receipt"`
	}

	// LetGo tells it that a withdrawal is done.
	LetGo struct{}

	// Fill tells the store worker how many bytes its stream has, -1 of a live
	// source, and of a folder what its manifest comes to, and under which name it
	// will be published.
	Fill struct {
		Size           int64  `json:"size"`
		Manifest       int64  `json:"manifest_size,omitempty"`
		ManifestSHA256 string `json:"manifest_sha256,omitempty"`
		Files          int    `json:"files,omitempty"`
		Name           string `json:"name,omitempty"`

		// Of a folder that may share files with a base: what was offered of it,
		// the digest of the base's receipt, and by which its files are known to
		// be untouched. Whether the worker has its directory says whether it is.
		BaseProven  int64  `json:"base_manifest_size,omitempty"`
		BaseSHA256  string `json:"base_sha256,omitempty"`
		BaseFacts   string `json:"base_facts,omitempty"`
		Reuse       int64  `json:"reuse_size,omitempty"`
		ReuseSHA256 string `json:"reuse_sha256,omitempty"`
		Shared      int64  `json:"shared,omitempty"`
	}

	// Ready says that the store worker has its partial file open at Offset; with
	// Base, that of what it does not share with that.
	Ready struct {
		Offset int64 `json:"offset"`
		Base   bool  `json:"base,omitempty"`
	}

	// Durable says that all bytes before Offset are on disk. It goes from the
	// store worker to the supervisor and from there to the receive worker.
	Durable struct {
		Offset int64 `json:"offset"`
	}

	// Whole says that the stream ended, is on disk, and that its digest is the
	// sender's.
	Whole struct {
		SHA256  string `json:"sha256"`
		Size    int64  `json:"size"`
		Frames  int64  `json:"frames"`
		Resumes int    `json:"resumes"`
		Written int64  `json:"written"` // bytes written over all attempts
		Hashed  int64  `json:"hashed"`  // bytes hashed over all attempts

		// Of a folder: the digest of what statx(2) knows of its files, and what
		// is wrong with the source.
		Facts    string   `json:"facts,omitempty"`
		Warnings []string `json:"warnings,omitempty"`

		// Of a live source: the digest of its stream, of which SHA256, that of the
		// file, differs by what was filled in at the front; and what was recorded.
		Stream   string            `json:"stream,omitempty"`
		Recorded *receipt.Recorded `json:"recorded,omitempty"`
	}
)

func (Sign) kind() string          { return "sign" }
func (Signed) kind() string        { return "signed" }
func (Failed) kind() string        { return "failed" }
func (Start) kind() string         { return "start" }
func (Deliver) kind() string       { return "deliver" }
func (Withdraw) kind() string      { return "withdraw" }
func (Accepted) kind() string      { return "accepted" }
func (Acked) kind() string         { return "acked" }
func (Settled) kind() string       { return "settled" }
func (Withdrawn) kind() string     { return "withdrawn" }
func (Begin) kind() string         { return "begin" }
func (Sealed) kind() string        { return "sealed" }
func (Lease) kind() string         { return "lease" }
func (Recording) kind() string     { return "recording" }
func (Over) kind() string          { return "over" }
func (Finish) kind() string        { return "finish" }
func (Offered) kind() string       { return "offered" }
func (WithdrawAsked) kind() string { return "withdraw_asked" }
func (Accept) kind() string        { return "accept" }
func (Refuse) kind() string        { return "refuse" }
func (Deposit) kind() string       { return "deposit" }
func (LetGo) kind() string         { return "let_go" }
func (Fill) kind() string          { return "fill" }
func (Ready) kind() string         { return "ready" }
func (Durable) kind() string       { return "durable" }
func (Whole) kind() string         { return "whole" }
func (Describe) kind() string      { return "describe" }
func (Call) kind() string          { return "call" }
func (Reply) kind() string         { return "reply" }

var kinds = table(
	unpack[Start], unpack[Sign], unpack[Signed], unpack[Failed],
	unpack[Deliver], unpack[Withdraw],
	unpack[Accepted], unpack[Acked], unpack[Settled], unpack[Withdrawn],
	unpack[Begin], unpack[Sealed], unpack[Lease], unpack[Recording], unpack[Over], unpack[Finish],
	unpack[Offered], unpack[WithdrawAsked], unpack[Accept], unpack[Refuse], unpack[Deposit], unpack[LetGo],
	unpack[Fill], unpack[Ready], unpack[Durable], unpack[Whole], unpack[Describe],
	unpack[BecomeEncoder], unpack[OpenEncoder], unpack[EncoderOpened],
	unpack[Survey], unpack[Lasts], unpack[Surveying], unpack[Surveyed], unpack[Described], unpack[Sight],
	unpack[SendMail], unpack[MailTaken], unpack[MailUnsecured], unpack[MailRefused],
	unpack[PairWith], unpack[PairProof], unpack[PairTaken], unpack[LookAt], unpack[Looked], unpack[Visited],
	unpack[PairAsked], unpack[Prove], unpack[PairDone], unpack[LookAsked], unpack[Condition],
	unpack[CaptureDevice], unpack[LookAtDevice], unpack[OpenDevice], unpack[DeviceOpened], unpack[Capturing], unpack[Captured], unpack[DeviceOffer],
	unpack[Attach], unpack[Detach], unpack[MakeRecording], unpack[Appended], unpack[Alive], unpack[Spare], unpack[StopRecording],
	unpack[Call], unpack[Reply],
)

type unpacker func(body []byte) (Message, error)

func unpack[M Message](body []byte) (Message, error) {
	var m M
	if body == nil { // asked for its kind alone
		return m, nil
	}
	err := strict(body, &m)
	if c, ok := any(m).(checked); err == nil && ok {
		err = c.check()
	}
	return m, err
}

func table(all ...unpacker) map[string]unpacker {
	t := make(map[string]unpacker)
	for _, u := range all {
		m, _ := u(nil)
		t[m.kind()] = u
	}
	return t
}
