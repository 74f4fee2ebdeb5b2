package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/sandbox"
)

// probing builds the daemons whose workers try what they must not be able to
// do, and gives the folder that they are in.
func probing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "probe", "-o", dir, "videoclub/daemons/vccs", "videoclub/daemons/vcvrs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the daemons: %v\n%s", err, out)
	}
	return dir
}

// mailServer takes every mail, and gives its address.
func mailServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go takeMail(conn)
		}
	}()
	return l.Addr().String()
}

// takeMail speaks a server's part of SMTP (RFC 5321) as far as one mail needs.
func takeMail(conn net.Conn) {
	defer conn.Close()
	io.WriteString(conn, "220 mail.test\r\n")
	inMessage := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch line := lines.Text(); {
		case inMessage && line != ".":
			continue
		case strings.HasPrefix(line, "DATA"):
			inMessage = true
			io.WriteString(conn, "354 go on\r\n")
			continue
		}
		inMessage = false
		io.WriteString(conn, "250 well\r\n")
	}
}

// From inside each kind of worker: what is not its work fails, and its work goes
// on. Of workers that are not confined, none of the attempts fails so: it is the
// sandbox that is seen.
func TestWorkersAreConfined(t *testing.T) {
	t.Parallel()
	if k := sandbox.Look(); !k.Seccomp {
		t.Fatalf("workers cannot be confined here: there is no %s", k.Lacks())
	}
	programs := probing(t)
	for _, setting := range []string{"auto", "off"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			tried := attempts(t, programs, setting)
			for _, kind := range []string{"session", "session of the reception", "survey", "read", "send", "mail", "receive", "store", "capture", "record"} {
				if len(tried[kind]) < 30 {
					t.Errorf("the %s worker has tried %d things", kind, len(tried[kind]))
				}
				for what, result := range tried[kind] {
					wants := "EPERM"
					if what == "clone3" {
						wants = "ENOSYS" // so that threads are made in another way
					}
					refused := result == "EPERM" || result == "ENOSYS"
					if setting == "off" && refused || setting != "off" && result != wants {
						t.Errorf("sandbox %s: %s by the %s worker: %q", setting, what, kind, result)
					}
					if setting == "off" && strings.HasPrefix(what, "open ") && result != "" {
						t.Errorf("not confined, the %s worker fails to %s: %s", kind, what, result)
					}
				}
			}
		})
	}
}

