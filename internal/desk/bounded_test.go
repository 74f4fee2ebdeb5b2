package desk

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// What a reception says of a delivery makes no answer longer than a message may be,
// whatever characters it is of.
func TestDetailsAreBounded(t *testing.T) {
	d := newDesk(t, 1)
	ctx := t.Context()
	s := &session{desk: d, role: User}
	fits := func(what string, c control.Call) {
		t.Helper()
		r := s.answer(ctx, c)
		r.Seq = math.MaxInt64
		text, err := json.Marshal(map[string]any{"kind": "reply", "body": r})
		if err != nil || len(text) > control.MaxMessage || r.Refusal != nil {
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
	fits("a story", showOf(first))

	// With the largest receipt there is room for the latest events.
	largest := []byte(`"` + strings.Repeat("x", receipt.MaxSize-2) + `"`)
	if err := d.Ledger.Deposited(ctx, first, largest, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	fits("a story with a receipt", showOf(first))
	story := s.answer(ctx, showOf(first)).Delivery
	if story == nil || len(story.Receipt) != len(largest) || len(story.Events) < 10 || story.Events[len(story.Events)-1].Kind != string(ledger.EventDeposited) {
		t.Errorf("%.1000v", story)
	}
}
