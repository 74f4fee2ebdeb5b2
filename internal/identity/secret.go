package identity

import (
	"crypto/rand"
	"crypto/sha256"
)

// Secret is what somebody shows who has been let in before: that of a browser's
// session, or of a link that is used once. It has 160 random bits.
type Secret string

// NewSecret makes a secret.
func NewSecret() Secret {
	bits := make([]byte, tokenSize)
	rand.Read(bits) // never fails: crypto/rand
	return Secret(lowerBase32.EncodeToString(bits))
}

// ParseSecret reads a secret; ok is whether it may be one.
func ParseSecret(text string) (s Secret, ok bool) {
	bits, err := lowerBase32.DecodeString(text)
	return Secret(text), err == nil && len(bits) == tokenSize && lowerBase32.EncodeToString(bits) == text
}

// Hash is what a server keeps of the secret. It is random, so that whoever looks
// a hash up learns nothing of another by how long that takes.
func (s Secret) Hash() []byte {
	sum := sha256.Sum256([]byte("videoclub secret 1\n" + string(s)))
	return sum[:]
}
