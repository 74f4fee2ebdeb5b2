// Package script is what the scripts that test vcuser and vcadmin have in common:
// commands for testscript.
package script

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"videoclub/internal/terminal"
)

// Command is one of testscript.
type Command = func(ts *testscript.TestScript, neg bool, args []string)

// Commands are those of the scripts of a program, with its own.
func Commands(program string, own map[string]Command) map[string]Command {
	own["status"], own["terminal"], own["fits"] = status, onScreen, fits
	own["completed"] = func(ts *testscript.TestScript, _ bool, args []string) { completed(ts, program, args) }
	return own
}

// status runs a command that must end with an exit status: status N COMMAND….
func status(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got, exit := 0, (*exec.ExitError)(nil)
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%v ends with %d, not %s", args[1:], got, args[0])
	}
}

// completed asks for completions, as a shell does, until they are what a pattern
// says: completed PATTERN ARGUMENT…. On a busy machine the server may at first not
// answer in time, and nothing is offered.
func completed(ts *testscript.TestScript, program string, args []string) {
	pattern := regexp.MustCompile("(?s)^" + args[0] + "$")
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		ts.Check(ts.Exec(program, append([]string{"__complete"}, args[1:]...)...))
		if pattern.MatchString(strings.TrimSuffix(ts.ReadFile("stdout"), "\n")) {
			return
		}
	}
	ts.Fatalf("%q is never offered", pattern)
}

// onScreen runs a command on a terminal of so many columns, which then stands
// as the file screen: terminal COLUMNS COMMAND….
func onScreen(ts *testscript.TestScript, _ bool, args []string) {
	columns, err := strconv.Atoi(args[0])
	ts.Check(err)
	screen, err := run(ts, columns, args[1:])
	ts.Check(os.WriteFile(ts.MkAbs("screen"), screen, 0o600))
	ts.Check(err)
}

// widths are the terminals on which what is printed has to fit.
var widths = []int{40, 60, 80, 132}

// fits runs a command on narrow and on wide terminals, on none of which a line of a
// table or a form is wider than it, unless it ends in a word that has to be copied
// whole: fits COMMAND…. Running text a terminal breaks by itself, and how the
// command ends is no matter.
func fits(ts *testscript.TestScript, _ bool, args []string) {
	for _, columns := range widths {
		screen, err := run(ts, columns, args)
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		if len(screen) == 0 {
			ts.Fatalf("%v prints nothing", args)
		}
		for line := range strings.Lines(escapes.ReplaceAllString(string(screen), "")) {
			line = strings.TrimRight(line, "\r\n")
			words := strings.Fields(line)
			if !columned.MatchString(line) || terminal.Width(words[len(words)-1]) > columns/2 {
				continue
			}
			if n := terminal.Width(line); n > columns {
				ts.Fatalf("%v: on %d columns a line has %d:\n%s", args, columns, n, line)
			}
		}
	}
}

// columned is a line of several columns, and escapes are colours and the ways of
// bars.
var (
	columned = regexp.MustCompile(`\S {2,}\S`)
	escapes  = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
)

// run runs a command of the script on a terminal.
func run(ts *testscript.TestScript, columns int, args []string) ([]byte, error) {
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if found, err := exec.LookPath(filepath.Join(dir, args[0])); err == nil {
			path = found
			break
		}
	}
	c := exec.Command(path, args[1:]...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "LANG", "TZ", "VC_SERVER", "VC_ADMIN_SERVER", "XDG_STATE_HOME", "TERM", "NO_COLOR"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	return onTerminal(c, columns)
}

// onTerminal runs c with a pseudo-terminal (pts(4)) as its output, and gives
// what it wrote there.
func onTerminal(c *exec.Cmd, columns int) ([]byte, error) {
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer near.Close()
	fd := int(near.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}); err != nil {
		return nil, err
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	c.Stdout, c.Stderr = far, far
	err = c.Start()
	far.Close()
	if err != nil {
		return nil, err
	}
	// Once the last of its writers has gone, a terminal cannot be read: EIO.
	screen, _ := io.ReadAll(near)
	return screen, c.Wait()
}
