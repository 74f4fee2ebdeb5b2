package receive

import (
	"testing"
	"time"

	"videoclub/internal/frame"
)

// Who has sent all bytes is waited for while it looks whether they are of one
// version, but not for ever; who has not is not.
func TestTheFinalFrameMayTakeItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		size int64
		want bool
	}{"all is here": {5, true}, "more is to come": {6, false}, "a live source": {-1, false}} {
		k := newTaking(0, c.size)
		k.arrived(frame.Header{Source: 5})
		k.madeDurable(5)
		if got := k.behind(); got != c.want {
			t.Errorf("%s: it is waited for: %v", name, got)
		}
		k.complete = time.Now().Add(-proving)
		if k.behind() {
			t.Errorf("%s: it is waited for without end", name)
		}
	}
}
