package identity

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"videoclub/internal/atomicfile"
	"videoclub/internal/reason"
)

// Central is the central server that a reception server trusts, as two files in
// its state directory: "central", a file of Pins with the one identity, and
// "pairing", the secret of a code until it has been proved. Both are read when
// they are needed, so that `vcvrs pair` takes effect while the server runs.
type Central struct{ dir string }

// The names of the files, and the name that the identity is pinned to.
const (
	centralFile = "central"
	pairingFile = "pairing"
	centralName = "central"
)

// maxPairing bounds what is read of the file with the secret, in bytes.
const maxPairing = 4 << 10

// OpenCentral gives the central server that is trusted in a state directory.
func OpenCentral(state string) Central { return Central{state} }

// Pins is where the identity is pinned.
func (c Central) Pins() Pins { return OpenPins(filepath.Join(c.dir, centralFile)) }

// errDamaged is within the error of a file that does not say whom to trust.
var errDamaged = errors.New("it has not exactly one line, with the central server that is trusted: run vcvrs pair again, or vcvrs unpair to trust none")

// Identity is that of the trusted central server, "" while there is none. A file
// that is damaged is an error: it was somebody's who is trusted alone.
func (c Central) Identity() (string, error) {
	text, err := os.ReadFile(c.Pins().Path())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("pairing: %w", err)
	}
	id, named := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), centralName+" ")
	if !named || !ValidID(id) {
		return "", fmt.Errorf("%s: %w", c.Pins().Path(), errDamaged)
	}
	return id, nil
}

// First trusts the central server of that identity if none is trusted yet;
// another one is reason.IdentityChanged. note is called once the first is
// remembered, as another may have come in between.
func (c Central) First(id string, note func()) error {
	if _, err := c.Identity(); err != nil {
		return err
	}
	first := false
	if err := c.Pins().Check(centralName, id, func() error { first = true; return nil }); err != nil {
		return err
	}
	if first {
		note()
	}
	return nil
}

// pending is the file with the secret of a code.
type pending struct {
	Central string    `json:"central"`
	Expires time.Time `json:"expires"`
	Secret  string    `json:"secret"` // hex
}

// hold keeps other processes from changing the files until what it gives is closed.
func (c Central) hold() (*os.File, error) {
	dir, err := os.Open(c.dir)
	if err != nil {
		return nil, fmt.Errorf("pairing: %w", err)
	}
	if err := lock(dir); err != nil {
		dir.Close()
		return nil, fmt.Errorf("pairing: %w", err)
	}
	return dir, nil
}

// Pair trusts the central server of a code, and no other from now on, and keeps
// the code's secret until it is proved. It gives the identity that was trusted
// before, "" if none was. A code that has expired is reason.PairingExpired.
func (c Central) Pair(code Code, now time.Time) (before string, err error) {
	if !now.Before(code.Expires) {
		return "", reason.New(reason.PairingExpired, "it could be used until %s, and by the clock of this machine it is %s",
			code.Expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	held, err := c.hold()
	if err != nil {
		return "", err
	}
	defer held.Close() // this ends the lock
	if before, err = c.Identity(); err != nil && !errors.Is(err, errDamaged) {
		return "", err
	}
	body, err := json.Marshal(pending{code.Central, code.Expires, hex.EncodeToString(code.Secret[:])})
	if err != nil {
		return "", err
	}
	// The secret first: it is proved to nobody but the central server that is
	// trusted, so that a crash in between leaves all as it was but a code that is
	// void, and pairing again mends it.
	if err := atomicfile.WriteFile(filepath.Join(c.dir, pairingFile), append(body, '\n'), 0o600); err != nil {
		return "", err
	}
	return before, atomicfile.WriteFile(c.Pins().Path(), []byte(centralName+" "+code.Central+"\n"), 0o600)
}

// Unpair trusts no central server any more, and forgets a secret that waits. It
// gives the identity that was trusted, "" if none was.
func (c Central) Unpair() (before string, err error) {
	held, err := c.hold()
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer held.Close() // this ends the lock
	if before, err = c.Identity(); err != nil && !errors.Is(err, errDamaged) {
		return "", err
	}
	// The trust first: a crash in between leaves a secret that is shown to nobody.
	for _, name := range []string{centralFile, pairingFile} {
		if err := os.Remove(filepath.Join(c.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return before, err
		}
	}
	return before, held.Sync()
}

// Proving is a pairing that is being proved.
type Proving struct {
	Central string // identity of the central server that is told
	Proof   []byte
	secret  [SecretSize]byte
}

// Prove gives the proof of a pairing with the trusted central server, if a code
// of that one is waiting to be proved; else reason.NotPaired, or
// reason.PairingExpired. p is completed with nothing.
func (c Central) Prove(p Pairing, now time.Time) (Proving, error) {
	waiting, secret, err := c.waiting()
	switch {
	case err != nil:
		return Proving{}, err
	case waiting.Central != p.Central:
		return Proving{}, reason.New(reason.NotPaired, "the pairing code here is that of another central server, %s", Short(waiting.Central))
	case !now.Before(waiting.Expires):
		return Proving{}, reason.New(reason.PairingExpired, "the pairing code here could be used until %s", waiting.Expires.Format(time.RFC3339))
	}
	// A command that did not come to its end may have left a code of whom nobody
	// trusts.
	switch trusted, err := c.Identity(); {
	case err != nil:
		return Proving{}, err
	case trusted != p.Central:
		return Proving{}, reason.New(reason.NotPaired, "the central server of the pairing code here is not trusted: run vcvrs pair again")
	}
	return Proving{p.Central, p.Proof(secret), secret}, nil
}

// waiting reads the secret of a code that waits, or gives reason.NotPaired.
func (c Central) waiting() (waiting pending, secret [SecretSize]byte, err error) {
	path := filepath.Join(c.dir, pairingFile)
	body, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return waiting, secret, reason.New(reason.NotPaired, "no pairing code waits here: vcvrs pair has not been run, or its code was used")
	case err != nil:
		return waiting, secret, fmt.Errorf("pairing: %w", err)
	}
	if len(body) <= maxPairing && json.Unmarshal(body, &waiting) == nil {
		if n, err := hex.Decode(secret[:], []byte(waiting.Secret[:min(len(waiting.Secret), 2*SecretSize)])); err == nil && n == SecretSize {
			return waiting, secret, nil
		}
	}
	return waiting, secret, reason.New(reason.NotPaired, "%s is no pairing: remove it, and run vcvrs pair again", path)
}

// Proved forgets the secret of a pairing that the central server has taken the
// proof of. One of a code that came meanwhile stays.
func (c Central) Proved(p Proving) error {
	held, err := c.hold()
	if err != nil {
		return err
	}
	defer held.Close() // this ends the lock
	waiting, secret, err := c.waiting()
	switch {
	case reason.Of(err) == reason.NotPaired:
		return nil // it is gone already, or can be proved by nobody
	case err != nil:
		return err
	case waiting.Central != p.Central || secret != p.secret:
		return nil
	}
	return os.Remove(filepath.Join(c.dir, pairingFile))
}
