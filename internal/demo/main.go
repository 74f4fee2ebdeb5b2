// Command demo is what `make run` shows: a central server and a reception on
// loopback, a title requested and delivered before one's eyes, where it lies,
// and the mail that tells of it. It starts the real programs and says each
// command that it runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"videoclub/internal/lab"
	"videoclub/internal/sample"
)

// sampleSeconds is how long the film is that is made when none is given.
const sampleSeconds = 20

// recipient is who is written to, and mailWithin how long that may take.
const (
	recipient  = "ana@example.cl"
	mailWithin = 30 * time.Second
)

func main() {
	bin := flag.String("bin", "bin", "where the programs are")
	video := flag.String("video", "", "deliver this file instead of a sample")
	once := flag.Bool("once", false, "end after the delivery")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, *bin, *video, *once)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, video string, once bool) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "videoclub-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	central, reception := filepath.Join(dir, "central"), filepath.Join(dir, "reception")
	for _, d := range []string{central, reception} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := writeTitles(central, video); err != nil {
		return err
	}

	r, err := start(ctx, "reception", reception, filepath.Join(bin, "vcvrs"), "--state", filepath.Join(dir, "state-reception"), "0")
	if err != nil {
		return err
	}
	defer r.Stop()
	catcher, err := newCatcher()
	if err != nil {
		return err
	}
	defer catcher.stop()
	if err := writeConfig(filepath.Join(central, "vccs.toml"), r.Port("listen"), catcher.at); err != nil {
		return err
	}
	c, err := start(ctx, "central", central, filepath.Join(bin, "vccs"), "--config", "vccs.toml", "--state", filepath.Join(dir, "state-central"))
	if err != nil {
		return err
	}
	defer c.Stop()

	server := "127.0.0.1:" + c.Port("users")
	if err := deliver(ctx, filepath.Join(bin, "vcuser"), server, catcher); err != nil {
		return err
	}
	fmt.Printf("\nThe video lies in %s:\n", reception)
	if err := list(reception); err != nil {
		return err
	}
	if once {
		return nil
	}
	fmt.Printf("\nBoth servers stay. Try their menus:\n  %s 127.0.0.1 %s\n  %s 127.0.0.1 %s\nInterrupt (Ctrl-C) to end; %s goes with them.\n",
		filepath.Join(bin, "vcuser"), c.Port("users"), filepath.Join(bin, "vcadmin"), c.Port("administrators"), dir)
	select {
	case <-ctx.Done():
		return nil
	case <-c.Ended():
		return fmt.Errorf("vccs has ended: %v", c.Err())
	case <-r.Ended():
		return fmt.Errorf("vcvrs has ended: %v", r.Err())
	}
}

// deliver asks for the title and follows it to its mail.
func deliver(ctx context.Context, vcuser, server string, c *catcher) error {
	user := func(args ...string) error {
		fmt.Printf("\n$ vcuser --server %s %s\n", server, strings.Join(args, " "))
		cmd := exec.CommandContext(ctx, vcuser, append([]string{"--server", server}, args...)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("vcuser %s: %w", args[0], err)
		}
		return nil
	}
	for _, args := range [][]string{{"list"}, {"request", "1", "--at", "localhost", "--by", "+30m", "--mail", recipient}, {"watch", "1"}} {
		if err := user(args...); err != nil {
			return err
		}
	}
	if err := showMail(ctx, c); err != nil {
		return err
	}
	return user("show", "1")
}

// writeConfig writes what the central server is started with: any free ports, a
// reception by the name of localhost, and the catcher as its mail server.
func writeConfig(path, receptionPort, mailServer string) error {
	return os.WriteFile(path, []byte(fmt.Sprintf(`users = "127.0.0.1:0"
administrators = "127.0.0.1:0"

[mail]
server = %q
from = "videoclub@example.org"

[[reception]]
name = "localhost"
address = "127.0.0.1:%s"
`, mailServer, receptionPort)), 0o644)
}

// showMail waits for the mail that tells of the deposit and prints it as it came.
func showMail(ctx context.Context, c *catcher) error {
	select {
	case mail := <-c.mail:
		fmt.Printf("\nThe mail server has got this for %s:\n", recipient)
		for line := range strings.Lines(mail) {
			fmt.Printf("  mail | %s\n", strings.TrimRight(line, "\r\n"))
		}
		return nil
	case <-time.After(mailWithin):
		return fmt.Errorf("no mail has come within %v", mailWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writeTitles writes videos.txt for the video, or for a sample that it makes.
func writeTitles(dir, video string) error {
	if video != "" {
		path, err := filepath.Abs(video)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return err
		}
		name := strings.ReplaceAll(filepath.Base(path), "^", " ")
		return os.WriteFile(filepath.Join(dir, "videos.txt"), []byte(fmt.Sprintf("1 ^ %s ^ 10 %s\n", name, path)), 0o644)
	}
	fmt.Printf("making a sample film of %d seconds\n", sampleSeconds)
	f, err := os.Create(filepath.Join(dir, "test-card.avi"))
	if err != nil {
		return err
	}
	if err := errors.Join(sample.Write(f, sampleSeconds), f.Close()); err != nil {
		return err
	}
	line := fmt.Sprintf("# NUMBER ^ NAME ^ MINUTES LOCATION ^ DESCRIPTION\n1 ^ Test card ^ %.4f test-card.avi ^ a moving test card with a beep each second\n", sampleSeconds/60.0)
	return os.WriteFile(filepath.Join(dir, "videos.txt"), []byte(line), 0o644)
}

// list prints the files of the store.
func list(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			fmt.Printf("  %v %12d  %s\n", info.Mode(), info.Size(), e.Name())
		}
	}
	return nil
}

// start starts a server in dir and shows what it logs behind its name.
func start(ctx context.Context, name, dir, program string, args ...string) (*lab.Daemon, error) {
	fmt.Printf("$ cd %s && %s %s &\n", dir, filepath.Base(program), strings.Join(args, " "))
	return lab.Start(ctx, dir, func(line string) { fmt.Printf("%9s | %s\n", name, line) }, program, args...)
}
