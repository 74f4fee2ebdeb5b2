//go:build root

package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/api"
	"videoclub/internal/lab"
)

// drivenBy is what a script of testdata/browser is given.
type drivenBy struct {
	Console string `json:"console"`
	Link    string `json:"link"`    // that lets an administrator in once
	Film    string `json:"film"`    // a path
	Make    bool   `json:"make"`    // the film, and nothing else
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

// A newcomer, an administrator and two users with real browsers: titles, a
// counter-offer, a delivery that is watched to its proof, a reception that is
// paired, accounts; no page has anything serious for axe, complains, loads from
// elsewhere, or is wider than a phone.
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
	c := startCentral(t, "admin_socket = \""+socket+"\"\nconsole = \"127.0.0.1:0\"\n"+fmt.Sprintf("uplink = \"%d kB/s\"\n", info.Size()/1000/lasting), link{"sala", sala, ""})
	local := api.NewClient(api.Unix+socket, nil)
	defer local.Close()
	once, err := local.LinkOnce(quick(t))
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(patio.proxy.address(), ":")
	proof := ""
	drive(t, "central.js", drivenBy{Console: consoleOf(t, c.daemon), Link: once.Link, Film: film, Patio: port}, func(line string) {
		if sum, ok := strings.CutPrefix(line, "sha256 "); ok {
			proof = sum
		}
		if code, ok := strings.CutPrefix(line, "pair "); ok {
			patio.pair(code)
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
