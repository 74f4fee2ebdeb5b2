package main

import (
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"videoclub/internal/client"
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
		for _, key := range en.MapKeys() {
			if !es.MapIndex(key).IsValid() {
				t.Errorf("%s: %v is not there in Spanish", path, key)
				continue
			}
			same(t, path+"."+key.String(), en.MapIndex(key), es.MapIndex(key))
		}
		if en.Len() != es.Len() {
			t.Errorf("%s: %d in English, %d in Spanish", path, en.Len(), es.Len())
		}
	case reflect.String:
		verbs := regexp.MustCompile(`%[.0-9]*[a-z]`)
		if a, b := verbs.FindAllString(en.String(), -1), verbs.FindAllString(es.String(), -1); en.Len() == 0 || es.Len() == 0 || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %q and %q", path, en, es)
		}
	}
}
