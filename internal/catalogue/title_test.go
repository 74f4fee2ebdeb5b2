package catalogue

import (
	"strings"
	"testing"
	"time"
)

func TestParseTitle(t *testing.T) {
	name := strings.Repeat("n", MaxName)
	for _, c := range []struct {
		line string
		want Title
		why  string // part of the error, when there is no title
	}{
		{"1 ^ Alien ^ 117 /srv/alien.mkv", Title{1, "Alien", 117 * time.Minute, "/srv/alien.mkv", ""}, ""},
		{"  7\t^\tLa  Nana ^  0.5   films/la nana.avi  ", Title{7, "La  Nana", 30 * time.Second, "films/la nana.avi", ""}, ""},
		{"2 ^ Ñandú ^ 1.66667 a^b.mkv ^ one ^ two", Title{2, "Ñandú", 100 * time.Second, "a^b.mkv", "one ^ two"}, ""},
		{"5 ^ \U0001F468\u200d\U0001F469 ^ 1 kinder\u00adgarten.mkv ^ kinder\u00adgarten",
			Title{5, "\U0001F468\u200d\U0001F469", time.Minute, "kinder\u00adgarten.mkv", "kinder\u00adgarten"}, ""},
		{"3 ^ A ^ 100000 x ^", Title{3, "A", MaxDuration, "x", ""}, ""},
		{"0004 ^ A ^ 0.00001 x", Title{4, "A", time.Millisecond, "x", ""}, ""},
		{"999999999 ^ " + name + " ^ 1 x", Title{MaxNumber, name, time.Minute, "x", ""}, ""},

		{"1 ^ " + name + "n ^ 1 x", Title{}, "201 bytes"},
		{"1000000000 ^ A ^ 1 x", Title{}, "not between"},
		{"99999999999999999999 ^ A ^ 1 x", Title{}, "not between"},
		{"0 ^ A ^ 1 x", Title{}, "not between"},
		{"-1 ^ A ^ 1 x", Title{}, "does not begin with a number"},
		{"+1 ^ A ^ 1 x", Title{}, "does not begin with a number"},
		{"^ A ^ 1 x", Title{}, "does not begin with a number"},
		{"1", Title{}, "after the number"},
		{"1^A^1 x", Title{}, "does not begin with a number"},
		{"1 ^ A", Title{}, "after the name"},
		{"1 ^ ^ 1 x", Title{}, "name is empty"},
		{"1 ^ A^B ^ 1 x", Title{}, "name has a `^`"},
		{"1 ^ A\x07 ^ 1 x", Title{}, "name has the control character U+0007"},
		{"1 ^ A\u202eB ^ 1 x", Title{}, "name has the control character U+202E"},
		{"1 ^ A\u2028B ^ 1 x", Title{}, "name has the control character U+2028"},
		{"1 ^ Kinder\u00adgarten ^ 1 x", Title{}, "name has the character U+00AD"},
		{"1 ^ A\u200bB ^ 1 x", Title{}, "name has the character U+200B"},
		{"1 ^ A\u2060B ^ 1 x", Title{}, "name has the character U+2060"},
		{"1 ^ A\ufeffB ^ 1 x", Title{}, "name has the character U+FEFF"},
		{"1 ^ \uf8ff TV ^ 1 x", Title{}, "name has the character U+F8FF"},
		{"1 ^ \U0001F3F4\U000E0067\U000E007F ^ 1 x", Title{}, "name has the character U+E0067"},
		{"1 ^ A\xffB ^ 1 x", Title{}, "name is not UTF-8"},
		{"1 ^ A ^ 1 x\xff", Title{}, "location is not UTF-8"},
		{"1 ^ A ^ 1 x\ty", Title{}, "location has the control character U+0009"},
		{"1 ^ A ^ 1 x ^ d\x00", Title{}, "description has the control character U+0000"},
		{"1 ^ A ^ 1", Title{}, "location is empty"},
		{"1 ^ A ^ ", Title{}, "not a number of minutes"},
		{"1 ^ A ^ x.avi", Title{}, "not a number of minutes"},
		{"1 ^ A ^ 0,5 x", Title{}, "not a number of minutes"},
		{"1 ^ A ^ 5. x", Title{}, "not a number of minutes"},
		{"1 ^ A ^ .5 x", Title{}, "not a number of minutes"},
		{"1 ^ A ^ 1e3 x", Title{}, "not a number of minutes"},
		{"1 ^ A ^ inf x", Title{}, "not a number of minutes"},
		{"1 ^ A ^ -1 x", Title{}, "not a number of minutes"},
		{"1 ^ A ^ 0.0000001 x", Title{}, "more than 6 decimals"},
		{"1 ^ A ^ 0.000001 x", Title{}, "duration is zero"},
		{"1 ^ A ^ 0 x", Title{}, "duration is zero"},
		{"1 ^ A ^ 100000.00001 x", Title{}, "more than 100000 minutes"},
		{"1 ^ A ^ " + strings.Repeat("9", 400) + " x", Title{}, "more than 100000 minutes"},
	} {
		got, _, err := parseTitle(c.line)
		switch {
		case c.why == "" && err != nil:
			t.Errorf("%q: %v", c.line, err)
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%q: error %v, want one with %q", c.line, err, c.why)
		case got != c.want:
			t.Errorf("%q gives %+v, want %+v", c.line, got, c.want)
		}
	}
}

