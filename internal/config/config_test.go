package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// reference is the shipped file name.
func reference(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "etc", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commented is a setting or table header that is commented out: prose has a
// space after its #.
var commented = regexp.MustCompile(`(?m)^#(\[|[a-z_]+ = )`)

func uncomment(text string) string { return commented.ReplaceAllString(text, "$1") }

// keysOf is the keys of attrs, but for those in but, sorted.
func keysOf(attrs []slog.Attr, but ...string) []string {
	var keys []string
	for _, a := range attrs {
		if !slices.Contains(but, a.Key) {
			keys = append(keys, a.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// settingsIn is the names that text sets, sorted.
func settingsIn(text string) []string {
	var keys []string
	for _, match := range regexp.MustCompile(`(?m)^([a-z_]+) = `).FindAllStringSubmatch(text, -1) {
		keys = append(keys, match[1])
	}
	slices.Sort(keys)
	return keys
}

func TestReferenceOfCentral(t *testing.T) {
	text := reference(t, "vccs.toml")
	got, err := ParseCentral("vccs.toml", []byte(text))
	if want := DefaultCentral(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("as shipped: %+v, %v, want %+v", got, err, want)
	}

	settings, example, _ := strings.Cut(uncomment(text), "[[reception]]")
	got, err = ParseCentral("vccs.toml", []byte(settings))
	want := DefaultCentral()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with the defaults given: %+v, %v, want %+v", got, err, want)
	}
	settings, mail, _ := strings.Cut(settings, "\n[mail]\n")
	mail, live, _ := strings.Cut(mail, "\n[live]\n")
	if given, all := settingsIn(settings), keysOf(want.Effective(), "reception", "mail", "live"); !slices.Equal(given, all) {
		t.Errorf("it has the settings %v, want %v", given, all)
	}
	if given, all := settingsIn(mail), keysOf(want.Mail.effective().Value.Group()); !slices.Equal(given, all) {
		t.Errorf("its [mail] has the settings %v, want %v", given, all)
	}
	if given, all := settingsIn(live), keysOf(want.Live.effective().Value.Group()); !slices.Equal(given, all) {
		t.Errorf("its [live] has the settings %v, want %v", given, all)
	}

	got, err = ParseCentral("vccs.toml", []byte(uncomment(text)))
	if err != nil || len(got.Receptions) != 1 {
		t.Fatalf("with the example: %+v, %v", got, err)
	}
	r := got.Receptions[0]
	if r.Name != "cinema.example.org" || r.Address != "192.0.2.7:4102" || r.Link != 12_500_000 ||
		len(r.Windows) != 2 || r.Windows[1].String() != "sat,sun 00:00-24:00 America/Santiago" {
		t.Errorf("the example is %+v", r)
	}
	if given := settingsIn(example); !slices.Equal(given, []string{"address", "link", "name", "windows"}) {
		t.Errorf("the example has %v", given)
	}
}

func TestReferenceOfReception(t *testing.T) {
	text := reference(t, "vcvrs.toml")
	want := DefaultReception()
	for _, text := range []string{text, uncomment(text)} {
		got, err := ParseReception("vcvrs.toml", []byte(text))
		if err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if given, all := settingsIn(uncomment(text)), keysOf(want.Effective()); !slices.Equal(given, all) {
		t.Errorf("it has the settings %v, want %v", given, all)
	}
}

func TestParseCentral(t *testing.T) {
	got, err := ParseCentral("c.toml", []byte(`
users = ":04100"
administrators = "[0:0:0:0:0:0:0:1]:0"
reception_port = 65535
videos = "/srv/club//videos.txt"
state = "/var/lib/club/"
roots = ["/srv/films/", "/"]
language = "en"
uplink = "100 Mbit/s"
max_pace = "2.5 MB/s"
deliveries = 256
silence = "10m"
connections = 16
handshake = "5s"
requests_per_connection = 100
promises_per_account = 50
idle = "30s"
header = "8 KiB"
body = "2 KiB"
bytes_per_connection = "1 MiB"
failed_logins = 3
sandbox = "require"
pairing_expires = "1h"
public = "Films.example.org:4100"
admin_socket = "/run//club.sock"
admin_group = "club"
console = ":8443"
console_certificate = "/etc/vc//console.crt"
console_key = "/etc/vc/console.key"
metrics_token = "/etc/vc/metrics.token"
[mail]
server = "Mail.Example.org:587"
from = "club@example.org"
tls = "required"
username = "club"
password_file = "secret/mail"
ca_file = "/etc/vc/ca.pem"
timeout = "30s"
events = ["deposited"]
retry = ["1s", "1d"]
give_up = "12h"
[live]
enabled = false
devices = ["/dev/video0", "/dev/snd"]
spool = "/srv//spool/"
spool_size = "1 MiB"
spool_full = "keep"
quality = 100
encoder = "none"
[[reception]]
name = "Cinema.Example.ORG"
windows = ["lun-vie 22:00-6:00 America/Santiago"]
[[reception]]
link = "8 kbit/s"
address = "[2001:DB8::7]:1"
name = "b"
windows = []
`))
	if err != nil {
		t.Fatal(err)
	}
	window, err := moment.ParseWindow("mon-fri 22:00-06:00 America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	want := Central{
		Users:                 ":4100",
		Administrators:        "[::1]:0",
		ReceptionPort:         65535,
		Videos:                "/srv/club/videos.txt",
		State:                 "/var/lib/club",
		Roots:                 []string{"/srv/films", "/"},
		Language:              "en",
		Uplink:                12_500_000,
		Link:                  12_500_000,
		MaxPace:               2_500_000,
		Deliveries:            256,
		Silence:               10 * time.Minute,
		Connections:           16,
		ConnectionsPerAddress: 16,
		Strangers:             16,
		Handshake:             5 * time.Second,
		RequestsPerConnection: 100,
		PromisesPerAccount:    50, Idle: 30 * time.Second, Header: 8 << 10, Body: 2 << 10, BytesPerConnection: 1 << 20, FailedLogins: 3,
		Sandbox:        "require",
		PairingExpires: time.Hour,
		Public:         "films.example.org:4100",
		AdminSocket:    "/run/club.sock",
		AdminGroup:     "club",
		Console:        Console{Address: ":8443", Certificate: "/etc/vc/console.crt", Key: "/etc/vc/console.key", Metrics: "/etc/vc/metrics.token"},
		Mail: Mail{
			Server: "mail.example.org:587", From: "club@example.org", TLS: "required", Username: "club", PasswordFile: "secret/mail",
			CAFile: "/etc/vc/ca.pem", Timeout: 30 * time.Second, Events: []string{"deposited"},
			Retry: []time.Duration{time.Second, 24 * time.Hour}, GiveUp: 12 * time.Hour,
		},
		Live: Live{Devices: []string{"/dev/video0", "/dev/snd"}, Spool: "/srv/spool", SpoolSize: 1 << 20, SpoolFull: "keep", Quality: 100, Encoder: "none"},
		Receptions: []ReceptionLink{
			{Name: "cinema.example.org", Link: 12_500_000, Windows: []moment.Window{window}},
			{Name: "b", Address: "[2001:db8::7]:1", Link: 1000},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for i, want := range []string{"cinema.example.org:65535", "[2001:db8::7]:1"} {
		if at := got.AddressOf(got.Receptions[i]); at != want {
			t.Errorf("reception %d is reached at %s, want %s", i, at, want)
		}
	}
}

func TestParseReception(t *testing.T) {
	got, err := ParseReception("r.toml", []byte("\xef\xbb\xbf"+`
listen = "192.0.2.7:4102"
store = "club"
state = "../state"
quota = "2 TB"
min_free = "0 B"
expire = "365d"
silence = "1s"
connections = 4096
connections_per_address = 1
strangers = 7
handshake = "1m"
unfinished = 3
sandbox = "off"
language = "en"
console = "none"
`))
	want := Reception{
		Listen:                "192.0.2.7:4102",
		Store:                 "club",
		State:                 "../state",
		Quota:                 2e12,
		Expire:                365 * 24 * time.Hour,
		Silence:               time.Second,
		Connections:           4096,
		ConnectionsPerAddress: 1,
		Strangers:             7,
		Handshake:             time.Minute,
		Unfinished:            3,
		Sandbox:               "off",
		Language:              "en",
	}
	if err != nil || got != want {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestEmptyIsDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing", "reception = []", "roots = []", "\r\n", "[mail]", "mail = {}", "[mail]\nserver = \"none\""} {
		got, err := ParseCentral("c.toml", []byte(text))
		if want := DefaultCentral(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestEffective(t *testing.T) {
	central := DefaultCentral()
	central.Receptions = []ReceptionLink{{Name: "a.example.org", Link: 12_500_000}}
	reception := DefaultReception()
	reception.Quota = 2e12
	for _, c := range []struct {
		attrs []slog.Attr
		want  map[string]string
	}{
		{central.Effective(), map[string]string{"users": "127.0.0.1:4100", "uplink": "1 Gbit/s", "max_pace": "none", "silence": "20s", "reception": "[a.example.org at a.example.org:4102 link 100 Mbit/s]"}},
		{reception.Effective(), map[string]string{"quota": "2 TB", "min_free": "64 MiB", "expire": "7d", "connections": "64"}},
	} {
		for _, a := range c.attrs {
			if want, ok := c.want[a.Key]; ok && a.Value.String() != want {
				t.Errorf("%s is logged as %q, want %q", a.Key, a.Value, want)
			}
		}
	}
}

// Every bad file gives exactly the problems that its head says it has, each
// starting with the file's name and the line.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "bad", "*.toml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(text)) {
			if expected, ok := strings.CutPrefix(line, "# want: "); ok {
				want = append(want, file+strings.TrimSpace(expected))
			}
		}
		if strings.HasPrefix(filepath.Base(file), "vccs-") {
			_, err = ParseCentral(file, text)
		} else {
			_, err = ParseReception(file, text)
		}
		if err == nil || reason.Of(err) != reason.ConfigInvalid {
			t.Errorf("%s: error is %v", file, err)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", file, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

func TestTooLong(t *testing.T) {
	text := []byte("#" + strings.Repeat(" ", maxFile))
	if _, err := ParseReception("film.mkv", text); reason.Of(err) != reason.ConfigInvalid || !strings.Contains(err.Error(), "right file") {
		t.Errorf("error is %v", err)
	}
	if _, err := ParseReception("r.toml", text[:maxFile]); err != nil {
		t.Error(err)
	}
}

// At port 465 mail servers speak TLS from the first byte, whatever is not said.
func TestMailAtSubmissions(t *testing.T) {
	for server, want := range map[string]string{"mail.example.org:465": "implicit", "mail.example.org:587": "optional", "[2001:db8::465]:25": "optional"} {
		c, err := ParseCentral("c.toml", []byte("[mail]\nserver = \""+server+"\""))
		if err != nil || c.Mail.TLS != want {
			t.Errorf("%s: %q, %v; want %q", server, c.Mail.TLS, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("users = \":0\"\n[[reception]]\nname = \"a\"\nwindows = [\"daily 00:00-24:00 UTC\"]")
	f.Add("uplink = \"1 Gbit/s\"\nmax_pace = \"none\"\nroots = [\"/srv\"]\nstate = \"/srv\"")
	f.Add("listen = \":0\"\nquota = \"1 TB\"\nmin_free = \"0\"\nexpire = \"1d\"\nsilence = \"1h\"")
	f.Add("reception = [{name = \"a\"}, {name = \"A\"}, 1]\nx.y.z = 1979-05-27T07:32:00Z")
	f.Add("a = [0b\n")
	f.Add("[mail]\nserver = \"a:25\"\nfrom = \"a@b\"\ntls = \"never\"\nevents = [\"failed\"]\ngive_up = \"1h\"")
	line := regexp.MustCompile(`^f:[1-9][0-9]*: `)
	f.Fuzz(func(t *testing.T, text string) {
		check := func(err error) bool {
			if err == nil {
				return true
			}
			if reason.Of(err) != reason.ConfigInvalid {
				t.Fatalf("%q: reason %s", text, reason.Of(err))
			}
			for problem := range strings.SplitSeq(err.Error(), "\n") {
				if !line.MatchString(problem) {
					t.Fatalf("%q: a problem without its place: %q", text, problem)
				}
			}
			return false
		}
		central, err := ParseCentral("f", []byte(text))
		if check(err) && (central.Uplink <= 0 || central.Link <= 0 || central.Uplink > rate.Max || central.Silence <= 0 ||
			central.Deliveries < 1 || central.Connections < central.ConnectionsPerAddress || central.ConnectionsPerAddress < 1) {
			t.Fatalf("%q: %+v", text, central)
		}
		reception, err := ParseReception("f", []byte(text))
		if check(err) && (reception.Quota < 0 || reception.MinFree < 0 || reception.Expire <= 0 || reception.Silence <= 0 ||
			reception.Store == "" || reception.ConnectionsPerAddress < 1) {
			t.Fatalf("%q: %+v", text, reception)
		}
	})
}
