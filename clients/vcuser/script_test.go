package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"videoclub/internal/api"
	"videoclub/internal/client/script"
	"videoclub/internal/control"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vcuser": main})
}

// TestScripts runs testdata/script against the real servers.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, "../../daemons/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the servers: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LANG", "en_US.UTF-8")
			env.Setenv("TZ", "America/Santiago")
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "remembered"))
			env.Setenv("LATER", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			env.Values[serversKey{}] = &servers{bin: bin, work: env.WorkDir}
			return nil
		},
		Cmds: script.Commands("vcuser", map[string]script.Command{
			"film": film, "await": await, "offered": offered, "account": account,
			"daemons": func(ts *testscript.TestScript, _ bool, args []string) {
				s := ts.Value(serversKey{}).(*servers)
				ts.Check(s.startBoth(args))
				ts.Setenv("VC_SERVER", s.users)
				ts.Setenv("PORT", s.users[strings.LastIndex(s.users, ":")+1:])
				ts.Setenv("IDENTITY", s.central.ready["identity"])
				ts.Defer(s.stopBoth)
			},
			"central": func(ts *testscript.TestScript, _ bool, args []string) {
				s := ts.Value(serversKey{}).(*servers)
				if args[0] == "stop" {
					s.central.stop()
					return
				}
				if len(args) > 1 { // with another configuration
					s.config = ts.ReadFile(args[1])
				}
				ts.Check(s.startCentral())
			},
		}),
	})
}

// account makes an account, or renews or removes it, by the socket of the central
// server, and gives its login link in LINK: account NAME [renew | remove].
func account(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	admin := api.NewClient(api.Unix+filepath.Join(ts.Getenv("WORK"), "vccs-state", "admin.sock"), nil)
	defer admin.Close()
	if len(args) > 1 && args[1] == "remove" {
		_, err := admin.RemoveAccount(ctx, args[0])
		ts.Check(err)
		return
	}
	made, err := admin.AddAccount(ctx, control.AddAccount{Name: args[0], Mail: args[0] + "@example.org", Renew: len(args) > 1})
	ts.Check(err)
	ts.Setenv("LINK", made.Link)
	ts.Check(os.WriteFile(ts.MkAbs("link"), []byte(made.Link+"\n"), 0o600))
}

// film makes a file of so many bytes that nothing compresses, always the same
// for the same name: film NAME BYTES.
func film(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	var seed [32]byte
	copy(seed[:], args[0])
	bytes := make([]byte, size)
	rand.NewChaCha8(seed).Read(bytes)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes, 0o600))
}

// await waits until a file that a program writes has what a pattern says:
// await FILE PATTERN.
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	late := time.After(20 * time.Second)
	for {
		// It need not be there yet.
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if pattern.Match(text) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			ts.Fatalf("%s has no %q:\n%s", args[0], pattern, text)
		}
	}
}

// offered runs the command that the last one offered on its standard error.
func offered(ts *testscript.TestScript, _ bool, _ []string) {
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		if words := strings.Fields(line); strings.HasPrefix(line, "  vcuser ") {
			ts.Check(ts.Exec(words[0], words[1:]...))
			return
		}
	}
	ts.Fatalf("no command is offered")
}
