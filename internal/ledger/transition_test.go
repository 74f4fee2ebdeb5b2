package ledger

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// bring promises a delivery and moves it to state by the shortest way.
func bring(t testing.TB, l *Ledger, n int, state State) Delivery {
	t.Helper()
	ctx, id := t.Context(), promised(t, l, n).ID
	switch state {
	case Sending, Verifying:
		must(t, l.Started(ctx, id, 7, moment))
		if state == Verifying {
			must(t, l.Verifying(ctx, id, moment))
		}
	case Deposited:
		must(t, l.Deposited(ctx, id, []byte("{}"), "aa", moment))
	case Failed:
		must(t, l.Fail(ctx, id, reason.SourceChanged, "longer", moment))
	case Cancelled:
		must(t, l.Cancel(ctx, id, moment))
	}
	return get(t, l, id)
}

func get(t testing.TB, l *Ledger, id int64) Delivery {
	t.Helper()
	d, err := l.Get(t.Context(), id)
	must(t, err)
	return d
}

// Every note in every state: where it leads, or why it does not.
func TestStateMachine(t *testing.T) {
	l := openAt(t, place(t))
	at := moment.Add(time.Hour)
	states := []State{Promised, Sending, Verifying, Deposited, Failed, Cancelled}
	ended := reason.AlreadyEnded
	const no = State("not allowed")
	notes := []struct {
		name string
		do   func(ctx context.Context, id int64) error
		to   [3]State // from promised, sending, verifying
	}{
		{"started", func(ctx context.Context, id int64) error { return l.Started(ctx, id, 7, at) }, [3]State{Sending, no, no}},
		{"progress", func(ctx context.Context, id int64) error { return l.Progress(ctx, id, 10, nil, 10) }, [3]State{no, Sending, Verifying}},
		{"interrupted", func(ctx context.Context, id int64) error {
			return l.Interrupted(ctx, id, reason.Unreachable, "no route", at)
		}, [3]State{Promised, Sending, Verifying}},
		{"resumed", func(ctx context.Context, id int64) error { return l.Resumed(ctx, id, 0, reason.PeerSilent, "", at) }, [3]State{no, Sending, Sending}},
		{"verifying", func(ctx context.Context, id int64) error { return l.Verifying(ctx, id, at) }, [3]State{no, Verifying, no}},
		{"deposited", func(ctx context.Context, id int64) error { return l.Deposited(ctx, id, []byte("{}"), "bb", at) }, [3]State{Deposited, Deposited, Deposited}},
		{"failed", func(ctx context.Context, id int64) error { return l.Fail(ctx, id, reason.DigestMismatch, "", at) }, [3]State{Failed, Failed, Failed}},
		{"cancelled", func(ctx context.Context, id int64) error { return l.Cancel(ctx, id, at) }, [3]State{Cancelled, Cancelled, Cancelled}},
	}
	n := 0
	for _, note := range notes {
		for i, from := range states {
			n++
			before := bring(t, l, n, from)
			eventsBefore, err := l.Events(t.Context(), before.ID)
			must(t, err)
			err = note.do(t.Context(), before.ID)
			after := get(t, l, before.ID)
			events, readErr := l.Events(t.Context(), before.ID)
			must(t, readErr)
			switch {
			case i > 2 || note.to[i] == no:
				want := reason.Internal
				if i > 2 {
					want = ended
				}
				if reason.Of(err) != want || !reflect.DeepEqual(before, after) || len(events) != len(eventsBefore) {
					t.Errorf("%s when %s: %v, and it went from\n%+v to\n%+v", note.name, from, err, before, after)
				}
			case err != nil || after.State != note.to[i]:
				t.Errorf("%s when %s: %v, it is %s, want %s", note.name, from, err, after.State, note.to[i])
			case note.name != "progress" && (len(events) != len(eventsBefore)+1 || events[len(events)-1].Kind != Kind(note.name)):
				t.Errorf("%s when %s: events %+v", note.name, from, events)
			case after.State.Ended() == after.Finished.IsZero():
				t.Errorf("%s when %s: finished at %s", note.name, from, after.Finished)
			}
		}
		wantReason(t, note.do(t.Context(), 1<<40), reason.UnknownDelivery)
	}
	if !strings.Contains(l.Cancel(t.Context(), bring(t, l, n+1, Cancelled).ID, at).Error(), "cancelled since 2026-03-01T18:00:00Z") {
		t.Error("the refusal does not say since when")
	}
}

func TestProgress(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	id := bring(t, l, 1, Sending).ID
	size := request(1).Size
	state := []byte("state")
	for _, c := range []struct {
		name            string
		offset, sent    int64
		want            reason.Code
		stored, allSent int64
	}{
		{"nothing yet", 0, 0, "", 0, 0},
		{"forward", 400, 500, "", 400, 500},
		{"again", 400, 500, "", 400, 500},
		{"late", 300, 450, "", 400, 500},
		{"more sent than before, nothing durable", 400, 600, "", 400, 600},
		{"less sent", 401, 10, "", 401, 600},
		{"negative", -1, 0, reason.OffsetMismatch, 401, 600},
		{"beyond the end", size + 1, 0, reason.OffsetMismatch, 401, 600},
		{"the end", size, 1001, "", size, 1001},
	} {
		err := l.Progress(ctx, id, c.offset, state, c.sent)
		d := get(t, l, id)
		if reason.Of(err) != c.want || d.Offset != c.stored || d.Sent != c.allSent || string(d.DigestState) != "state" {
			t.Errorf("%s: %v, offset %d, sent %d, state %q", c.name, err, d.Offset, d.Sent, d.DigestState)
		}
	}
	wantReason(t, l.Progress(ctx, id, size, make([]byte, maxDigestState+1), 0), reason.Internal)

	live := request(2)
	live.Size = -1
	d, _, err := l.Promise(ctx, live)
	must(t, err)
	must(t, l.Started(ctx, d.ID, 7, moment))
	must(t, l.Progress(ctx, d.ID, 1<<50, nil, 1<<50))
	must(t, l.Deposited(ctx, d.ID, nil, "", moment))
	if got := get(t, l, d.ID); got.Offset != 1<<50 || got.DigestState != nil || got.Receipt != nil {
		t.Errorf("the live delivery ends as %+v", got)
	}
}

