package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"
)

type panics struct{ field int }

func (p *panics) String() string {
	if p.field == 1 {
		panic("odd")
	}
	return strconv.Itoa(p.field)
}

type secret struct{}

func (secret) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// logged is the line of one record without its end.
func logged(t *testing.T, level slog.Level, message string, args ...any) string {
	t.Helper()
	var b bytes.Buffer
	slog.New(NewHandler(&b, Options{Level: slog.LevelDebug})).Log(context.Background(), level, message, args...)
	line, found := strings.CutSuffix(b.String(), "\n")
	if !found || strings.Contains(line, "\n") {
		t.Fatalf("not one line: %q", b.String())
	}
	return line
}

func TestLevels(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "debug: x", slog.LevelInfo - 1: "debug: x",
		slog.LevelInfo: "x", slog.LevelWarn - 1: "x",
		slog.LevelWarn: "warning: x", slog.LevelError - 1: "warning: x",
		slog.LevelError: "error: x", slog.LevelError + 4: "error: x",
	} {
		if got := logged(t, level, "x"); got != want {
			t.Errorf("level %d: %q, want %q", level, got, want)
		}
	}
	var b bytes.Buffer
	log := slog.New(NewHandler(&b, Options{}))
	log.Debug("not by default")
	log.Info("by default")
	if b.String() != "by default\n" {
		t.Errorf("by default: %q", b.String())
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	for want, c := range map[string]struct {
		with bool
		at   time.Time
	}{"05:06:07 x\n": {true, at}, "x\n": {false, at}} {
		for _, at := range []time.Time{c.at, {}} {
			var b bytes.Buffer
			r := slog.NewRecord(at, slog.LevelInfo, "x", 0)
			if err := NewHandler(&b, Options{Time: c.with}).Handle(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			if at.IsZero() {
				want = "x\n"
			}
			if b.String() != want {
				t.Errorf("time %v at %v: %q, want %q", c.with, at, b.String(), want)
			}
		}
	}
}

func TestValues(t *testing.T) {
	long := strings.Repeat("y", maxText)
	for _, c := range []struct {
		value any
		want  string
	}{
		{"plain", "plain"},
		{"Ñandú^/a.mkv", "Ñandú^/a.mkv"},
		{`C:\x`, `C:\x`},
		{"", `""`},
		{"two words", `"two words"`},
		{"a=b", `"a=b"`},
		{`say "x"`, `"say \"x\""`},
		{"a\nerror: forged", `"a\nerror: forged"`},
		{"a\x1b[2J\x00\u202e\u2028\xff", `"a\x1b[2J\x00\u202e\u2028\xff"`},
		{long, long},
		{long + "z", `"` + long + `"…(1 bytes more)`},
		{long[1:] + "ñ", `"` + long[1:] + `"…(2 bytes more)`},
		{7, "7"}, {uint64(1 << 63), "9223372036854775808"}, {-0.5, "-0.5"}, {true, "true"},
		{nil, "nil"}, {errors.New("it broke"), `"it broke"`}, {[]byte("b c"), `"b c"`},
		{[]int{1, 2}, `"[1 2]"`},
		{netip.MustParseAddrPort("[::1]:4100"), "[::1]:4100"},
		{&panics{2}, "2"}, {(*panics)(nil), "nil"}, {&panics{1}, `"!(*journal.panics panicked: odd)"`},
		{secret{}, "(hidden)"},
		{time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC), "2026-03-04T05:06:07Z"},
		{time.Duration(0), "0s"},
		{1234 * time.Nanosecond, "1.234µs"},
		{1234567 * time.Nanosecond, "1.23ms"},
		{-1234567890 * time.Nanosecond, "-1.23s"},
		{time.Minute, "1m"}, {10 * time.Minute, "10m"}, {2 * time.Hour, "2h"}, {20*time.Hour + 10*time.Second, "20h0m10s"},
		{time.Hour + 30*time.Minute + 400*time.Millisecond, "1h30m"},
		{time.Duration(-1 << 63), "-2562047h47m16.854775808s"},
	} {
		if got := logged(t, slog.LevelInfo, "x", "k", c.value); got != "x k="+c.want {
			t.Errorf("%v: %q, want %q", c.value, got, c.want)
		}
	}
}

