// Command demo is what `make run` shows: a central server and a reception on
// loopback, a title added, promised and delivered before one's eyes, where it
// lies, and the mail that tells of it. It starts the real programs and says each
// command that it runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"videoclub/internal/lab"
	"videoclub/internal/sample"
)

const (
	// cardSeconds is how long the film is that is made when none is given, and
	// shortSeconds how long the other one.
	cardSeconds, shortSeconds = 20, 4

	// uplink lets the delivery of the sample last some seconds, so that it can
	// be watched. A film that is given goes as fast as it can.
	uplink = "32 Mbit/s"

	// recipient is who is written to, and mailWithin how long that may take.
	recipient  = "ana@example.cl"
	mailWithin = 30 * time.Second
)

func main() {
	bin := flag.String("bin", "bin", "where the programs are")
	video := flag.String("video", "", "deliver this file instead of a sample")
	once := flag.Bool("once", false, "end after the delivery")
	flag.Parse()
	// Whichever way it ends, and be it that nobody reads any more, the servers
	// are not left behind.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
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
	f, err := newFilm(central, video)
	if err != nil {
		return err
	}
	said := &log{}
	r, err := start(ctx, said, "reception", reception, filepath.Join(bin, "vcvrs"), "--state", filepath.Join(dir, "state-reception"), "0")
	if err != nil {
		return err
	}
	defer r.Stop()
	catcher, err := newCatcher()
	if err != nil {
		return err
	}
	defer catcher.stop()
	if err := writeConfig(filepath.Join(central, "vccs.toml"), r.Port("listen"), catcher.at, video == ""); err != nil {
		return err
	}
	c, err := start(ctx, said, "central", central, filepath.Join(bin, "vccs"), "--config", "vccs.toml", "--state", filepath.Join(dir, "state-central"))
	if err != nil {
		return err
	}
	defer c.Stop()

	p := person{ctx: ctx, bin: bin, said: said, users: "127.0.0.1:" + c.Port("users"), administrators: "127.0.0.1:" + c.Port("administrators")}
	if err := p.deliver(f, catcher); err != nil {
		return err
	}
	if err := p.film(); err != nil {
		return err
	}
	fmt.Printf("\nBoth lie in %s:\n", reception)
	if err := list(reception); err != nil {
		return err
	}
	if once {
		return nil
	}
	if err := p.invite(c.Console(), r.Console()); err != nil {
		return err
	}
	fmt.Printf("\nBoth servers stay. Try their menus too:\n  %s 127.0.0.1 %s\n  %s 127.0.0.1 %s\nInterrupt (Ctrl-C) to end; %s goes with them.\n",
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

// writeConfig writes what the central server is started with: any free ports, a
// reception by the name of localhost, and the catcher as its mail server.
func writeConfig(path, receptionPort, mailServer string, slow bool) error {
	text := "users = \"127.0.0.1:0\"\nadministrators = \"127.0.0.1:0\"\n"
	if slow {
		text += fmt.Sprintf("uplink = %q\n", uplink)
	}
	return os.WriteFile(path, []byte(text+fmt.Sprintf(`
[mail]
server = %q
from = "videoclub@example.org"

[[reception]]
name = "localhost"
address = "127.0.0.1:%s"
`, mailServer, receptionPort)), 0o644)
}

// film is what is added and delivered.
type film struct{ name, location, description string }

// newFilm writes videos.txt with a short film, and makes another one, which any
// browser plays, that is to be added, unless video is.
func newFilm(dir, video string) (f film, err error) {
	if video != "" {
		if f.location, err = filepath.Abs(video); err != nil {
			return film{}, err
		}
		if _, err := os.Stat(f.location); err != nil {
			return film{}, err
		}
		f.name = strings.ReplaceAll(filepath.Base(f.location), "^", " ")
	} else {
		fmt.Printf("making a sample film of %d seconds\n", cardSeconds)
		f = film{"Test card", "test-card.mp4", "a moving test card with a beep each second"}
		if err := makeSample(filepath.Join(dir, f.location), cardSeconds, sample.WriteMP4); err != nil {
			return film{}, err
		}
	}
	if err := makeSample(filepath.Join(dir, "short.avi"), shortSeconds, sample.Write); err != nil {
		return film{}, err
	}
	line := fmt.Sprintf("# NUMBER ^ NAME ^ MINUTES LOCATION ^ DESCRIPTION\n1 ^ Short card ^ %.4f short.avi ^ the same as AVI, and soon over\n", shortSeconds/60.0)
	return f, os.WriteFile(filepath.Join(dir, "videos.txt"), []byte(line), 0o644)
}

func makeSample(path string, seconds int, write func(io.WriteSeeker, int) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f, seconds), f.Close())
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
func start(ctx context.Context, said *log, name, dir, program string, args ...string) (*lab.Daemon, error) {
	fmt.Printf("$ cd %s && %s %s &\n", dir, filepath.Base(program), strings.Join(args, " "))
	return lab.Start(ctx, dir, func(line string) { said.add(fmt.Sprintf("%9s | %s", name, line)) }, program, args...)
}
