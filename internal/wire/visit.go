package wire

import (
	"errors"
	"fmt"
	"time"
)

// VisitALPN names the conversation in which a central server pairs with a
// reception server, or looks whether it is well (docs/PROTOCOL.md section 7).
const VisitALPN = "vcvisit/1"

// MaxProbe bounds the bytes of one probe.
const MaxProbe = 16 << 20

// Pair asks the receiver to prove that it knows the secret of a pairing code.
type Pair struct {
	Reception string `json:"reception"` // the name that the sender knows the receiver by
}

// Proof answers Pair.
type Proof struct {
	Proof      string `json:"proof"`       // HMAC-SHA-256, lower-case hex
	ReceiptKey string `json:"receipt_key"` // Ed25519 public key, lower-case hex
}

// Paired says that the sender has taken the proof, and knows the receiver from
// now on.
type Paired struct{}

// Look asks how the receiver is.
type Look struct{}

// Condition answers Look. Free is how many bytes the receiver has room for.
type Condition struct {
	Now        time.Time `json:"now"`
	Free       int64     `json:"free"`
	ReceiptKey string    `json:"receipt_key"`
}

// Probe says that so many bytes without a meaning follow it.
type Probe struct {
	Bytes int64 `json:"bytes"`
}

// Measured answers a Probe: how long its bytes took to arrive.
type Measured struct {
	Bytes       int64 `json:"bytes"`
	Nanoseconds int64 `json:"ns"`
}

func (Pair) kind() string      { return "pair" }
func (Proof) kind() string     { return "proof" }
func (Paired) kind() string    { return "paired" }
func (Look) kind() string      { return "look" }
func (Condition) kind() string { return "condition" }
func (Probe) kind() string     { return "probe" }
func (Measured) kind() string  { return "measured" }

func (m Pair) check() error {
	if m.Reception == "" || len(m.Reception) > maxHost {
		return errors.New("reception is missing or too long")
	}
	return nil
}

func (m Proof) check() error {
	if !isHex(m.Proof, hexSHA256) || !isHex(m.ReceiptKey, 64) {
		return errors.New("proof or receipt key is not 64 lower-case hex digits")
	}
	return nil
}

func (m Paired) check() error { return nil }
func (m Look) check() error   { return nil }

func (m Condition) check() error {
	if m.Free < 0 || m.Now.IsZero() || !isHex(m.ReceiptKey, 64) {
		return errors.New("now, free or receipt key is out of range")
	}
	return nil
}

func (m Probe) check() error {
	if m.Bytes < 1 || m.Bytes > MaxProbe {
		return fmt.Errorf("bytes %d are out of range", m.Bytes)
	}
	return nil
}

func (m Measured) check() error {
	if m.Bytes < 1 || m.Bytes > MaxProbe || m.Nanoseconds < 0 {
		return errors.New("bytes or ns is out of range")
	}
	return nil
}
