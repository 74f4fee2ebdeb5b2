package crew

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/worker"
)

// nowhere is a connection from which nothing comes.
type nowhere struct{}

func (nowhere) File() (*os.File, error) { return os.Open(os.DevNull) }
func (nowhere) Close() error            { return nil }

// sessions are spare workers that ask a few times, until the end of the test.
func sessions(t *testing.T) *Spares {
	t.Helper()
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	spares := NewSpares(spawner, worker.Session, 1, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { spares.Close(); spawner.Close() })
	return spares
}

// An answer that cannot be given is refused, and the session goes on.
func TestAnswersThatCannotBeGiven(t *testing.T) {
	spares := sessions(t)
	answers := [asked]control.Reply{
		{Chart: &control.Chart{From: time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC)}},
		{Titles: &control.TitlePage{Titles: []control.Title{{Name: strings.Repeat("x", control.MaxMessage)}}}},
		{Receptions: &control.NamePage{}},
		{Receptions: &control.NamePage{}},
	}
	var log bytes.Buffer
	var last control.Failed
	err := spares.Serve(t.Context(), nowhere{}, Session{
		Calls: asked, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Failed: func(f control.Failed) { last = f },
		Answer: func(_ context.Context, c control.Call) (control.Reply, *os.File) {
			if c.Titles.After%2 == 0 {
				return answers[c.Titles.After], nil
			}
			file, err := os.Open(os.DevNull)
			if err != nil {
				t.Error(err)
			}
			return answers[c.Titles.After], file
		},
	})
	if want := "internal, internal, an answer, a file"; err != nil || last.Detail != want {
		t.Errorf("it heard %q and not %q, %v", last.Detail, want, err)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("logged is %s", log.String())
	}
}

// A session ends when it has asked as often as it may, by what is counted.
func TestCallsThatCount(t *testing.T) {
	spares := sessions(t)
	for what, c := range map[string]struct {
		calls int
		free  func(control.Call) bool
		whole bool
	}{
		"as many as it may": {asked, nil, true},
		"one more":          {asked - 1, nil, false},
		"one is free":       {asked - 1, func(c control.Call) bool { return c.Titles.After == 1 }, true},
		"all are free":      {0, func(control.Call) bool { return true }, true},
	} {
		var last control.Failed
		err := spares.Serve(t.Context(), nowhere{}, Session{
			Calls: c.calls, Free: c.free, Log: slog.New(slog.DiscardHandler), Failed: func(f control.Failed) { last = f },
			Answer: func(context.Context, control.Call) (control.Reply, *os.File) {
				return control.Reply{Receptions: &control.NamePage{}}, nil
			},
		})
		if (err == nil) != c.whole || (last.Detail != "") != c.whole {
			t.Errorf("%s: it heard %q, %v", what, last.Detail, err)
		}
	}
}
