package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// certified gives PEM of a certificate for key, until an instant, and of key.
func certified(t *testing.T, key crypto.Signer, until time.Time) (certificate, private []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{"*.example.org", "films.example.org", "films"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func ofCurve(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// loadBrowser writes both files and reads them.
func loadBrowser(t *testing.T, certificate, key []byte, mode os.FileMode) (Browser, error) {
	t.Helper()
	dir := t.TempDir()
	at, of := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	for path, text := range map[string][]byte{at: certificate, of: key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(of, mode); err != nil {
		t.Fatal(err)
	}
	return LoadBrowser(at, of, 0o077, noon)
}

// What browsers could not use is refused with what to do, and nothing says the key.
func TestLoadBrowser(t *testing.T) {
	p256, tomorrow := ofCurve(t, elliptic.P256()), noon.AddDate(0, 0, 1)
	good, key := certified(t, p256, tomorrow)
	sec1, err := x509.MarshalECPrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	openssl := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6}}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...)
	_, ownKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ofOwn, own := certified(t, ownKey, tomorrow)
	expired, expiredKey := certified(t, p256, noon.Add(-time.Second))
	_, other := certified(t, ofCurve(t, elliptic.P256()), tomorrow)
	for name, c := range map[string]struct {
		certificate, key []byte
		mode             os.FileMode
		wrong            string // "" is good
	}{
		"good":             {good, key, 0o600, ""},
		"as openssl has":   {good, openssl, 0o400, ""},
		"with a chain":     {append(bytes.Clone(good), good...), key, 0o600, ""},
		"others read it":   {good, key, 0o640, "chmod 0600"},
		"of another key":   {good, other, 0o600, "is not the key of the first certificate"},
		"Ed25519":          {ofOwn, own, 0o600, "make one of P-256"},
		"expired":          {expired, expiredKey, 0o600, "expired on 2026-11-2"},
		"no certificate":   {key, key, 0o600, "no certificate in PEM"},
		"no key":           {good, good, 0o600, "no private key in PEM"},
		"nothing":          {nil, nil, 0o600, "no certificate in PEM"},
		"too long":         {bytes.Repeat([]byte("x"), maxPEM+1), key, 0o600, "more than"},
		"too long a chain": {bytes.Repeat(good, maxPEM/len(good)), key, 0o600, "at most 32768 are allowed"},
		"encrypted":        {good, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), 0o600, "is encrypted"},
	} {
		b, err := loadBrowser(t, c.certificate, c.key, c.mode)
		if c.wrong == "" && b.Name != "films.example.org" {
			t.Errorf("%s: it is for %q", name, b.Name)
		}
		if c.wrong == "" && (err != nil || len(b.Chain) == 0) || c.wrong != "" && (reason.Of(err) != reason.KeysInvalid || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}

// A handshake is signed at a distance, over what the supervisor has seen begin as
// one of its own side, and over nothing else.
func TestBrowserHandshake(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-256": ofCurve(t, elliptic.P256()), "P-384": ofCurve(t, elliptic.P384()), "RSA": key} {
		certificate, private := certified(t, key, time.Now().Add(time.Hour))
		b, err := loadBrowser(t, certificate, private, 0o600)
		if err != nil {
			t.Fatal(name, err)
		}
		config, err := BrowserServer(b.Chain, b.SignHandshake)
		if err != nil {
			t.Fatal(name, err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(certificate)
		here, there := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- tls.Server(here, config).Handshake() }()
		client := tls.Client(there, &tls.Config{RootCAs: pool, ServerName: "films.example.org", Time: func() time.Time { return noon }, NextProtos: []string{"h2", "http/1.1"}})
		if err := client.Handshake(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if state := client.ConnectionState(); state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: version %x, %q", name, state.Version, state.NegotiatedProtocol)
		}
		here.Close()
		there.Close()
		<-served

		ours := append([]byte(strings.Repeat(" ", 64)+"TLS 1.3, server CertificateVerify\x00"), make([]byte, 32)...)
		for what, c := range map[string]struct {
			message []byte
			hash    crypto.Hash
		}{
			"a digest": {make([]byte, 32), crypto.SHA256}, "the client's side": {bytes.Replace(ours, []byte("server"), []byte("client"), 1), crypto.SHA256},
			"SHA-1": {ours, crypto.SHA1}, "no hash": {ours, 0},
		} {
			if _, err := b.SignHandshake(c.message, c.hash); reason.Of(err) != reason.NotPermitted {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if _, err := b.SignHandshake(ours, crypto.SHA256); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Browser{}).SignHandshake(nil, crypto.SHA256); reason.Of(err) != reason.NotPermitted {
		t.Errorf("without a key: %v", err)
	}
}

func TestScrapeToken(t *testing.T) {
	if _, err := NewScrapeToken("too short"); err == nil {
		t.Error("a token that can be guessed is taken")
	}
	token, err := NewScrapeToken("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		token ScrapeToken
		shown string
		want  reason.Code
	}{
		{token, "0123456789abcdef", ""}, {token, "0123456789abcdeF", reason.LoginInvalid}, {token, "", reason.LoginNeeded},
		{ScrapeToken{}, "", reason.NotPermitted}, {ScrapeToken{}, "0123456789abcdef", reason.NotPermitted},
	} {
		err := c.token.Check(c.shown)
		if (err == nil) != (c.want == "") || err != nil && reason.Of(err) != c.want {
			t.Errorf("%q: %v, want %q", c.shown, err, c.want)
		}
	}
}
