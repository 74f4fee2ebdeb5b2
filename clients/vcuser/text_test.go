package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"videoclub/internal/client"
	"videoclub/internal/ledger"
	"videoclub/internal/schedule"
)

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
		if client.WordsIn("en").States[string(s)] == "" {
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
	for _, c := range []schedule.Constraint{schedule.LinkBinds, schedule.UplinkBinds, schedule.WindowBinds, schedule.MaxPaceBinds, "pace", "disk", "live"} {
		if w.constraints[string(c)] == "" {
			t.Errorf("no words for the constraint %s", c)
		}
	}
}
