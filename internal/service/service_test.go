package service

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAgrees(t *testing.T) {
	at := func(text string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		want, have string
		agrees     bool
	}{
		{"127.0.0.1:4100", "127.0.0.1:4100", true},
		{"127.0.0.1:4100", "127.0.0.1:4101", false},
		{"127.0.0.1:4100", "[::]:4100", false},
		{"127.0.0.1:0", "127.0.0.1:4100", true},
		{":4100", "[::]:4100", true},
		{":4100", "0.0.0.0:4100", true},
		{":4100", "127.0.0.1:4100", false},
		{"[::1]:4100", "[::1]:4100", true},
		{"[::1]:4100", "127.0.0.1:4100", false},
		{"cinema:4100", "127.0.0.1:4100", false},
		{"4100", "127.0.0.1:4100", false},
	} {
		if got := Agrees(c.want, at(c.have)); got != c.agrees {
			t.Errorf("%s and %s: %v", c.want, c.have, got)
		}
	}
	if Agrees(":1", &net.UnixAddr{Name: "/run/x", Net: "unix"}) {
		t.Error("a Unix socket is no TCP port")
	}
}

// file gives a listening socket as systemd hands it over.
func file(t *testing.T) *os.File {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSockets(t *testing.T) {
	s := &Sockets{byName: map[string][]*os.File{Users: {file(t)}, Console: {file(t), file(t)}, "odd": {file(t)}}}
	l, err := s.Listener(Users)
	if err != nil || l == nil {
		t.Fatalf("users: %v, %v", l, err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if l, err := s.Listener(Users); l != nil || err != nil {
		t.Errorf("taken twice: %v, %v", l, err)
	}
	if _, err := s.Listener(Console); err == nil || !strings.Contains(err.Error(), "2 sockets named console") {
		t.Errorf("two of one name: %v", err)
	}
	if rest := s.Rest(); !slices.Equal(rest, []string{"odd"}) {
		t.Errorf("left are %v", rest)
	}
}

// told makes a Manager whose words are kept.
func told() (*Manager, *[]string) {
	var all []string
	return &Manager{send: func(s string) { all = append(all, s) }, clock: func() time.Duration { return 1500 * time.Microsecond }}, &all
}

func TestManager(t *testing.T) {
	m, all := told()
	m.Ready()
	m.Alive("nothing to deliver")
	m.Alive("nothing to deliver")
	m.Alive("1 sending\n" + strings.Repeat("ñ", maxStatus))
	m.Reload(func() { m.Status("reading") })
	want := []string{
		"READY=1", "WATCHDOG=1", "STATUS=nothing to deliver", "WATCHDOG=1", "WATCHDOG=1",
		"STATUS=1 sending; " + strings.Repeat("ñ", (maxStatus-11)/2), "RELOADING=1\nMONOTONIC_USEC=1500", "STATUS=reading", "READY=1",
	}
	if !slices.Equal(*all, want) {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(*all, "\n"), strings.Join(want, "\n"))
	}
}

// A stop that takes long asks for more time, though not for ever.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		takes time.Duration
		asks  int
	}{{0, 0}, {4 * time.Second, 0}, {11 * time.Second, 2}, {10 * time.Minute, 24}} {
		synctest.Test(t, func(t *testing.T) {
			m, all := told()
			m.Drain(func() { time.Sleep(c.takes) }) // on the clock of the test
			if got := len(*all) - 1; got != c.asks || !strings.HasPrefix((*all)[0], "STOPPING=1\n") {
				t.Errorf("%v: %d times: %q", c.takes, got, *all)
			}
		})
	}
}

// What is said reaches the socket that the environment names.
func TestNotifySocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	NewManager().Ready()
	heard := make([]byte, 100)
	n, err := l.Read(heard)
	if err != nil || string(heard[:n]) != "READY=1" {
		t.Errorf("%q, %v", heard[:n], err)
	}
	t.Setenv("NOTIFY_SOCKET", "")
	NewManager().Ready() // nobody is there, which is no harm
	if monotonic() <= 0 {
		t.Error("the monotonic clock stands")
	}
}
