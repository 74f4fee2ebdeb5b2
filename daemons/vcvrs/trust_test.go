package main

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// With --open the first that delivers is the only one, and not who looks before.
func TestFirstDelivers(t *testing.T) {
	trust := identity.OpenCentral(t.TempDir())
	meet := settings{positional: true, open: true}.meet(trust, slog.New(slog.NewTextHandler(io.Discard, nil)))
	first, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	from := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}
	for _, step := range []struct {
		id       string
		delivers bool
		refused  reason.Code
		trusted  string
	}{
		{other, false, "", ""}, {first, true, "", first}, {other, false, reason.NotPaired, first}, {other, true, reason.NotPaired, first}, {first, true, "", first},
	} {
		err := meet(step.id, from, step.delivers)
		if known, _ := trust.Identity(); reason.Of(err) != step.refused || known != step.trusted {
			t.Errorf("%.4s, delivering %v: %v, and trusted is %.4q", step.id, step.delivers, err, known)
		}
	}
}
