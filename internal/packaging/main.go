// Command packaging is what make install and make package do. There is one list
// of files: install puts them into a tree, package into a .deb and an .rpm for
// each part of Video Club and each architecture.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// options are what the command line says.
type options struct {
	sources, bin    string
	dest            string // of install
	prefix, sysconf string
	run, out        string // of package
	architectures   string
	release         int
}

func main() {
	var o options
	flag.StringVar(&o.sources, "sources", ".", "where the sources are")
	flag.StringVar(&o.bin, "bin", "bin", "where the programs are; of packages, the folder with one for each architecture")
	flag.StringVar(&o.dest, "destdir", "", "the tree that is installed into")
	flag.StringVar(&o.prefix, "prefix", "/usr", "the folder of what is not edited")
	flag.StringVar(&o.sysconf, "sysconfdir", "/etc", "the folder of what is edited; the programs look in /etc")
	flag.StringVar(&o.run, "run", "bin", "where the programs are that run on this machine")
	flag.StringVar(&o.out, "out", "dist", "where packages go")
	flag.StringVar(&o.architectures, "architectures", "amd64 arm64", "what there are packages for")
	flag.IntVar(&o.release, "release", 1, "the number of the packages of this version")
	flag.Parse()
	// Folders are for all to read, whoever makes them.
	syscall.Umask(0o022)
	err := errors.New("say install or package")
	switch flag.Arg(0) {
	case "install":
		err = install(o)
	case "package":
		err = packages(o)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "packaging: %v\n", err)
		os.Exit(1)
	}
}

// install puts every part into the tree o.dest. Settings that are there already
// stay as they are, and the new ones go beside them.
func install(o options) error {
	release, err := releaseOf(o.sources, filepath.Join(o.bin, programs[central][0]), os.Getenv)
	if err != nil {
		return err
	}
	for _, part := range parts {
		files, err := list(o.sources, part, tree)
		if err != nil {
			return err
		}
		m := maker{
			sources: o.sources, bin: o.bin, run: o.bin, release: release, part: part, kind: tree,
			folders: usual(o.prefix, o.sysconf, "videoclub"),
		}
		err = m.put(files, o.dest, func(place string) string {
			if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) {
				return place
			}
			return place + ".new"
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// packages makes every package into the folder o.out, in the place of those
// that an earlier version left there.
func packages(o options) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for _, kind := range []string{deb, rpm} {
		old, err := filepath.Glob(filepath.Join(o.out, "videoclub-*."+kind))
		if err != nil {
			return err
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for arch := range strings.FieldsSeq(o.architectures) {
		if err := packAll(o, arch); err != nil {
			return err
		}
	}
	return nil
}
