package control

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"videoclub/internal/receipt"
)

// A worker may be in the hands of its peer. What it says is looked at here for
// what can be seen without knowing its connection: a message that a worker of
// this program would never send is an error of Receive, and its connection's
// end.

// Bounds of texts that workers send, in bytes. Those of an offer are the wire's
// (docs/PROTOCOL.md, section 3).
const (
	maxDetail    = 4 << 10
	maxHandshake = 512 // what is signed of a TLS handshake has less than 150
	maxReply     = 4 << 10
	maxName      = 1024
	maxExtension = 32
	maxHost      = 253
	hexDigits    = 64 // of a SHA-256, of an Ed25519 key
	exporterSize = 32 // of what a pairing takes from TLS
	proofSize    = 32 // of an HMAC-SHA-256
)

// checked is a message of a worker.
type checked interface {
	// check says what cannot be.
	check() error
}

// all gives the first of errs.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func atLeast(least int64, what string, n int64) error {
	if n < least {
		return fmt.Errorf("%s is %d, below %d", what, n, least)
	}
	return nil
}

func isHex(what, s string) error {
	if len(s) != hexDigits || strings.Trim(s, "0123456789abcdef") != "" {
		return fmt.Errorf("%s is %.80q, and not %d hex digits", what, s, hexDigits)
	}
	return nil
}

func exactly(size int, what string, p []byte) error {
	if len(p) != size {
		return fmt.Errorf("%s has %d bytes instead of %d", what, len(p), size)
	}
	return nil
}

func short(most int, what, s string) error {
	if len(s) > most || !utf8.ValidString(s) {
		return fmt.Errorf("%s has %d bytes, at most %d of UTF-8 are allowed", what, len(s), most)
	}
	return nil
}

func (m Sign) check() error {
	if len(m.Message) > maxHandshake {
		return fmt.Errorf("%d bytes are no handshake", len(m.Message))
	}
	return nil
}

func (m Failed) check() error {
	if !m.Code.Valid() {
		return fmt.Errorf("%.80q has not the form of a reason", string(m.Code))
	}
	return short(maxDetail, "the detail", m.Detail)
}

func (m Accepted) check() error {
	return all(atLeast(0, "the offset", m.Offset), isHex("the identity", m.Identity), isHex("the key of receipts", m.ReceiptKey))
}

func (m Acked) check() error {
	return all(atLeast(0, "the offset", m.Offset), atLeast(0, "what was sent", m.Sent))
}

func (m Settled) check() error {
	return all(atLeast(0, "what was sent", m.Sent), isHex("the identity", m.Identity))
}

func (m Sealed) check() error {
	return all(isHex("the digest", m.SHA256), atLeast(0, "what was read", m.Read), atLeast(0, "what was hashed", m.Hashed),
		atLeast(0, "the size", m.Size), atLeast(0, "the end", m.End), recorded(m.Recorded))
}

// recorded looks at what a live source gave, if there is one.
func recorded(r *receipt.Recorded) error {
	if r == nil {
		return nil
	}
	return r.Validate()
}

func (m Recording) check() error {
	return all(atLeast(0, "the size", m.Size), atLeast(0, "the time", int64(m.Lasts)))
}

func (m Offered) check() error {
	o := m.Offer
	err := all(o.checkFolder(), isHex("the identity", m.Identity), atLeast(1, "the delivery", o.ID), atLeast(0, "the title", int64(o.Title)),
		short(maxName, "the name", o.Name), short(maxExtension, "the extension", o.Extension), short(maxHost, "the reception", o.Reception),
		atLeast(0, "the duration", o.Duration), atLeast(0, "the pace", o.Pace), atLeast(-1, "the size", o.Size), atLeast(0, "what is expected", o.Expected))
	if err == nil && o.SHA256 != "" {
		err = isHex("the digest", o.SHA256)
	}
	return err
}

// checkFolder looks at what only a folder has.
func (o Offer) checkFolder() error {
	err := all(atLeast(0, "the manifest", o.Manifest), atLeast(0, "the files", int64(o.Files)))
	if err == nil && o.Manifest > 0 {
		err = isHex("the digest of the manifest", o.ManifestSHA256)
	}
	if err == nil && o.Shared != 0 {
		err = all(atLeast(1, "what is shared", o.Shared), atLeast(1, "the base", o.Base), atLeast(1, "the manifest of the base", o.BaseProven),
			atLeast(1, "the list of what is shared", o.Reuse), isHex("the digest of that", o.ReuseSHA256))
	}
	return err
}

