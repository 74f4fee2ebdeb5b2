package identity

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"

	"videoclub/internal/reason"
)

// SecretSize is the size of the secret in a pairing code, in bytes. It is drawn
// at random, so that 128 bits are to be guessed: too many to be tried, at the
// servers or against what was overheard.
const SecretSize = 16

// Code is a pairing code: what a reception server needs to know of the central
// server that it is to trust (docs/PROTOCOL.md section 7).
type Code struct {
	Central string    // its identity
	Expires time.Time // to the minute
	Secret  [SecretSize]byte
}

// codeBegin tells what it is, and its version; checkSize is how many bytes of a
// SHA-256 tell a mistyped code.
const (
	codeBegin = "vc1-"
	checkSize = 3
	codeSize  = sha256.Size + 4 + SecretSize + checkSize
	codeGroup = 8
)

// lowerBase32 is base32 of RFC 4648 in lower case and without padding: there is
// no 0, 1, 8 and 9 to be mistaken for letters.
var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewCode makes a code of the central server with that identity, with a secret
// of its own.
func NewCode(central string, expires time.Time) (Code, error) {
	if !ValidID(central) {
		return Code{}, fmt.Errorf("make a pairing code: %.80q is no identity", central)
	}
	c := Code{Central: central, Expires: expires.UTC().Truncate(time.Minute)}
	rand.Read(c.Secret[:]) // never fails: crypto/rand
	return c, nil
}

// String writes the code as people pass it on: "vc1-" and eleven groups of
// eight letters and digits. It holds a secret.
func (c Code) String() string {
	central, err := hex.DecodeString(c.Central)
	if err != nil || len(central) != sha256.Size {
		return "" // no code that NewCode or ParseCode gives
	}
	body := binary.BigEndian.AppendUint32(central, uint32(c.Expires.Unix()/60))
	body = append(body, c.Secret[:]...)
	sum := sha256.Sum256(body)
	text := lowerBase32.EncodeToString(append(body, sum[:checkSize]...))
	var b strings.Builder
	b.WriteString(codeBegin)
	for i := 0; i < len(text); i += codeGroup {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(text[i : i+codeGroup])
	}
	return b.String()
}

// ParseCode reads a code in capitals or not, with or without its hyphens, and
// with spaces and line breaks in it. One that is not whole is
// reason.PairingInvalid. Whether it has expired is for the caller to look at.
func ParseCode(text string) (Code, error) {
	invalid := func(why string) (Code, error) {
		// Nothing of the text is repeated: it may be nearly right.
		return Code{}, reason.New(reason.PairingInvalid, "the pairing code %s", why)
	}
	if len(text) > 4*codeSize {
		return invalid("is too long")
	}
	plain := strings.ToLower(strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text))
	plain, ok := strings.CutPrefix(plain, strings.TrimSuffix(codeBegin, "-"))
	if !ok {
		return invalid("does not begin with vc1-; copy all of it")
	}
	body, err := lowerBase32.DecodeString(plain)
	// What is too much at the end, decoding would drop.
	if err != nil || len(body) != codeSize || lowerBase32.EncodeToString(body) != plain {
		return invalid("is not whole; copy all of it")
	}
	body, check := body[:codeSize-checkSize], body[codeSize-checkSize:]
	if sum := sha256.Sum256(body); !bytes.Equal(check, sum[:checkSize]) {
		return invalid("has a letter or digit wrong; copy it again")
	}
	c := Code{Central: hex.EncodeToString(body[:sha256.Size])}
	body = body[sha256.Size:]
	c.Expires = time.Unix(int64(binary.BigEndian.Uint32(body))*60, 0).UTC()
	copy(c.Secret[:], body[4:])
	return c, nil
}

// ExporterLabel and ExporterSize say what both sides take from the TLS session
// in which they pair (RFC 8446 section 7.5), so that a proof is worth nothing in
// another session.
const (
	ExporterLabel = "EXPORTER-videoclub-pairing-1"
	ExporterSize  = 32
)

// Pairing is what a reception server proves when it is paired: that it knows
// the secret, in this TLS session, for this name and with these keys.
type Pairing struct {
	Exporter   []byte // of the TLS session
	Central    string // identity of the central server
	Reception  string // identity of the reception server
	ReceiptKey string // of the reception server, in hex
	Name       string // that the central server knows it by
}

// Proof is the HMAC-SHA-256 of the pairing under the secret.
func (p Pairing) Proof(secret [SecretSize]byte) []byte {
	mac := hmac.New(sha256.New, secret[:])
	for _, field := range []string{"videoclub pairing 1", string(p.Exporter), p.Central, p.Reception, p.ReceiptKey, p.Name} {
		// Each with its length, so that no two pairings read alike.
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		mac.Write([]byte(field))
	}
	return mac.Sum(nil)
}

// Proves says, in a time that does not depend on the proof, whether it is that
// of the pairing under the secret. One without the session's exporter never is.
func (p Pairing) Proves(secret [SecretSize]byte, proof []byte) bool {
	return len(p.Exporter) == ExporterSize && hmac.Equal(p.Proof(secret), proof)
}
