package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"videoclub/internal/reason"
)

// maxAccount is how long the name of an account may be, in bytes.
const maxAccount = 64

// CheckAccount refuses a name that an account cannot have: letters a to z,
// digits, and inside also ".", "_" and "-", so that it needs no quotes anywhere.
func CheckAccount(name string) error {
	const inner = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	if name == "" || len(name) > maxAccount || strings.Trim(name, inner) != "" || strings.ContainsAny(name[:1]+name[len(name)-1:], "._-") {
		return reason.New(reason.Usage, "%.80q cannot be the name of an account: it has 1 to %d of a-z, 0-9, and inside . _ -", name, maxAccount)
	}
	return nil
}

// Token is what a person shows to be known: the name of the account and a
// secret of 160 random bits.
type Token struct{ Account, secret string }

// tokenSize is the size of a token's secret, in bytes.
const tokenSize = 20

// NewToken makes a token for an account.
func NewToken(account string) Token {
	secret := make([]byte, tokenSize)
	rand.Read(secret) // never fails: crypto/rand
	return Token{account, lowerBase32.EncodeToString(secret)}
}

// String writes the token as it is shown: NAME.SECRET.
func (t Token) String() string { return t.Account + "." + t.secret }

// ParseToken reads a token; ok is whether it may be one. Of what is none it gives
// nothing: it may be nearly right, and then the text before its last dot has the
// secret, as where the full stop of a sentence was copied too.
func ParseToken(text string) (t Token, ok bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || len(text) > maxAccount+64 {
		return Token{}, false
	}
	t = Token{text[:i], text[i+1:]}
	secret, err := lowerBase32.DecodeString(t.secret)
	if err != nil || len(secret) != tokenSize || lowerBase32.EncodeToString(secret) != t.secret || CheckAccount(t.Account) != nil {
		return Token{}, false
	}
	return t, true
}

// Whose is the name of the account as it may be logged before the token is known to
// be good, "" where there is room for a secret in it: a token that was pasted twice
// reads as one of "NAME.SECRETNAME".
func (t Token) Whose() string {
	if len(t.Account) >= lowerBase32.EncodedLen(tokenSize) {
		return ""
	}
	return t.Account
}

// Hash is what a server keeps of the token. The secret is random, so that a
// plain SHA-256 is not to be undone by guessing.
func (t Token) Hash() []byte {
	sum := sha256.Sum256([]byte("videoclub token 1\n" + t.String()))
	return sum[:]
}

// Matches says, in a time that does not depend on it, whether hash is the
// token's.
func (t Token) Matches(hash []byte) bool { return subtle.ConstantTimeCompare(t.Hash(), hash) == 1 }

// Link is a login link: where a server is, who it is, and the token to show it.
type Link struct {
	Server   string // HOST:PORT of the users
	Identity string
	Token    Token
}

// linkBegin is what a login link begins with.
const linkBegin = "vc://"

// String writes the link: vc://HOST:PORT/IDENTITY/TOKEN, which needs no quotes
// in a shell. It holds a secret.
func (l Link) String() string {
	return linkBegin + l.Server + "/" + l.Identity + "/" + l.Token.String()
}

// ParseLink reads a login link. One that is not whole is reason.LoginInvalid.
func ParseLink(text string) (Link, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), linkBegin)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		// Nothing of the text is repeated: it may be nearly right.
		return Link{}, reason.New(reason.LoginInvalid, "it is not vc://HOST:PORT/IDENTITY/TOKEN; copy all of it")
	}
	l := Link{Server: parts[0], Identity: parts[1]}
	l.Token, ok = ParseToken(parts[2])
	if !ok || !ValidID(l.Identity) || !isServer(l.Server) {
		return Link{}, reason.New(reason.LoginInvalid, "something in it is missing or mistyped; copy all of it")
	}
	return l, nil
}

// isServer says whether text is a HOST:PORT that can be dialled.
func isServer(text string) bool {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Port() != 0
	}
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && host != "" && !strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/?#@%\\:", r) })
}
