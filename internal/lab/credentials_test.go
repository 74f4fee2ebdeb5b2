//go:build root

package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// certificate makes what an operator gives for the browsers of other machines, in
// PEM: a certificate of a name, and its key, of P-256.
func certificate(t *testing.T, name string) (made *x509.Certificate, public, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	form := x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &form, &form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if made, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// dial connects to an address of the network from the host.
func (h *host) dial(address string) (c net.Conn, err error) {
	err = h.room.do(func() error {
		c, err = net.DialTimeout("tcp", address, 10*time.Second)
		return err
	})
	return c, err
}

// shows fails unless a browser on another host, which trusts that certificate alone,
// gets a page of the console by TLS, and sees that very certificate.
func (h *host) shows(certificate *x509.Certificate, from *host, port string) {
	h.t.Helper()
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	browser := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: trusted},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return from.dial(net.JoinHostPort(h.Address, port))
		},
	}}
	reply, err := browser.Get("https://" + net.JoinHostPort(h.Name, port) + "/")
	if err != nil {
		h.t.Fatalf("%v\n%s", err, h.sh("systemctl status 'vc*.service' || true"))
	}
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	if err != nil || !strings.Contains(string(page), "<html") {
		h.t.Errorf("%s: %s, %v: %s", h.Name, reply.Status, err, page)
	}
	if !reply.TLS.PeerCertificates[0].Equal(certificate) {
		h.t.Errorf("%s shows %v", h.Name, reply.TLS.PeerCertificates[0].Subject)
	}
}

// documented gives the drop-in that a man page has for secrets.
func documented(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/man/" + page)
	if err != nil {
		t.Fatal(err)
	}
	dropin := regexp.MustCompile(`(?m)^\[Service\]\n(LoadCredential=.*\n)+`).FindString(string(text))
	if dropin == "" {
		t.Fatalf("%s has no drop-in with LoadCredential=", page)
	}
	return dropin
}

// Secrets are handed over as credentials: the certificate and the key of a console
// that is open to other machines, from files whose key is root's alone, by the
// drop-in of the manual and by what the generator makes of the configuration.
func testCredentials(t *testing.T, s *site) {
	s.central.sh("vcadmin --server unix:/run/vccs/admin.sock account add jefe --mail jefe@elo.utfsm.cl --admin")
	for _, at := range []struct {
		*host
		daemon string
		from   *host
	}{{s.central, "vccs", s.mateo}, {s.mateo, "vcvrs", s.correo}} {
		// give has new files at the place of console.pem and console.key.
		give := func() *x509.Certificate {
			made, public, private := certificate(t, at.Name)
			for file, text := range map[string]string{"console.pem": public, "console.key": private, "console.token": rand.Text() + "\n"} {
				mode := os.FileMode(0o600)
				if file == "console.pem" {
					mode = 0o644
				}
				if err := at.Write("/etc/vc/"+file, text, mode); err != nil {
					t.Fatal(err)
				}
			}
			at.contains("stat -c '%a %U %G' /etc/vc/console.key", "600 root root")
			at.sh("runuser -u " + at.daemon + " -- cat /etc/vc/console.pem; ! runuser -u " + at.daemon + " -- cat /etc/vc/console.key")
			return made
		}
		toml, dropin := "/etc/vc/"+at.daemon+".toml", "/etc/systemd/system/"+at.daemon+".service.d/override.conf"
		reload := "systemctl daemon-reload; systemctl restart '" + at.daemon + "*.socket'; "

		// The drop-in of the manual, and nothing of it in the configuration.
		made := give()
		if err := at.Write(dropin, documented(t, at.daemon+".8"), 0o644); err != nil {
			t.Fatal(err)
		}
		at.sh("cp " + toml + " /root/closed.toml; sed -i '1i console = \":8443\"' " + toml + "; " + reload)
		at.shows(made, at.from, "8443")
		// What it was handed is nobody else's.
		at.sh("! runuser -u nobody -- cat /run/credentials/" + at.daemon + ".service/console-key")

		// What was renewed.
		made = give()
		at.sh("systemctl daemon-reload && systemctl restart " + at.daemon)
		at.shows(made, at.from, "8443")

		// By the configuration.
		made = give()
		settings := `console_certificate = "/etc/vc/console.pem"\nconsole_key = "/etc/vc/console.key"`
		if at.daemon == "vcvrs" {
			settings += `\nconsole_token = "/etc/vc/console.token"`
		}
		at.sh("rm " + dropin + "; sed -i '1i " + settings + "' " + toml + "; systemctl daemon-reload && systemctl restart " + at.daemon)
		at.contains("systemctl cat "+at.daemon+".service", "LoadCredential=console-key:/etc/vc/console.key")
		at.shows(made, at.from, "8443")

		at.sh("mv /root/closed.toml " + toml + "; rm /etc/vc/console.*; " + reload)
	}
	s.central.sh("vcadmin --server unix:/run/vccs/admin.sock account remove jefe; vcuser list")
}
