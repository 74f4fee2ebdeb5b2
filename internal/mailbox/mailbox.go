// Package mailbox is the form of a mail address as it is asked for and
// configured: one addr-spec of ASCII, without names, comments or quotes.
package mailbox

import (
	"strings"

	"videoclub/internal/reason"
)

// Bounds in bytes (RFC 5321, sections 4.5.3.1.1 to 4.5.3.1.3).
const (
	// MaxSize is how long an address may be: a path less its angle brackets.
	MaxSize   = 254
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// atext are the characters of RFC 5322, section 3.2.3, besides letters and
// digits. What else may stand in a quoted local part nobody has, and every
// program on the way would have to quote it right.
const atext = "!#$%&'*+-/=?^_`{|}~"

// Check says whether address can be written to: LOCAL@DOMAIN, the local part a
// dot-atom and the domain a host name. Its error has reason.Usage.
func Check(address string) error {
	local, domain, found := strings.Cut(address, "@")
	switch {
	case !found || strings.Contains(domain, "@"):
		return wrong(address, "it has not exactly one @")
	case len(address) > MaxSize || len(local) > maxLocal || len(domain) > maxDomain:
		return wrong(address, "it is too long")
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, notAtext) {
			return wrong(address, "what stands before the @ is no name: letters, digits, "+atext+" and single dots within")
		}
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notLabel) {
			return wrong(address, "what stands behind the @ is no host name; one with other letters has a form that begins with xn--")
		}
	}
	return nil
}

// Domain is what stands behind the @ of an address that Check accepts.
func Domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func wrong(address, why string) error {
	return reason.New(reason.Usage, "%.80q is not a mail address such as ana@example.org: %s", address, why)
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func notAtext(r rune) bool { return !alphanumeric(r) && (r > '~' || !strings.ContainsRune(atext, r)) }

func notLabel(r rune) bool { return !alphanumeric(r) && r != '-' }