func TestResumed(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	id := bring(t, l, 1, Sending).ID
	must(t, l.Progress(ctx, id, 400, []byte("state"), 500))
	must(t, l.Interrupted(ctx, id, reason.ConnectionLost, "reset", moment))
	if d := get(t, l, id); d.Reason != reason.ConnectionLost || d.Detail != "reset" || d.Resumes != 0 {
		t.Errorf("interrupted: %+v", d)
	}
	must(t, l.Resumed(ctx, id, 400, reason.ConnectionLost, "reset", moment))
	if d := get(t, l, id); d.Reason != "" || d.Detail != "" || d.Resumes != 1 || string(d.DigestState) != "state" {
		t.Errorf("resumed where it was: %+v", d)
	}
	must(t, l.Resumed(ctx, id, 300, "", "", moment))
	if d := get(t, l, id); d.Offset != 300 || d.Resumes != 2 || d.DigestState != nil || d.Sent != 500 {
		t.Errorf("resumed behind: %+v", d)
	}
	before := get(t, l, id)
	wantReason(t, l.Resumed(ctx, id, -1, "", "", moment), reason.OffsetMismatch)
	wantReason(t, l.Resumed(ctx, id, request(1).Size+1, "", "", moment), reason.OffsetMismatch)
	if d := get(t, l, id); !reflect.DeepEqual(d, before) {
		t.Errorf("a refused offset was kept: %+v", d)
	}
}

func TestDeposited(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	id := bring(t, l, 1, Verifying).ID
	must(t, l.Interrupted(ctx, id, reason.PeerSilent, "x", moment))
	wantReason(t, l.Deposited(ctx, id, make([]byte, maxReceipt+1), "aa", moment), reason.ReceiptInvalid)
	must(t, l.Deposited(ctx, id, []byte(`{"a":1}`), "aa", moment.Add(time.Minute)))
	d := get(t, l, id)
	if d.SHA256 != "aa" || string(d.Receipt) != `{"a":1}` || d.Offset != d.Size || d.Reason != "" || !d.Finished.Equal(moment.Add(time.Minute)) {
		t.Errorf("deposited as %+v", d)
	}
}

// Of all that would end a delivery at once, one does.
func TestEndsOnce(t *testing.T) {
	t.Parallel()
	l := openAt(t, place(t))
	id := bring(t, l, 1, Sending).ID
	errs := make([]error, 30)
	var wait sync.WaitGroup
	for n := range errs {
		wait.Go(func() {
			switch n % 3 {
			case 0:
				errs[n] = l.Cancel(t.Context(), id, moment)
			case 1:
				errs[n] = l.Deposited(t.Context(), id, nil, "aa", moment)
			case 2:
				errs[n] = l.Fail(t.Context(), id, reason.Internal, "", moment)
			}
		})
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantReason(t, err, reason.AlreadyEnded)
		}
	}
	events, err := l.Events(t.Context(), id)
	must(t, err)
	if won != 1 || len(events) != 3 {
		t.Errorf("it ended %d times, with %d events", won, len(events))
	}
}

func TestPlan(t *testing.T) {
	l, ctx := openAt(t, place(t)), t.Context()
	must(t, l.Plan(ctx, nil))
	going, ended := bring(t, l, 1, Sending), bring(t, l, 2, Cancelled)
	start, end := moment.Add(time.Hour), moment.Add(2*time.Hour)
	must(t, l.Plan(ctx, []Slot{{going.ID, start, end}, {ended.ID, start, end}, {1 << 40, start, end}}))
	if d := get(t, l, going.ID); !d.Start.Equal(start) || !d.End.Equal(end) {
		t.Errorf("planned from %s to %s", d.Start, d.End)
	}
	if d := get(t, l, ended.ID); !reflect.DeepEqual(d, ended) {
		t.Errorf("the plan of one that has ended changed: %+v", d)
	}
}

// A delivery that is tried for weeks keeps how it began and what came last.
func TestEventsAreBounded(t *testing.T) {
	l := openAt(t, place(t))
	id, other := bring(t, l, 1, Sending).ID, bring(t, l, 2, Sending).ID
	const more = 40
	long := strings.Repeat("ñ", maxDetail)
	for range firstEvents + lastEvents + more - 2 {
		must(t, l.Interrupted(t.Context(), id, reason.Unreachable, long, moment))
	}
	events, err := l.Events(t.Context(), id)
	must(t, err)
	if len(events) != firstEvents+lastEvents {
		t.Fatalf("%d events are kept", len(events))
	}
	for i, e := range events {
		want := i + 1
		if i >= firstEvents {
			want += more
		}
		if e.Number != want || e.Delivery != id || len(e.Detail) > maxDetail {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
	if events[firstEvents-1].Detail != long[:maxDetail] || events[0].Kind != EventPromised {
		t.Errorf("the first are %+v", events[:2])
	}
	if events, err := l.Events(t.Context(), other); err != nil || len(events) != 2 {
		t.Errorf("another delivery has %d events, %v", len(events), err)
	}
}
