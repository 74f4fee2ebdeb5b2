package startup

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"videoclub/internal/reason"
	"videoclub/internal/service"
)

// That another program has the port, or another machine the address, is no fault of
// this program.
func TestListenWhereAnotherDoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(&service.Sockets{}, Place{Setting: "users", Address: l.Addr().String()}, slog.New(slog.DiscardHandler))
	if code := reason.Of(err); code != reason.AddressUnusable || code.Exit() != reason.ExitFailed || !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "users") {
		t.Errorf("%v, %s", err, reason.Of(err))
	}
	// One of the documentation, which no machine has (RFC 5737).
	_, err = Listen(&service.Sockets{}, Place{Setting: "users", Address: "192.0.2.1:0", Open: true}, slog.New(slog.DiscardHandler))
	if reason.Of(err) != reason.AddressUnusable {
		t.Errorf("%v", err)
	}
}

// Every IPv4 address is none of IPv6, as it is for systemd and for who compares the
// settings: another may listen there.
func TestListenAtEveryIPv4Address(t *testing.T) {
	l, err := Listen(&service.Sockets{}, Place{Setting: "users", Address: "0.0.0.0:0", Open: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if at := l.Addr().(*net.TCPAddr); at.IP.To4() == nil {
		t.Errorf("it listens at %v", at)
	}
}
