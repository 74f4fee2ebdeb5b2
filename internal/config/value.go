package config

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

// none is how what may be absent is said to be.
const none = "none"

// None is a socket that there is not to be.
const None = none

// listenAddress reads an address to listen at: an IP literal or nothing for
// every address, and a port. A name would be a question to the network.
func listenAddress(text string) (string, error) {
	const forms = `write HOST:PORT with an IP address or no host (every address) and a port from 0 (any free one) to 65535, such as "127.0.0.1:4100", "[::1]:4100" or ":4100"`
	if digits, ok := strings.CutPrefix(text, ":"); ok {
		if port, ok := portOf(digits); ok {
			return ":" + strconv.Itoa(port), nil
		}
	} else if at, err := netip.ParseAddrPort(text); err == nil {
		return at.String(), nil
	}
	return "", fmt.Errorf("%q is not an address to listen at: %s", text, forms)
}

// meet says whether two addresses to listen at, as listenAddress gives them, cannot
// both be had: port 0 is any free one, and "" is none.
func meet(a, b string) bool {
	at := func(text string) netip.AddrPort {
		if strings.HasPrefix(text, ":") {
			text = "[::]" + text
		}
		parsed, _ := netip.ParseAddrPort(text) // of none, port 0
		return parsed
	}
	x, y := at(a), at(b)
	// "::" takes IPv4 in, too (ipv6(7), IPV6_V6ONLY).
	among := func(one, all netip.Addr) bool {
		return one == all || all == netip.IPv6Unspecified() || all == netip.IPv4Unspecified() && one.Is4()
	}
	p, q := x.Addr().Unmap(), y.Addr().Unmap()
	return x.Port() != 0 && x.Port() == y.Port() && (among(p, q) || among(q, p))
}

// dialAddress reads the address of a reception: a host name or IP literal, and
// a port.
func dialAddress(text string) (string, error) {
	const forms = `write HOST:PORT with a port from 1 to 65535, such as "cinema.example.org:4102", "192.0.2.7:4102" or "[2001:db8::7]:4102"`
	if at, ok := hostPort(text); ok {
		return at, nil
	}
	return "", fmt.Errorf("%q is not the address of a reception: %s", text, forms)
}

// hostPort reads a host name or IP literal, and a port from 1 to 65535.
func hostPort(text string) (string, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil && at.Port() != 0 && !at.Addr().IsUnspecified() {
		return at.String(), true
	}
	host, digits, _ := strings.Cut(text, ":")
	port, ok := portOf(digits)
	if host, err := hostName(host); err == nil && ok && port != 0 {
		return host + ":" + strconv.Itoa(port), true
	}
	return "", false
}

// portOf reads a port, 0 to 65535, in digits alone.
func portOf(digits string) (int, bool) {
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), err == nil
}

// hostName reads a host name of RFC 1123, section 2.1, and gives it in lower
// case: at most 253 letters, digits, hyphens and dots, labels of 1 to 63 that
// neither begin nor end with a hyphen, the last not of digits alone (it would
// read as an IP address).
func hostName(text string) (string, error) {
	const forms = `write a host name of letters, digits, hyphens and dots, such as "cinema.example.org"; an IP address belongs in address`
	labels := strings.Split(text, ".")
	ok := len(text) <= 253 && strings.Trim(labels[len(labels)-1], "0123456789") != ""
	for _, label := range labels {
		// The letters are looked at before their case is changed: there are
		// others whose lower case is one of these.
		ok = ok && 1 <= len(label) && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-' &&
			!strings.Contains(label, "_") && strings.Trim(label, bare) == ""
	}
	if !ok {
		return "", fmt.Errorf("%q is not a host name: %s", text, forms)
	}
	return strings.ToLower(text), nil
}

// filePath reads the path of a file or directory, absolute or not.
func filePath(text string) (string, error) {
	if text == "" || strings.Contains(text, "\x00") {
		return "", fmt.Errorf("%q is not a path: write where it lies, such as \"/srv/club\"", text)
	}
	return path.Clean(text), nil
}

// publicAddress reads the address by which others reach this machine.
func publicAddress(text string) (string, error) {
	if at, ok := hostPort(text); ok || text == "" {
		return at, nil
	}
	return "", fmt.Errorf("%q is not an address: write HOST:PORT with a port from 1 to 65535, such as \"films.example.org:4100\"", text)
}

// maxSocket is how long the path of a socket may be, in bytes (unix(7)).
const maxSocket = 107

// socketPath reads the path of a socket, "none" or nothing.
func socketPath(text string) (string, error) {
	clean, err := pathOrNothing(text)
	if err == nil && text != "" && text != none && (!path.IsAbs(clean) || len(clean) > maxSocket) {
		return "", fmt.Errorf("%q is not the path of a socket: write an absolute one of at most %d bytes, such as \"/run/vccs/admin.sock\", or \"none\"", text, maxSocket)
	}
	return clean, err
}

// groupName reads the name of a group of this machine.
func groupName(text string) (string, error) {
	if len(text) > 32 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == ':' || r >= 0x7f }) {
		return "", fmt.Errorf("%.40q is not the name of a group", text)
	}
	return text, nil
}

func pathOrNothing(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return filePath(text)
}

// rootPath reads a directory that titles may lie under.
func rootPath(text string) (string, error) {
	clean, err := filePath(text)
	if err != nil {
		return "", err
	}
	// What .. leads to depends on links on the way, so it is not resolved here.
	if !path.IsAbs(clean) || strings.Contains("/"+text+"/", "/../") {
		return "", fmt.Errorf("%q may mean different directories: write an absolute path without \"..\", such as \"/srv/films\"", text)
	}
	return clean, nil
}

// within says whether the path child is parent or lies in it, both clean.
func within(child, parent string) bool {
	return child == parent || strings.HasPrefix(child, strings.TrimSuffix(parent, "/")+"/")
}

func language(text string) (string, error) {
	if text != spanish && text != english {
		return "", fmt.Errorf("%q is not a language that is spoken here: write \"es\" or \"en\"", text)
	}
	return text, nil
}

// quota reads a size above nothing: "0" would leave it open whether nothing or
// anything may be stored.
func quota(text string) (rate.Size, error) {
	size, err := rate.ParseSize(text)
	if err == nil && size == 0 {
		err = fmt.Errorf("a quota of nothing stores nothing: write a size such as \"2 TB\", or \"none\"")
	}
	return size, err
}

// unlessNone takes "none" for zero, and anything else as parse does.
func unlessNone[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (T, error) {
		if text == none {
			var zero T
			return zero, nil
		}
		value, err := parse(text)
		if err != nil {
			err = fmt.Errorf("%w; or \"none\"", err)
		}
		return value, err
	}
}

// span reads a duration from least to most.
func span(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := moment.ParseDuration(text)
		if err == nil && (d < least || d > most) {
			err = fmt.Errorf("%q is out of range: write a duration from %s to %s", text, moment.FormatDuration(least), moment.FormatDuration(most))
		}
		return d, err
	}
}

// sizeWithin accepts sizes from least to most.
func sizeWithin(least, most rate.Size) func(string) (rate.Size, error) {
	return func(text string) (rate.Size, error) {
		n, err := rate.ParseSize(text)
		if err == nil && (n < least || n > most) {
			err = fmt.Errorf("%q is out of range: write a size from %q to %q", text, binary(least), binary(most))
		}
		return n, err
	}
}

// binary writes a bound as it is thought of.
func binary(n rate.Size) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return n.String()
}
