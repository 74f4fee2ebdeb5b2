package desk

import (
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// Where a request cannot be written to, it is told at once; what was written is
// shown with the delivery.
func TestMail(t *testing.T) {
	d := newDesk(t, 1)
	d.Ledger.SetMailing(ledger.Mailing{Kinds: []ledger.MailKind{ledger.MailFailed, ledger.MailBroken}, Language: "es", Central: "34750f98", Domain: "example.org"})
	s, ctx := &session{desk: d, role: User}, t.Context()
	for name, change := range map[string]func(*control.Request){
		"no address":   func(q *control.Request) { q.Mail = "ana" },
		"two":          func(q *control.Request) { q.Mail = "ana@example.cl,eva@example.cl" },
		"a header":     func(q *control.Request) { q.Mail = "ana@example.cl\r\nBcc: eva@example.cl" },
		"two lines":    func(q *control.Request) { q.Mail = "ana@example.cl\n" },
		"any language": func(q *control.Request) { q.Language = "fr" },
	} {
		q := ask("wrong")
		change(&q)
		if r := s.answer(ctx, control.Call{Request: &q}); r.Refusal == nil || r.Refusal.Code != reason.Usage {
			t.Errorf("%s: %+v", name, r)
		}
	}
	q := ask("good")
	q.Mail, q.Language = "ana@example.cl", "en"
	story := s.answer(ctx, control.Call{Request: &q}).Delivery
	if story == nil || len(story.Mails) != 0 {
		t.Fatalf("%+v", story)
	}
	at := time.Now().Truncate(time.Millisecond).UTC()
	for _, err := range []error{
		d.Ledger.AtRisk(ctx, []ledger.Risk{{ID: story.ID, Expected: at}}, at),
		d.Ledger.OutboxSent(ctx, 1, at.Add(time.Second)),
		d.Ledger.Fail(ctx, story.ID, reason.SourceChanged, "", at),
		d.Ledger.OutboxRetry(ctx, 2, 3, at.Add(time.Minute), reason.Unreachable, "refused"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	story = s.answer(ctx, control.Call{Show: &control.ShowQuery{ID: story.ID}}).Delivery
	want := []control.Mail{
		{Kind: "broken", To: "ana@example.cl", State: "sent", Attempts: 1, At: at.Add(time.Second)},
		{Kind: "failed", To: "ana@example.cl", State: "pending", Attempts: 3, Reason: reason.Unreachable, Detail: "refused", At: at.Add(time.Minute)},
	}
	if len(story.Mails) != len(want) || story.Mails[0] != want[0] || story.Mails[1] != want[1] {
		t.Errorf("%+v, want %+v", story.Mails, want)
	}
	mail, err := d.Ledger.Outbox(ctx, story.ID)
	if err != nil || mail[0].Language != "en" {
		t.Errorf("%+v, %v", mail, err)
	}
}
