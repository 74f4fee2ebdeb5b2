package ledger

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// allMail has mail written of everything.
var allMail = Mailing{
	Kinds: []MailKind{MailDeposited, MailFailed, MailBroken}, Language: "en", Central: "34750f98", Domain: "club.example.org",
}

func mailOf(t testing.TB, l *Ledger, delivery int64) []Mail {
	t.Helper()
	mail, err := l.Outbox(t.Context(), delivery)
	must(t, err)
	return mail
}

// Mail is written with what it tells of, where it is wanted and can be sent.
func TestMailIsWritten(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	end := map[MailKind]func(id int64) error{
		MailDeposited: func(id int64) error { return l.Deposited(ctx, id, []byte("{}"), "aa", moment) },
		MailFailed:    func(id int64) error { return l.Fail(ctx, id, reason.SourceChanged, "longer", moment) },
		MailBroken:    func(id int64) error { return l.AtRisk(ctx, []Risk{{id, moment.Add(time.Hour)}}, moment) },
	}
	n := 0
	for kind, do := range end {
		for name, c := range map[string]struct {
			kinds              []MailKind
			mail, language, in string
		}{
			"wanted":         {[]MailKind{kind}, "ana@example.org", "es", "es"},
			"in no language": {allMail.Kinds, "ana@example.org", "", "en"},
			"not wanted":     {slices.DeleteFunc(slices.Clone(allMail.Kinds), func(k MailKind) bool { return k == kind }), "ana@example.org", "es", ""},
			"no address":     {allMail.Kinds, "", "es", ""},
		} {
			n++
			m := allMail
			m.Kinds = c.kinds
			l.SetMailing(m)
			d := request(n)
			d.Mail, d.Language = c.mail, c.language
			d, _, err := l.Promise(ctx, d)
			must(t, err)
			must(t, do(d.ID))
			mail := mailOf(t, l, d.ID)
			if c.in == "" {
				if len(mail) != 0 {
					t.Errorf("%s, %s: %+v", kind, name, mail)
				}
				continue
			}
			id := fmt.Sprintf("<delivery-%d-%s.34750f98@club.example.org>", d.ID, kind)
			var expected time.Time
			if kind == MailBroken {
				id, expected = strings.Replace(id, "broken", "broken-1", 1), moment.Add(time.Hour)
			}
			want := []Mail{{ID: mail[0].ID, Delivery: d.ID, Kind: kind, To: "ana@example.org", Language: c.in, MessageID: id,
				Expected: expected, State: MailPending, Next: moment, Created: moment}}
			if !reflect.DeepEqual(mail, want) {
				t.Errorf("%s, %s:\n%+v, want\n%+v", kind, name, mail, want)
			}
			select {
			case <-l.Queued():
			default:
				t.Errorf("%s, %s: nobody was told", kind, name)
			}
		}
	}
	// What did not happen is not told of.
	l.SetMailing(allMail)
	ended := bring(t, l, n+1, Cancelled)
	wantReason(t, end[MailDeposited](ended.ID), reason.AlreadyEnded)
	wantReason(t, end[MailFailed](ended.ID), reason.AlreadyEnded)
	must(t, end[MailBroken](ended.ID))
	if mail := mailOf(t, l, ended.ID); len(mail) != 0 || get(t, l, ended.ID).Warnings != 0 {
		t.Errorf("mail of what did not happen: %+v", mail)
	}
}

