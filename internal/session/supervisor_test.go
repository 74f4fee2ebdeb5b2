package session

import (
	"context"
	"errors"
	"strings"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// Answers may overtake each other; each goes to who asked for it.
func TestDeskAnswersOutOfOrder(t *testing.T) {
	supervisor, d := pair(t)
	answers := make(chan control.Reply)
	for id := range int64(2) {
		go func() {
			r, err := d.Call(context.Background(), control.Call{Cancel: &control.CancelQuery{ID: id}})
			if err != nil {
				t.Error(err)
			}
			if r.Delivery == nil || r.Delivery.ID != id {
				t.Errorf("%d has the answer %+v", id, r.Delivery)
			}
			answers <- r
		}()
	}
	var calls []control.Call
	for range 2 {
		m, err := supervisor.Receive()
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, m.(control.Call))
	}
	for _, c := range []control.Call{calls[1], calls[0]} {
		reply := control.Reply{Seq: c.Seq, Delivery: &control.DeliveryStory{Delivery: control.Delivery{ID: c.Cancel.ID}}}
		if err := errors.Join(supervisor.Send(control.Reply{Seq: 99}), supervisor.Send(reply)); err != nil {
			t.Fatal(err)
		}
	}
	<-answers
	<-answers
}

// What the supervisor would end the session for is not asked, and the session goes
// on.
func TestWhatIsNotAsked(t *testing.T) {
	supervisor, d := pair(t)
	go func() {
		defer supervisor.Close()
		for {
			m, err := supervisor.Receive()
			if err != nil || supervisor.Send(control.Reply{Seq: m.(control.Call).Seq}) != nil {
				return
			}
		}
	}()
	for name, c := range map[string]control.Call{
		"a key":    {Store: &control.StoreQuery{Show: &control.ShowKey{Key: strings.Repeat("a", 60)}}},
		"a search": {Store: &control.StoreQuery{Shelf: &control.ShelfQuery{Search: strings.Repeat("a", control.MaxSearch-1) + "\xc3"}}},
		"a secret": {Enter: &control.Enter{Secret: strings.Repeat("a", control.MaxMessage)}},
	} {
		if _, err := d.Call(context.Background(), c); reason.Of(err) != reason.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.Call(context.Background(), control.Call{Leave: &control.Leave{}}); err != nil {
		t.Errorf("what is asked then: %v", err)
	}
}

func TestSupervisorGoes(t *testing.T) {
	supervisor, d := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Call(ctx, control.Call{Titles: &control.TitlesQuery{}}); reason.Of(err) != reason.ConnectionLost {
		t.Errorf("a client that has gone: %v", err)
	}
	ended := make(chan error)
	go func() {
		_, err := d.Call(context.Background(), control.Call{Titles: &control.TitlesQuery{}})
		ended <- err
	}()
	supervisor.Close()
	if err := <-ended; reason.Of(err) != reason.ShuttingDown {
		t.Errorf("a supervisor that goes: %v", err)
	}
	<-d.gone
	if _, err := d.Call(context.Background(), control.Call{Titles: &control.TitlesQuery{}}); reason.Of(err) != reason.ShuttingDown {
		t.Errorf("a supervisor that has gone: %v", err)
	}
}

func pair(t *testing.T) (*control.Conn, *Supervisor) {
	t.Helper()
	supervisor, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := control.New(theirs)
	d := Ask(worker)
	t.Cleanup(func() { supervisor.Close(); <-d.gone; worker.Close() })
	return supervisor, d
}
