package main

import (
	"io"
	"strings"
	"testing"

	"videoclub/internal/client"
	"videoclub/internal/client/script"
	"videoclub/internal/reason"
)

func TestMilliseconds(t *testing.T) {
	p := &program{Program: &client.Program{Err: io.Discard}, words: english()}
	for text, want := range map[string]int64{
		"": 0, "112": 112 * 60_000, "0.5": 30_000, "1h52m": 112 * 60_000, "45s": 45_000, "0.00002": 1,
		"0": -1, "-5": -1, "1e3": -1, "nan": -1, "inf": -1, "0x10": -1, "soon": -1, "1:52": -1, ".": -1, strings.Repeat("9", 30): -1,
	} {
		got, err := p.milliseconds("--duration", text)
		if want < 0 && reason.Of(err) != reason.Usage || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	if got := numbers([]int{3}) + ";" + numbers([]int64{4, 5, 6}); got != "3;4, 5, 6" {
		t.Error(got)
	}
}

// Everything is said in both languages, with the same values in it in the same
// order.
func TestLanguagesAgree(t *testing.T) {
	script.Languages(t, "words", english(), spanish())
	script.Languages(t, "help", englishHelp(), spanishHelp())
}
