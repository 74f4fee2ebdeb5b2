// Command demo is what `make run` shows: a central server and a reception on
// loopback, a title requested and delivered before one's eyes, and where it
// lies. It starts the real programs and says each command that it runs.
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

	"videoclub/internal/lab"
	"videoclub/internal/sample"
)

// sampleSeconds is how long the film is that is made when none is given.
const sampleSeconds = 20

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
	c, err := start(ctx, "central", central, filepath.Join(bin, "vccs"), "--state", filepath.Join(dir, "state-central"), "0", "0", r.Port("listen"))
	if err != nil {
		return err
	}
	defer c.Stop()

	server := "127.0.0.1:" + c.Port("users")
	user := func(args ...string) error {
		fmt.Printf("\n$ vcuser --server %s %s\n", server, strings.Join(args, " "))
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "vcuser"), append([]string{"--server", server}, args...)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	}
	for _, args := range [][]string{{"list"}, {"request", "1", "--at", "localhost", "--by", "+30m"}, {"watch", "1"}, {"show", "1"}} {
		if err := user(args...); err != nil {
			return fmt.Errorf("vcuser %s: %w", args[0], err)
		}
	}
	fmt.Printf("\nThe video lies in %s:\n", reception)
	if err := list(reception); err != nil {
		return err
	}
	if once {
		return nil
	}
	fmt.Printf("\nBoth servers stay. Try: %s --server %s --help\nInterrupt (Ctrl-C) to end; %s goes with them.\n", filepath.Join(bin, "vcuser"), server, dir)
	select {
	case <-ctx.Done():
		return nil
	case <-c.Ended():
		return fmt.Errorf("vccs has ended: %v", c.Err())
	case <-r.Ended():
		return fmt.Errorf("vcvrs has ended: %v", r.Err())
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
