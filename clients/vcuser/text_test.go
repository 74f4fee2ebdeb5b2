package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/schedule"
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
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"hall": "hall", "2026-11-22T18:00:00-03:00": "2026-11-22T18:00:00-03:00", "a+b@c.cl": "a+b@c.cl",
		"": "''", "friday 18:30": "'friday 18:30'", "it's": `'it'\''s'`, "$(reboot)": "'$(reboot)'", "~root": "'~root'", "año": "'año'",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestRunning(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 s", 30: "30 s", 59: "59 s", 60: "1 min", 90: "2 min", 3569: "59 min", 3570: "1:00 h", 6720: "1:52 h", 360_000: "100:00 h",
	} {
		if got := running(in); got != want {
			t.Errorf("running(%d) = %q, want %q", in, got, want)
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
		if got := span(in); got != want {
			t.Errorf("span(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestThreeDigits(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1234: "1.23 kB", 1_235_000: "1.24 MB", 1 << 28: "268 MB", 999_600_000: "1 GB", 1<<63 - 1: "9220000 TB",
	} {
		if got := roughly(in); got != want {
			t.Errorf("roughly(%d) = %q, want %q", in, got, want)
		}
	}
	if got := speed(9_876_543); got != "79 Mbit/s" {
		t.Errorf("speed: %q", got)
	}
}

func TestSecondsUp(t *testing.T) {
	whole := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]time.Time{0: whole, 1: whole.Add(time.Second), time.Second - 1: whole.Add(time.Second)} {
		if got := secondsUp(whole.Add(d)); !got.Equal(want) {
			t.Errorf("%v later: %v, want %v", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	list := &table{columns: []column{{title: "id", right: true}, {title: "title", least: 6}, {title: "note", least: 4}}}
	list.add("1", "The Night Train", "late")
	list.add("10", "東京物語", "at risk: the link")
	for width, want := range map[int]string{
		0:  "id  title            note\n 1  The Night Train  late\n10  東京物語         at risk: the link\n",
		38: "id  title            note\n 1  The Night Train  late\n10  東京物語         at risk: the link\n",
		30: "id  title            note\n 1  The Night Train  late\n10  東京物語         at risk:…\n",
		20: "id  title       note\n 1  The Night…  late\n10  東京物語    at …\n",
		5:  "id  title   note\n 1  The N…  late\n10  東京…   at …\n",
	} {
		var b strings.Builder
		if err := list.print(&b, width); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%swant\n%s", width, err, b.String(), want)
		}
		for line := range strings.Lines(b.String()) {
			if got := display().StringWidth(strings.TrimSuffix(line, "\n")); width >= 16 && got > width {
				t.Errorf("width %d: a line of %d columns", width, got)
			}
		}
	}
}

// TestLanguagesAgree looks whether everything is said in both languages, with
// the same values in it in the same order.
func TestLanguagesAgree(t *testing.T) {
	same(t, "words", reflect.ValueOf(english()), reflect.ValueOf(spanish()))
	same(t, "help", reflect.ValueOf(englishHelp()), reflect.ValueOf(spanishHelp()))
}

func same(t *testing.T, path string, en, es reflect.Value) {
	t.Helper()
	switch en.Kind() {
	case reflect.Struct:
		for i := range en.NumField() {
			same(t, path+"."+en.Type().Field(i).Name, en.Field(i), es.Field(i))
		}
	case reflect.Map:
		if en.Len() != es.Len() {
			t.Errorf("%s: %d in English, %d in Spanish", path, en.Len(), es.Len())
		}
		for _, key := range en.MapKeys() {
			if !es.MapIndex(key).IsValid() {
				t.Errorf("%s: %v is not there in Spanish", path, key)
				continue
			}
			same(t, path+"."+key.String(), en.MapIndex(key), es.MapIndex(key))
		}
	case reflect.String:
		// The help of help has a line alone.
		if (en.Len() == 0 || es.Len() == 0) && !strings.HasPrefix(path, "help.commands.help.") {
			t.Errorf("%s: %q and %q", path, en, es)
		}
		if verbs := fmt.Sprint(verbsOf(en.String())); verbs != fmt.Sprint(verbsOf(es.String())) {
			t.Errorf("%s takes %s in English, %s in Spanish", path, verbs, verbsOf(es.String()))
		}
	}
}

func verbsOf(s string) []string { return regexp.MustCompile(`%[.0-9]*[a-z]`).FindAllString(s, -1) }

// TestEverythingHasWords looks whether there is a word for all that the server
// may say.
func TestEverythingHasWords(t *testing.T) {
	w := english()
	for _, s := range []ledger.State{ledger.Promised, ledger.Sending, ledger.Verifying, ledger.Deposited, ledger.Failed, ledger.Cancelled} {
		if w.states[string(s)] == "" {
			t.Errorf("no word for the state %s", s)
		}
		if ended(string(s)) != s.Ended() {
			t.Errorf("ended(%s) = %v", s, ended(string(s)))
		}
	}
	for _, k := range []ledger.Kind{
		ledger.EventPromised, ledger.EventStarted, ledger.EventInterrupted, ledger.EventResumed,
		ledger.EventVerifying, ledger.EventDeposited, ledger.EventFailed, ledger.EventCancelled,
	} {
		if w.kinds[string(k)] == "" {
			t.Errorf("no word for the event %s", k)
		}
	}
	for _, c := range []schedule.Constraint{schedule.LinkBinds, schedule.UplinkBinds, schedule.WindowBinds, schedule.MaxPaceBinds} {
		if w.constraints[string(c)] == "" {
			t.Errorf("no words for the constraint %s", c)
		}
	}
}
