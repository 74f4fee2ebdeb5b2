package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// Where a title lies is not for users: not when it cannot be read, and not in what
// has become of a delivery.
func TestWhereTitlesLie(t *testing.T) {
	d, now := browsers(t)
	var log bytes.Buffer
	d.Log = slog.New(slog.NewTextHandler(&log, nil))
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link, err := identity.ParseLink(admin.answer(ctx, control.Call{AddAccount: &control.AddAccount{Name: "ana", Mail: "a@x.cl"}}).Account.Link)
	if err != nil {
		t.Fatal(err)
	}
	ana := &session{desk: d, role: User, peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	ana.answer(ctx, control.Call{Login: &control.Login{Token: link.Token.String()}})
	q, gone := ask("k"), ask("gone")
	gone.Number = 8
	made := ana.answer(ctx, control.Call{Request: &q}).Delivery
	if made == nil {
		t.Fatal("nothing is promised")
	}
	l, err := d.Ledger.Get(ctx, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	// As it is said where roots are set, and where not.
	if err := errors.Join(
		d.Ledger.Started(ctx, l.ID, l.Inode, *now),
		d.Ledger.Interrupted(ctx, l.ID, reason.TitleUnreadable, "opening the title: openat films/secret.avi: no such file or directory", *now),
		d.Ledger.Interrupted(ctx, l.ID, reason.Internal, "open /var/lib/vccs/digests/secret.avi: permission denied", *now),
		d.Ledger.Fail(ctx, l.ID, reason.SourceChanged, "another file has taken the place of "+l.Location, *now),
	); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]control.Call{
		"a request":    {Request: &gone},
		"a prospect":   {Where: &control.WhereQuery{Number: 8, By: now.Add(time.Hour)}},
		"a story":      {Show: &control.ShowQuery{ID: l.ID}},
		"a list":       {Deliveries: &control.DeliveryQuery{}},
		"what is news": {News: &control.NewsQuery{IDs: []int64{l.ID}}},
	} {
		for s, sees := range map[*session]bool{ana: false, admin: true} {
			r := s.answer(ctx, c)
			text, err := json.Marshal(r)
			if err != nil || !strings.Contains(string(text), `"reason":"source_changed"`) && (r.Refusal == nil || r.Refusal.Code != reason.TitleUnreadable) {
				t.Errorf("%s, %s: %s, %v", what, s.role, text, err)
			}
			if strings.Contains(string(text), ".avi") != sees || strings.Contains(string(text), "secret") != (sees && what == "a story") {
				t.Errorf("%s, %s: %s", what, s.role, text)
			}
		}
	}
	if !strings.Contains(log.String(), "gone.avi") {
		t.Errorf("the journal has not where the title lies: %s", log.String())
	}
}

// What became of one reception of several is told like a refusal of all, and what
// hinders nobody's title is told to everybody.
func TestToldByCaller(t *testing.T) {
	prospects := []dispatch.Prospect{
		{Reception: "hall", Err: reason.New(reason.LedgerFailed, "ledger /var/lib/vccs: full")},
		{Reception: "mars", Err: reason.New(reason.UnknownReception, "no reception is called mars")},
	}
	for admin, want := range map[bool]string{false: "", true: "ledger /var/lib/vccs: full"} {
		got := caller{admin: admin}.refusal(&dispatch.Refusal{Code: reason.LedgerFailed, Detail: "1 of 2: ledger /var/lib/vccs: full", Report: prospects})
		if got.Code != reason.LedgerFailed || (got.Detail != "") != admin || got.Report[0].Code != reason.LedgerFailed || got.Report[0].Detail != want ||
			got.Report[1].Detail != "no reception is called mars" {
			t.Errorf("an administrator, %t: %+v", admin, got)
		}
	}
}

// What ends because the server stops is told so, and is no fault of the program:
// whoever watches a delivery waits for the server to be back.
func TestAskedWhileStopping(t *testing.T) {
	d := newDesk(t, 1)
	log := &heard{}
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	s := &session{desk: d, role: Administrator}
	q := ask("before")
	if r := s.answer(t.Context(), callOf(&q)); r.Delivery == nil {
		t.Fatal(r.Refusal)
	}
	stopping, stop := context.WithCancel(t.Context())
	stop()
	again := ask("meanwhile")
	for what, c := range map[string]control.Call{
		"show":       showOf(1),
		"wait":       {Show: &control.ShowQuery{ID: 1, Wait: mostWait}},
		"news":       {News: &control.NewsQuery{IDs: []int64{1}, Wait: mostWait}},
		"all news":   {News: &control.NewsQuery{After: 1 << 62, Wait: mostWait}},
		"deliveries": {Deliveries: &control.DeliveryQuery{}},
		"request":    callOf(&again),
		"cancel":     {Cancel: &control.CancelQuery{ID: 1}},
		"accounts":   {Accounts: &control.NamesQuery{}},
		"login":      {Login: &control.Login{Token: identity.NewToken("ana").String()}},
	} {
		t.Run(what, func(t *testing.T) {
			refusedWith(t, what, s.answer(stopping, c), reason.ShuttingDown)
		})
	}
	if log.says("refused") {
		t.Errorf("logged as a fault: %s", &log.text)
	}
	if list, err := d.Ledger.List(t.Context(), ledger.Filter{Limit: 2}); err != nil || len(list) != 1 || list[0].State.Ended() {
		t.Errorf("in the ledger is %+v, %v", list, err)
	}
}
