package ledger

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// What is counted is counted by indexes alone, however much there is.
func TestCountsUseIndexes(t *testing.T) {
	l := openAt(t, place(t))
	for query, index := range map[string]string{
		"SELECT state, COUNT(*) FROM deliveries WHERE state IN " + active + " GROUP BY state":                                   "deliveries_active",
		"SELECT state, COUNT(*) FROM deliveries WHERE state IN ('failed', 'cancelled') GROUP BY state":                          "deliveries_given_up",
		"SELECT COUNT(*), SUM(finished > deadline), SUM(MAX(finished - deadline, 0)) FROM deliveries WHERE state = 'deposited'": "COVERING INDEX deliveries_punctual",
		"SELECT state, COUNT(*) FROM outbox WHERE state IN ('sent', 'failed') GROUP BY state":                                   "COVERING INDEX outbox_over",
		"SELECT COUNT(*), COALESCE(MIN(created), 0) FROM outbox WHERE state = 'pending'":                                        "outbox_due",
	} {
		var id, parent, unused int
		var plan string
		must(t, l.readers.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+query).Scan(&id, &parent, &unused, &plan))
		if !strings.Contains(plan, index) {
			t.Errorf("%s: %s", query, plan)
		}
	}
}

// Each state is counted, and what was late, by how much.
func TestCounts(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	c, err := l.Counts(ctx)
	must(t, err)
	if len(c.Deliveries) != 6 || len(c.Mails) != 3 || c.Late != 0 || !c.Oldest.IsZero() {
		t.Errorf("of nothing: %+v", c)
	}
	l.SetMailing(allMail)
	promised(t, l, 1)
	must(t, l.Deposited(ctx, bring(t, l, 2, Verifying).ID, []byte("{}"), "aa", moment.Add(time.Hour)))
	must(t, l.Deposited(ctx, bring(t, l, 3, Verifying).ID, []byte("{}"), "bb", moment.Add(time.Hour+time.Minute)))
	must(t, l.Deposited(ctx, bring(t, l, 4, Verifying).ID, []byte("{}"), "cc", moment.Add(time.Hour+2*time.Minute)))
	must(t, l.Cancel(ctx, bring(t, l, 5, Sending).ID, moment))
	must(t, l.OutboxSent(ctx, mailOf(t, l, 2)[0].ID, moment.Add(2*time.Hour)))
	c, err = l.Counts(ctx)
	must(t, err)
	want := map[State]int64{Promised: 1, Sending: 0, Verifying: 0, Deposited: 3, Failed: 0, Cancelled: 1}
	if !maps.Equal(c.Deliveries, want) || c.Late != 2 || c.Lateness != 3*time.Minute {
		t.Errorf("%+v", c)
	}
	if c.Mails[MailSent] != 1 || c.Mails[MailPending] != 2 || !c.Oldest.Equal(moment.Add(time.Hour+time.Minute)) {
		t.Errorf("mails: %+v", c)
	}
}
