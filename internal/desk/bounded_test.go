package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// What a reception says of a delivery makes no answer longer than a message may be,
// whatever characters it is of.
func TestDetailsAreBounded(t *testing.T) {
	d := newDesk(t, 1)
	ctx := t.Context()
	s := &session{desk: d, role: User}
	fits := func(what string, c control.Call) {
		t.Helper()
		text, err := json.Marshal(s.answer(ctx, c))
		if err != nil || len(text) > control.MaxMessage {
			t.Errorf("%s: %d bytes, %v", what, len(text), err)
		}
	}
	last := int64(0)
	for i := range control.PageSize {
		q := ask(fmt.Sprint(i))
		last = s.answer(ctx, control.Call{Request: &q}).Delivery.ID
		if i > 0 {
			if err := d.Ledger.Fail(ctx, last, reason.Protocol, strings.Repeat("<", 4000), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	fits("a list", control.Call{Deliveries: &control.DeliveryQuery{}})
	first := last - control.PageSize + 1
	for range control.MaxEvents {
		if err := d.Ledger.Interrupted(ctx, first, reason.Protocol, strings.Repeat("\x01", 4000), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	fits("a story", control.Call{Show: &control.ShowQuery{ID: first}})
}
