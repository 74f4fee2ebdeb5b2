//go:build root

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"videoclub/internal/sample"
)

// packed makes the packages of a release for this machine, of programs in dir.
func packed(t *testing.T, dir string, release int) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "dist")
	cmd := exec.Command("go", "run", "./internal/packaging", "-bin", filepath.Dir(dir), "-run", dir, "-out", out, "-architectures", runtime.GOARCH, "-release", fmt.Sprint(release), "package")
	cmd.Dir = "../.."
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	all, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(all) != 3 {
		t.Fatalf("packages: %q, %v", all, err)
	}
	return all
}

// carry puts files into a folder of a host.
func (h *host) carry(folder string, files []string) {
	h.t.Helper()
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil {
			err = h.Write(filepath.Join(folder, filepath.Base(f)), string(text), 0o644)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// block is commands that the README says are for one host.
type block struct{ host, commands string }

// installation gives what the README says under "Install", for the architecture
// of this machine.
func installation(t *testing.T) (all []block) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Install\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile("(?s)```sh\n# on ([a-z.]+)\n(.*?)```").FindAllStringSubmatch(section, -1) {
		all = append(all, block{m[1], strings.ReplaceAll(m[2], "amd64", runtime.GOARCH)})
	}
	if len(all) != 4 || strings.Count(section, "```") != 8 {
		t.Fatalf("the README installs with %q", all)
	}
	return all
}

// The commands under "Install" in the README, word for word, on hosts on which
// nothing is but Debian: a film is at the other, and the mail in the mailbox.
// Then both are upgraded while a film is under way.
func TestReadme(t *testing.T) {
	programs := filepath.Join(t.TempDir(), runtime.GOARCH)
	if err := os.Rename(build(t), programs); err != nil {
		t.Fatal(err)
	}
	next := packed(t, programs, 2)
	dist, err := filepath.Glob(os.Getenv("VC_PACKAGES") + "/*_" + runtime.GOARCH + ".deb")
	if err != nil || len(dist) == 0 { // make e2e has made them
		dist = packed(t, programs, 1)
	}
	hosts := newHosts(t, "mail.example.org", "films.example.org", "cinema.example.org")
	films, cinema, mail := hosts["films.example.org"], hosts["cinema.example.org"], hosts["mail.example.org"]
	for _, h := range []*host{films, cinema} {
		h.carry("/root/dist", dist)
		h.carry("/root/next", next)
	}
	if err := mail.Write("/etc/smtpd.conf", strings.ReplaceAll(mailConfig, "elo.utfsm.cl", "example.org"), 0o644); err != nil {
		t.Fatal(err)
	}
	film, err := os.Create(filepath.Join(t.TempDir(), "la-piedra.avi"))
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	if err := sample.Write(film, 5); err != nil {
		t.Fatal(err)
	}
	films.carry("/srv/films", []string{film.Name()})
	for _, h := range hosts {
		if err := h.Boot(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	mail.sh("useradd --create-home ana")

	code := ""
	for _, b := range installation(t) {
		for command := range strings.Lines(b.commands) {
			code = obey(t, hosts[b.host], strings.TrimSuffix(command, "\n"), code)
		}
	}
	sum := strings.Fields(films.sh("sha256sum /srv/films/la-piedra.avi"))[0]
	cinema.contains("sha256sum '/srv/videoclub/La Piedra.avi'", sum)
	until(t, "the mail is in the mailbox", time.Minute, func() bool {
		out, err := mail.try("cat /home/ana/Maildir/new/*")
		return err == nil && strings.Contains(out, "Su video La Piedra ya ha sido depositado en cinema.example.org")
	})
	upgrades(t, films, cinema)
	for _, h := range []*host{films, cinema} {
		if out := h.sh("systemctl --failed --no-legend"); out != "" {
			t.Errorf("%s: %s", h.Name, out)
		}
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// obey runs one command of the README, with the code that a former one printed,
// and gives the code that this one prints.
func obey(t *testing.T, h *host, command, code string) string {
	t.Helper()
	run := "cd /root; export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8; " + strings.ReplaceAll(command, "CODE", code)
	if strings.Contains(command, "reception check") { // seconds later they know each other
		until(t, command, time.Minute, func() bool { _, err := h.try(run); return err == nil })
	}
	out := h.sh(run)
	t.Logf("%s# %s\n%s", h.Name, command, out)
	switch {
	case strings.HasPrefix(command, "ls ") && !strings.Contains(out, "La Piedra.avi"),
		strings.HasPrefix(command, "journalctl") && !strings.Contains(out, "deposited"):
		t.Errorf("%s: %s shows\n%s", h.Name, command, out)
	}
	if m := regexp.MustCompile(`vcvrs pair (\S+)`).FindStringSubmatch(out); m != nil {
		return m[1]
	}
	return code
}

// upgrades installs the next release on both hosts, one after the other, while a
// film is under way.
func upgrades(t *testing.T, films, cinema *host) {
	films.sh(`sed -i 's|^#max_pace = .*|max_pace = "2 MB/s"|' /etc/vc/vccs.toml; systemctl reload vccs; head -c 30M /dev/urandom > /srv/films/film1.mp4
		vcadmin add 'Film 1' /srv/films/film1.mp4 --duration 1m`)
	s := &site{central: films, titles: 1}
	id := 2
	films.sh("vcuser request 2 --at cinema.example.org --by +30m")
	for _, h := range []*host{films, cinema} {
		s.begun(id)
		h.sh("export DEBIAN_FRONTEND=noninteractive; dpkg --force-confdef --force-confold -i $(ls /root/next/*.deb | grep -E \"$(dpkg-query -W -f='${Package}|' 'videoclub-*' | sed 's/|$//')\")")
		h.contains("dpkg-query -W -f='${Package} ${Version}\n' 'videoclub-*'", "-2\n")
	}
	s.deposited(id, cinema, "/srv/videoclub")
	films.contains(fmt.Sprintf("journalctl -o cat VC_DELIVERY=%d", id), "resuming")
}
