//go:build root

package installed

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// services are the two services, and settings the files that people edit, by
// the package that has them.
var (
	services = map[string]string{"videoclub-central": "vccs", "videoclub-reception": "vcvrs"}
	settings = map[string]string{"videoclub-central": "/etc/vc/vccs.toml", "videoclub-reception": "/etc/vc/vcvrs.toml"}
)

// carry copies packages into a host's /root/DIR.
func (h *host) carry(dir string, paths []string) {
	h.t.Helper()
	place := filepath.Join(h.root, "root", dir)
	if err := os.MkdirAll(place, 0o755); err != nil {
		h.t.Fatal(err)
	}
	must(h.t, "cp", append(slices.Clone(paths), place)...)
}

// units are the units of a package with a section [Install], and those of them
// that listen.
func (h *host) units(name string) (all, sockets []string) {
	h.t.Helper()
	for path := range strings.Lines(h.run("dpkg", "-L", name)) {
		path = strings.TrimSpace(path)
		if filepath.Dir(path) != "/usr/lib/systemd/system" || strings.Contains(path, "@") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(h.root, path))
		if err != nil {
			h.t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n[Install]\n") {
			continue
		}
		unit := filepath.Base(path)
		all = append(all, unit)
		if strings.HasSuffix(unit, ".socket") {
			sockets = append(sockets, unit)
		}
	}
	if len(all) < 2 || len(sockets) == 0 {
		h.t.Fatalf("%s has the units %q", name, all)
	}
	return all, sockets
}

