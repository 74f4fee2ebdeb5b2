package main

import (
	"testing"

	"videoclub/internal/client"
	"videoclub/internal/client/script"
	"videoclub/internal/ledger"
	"videoclub/internal/schedule"
)

// TestLanguagesAgree looks whether everything is said in both languages, with
// the same values in it in the same order.
func TestLanguagesAgree(t *testing.T) {
	script.Languages(t, "words", english(), spanish())
	script.Languages(t, "help", englishHelp(), spanishHelp())
}

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
