package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"videoclub/internal/atomicfile"
	"videoclub/internal/manual"
)

// folders are where the kinds of files go, by the names that file.to begins
// with: absolute, without DESTDIR.
type folders map[string]string

// usual are the folders of a distribution's packages, or of an installation
// below another prefix. Where programs look for their settings is fixed.
func usual(prefix, sysconf, name string) folders {
	return folders{
		"prefix": prefix, "bin": prefix + "/bin", "man": prefix + "/share/man", "sysconf": sysconf,
		"doc": prefix + "/share/doc/" + name, "licenses": prefix + "/share/licenses/" + name,
	}
}

// place is where a file goes.
func (f folders) place(to string) string {
	folder, rest, _ := strings.Cut(to, "/")
	return f[folder] + "/" + rest
}

// maker makes the content of files.
type maker struct {
	sources string  // the folder of the sources
	bin     string  // the folder with the programs to install
	run     string  // the folder with the same programs for this machine
	folders folders // where everything goes
	release release
	part    string
	kind    string
}

// content is the content of a file, and its mode.
func (m maker) content(f file) ([]byte, os.FileMode, error) {
	switch f.form {
	case program:
		text, err := os.ReadFile(filepath.Join(m.bin, f.from))
		return text, 0o755, err
	case completion:
		text, err := m.completion(f.from)
		return text, 0o644, err
	case made:
		text, err := m.made(f.from)
		return text, 0o644, err
	}
	path := filepath.Join(m.sources, f.from)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	switch f.form {
	case page:
		text = compressed(text)
	case protocol:
		made, err := manual.Protocol(string(text), m.release.when)
		if err != nil {
			return nil, 0, err
		}
		text = compressed([]byte(made))
	case unit:
		text = bytes.ReplaceAll(text, []byte("/usr/bin/"), []byte(m.folders["bin"]+"/"))
		if info, err := os.Stat(path); err != nil || info.Mode()&0o100 != 0 {
			return text, 0o755, err
		}
	}
	return text, 0o644, nil
}

// completion is what makes a shell complete the commands of a program, which
// says so itself; both are named by what, "SHELL PROGRAM".
func (m maker) completion(what string) ([]byte, error) {
	shell, name, _ := strings.Cut(what, " ")
	c := exec.Command(filepath.Join(m.run, name), "completion", shell)
	c.Env = []string{"LC_ALL=C"}
	var problem bytes.Buffer
	c.Stderr = &problem
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s completion %s: %w: %s", name, shell, err, &problem)
	}
	return text, nil
}

// made is a file that the sources do not have.
func (m maker) made(what string) ([]byte, error) {
	switch what {
	case "changelog":
		// Debian Policy 4.4; the packages have one entry, as the history is
		// that of the sources.
		return compressed(fmt.Appendf(nil, "videoclub-%s (%s-%d) unstable; urgency=medium\n\n  * Video Club %s.\n\n -- %s  %s\n",
			m.part, m.release.text, m.release.number, m.release.source, maintainer(), m.release.when.Format(time.RFC1123Z))), nil
	case "preset":
		files, err := list(m.sources, m.part, m.kind)
		if err != nil {
			return nil, err
		}
		units, err := enabled(m.sources, files)
		text := "# What listens is enabled at the first installation; systemd.preset(5).\n"
		for _, name := range units {
			text += "enable " + name + "\n"
		}
		return []byte(text), err
	}
	return nil, fmt.Errorf("nobody knows how to make a %s", what)
}

// compressed is text as gzip -9n compresses it: without a name or a time.
func compressed(text []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
	_, _ = z.Write(text)                                  // to memory
	_ = z.Close()
	return b.Bytes()
}

// put writes every file of a list below root, each as a whole so that a running
// program can be replaced. keep says, of a file of settings that is there
// already, where the new one goes instead.
func (m maker) put(files []file, root string, keep func(place string) string) error {
	for _, f := range files {
		text, mode, err := m.content(f)
		if err != nil {
			return err
		}
		place := filepath.Join(root, m.folders.place(f.to))
		if f.form == setting {
			place = keep(place)
		}
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(place, text, mode); err != nil {
			return err
		}
	}
	return nil
}
