// Package e2e runs the real programs as they are run in earnest, each with a
// state and a store of its own, and breaks them: processes are killed,
// connections cut, disks filled, sources changed. Everything listens on the
// loopback at ports that were free.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// patience is how long a condition may take on a slow machine before the test
// fails. What is fast enough is not for this package to say.
const patience = 90 * time.Second

func TestMain(m *testing.M) { os.Exit(withPrograms(m.Run)) }

// programs are what the tests run.
var programs = []string{"videoclub/daemons/vccs", "videoclub/daemons/vcvrs", "videoclub/clients/vcuser"}

// withPrograms builds the programs and puts them first in PATH, where the tests
// find them.
func withPrograms(run func() int) int {
	dir, err := os.MkdirTemp("", "videoclub-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", append([]string{"build", "-ldflags=-s -w", "-o", dir}, programs...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// Most tests wait for the pace of a delivery and not for a core; who gives
	// -parallel is heeded.
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

// write writes a file of a test.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// quick is a context for one question and its answer.
func quick(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// reception is a vcvrs behind a proxy, which keeps its address while the
// daemon changes its port at each start.
type reception struct {
	*daemon
	proxy        *proxy
	store, state string
	settings     string
}

// startReception starts a vcvrs with further lines of TOML.
func startReception(t *testing.T, settings string) *reception {
	t.Helper()
	return startReceptionOf(t, "vcvrs", settings)
}

// startReceptionOf starts a program that is a vcvrs.
func startReceptionOf(t *testing.T, program, settings string) *reception {
	t.Helper()
	dir := t.TempDir()
	r := &reception{store: filepath.Join(dir, "store"), state: filepath.Join(dir, "state"), settings: settings, proxy: newProxy(t)}
	if err := os.Mkdir(r.store, 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "vcvrs.toml")
	r.daemon = newDaemon(t, program, "--config", config, "--state", r.state, "--store", r.store)
	r.configure(settings)
	r.start()
	return r
}

// configure rewrites the settings, for the next start or reload.
func (r *reception) configure(settings string) {
	r.t.Helper()
	r.settings = settings
	write(r.t, r.args[1], "listen = \"127.0.0.1:0\"\nmin_free = \"1 MiB\"\n"+settings)
}

func (r *reception) start() {
	r.t.Helper()
	r.proxy.setTarget(field(r.launch(), "listen"))
}

func (r *reception) kill() {
	r.proxy.setTarget("")
	r.daemon.kill()
}

// files gives the names in the store but for the daemon's own.
func (r *reception) files() []string {
	r.t.Helper()
	entries, err := os.ReadDir(r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != ".vc" {
			names = append(names, e.Name())
		}
	}
	return names
}

// parts gives what is kept of deliveries that are not deposited, and are not
// being removed.
func (r *reception) parts() []string {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.store, ".vc"))
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "lock" && e.Name() != "receipts" && !strings.HasPrefix(e.Name(), "gone-") {
			names = append(names, e.Name())
		}
	}
	return names
}

// link is a reception as a central server is told of it.
type link struct {
	name string
	to   *reception
	rate string // "" for that of the uplink
}

// central is a vccs with its titles and a client.
type central struct {
	*daemon
	dir    string
	titles []string // lines of videos.txt
	at     string   // where it listens for users
	admin  string   // and for administrators
	client *api.Client
	by     time.Time // when all that is requested is to be there
}

// startCentral starts a vccs with further lines of TOML that deliver over links.
func startCentral(t *testing.T, settings string, links ...link) *central {
	t.Helper()
	return startCentralOf(t, "vccs", settings, links...)
}

// startCentralOf starts a program that is a vccs.
func startCentralOf(t *testing.T, program, settings string, links ...link) *central {
	t.Helper()
	// Chosen once, so that the same request asked again is the same, also where it is
	// another hour by then.
	c := &central{dir: t.TempDir(), by: time.Now().Truncate(time.Hour).Add(5 * time.Hour).UTC()}
	c.daemon = newDaemon(t, program, "--config", filepath.Join(c.dir, "vccs.toml"), "--state", c.state())
	c.configure(settings, links...)
	write(t, c.videos(), "")
	c.start()
	t.Cleanup(func() { c.client.Close() })
	return c
}

func (c *central) state() string  { return filepath.Join(c.dir, "state") }
func (c *central) videos() string { return filepath.Join(c.dir, "videos.txt") }

// configure rewrites the settings, for the next start or reload.
func (c *central) configure(settings string, links ...link) {
	c.t.Helper()
	text := fmt.Sprintf("users = \"127.0.0.1:0\"\nadministrators = \"127.0.0.1:0\"\nvideos = %q\n%s", c.videos(), settings)
	for _, l := range links {
		text += fmt.Sprintf("\n[[reception]]\nname = %q\naddress = %q\n", l.name, l.to.proxy.address())
		if l.rate != "" {
			text += fmt.Sprintf("link = %q\n", l.rate)
		}
	}
	write(c.t, c.args[1], text)
}

// unhurried has deliveries take so long that a test can look at them however
// busy the machine is; hurry lets them end.
const unhurried = "uplink = \"8 Mbit/s\"\n"

// hurry ends what unhurried is for.
func (c *central) hurry(links ...link) {
	c.t.Helper()
	c.configure("", links...)
	if answer := c.reload(); strings.Contains(answer, "not reloaded") {
		c.t.Fatal(answer)
	}
}

func (c *central) start() {
	c.t.Helper()
	ready := c.launch()
	c.at, c.admin = field(ready, "users"), field(ready, "administrators")
	if c.client != nil {
		c.client.Close()
	}
	c.client = api.NewClient(c.at, nil)
}

// reload has the daemon read its files anew and gives its answer.
func (d *daemon) reload() string {
	d.t.Helper()
	from := d.log.mark()
	d.signal(hangup)
	return d.log.await(d.t, from, func(line string) bool {
		return strings.Contains(line, "reloaded")
	})
}

// add adds a title, whose pace is size over minutes, and has it read. It gives
// the title's number.
func (c *central) add(name, location string, minutes float64) int {
	c.t.Helper()
	n := len(c.titles) + 1
	c.titles = append(c.titles, fmt.Sprintf("%d ^ %s ^ %g %s\n", n, name, minutes, location))
	write(c.t, c.videos(), strings.Join(c.titles, ""))
	if answer := c.reload(); !strings.Contains(answer, " reloaded") || strings.Contains(answer, "not reloaded") {
		c.t.Fatalf("the titles were not taken: %s", answer)
	}
	return n
}

// ask asks for a title on a reception within an hour.
func (c *central) ask(number int, at string) control.DeliveryStory {
	c.t.Helper()
	d, err := c.request(number, at, fmt.Sprintf("%d at %s, %d", number, at, time.Now().UnixNano()))
	if err != nil {
		c.t.Fatalf("title %d for %s: %v", number, at, err)
	}
	return d
}

func (c *central) request(number int, at, key string) (control.DeliveryStory, error) {
	return c.client.Request(quick(c.t), control.Request{Key: key, Number: number, Reception: at, By: c.by})
}

// until follows a delivery until what is so. A daemon that was killed meanwhile
// must be started by another goroutine's fault, not here: an error ends the test.
func (c *central) until(id int64, what string, is func(control.DeliveryStory) bool) control.DeliveryStory {
	c.t.Helper()
	ctx := quick(c.t)
	var d control.DeliveryStory
	for revision := int64(0); ; revision = d.Revision {
		next, err := c.client.Delivery(ctx, id, revision, 20*time.Second)
		if err != nil {
			c.t.Fatalf("delivery %d: waiting until it is %s: %v; it was %s at %d of %d (%s %s)", id, what, err, d.State, d.Offset, d.Size, d.Reason, d.Detail)
		}
		d = next
		if is(d) {
			return d
		}
		if d.State == "failed" || d.State == "cancelled" || d.State == "deposited" {
			c.t.Fatalf("delivery %d is %s (%s: %s) before it was %s", id, d.State, d.Reason, d.Detail, what)
		}
	}
}

func inState(states ...string) func(control.DeliveryStory) bool {
	return func(d control.DeliveryStory) bool { return slices.Contains(states, d.State) }
}

// deposited waits until a delivery is, as long as it comes further: how long all of it
// takes is not for patience to say.
func (c *central) deposited(id int64) control.DeliveryStory {
	c.t.Helper()
	for at := int64(0); ; {
		d := c.until(id, "deposited", func(d control.DeliveryStory) bool { return d.State == "deposited" || d.Offset > at })
		if d.State == "deposited" {
			return d
		}
		at = d.Offset
	}
}

// past waits until more than offset bytes are durable.
func (c *central) past(id, offset int64) control.DeliveryStory {
	c.t.Helper()
	return c.until(id, fmt.Sprintf("past %d", offset), func(d control.DeliveryStory) bool { return d.Offset > offset })
}

// failed waits until a delivery is, for that reason.
func (c *central) failed(id int64, code reason.Code) control.DeliveryStory {
	c.t.Helper()
	d := c.until(id, "failed", inState("failed"))
	if d.Reason != code {
		c.t.Errorf("delivery %d failed for %s (%s), want %s", id, d.Reason, d.Detail, code)
	}
	return d
}
