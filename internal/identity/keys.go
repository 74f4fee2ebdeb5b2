// Package identity is who a server is and how it proves it: its keys, the
// identity that follows from them, and the TLS in which two of them meet.
package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"videoclub/internal/atomicfile"
	"videoclub/internal/reason"
)

// The files of the keys, in PEM (RFC 7468 section 10) of PKCS #8 (RFC 8410).
const (
	tlsFile     = "tls.key"
	receiptFile = "receipt.key"
)

// pemType is the label of a PKCS #8 key in PEM; maxKeyFile bounds what is read
// of a file, in bytes.
const (
	pemType    = "PRIVATE KEY"
	maxKeyFile = 4 << 10
)

// Keys are a server's private keys. They stay in its supervisor.
type Keys struct {
	// TLS proves who the server is; its ID is the server's identity.
	TLS ed25519.PrivateKey
	// Receipt signs what was deposited, and nothing else.
	Receipt ed25519.PrivateKey
}

// ReceiptKey is the public half of Receipt, hex, as receipts have it.
func (k Keys) ReceiptKey() string { return hex.EncodeToString(k.Receipt.Public().(ed25519.PublicKey)) }

// Load gives the keys that systemd handed over in credentials
// (systemd.exec(5), $CREDENTIALS_DIRECTORY; "" is none), under the names of the
// files of dir. What is not there comes from dir, as LoadOrCreate has it. It
// refuses a credential that is not whole, and one that other users may read.
func Load(dir, credentials string) (Keys, error) {
	if credentials == "" {
		return LoadOrCreate(dir)
	}
	var given Keys
	for name, key := range map[string]*ed25519.PrivateKey{tlsFile: &given.TLS, receiptFile: &given.Receipt} {
		var err error
		if *key, err = load(filepath.Join(credentials, name), handedAlone); err != nil {
			return Keys{}, err
		}
	}
	if given.TLS != nil && given.Receipt != nil {
		return given, distinct(given, credentials, credentials)
	}
	k, err := given.complete(dir)
	if err != nil {
		return Keys{}, err
	}
	from := [2]string{dir, dir}
	if given.TLS != nil {
		from[0] = credentials
	}
	if given.Receipt != nil {
		from[1] = credentials
	}
	return k, distinct(k, from[0], from[1])
}

// Known gives the identity of the server whose keys Load gives, "" while it has
// none: it makes none.
func Known(dir, credentials string) (string, error) {
	var key ed25519.PrivateKey
	var err error
	if credentials != "" {
		key, err = load(filepath.Join(credentials, tlsFile), handedAlone)
	}
	if key == nil && err == nil {
		key, err = load(filepath.Join(dir, tlsFile), ownerAlone)
	}
	if key == nil || err != nil {
		return "", err
	}
	return ID(key.Public().(ed25519.PublicKey)), nil
}

// distinct refuses two keys that are one.
func distinct(k Keys, tlsDir, receiptDir string) error {
	if k.TLS.Equal(k.Receipt) {
		return reason.New(reason.KeysInvalid, "%s and %s hold the same key: restore the one that was written over",
			filepath.Join(tlsDir, tlsFile), filepath.Join(receiptDir, receiptFile))
	}
	return nil
}

// LoadOrCreate gives the keys in dir. At the first start it makes them, with
// dir if need be, and they are durable before it returns. Programs that start
// at the same time in the same dir get the same keys.
//
// It refuses (reason.KeysInvalid) a key that others may read or that is not
// whole, and a directory in which others may replace it; no key is ever
// replaced by itself, as everyone who knows the identity would then refuse the
// server. Other errors are those of the file system.
func LoadOrCreate(dir string) (Keys, error) {
	k, err := Keys{}.complete(dir)
	if err != nil {
		return Keys{}, err
	}
	return k, distinct(k, dir, dir)
}

