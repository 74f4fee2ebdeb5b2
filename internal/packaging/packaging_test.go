package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sourcesHere is the folder of the sources, from this one.
const sourcesHere = "../.."

// Each file of an installation is there in the sources, and no two parts have a
// file at one place: their packages could not be installed together.
func TestList(t *testing.T) {
	for _, kind := range []string{deb, rpm, tree} {
		owner := make(map[string]string)
		for _, part := range parts {
			name := "videoclub"
			if kind != tree {
				name += "-" + part
			}
			where := usual("/usr", "/etc", name)
			files, err := list(sourcesHere, part, kind)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				place := where.place(f.to)
				if other, taken := owner[place]; taken && (kind != tree || f.from != "LICENSE") {
					t.Errorf("%s: %s is of %s and of %s", kind, place, other, part)
				}
				owner[place] = part
				if !strings.HasPrefix(place, "/usr/") && !strings.HasPrefix(place, "/etc/vc/") {
					t.Errorf("%s: %s goes to %s", kind, f.from, place)
				}
				if f.form == program || f.form == completion || f.form == made {
					continue
				}
				if _, err := os.Stat(filepath.Join(sourcesHere, f.from)); err != nil {
					t.Error(err)
				}
			}
		}
		pages, err := filepath.Glob(sourcesHere + "/packaging/man/*")
		if err != nil || len(pages) < 6 {
			t.Fatalf("%q, %v", pages, err)
		}
		for _, path := range append(pages, "vc-protocol.7") {
			page := filepath.Base(path)
			if place := "/usr/share/man/man" + page[len(page)-1:] + "/" + page + ".gz"; owner[place] == "" {
				t.Errorf("%s: %s is in no package", kind, page)
			}
		}
	}
}

