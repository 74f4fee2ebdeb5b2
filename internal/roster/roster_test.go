package roster

import (
	"bytes"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// A code that is over by a clock which is put right later is not forgotten.
func TestClockThatIsAhead(t *testing.T) {
	book, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "ledger", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	made := time.Now()
	code := ledger.Pairing{Name: "sala", Secret: bytes.Repeat([]byte{1}, identity.SecretSize), Made: made, Expires: made.Add(24 * time.Hour)}
	r := New(Config{Ledger: book, Clock: func() time.Time { return made.Add(48 * time.Hour) }}, Settings{})
	var visits sync.WaitGroup
	if wait := r.round(t.Context(), make(map[string]time.Time), &visits); wait < 24*time.Hour {
		t.Errorf("without codes it looks again after %v", wait)
	}
	if err := book.AddPairing(t.Context(), code, &ledger.Place{Name: "sala", Added: made}); err != nil {
		t.Fatal(err)
	}
	if wait := r.round(t.Context(), make(map[string]time.Time), &visits); wait > mostPause {
		t.Errorf("it looks again after %v", wait)
	}
}

// What keeps a pairing from coming about is news once, and so is each host that
// shows a wrong proof.
func TestTrouble(t *testing.T) {
	r := New(Config{}, Settings{})
	wrong := func(who string) error {
		return reason.New(reason.PairingInvalid, "sala:4102, which shows %s, does not prove it", who)
	}
	for i, step := range []struct {
		err  error
		news bool
	}{
		{reason.New(reason.Unreachable, "at 192.0.2.1"), true}, {reason.New(reason.Unreachable, "at 192.0.2.2"), false},
		{wrong("a"), true}, {wrong("a"), false}, {wrong("b"), true}, {wrong("c"), true}, {nil, false}, {wrong("c"), true},
	} {
		if news := r.trouble("sala", step.err); news != step.news {
			t.Errorf("step %d, %v: news %v", i, step.err, news)
		}
	}
}
