package journal

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestBounded(t *testing.T) {
	var b bytes.Buffer
	h := NewBounded(NewHandler(&b, Options{}))
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	count := func(after time.Duration, n int, message string, attrs ...slog.Attr) int {
		b.Reset()
		for range n {
			r := slog.NewRecord(start.Add(after), slog.LevelInfo, message, 0)
			r.AddAttrs(attrs...)
			if err := h.WithAttrs([]slog.Attr{slog.Int("a", 1)}).Handle(context.Background(), r); err != nil {
				t.Fatal(err)
			}
		}
		return strings.Count(b.String(), "\n")
	}
	if got := count(0, 1000, "refused"); got != burst {
		t.Errorf("%d lines at once", got)
	}
	if got := count(0, 3, "another"); got != 3 {
		t.Errorf("%d lines of another message", got)
	}
	if got := count(0, 1000, "progress", Advanced.Mark()); got != 1000 {
		t.Errorf("%d events of 1000", got)
	}
	if got := count(2*time.Second, 10, "refused"); got != 2 || !strings.HasPrefix(b.String(), "refused a=1 left_out=980\nrefused a=1\n") {
		t.Errorf("%d lines 2 s later: %s", got, b.String())
	}
	if got := count(time.Hour, 1000, "refused"); got != burst {
		t.Errorf("%d lines after an hour", got)
	}
	// The clock is set back a day.
	if got := count(-24*time.Hour, 1000, "refused"); got != 0 {
		t.Errorf("%d lines by a clock that was set back", got)
	}
	if got := count(-24*time.Hour+5*time.Second, 1000, "refused"); got != 5 {
		t.Errorf("%d lines 5 s after that", got)
	}
}
