package metrics

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// Samples of a name stand together below what they are; labels are escaped, and
// what is no number or not known is refused.
func TestWrite(t *testing.T) {
	var text strings.Builder
	err := Write(&text, []control.Sample{
		{Name: Deliveries, Label: "sending", Value: 3},
		{Name: SentTotal, Value: 12_345_678_901_234},
		{Name: Deliveries, Label: "a\"b\\c\nd", Value: 0.5},
	})
	want := `# HELP videoclub_deliveries Deliveries in each state, those that have ended included.
# TYPE videoclub_deliveries gauge
videoclub_deliveries{state="sending"} 3
videoclub_deliveries{state="a\"b\\c\nd"} 0.5
# HELP videoclub_sent_bytes_total Bytes of titles that were sent, those sent again included.
# TYPE videoclub_sent_bytes_total counter
videoclub_sent_bytes_total 12345678901234
`
	if err != nil || text.String() != want {
		t.Errorf("%v\n%s", err, text.String())
	}
	for _, bad := range []control.Sample{{Name: "other", Value: 1}, {Name: Rate, Value: math.NaN()}, {Name: Deliveries, Value: 1}, {Name: Rate, Label: "x", Value: 1}} {
		if err := Write(&strings.Builder{}, []control.Sample{bad}); err == nil {
			t.Errorf("%+v is written", bad)
		}
	}
}

// What is counted is named as Prometheus wants it.
func TestNames(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z_]*$`)
	for name, f := range families {
		total := strings.HasSuffix(name, "_total")
		if !form.MatchString(name) || f.label != "" && !form.MatchString(f.label) || total != (f.kind == "counter") ||
			!total && f.kind != "gauge" || !strings.HasSuffix(f.help, ".") || strings.ContainsAny(f.help, "\\\n") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// docs/METRICS.md has each, as it is told to Prometheus, and no other.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `videoclub_([a-z_]+)` \\| ([a-z]+) \\| `?([a-z]*)`? \\| [a-z ]+ \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1)
	if len(rows) != len(families) {
		t.Errorf("it has %d, and there are %d", len(rows), len(families))
	}
	for _, row := range rows {
		if got := (family{row[2], row[3], row[4]}); got != families[row[1]] {
			t.Errorf("%s is %+v there, and %+v", row[1], got, families[row[1]])
		}
	}
}

// A long list is asked for in pages; a refusal has its status.
func TestHandler(t *testing.T) {
	pages := map[string]control.Metrics{
		"":  {Samples: []control.Sample{{Name: ReceptionFree, Label: "a", Value: 1}}, After: "a", More: true},
		"a": {Samples: []control.Sample{{Name: ReceptionFree, Label: "b", Value: 2}}, After: "b"},
	}
	var refusal *control.Refusal
	var tokens []string
	health := control.Health{Well: true, Status: "nothing to deliver"}
	handler := Beside(func(_ context.Context, c control.Call) (control.Reply, error) {
		if c.Health != nil {
			return control.Reply{Health: &health}, nil
		}
		tokens = append(tokens, c.Metrics.Token)
		if refusal != nil {
			return control.Reply{Refusal: refusal}, nil
		}
		m := pages[c.Metrics.After]
		return control.Reply{Metrics: &m}, nil
	}, http.NotFoundHandler())
	get := func(path string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer secret")
		handler.ServeHTTP(w, r)
		return w
	}
	w := get("/metrics")
	if text := w.Body.String(); w.Code != 200 || !strings.Contains(text, "\nvideoclub_reception_free_bytes{reception=\"a\"} 1\nvideoclub_reception_free_bytes{reception=\"b\"} 2\n") {
		t.Errorf("%d\n%s", w.Code, text)
	}
	if !slices.Equal(tokens, []string{"secret", "secret"}) || w.Header().Get("Content-Type") != ContentType {
		t.Errorf("asked with %q, answered as %q", tokens, w.Header().Get("Content-Type"))
	}
	for code, want := range map[reason.Code]int{reason.LoginNeeded: 401, reason.LoginInvalid: 401, reason.NotPermitted: 403, reason.LedgerFailed: 503} {
		refusal = &control.Refusal{Code: code, Detail: "why"}
		if w := get("/metrics"); w.Code != want || !strings.Contains(w.Body.String(), "why") {
			t.Errorf("%s: %d %s", code, w.Code, w.Body)
		}
	}
	asked := len(tokens)
	for _, odd := range []string{strings.Repeat("x", 2000), strings.Repeat("\xff", 600)} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Authorization", "Bearer "+odd)
		if handler.ServeHTTP(w, r); w.Code != 401 || len(tokens) != asked {
			t.Errorf("%.5q…: %d %s, and %d times it was asked", odd, w.Code, w.Body, len(tokens)-asked)
		}
	}
	if w := get("/healthz"); w.Code != 200 || w.Body.String() != "ok: nothing to deliver\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	health = control.Health{Status: "the ledger cannot be read"}
	if w := get("/healthz"); w.Code != 503 || w.Body.String() != "not well: the ledger cannot be read\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := get("/other"); w.Code != 404 {
		t.Errorf("another page: %d", w.Code)
	}
}
