package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Certificate gives the certificate that carries key's public half in TLS, in
// DER, signed by itself. The same key gives the same bytes. It is valid from
// 2020 to the date that stands for no end (RFC 5280 section 4.1.2.5), since
// the peers know keys and not certificates, and a clock that is wrong must not
// cut a server off.
func Certificate(key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("certify a key: it has %d bytes", len(key))
	}
	pub := key.Public().(ed25519.PublicKey)
	// The serial number follows from the key: browsers refuse two certificates
	// of one issuer that share theirs. It must be positive and short (RFC 5280
	// section 4.1.2.2).
	sum := sha256.Sum256(pub)
	serial := sum[:16]
	serial[0] = serial[0]&0x7f | 0x40
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: "videoclub"},
		DNSNames:              []string{"videoclub"},
		NotBefore:             time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	// Ed25519 takes nothing from the random source (RFC 8032 section 8.1).
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return nil, fmt.Errorf("certify a key: %w", err)
	}
	return der, nil
}

// publicKey is the key that cert carries.
func publicKey(cert *x509.Certificate) (ed25519.PublicKey, error) {
	pub, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the certificate carries a key of kind %v instead of Ed25519", cert.PublicKeyAlgorithm)
	}
	return pub, nil
}
