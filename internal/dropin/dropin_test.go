package dropin

import (
	"strings"
	"testing"

	"videoclub/internal/config"
)

func joined(all []Dropin) string {
	var b strings.Builder
	for _, d := range all {
		b.WriteString("== " + d.Unit + "\n" + d.Text)
	}
	return b.String()
}

func TestCentral(t *testing.T) {
	const head = "# Made from /etc/vc/vccs.toml at daemon-reload: edit that.\n"
	for name, c := range map[string]struct {
		toml  string
		there bool
		want  string
	}{
		"defaults": {"", false, "== vccs-user.socket\n" + head + "[Socket]\nListenStream=\nListenStream=127.0.0.1:4100\n" +
			"== vccs-admin.socket\n" + head + "[Socket]\nListenStream=\nListenStream=127.0.0.1:4101\n" +
			"== vccs-console.socket\n" + head + "[Socket]\nListenStream=\nListenStream=127.0.0.1:8400\n"},
		"all": {"users = \":4200\"\nadministrators = \"[fe80::1%eth0]:0\"\nvideos = \"/srv/club/videos.txt\"\nstate = \"/srv/state\"\n" +
			"roots = [\"/srv/films\", \"/home/ana/dcp\"]\n" +
			"admin_socket = \"/run/100%/a\"\nadmin_group = \"club\"\nconsole = \":8443\"\nconsole_certificate = \"/etc/vc/c.pem\"\nconsole_key = \"/etc/vc/k.pem\"\n[mail]\nusername = \"club\"\npassword_file = \"/etc/vc/secret\"", true,
			"== vccs-user.socket\n" + head + "[Socket]\nListenStream=\nListenStream=4200\n" +
				"== vccs-admin-local.socket\n" + head + "[Socket]\nListenStream=\nListenStream=/run/100%%/a\nSocketGroup=club\n" +
				"== vccs-console.socket\n" + head + "[Socket]\nListenStream=\nListenStream=8443\n" +
				"== vccs.service\n" + head + "[Service]\nReadOnlyPaths=\"-/srv/films\"\nReadOnlyPaths=\"-/home/ana/dcp\"\nBindReadOnlyPaths=\"-/home/ana/dcp\"\n" +
				"ReadWritePaths=\"-/srv/state\"\nReadWritePaths=\"-/srv/club\"\n# Homes are empty but for what is bound above.\nProtectHome=tmpfs\n" +
				"# Read as root: the files are nobody else's.\nLoadCredential=mail-password:/etc/vc/secret\n" +
				"LoadCredential=console-certificate:/etc/vc/c.pem\nLoadCredential=console-key:/etc/vc/k.pem\n"},
		"devices": {"users = \":0\"\nadministrators = \":0\"\nconsole = \":0\"\n[live]\ndevices = [\"/dev/video0\", \"/dev/v4l/by-id/x\", \"/dev/snd\"]\nspool = \"/srv/spool\"", true,
			"== vccs.service\n" + head + "[Service]\nReadWritePaths=\"-/srv/spool\"\n# The devices of [live], and no others.\nPrivateDevices=no\n" +
				"DeviceAllow=char-video4linux rw\nSupplementaryGroups=video\nDeviceAllow=char-alsa rw\nSupplementaryGroups=audio\n"},
		"no devices": {"users = \":0\"\nadministrators = \":0\"\nconsole = \":0\"\n[live]\nenabled = false\ndevices = [\"/dev/video0\"]", true, ""},
		"many": {"users = \":0\"\nadministrators = \":0\"\nconsole = \":0\"\nconnections = 4096\ndeliveries = 20", false,
			"== vccs.service\n" + head + "[Service]\n# What there may be of connections and deliveries has room.\n" +
				"TasksMax=67712\nLimitNPROC=67712\nMemoryHigh=50912M\nMemoryMax=63640M\nLimitNOFILE=138496\n"},
		"no console": {"console = \"none\"", true, "== vccs-user.socket\n" + head + "[Socket]\nListenStream=\nListenStream=127.0.0.1:4100\n" +
			"== vccs-admin.socket\n" + head + "[Socket]\nListenStream=\nListenStream=127.0.0.1:4101\n" +
			"== vccs-console.socket\n" + head + "[Unit]\n# It is not wanted: this is never so.\nConditionPathExists=!/\n"},
	} {
		settings, err := config.ParseCentral("vccs.toml", []byte(c.toml))
		if err != nil {
			t.Fatal(name, err)
		}
		if got := joined(Central("/etc/vc/vccs.toml", settings, func(string) bool { return c.there })); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, c.want)
		}
	}
}

func TestReception(t *testing.T) {
	for _, c := range []struct{ toml, want string }{
		{"listen = \"192.0.2.7:4102\"\nstore = \"/tmp/a b\"\nstate = \"/root/x\"",
			"[Unit]\n# Nothing is stored into the empty directory that a missing disk leaves.\nRequiresMountsFor=\"/tmp/a b\"\n" +
				"[Service]\nReadWritePaths=\"-/tmp/a b\"\nBindPaths=\"-/tmp/a b\"\nReadWritePaths=\"-/root/x\"\nBindPaths=\"-/root/x\"\n" +
				"# Homes are empty but for what is bound above.\nProtectHome=tmpfs\n"},
		{"connections = 10", "[Service]\n# What there may be of connections and deliveries has room.\n" +
			"TasksMax=1120\nLimitNPROC=1120\nMemoryHigh=968M\nMemoryMax=1210M\nLimitNOFILE=5312\n"},
		{"", ""},
	} {
		settings, err := config.ParseReception("vcvrs.toml", []byte(c.toml))
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(joined(Reception("/etc/vc/vcvrs.toml", settings, func(string) bool { return false })), "== vcvrs.service\n")
		if _, got, _ = strings.Cut(got, "edit that.\n"); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.toml, got, c.want)
		}
	}
}

// Credentials are read from the file that is named, whatever letters are in its
// path; one that a unit cannot name is left to the daemon.
func TestCredentials(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/vc/my key":            "/etc/vc/my key",
		`/etc/vc/"k" 'l' \n:m`:      `/etc/vc/"k" 'l' \n:m`,
		"/etc/vc/100%":              "/etc/vc/100%%",
		"/etc/vc/ñ":                 "/etc/vc/ñ",
		"/etc/vc/k\nUser=root":      "",
		"/etc/vc/k\x7f":             "",
		"/etc/vc/k ":                "",
		`/etc/vc/k\`:                "",
		"k.pem":                     "",
		"/etc/vc/k\r":               "",
		"/etc/vc/k\u00a0\u2028.pem": "/etc/vc/k\u00a0\u2028.pem",
	} {
		got := credentials(func(string) bool { return true }, [][2]string{{ConsoleKey, path}})
		if want != "" {
			want = "# Read as root: the files are nobody else's.\nLoadCredential=console-key:" + want + "\n"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// No path adds a line to a unit, or means another one there.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/a b":              `"/srv/a b"`,
		"/srv/100%":             `"/srv/100%%"`,
		"/srv/\nUser=root":      `"/srv/\x0aUser=root"`,
		`/srv/"x" \n`:           `"/srv/\"x\" \\n"`,
		"/srv/Ñandú":            `"/srv/Ñandú"`,
		"/srv/\x7f\x01\r\t\x1b": `"/srv/\x7f\x01\x0d\x09\x1b"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
