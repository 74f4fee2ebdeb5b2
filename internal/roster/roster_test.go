package roster

import (
	"testing"

	"videoclub/internal/reason"
)

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
