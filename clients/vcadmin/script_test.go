package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"videoclub/internal/api"
	"videoclub/internal/client/script"
	"videoclub/internal/control"
	"videoclub/internal/lab"
)

// binVariable names, in the environment, where the servers were built.
const binVariable = "VIDEOCLUB_TEST_BIN"

// built is the tests, with the servers built before them.
type built struct{ *testing.M }

func (b built) Run() int {
	dir, err := os.MkdirTemp("", "videoclub-vcadmin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir, "videoclub/daemons/vccs", "videoclub/daemons/vcvrs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the servers: %v\n%s", err, out)
		return 1
	}
	os.Setenv(binVariable, dir)
	return b.M.Run()
}

func TestMain(m *testing.M) { testscript.Main(built{m}, map[string]func(){"vcadmin": main}) }

type centralKey struct{}

// central is a central server of a test, in the folder work.
type central struct {
	*lab.Daemon
	work  string
	ports [3]string
}

// start starts it, again where it was; no reception has to be there, unless one
// was started before.
func (c *central) start(ctx context.Context) (err error) {
	if c.ports[0] == "" {
		c.ports = [3]string{"0", "0", "1"}
	}
	args := append([]string{"--state", filepath.Join(c.work, "state")}, c.ports[:]...)
	c.Daemon, err = lab.Start(ctx, c.work, func(string) {}, filepath.Join(os.Getenv(binVariable), "vccs"), args...)
	if err == nil {
		c.ports[0], c.ports[1] = c.Port("users"), c.Port("administrators")
	}
	return err
}

func (c *central) users() string          { return "127.0.0.1:" + c.ports[0] }
func (c *central) administrators() string { return "127.0.0.1:" + c.ports[1] }

// kill ends it as a crash does.
func (c *central) kill() {
	syscall.Kill(c.PID, syscall.SIGKILL)
	<-c.Ended()
}

// TestScripts runs testdata/script against a real central server.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for name, value := range map[string]string{
				"LANG": "en_US.UTF-8", "TZ": "America/Santiago", "XDG_STATE_HOME": filepath.Join(env.WorkDir, "home"),
			} {
				env.Setenv(name, value)
			}
			env.Values[centralKey{}] = &central{work: env.WorkDir}
			return nil
		},
		Cmds: script.Commands("vcadmin", map[string]script.Command{
			"sound": sound, "await": await, "promise": promise,
			"reception": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(centralKey{}).(*central)
				r, err := lab.Start(context.Background(), c.work, func(string) {}, filepath.Join(os.Getenv(binVariable), "vcvrs"), "--state", filepath.Join(c.work, "state-reception"), "0")
				ts.Check(err)
				ts.Defer(r.Stop)
				c.ports = [3]string{"0", "0", r.Port("listen")}
			},
			"central": func(ts *testscript.TestScript, _ bool, args []string) {
				c := ts.Value(centralKey{}).(*central)
				switch args[0] {
				case "stop":
					c.Stop()
				case "kill":
					c.kill()
				default:
					ts.Check(c.start(context.Background()))
					ts.Defer(c.Stop)
					ts.Setenv("VC_ADMIN_SERVER", c.administrators())
					ts.Setenv("ADMIN_PORT", c.ports[1])
					ts.Setenv("USERS", c.users())
				}
			},
		}),
	})
}

// wav is a sound of so many seconds, of a byte each 8,000 times a second.
func wav(seconds int) []byte {
	data := make([]byte, seconds*8000)
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+len(data)))
	file = append(file, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data"...)
	return append(binary.LittleEndian.AppendUint32(file, uint32(len(data))), data...)
}

// promise requests a title as a user, for in a minute or for now: promise N [now].
// Nobody has to be there to whom it could be delivered.
func promise(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	client := api.NewClient(ts.Getenv("USERS"), nil)
	defer client.Close()
	q := control.Request{Key: rand.Text(), Number: n, Reception: "localhost", By: time.Now().Add(time.Hour), From: time.Now().Add(time.Minute)}
	if len(args) > 1 {
		q.From = time.Time{}
	}
	_, err = client.Request(context.Background(), q)
	ts.Check(err)
}

// sound makes a file that says how long it lasts: sound NAME SECONDS.
func sound(ts *testscript.TestScript, _ bool, args []string) {
	seconds, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), wav(seconds), 0o600))
}

// await runs a command until it prints what a pattern says: await PATTERN
// COMMAND….
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for late := time.After(20 * time.Second); ; {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			ts.Fatalf("%s never prints %q", strings.Join(args[1:], " "), pattern)
		}
	}
}
