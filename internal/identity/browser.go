package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // what browsers have signed is hashed by these
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"videoclub/internal/reason"
)

// Bounds of what an operator gives for browsers: the bytes of a file, and of
// the certificates as they are told to a worker.
const (
	maxPEM   = 64 << 10
	maxChain = 32 << 10
)

// Browser is how a server shows itself to browsers, which know certificate
// authorities and not its identity: an operator's certificates and key. The zero
// Browser is none.
type Browser struct {
	Chain [][]byte // in DER, the server's own first
	Name  string   // the first host name that it is for, without a wildcard; "" where there is none
	key   crypto.Signer
}

// ErrExpired is within the error of a certificate that was good, and is not any more.
var ErrExpired = errors.New("the certificate expired")

// LoadBrowser reads the certificates, the server's own first, and the key of it,
// both in PEM. It refuses (reason.KeysInvalid) what browsers could not use, and a
// file of a key with one of the forbidden permissions.
func LoadBrowser(certificate, key string, forbidden fs.FileMode, now time.Time) (Browser, error) {
	text, err := readPEM(certificate, 0)
	if err != nil {
		return Browser{}, err
	}
	b, leaf, err := parseChain(text)
	if err != nil {
		return Browser{}, reason.Wrap(reason.KeysInvalid, err, "%s", certificate)
	}
	if now.After(leaf.NotAfter) {
		return Browser{}, reason.Wrap(reason.KeysInvalid, fmt.Errorf("%w on %s: renew it", ErrExpired, leaf.NotAfter.UTC().Format(time.DateOnly)), "%s", certificate)
	}
	if text, err = readPEM(key, forbidden); err != nil {
		return Browser{}, err
	}
	if b.key, err = parseBrowserKey(text); err != nil {
		return Browser{}, reason.Wrap(reason.KeysInvalid, err, "%s", key)
	}
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(b.key.Public()) {
		return Browser{}, reason.New(reason.KeysInvalid, "%s is not the key of the first certificate in %s", key, certificate)
	}
	if i := slices.IndexFunc(leaf.DNSNames, func(name string) bool { return !strings.HasPrefix(name, "*") }); i >= 0 {
		b.Name = leaf.DNSNames[i]
	}
	return b, nil
}

// readPEM reads a file. Without forbidden permissions it is no secret.
func readPEM(path string, forbidden fs.FileMode) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason.Wrap(reason.KeysInvalid, err, "for browsers")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, reason.New(reason.KeysInvalid, "%s is not a file", path)
	}
	if forbidden != 0 {
		if err := private(path, info, forbidden, "chmod 0600"); err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = reason.New(reason.KeysInvalid, "%s has more than %d bytes", path, maxPEM)
	}
	return text, err
}

func parseChain(text []byte) (b Browser, leaf *x509.Certificate, err error) {
	size := 0
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if text = rest; block.Type != "CERTIFICATE" {
			continue
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Browser{}, nil, err
		}
		if leaf == nil {
			leaf = parsed
		}
		size += len(block.Bytes)
		b.Chain = append(b.Chain, block.Bytes)
	}
	switch {
	case leaf == nil:
		return Browser{}, nil, errors.New("it has no certificate in PEM")
	case size > maxChain:
		return Browser{}, nil, fmt.Errorf("its certificates have %d bytes, at most %d are allowed", size, maxChain)
	}
	return b, leaf, nil
}

func parseBrowserKey(text []byte) (crypto.Signer, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("it has no private key in PEM")
		}
		text = rest
		var key any
		var err error
		switch block.Type {
		case pemType:
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			err = errors.New("it is encrypted, and nobody is there to be asked for the password")
		default: // the parameters of a curve
			continue
		}
		if err != nil {
			return nil, err
		}
		switch key := key.(type) {
		case *ecdsa.PrivateKey:
			if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() {
				return key, nil
			}
		case *rsa.PrivateKey:
			if key.N.BitLen() >= 2048 {
				return key, nil
			}
		}
		return nil, errors.New("browsers take no such key: make one of P-256, P-384 or RSA of at least 2048 bits")
	}
}

// SignHandshake signs message for a session worker, if it is what TLS 1.3 has a
// server sign and nothing else, by its digest of hash. How often a worker may ask
// is for the caller to count.
func (b Browser) SignHandshake(message []byte, hash crypto.Hash) ([]byte, error) {
	if b.key == nil {
		return nil, reason.New(reason.NotPermitted, "sign a handshake: there is no certificate for browsers")
	}
	if err := ServerSide.owns(message); err != nil {
		return nil, err
	}
	if !slices.Contains([]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}, hash) {
		return nil, reason.New(reason.NotPermitted, "sign a handshake: not by a digest of %v", hash)
	}
	var opts crypto.SignerOpts = hash
	if _, ok := b.key.(*rsa.PrivateKey); ok { // RFC 8446 section 4.2.3
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return crypto.SignMessage(b.key, rand.Reader, message, opts)
}

// BrowserServer configures the server's part of TLS 1.3 with a browser, for a
// worker: chain is that of a Browser, and ask carries a message and the hash of
// its digest to where SignHandshake signs it.
func BrowserServer(chain [][]byte, ask func(message []byte, hash crypto.Hash) (signature []byte, err error)) (*tls.Config, error) {
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("read the certificate for browsers: %w", err)
	}
	c := common("http/1.1")
	c.Certificates = []tls.Certificate{{Certificate: chain, PrivateKey: &remoteBrowser{leaf.PublicKey, ask}}}
	return c, nil
}

// remoteBrowser signs where the key is. It is a crypto.MessageSigner, as the
// supervisor signs no digest of what it has not seen.
type remoteBrowser struct {
	public crypto.PublicKey
	ask    func([]byte, crypto.Hash) ([]byte, error)
}

func (r *remoteBrowser) Public() crypto.PublicKey { return r.public }

func (r *remoteBrowser) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("sign remotely: messages alone are signed, and no digests")
}

// SignMessage has the message signed.
func (r *remoteBrowser) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := r.ask(message, opts.HashFunc())
	if err != nil {
		return nil, fmt.Errorf("sign remotely: %w", err)
	}
	return signature, nil
}