func TestPrintMinutes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Millisecond:               "0.00002",
		30 * time.Second:               "0.5",
		90 * time.Minute:               "90",
		100 * time.Second:              "1.66667",
		20 * time.Second:               "0.33333",
		MaxDuration:                    "100000",
		MaxDuration - time.Millisecond: "99999.99998",
	} {
		got := printMinutes(d)
		if got != want {
			t.Errorf("%v prints as %s, want %s", d, got, want)
		}
		if back, err := parseMinutes(got); err != nil || back != d {
			t.Errorf("%s reads as %v (%v), want %v", got, back, err, d)
		}
	}
	for ms := time.Duration(1); ms < 150_000; ms += 7 {
		d := ms * time.Millisecond
		if back, err := parseMinutes(printMinutes(d)); err != nil || back != d {
			t.Fatalf("%v reads back as %v (%v)", d, back, err)
		}
	}
}

func TestCheckRefusesWhatALineCannotSay(t *testing.T) {
	good := Title{1, "A", time.Minute, "x", ""}
	for _, c := range []struct {
		change func(*Title)
		why    string
	}{
		{func(t *Title) {}, ""},
		{func(t *Title) { t.Number = 0 }, "number"},
		{func(t *Title) { t.Duration = 0 }, "duration"},
		{func(t *Title) { t.Duration = MaxDuration + time.Millisecond }, "duration"},
		{func(t *Title) { t.Duration += time.Microsecond }, "whole milliseconds"},
		{func(t *Title) { t.Name = " A" }, "begins or ends with a blank"},
		{func(t *Title) { t.Name = "A\nB" }, "control character"},
		{func(t *Title) { t.Location = "" }, "empty"},
		{func(t *Title) { t.Location = "a\r" }, "blank"},
		{func(t *Title) { t.Location = "a ^ b" }, "description would begin"},
		{func(t *Title) { t.Location = "^" }, "description would begin"},
		{func(t *Title) { t.Description = "a\nb" }, "control character"},
		{func(t *Title) { t.Description = strings.Repeat("d", MaxLine) }, "shorten"},
	} {
		title := good
		c.change(&title)
		err := title.Check()
		if c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%+v: %v, want %q", title, err, c.why)
		}
	}
}

func FuzzTitle(f *testing.F) {
	f.Add("1 ^ Alien ^ 117 /srv/alien.mkv")
	f.Add("7\t^ La Nana ^ 0.5 films/la nana.avi ^ con ^ Catalina")
	f.Add("3 ^ ^A ^ 1 ^x")
	f.Add("1 ^ A ^ 1 x ^")
	f.Fuzz(func(t *testing.T, line string) {
		title, number, err := parseTitle(line)
		if err != nil {
			return
		}
		if number != title.Number {
			t.Fatalf("number %d of %+v", number, title)
		}
		if err := title.Check(); err != nil {
			t.Fatalf("%+v was read and is not valid: %v", title, err)
		}
		back, _, err := parseTitle(title.String())
		if err != nil || back != title {
			t.Fatalf("%+v prints as %q, which reads as %+v (%v)", title, title, back, err)
		}
	})
}

func TestLocation(t *testing.T) {
	for _, c := range []struct {
		location string
		kind     Kind
		resolved string
	}{
		{"a.mkv", KindFile, "/srv/vc/a.mkv"},
		{"films/../a b.mkv", KindFile, "/srv/vc/a b.mkv"},
		{"../other/", KindFile, "/srv/other"},
		{"/srv//x/./y", KindFile, "/srv/x/y"},
		{"./tone:440", KindFile, "/srv/vc/tone:440"},
		{"/device/x", KindFile, "/device/x"},
		{"V4L2:x", KindFile, "/srv/vc/V4L2:x"},
		{"v4l2:/dev/video0", KindLive, "v4l2:/dev/video0"},
		{"alsa:hw:0,0", KindLive, "alsa:hw:0,0"},
		{"pattern:bars", KindLive, "pattern:bars"},
		{"tone:440", KindLive, "tone:440"},
		{"/dev/video0", KindLive, "/dev/video0"},
		{"/dev/shm/x.mp4", KindFile, "/dev/shm/x.mp4"},
		{"//dev/./video0", KindLive, "//dev/./video0"},
		{"/x/../dev", KindLive, "/x/../dev"},
	} {
		title := Title{Location: c.location}
		if got := title.Kind(); got != c.kind {
			t.Errorf("%q is %s, want %s", c.location, got, c.kind)
		}
		if got := title.Resolve("/srv/vc"); got != c.resolved {
			t.Errorf("%q resolves to %q, want %q", c.location, got, c.resolved)
		}
	}
}
