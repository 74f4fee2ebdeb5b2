//go:build root

package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/api"
	"videoclub/internal/lab"
	"videoclub/internal/sample"
)

// drivenBy is what a script of testdata/browser is given.
type drivenBy struct {
	Console string `json:"console"`
	Link    string `json:"link"`    // that lets an administrator in once
	Film    string `json:"film"`    // a path
	Make    bool   `json:"make"`    // the film, and nothing else
	Reel    string `json:"reel"`    // another one, which the server can read
	Other   string `json:"other"`   // a new version of that
	Patio   string `json:"patio"`   // the port of a reception that is to be paired
	Screens string `json:"screens"` // a directory for pictures
	Gallery string `json:"gallery"` // the console of the reception
}

// drive runs a script with a real browser, and gives each line that it says to
// heard. VC_SCREENS keeps the pictures that it takes.
func drive(t *testing.T, script string, with drivenBy, heard func(line string)) {
	t.Helper()
	modules, err := lab.Browser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if with.Screens = os.Getenv("VC_SCREENS"); with.Screens == "" {
		with.Screens = t.TempDir()
	}
	text, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "browser", script))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "VC_BROWSER_TEST="+string(text))
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var wrong strings.Builder
	cmd.Stderr = &wrong
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		t.Log(lines.Text())
		heard(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, wrong.String())
	}
}

// lasting is about how many seconds a delivery lasts that is watched.
const lasting = 25

// quietAddress is an address of this machine that nobody is given by chance: its
// port is not among those that the kernel hands out.
func quietAddress(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	var low int
	if _, err := fmt.Sscan(string(text), &low); err != nil || low < 2048 {
		t.Fatalf("the kernel hands out ports from %q on: %v", text, err)
	}
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 1024+rand.IntN(low-1024)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// sumOf is the SHA-256 of a file.
func sumOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// filmOf makes a film of so many seconds that the server can read.
func filmOf(t *testing.T, name string, seconds int) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err == nil {
		err = errors.Join(sample.Write(f, seconds), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// A newcomer, an administrator and two users with real browsers: titles and what
// they look like, a counter-offer, a delivery that is watched to its proof, a
// reception that is paired, a device that is filmed, a new version, accounts, a
// browser without scripts, and a server that is restarted while it is looked at; no
// page has anything serious for axe, complains, loads from elsewhere, or is wider
// than a phone.
func TestCentralInBrowser(t *testing.T) {
	film := filepath.Join(t.TempDir(), "night-train.webm")
	drive(t, "central.js", drivenBy{Film: film, Make: true}, func(string) {})
	info, err := os.Stat(film)
	if err != nil {
		t.Fatal(err)
	}
	sala, patio := startReception(t, ""), startReception(t, "")
	// In a directory with a short name, as a socket's has to be.
	dir, err := os.MkdirTemp("", "vc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "admin.sock")
	// The console stays where it is when the server is started again.
	address := quietAddress(t)
	c := startCentral(t, "admin_socket = \""+socket+"\"\n"+fmt.Sprintf("console = %q\nuplink = \"%d kB/s\"\n", address, info.Size()/1000/lasting), link{"sala", sala, ""})
	local := api.NewClient(api.Unix+socket, nil)
	defer local.Close()
	once, err := local.LinkOnce(quick(t))
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(patio.proxy.address(), ":")
	proof := ""
	given := drivenBy{Console: consoleOf(t, c.daemon), Link: once.Link, Film: film, Reel: filmOf(t, "reel.avi", 2), Other: filmOf(t, "other.avi", 3), Patio: port}
	drive(t, "central.js", given, func(line string) {
		if sum, ok := strings.CutPrefix(line, "sha256 "); ok {
			proof = sum
		}
		if code, ok := strings.CutPrefix(line, "pair "); ok {
			patio.pair(code)
		}
		switch line {
		case "stop":
			if status := c.stop(); status != 0 {
				t.Errorf("the central server ends with %d", status)
			}
		case "start":
			c.start()
		}
	})
	gallery := consoleOf(t, sala.daemon)
	shown := ""
	drive(t, "gallery.js", drivenBy{Gallery: gallery, Film: film}, func(line string) {
		if sum, ok := strings.CutPrefix(line, "sha256 "); ok {
			shown = sum
		}
	})
	stored := filepath.Join(sala.store, "The Night Train.webm")
	if proof != sumOf(t, film) || proof != sumOf(t, stored) || proof != shown {
		t.Errorf("the proofs show %s and %s; the film has %s, what arrived %s", proof, shown, sumOf(t, film), sumOf(t, stored))
	}
}

// A made picture with a made tone is seen at the reception while it is recorded.
func TestLiveInBrowser(t *testing.T) {
	sala := startReception(t, "")
	c := startCentral(t, "", link{"sala", sala, ""})
	d := c.ask(c.add("The Pattern", "pattern:?size=320x180&fps=10+tone:", 2), "sala")
	c.past(d.ID, 0)
	drive(t, "gallery.js", drivenBy{Gallery: consoleOf(t, sala.daemon)}, func(string) {})
}
