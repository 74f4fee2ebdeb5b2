package config

import (
	"strings"
	"testing"
)

// accepts checks what parse makes of each text; "" is that it refuses it.
func accepts(t *testing.T, name string, parse func(string) (string, error), cases map[string]string) {
	t.Helper()
	for text, want := range cases {
		got, err := parse(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s(%q) = %q, %v, want %q", name, text, got, err, want)
		}
	}
}

func TestListenAddress(t *testing.T) {
	accepts(t, "listenAddress", listenAddress, map[string]string{
		"127.0.0.1:4100": "127.0.0.1:4100", "0.0.0.0:0": "0.0.0.0:0", "[::]:65535": "[::]:65535", ":0": ":0", ":65535": ":65535",
		"[fe80::1%eth0]:4100": "[fe80::1%eth0]:4100", "": "", ":": "", ":65536": "", ":-1": "", ":+1": "", ":http": "", "4100": "",
		"127.0.0.1": "", "127.0.0.1:": "", "::1:4100": "", "[::1]": "", "localhost:4100": "", "127.0.0.1:4100 ": "", "127.1:4100": "",
	})
}

func TestDialAddress(t *testing.T) {
	accepts(t, "dialAddress", dialAddress, map[string]string{
		"192.0.2.7:4102": "192.0.2.7:4102", "[2001:DB8::7]:1": "[2001:db8::7]:1", "Sala.Example:65535": "sala.example:65535", "localhost:4102": "localhost:4102",
		"": "", ":4102": "", "sala": "", "sala:": "", "sala:0": "", "sala:65536": "", "sala:4102:1": "", "192.0.2.7:0": "", "0.0.0.0:4102": "", "[::]:4102": "",
		"999.0.2.7:4102": "", "2001:db8::7:4102": "", "https://sala:4102": "", "user@sala:4102": "",
	})
}

func TestHostName(t *testing.T) {
	label := strings.Repeat("a", 63)
	longest := strings.Repeat(label+".", 3) + label[:61]
	accepts(t, "hostName", hostName, map[string]string{
		"a": "a", "cinema": "cinema", "Cinema.Example.ORG": "cinema.example.org", "3com.net": "3com.net", "a--b": "a--b", "1.a1": "1.a1",
		label: label, longest: longest,
		"": "", ".": "", "a.": "", ".a": "", "a..b": "", "-a": "", "a-": "", "a.-b": "", "a_b": "", "a b": "", "a/b": "", "a:1": "", "ñandu": "", "\u212a": "",
		"7": "", "192.0.2.7": "", "a.7": "", label + "a": "", longest + "a": "", "a\x00": "", "a\n": "",
	})
}

func TestRootPath(t *testing.T) {
	accepts(t, "rootPath", rootPath, map[string]string{
		"/": "/", "/srv/films": "/srv/films", "/srv//films/./": "/srv/films", "/srv/..films": "/srv/..films",
		"": "", "srv": "", "./srv": "", "/..": "", "/srv/..": "", "/srv/../etc": "", "../srv": "", "/srv\x00": "",
	})
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		child, parent string
		want          bool
	}{
		{"/a", "/a", true}, {"/a/b", "/a", true}, {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/a", "/", true}, {"/", "/", true}, {"/a", "a", false},
	} {
		if got := within(c.child, c.parent); got != c.want {
			t.Errorf("within(%q, %q) is %v", c.child, c.parent, got)
		}
	}
}