// sources makes the folder units/ of sources that have these files.
func sources(t *testing.T, units map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range units {
		path := filepath.Join(dir, "units", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// All units go where systemd looks, with the part whose program they begin
// with; what goes nowhere is refused by its name.
func TestUnitFiles(t *testing.T) {
	dir := sources(t, map[string]string{
		"vccs.service": "[Service]\n", "vccs-user.socket": "[Socket]\n[Install]\n", "vccs@.service": "[Install]\n",
		"vcvrs.service": "", "sysusers.d/vccs.conf": "",
	})
	files, err := unitFiles(dir, central, []string{"vccs.service"})
	var places []string
	for _, f := range files {
		places = append(places, usual("/usr", "/etc", "x").place(f.to))
	}
	want := []string{
		"/usr/lib/systemd/system/vccs-user.socket", "/usr/lib/systemd/system/vccs.service", "/usr/lib/systemd/system/vccs@.service",
		"/usr/lib/sysusers.d/vccs.conf",
	}
	if slices.Sort(places); err != nil || !slices.Equal(places, want) {
		t.Errorf("%v, %q", err, places)
	}
	if units, err := enabled(dir, files); err != nil || !slices.Equal(units, []string{"vccs-user.socket"}) {
		t.Errorf("enabled are %q, %v", units, err)
	}

	if _, err := unitFiles(dir, central, []string{"vccs-gone.socket"}); err == nil || !strings.Contains(err.Error(), "units/vccs-gone.socket is not there") {
		t.Errorf("one that is not there: %v", err)
	}
	for _, name := range []string{"other.service", "etc.d/vccs.conf"} {
		dir := sources(t, map[string]string{name: ""})
		if _, err := unitFiles(dir, central, nil); err == nil || !strings.Contains(err.Error(), "units/"+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A package's version has the order of time, in which what comes before a
// release comes before it.
func TestPackageVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":                             "1.2.3",
		"v1.3.0-rc1":                         "1.3.0~rc1",
		"v0.0.0-20261122123129-5ae02881e4b2": "0.0.0~20261122123129.5ae02881e4b2",
		"v1.2.4-0.20261122123129-5ae02881e4b2+dirty": "1.2.4~0.20261122123129.5ae02881e4b2+dirty",
		"v1.3.0-rc1.0.20261122123129-5ae02881e4b2":   "1.3.0~rc1.0.20261122123129.5ae02881e4b2",
		"(devel)": "0.0.0~devel", "": "0.0.0~devel",
	} {
		if got := packageVersion(version); got != want {
			t.Errorf("%s becomes %s, want %s", version, got, want)
		}
	}
}

// The release is read from a program: this one.
func TestReleaseOf(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SOURCE_DATE_EPOCH": "1795392000"}
	r, err := releaseOf(sourcesHere, self, func(name string) string { return env[name] })
	if want := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC); err != nil || r.when != want || r.number != 1 || r.text == "" {
		t.Errorf("%+v, %v", r, err)
	}
	// Tests are built without version control.
	delete(env, "SOURCE_DATE_EPOCH")
	if r, err := releaseOf(sourcesHere, self, func(name string) string { return env[name] }); err != nil || r.when.Year() < 2026 {
		t.Errorf("by the manual: %+v, %v", r, err)
	}
	if _, err := releaseOf(t.TempDir(), self, func(name string) string { return env[name] }); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
		t.Errorf("without a manual: %v", err)
	}
	env["SOURCE_DATE_EPOCH"] = "yesterday"
	if _, err := releaseOf(sourcesHere, self, func(name string) string { return env[name] }); err == nil {
		t.Error("a time that is none is taken")
	}
	if _, err := releaseOf(sourcesHere, "/dev/null", os.Getenv); err == nil {
		t.Error("a program that is none is taken")
	}
}

// fake makes programs that speak as the real ones do where a package asks them.
func fake(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, names := range programs {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho \"$0 $*\" | sed 's,.*/,,'\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil || z.Name != "" || !z.ModTime.IsZero() {
			t.Fatalf("%s: %v, %+v", path, err, z.Header)
		}
	}
	return string(data)
}

// What is put is what the sources and the programs say, at its place and with
// its mode; edited settings stay.
func TestPut(t *testing.T) {
	bin, root := fake(t), t.TempDir()
	m := maker{
		sources: sourcesHere, bin: bin, run: bin, folders: usual("/opt", "/etc", "videoclub"), part: central, kind: deb,
		release: release{source: "v1.2.3", text: "1.2.3", number: 2, when: time.Unix(1795392000, 0).UTC()},
	}
	files, err := list(sourcesHere, central, deb)
	if err != nil {
		t.Fatal(err)
	}
	edited := filepath.Join(root, "etc/vc/vccs.toml")
	if err := m.put(files, root, func(place string) string { return place + ".new" }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(edited); err == nil {
		t.Error("it wrote settings that were to stay")
	}
	for place, want := range map[string]string{
		"etc/vc/vccs.toml.new": "Settings of vccs",
		"opt/bin/vccs":         "#!/bin/sh",
		"opt/share/bash-completion/completions/vccs":    "vccs completion bash",
		"opt/share/zsh/vendor-completions/_vccs":        "vccs completion zsh",
		"opt/share/man/man7/vc-protocol.7.gz":           ".Dd November 23, 2026",
		"opt/share/man/man8/vccs.8.gz":                  ".Dt VCCS 8",
		"opt/share/doc/videoclub/changelog.Debian.gz":   "videoclub-central (1.2.3-2) unstable; urgency=medium",
		"opt/share/lintian/overrides/videoclub-central": "statically-linked-binary",
		"opt/share/doc/videoclub/examples/vccs.toml":    "Settings of vccs",
	} {
		if got := text(t, filepath.Join(root, place)); !strings.Contains(got, want) {
			t.Errorf("%s: %.200q", place, got)
		}
		info, err := os.Stat(filepath.Join(root, place))
		wantMode := os.FileMode(0o644)
		if strings.HasPrefix(place, "opt/bin/") {
			wantMode = 0o755
		}
		if err != nil || info.Mode() != wantMode {
			t.Errorf("%s: %v, %v", place, info.Mode(), err)
		}
	}
}

// The programs are looked for in units where they are installed.
func TestUnitsNameTheFolder(t *testing.T) {
	dir := sources(t, map[string]string{"vccs.service": "[Service]\nExecStart=/usr/bin/vccs --x\n"})
	m := maker{sources: dir, folders: usual("/opt", "/etc", "x")}
	got, mode, err := m.content(file{from: "units/vccs.service", form: unit})
	if err != nil || mode != 0o644 || string(got) != "[Service]\nExecStart=/opt/bin/vccs --x\n" {
		t.Errorf("%s, %v, %v", got, mode, err)
	}
}

// Every script that a package has names its own units, and nothing is left of
// the words that stood for them. Every field of nfpm.yaml is given.
func TestScriptsAndConfiguration(t *testing.T) {
	dir := sources(t, map[string]string{
		"vccs.service": "[Install]\n", "vccs-user.socket": "[Install]\n", "sysusers.d/vccs.conf": "", "tmpfiles.d/vccs.conf": "",
		"vccs-once.service": "[Service]\n",
	})
	for _, name := range []string{"packaging", "nfpm.yaml"} {
		here, err := filepath.Abs(filepath.Join(sourcesHere, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(here, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := unitFiles(dir, central, nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string][]string{
		deb: {"for unit in vccs-user.socket vccs.service; do", "--create vccs.conf", "for unit in vccs.service; do", "stop vccs-once.service vccs-user.socket vccs.service", "rm -rf /var/lib/vccs\n"},
		rpm: {"preset vccs-user.socket vccs.service ", "disable --now vccs-once.service vccs-user.socket vccs.service", "try-restart vccs.service "},
	} {
		m := maker{sources: dir, part: central, kind: kind, release: release{text: "1.2.3", number: 7}}
		made := t.TempDir()
		paths, err := m.scripts(files, made)
		if err != nil || len(paths) != 3 {
			t.Fatalf("%q, %v", paths, err)
		}
		all := ""
		for _, path := range paths {
			all += text(t, path)
		}
		for _, line := range want {
			if !strings.Contains(all, line) {
				t.Errorf("%s: nothing says %q\n%s", kind, line, all)
			}
		}
		config := filepath.Join(made, "nfpm.yaml")
		if err := m.configure(config, "arm64", []content{{Destination: "/x"}}, paths); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"name: \"videoclub-central\"\n", "arch: \"arm64\"\n", "version: \"1.2.3\"\n", "release: \"7\"\n", `contents: [{"dst":"/x"}]`} {
			if got := text(t, config); !strings.Contains(got, line) || strings.Contains(got, "null") {
				t.Errorf("nothing says %q\n%s", line, got)
			}
		}
	}
	m := maker{sources: sources(t, map[string]string{}), part: client}
	if err := os.WriteFile(filepath.Join(m.sources, "nfpm.yaml"), []byte("name: ${VC_NMAE}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.configure(filepath.Join(t.TempDir(), "x"), "arm64", nil, nil); err == nil || !strings.Contains(err.Error(), "VC_NMAE") {
		t.Errorf("a word that nobody gives: %v", err)
	}
}