// edit replaces a text in a file of the host.
func (h *host) edit(path, from, to string) {
	h.t.Helper()
	path = filepath.Join(h.root, path)
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), from) {
		h.t.Fatalf("%s has no %q, %v", path, from, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// text is a file of the host.
func (h *host) text(path string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// installation are the commands by which the README says to install the packages
// on Debian, for this machine's architecture.
func installation(t *testing.T) (commands []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Install\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "apt install ") {
			commands = append(commands, strings.ReplaceAll(line, "amd64", runtime.GOARCH))
		}
	}
	if len(commands) < 2 {
		t.Fatalf("the README installs with %q", commands)
	}
	return commands
}

// The life of the packages on a running Debian: installed as the README says,
// upgraded, removed, installed again and purged.
func TestDebian(t *testing.T) {
	h := boot(t, tree(t))
	h.carry("dist", packages(t, dist(), "deb", true))
	h.carry("next", packages(t, next(t), "deb", true))
	var said string
	for _, command := range installation(t) {
		said += h.run("sh", "-c", "cd && "+command) + "\n"
	}
	h.installed(said)
	if t.Failed() {
		return
	}
	h.upgraded()
	h.removed()
	h.purged()
	h.noneFailed()
}

// installed looks at the host right after the installation.
func (h *host) installed(said string) {
	t := h.t
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "WARNING: apt does not have a stable CLI interface.") {
			continue // for those who read
		}
		if low := strings.ToLower(line); strings.Contains(low, "warning") || strings.Contains(low, "error") || strings.Contains(low, "fail") {
			t.Errorf("apt says: %s", line)
		}
	}
	for name, service := range services {
		if said := h.run("dpkg", "--verify", name); said != "" {
			t.Errorf("%s is not as it was made:\n%s", name, said)
		}
		all, sockets := h.units(name)
		for _, unit := range all {
			if is := h.try("systemctl", "is-enabled", unit); is != "enabled" {
				t.Errorf("%s is %s", unit, is)
			}
		}
		for _, unit := range append(sockets, service+".service") {
			if is := h.try("systemctl", "is-active", unit); is != "active" {
				t.Errorf("%s is %s\n%s", unit, is, h.try("systemctl", "status", "--no-pager", "--full", unit))
			}
		}
		if got := owned(t, filepath.Join(h.root, settings[name])); got != "0:0 644" {
			t.Errorf("%s is %s", settings[name], got)
		}
		user := h.run("id", "-u", service) + ":" + h.run("id", "-g", service)
		if got := owned(t, filepath.Join(h.root, "var/lib", service)); got != user+" 700" || strings.HasPrefix(got, "0:") {
			t.Errorf("/var/lib/%s is %s, and the user %s", service, got, user)
		}
		version, source := h.run("dpkg-query", "-W", "-f=${Version}", name), h.run(service, "--version")
		number := strings.TrimPrefix(source, service+" ")
		if number, _, _ = strings.Cut(strings.TrimPrefix(number, "v"), "-"); number == "(devel)" {
			number = "0.0.0~devel" // of sources without version control
		}
		if !strings.HasPrefix(source, service+" ") || !strings.HasSuffix(version, "-1") || !strings.HasPrefix(version, number) {
			t.Errorf("%s has version %s, its program says %s", name, version, source)
		}
	}
	// A title is added by the service's own user, within its sandbox.
	if err := os.WriteFile(filepath.Join(h.root, "srv/film.mkv"), []byte("a film"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.run("vcadmin", "add", "Film", "/srv/film.mkv", "--duration", "1m")
	if list := h.run("vcuser", "list"); !strings.Contains(list, "Film") {
		t.Errorf("the titles are %s", list)
	}
	if log := h.run("journalctl", "-b", "-u", "vccs", "--no-pager"); strings.Contains(log, "belongs to somebody else") {
		t.Errorf("the server takes its own file for somebody else's:\n%s", log)
	}
	h.noneFailed()
}

// upgraded installs a next release over what people have changed.
func (h *host) upgraded() {
	t := h.t
	h.edit("/etc/vc/vccs.toml", `#language = "es"`, `language = "en"`)
	h.run("systemctl", "reload", "vccs.service")
	all, sockets := h.units("videoclub-central")
	// Somebody wants no reception here for now.
	receiving, _ := h.units("videoclub-reception")
	h.run("systemctl", append([]string{"disable", "--now"}, receiving...)...)
	pid, listening := h.property("vccs.service", "MainPID"), h.property(sockets[0], "InvocationID")

	h.run("sh", "-c", "dpkg --force-confdef --force-confold -i /root/next/*.deb")

	if text := h.text("/etc/vc/vccs.toml"); !strings.Contains(text, "\nlanguage = \"en\"") || strings.Contains(text, "next release") {
		t.Error("edited settings are not kept")
	}
	if text := h.text("/etc/vc/vccs.toml.dpkg-dist"); !strings.Contains(text, "next release") {
		t.Error("the new settings are not beside the edited ones")
	}
	if text := h.text("/etc/vc/vcvrs.toml"); !strings.Contains(text, "next release") {
		t.Error("settings that nobody edited are not those of the next release")
	}
	if now := h.property("vccs.service", "MainPID"); now == pid || now == "0" {
		t.Errorf("vccs.service runs as process %s, before as %s", now, pid)
	}
	for _, unit := range sockets {
		if is := h.try("systemctl", "is-active", unit); is != "active" {
			t.Errorf("%s is %s after the upgrade", unit, is)
		}
	}
	if now := h.property(sockets[0], "InvocationID"); now != listening {
		t.Errorf("%s did not listen all the time", sockets[0])
	}
	for _, unit := range all {
		if is := h.try("systemctl", "is-enabled", unit); is != "enabled" {
			t.Errorf("%s is %s after the upgrade", unit, is)
		}
	}
	for _, unit := range receiving {
		if is := h.try("systemctl", "is-enabled", unit); is != "disabled" {
			t.Errorf("%s was disabled, and is %s after the upgrade", unit, is)
		}
	}
	if version := h.run("dpkg-query", "-W", "-f=${Version}", "videoclub-central"); !strings.HasSuffix(version, "-2") {
		t.Errorf("version %s", version)
	}
	h.run("vcuser", "list")
	h.noneFailed()
}

// removed removes the servers, whose state and settings stay.
func (h *host) removed() {
	t := h.t
	var units []string
	for name := range services {
		all, _ := h.units(name)
		units = append(units, all...)
	}
	if err := os.WriteFile(filepath.Join(h.root, "srv/videoclub/film.mkv"), []byte("a film"), 0o640); err != nil {
		t.Fatal(err)
	}
	h.run("dpkg", "-r", "videoclub-central", "videoclub-reception")
	for _, unit := range units {
		if is := h.try("systemctl", "is-active", unit); is != "inactive" {
			t.Errorf("%s is %s after it was removed", unit, is)
		}
	}
	if listening := h.run("ss", "-Hltn"); strings.Contains(listening, ":410") {
		t.Errorf("somebody listens yet:\n%s", listening)
	}
	for _, path := range []string{"/etc/vc/vccs.toml", "/var/lib/vccs/keys", "/srv/videoclub/film.mkv"} {
		if !exists(filepath.Join(h.root, path)) {
			t.Errorf("%s is gone", path)
		}
	}
	h.noneFailed()

	// Installed again, they go on as they were.
	h.run("sh", "-c", "dpkg --force-confdef --force-confold -i /root/next/*.deb")
	if text := h.text("/etc/vc/vccs.toml"); !strings.Contains(text, "\nlanguage = \"en\"") {
		t.Error("edited settings are not kept over a removal")
	}
	h.run("vcuser", "list")
}

// purged purges them: of the programs nothing is left, of deposits all.
func (h *host) purged() {
	t := h.t
	h.run("dpkg", "-P", "videoclub-central", "videoclub-reception", "videoclub-client")
	left := h.run("find", "/etc", "/var/lib", "/usr", "/srv", "-xdev", "(", "-name", "*vccs*", "-o", "-name", "*vcvrs*", "-o", "-name", "*videoclub*", "-o", "-path", "/etc/vc*", ")")
	if left != "/srv/videoclub" {
		t.Errorf("after the purge there are:\n%s", left)
	}
	if !exists(filepath.Join(h.root, "srv/videoclub/film.mkv")) {
		t.Error("a deposit is gone")
	}
	// Where nothing was deposited, the empty store goes too.
	if err := os.Remove(filepath.Join(h.root, "srv/videoclub/film.mkv")); err != nil {
		t.Fatal(err)
	}
	h.run("sh", "-c", "dpkg -i /root/next/videoclub-reception*.deb && dpkg -P videoclub-reception")
	if exists(filepath.Join(h.root, "srv/videoclub")) {
		t.Errorf("the empty store is left:\n%s", h.run("find", "/srv"))
	}
}
