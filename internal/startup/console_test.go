package startup

import (
	"net"
	"os"
	"testing"

	"videoclub/internal/identity"
)

// at is a listener that listens nowhere.
type at struct {
	net.Listener
	address string
}

func (l at) Addr() net.Addr { return l }
func (at) Network() string  { return "tcp" }
func (l at) String() string { return l.address }

// What a browser is told is an address that it can go to.
func TestConsoleURL(t *testing.T) {
	here, err := os.Hostname()
	if err != nil || here == "" {
		here = "localhost"
	}
	named := Shown{Browser: identity.Browser{Name: "films.example.org"}}
	for _, c := range []struct {
		console Console
		want    string
	}{
		{Console{}, "none"},
		{Console{Listener: at{address: "127.0.0.1:8400"}}, "http://127.0.0.1:8400/"},
		{Console{Listener: at{address: "[::1]:8400"}}, "http://[::1]:8400/"},
		{Console{Listener: at{address: "192.0.2.7:8443"}, Shown: named, Secure: true}, "https://192.0.2.7:8443/"},
		{Console{Listener: at{address: "[::]:8443"}, Shown: named, Secure: true}, "https://films.example.org:8443/"},
		{Console{Listener: at{address: "0.0.0.0:8443"}, Shown: named, Secure: true}, "https://films.example.org:8443/"},
		{Console{Listener: at{address: "[::]:8443"}, Secure: true}, "https://" + here + ":8443/"},
	} {
		if got := c.console.URL(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if got := (Console{Listener: at{address: "[::]:8443"}, Shown: named, Secure: true}).Origin(); got != "https://films.example.org:8443" {
		t.Error(got)
	}
}