// complete gives k with the keys that it has not, those of dir. One that it has may
// have been moved from there: it is not missed there, and none is made in its place,
// which would be who the server is as soon as the other is not handed over.
func (k Keys) complete(dir string) (Keys, error) {
	d, err := hold(filepath.Clean(dir))
	if err != nil {
		return Keys{}, err
	}
	defer d.Close() // this ends the lock

	tlsPath, receiptPath := filepath.Join(dir, tlsFile), filepath.Join(dir, receiptFile)
	// Whether it was moved or copied from there shows whether the other is missed.
	_, err = os.Lstat(receiptPath)
	moved := k.Receipt != nil && errors.Is(err, fs.ErrNotExist)
	if k.Receipt == nil {
		if k.Receipt, err = load(receiptPath, ownerAlone); err != nil {
			return Keys{}, err
		}
	}
	if k.TLS == nil {
		if k.TLS, err = load(tlsPath, ownerAlone); err != nil {
			return Keys{}, err
		}
	}
	if k.TLS == nil && k.Receipt != nil && !moved {
		// The TLS key is made first, so that no crash leaves this.
		return Keys{}, reason.New(reason.KeysInvalid,
			"%s is missing beside %s: restore it, or take both away to start with a new identity", tlsPath, receiptFile)
	}
	if k.TLS == nil {
		if k.TLS, err = create(tlsPath); err != nil {
			return Keys{}, err
		}
	}
	if k.Receipt == nil {
		if k.Receipt, err = create(receiptPath); err != nil {
			return Keys{}, err
		}
	}
	return k, nil
}

// ownerAlone are the permissions that a file with a key must not have; handedAlone
// are those of one that systemd hands over. Its group may read: where the service's
// user reads by an access list, the mode has its mask there (acl(5)), and systemd
// keeps others out of the directory.
const (
	ownerAlone  fs.FileMode = 0o077
	handedAlone fs.FileMode = 0o037
)

// hold makes dir if need be, checks that it is safe for keys and keeps other
// processes out of it until the file it gives is closed.
func hold(dir string) (*os.File, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("make the directory of the keys: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of the keys: %w", err)
	}
	info, err := d.Stat()
	if err == nil {
		err = private(dir, info, 0o022, "chmod 0700")
	}
	if err == nil {
		err = lock(d)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("prepare the directory of the keys: %w", err)
	}
	return d, nil
}

// makeDir makes dir and what is missing above it, durably, for the owner
// alone.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil // if it is something else than a directory, opening shows it
	case err != nil:
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// lock waits until no other process is at work in d.
func lock(d *os.File) error {
	for {
		switch err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err {
		case nil:
			return nil
		case syscall.EINTR: // a signal came: wait again
		default:
			return &fs.PathError{Op: "lock", Path: d.Name(), Err: err}
		}
	}
}

// private refuses what belongs to someone else than this process or root, or
// has one of the forbidden permissions; mend is the command that takes them
// away.
func private(path string, info fs.FileInfo, forbidden fs.FileMode, mend string) error {
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return reason.New(reason.KeysInvalid, "%s has mode %04o, so that others may get at the key: %s %s", path, mode, mend, path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: the system does not say whose it is", path)
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return reason.New(reason.KeysInvalid, "%s belongs to user %d and not to user %d, who runs this program: chown it", path, stat.Uid, os.Geteuid())
	}
	return nil
}

// load reads the key at path, which must have none of the forbidden
// permissions; nil without an error says that there is none.
func load(path string, forbidden fs.FileMode) (ed25519.PrivateKey, error) {
	// Non-blocking, as opening a named pipe would wait for its other end.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, reason.New(reason.KeysInvalid, "%s is not a file", path)
	}
	if err := private(path, info, forbidden, "chmod 0600"); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	key, err := parseKey(data)
	if err != nil {
		return nil, reason.Wrap(reason.KeysInvalid, err,
			"%s is not a usable key: restore it from a backup, or take it away with its neighbour to start with a new identity", path)
	}
	return key, nil
}

// create makes a key and its file.
func create(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	data, err := printKey(key)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(path, data, 0o600); err != nil {
		return nil, fmt.Errorf("keep a new key: %w", err)
	}
	return key, nil
}

func parseKey(data []byte) (ed25519.PrivateKey, error) {
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxKeyFile)
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, errors.New("it holds nothing in PEM")
	case block.Type != pemType:
		return nil, fmt.Errorf("it holds %q instead of %q", block.Type, pemType)
	case len(bytes.TrimSpace(rest)) != 0:
		return nil, errors.New("something follows the key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it holds a %T instead of an Ed25519 key", parsed)
	}
	return key, nil
}

func printKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}