func (m WithdrawAsked) check() error {
	return all(isHex("the identity", m.Identity), atLeast(1, "the delivery", m.ID))
}

func (m PairProof) check() error {
	return all(isHex("the identity", m.Identity), isHex("the key of receipts", m.ReceiptKey),
		exactly(exporterSize, "what TLS exports", m.Exporter), exactly(proofSize, "the proof", m.Proof))
}

func (m Looked) check() error {
	return all(isHex("the identity", m.Identity), isHex("the key of receipts", m.ReceiptKey), atLeast(0, "the space", m.Free), atLeast(0, "the rate", m.Rate))
}

func (m PairAsked) check() error {
	return all(isHex("the identity", m.Identity), short(maxHost, "the reception", m.Reception), exactly(exporterSize, "what TLS exports", m.Exporter))
}

func (m LookAsked) check() error { return isHex("the identity", m.Identity) }

func (m Ready) check() error   { return atLeast(0, "the offset", m.Offset) }
func (m Durable) check() error { return atLeast(0, "the offset", m.Offset) }

func (m Whole) check() error {
	for _, w := range m.Warnings {
		if err := short(maxDetail, "a warning", w); err != nil {
			return err
		}
	}
	if m.Facts != "" {
		if err := isHex("the facts", m.Facts); err != nil {
			return err
		}
	}
	if m.Stream != "" {
		if err := isHex("the digest of the stream", m.Stream); err != nil {
			return err
		}
	}
	return all(recorded(m.Recorded), isHex("the digest", m.SHA256), atLeast(0, "the size", m.Size), atLeast(0, "the frames", m.Frames),
		atLeast(0, "the resumes", int64(m.Resumes)), atLeast(0, "what was written", m.Written), atLeast(0, "what was hashed", m.Hashed))
}

func (m Lasts) check() error {
	return all(atLeast(0, "the duration", m.Millis), short(maxDetail, "the reason", m.Why))
}

func (m Surveying) check() error { return atLeast(0, "the offset", m.Offset) }
func (m Surveyed) check() error  { return isHex("the digest", m.SHA256) }

func (m Described) check() error {
	return all(isHex("the digest", m.SHA256), atLeast(0, "the files", int64(m.Files)), atLeast(0, "the size", m.Size),
		atLeast(1, "the manifest", m.Bytes))
}

func (m MailTaken) check() error { return short(maxReply, "the reply", m.Reply) }

func (m MailUnsecured) check() error { return short(maxDetail, "the detail", m.Detail) }

func (m MailRefused) check() error {
	return all(short(maxHost, "the step", m.Step), atLeast(0, "the status", int64(m.Status)), short(maxReply, "the text", m.Text))
}

// Valid says what of a call its supervisor would not take. A session asks in the
// words of its client, and is to answer that instead of being ended for it: what
// was within the bounds before may be beyond them as JSON has it.
func (m Call) Valid() error {
	packet, err := encode(m)
	if err == nil {
		_, err = decode(packet)
	}
	return err
}

func (m Call) check() error {
	asked := 0
	for _, set := range []bool{m.Titles != nil, m.Request != nil, m.Deliveries != nil, m.Show != nil, m.Cancel != nil,
		m.Add != nil, m.Remove != nil, m.Where != nil, m.Replace != nil, m.Older != nil, m.Redeliver != nil, m.Receptions != nil, m.Login != nil, m.Roster != nil, m.AddReception != nil,
		m.RemoveReception != nil, m.CheckReception != nil, m.Accounts != nil, m.Sources != nil, m.AddAccount != nil, m.RemoveAccount != nil,
		m.Enter != nil, m.Visit != nil, m.Leave != nil, m.LinkOnce != nil, m.Chart != nil, m.Health != nil, m.News != nil, m.Store != nil,
		m.Metrics != nil, m.See != nil} {
		if set {
			asked++
		}
	}
	if asked != 1 {
		return fmt.Errorf("it asks for %d things at once", asked)
	}
	if m.Store != nil {
		return m.Store.check()
	}
	if m.Metrics != nil {
		return m.Metrics.check()
	}
	return nil
}
