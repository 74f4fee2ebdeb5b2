package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// form is what becomes of a file on its way to its place.
type form int

const (
	plain      form = iota // as it is
	page                   // a man page: compressed
	protocol               // docs/PROTOCOL.md: made a man page, and compressed
	program                // from the folder of programs
	completion             // what a program prints for a shell
	unit                   // a text that names the folder of the programs
	setting                // a file that people edit
	made                   // made here, by the name in from
	license                // the terms, which an rpm keeps apart
)

// file is one file of an installation.
type file struct {
	from string // in the sources; "SHELL PROGRAM" of a completion
	to   string // its place: the name of a folder of folders, /, and the rest
	form form
}

// The three parts of Video Club, each a package called videoclub-PART.
const (
	central   = "central"
	reception = "reception"
	client    = "client"
)

var parts = []string{central, reception, client}

// The kinds of installation. Each has some files of its own.
const (
	deb  = "deb"
	rpm  = "rpm"
	tree = "tree" // make install
)

// programs are the programs of each part.
var programs = map[string][]string{
	central: {"vccs"}, reception: {"vcvrs"}, client: {"vcuser", "vcadmin"},
}

// pages are the man pages of each part. vc-protocol(7) is made, and stands with
// the part that begins every conversation.
var pages = map[string][]string{
	central: {"vccs.8", "vccs.toml.5"}, reception: {"vcvrs.8", "vcvrs.toml.5"}, client: {"vcuser.1", "vcadmin.1"},
}

// settings are the files that people edit.
var settings = map[string]string{central: "vccs.toml", reception: "vcvrs.toml"}

// list gives every file of a part in a kind of installation, in the order of
// their places. sources is the folder of the sources.
func list(sources, part, kind string) ([]file, error) {
	var all []file
	add := func(from, to string, form form) { all = append(all, file{from, to, form}) }
	for _, name := range programs[part] {
		add(name, "bin/"+name, program)
		add("bash "+name, "prefix/share/bash-completion/completions/"+name, completion)
		add("fish "+name, "prefix/share/fish/vendor_completions.d/"+name+".fish", completion)
		// Debian's zsh looks for what packages bring in a folder of its own.
		folder := "site-functions"
		if kind == deb {
			folder = "vendor-completions"
		}
		add("zsh "+name, "prefix/share/zsh/"+folder+"/_"+name, completion)
	}
	for _, name := range pages[part] {
		add("packaging/man/"+name, "man/man"+name[len(name)-1:]+"/"+name+".gz", page)
	}
	if part == central {
		add("docs/PROTOCOL.md", "man/man7/vc-protocol.7.gz", protocol)
	}
	if name := settings[part]; name != "" {
		add("etc/"+name, "sysconf/vc/"+name, setting)
		// As it was shipped, to compare with and to go back to.
		add("etc/"+name, "doc/examples/"+name, plain)
	}
	var err error
	if part != client {
		var units []file
		units, err = unitFiles(sources, part, expected[part])
		all = append(all, units...)
	}
	switch kind {
	case deb:
		add("packaging/copyright", "doc/copyright", plain)
		add("changelog", "doc/changelog.Debian.gz", made)
		add("packaging/lintian/"+part, "prefix/share/lintian/overrides/videoclub-"+part, plain)
	case rpm:
		add("LICENSE", "licenses/LICENSE", license)
		if part != client {
			add("preset", "prefix/lib/systemd/system-preset/80-videoclub-"+part+".preset", made)
		}
	default:
		add("LICENSE", "doc/LICENSE", plain)
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.to, b.to) })
	return all, err
}

// unitFolders are the folders in units/, and where systemd looks for what is in
// them.
var unitFolders = map[string]string{
	".":          "prefix/lib/systemd/system/",
	"sysusers.d": "prefix/lib/sysusers.d/",
	"tmpfiles.d": "prefix/lib/tmpfiles.d/",
	"catalog":    "prefix/lib/systemd/catalog/",
	"generators": "prefix/lib/systemd/system-generators/",
}

// expected are the files of units/ without which a part is no service.
var expected = map[string][]string{
	central:   {"vccs.service", "vccs-user.socket", "vccs-admin.socket", "vccs-admin-local.socket", "vccs-console.socket", "sysusers.d/vccs.conf", "tmpfiles.d/vccs.conf", "generators/vccs-generator", "catalog/vccs.catalog", "catalog/vccs.es.catalog"},
	reception: {"vcvrs.service", "vcvrs.socket", "vcvrs-console.socket", "vcvrs-deposits.path", "vcvrs-deposits.service", "vc-deposit@.service", "sysusers.d/vcvrs.conf", "tmpfiles.d/vcvrs.conf", "generators/vcvrs-generator", "catalog/vcvrs.catalog", "catalog/vcvrs.es.catalog"},
}

// unitFiles gives the files of units/ that belong to a part. One that belongs to
// none, and one of needed that is not there, are mistakes.
func unitFiles(sources, part string, needed []string) (all []file, err error) {
	found := make(map[string]bool)
	err = fs.WalkDir(os.DirFS(sources), "units", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name = strings.TrimPrefix(name, "units/")
		place, known := unitFolders[path.Dir(name)]
		owner := ownerOf(path.Base(name))
		switch {
		case !known || owner == "":
			return fmt.Errorf("units/%s is in no package: say in internal/packaging/list.go where it goes", name)
		case owner == part:
			found[name] = true
			all = append(all, file{"units/" + name, place + path.Base(name), unit})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range needed {
		if !found[name] {
			return nil, fmt.Errorf("units/%s is not there: without it videoclub-%s is no service", name, part)
		}
	}
	return all, nil
}

// ownerOf is the part whose program's name the name of a file begins with, "" of
// none.
func ownerOf(name string) string {
	if strings.HasPrefix(name, "vc-deposit@") { // what follows a deposit, which a reception has
		return reception
	}
	for part, names := range programs {
		if slices.ContainsFunc(names, func(program string) bool { return strings.HasPrefix(name, program) }) {
			return part
		}
	}
	return ""
}

// enabled gives the units of a part that an installation enables: those that
// say where they want to be ([Install]).
func enabled(sources string, files []file) (units []string, err error) {
	for _, f := range files {
		if f.form != unit || !strings.HasPrefix(f.to, unitFolders["."]) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(sources, f.from))
		if err != nil {
			return nil, err
		}
		if name := path.Base(f.to); !strings.Contains(name, "@") && slices.Contains(strings.Split(string(text), "\n"), "[Install]") {
			units = append(units, name)
		}
	}
	return units, nil
}