func TestOutbox(t *testing.T) {
	path := place(t)
	l, ctx := openAt(t, path), t.Context()
	l.SetMailing(allMail)
	for n := range 4 {
		d := promised(t, l, n)
		must(t, l.Deposited(ctx, d.ID, []byte("{}"), "aa", moment.Add(time.Duration(n)*time.Second)))
	}
	due := func(at time.Time, limit int) (ids []int64) {
		t.Helper()
		mail, err := l.OutboxDue(ctx, at, at.Add(4*time.Hour), limit)
		must(t, err)
		for _, m := range mail {
			ids = append(ids, m.ID)
		}
		return ids
	}
	if got := due(moment.Add(2*time.Second), 9); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("due are %v", got)
	}
	later := moment.Add(time.Hour)
	must(t, l.OutboxRetry(ctx, 1, 1, later, reason.Unreachable, "no route"))
	must(t, l.OutboxRetry(ctx, 1, 2, later.Add(time.Hour), reason.PeerSilent, strings.Repeat("x", maxDetail+1)))
	must(t, l.OutboxSent(ctx, 2, later))
	must(t, l.OutboxFailed(ctx, 3, 7, reason.MailRefused, "550", later))
	must(t, l.Close())

	l = openAt(t, path)
	if got := due(later, 9); !slices.Equal(got, []int64{4}) {
		t.Errorf("due are %v", got)
	}
	for id, want := range map[int64]Mail{
		1: {State: MailPending, Attempts: 2, Next: later.Add(time.Hour), Reason: reason.PeerSilent, Detail: strings.Repeat("x", maxDetail)},
		2: {State: MailSent, Attempts: 1, Next: moment.Add(time.Second), Done: later},
		3: {State: MailGivenUp, Attempts: 7, Next: moment.Add(2 * time.Second), Reason: reason.MailRefused, Detail: "550", Done: later},
	} {
		m := mailOf(t, l, id)[0]
		if got := (Mail{State: m.State, Attempts: m.Attempts, Next: m.Next, Reason: m.Reason, Detail: m.Detail, Done: m.Done}); got != want {
			t.Errorf("mail %d is %+v, want %+v", id, got, want)
		}
	}
	for _, ended := range []int64{2, 3, 99} {
		before := mailOf(t, l, ended)
		wantReason(t, l.OutboxSent(ctx, ended, later), reason.AlreadyEnded)
		wantReason(t, l.OutboxRetry(ctx, ended, 1, later, "", ""), reason.AlreadyEnded)
		wantReason(t, l.OutboxFailed(ctx, ended, 1, "", "", later), reason.AlreadyEnded)
		if after := mailOf(t, l, ended); !reflect.DeepEqual(before, after) {
			t.Errorf("mail %d changed: %+v", ended, after)
		}
	}
	must(t, l.OutboxSent(ctx, 4, later))
	if next, err := l.OutboxNext(ctx); err != nil || !next.Equal(later.Add(time.Hour)) {
		t.Errorf("the next is due at %v, %v", next, err)
	}
	if got := due(moment.Add(-2*time.Hour), 9); len(got) > 0 {
		t.Errorf("before their time, due are %v", got)
	}
	if got := due(moment.Add(-3*time.Hour), 9); !slices.Equal(got, []int64{1}) {
		t.Errorf("by a clock that was set back, due are %v", got)
	}
	must(t, l.OutboxHurry(ctx, later))
	if got := due(later, 9); !slices.Equal(got, []int64{1}) {
		t.Errorf("hurried, due are %v", got)
	}
	must(t, l.OutboxSent(ctx, 1, later))
	if next, err := l.OutboxNext(ctx); err != nil || !next.IsZero() {
		t.Errorf("with nothing pending the next is due at %v, %v", next, err)
	}
}

// A person is warned once, and again when the time has moved far enough, each
// time farther.
func TestAtRisk(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	l.SetMailing(allMail)
	d := promised(t, l, 1)
	hour := moment.Add(time.Hour)
	for i, step := range []struct {
		expected time.Time
		told     int
	}{
		{hour, 1},
		{hour, 1},
		{hour.Add(firstMove), 1},
		{hour.Add(-firstMove), 1},
		{hour.Add(firstMove + time.Second), 2},
		{hour.Add(3*firstMove + time.Second), 2},
		{hour.Add(-firstMove), 3},
		{time.Time{}, 4},
		{time.Time{}, 4},
		{hour, 5},
		{hour.Add(16 * firstMove), 5},
		{hour.Add(17 * firstMove), 6},
	} {
		must(t, l.AtRisk(ctx, []Risk{{d.ID, step.expected}}, moment))
		got := get(t, l, d.ID)
		mail := mailOf(t, l, d.ID)
		if got.Warnings != step.told || len(mail) != step.told || got.State != Promised {
			t.Fatalf("step %d: warned %d times with %d mails, want %d", i, got.Warnings, len(mail), step.told)
		}
		if last := mail[step.told-1]; !last.Expected.Equal(got.Expected) || !strings.Contains(last.MessageID, fmt.Sprintf("-broken-%d.", step.told)) {
			t.Errorf("step %d: %+v", i, last)
		}
	}
	for n := range 3 * maxWarnings {
		must(t, l.AtRisk(ctx, []Risk{{d.ID, hour.Add(time.Duration(n) * 48 * time.Hour)}}, moment))
	}
	if n := len(mailOf(t, l, d.ID)); n != maxWarnings {
		t.Errorf("a link that goes up and down made %d mails", n)
	}
	events, err := l.Events(ctx, d.ID)
	must(t, err)
	if len(events) != 1+maxWarnings || events[1].Kind != EventAtRisk || events[1].Detail != "expected 2026-03-01T19:00:00Z" || events[4].Detail != "" {
		t.Errorf("events %+v", events)
	}
	wantReason(t, l.AtRisk(ctx, []Risk{{1 << 40, hour}}, moment), reason.UnknownDelivery)
}

func TestOutboxUsesItsIndexes(t *testing.T) {
	l := openAt(t, place(t))
	for query, index := range map[string]string{
		"SELECT id FROM outbox WHERE state = 'pending' AND next <= 5 ORDER BY next, id LIMIT 4": "outbox_due",
		"SELECT id FROM outbox WHERE delivery = 1 ORDER BY id":                                  "outbox_delivery",
	} {
		var id, parent, unused int
		var plan string
		must(t, l.readers.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+query).Scan(&id, &parent, &unused, &plan))
		if !strings.Contains(plan, index) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s", query, plan)
		}
	}
}
