package terminal

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"The Night Train":       "The Night Train",
		"東京物語 · año":            "東京物語 · año",
		"thin\u00a0space":       "thin\u00a0space",
		"👩\u200d🚀":              "👩\u200d🚀",
		"\x1b]0;title\x07\x1bc": `\x1b]0;title\a\x1bc`,
		"a\r\nb\tc":             `a\r\nb\tc`,
		"\u009bJ":               `\u009bJ`,
		"gpj.\u202eexe":         `gpj.\u202eexe`,
		"\u2028line\u2066":      `\u2028line\u2066`,
		"\xffbroken\xc3":        `\xffbroken\xc3`,
		"":                      "",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"hall": "hall", "2026-11-22T18:00:00-03:00": "2026-11-22T18:00:00-03:00", "a+b@c.cl": "a+b@c.cl",
		"": "''", "friday 18:30": "'friday 18:30'", "it's": `'it'\''s'`, "$(reboot)": "'$(reboot)'", "~root": "'~root'", "año": "'año'",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestRunning(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 s", 30: "30 s", 59: "59 s", 60: "1 min", 90: "2 min", 3569: "59 min", 3570: "1:00 h", 6720: "1:52 h", 360_000: "100:00 h",
	} {
		if got := Running(in); got != want {
			t.Errorf("Running(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for in, want := range map[time.Duration]string{
		400 * time.Millisecond:                "0s",
		59*time.Second + 600*time.Millisecond: "1m",
		75*time.Minute + 20*time.Second:       "1h15m",
		49*time.Hour + 29*time.Minute:         "2d1h",
		-90 * time.Second:                     "-1m30s",
	} {
		if got := Span(in); got != want {
			t.Errorf("Span(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestThreeDigits(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1234: "1.23 kB", 1_235_000: "1.24 MB", 1 << 28: "268 MB", 999_600_000: "1 GB", 1<<63 - 1: "9220000 TB",
	} {
		if got := Roughly(in); got != want {
			t.Errorf("Roughly(%d) = %q, want %q", in, got, want)
		}
	}
	if got := Speed(9_876_543); got != "79 Mbit/s" {
		t.Errorf("speed: %q", got)
	}
}

func TestSecondsUp(t *testing.T) {
	whole := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]time.Time{0: whole, 1: whole.Add(time.Second), time.Second - 1: whole.Add(time.Second)} {
		if got := SecondsUp(whole.Add(d)); !got.Equal(want) {
			t.Errorf("%v later: %v, want %v", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	list := &Table{Columns: []Column{{Title: "id", Right: true}, {Title: "title", Least: 6}, {Title: "note", Least: 4}}}
	list.Add("1", "The Night Train", "late")
	list.Add("10", "東京物語", "at risk: the link")
	for width, want := range map[int]string{
		0:  "id  title            note\n 1  The Night Train  late\n10  東京物語         at risk: the link\n",
		38: "id  title            note\n 1  The Night Train  late\n10  東京物語         at risk: the link\n",
		30: "id  title            note\n 1  The Night Train  late\n10  東京物語         at risk:…\n",
		20: "id  title       note\n 1  The Night…  late\n10  東京物語    at …\n",
		16: "id  title   note\n 1  The N…  late\n10  東京…   at …\n",
		15: "  id     1\n  title  The Night Train\n  note   late\n\n  id     10\n  title  東京物語\n  note   at risk: the link\n",
	} {
		var b strings.Builder
		if err := list.Print(&b, width); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%swant\n%s", width, err, b.String(), want)
		}
		for line := range strings.Lines(b.String()) {
			if got := Width(strings.TrimSuffix(line, "\n")); width >= 16 && got > width {
				t.Errorf("width %d: a line of %d columns", width, got)
			}
		}
	}
}

// Values go on below their beginning; what cannot be broken is left to the terminal.
func TestFormFits(t *testing.T) {
	var f Form
	f.Add("title", "El tren nocturno que cruza la cordillera")
	f.Add("sha256", strings.Repeat("0", 40))
	f.Add("nothing", "")
	f.AddWhole("then", "vcuser --server films:4100 watch 7")
	for width, want := range map[int]string{
		0:  "  title   El tren nocturno que cruza la cordillera\n  sha256  " + strings.Repeat("0", 40) + "\n  then    vcuser --server films:4100 watch 7\n",
		30: "  title   El tren nocturno que\n          cruza la cordillera\n  sha256  " + strings.Repeat("0", 40) + "\n  then    vcuser --server films:4100 watch 7\n",
		20: "  title\n    El tren nocturno\n    que cruza la\n    cordillera\n  sha256\n    " + strings.Repeat("0", 40) + "\n  then\n    vcuser --server films:4100 watch 7\n",
	} {
		var b strings.Builder
		if err := f.Print(&b, width); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%swant\n%s", width, err, b.String(), want)
		}
	}
}

// Colours are on terminals that have them, for people who want them, and change no
// width.
func TestColours(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		terminal bool
		env      func(string) string
		want     Palette
	}{
		{true, env("TERM", "xterm"), true}, {false, env("TERM", "xterm"), false}, {true, env("TERM", "xterm", "NO_COLOR", "1"), false},
		{true, env("TERM", "xterm", "NO_COLOR", ""), true}, {true, env("TERM", "dumb"), false}, {true, env(), false},
	} {
		if got := PaletteOf(c.terminal, c.env); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	table := func(p Palette, width int) string {
		list := &Table{Palette: p, Columns: []Column{{Title: "id", Right: true}, {Title: "state", Least: 6, Colour: func(row int) Colour { return []Colour{Good, Bad}[row] }}, {Title: "note"}}}
		list.Add("1", "deposited", "")
		list.Add("10", "failed", "x")
		var b strings.Builder
		if err := list.Print(&b, width); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, width := range []int{0, 16, 5} {
		plain, painted := table(false, width), table(true, width)
		if !strings.Contains(painted, "\x1b[32mdep") || !strings.Contains(painted, "\x1b[31mfailed\x1b[0m") {
			t.Errorf("width %d:\n%q", width, painted)
		}
		if bare := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(painted, ""); bare != plain {
			t.Errorf("width %d: painted\n%q\nplain\n%q", width, bare, plain)
		}
	}
}

// Paragraphs that are too wide are filled anew, and nothing else is touched.
func TestProse(t *testing.T) {
	const text = "a word and another one\nthat goes on\n\n  $ this is to be typed as it is\nshort\n"
	for width, want := range map[int]string{
		0:  text,
		22: "a word and another one\nthat goes on\n\n  $ this is to be typed as it is\nshort\n",
		20: "a word and another\none that goes on\n\n  $ this is to be typed as it is\nshort\n",
		16: "a word and\nanother one that\ngoes on\n\n  $ this is to be typed as it is\nshort\n",
	} {
		if got := Prose(text, width); got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
	for width, want := range map[int]string{0: "  vcx request N --at PLACE", 26: "  vcx request N --at PLACE", 25: "  vcx request N --at\n    PLACE", 20: "  vcx request N\n    --at PLACE"} {
		if got := Hanging("  ", "vcx request N --at PLACE", width); got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
}
