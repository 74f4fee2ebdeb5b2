package identity

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"videoclub/internal/reason"
)

// Side is the part that a server takes in a TLS handshake.
type Side int

// The sides. The zero Side is neither.
const (
	ServerSide Side = iota + 1
	ClientSide
)

// context is what a signature in the handshake of TLS 1.3 begins with, for
// each side (RFC 8446 section 4.4.3). The transcript's hash follows.
func (s Side) context() ([]byte, error) {
	var words string
	switch s {
	case ServerSide:
		words = "TLS 1.3, server CertificateVerify"
	case ClientSide:
		words = "TLS 1.3, client CertificateVerify"
	default:
		return nil, fmt.Errorf("no side of a handshake has the number %d", s)
	}
	return []byte(strings.Repeat(" ", 64) + words + "\x00"), nil
}

// owns says that message is what this side signs in a handshake (reason.NotPermitted).
func (s Side) owns(message []byte) error {
	context, err := s.context()
	if err != nil {
		return fmt.Errorf("sign a handshake: %w", err)
	}
	hash, ours := bytes.CutPrefix(message, context)
	// The hash is that of the cipher suite (RFC 8446 appendix B.4).
	if !ours || len(hash) != sha256.Size && len(hash) != sha512.Size384 {
		return reason.New(reason.NotPermitted,
			"sign a handshake: the %d bytes to sign are not those of its own side in TLS 1.3", len(message))
	}
	return nil
}

// SignHandshake signs message for a worker, if it is what TLS 1.3 has that
// side sign and nothing else; anything else is refused (reason.NotPermitted).
// How often a worker may ask is for the caller to count.
func SignHandshake(key ed25519.PrivateKey, side Side, message []byte) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("sign a handshake: the key has %d bytes", len(key))
	}
	if err := side.owns(message); err != nil {
		return nil, err
	}
	return ed25519.Sign(key, message), nil
}

// RemoteSigner signs where the key is: in the supervisor. It is a
// crypto.Signer for the handshakes of Server and Client.
type RemoteSigner struct {
	pub ed25519.PublicKey
	ask func(message []byte) (signature []byte, err error)
}

// NewRemoteSigner makes a signer for the certificate cert (DER). ask carries a
// message to where SignHandshake signs it, and may wait.
func NewRemoteSigner(cert []byte, ask func(message []byte) (signature []byte, err error)) (*RemoteSigner, error) {
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		return nil, fmt.Errorf("read the own certificate: %w", err)
	}
	pub, err := publicKey(parsed)
	if err != nil {
		return nil, fmt.Errorf("read the own certificate: %w", err)
	}
	return &RemoteSigner{pub: pub, ask: ask}, nil
}

// Public is the key's public half, an ed25519.PublicKey.
func (s *RemoteSigner) Public() crypto.PublicKey { return s.pub }

// Sign has the whole message signed, as Ed25519 without a context does (opts
// asks for no hash). An answer that is not its signature is an error here,
// where it can be told from a fault of the peer.
func (s *RemoteSigner) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != nil && opts.HashFunc() != 0 {
		return nil, fmt.Errorf("sign remotely: Ed25519 signs messages, not hashes of %v", opts.HashFunc())
	}
	if o, ok := opts.(*ed25519.Options); ok && o.Context != "" {
		return nil, errors.New("sign remotely: Ed25519 with a context is not for TLS")
	}
	signature, err := s.ask(message)
	if err != nil {
		return nil, fmt.Errorf("sign remotely: %w", err)
	}
	if !ed25519.Verify(s.pub, message, signature) {
		return nil, errors.New("sign remotely: the answer is not a signature of the message by the certificate's key")
	}
	return signature, nil
}