func TestNothingForgesALine(t *testing.T) {
	for _, odd := range []string{"\n", "\r", "\r\n", "\x00", "\x1b[31m", "\u0085", "\u2028", "\u2029", "\u202e", "\xff", "a\xffb", "\v", "\t", "\x7f", "\ufffd\n"} {
		for what, line := range map[string]string{
			"message": logged(t, slog.LevelInfo, "a"+odd+"b"),
			"name":    logged(t, slog.LevelInfo, "x", "a"+odd+"b", 1),
			"group":   logged(t, slog.LevelInfo, "x", slog.Group("a"+odd+"b", "k", 1)),
			"value":   logged(t, slog.LevelInfo, "x", "k", "a"+odd+"b"),
			"error":   logged(t, slog.LevelInfo, "x", "k", errors.New("a"+odd+"b")),
		} {
			for _, r := range strings.ReplaceAll(line, "\ufffd", "?") {
				if !strconv.IsPrint(r) {
					t.Errorf("%s with %q writes %q", what, odd, line)
				}
			}
			if !strings.Contains(line, `\`) {
				t.Errorf("%s with %q is not escaped: %q", what, odd, line)
			}
		}
	}
	if got := logged(t, slog.LevelInfo, "it said \"no\" to C:\\ and \ufffd\n"); got != "it said \"no\" to C:\\ and \ufffd\\n" {
		t.Errorf("the message reads %q", got)
	}
}

func TestGroups(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(NewHandler(&b, Options{}))
	log = log.With("program", "vccs").WithGroup("link").With("name", "a b", slog.Group("none"))
	// Two loggers from one do not share what each adds.
	one, two := log.With("n", 1), log.WithGroup("deep").With("n", 2)
	one.Info("x", slog.Group("", "open", true), "k", 3)
	two.Info("x", slog.Attr{}, "k", 4, slog.Group("g", "k", 5))
	want := "x program=vccs link.name=\"a b\" link.n=1 link.open=true link.k=3\n" +
		"x program=vccs link.name=\"a b\" link.deep.n=2 link.deep.k=4 link.deep.g.k=5\n"
	if b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
}

// The rules of log/slog for handlers, checked by its own suite.
func TestSlogRules(t *testing.T) {
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		return NewHandler(&b, Options{Time: true})
	}, func(t *testing.T) map[string]any { return understand(t, b.String()) })
}

// understand reads a line of values without blanks, whose message is one word.
func understand(t *testing.T, line string) map[string]any {
	t.Helper()
	record := map[string]any{slog.LevelKey: "INFO"}
	words := strings.Fields(line)
	if _, err := time.Parse(time.TimeOnly, words[0]); err == nil {
		record[slog.TimeKey] = words[0]
		words = words[1:]
	}
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found {
			record[slog.MessageKey] = word
			continue
		}
		at := record
		path := strings.Split(name, ".")
		for _, group := range path[:len(path)-1] {
			if at[group] == nil {
				at[group] = map[string]any{}
			}
			at = at[group].(map[string]any)
		}
		at[path[len(path)-1]] = value
	}
	return record
}

// writes keeps each Write apart, and notices two at a time.
type writes struct {
	mu    sync.Mutex
	lines []string
}

func (w *writes) Write(p []byte) (int, error) {
	if !w.mu.TryLock() {
		return 0, errors.New("two writes at a time")
	}
	defer w.mu.Unlock()
	w.lines = append(w.lines, string(p))
	return len(p), nil
}

func TestConcurrentUse(t *testing.T) {
	var w writes
	root := NewHandler(&w, Options{})
	var all sync.WaitGroup
	const each, loggers = 50, 8
	for i := range loggers {
		h := root.WithAttrs([]slog.Attr{slog.Int("from", i)})
		all.Go(func() {
			for n := range each {
				r := slog.NewRecord(time.Time{}, slog.LevelInfo, "x", 0)
				r.AddAttrs(slog.Int("n", n))
				if err := h.Handle(context.Background(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, line := range w.lines {
		seen[line] = true
	}
	for i := range loggers {
		for n := range each {
			if line := fmt.Sprintf("x from=%d n=%d\n", i, n); !seen[line] {
				t.Fatalf("%q was not written in one piece", line)
			}
		}
	}
	if len(w.lines) != each*loggers {
		t.Errorf("%d writes", len(w.lines))
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteError(t *testing.T) {
	err := NewHandler(broken{}, Options{}).Handle(context.Background(), slog.Record{})
	if !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("message", "key", "value")
	f.Add("a\nb", "k =", "\xff\u2028")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, message, key, value string) {
		line := logged(t, slog.LevelInfo, message, slog.String(key, value))
		for i, r := range line {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q at %d of %q", r, i, line)
			}
		}
		// What was quoted or left plain can be read back.
		if s, more := bound(value); more == "" && key != "" {
			if got := string(appendWord(nil, s)); plain(s) && got != s {
				t.Fatalf("%q became %q", s, got)
			} else if back, err := strconv.Unquote(got); !plain(s) && (err != nil || back != s) {
				t.Fatalf("%q reads back as %q (%v)", got, back, err)
			}
		}
	})
}
