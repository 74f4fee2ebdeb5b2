package command

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"videoclub/internal/api"
)

// Server reads the address of a server, HOST or HOST:PORT, as HOST:PORT, and
// unix:PATH as it is. A port that is not given is usual; ok is whether it may be
// an address at all.
func Server(text, usual string) (address string, ok bool) {
	if path, local := strings.CutPrefix(text, api.Unix); local {
		return text, path != ""
	}
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return net.JoinHostPort(ip.String(), usual), ip.Zone() == ""
	}
	if !strings.Contains(text, ":") {
		text += ":" + usual
	}
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return text, err == nil && bad == nil && n > 0 && host != "" && !strings.ContainsAny(host, "/?#@%\\ ")
}
