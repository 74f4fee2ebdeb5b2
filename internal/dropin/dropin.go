// Package dropin is what the settings of a daemon ask of its units: the
// addresses that systemd listens at for it, the paths that it may use, and the
// processes and the memory. It takes settings and gives the text of drop-ins
// (systemd.unit(5)).
package dropin

import (
	"fmt"
	"path"
	"strings"

	"videoclub/internal/config"
)

// File is the name of each drop-in in the folder of its unit. Those of the
// administrator, in /etc, are read after it where their names come later.
const File = "40-toml.conf"

// The names of credentials: of the password of mail, of what browsers on other
// machines are shown, of what they have to show to a reception, and of what lets
// metrics be read there.
const (
	MailPassword       = "mail-password"
	ConsoleCertificate = "console-certificate"
	ConsoleKey         = "console-key"
	ConsoleToken       = "console-token"
	MetricsToken       = "metrics-token"
)

// Dropin is what is added to a unit.
type Dropin struct {
	Unit string // "vccs-user.socket"
	Text string
}

// Central gives the drop-ins for vccs, which is configured by file. A file with a
// secret becomes a credential if it is there.
func Central(file string, c config.Central, there func(path string) bool) []Dropin {
	s := paths{read: c.Roots}
	for _, written := range []string{c.State, path.Dir(c.Videos), c.Live.Spool} {
		if path.IsAbs(written) {
			s.write = append(s.write, written)
		}
	}
	service := s.text() + devices(c.Live) + unlessUsual(CentralBounds(c), CentralBounds(config.DefaultCentral()))
	service += credentials(there, [][2]string{{MailPassword, c.Mail.PasswordFile}, {ConsoleCertificate, c.Console.Certificate}, {ConsoleKey, c.Console.Key}, {MetricsToken, c.Console.Metrics}})
	return written(file, socket("vccs-user.socket", c.Users), socket("vccs-admin.socket", c.Administrators), local("vccs-admin-local.socket", c), console("vccs-console.socket", c.Console),
		Dropin{"vccs.service", section("Service", service)})
}

// Reception gives the drop-ins for vcvrs, as Central does.
func Reception(file string, r config.Reception, there func(path string) bool) []Dropin {
	var s paths
	unit := ""
	if path.IsAbs(r.Store) {
		s.write = append(s.write, r.Store)
		unit = "# Nothing is stored into the empty directory that a missing disk leaves.\nRequiresMountsFor=" + quote(r.Store) + "\n"
	}
	if path.IsAbs(r.State) {
		s.write = append(s.write, r.State)
	}
	service := s.text() + unlessUsual(ReceptionBounds(r), ReceptionBounds(config.DefaultReception()))
	service += credentials(there, [][2]string{{ConsoleCertificate, r.Console.Certificate}, {ConsoleKey, r.Console.Key}, {ConsoleToken, r.ConsoleToken}, {MetricsToken, r.Console.Metrics}})
	return written(file, socket("vcvrs.socket", r.Listen), console("vcvrs-console.socket", r.Console),
		Dropin{"vcvrs.service", section("Unit", unit) + section("Service", service)})
}

// What a service may have for each of its workers, and for its supervisor besides:
// threads, mebibytes and descriptors. A worker has some 8 threads; its memory is an
// average, of 5 MiB for one that was asked little and 24 for one that delivers; the
// supervisor has a handful of descriptors for each.
const (
	tasksEach, tasksBesides   = 16, 512
	memoryEach, memoryBesides = 12, 512
	filesEach, filesBesides   = 32, 4096
)

// CentralBounds gives the settings that bound what vccs uses of its machine
// (systemd.resource-control(5), systemd.exec(5)): as much as there may be workers,
// one for each connection and two for each delivery. The others are by the socket
// of this machine, 36 at most, spare, or look through sources, record and mail.
func CentralBounds(c config.Central) string { return bounds(c.Connections + 2*c.Deliveries + 64) }

// ReceptionBounds gives those of vcvrs: two workers for each connection of a central
// server, and one for each of as many browsers.
func ReceptionBounds(r config.Reception) string { return bounds(3*r.Connections + 8) }

func bounds(workers int) string {
	memory := memoryEach*workers + memoryBesides
	tasks := tasksEach*workers + tasksBesides
	return fmt.Sprintf("TasksMax=%d\nLimitNPROC=%[1]d\nMemoryHigh=%dM\nMemoryMax=%dM\nLimitNOFILE=%d\n",
		tasks, memory, memory+memory/4, filesEach*workers+filesBesides)
}

// unlessUsual gives bounds that are not those of the unit itself.
func unlessUsual(bounds, usual string) string {
	if bounds == usual {
		return ""
	}
	return "# What there may be of connections and deliveries has room.\n" + bounds
}

