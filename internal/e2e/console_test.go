package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// get gives the status and the text at a URL, asked for by a name.
func get(t *testing.T, client *http.Client, url, host string) (int, string) {
	t.Helper()
	ask, err := http.NewRequestWithContext(quick(t), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		ask.Host = host
	}
	answer, err := client.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// Both servers show pages to this machine, by its own names alone: a page of
// another site that has its name lead here is not let in.
func TestConsoles(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo", r, ""})
	for _, d := range []*daemon{r.daemon, c.daemon} {
		url := consoleOf(t, d)
		if !strings.HasPrefix(url, "http://127.0.0.1:") {
			t.Fatalf("the console is at %q", url)
		}
		_, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"), ":")
		for host, want := range map[string]int{"": 200, "localhost:" + port: 200, "evil.example.org": 421, "evil.example.org:" + port: 421} {
			if status, text := get(t, http.DefaultClient, url, host); status != want || want == 200 && !strings.Contains(text, "<html") {
				t.Errorf("%s by the name %q: %d %q, want %d", url, host, status, text, want)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
	c.stop()
	r.stop()
}

// consoleOf is where a daemon has its console.
func consoleOf(t *testing.T, d *daemon) string {
	t.Helper()
	return field(d.log.await(t, 0, saying("ready ", "console=")), "console")
}

// certify makes a P-256 certificate for names and its key.
func certify(t *testing.T, dir string) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "console"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "console.crt"), filepath.Join(dir, "console.key")
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, certificate, text)
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return certificate, key, pool
}

// Off the loopback a console is there with a certificate alone, whose key stays in
// the supervisor, and with a token, and speaks nothing but TLS 1.3.
func TestConsoleForOthers(t *testing.T) {
	t.Parallel()
	certificate, key, pool := certify(t, t.TempDir())
	settings := "console = \":0\"\nconsole_certificate = \"" + certificate + "\"\nconsole_key = \"" + key + "\"\n"
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, "a token of this test\n")
	if err := os.Chmod(token, 0o600); err != nil {
		t.Fatal(err)
	}
	r := startReception(t, settings+"console_token = \""+token+"\"\n")
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(consoleOf(t, r.daemon), "https://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport, Jar: jar}
	at := "https://127.0.0.1:" + port
	if status, text := get(t, client, at, ""); status != 401 || !strings.Contains(text, "/login") {
		t.Errorf("without the token: %d %q", status, text)
	}
	for _, c := range []struct {
		token  string
		status int
	}{{"another token, of nobody", 401}, {"a token of this test", 200}} {
		answer, err := client.PostForm(at+"/login", url.Values{"token": {c.token}})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("with %q: %d", c.token, answer.StatusCode)
		}
	}
	transport.CloseIdleConnections() // the cookie lets another connection in
	if status, text := get(t, client, at, ""); status != 200 || !strings.Contains(text, "/logout") {
		t.Errorf("with the cookie: %d %q", status, text)
	}
	if conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
		conn.Close()
		t.Error("TLS 1.2 is spoken")
	}
	r.stop()

	for settings, why := range map[string]string{
		"console = \":0\"\n": "whose browsers need a certificate: give console_certificate and console_key",
		settings:             "whose browsers need to show a token: give console_token",
	} {
		r.configure(settings)
		said, err := exec.CommandContext(t.Context(), "vcvrs", r.args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != reason.ExitUsage || !strings.Contains(string(said), why) {
			t.Errorf("with %s: %v\n%s", settings, err, said)
		}
	}
}
