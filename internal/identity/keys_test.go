package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// seeded is a key that is always the same.
func seeded(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func printed(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func equal(a, b Keys) bool { return a.TLS.Equal(b.TLS) && a.Receipt.Equal(b.Receipt) }

func TestLoadOrCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "keys")
	first, err := LoadOrCreate(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.TLS.Equal(first.Receipt) {
		t.Error("the two keys are one")
	}
	again, err := LoadOrCreate(dir)
	if err != nil || !equal(first, again) {
		t.Errorf("the second start has other keys (%v)", err)
	}
	for path, want := range map[string]fs.FileMode{
		dir: fs.ModeDir | 0o700, filepath.Dir(dir): fs.ModeDir | 0o700,
		filepath.Join(dir, "tls.key"): 0o600, filepath.Join(dir, "receipt.key"): 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v (%v)", entries, err)
	}

	// A crash after the first of the two files.
	if err := os.Remove(filepath.Join(dir, "receipt.key")); err != nil {
		t.Fatal(err)
	}
	mended, err := LoadOrCreate(dir)
	if err != nil || !mended.TLS.Equal(first.TLS) || mended.Receipt.Equal(first.Receipt) {
		t.Errorf("after the loss of the receipt key: %v", err)
	}
}

func TestStartedTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	var all sync.WaitGroup
	got := make([]Keys, 8)
	for i := range got {
		all.Go(func() {
			var err error
			if got[i], err = LoadOrCreate(dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range got {
		if !equal(k, got[0]) {
			t.Fatal("two that started together have different keys")
		}
	}
}

func TestKeysRefused(t *testing.T) {
	path := func(dir string) string { return filepath.Join(dir, "tls.key") }
	for what, c := range map[string]struct {
		harm func(dir string) error
		why  string
	}{
		"readable by the group":  {func(d string) error { return os.Chmod(path(d), 0o640) }, "chmod 0600 "},
		"readable by all":        {func(d string) error { return os.Chmod(path(d), 0o604) }, "has mode 0604"},
		"directory of the group": {func(d string) error { return os.Chmod(d, 0o770) }, "chmod 0700 "},
		"emptied":                {func(d string) error { return os.Truncate(path(d), 0) }, "nothing in PEM"},
		"cut":                    {func(d string) error { return os.Truncate(path(d), 90) }, "restore it from a backup"},
		"grown":                  {func(d string) error { return os.Truncate(path(d), maxKeyFile+1) }, "more than 4096 bytes"},
		"gone":                   {func(d string) error { return os.Remove(path(d)) }, "is missing beside receipt.key"},
		"copied":                 {func(d string) error { return copyFile(filepath.Join(d, "receipt.key"), path(d)) }, "the same key"},
		"a directory": {func(d string) error {
			return errors.Join(os.Remove(path(d)), os.Mkdir(path(d), 0o700))
		}, "is not a file"},
		"a pipe": {func(d string) error {
			return errors.Join(os.Remove(path(d)), syscall.Mkfifo(path(d), 0o600))
		}, "is not a file"},
	} {
		dir := filepath.Join(t.TempDir(), "keys")
		if _, err := LoadOrCreate(dir); err != nil {
			t.Fatal(err)
		}
		if err := c.harm(dir); err != nil {
			t.Fatal(err)
		}
		before, gone := os.Lstat(path(dir))
		_, err := LoadOrCreate(dir)
		if reason.Of(err) != reason.KeysInvalid || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", what, err, c.why)
		}
		// What replaces a key is another file.
		if after, err := os.Lstat(path(dir)); (err == nil) != (gone == nil) || err == nil && !os.SameFile(before, after) {
			t.Errorf("%s: the key was replaced", what)
		}
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "keys")} {
		if _, err := LoadOrCreate(dir); err == nil {
			t.Errorf("keys in %s, which is no directory", dir)
		}
	}
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// owned is a file of some user.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (o owned) Mode() fs.FileMode  { return 0o600 }
func (o owned) Sys() any           { return &syscall.Stat_t{Uid: o.uid} }
func (o owned) ModTime() time.Time { return time.Time{} }

func TestOwner(t *testing.T) {
	self := uint32(os.Geteuid())
	for uid, refused := range map[uint32]bool{0: false, self: false, self + 1: true} {
		err := private("tls.key", owned{uid: uid}, 0o077, "chmod 0600")
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "chown") {
			t.Errorf("a key of user %d for user %d: %v", uid, self, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := printed(t, seeded(1))
	for _, c := range []struct {
		data []byte
		why  string
	}{
		{good, ""},
		{bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), ""},
		{slices.Concat(good, []byte(" \n\n")), ""},
		{slices.Concat([]byte("# ours\n"), good), ""},
		{nil, "nothing in PEM"},
		{slices.Concat(good, good), "something follows"},
		{slices.Concat(good, []byte("x")), "something follows"},
		{printed(t, other), "*ecdsa.PrivateKey"},
		{bytes.ReplaceAll(good, []byte("PRIVATE"), []byte("PUBLIC")), `"PUBLIC KEY"`},
		{pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0x30, 0}}), "asn1"},
	} {
		key, err := parseKey(c.data)
		switch {
		case c.why == "" && (err != nil || !key.Equal(seeded(1))):
			t.Errorf("%q: %v", c.data, err)
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%q: %v, want %q", c.data, err, c.why)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	good := printed(f, seeded(2))
	f.Add(good)
	f.Add(good[:60])
	f.Add(slices.Concat([]byte("x"), good, []byte("\n")))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := parseKey(data)
		if err != nil {
			return
		}
		text, err := printKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseKey(text); err != nil || !back.Equal(key) {
			t.Fatalf("%q prints as %q, which reads as another (%v)", data, text, err)
		}
	})
}

func TestID(t *testing.T) {
	// The SHA-256 of 32 zero bytes, and its first 10 bytes in base32.
	id := ID(make([]byte, ed25519.PublicKeySize))
	const want = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
	if id != want || !ValidID(id) {
		t.Errorf("id %s, want %s", id, want)
	}
	if got := Short(id); got != "mzuh-vlpy-mk6x-o3ep" {
		t.Errorf("short %q", got)
	}
	if got := Prefix8(id); got != "66687aad" {
		t.Errorf("prefix %q", got)
	}
	for _, odd := range []string{"", id[1:], id + "0", strings.ToUpper(id), "g" + id[1:], id[1:] + "\n"} {
		if ValidID(odd) || Short(odd) != "" || Prefix8(odd) != "" {
			t.Errorf("%q passes for an identity: %q, %q", odd, Short(odd), Prefix8(odd))
		}
	}
}

func TestCertificate(t *testing.T) {
	key := seeded(3)
	der, err := Certificate(key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Certificate(key); err != nil || !bytes.Equal(der, again) {
		t.Errorf("the same key has two certificates (%v)", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := publicKey(cert)
	if err != nil || !pub.Equal(key.Public()) {
		t.Errorf("the certificate carries another key (%v)", err)
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Error(err)
	}
	if cert.Subject.CommonName != "videoclub" || cert.SerialNumber.Sign() <= 0 || cert.IsCA {
		t.Errorf("subject %v, serial number %v, authority %v", cert.Subject, cert.SerialNumber, cert.IsCA)
	}
	if from, to := cert.NotBefore.UTC(), cert.NotAfter.UTC(); from.Year() != 2020 || to.Format(time.RFC3339) != "9999-12-31T23:59:59Z" {
		t.Errorf("valid from %v to %v", from, to)
	}
	other, err := Certificate(seeded(4))
	if err != nil {
		t.Fatal(err)
	}
	if second, err := x509.ParseCertificate(other); err != nil || second.SerialNumber.Cmp(cert.SerialNumber) == 0 {
		t.Errorf("two keys share a serial number (%v)", err)
	}
	if _, err := Certificate(key[:10]); err == nil {
		t.Error("a certificate for a piece of a key")
	}
}
