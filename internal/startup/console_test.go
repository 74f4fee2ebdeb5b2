package startup

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/config"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/service"
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

// certified writes a certificate until an instant and its key, for a console that
// other machines reach.
func certified(t *testing.T, until time.Time) config.Console {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Console{Address: ":0", Certificate: filepath.Join(t.TempDir(), "crt"), Key: filepath.Join(t.TempDir(), "key")}
	for path, block := range map[string]*pem.Block{c.Certificate: {Type: "CERTIFICATE", Bytes: der}, c.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A certificate that has expired costs the console, and what else is wrong with one
// the start; --check says both.
func TestConsoleCertificate(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	good, expired := certified(t, time.Now().AddDate(0, 0, 1)), certified(t, time.Now().AddDate(0, 0, -1))
	mixed, bare, local := good, config.Console{Address: ":0"}, config.Console{Address: "127.0.0.1:0", Metrics: "/none"}
	mixed.Key = expired.Key
	unread := bare
	unread.Metrics = filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		config.Console
		listens      bool
		start, check reason.Code
		says         string // in the log
		unseen       string // when it is checked
	}{
		"good":            {good, true, "", "", "", ""},
		"local":           {local, true, "", "", "", ""},
		"expired":         {expired, false, "", reason.KeysInvalid, "expired on", ""},
		"another key":     {mixed, false, reason.KeysInvalid, reason.KeysInvalid, "", ""},
		"not in the file": {bare, false, reason.ConfigInvalid, "", "", "console_certificate"},
		"its token":       {unread, false, reason.ConfigInvalid, reason.ConfigInvalid, "", "console_certificate"},
	} {
		var said bytes.Buffer
		l, err := ListenConsole(&service.Sockets{}, c.Console, "", "vccs-console.socket", slog.New(slog.NewTextHandler(&said, nil)))
		if (l.Listener != nil) != c.listens || reason.Of(err) != c.start || (said.Len() > 0) != (c.says != "") || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: %s, %v, says %q", name, l.URL(), err, said.String())
		}
		if l.Listener != nil {
			l.Close()
		}
		var out bytes.Buffer
		if err := CheckShown(&out, c.Console); reason.Of(err) != c.check || (out.Len() > 0) != (c.unseen != "") || !strings.Contains(out.String(), c.unseen) {
			t.Errorf("%s: it is checked with %v, and says %q", name, err, out.String())
		}
	}
}

// Files of secrets are root's alone: that who checks may not read one is no mistake of
// the configuration.
func TestUnreadable(t *testing.T) {
	_, missing := ReadSecret("console_token", "none", filepath.Join(t.TempDir(), "none"))
	hidden := reason.Wrap(reason.ConfigInvalid, &fs.PathError{Op: "open", Path: "/etc/vc/token", Err: syscall.EACCES}, "console_token")
	for err, unseen := range map[error]bool{missing: false, hidden: true} {
		var out bytes.Buffer
		if got := Unreadable(&out, err); (got == nil) != unseen || strings.Contains(out.String(), "/etc/vc/token") != unseen {
			t.Errorf("%v is %v, says %q", err, got, out.String())
		}
	}
	if err := Unreadable(io.Discard, nil); err != nil {
		t.Errorf("none is %v", err)
	}
}
