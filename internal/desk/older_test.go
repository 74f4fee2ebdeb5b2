package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"videoclub/internal/catalogue"
	"videoclub/internal/control"
)

// A page of earlier versions fits into a message, however many a reception awaits.
func TestOlderIsBounded(t *testing.T) {
	d := newDesk(t, 1)
	admin := &session{desk: d, role: Administrator}
	lies := func(where string) {
		t.Helper()
		if _, _, err := d.Titles.Replace(7, func(now catalogue.Title) catalogue.Title { now.Location = where; return now }); err != nil {
			t.Fatal(err)
		}
	}
	lies(strings.Repeat("d", 250) + "/piedra.avi")
	for i := range 200 {
		q := ask(fmt.Sprint(i))
		q.By = time.Now().Add(10 * time.Hour)
		if r := admin.answer(t.Context(), control.Call{Request: &q}); r.Delivery == nil {
			t.Fatalf("%+v", r.Refusal)
		}
	}
	lies("other/piedra.avi")
	r := admin.answer(t.Context(), control.Call{Older: &control.OlderQuery{Number: 7}})
	text, err := json.Marshal(r)
	if err != nil || len(text) > control.MaxMessage || r.Older.More || len(r.Older.Deliveries) < control.PageSize {
		t.Errorf("%d bytes, %d deliveries, %v", len(text), len(r.Older.Deliveries), err)
	}
}
