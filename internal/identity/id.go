package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// ID is the identity that follows from a public key: its SHA-256 (of the 32
// bytes of RFC 8032) in 64 lower-case hex digits.
func ID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:])
}

// ValidID says whether id has the form of what ID gives.
func ValidID(id string) bool {
	return len(id) == 2*sha256.Size && strings.Trim(id, "0123456789abcdef") == ""
}

// Short is id for people to compare by eye or by voice: its first 80 bits in
// four groups of four, such as "mfrg-gzdf-mztw-q2lk" (base32 of RFC 4648, in
// which no 0, 1, 8 and 9 are mistaken for letters). To find another key with
// the same takes some 2^80 trials. It is "" for what is no identity.
func Short(id string) string {
	if !ValidID(id) {
		return ""
	}
	first, err := hex.DecodeString(id[:20])
	if err != nil {
		return "" // ValidID has excluded it
	}
	s := strings.ToLower(base32.StdEncoding.EncodeToString(first))
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// Prefix8 is the first 8 hex digits of id, which tell deliveries of several
// central servers apart; it is "" for what is no identity.
func Prefix8(id string) string {
	if !ValidID(id) {
		return ""
	}
	return id[:8]
}