// attempts makes a delivery with all kinds of worker and gives what each tried,
// and what came of it: the name of the error, "" for none.
func attempts(t *testing.T, programs, setting string) map[string]map[string]string {
	t.Helper()
	dir := t.TempDir() // each run has targets of its own beside its programs
	for _, name := range []string{"vccs", "vcvrs"} {
		if err := os.Link(filepath.Join(programs, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	aim := func(program string, paths ...string) {
		write(t, filepath.Join(dir, program+".targets"), strings.Join(paths, "\n"))
	}
	sandboxed := fmt.Sprintf("sandbox = %q\n", setting)
	secret := filepath.Join(dir, "secret")
	write(t, secret, "of somebody else")
	aim("vccs", secret)
	aim("vcvrs", secret)
	r := startReceptionOf(t, filepath.Join(dir, "vcvrs"), sandboxed)
	other := filepath.Join(r.store, ".vc", "0badf00d-7", "data.part")
	if err := os.Mkdir(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, other, "another delivery")
	aim("vcvrs", secret, other, filepath.Join(r.state, "keys", "tls.key"))
	c := startCentralOf(t, filepath.Join(dir, "vccs"), sandboxed+fmt.Sprintf("[mail]\nserver = %q\n", mailServer(t)), link{"cinema.test", r, ""})
	aim("vccs", secret, filepath.Join(c.state(), "keys", "tls.key"), filepath.Join(c.state(), "ledger", "ledger.db"))

	source := makeTitle(t, c.dir, "feature.bin", noise(50, 1<<20))
	admin := api.NewClient(field(c.log.await(t, 0, saying("ready ", "administrators=")), "administrators"), nil)
	defer admin.Close()
	added, err := admin.AddTitle(quick(t), control.AddTitle{Name: "Feature", Location: source.path, Duration: 60_000})
	if err != nil {
		t.Fatal(err)
	}
	d, err := admin.Request(quick(t), control.Request{
		Key: "probe", Number: added.Title.Number, Reception: "cinema.test", ByEarliest: true, Mail: "who@example.org",
	})
	if err != nil {
		t.Fatal(err)
	}
	live, err := admin.AddTitle(quick(t), control.AddTitle{Name: "Live", Location: "pattern:?size=160x120&fps=10", Duration: 1000})
	if err != nil {
		t.Fatal(err)
	}
	captured, err := admin.Request(quick(t), control.Request{Key: "live", Number: live.Title.Number, Reception: "cinema.test", ByEarliest: true})
	if err != nil {
		t.Fatal(err)
	}
	signed := r.proven(c.deposited(d.ID), source)
	c.deposited(captured.ID)
	// Who looks at what arrived has what was opened for it, and no more.
	aim("vcvrs", secret, other, filepath.Join(r.state, "keys", "tls.key"), filepath.Join(r.store, signed.Path), filepath.Join(r.store, ".vc", "receipts"))
	if answer, text := browse(t, r.daemon).ask("GET", "/deposits/"+signed.Delivery+"/file"); answer.StatusCode != 200 || int64(len(text)) != source.size {
		t.Errorf("sandbox %s: the console gives %d, %d bytes", setting, answer.StatusCode, len(text))
	}
	r.log.await(t, 0, saying("probe kind=session", "done"))
	for kind, said := range map[string]*log{"session": c.log, "survey": c.log, "read": c.log, "send": c.log, "mail": c.log, "receive": r.log, "store": r.log, "capture": c.log, "record": c.log} {
		said.await(t, 0, saying("probe kind="+kind, "done"))
	}
	c.log.await(t, 0, saying("mail sent ", "kind=deposited"))

	tried := make(map[string]map[string]string)
	central := c.log.all(0)
	for i, line := range append(central, r.log.all(0)...) {
		if !strings.HasPrefix(line, "probe ") || strings.HasSuffix(line, " done") {
			continue
		}
		kind, what := field(line, "kind"), field(line, "try")
		if kind == "session" && i >= len(central) {
			kind = "session of the reception"
		}
		if tried[kind] == nil {
			tried[kind] = make(map[string]string)
		}
		tried[kind][what] = field(line, "result")
		if field(line, "confined") != fmt.Sprint(setting != "off") {
			t.Errorf("sandbox %s: %s", setting, line)
		}
	}
	return tried
}

// Where the kernel can confine workers, "require" starts as "auto" does; where it
// cannot, it says what is missing and does not.
func TestSandboxIsRequired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "vcvrs.toml")
	write(t, config, "listen = \"127.0.0.1:0\"\nsandbox = \"require\"\n")
	d := newDaemon(t, "vcvrs", "--config", config, "--state", filepath.Join(dir, "state"), "--store", dir)
	// The tests may be built with cgo, and then know less of the kernel than
	// the daemon, which is not.
	d.spawn()
	line, ok := d.log.awaitFor(patience, 0, func(line string) bool {
		return strings.Contains(line, " ready ") || saying("sandbox is \"require\"", "no_sandbox")(line)
	})
	switch {
	case !ok:
		t.Fatal("it neither starts nor says why not")
	case strings.Contains(line, " ready "):
		if status := d.stop(); status != 0 {
			t.Errorf("exit status %d", status)
		}
	default:
		if sandbox.Look().Enough() {
			t.Errorf("there is all that it needs, and it says %q", line)
		}
		if status := d.gone(); status != 1 {
			t.Errorf("exit status %d", status)
		}
	}
}
