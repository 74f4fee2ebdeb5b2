package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"videoclub/internal/reason"
)

// person is who types the commands.
type person struct {
	ctx                   context.Context
	bin                   string
	said                  *log
	users, administrators string
}

// deliver adds a film, asks for it, and follows it to its mail.
func (p person) deliver(f film, c *catcher) error {
	fmt.Printf("\n$ export VC_SERVER=%s VC_ADMIN_SERVER=%s\n", p.users, p.administrators)
	add := []string{"add", f.name, f.location}
	if f.description != "" {
		add = append(add, "--description", f.description)
	}
	switch status, err := p.runs("vcadmin", add...); {
	case err != nil:
		return err
	case status == reason.ExitUsage: // it does not say how long it lasts
		if err := p.does("vcadmin", append(add, "--duration", "10m")...); err != nil {
			return err
		}
	case status != reason.ExitDone:
		return fmt.Errorf("vcadmin add ends with status %d", status)
	}
	if err := p.does("vcuser", "list"); err != nil {
		return err
	}
	if f.description != "" {
		fmt.Println("\nWhat cannot be kept is not promised:")
		if status, err := p.runs("vcuser", "request", "2", "--at", "localhost", "--by", "+3s"); err != nil || status != reason.ExitRefused {
			return fmt.Errorf("vcuser request ends with status %d, and not as refused: %w", status, err)
		}
	}
	if err := p.does("vcuser", "request", "2", "--at", "localhost", "--by", "+30m", "--mail", recipient); err != nil {
		return err
	}
	// A bar and a log do not go together on one terminal.
	p.said.hold()
	err := p.does("vcuser", "watch", "1")
	fmt.Println("\nMeanwhile the servers said:")
	p.said.release()
	if err != nil {
		return err
	}
	if err := showMail(p.ctx, c); err != nil {
		return err
	}
	return p.does("vcuser", "show", "1")
}

// liveSource is what is filmed: pictures and a sound that the program makes, for
// there may be no camera here; liveLasts is for how long.
const (
	liveSource = "pattern:?size=640x480&fps=25+tone:"
	liveLasts  = "6s"
)

// film adds a live title, and has it recorded and delivered.
func (p person) film() error {
	fmt.Println("\nA camera is a title like any other. It is delivered while it is filmed:")
	for _, args := range [][]string{
		{"vcadmin", "add", "Pattern and tone", liveSource, "--duration", liveLasts, "--description", "live, made by the server itself"},
		{"vcuser", "request", "3", "--at", "localhost", "--by-earliest"},
	} {
		if err := p.does(args[0], args[1:]...); err != nil {
			return err
		}
	}
	p.said.hold()
	err := p.does("vcuser", "watch", "2")
	p.said.release()
	if err != nil {
		return err
	}
	return p.does("vcuser", "show", "2")
}

// invite says where the consoles are, and prints a link that lets a browser into
// the central one as its administrator.
func (p person) invite(central, reception string) error {
	// Something to film, for who has no camera.
	if err := p.does("vcadmin", "add", "A picture that is made", "pattern:?size=640x360&fps=15+tone:", "--duration", "1m", "--description", "filmed when it is requested"); err != nil {
		return err
	}
	fmt.Printf("\nBoth have a console for a browser:\n  %-24s request titles and watch them arrive\n  %-24s see and play what has arrived\nTo administer, with a link that works once:\n", central, reception)
	return p.does("vcadmin", "console")
}

// does runs a program, which must succeed.
func (p person) does(program string, args ...string) error {
	status, err := p.runs(program, args...)
	if err == nil && status != reason.ExitDone {
		err = fmt.Errorf("%s %s ends with status %d", program, args[0], status)
	}
	return err
}

// runs runs a program and gives its exit status.
func (p person) runs(program string, args ...string) (status int, err error) {
	quoted := slices.Clone(args)
	for i, arg := range args {
		if strings.ContainsAny(arg, " '\"$\\") {
			quoted[i] = `"` + arg + `"`
		}
	}
	fmt.Printf("\n$ %s %s\n", program, strings.Join(quoted, " "))
	cmd := exec.CommandContext(p.ctx, filepath.Join(p.bin, program), args...)
	cmd.Env = append(os.Environ(), "VC_SERVER="+p.users, "VC_ADMIN_SERVER="+p.administrators)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// showMail waits for the mail that tells of the deposit and prints it as it
// came, but for the bytes of what is attached.
func showMail(ctx context.Context, c *catcher) error {
	select {
	case mail := <-c.mail:
		fmt.Printf("\nThe mail server has got this for %s:\n", recipient)
		for _, line := range withoutAttached(strings.Split(strings.ReplaceAll(mail, "\r\n", "\n"), "\n")) {
			fmt.Printf("  mail | %s\n", line)
		}
		return nil
	case <-time.After(mailWithin):
		return fmt.Errorf("no mail has come within %v", mailWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fullLine is how long each line of base64 but the last one is (RFC 2045
// section 6.8).
const fullLine = 76

// withoutAttached leaves out what is in base64 but for its first line.
func withoutAttached(lines []string) (out []string) {
	left, inside := 0, false
	for _, line := range lines {
		encoded := line != "" && !strings.ContainsAny(line, " :;-")
		if encoded && inside {
			left++
			continue
		}
		if left > 0 {
			out = append(out, fmt.Sprintf("… and %d lines more", left))
		}
		left, inside = 0, encoded && len(line) == fullLine
		out = append(out, line)
	}
	return out
}

// log is what the servers say, printed at once or held.
type log struct {
	mu   sync.Mutex
	held []string
	on   bool // it is held
}

// tooMuch are lines that show nothing here: all the settings, and the progress
// that is watched anyway.
var tooMuch = []string{" settings ", " progress "}

func (l *log) add(line string) {
	if slices.ContainsFunc(tooMuch, func(part string) bool { return strings.Contains(line, part) }) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on {
		l.held = append(l.held, line)
		return
	}
	fmt.Println(line)
}

func (l *log) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = true
}

// release prints what was held.
func (l *log) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.held {
		fmt.Println(line)
	}
	l.held, l.on = nil, false
}
