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
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// get gives the status and the text at a URL, asked for by a name.
func get(t *testing.T, client *http.Client, url, host string) (int, string) {
	t.Helper()
	return getAs(t, client, url, host, "")
}

// getAs is get with a token.
func getAs(t *testing.T, client *http.Client, url, host, token string) (int, string) {
	t.Helper()
	ask, err := http.NewRequestWithContext(quick(t), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		ask.Host = host
	}
	if token != "" {
		ask.Header.Set("Authorization", "Bearer "+token)
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

// series reads Prometheus's text: each line is a comment that says what is to
// come, or a number.
func series(t *testing.T, text string) map[string]float64 {
	t.Helper()
	comment := regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) (.+)$`)
	line := regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"\\\n]*"\})? (-?[0-9.]+)$`)
	all, kinds := make(map[string]float64), make(map[string]string)
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if m := comment.FindStringSubmatch(l); m != nil {
			if kinds[m[2]] == "" && m[1] == "TYPE" || m[1] == "HELP" && kinds[m[2]] != "" {
				t.Errorf("%q out of its turn", l)
			}
			kinds[m[2]] = m[3]
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("no line of the format: %q", l)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if _, twice := all[m[1]+m[2]]; twice || err != nil || kinds[m[1]] != "gauge" && kinds[m[1]] != "counter" {
			t.Errorf("%q: twice %v, %v, of kind %q", l, twice, err, kinds[m[1]])
		}
		all[m[1]+m[2]] = value
	}
	return all
}

// What is counted of a delivery is what it was, on both servers.
func TestMetrics(t *testing.T) {
	t.Parallel()
	r := startReception(t, "quota = \"1 GB\"\n")
	c := startCentral(t, "", link{"mateo", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(8, 5<<20))
	n := c.add("Feature", source.path, 1)
	r.proven(c.deposited(c.ask(n, "mateo").ID), source)
	for _, d := range []struct {
		of   *daemon
		want map[string]float64
		some []string
	}{
		{c.daemon, map[string]float64{
			`deliveries{state="deposited"}`: 1, `deliveries{state="promised"}`: 0, "sent_bytes_total": 5 << 20, "acknowledged_bytes_total": 5 << 20, "queue_bytes": 0,
			"deliveries_late": 0, "deliveries_at_risk": 0, `reception_deliveries{reception="mateo"}`: 0, `mails{state="pending"}`: 0, `build_info{program="vccs"}`: 1,
		}, []string{`workers{kind="session"}`, `connections{of="users"}`, `connections{of="browsers"}`, `reception_free_bytes{reception="mateo"}`}},
		{r.daemon, map[string]float64{
			`deliveries{state="deposited"}`: 1, `deliveries{state="receiving"}`: 0, "durable_bytes_total": 5 << 20, "deposited_bytes": 5 << 20, "quota_bytes": 1e9, "reserved_bytes": 0,
			`build_info{program="vcvrs"}`: 1, `workers{kind="store"}`: 0,
		}, []string{"free_bytes", "filesystem_size_bytes", `workers{kind="session"}`, `connections{of="browsers"}`}},
	} {
		url := consoleOf(t, d.of)
		if status, text := get(t, http.DefaultClient, url+"healthz", ""); status != 200 || !strings.HasPrefix(text, "ok: ") {
			t.Errorf("%s: %d %q", url, status, text)
		}
		status, text := get(t, http.DefaultClient, url+"metrics", "")
		if status != 200 {
			t.Fatalf("%s: %d %s", url, status, text)
		}
		got := series(t, text)
		for name, want := range d.want {
			if value, there := got["videoclub_"+name]; !there || value != want {
				t.Errorf("%s: %s is %v (%v), want %v", d.of.name, name, value, there, want)
			}
		}
		for _, name := range d.some {
			if got["videoclub_"+name] <= 0 {
				t.Errorf("%s: %s is %v", d.of.name, name, got["videoclub_"+name])
			}
		}
	}
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
	scrape := filepath.Join(t.TempDir(), "metrics.token")
	write(t, scrape, "the-token-of-metrics\n")
	settings := "console = \":0\"\nconsole_certificate = \"" + certificate + "\"\nconsole_key = \"" + key + "\"\nmetrics_token = \"" + scrape + "\"\n"
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
	for _, c := range []struct {
		path, token string
		status      int
		says        string
	}{
		{"healthz", "", 200, "ok\n"},
		{"metrics", "", 401, "need the token of metrics_token"}, {"metrics", "a-guess-of-the-token", 401, "not the token of metrics_token"},
		{"metrics", "the-token-of-metrics", 200, "videoclub_deliveries{state=\"deposited\"} 0\n"},
	} {
		if status, text := getAs(t, &http.Client{Transport: transport}, "https://127.0.0.1:"+port+"/"+c.path, "", c.token); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s with the token %q: %d %q, want %d %q", c.path, c.token, status, text, c.status, c.says)
		}
	}
	// One that is to be elsewhere from the next start on stays as it is until then.
	for _, elsewhere := range []string{"console = \"127.0.0.1:0\"\n", "console = \"none\"\n"} {
		r.configure(elsewhere)
		if said := r.reload(); strings.Contains(said, "not reloaded") {
			t.Fatal(said)
		}
		transport.CloseIdleConnections()
		if status, text := get(t, &http.Client{Transport: transport}, at, ""); status != 401 || !strings.Contains(text, "/login") {
			t.Errorf("reloaded with %s: %d %q", elsewhere, status, text)
		}
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

// The central server's console too speaks TLS for as long as it is open to others,
// wherever it is to be from the next start on.
func TestConsoleStaysUntilTheNextStart(t *testing.T) {
	t.Parallel()
	certificate, key, pool := certify(t, t.TempDir())
	c := startCentral(t, "")
	if _, err := c.administrator().AddAccount(quick(t), control.AddAccount{Name: "boss", Mail: "boss@example.org", Admin: true}); err != nil {
		t.Fatal(err)
	}
	c.stop()
	c.configure("console = \":0\"\nconsole_certificate = \"" + certificate + "\"\nconsole_key = \"" + key + "\"\n")
	from := c.log.mark()
	c.start()
	at := field(c.log.await(t, from, saying("ready ", "console=https://")), "console")
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(at, "https://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	for _, settings := range []string{"console = \"127.0.0.1:0\"\n", "console = \"none\"\n"} {
		c.configure(settings)
		if said := c.reload(); strings.Contains(said, "not reloaded") {
			t.Fatal(said)
		}
		if status, text := get(t, &http.Client{Transport: transport}, "https://127.0.0.1:"+port+"/login", ""); status != 200 || !strings.Contains(text, "/login") {
			t.Errorf("reloaded with %s: %d %q", settings, status, text)
		}
		transport.CloseIdleConnections()
	}
}
