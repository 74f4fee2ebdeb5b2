package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// nfpm makes the packages: it is no dependency of the programs.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// description is what a package manager says of each part: a line, and a
// paragraph after it of lines that Debian wants to have at most 80 columns.
var description = map[string]string{
	central: `central server that delivers video by a promised time
Video Club takes requests for titles, promises when each will be at
another machine, delivers it there, and proves that it arrived whole.
This is the server with the catalogue, vccs.`,
	reception: `reception server of Video Club
Video Club delivers video to other machines by a time that it promised.
This is the server that receives titles and signs for them, vcvrs.`,
	client: `clients of Video Club, for users and administrators
Video Club delivers video to other machines by a time that it promised.
These are the programs by which people ask for titles and follow them,
vcuser, and by which administrators look after them, vcadmin.`,
}

// relations are what each kind of package says of others.
var relations = map[string]map[string][]string{
	"depends": {
		// What the scripts and units need; the programs need nothing.
		central + deb: {"init-system-helpers (>= 1.54)", "systemd (>= 252)"}, reception + deb: {"init-system-helpers (>= 1.54)", "systemd (>= 252)"},
		central + rpm: {"/bin/sh", "systemd >= 252"}, reception + rpm: {"/bin/sh", "systemd >= 252"},
	},
	"recommends": {
		central + deb: {"videoclub-client"}, central + rpm: {"videoclub-client"},
	},
	"suggests": {
		// Whom to believe that a mail server is the one, where there is one.
		central + deb: {"ca-certificates"}, central + rpm: {"ca-certificates"},
	},
}

// content is a file as nfpm is told of it.
type content struct {
	Source      string    `json:"src,omitempty"`
	Destination string    `json:"dst"`
	Type        string    `json:"type,omitempty"`
	Info        *fileInfo `json:"file_info,omitempty"`
}

type fileInfo struct {
	Mode os.FileMode `json:"mode"`
}

// typeOf is what nfpm calls a file that is more to a kind of package than a file.
func typeOf(f file, kind string) string {
	switch {
	case f.form == setting:
		return "config|noreplace"
	case f.form == license:
		return "license"
	case kind == rpm && (strings.HasPrefix(f.to, "man/") || strings.HasPrefix(f.to, "doc/")):
		return "doc"
	}
	return ""
}

// contents are the files of a package that lie staged below root. They are
// owned by root, and as old as the release.
func (m maker) contents(files []file, root string) ([]content, error) {
	var all []content
	for _, f := range files {
		place := m.folders.place(f.to)
		info, err := os.Stat(filepath.Join(root, place))
		if err != nil {
			return nil, err
		}
		all = append(all, content{filepath.Join(root, place), place, typeOf(f, m.kind), &fileInfo{info.Mode().Perm()}})
	}
	return all, nil
}

// packAll makes the packages for an architecture, as Go and Debian call it. The
// programs for it are in a folder of its name in o.bin.
func packAll(o options, arch string) error {
	bin := filepath.Join(o.bin, arch)
	release, err := releaseOf(o.sources, filepath.Join(bin, programs[central][0]), os.Getenv)
	if err != nil {
		return err
	}
	release.number = o.release
	for _, part := range parts {
		for _, kind := range []string{deb, rpm} {
			m := maker{
				sources: o.sources, bin: bin, run: o.run, release: release, part: part, kind: kind,
				folders: usual("/usr", "/etc", "videoclub-"+part),
			}
			if err := m.pack(arch, o.out); err != nil {
				return fmt.Errorf("videoclub-%s, %s for %s: %w", part, kind, arch, err)
			}
		}
	}
	return nil
}

// pack makes one package into the folder out.
func (m maker) pack(arch, out string) error {
	dir, err := os.MkdirTemp("", "videoclub-package-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files, err := list(m.sources, m.part, m.kind)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	if err := m.put(files, root, func(place string) string { return place }); err != nil {
		return err
	}
	scripts, err := m.scripts(files, dir)
	if err != nil {
		return err
	}
	contents, err := m.contents(files, root)
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "nfpm.yaml")
	if err := m.configure(config, arch, contents, scripts); err != nil {
		return err
	}
	c := exec.Command("go", "run", nfpm, "package", "--config", config, "--packager", m.kind, "--target", out+string(filepath.Separator))
	c.Env = m.release.environ()
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("nfpm: %w\n%s", err, said)
	}
	return nil
}

// configure writes the nfpm.yaml of one package: that of the sources, in which
// the words of the environment are replaced. nfpm itself replaces them in a few
// of its fields alone. Lists and texts are JSON, which YAML takes.
func (m maker) configure(path, arch string, contents []content, scripts map[string]string) error {
	text, err := os.ReadFile(filepath.Join(m.sources, "nfpm.yaml"))
	if err != nil {
		return err
	}
	summary, _, _ := strings.Cut(description[m.part], "\n")
	words := map[string]any{
		"VC_NAME": "videoclub-" + m.part, "VC_ARCH": arch, "VC_VERSION": m.release.text, "VC_RELEASE": strconv.Itoa(m.release.number), "VC_MAINTAINER": maintainer(),
		"VC_DESCRIPTION": description[m.part], "VC_SUMMARY": strings.ToUpper(summary[:1]) + summary[1:], "VC_CONTENTS": contents, "VC_SCRIPTS": scripts,
	}
	for relation, of := range relations {
		words["VC_"+strings.ToUpper(relation)] = append([]string{}, of[m.part+m.kind]...)
	}
	var unknown []string
	made := os.Expand(string(text), func(name string) string {
		value, ok := words[name]
		if !ok {
			unknown = append(unknown, name)
		}
		quoted, _ := json.Marshal(value) // of texts, lists and maps of them
		return string(quoted)
	})
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("nfpm.yaml has ${%s}, which nobody gives", strings.Join(unknown, "}, ${"))
	}
	return os.WriteFile(path, []byte(made), 0o600)
}

// maintainer is whom to write to about the packages: who builds them says it.
func maintainer() string {
	if name := os.Getenv("MAINTAINER"); name != "" {
		return name
	}
	return "Video Club maintainers <maintainers@videoclub.invalid>"
}