// credentials gives the settings by which systemd hands files over under names.
// One that is not there would keep it from starting the service, which says better
// what it misses.
func credentials(there func(path string) bool, named [][2]string) string {
	var b strings.Builder
	for _, c := range named {
		if name, p := c[0], c[1]; path.IsAbs(p) && plain(p) && there(p) {
			b.WriteString("LoadCredential=" + name + ":" + strings.ReplaceAll(p, "%", "%%") + "\n")
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "# Read as root: the files are nobody else's.\n" + b.String()
}

// plain says whether a path stands for itself at the end of a line of a unit. What
// follows the name in LoadCredential= is the path to the end of the line, and systemd
// takes quotes and backslashes in it for letters of the path.
func plain(p string) bool {
	for _, c := range []byte(p) {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return !strings.HasSuffix(p, " ") && !strings.HasSuffix(p, `\`)
}

// local gives the drop-in for the socket of this machine, which there may be none of.
func local(unit string, c config.Central) Dropin {
	if c.AdminSocket == config.None {
		return absent(unit)
	}
	text := ""
	if c.AdminSocket != "" {
		text += "ListenStream=\nListenStream=" + strings.ReplaceAll(c.AdminSocket, "%", "%%") + "\n"
	}
	if c.AdminGroup != "" {
		text += "SocketGroup=" + strings.ReplaceAll(c.AdminGroup, "%", "%%") + "\n"
	}
	return Dropin{unit, section("Socket", text)}
}

// absent gives the drop-in of a socket that is not to be.
func absent(unit string) Dropin {
	return Dropin{unit, section("Unit", "# It is not wanted: this is never so.\nConditionPathExists=!/\n")}
}

// console is socket for a console, which there may be none of.
func console(unit string, c config.Console) Dropin {
	if c.Address == "" {
		return absent(unit)
	}
	return socket(unit, c.Address)
}

// devices lets the service have the devices that may be captured. They are named
// by their kind: one that is plugged in later has another number. Which of a kind,
// the daemon sees to.
func devices(l config.Live) string {
	pictures, sounds := false, false
	for _, d := range l.Devices {
		sound := d == "/dev/snd" || strings.HasPrefix(d, "/dev/snd/")
		pictures, sounds = pictures || !sound, sounds || sound
	}
	if !l.Enabled || !pictures && !sounds {
		return ""
	}
	text := "# The devices of [live], and no others.\nPrivateDevices=no\n"
	if pictures {
		text += "DeviceAllow=char-video4linux rw\nSupplementaryGroups=video\n"
	}
	if sounds {
		text += "DeviceAllow=char-alsa rw\nSupplementaryGroups=audio\n"
	}
	return text
}

// written puts where it comes from above each drop-in that says anything.
func written(file string, all ...Dropin) []Dropin {
	var some []Dropin
	for _, d := range all {
		if d.Text != "" {
			d.Text = fmt.Sprintf("# Made from %s at daemon-reload: edit that.\n%s", strings.ReplaceAll(file, "\n", " "), d.Text)
			some = append(some, d)
		}
	}
	return some
}

func section(name, text string) string {
	if text == "" {
		return ""
	}
	return "[" + name + "]\n" + text
}

// socket gives the drop-in that has systemd listen at address, HOST:PORT. Of
// port 0, any free one, systemd knows nothing: the daemon then says what is wrong.
func socket(unit, address string) Dropin {
	if strings.HasSuffix(address, ":0") {
		return Dropin{Unit: unit}
	}
	// Without a host it is the port alone, which is every address.
	address = strings.ReplaceAll(strings.TrimPrefix(address, ":"), "%", "%%")
	return Dropin{unit, section("Socket", "ListenStream=\nListenStream="+address+"\n")}
}

// paths are what a service reads and writes outside of its own directories.
type paths struct{ read, write []string }

// text gives the settings of the service for them. What is not there is no
// reason for systemd not to start it: it says itself what it misses.
func (s paths) text() string {
	var b strings.Builder
	home := false
	for _, p := range s.read {
		fmt.Fprintf(&b, "ReadOnlyPaths=%s\n", quote("-"+p))
		home = bind(&b, "BindReadOnlyPaths", p) || home
	}
	for _, p := range s.write {
		fmt.Fprintf(&b, "ReadWritePaths=%s\n", quote("-"+p))
		home = bind(&b, "BindPaths", p) || home
	}
	if home {
		b.WriteString("# Homes are empty but for what is bound above.\nProtectHome=tmpfs\n")
	}
	return b.String()
}

// bind has p seen where the unit has hidden it, and says whether that is a home.
func bind(b *strings.Builder, key, p string) (home bool) {
	hidden := false
	for _, dir := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			hidden, home = true, !strings.HasSuffix(dir, "tmp")
		}
	}
	if hidden {
		fmt.Fprintf(b, "%s=%s\n", key, quote("-"+strings.ReplaceAll(p, ":", `\:`)))
	}
	return home
}

// quote writes a word so that a unit reads it as it is (systemd.syntax(7)), and
// no path adds settings of its own.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '%':
			b.WriteString("%%") // no specifier
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
